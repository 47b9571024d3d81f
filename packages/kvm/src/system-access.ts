/** Trapped MRS, MSR and SYS of a guest (EC 0x18): emulated from the register table, or UNDEFINED. */
import { systemEncoding } from "@eltwo/isa"
import type { Handled } from "./exit.ts"
import { SLOT } from "./guest-context.ts"
import { injectSystemAccess, injectUndefined, readGuest, skipInstruction, writeGuest } from "./inject.ts"
import { isVisible, type SystemRegister } from "./system-registers.ts"
import { physicalTimerRegister, readPhysicalTimer, writePhysicalTimer } from "./timer.ts"
import type { Vcpu } from "./vcpu.ts"
import { readTrappedInterface, writeTrappedInterface } from "./vgic/system-registers.ts"
import type { Vm } from "./vm.ts"

interface Access {
  readonly encoding: number
  readonly isRead: boolean
  readonly register: number
}
const accessOf = ({ fault: { esr } }: Vcpu): Access => ({
  encoding: (((esr >> 20) & 3) << 14) | (((esr >> 14) & 7) << 11) | (((esr >> 10) & 15) << 7) | (((esr >> 1) & 15) << 3) | ((esr >> 17) & 7),
  isRead: (esr & 1) !== 0,
  register: (esr >> 5) & 31
})
const ZERO = 31

/** DC ISW, CSW, CISW: cleaning by set and way has nothing to clean. */
const BY_SET_AND_WAY = [systemEncoding(1, 0, 7, 6, 2), systemEncoding(1, 0, 7, 10, 2), systemEncoding(1, 0, 7, 14, 2)]
const OSLAR = systemEncoding(2, 0, 1, 0, 4)
const CCSIDR = systemEncoding(3, 1, 0, 0, 0)
const LIMITED_ORDERING = [0, 1, 2, 3].map((op2) => systemEncoding(3, 0, 10, 4, op2))
/** Breakpoints and watchpoints: kept, as the processor keeps them, without effect. */
const isDebugPoint = (e: number): boolean => e >> 14 === 2 && ((e >> 7) & 0x7f) === 0 && (e & 7) >= 4

const visibleRegister = (vm: Vm, e: number): SystemRegister | undefined => {
  const known = vm.host.systemRegisters.get(e)
  return known && isVisible(vm, known) ? known : undefined
}
/** What a read gives, or undefined: UNDEFINED. */
const readRegister = (vcpu: Vcpu, e: number): bigint | undefined => {
  const { vm } = vcpu
  const known = visibleRegister(vm, e)
  switch (known?.kind) {
    case "context":
      return readGuest(vcpu, known.context)
    case "id":
      return vm.idRegisters.get(e)
    case "invariant":
      return known.value
    case "zero":
      return 0n
  }
  if (e === CCSIDR) return ccsidr(vcpu)
  if (isLimitedOrdering(e)) return 0n
  const timer = physicalTimerRegister(e)
  if (timer && vcpu.loadedOn) return readPhysicalTimer(vcpu.loadedOn, vcpu, timer)
  return isDebugPoint(e) ? (vcpu.debugPoints.get(e) ?? 0n) : readTrappedInterface(vcpu, e)
}
/** False: UNDEFINED. */
const writeRegister = (vcpu: Vcpu, e: number, value: bigint): boolean => {
  if (BY_SET_AND_WAY.includes(e) || LIMITED_ORDERING.includes(e)) return true
  if (e === OSLAR) {
    vcpu.system[SLOT.OSLSR_EL1] = (vcpu.system[SLOT.OSLSR_EL1]! & ~2n) | ((value & 1n) << 1n)
    return true
  }
  if (isDebugPoint(e)) {
    vcpu.debugPoints.set(e, value)
    return true
  }
  const timer = physicalTimerRegister(e)
  if (timer && vcpu.loadedOn) {
    writePhysicalTimer(vcpu.loadedOn, vcpu, timer, value)
    return true
  }
  if (writeTrappedInterface(vcpu, e, value)) return true
  const known = visibleRegister(vcpu.vm, e)
  if (known?.kind === "zero") return true
  if (known?.kind !== "context") return false
  writeGuest(vcpu, known.context, value)
  return true
}
/** CCSIDR_EL1 of every cache until user space says another: one set, one way, lines of 64 bytes. Maintenance by set and way is not for guests. */
export const CACHE_GEOMETRY = 2n
export const CACHE_SELECTORS = 14
const ccsidr = (vcpu: Vcpu): bigint => vcpu.caches.get(Number(vcpu.system[SLOT.CSSELR_EL1]! & 15n)) ?? CACHE_GEOMETRY

/** Limited ordering regions: there are none, and their registers are zero; all of them UNDEFINED when the VM's ID registers do not have FEAT_LOR. */
const isLimitedOrdering = (e: number): boolean => LIMITED_ORDERING.includes(e) || e === LORID
const LORID = systemEncoding(3, 0, 10, 4, 7)
const ID_AA64MMFR1_EL1 = systemEncoding(3, 0, 0, 7, 1)
const LO = 16n
const refused = ({ vm }: Vcpu, e: number): boolean => isLimitedOrdering(e) && ((vm.idRegisters.get(ID_AA64MMFR1_EL1) ?? 0n) >> LO) % 16n === 0n

/** Reads of the ID space that a guest cannot make are accesses to system registers for it, where FEAT_IDST is. */
const isIdSpace = (e: number): boolean => e >> 14 === 3 && [0, 1, 3].includes((e >> 11) & 7) && (e & 0x7c0) === 0
const ID_AA64MMFR2_EL1 = systemEncoding(3, 0, 0, 7, 2)
const IDS = 36n
const hasIdst = ({ idRegisters }: Vm): boolean => ((idRegisters.get(ID_AA64MMFR2_EL1) ?? 0n) >> IDS) % 16n !== 0n

export const handleSystemAccess = (vcpu: Vcpu): Handled => {
  const { encoding: e, isRead, register } = accessOf(vcpu)
  const { x } = vcpu.registers
  const value = isRead && !refused(vcpu, e) ? readRegister(vcpu, e) : undefined
  const done = isRead ? value !== undefined : !refused(vcpu, e) && writeRegister(vcpu, e, register === ZERO ? 0n : x[register]!)
  if (!done) {
    if (isRead && isIdSpace(e) && hasIdst(vcpu.vm)) injectSystemAccess(vcpu)
    else injectUndefined(vcpu)
    return undefined
  }
  if (value !== undefined && register !== ZERO) x[register] = value
  skipInstruction(vcpu)
  return undefined
}
