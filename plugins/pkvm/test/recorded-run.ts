/** Recorded guests under a protected host whose processor is the recorded one, as far as hyp code can tell: SVE of 16 to 256 bytes, SME, FPMR. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine } from "@eltwo/isa"
import { createHost, type Host, type KvmEvent, type Mode, VcpuFeature, type Vm } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { expect } from "vitest"
import { type Seen, startDriver } from "../../vhe/test/driver.ts"
import { GUEST_RAM, ok, PSCI_0_2 } from "../../vhe/test/machine.ts"
import { type RecordedEvent as AnyRecorded, recordedGuest } from "../../vhe/test/recorded.ts"

/** `z`: vectors moved. */
export type RecordedEvent = AnyRecorded & { readonly z?: number }

export const machine: Machine = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const RAM = 0x80000000
const RAM_BYTES = 64 << 20
const GUEST_BYTES = 0x10000
/** Vector lengths in bits: every multiple of 128; streaming ones: every power of two. */
const LENGTHS = { vectorLengths: Array.from({ length: 16 }, (_, i) => 128 * (i + 1)), streamingVectorLengths: [128, 256, 512, 1024, 2048] }
export const bootProtected = (mode: Mode, pes = 1): Host =>
  createHost({ board: createBoard({ isa: machine, ramBase: RAM, ramBytes: RAM_BYTES, pes, ...LENGTHS }), mode })

export interface ProtectedRun {
  readonly host: Host
  readonly vm: Vm
  readonly seen: readonly Seen[]
  readonly events: readonly KvmEvent[]
}
export interface RunOptions {
  readonly mode: Mode
  readonly isProtected: boolean
  /** The vCPU's largest vector length in bytes; 0: no SVE. */
  readonly maxVl: number
  /** The host thread uses SVE around each run. */
  readonly hostSve: boolean
}
const PROTECTED = 1n << 31n
/** KVM_REG_ARM64_SVE_VLS. */
const SVE_VLS = 0x6060_0000_0015_ffffn
const lengthsUpTo = (bytes: number): bigint => (1n << BigInt(bytes / 16)) - 1n

export const runRecorded = (name: string, { mode, isProtected, maxVl, hostSve }: RunOptions): ProtectedRun => {
  const host = bootProtected(mode)
  const vm = ok(host.createVm({ type: isProtected ? PROTECTED : 0n }))
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: GUEST_BYTES }))
  for (const { address, bytes } of [recordedGuest(name), recordedGuest("vectors")]) expect(vm.write(address, bytes)).toBeUndefined()
  const vcpu = ok(vm.createVcpu(0))
  expect(vcpu.init({ features: PSCI_0_2 | (maxVl ? 1 << VcpuFeature.SVE : 0) })).toBeUndefined()
  if (maxVl) {
    expect(vcpu.setOneReg(SVE_VLS, lengthsUpTo(maxVl))).toBeUndefined()
    expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
  }
  vcpu.registers.pc = BigInt(GUEST_RAM)
  const { task, seen } = startDriver(host, vcpu, hostSve)
  const events: KvmEvent[] = []
  const stop = host.subscribe((e) => events.push(e))
  expect(host.runTask(task, 100_000)).toBe("ended")
  stop()
  expect(task.ended).toEqual({ status: 0 })
  return { host, vm, seen, events }
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`

const IN_HYP = new Set(["exc", "eret", "msr", "mrs", "isb", "save", "load"])
const ABORTS: ReadonlySet<number> = new Set([0x20, 0x24])
/** Hyp code's steps of a recording, one line each. Lists of registers are shown the first time only there, so they are compared apart. */
export const recordedLines = (events: readonly RecordedEvent[]): readonly string[] =>
  events
    .filter((e) => IN_HYP.has(e.what) && e.where === "hyp")
    .map((e) => {
      const { what, reg, phys, value } = e
      switch (what) {
        case "exc": {
          const call = e.hcall === undefined ? "" : ` call=${e.hcall}`
          return `exc ${e.from} ec=${e.ec} iss=${e.iss}${e.ipa ? ` ipa=${e.ipa}` : ""}${e.x0 ? ` x0=${e.x0}` : ""}${call}`
        }
        case "eret":
          return `eret ${e.to} cptr=${e.cptr}`
        case "msr":
        case "mrs":
          return `${what} ${reg}${phys && phys !== reg ? `>${phys}` : ""} ${value}`
        case "save":
        case "load":
          return `${what} ${e.mem} ${e.q ? `q=${e.q}` : `z=${e.z}`}`
        default:
          return what
      }
    })
/** The model's, in the same form, without the host's own faults on memory that it has not touched before: a recording counts those together. */
export const modelLines = (events: readonly KvmEvent[]): readonly string[] => {
  let inHostFault = false
  return events.flatMap((e): readonly string[] => {
    if (e.what === "exc" && e.where === "hyp" && e.from !== "guest-el1" && ABORTS.has(e.ec)) inHostFault = true
    const line = inHostFault ? undefined : modelLine(e)
    if (inHostFault && e.what === "eret") inHostFault = false
    return line === undefined ? [] : [line]
  })
}
const modelLine = (e: KvmEvent): string | undefined => {
  if (!("where" in e) || e.where !== "hyp") return undefined
  switch (e.what) {
    case "exc": {
      const parts = [
        `exc ${e.from} ec=${hex(e.ec)} iss=${hex(e.iss)}`,
        e.ipa === undefined ? "" : ` ipa=${hex(e.ipa)}`,
        e.x0 === undefined ? "" : ` x0=${hex(e.x0)}`,
        e.hostCall === undefined ? "" : ` call=${e.hostCall}`
      ]
      return parts.join("")
    }
    case "eret":
      return `eret ${e.to} cptr=${hex(e.cptr)}`
    case "msr":
    case "mrs": {
      const isAddress = (e.register === "VTTBR_EL2" && e.value !== 0n) || (e.physical ?? e.register) === "VBAR_EL2"
      return `${e.what} ${e.register}${e.physical ? `>${e.physical}` : ""} ${isAddress ? "set" : hex(e.value)}`
    }
    case "isb":
      return "isb"
    case "save":
    case "load":
      return `${e.what} ${e.memory} ${e.component === "fpsimd" ? "q=32" : "z=32"}`
    default:
      return undefined
  }
}
