/** ID registers of a VM: what its guests read, and which changes user space may make before the first run. */
import type { Errno } from "./errno.ts"
import type { SystemRegister, SystemRegisterTable } from "./system-registers.ts"
import type { Vm } from "./vm.ts"

type IdRegister = Extract<SystemRegister, { kind: "id" }>
/** Value by encoding. */
export type IdRegisters = Map<number, bigint>

export const sanitisedIdRegisters = (table: SystemRegisterTable): IdRegisters =>
  new Map([...table.values()].flatMap((r) => (r.kind === "id" ? [[r.encoding, r.host] as const] : [])))

/** Fields (by their lowest bit) that user space may not change, where others are writable. */
const FIXED: Readonly<Record<string, readonly number[]>> = {
  ID_AA64PFR0_EL1: [44, 40, 32, 20, 16],
  ID_AA64PFR1_EL1: [52, 48, 44, 40, 36, 32, 24, 16, 8],
  ID_AA64ISAR0_EL1: [],
  ID_AA64ISAR1_EL1: [4, 8, 24, 28],
  ID_AA64ISAR2_EL1: [12, 8],
  ID_AA64MMFR0_EL1: [4],
  ID_AA64MMFR1_EL1: [28, 8, 4],
  ID_AA64MMFR2_EL1: [56, 40, 36, 24, 20],
  ID_AA64ZFR0_EL1: [],
  ID_AA64FPFR0_EL1: []
}
/** Registers of which only these fields are writable. */
const WRITABLE_ONLY: Readonly<Record<string, readonly number[]>> = {
  ID_AA64PFR2_EL1: [32, 8, 4, 12],
  ID_AA64DFR0_EL1: [56, 20, 8, 0],
  ID_AA64ISAR3_EL1: [28, 24, 20, 0],
  ID_AA64MMFR3_EL1: [0, 4, 8, 12],
  ID_AA64MMFR4_EL1: []
}
/** Signed fields: 15 means not implemented and is less than 0. */
const SIGNED: Readonly<Record<string, readonly number[]>> = { ID_AA64PFR0_EL1: [16, 20], ID_AA64MMFR0_EL1: [24, 28] }
/** Fields whose value must not become 0 (exception levels), or fall below a version. */
const LEAST: Readonly<Record<string, ReadonlyMap<number, number>>> = {
  ID_AA64PFR0_EL1: new Map([
    [0, 1],
    [4, 1]
  ]),
  ID_AA64DFR0_EL1: new Map([[0, 6]])
}
const FIELDS = Array.from({ length: 16 }, (_, i) => 4 * i)
const nibble = (value: bigint, low: number): number => Number((value >> BigInt(low)) & 15n)

const writable = (name: string, low: number): boolean => {
  const only = WRITABLE_ONLY[name]
  if (only) return only.includes(low)
  const fixed = FIXED[name]
  return fixed !== undefined && !fixed.includes(low)
}
/** Whether `value` is the host's or safely less in every field. */
const acceptable = ({ name, host }: IdRegister, value: bigint): boolean =>
  FIELDS.every((low) => {
    const wanted = nibble(value, low)
    const most = nibble(host, low)
    if (wanted === most) return true
    if (!writable(name, low) || wanted < (LEAST[name]?.get(low) ?? 0)) return false
    const order = (v: number): number => (SIGNED[name]?.includes(low) && v > 7 ? v - 16 : v)
    return order(wanted) <= order(most)
  })

/** KVM_SET_ONE_REG of an ID register. */
export const setIdRegister = (vm: Vm, register: IdRegister, value: bigint): Errno | undefined => {
  if (vm.hasRun) return value === vm.idRegisters.get(register.encoding) ? undefined : "EBUSY"
  if (!acceptable(register, value)) return "EINVAL"
  vm.idRegisters.set(register.encoding, value)
  return undefined
}
