/** ID registers of a VM: what its guests read, and which changes user space may make before the first run. */
import type { Errno } from "./errno.ts"
import { type HiddenField, hasVmFeature } from "./extension.ts"
import type { SystemRegister, SystemRegisterTable } from "./system-registers.ts"
import type { Vm } from "./vm.ts"

type IdRegister = Extract<SystemRegister, { kind: "id" }>
/** Value by encoding. */
export type IdRegisters = Map<number, bigint>

/** What the ID registers are for guests with these vCPU features. */
export const resetIdRegisters = (table: SystemRegisterTable, features: number | undefined, hasVgic = false): IdRegisters =>
  new Map([...table.values()].flatMap((r) => (r.kind === "id" ? [[r.encoding, resetValue(r, features, hasVgic)] as const] : [])))
const bitsOf = ({ low, width = FIELD_BITS }: HiddenField): bigint => ((1n << BigInt(width)) - 1n) << BigInt(low)
const resetValue = ({ name, host, hidden }: IdRegister, features: number | undefined, hasVgic: boolean): bigint =>
  hidden.reduce((value, field) => (field.unless !== undefined && hasVmFeature(features, field.unless) ? value : value & ~bitsOf(field)), host) |
  (hasVgic && name === "ID_AA64PFR0_EL1" ? GICV3_INTERFACE : 0n)
/** ID_AA64PFR0_EL1.GIC: there with an interrupt controller in the kernel. */
const GICV3_INTERFACE = 1n << 24n

const FIELD_BITS = 4
/** Bits that user space may change; registers not named here have none. */
const WRITABLE: Readonly<Record<string, bigint>> = {
  ID_AA64PFR0_EL1: 0xffff_00f0_ff00_ffffn,
  ID_AA64PFR1_EL1: 0x0f00_000f_0000_f0ffn,
  ID_AA64PFR2_EL1: 0x000f_0000_fff0n,
  ID_AA64ZFR0_EL1: 0x0fff_ff0f_0fff_f0ffn,
  ID_AA64FPFR0_EL1: 0xfc00_80ffn,
  ID_AA64DFR0_EL1: 0x00f0_00f0_0f0fn,
  ID_AA64ISAR0_EL1: 0xffff_ffff_f0ff_fff0n,
  ID_AA64ISAR1_EL1: 0xffff_ffff_00ff_f00fn,
  ID_AA64ISAR2_EL1: 0xffff_ffff_ffff_00ffn,
  ID_AA64ISAR3_EL1: 0xff0f_00f0n,
  ID_AA64MMFR0_EL1: 0xff00_ffff_ffff_ff0fn,
  ID_AA64MMFR1_EL1: 0xffff_ffff_0fff_f00fn,
  ID_AA64MMFR2_EL1: 0xf0ff_000f_f00f_ffffn,
  ID_AA64MMFR3_EL1: 0x000f_0fffn,
  ID_AA64MMFR4_EL1: 0x00f0_0000n
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
/** Registers whose fields have one bit each. */
const FLAGS: ReadonlySet<string> = new Set(["ID_AA64FPFR0_EL1", "ID_AA64SMFR0_EL1"])

const writable = ({ name, hidden }: IdRegister, low: number): boolean => {
  if (hidden.some((field) => field.fixed && (bitsOf(field) >> BigInt(low)) & 1n)) return false
  return (((WRITABLE[name] ?? 0n) >> BigInt(low)) & 1n) !== 0n
}
/** Whether `value` is the VM's at reset or safely less in every field. */
const acceptable = (register: IdRegister, most: bigint, value: bigint): boolean => {
  const { name } = register
  const bits = FLAGS.has(name) ? 1 : FIELD_BITS
  const fieldOf = (word: bigint, low: number): number => Number(BigInt.asUintN(bits, word >> BigInt(low)))
  return Array.from({ length: 64 / bits }, (_, i) => bits * i).every((low) => {
    const wanted = fieldOf(value, low)
    const limit = fieldOf(most, low)
    if (wanted === limit) return true
    if (!writable(register, low) || wanted < (LEAST[name]?.get(low) ?? 0)) return false
    const order = (v: number): number => (SIGNED[name]?.includes(low) && v > 7 ? v - 16 : v)
    return order(wanted) <= order(limit)
  })
}

/** KVM_SET_ONE_REG of an ID register. */
export const setIdRegister = (vm: Vm, register: IdRegister, value: bigint): Errno | undefined => {
  if (vm.hasRun) return value === vm.idRegisters.get(register.encoding) ? undefined : "EBUSY"
  if (!acceptable(register, resetValue(register, vm.features, vm.vgic !== undefined), value)) return "EINVAL"
  vm.idRegisters.set(register.encoding, value)
  return undefined
}

/** Bits that user space may change, by (compact op1, CRm, op2) of the registers with CRn 0: what KVM_ARM_GET_REG_WRITABLE_MASKS gives. */
export const writableMasks = ({ host }: Vm): BigUint64Array => {
  const masks = new BigUint64Array(3 * 64)
  for (const register of host.systemRegisters.values())
    if (register.kind === "id")
      masks[register.encoding & 63] = register.hidden.reduce(
        (mask, field) => (field.fixed ? mask & ~bitsOf(field) : mask),
        WRITABLE[register.name] ?? 0n
      )
  return masks
}
