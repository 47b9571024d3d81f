/** A vCPU as data: what its guest, and user space by KVM's interface, can ever see of it. It is not loaded: its registers are in memory. */
import { type Saved, shape } from "@eltwo/cpu"
import { CONTEXT, SLOT } from "../guest-context.ts"
import { HCR } from "../hyp/controls.ts"
import { NO_IPA } from "../hyp/guest.ts"
import type { PendingChange } from "../inject.ts"
import type { MmioAccess } from "../mmio.ts"
import type { MpState, Vcpu } from "../vcpu.ts"
import { FP_STATE, fpProblem, fpState, restoreFp } from "./fp-state.ts"

const GENERAL_BYTES = 31 * 8
const MOST_REGISTERS = 4096
const NUMBERED = { list: { fields: { number: "u32", value: "u64" } }, most: MOST_REGISTERS } as const

/** A vCPU as a snapshot has it. */
export const VCPU_STATE = shape({
  fields: {
    id: "u32",
    fp: FP_STATE,
    general: { bytes: GENERAL_BYTES },
    sp: "u64",
    pc: "u64",
    pstate: "u64",
    /** Switched registers by name. */
    system: { list: { fields: { name: "text", value: "u64" } }, most: MOST_REGISTERS },
    /** Without E2H, which is the mode's. */
    hcr: "u64",
    mdcr: "u64",
    vsesr: "u64",
    /** `hpfar` is null when the fault had no intermediate physical address. */
    fault: { fields: { esr: "u32", far: "u64", hpfar: { maybe: "u64" }, disr: "u32" } },
    /** Word of VCPU_INIT; null: not initialised. */
    features: { maybe: "u32" },
    mpState: { oneOf: ["runnable", "stopped", "suspended"] },
    hasRun: "flag",
    pendingReset: { maybe: { fields: { pc: "u64", context: "u64" } } },
    pending: { maybe: { kinds: { exception: { offset: "u32" }, skip: {}, undefined: {} } } },
    mmio: {
      maybe: {
        fields: { bytes: "u32", isWrite: "flag", signExtend: "flag", wide: "flag", register: "u32", data: "u64" }
      }
    },
    halt: { maybe: "u32" },
    debugPoints: NUMBERED,
    caches: NUMBERED,
    bankedSpsr: { bytes: 40 },
    deviceIrqLevel: "u32"
  }
})
/** A value of VCPU_STATE. */
export type VcpuState = Saved<typeof VCPU_STATE>

const numbered = (map: ReadonlyMap<number, bigint>) => [...map].map(([number, value]) => ({ number, value })).sort((a, b) => a.number - b.number)
const bytesOf = (words: BigUint64Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice()

export const vcpuState = (vcpu: Vcpu): VcpuState => {
  const { registers, system, fp, fault, mmio, pending } = vcpu
  return {
    id: vcpu.id,
    fp: fpState(fp),
    general: registers.general.slice(),
    sp: registers.sp,
    pc: registers.pc,
    pstate: registers.pstate,
    system: CONTEXT.map((name) => ({ name, value: system[SLOT[name]]! })),
    hcr: vcpu.hcr & ~HCR.E2H,
    mdcr: vcpu.mdcr,
    vsesr: vcpu.vsesr,
    fault: { ...fault, hpfar: fault.hpfar === NO_IPA ? null : fault.hpfar },
    features: vcpu.features ?? null,
    mpState: vcpu.mpState,
    hasRun: vcpu.hasRun,
    pendingReset: vcpu.pendingReset === undefined ? null : { ...vcpu.pendingReset },
    pending: pending === undefined ? null : { ...pending },
    mmio: mmio === undefined ? null : { ...mmio },
    halt: vcpu.halt ?? null,
    debugPoints: numbered(vcpu.debugPoints),
    caches: numbered(vcpu.caches),
    bankedSpsr: bytesOf(vcpu.bankedSpsr),
    deviceIrqLevel: vcpu.deviceIrqLevel
  }
}

/** Why a state cannot be that of a vCPU that was created for it, initialised and finalised alike; undefined when it can. */
export const vcpuProblem = (vcpu: Vcpu, state: VcpuState): string | undefined => {
  const { fp } = vcpu
  const same = (name: string, saved: Uint8Array | null, here: Uint8Array | null) =>
    (saved?.length ?? 0) === (here?.length ?? 0) ? undefined : `${saved?.length ?? 0} bytes of ${name} instead of ${here?.length ?? 0}`
  const unknown = state.system.find(({ name }) => !Object.hasOwn(SLOT, name))
  if (unknown !== undefined) return `register ${unknown.name}, which no vCPU has`
  if (new Set(state.system.map(({ name }) => name)).size !== state.system.length) return "a register twice"
  if (state.fp.sveBytes !== fp.vl.sve || state.fp.smeBytes !== fp.vl.sme)
    return `vectors of ${state.fp.sveBytes} and ${state.fp.smeBytes} bytes instead of ${fp.vl.sve} and ${fp.vl.sme}`
  const image = same("vectors", state.fp.sve, fp.sve) ?? same("ZA", state.fp.sme, fp.sme)
  if (image !== undefined) return image
  const contradiction = fpProblem(state.fp)
  if (contradiction !== undefined) return contradiction
  if (state.pstate >> 32n) return `PSTATE 0x${state.pstate.toString(16)}`
  if (state.mmio !== null && (![1, 2, 4, 8].includes(state.mmio.bytes) || state.mmio.register > 31)) return "an access to a device of no size"
  if (state.pending?.kind === "exception" && state.pending.offset > 0x7ff) return `a vector offset 0x${state.pending.offset.toString(16)}`
  if (state.deviceIrqLevel > 3) return `device interrupts ${state.deviceIrqLevel}`
  return undefined
}
/** Puts a state that fits into a vCPU that was initialised for it; registers the writer did not know have their reset values. */
export const restoreVcpu = (vcpu: Vcpu, state: VcpuState): void => {
  const { registers, system, fp } = vcpu
  const { e2h } = vcpu.vm.host.mode
  restoreFp(fp, state.fp)
  registers.general.set(state.general)
  registers.sp = state.sp
  registers.pc = state.pc
  registers.pstate = state.pstate
  for (const { name, value } of state.system) system[SLOT[name as keyof typeof SLOT]] = value
  vcpu.hcr = state.hasRun && e2h ? state.hcr | HCR.E2H : state.hcr
  vcpu.mdcr = state.mdcr
  vcpu.vsesr = state.vsesr
  Object.assign(vcpu.fault, state.fault, { hpfar: state.fault.hpfar ?? NO_IPA })
  vcpu.features = state.features ?? undefined
  vcpu.mpState = state.mpState as MpState
  vcpu.hasRun = state.hasRun
  vcpu.pendingReset = state.pendingReset ?? undefined
  vcpu.pending = (state.pending ?? undefined) as PendingChange | undefined
  vcpu.mmio = state.mmio === null ? undefined : { ...(state.mmio as MmioAccess) }
  vcpu.halt = state.halt ?? undefined
  for (const [map, entries] of [
    [vcpu.debugPoints, state.debugPoints],
    [vcpu.caches, state.caches]
  ] as const) {
    map.clear()
    for (const { number, value } of entries) map.set(number, value)
  }
  new Uint8Array(vcpu.bankedSpsr.buffer).set(state.bankedSpsr)
  vcpu.deviceIrqLevel = state.deviceIrqLevel
}
