/** The guest's system registers as KVM knows them: one table for ONE_REG, trapped accesses and reset. */
import { type Machine, parseEncoding, systemEncoding } from "@eltwo/isa"
import { type HiddenField, hasVmFeature, kvmParts, type Visibility } from "./extension.ts"
import { CONTEXT, type ContextRegister } from "./guest-context.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import type { CpuFeatures } from "./host/cpu-features.ts"
import type { Mode } from "./mode.ts"
import type { Vm } from "./vm.ts"

/** What stands behind an encoding. */
export type SystemRegister =
  /** Kept per vCPU in its context. */
  | ({ readonly kind: "context"; readonly context: ContextRegister; readonly reset: bigint } & Named)
  /** Kept per vCPU beside its FP state. */
  | ({ readonly kind: "fpmr" } & Named)
  /** Part of the VM's ID space; `host` is what this processor has, sanitised; `hidden` says what extensions do not let all guests see. */
  | { readonly kind: "id"; readonly name: string; readonly encoding: number; readonly host: bigint; readonly hidden: readonly HiddenField[] }
  /** The same on every vCPU, and not to be changed. */
  | { readonly kind: "invariant"; readonly name: string; readonly encoding: number; readonly value: bigint }
  /** Read as zero, writes ignored, for guests and user space. */
  | { readonly kind: "zero"; readonly name: string; readonly encoding: number }

interface Named {
  readonly name: string
  readonly encoding: number
  /** Absent: every guest has it. Else with this feature of the VM, or while this field of an ID register is not 0. */
  readonly visible?: { readonly vcpuFeature: number } | { readonly idEncoding: number; readonly low: number } | undefined
}
export type SystemRegisterTable = ReadonlyMap<number, SystemRegister>

/** Registers of the context that ONE_REG gives by the encoding of their name; the others have core ids or ids of their own. */
const NOT_BY_ENCODING: ReadonlySet<ContextRegister> = new Set<ContextRegister>([
  "SP_EL1",
  "ELR_EL1",
  "SPSR_EL1",
  "CNTV_CTL_EL0",
  "CNTV_CVAL_EL0",
  "CNTP_CTL_EL0",
  "CNTP_CVAL_EL0"
])
/** What registers hold whose reset value the architecture does not say: nothing a guest could rely on. */
export const UNKNOWN = 0x1de7_ec7e_dbad_c0den
const UNKNOWN_AT_RESET: ReadonlySet<ContextRegister> = new Set<ContextRegister>([
  "TTBR0_EL1",
  "TTBR1_EL1",
  "AFSR0_EL1",
  "AFSR1_EL1",
  "ESR_EL1",
  "FAR_EL1",
  "PAR_EL1",
  "MAIR_EL1",
  "PIR_EL1",
  "PIRE0_EL1",
  "TPIDR_EL1",
  "TPIDR_EL0",
  "TPIDRRO_EL0",
  "CSSELR_EL1"
])
/** SCTLR_EL1 out of reset: EIS, EOS and what else was RES1, caches and MMU off. */
const RESETS: Readonly<Partial<Record<ContextRegister, bigint>>> = { SCTLR_EL1: 0x00c50078n, OSLSR_EL1: 8n }

const bitsAt = (low: number, width: number): bigint => ((1n << BigInt(width)) - 1n) << BigInt(low)
/** Fields of ID registers a VM does not get though the processor may have them. */
const HIDDEN: Readonly<Record<string, readonly number[]>> = {
  // AMU, MPAM, GIC (there is no in-kernel interrupt controller)
  ID_AA64PFR0_EL1: [44, 40, 24],
  // MTE, NMI, GCS, THE, MTEX
  ID_AA64PFR1_EL1: [8, 36, 44, 48, 52],
  // PMUVer, PMSVer, TraceBuffer, BRBE, TraceVer
  ID_AA64DFR0_EL1: [8, 32, 44, 52, 4],
  // APA, API, GPA, GPI
  ID_AA64ISAR1_EL1: [4, 8, 24, 28],
  ID_AA64ISAR2_EL1: [12, 8],
  // NV
  ID_AA64MMFR2_EL1: [24]
}
const sanitised = (name: string, value: bigint): bigint => (HIDDEN[name] ?? []).reduce((v, low) => v & ~bitsAt(low, 4), value)
/** A kernel that was told to keep EL2 classic denies FEAT_VHE to its guests too. */
const VH = { register: "ID_AA64MMFR1_EL1", low: 8 } as const
/**
 * CLIDR_EL1 of guests: the least that CTR_EL0 allows. One level of caches that is coherent, cleaned to the point of unification unless IDC says it need not
 * be, with an instruction cache unless DIC says the same of it.
 */
const cacheLevels = (ctr: bigint): bigint => {
  const [idc, dic] = [(ctr >> 28n) & 1n, (ctr >> 29n) & 1n]
  const instruction = dic ? 0n : CACHE.instruction
  if (!idc) return (1n << LEVEL.unification) | (1n << LEVEL.innerShareable) | (1n << LEVEL.coherence) | CACHE.data | instruction
  return dic ? (1n << LEVEL.coherence) | CACHE.unified : (2n << LEVEL.coherence) | (CACHE.unified << 3n) | instruction
}
const CACHE = { instruction: 1n, data: 2n, unified: 4n } as const
const LEVEL = { innerShareable: 21n, coherence: 24n, unification: 27n } as const

const FEATURE_OF: Readonly<Partial<Record<ContextRegister, (features: CpuFeatures) => boolean>>> = {
  TCR2_EL1: (f) => f.tcr2,
  PIR_EL1: (f) => f.indirectPermissions,
  PIRE0_EL1: (f) => f.indirectPermissions,
  SCTLR2_EL1: (f) => f.sctlr2,
  DISR_EL1: (f) => f.ras
}
const INVARIANTS = ["CTR_EL0", "CLIDR_EL1", "REVIDR_EL1", "AIDR_EL1", "MIDR_EL1"]
const ZERO = ["LORID_EL1", "MDRAR_EL1", "OSDLR_EL1", "DBGAUTHSTATUS_EL1", "DBGPRCR_EL1", "DBGCLAIMSET_EL1", "DBGCLAIMCLR_EL1", "ERRIDR_EL1"]

/** The table of a machine, read from the processor at boot. */
export const systemRegisterTable = (machine: Machine, features: CpuFeatures, cpu: PhysicalCpu, { e2h }: Pick<Mode, "e2h">): SystemRegisterTable => {
  const table = new Map<number, SystemRegister>()
  const parts = kvmParts(machine)
  const hiddenFields = parts.flatMap(({ hiddenFields = [] }) => hiddenFields)
  const encodingOf = (name: string): number | undefined => {
    const found = machine.registerByName.get(name)
    return found && parseEncoding(found.declaration.encoding)
  }
  const conditionOf = (visible: Visibility): Named["visible"] =>
    "vcpuFeature" in visible ? visible : { idEncoding: encodingOf(visible.idRegister) ?? -1, low: visible.low }
  const conditions = new Map(parts.flatMap(({ registers = [] }) => registers.map(({ name, visible }) => [name, conditionOf(visible)] as const)))
  const add = (name: string, make: (encoding: number) => SystemRegister): void => {
    const encoding = encodingOf(name)
    if (encoding !== undefined) table.set(encoding, make(encoding))
  }
  for (const context of CONTEXT)
    if (!NOT_BY_ENCODING.has(context) && (FEATURE_OF[context]?.(features) ?? true))
      add(context, (encoding) => ({
        kind: "context",
        name: context,
        encoding,
        context,
        reset: RESETS[context] ?? (UNKNOWN_AT_RESET.has(context) ? UNKNOWN : 0n),
        visible: conditions.get(context)
      }))
  add("FPMR", (encoding) => ({ kind: "fpmr", name: "FPMR", encoding, visible: conditions.get("FPMR") }))
  for (const { declaration, name } of machine.registers)
    if (declaration.identification && /^3 0 0 [1-7] /.test(declaration.encoding))
      add(name, (encoding) => ({
        kind: "id",
        name,
        encoding,
        host: sanitised(name, cpu.read(name)) & ~(name === VH.register && !e2h ? bitsAt(VH.low, 4) : 0n),
        hidden: hiddenFields.filter(({ register }) => register === name)
      }))
  for (const name of INVARIANTS)
    add(name, (encoding) => ({ kind: "invariant", name, encoding, value: name === "CLIDR_EL1" ? cacheLevels(cpu.read("CTR_EL0")) : cpu.read(name) }))
  for (const name of ZERO) add(name, (encoding) => ({ kind: "zero", name, encoding }))
  return table
}

/** Whether a VM's guests have a register: for those and for user space it does not exist otherwise. */
export const isVisible = ({ features, idRegisters }: Vm, register: SystemRegister): boolean => {
  if (!("visible" in register) || !register.visible) return true
  const { visible } = register
  if ("vcpuFeature" in visible) return hasVmFeature(features, visible.vcpuFeature)
  return ((idRegisters.get(visible.idEncoding) ?? 0n) >> BigInt(visible.low)) % 16n !== 0n
}
const FPMR = systemEncoding(3, 3, 4, 4, 2)
/** Whether guests of a VM have FPMR. */
export const hasFpmr = (vm: Vm): boolean => {
  const register = vm.host.systemRegisters.get(FPMR)
  return register !== undefined && isVisible(vm, register)
}
/** The host's features as far as a VM's guests have them; what user space alone can take away. */
export const guestFeatures = (vm: Vm): CpuFeatures => {
  const { features } = vm.host
  return features.fpmr && !hasFpmr(vm) ? withoutFpmr(features) : features
}
const knownWithout = new WeakMap<CpuFeatures, CpuFeatures>()
/** The same object each time. */
const withoutFpmr = (features: CpuFeatures): CpuFeatures => {
  let without = knownWithout.get(features)
  if (!without) knownWithout.set(features, (without = { ...features, fpmr: false }))
  return without
}
