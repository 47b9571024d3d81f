/**
 * ICC_* and ICH_* registers. For EL1 an ICC name is the virtual interface wherever HCR_EL2 routes the group's interrupts to EL2. The physical interface keeps
 * what is written, but nothing is ever pending at it: the interrupt controller behind a machine's lines is not modelled (see InterruptLines).
 */
import { LIST_REGISTERS, type Register } from "@eltwo/isa"
import type { Pe } from "./pe.ts"
import {
  acknowledgeVirtual,
  deactivateVirtual,
  emptyLists,
  endedLists,
  endVirtual,
  type Group,
  isVirtual,
  LEAST_BPR,
  listRegisterValue,
  maintenanceStatus,
  PRIORITY_BITS,
  PRIORITY_MASK,
  SPURIOUS,
  setVirtualBinaryPoint,
  setVmcr,
  VMCR,
  virtualBinaryPoint,
  virtualHighest,
  virtualRunningPriority,
  vmcr
} from "./virtual-interrupts.ts"

/** What a register does; its own slot holds the value where it has one. */
interface Behaviour {
  read(pe: Pe, slot: number): bigint
  write(pe: Pe, slot: number, value: bigint): void
}
const word = (value: bigint): number => Number(value & 0xffff_ffffn)
const plain = (kept: (value: bigint) => bigint = (value) => value): Behaviour => ({
  read: (pe, slot) => pe.system[slot]!,
  write(pe, slot, value) {
    pe.system[slot] = kept(value)
    pe.attention = true
  }
})
const computed = (read: (pe: Pe) => number): Behaviour => ({ read: (pe) => BigInt(read(pe) >>> 0), write: () => {} })
/** A register of EL1's that is the virtual one or the physical one. */
const either = (group: Group | "common", virtual: Behaviour, physical: Behaviour): Behaviour => ({
  read: (pe, slot) => (isVirtual(pe, group) ? virtual : physical).read(pe, slot),
  write: (pe, slot, value) => (isVirtual(pe, group) ? virtual : physical).write(pe, slot, value)
})
const part = (read: (pe: Pe) => number, write: (pe: Pe, value: number) => void): Behaviour => ({
  read: (pe) => BigInt(read(pe) >>> 0),
  write: (pe, _, value) => write(pe, word(value))
})

/** ICC_CTLR_EL1: CBPR and EOImode; INTIDs of 24 bits, four levels of affinity. */
const CTLR = { CBPR: 1, EOImode: 2 } as const
const CTLR_FIXED = (1 << 15) | (1 << 11) | ((PRIORITY_BITS - 1) << 8)
const virtualControl = part(
  (pe) => CTLR_FIXED | (vmcr(pe) & VMCR.VCBPR ? CTLR.CBPR : 0) | (vmcr(pe) & VMCR.VEOIM ? CTLR.EOImode : 0),
  (pe, value) => setVmcr(pe, (vmcr(pe) & ~(VMCR.VCBPR | VMCR.VEOIM)) | (value & CTLR.CBPR ? VMCR.VCBPR : 0) | (value & CTLR.EOImode ? VMCR.VEOIM : 0))
)
const physicalControl: Behaviour = {
  read: (pe, slot) => pe.system[slot]! | BigInt(CTLR_FIXED),
  write(pe, slot, value) {
    pe.system[slot] = value & BigInt(CTLR.CBPR | CTLR.EOImode)
  }
}
const virtualMask = part(
  (pe) => vmcr(pe) >>> VMCR.VPMR,
  (pe, value) => setVmcr(pe, (vmcr(pe) & 0xffffff) | ((value & PRIORITY_MASK) << VMCR.VPMR))
)
const virtualEnable = (bit: number): Behaviour =>
  part(
    (pe) => (vmcr(pe) & bit ? 1 : 0),
    (pe, value) => setVmcr(pe, (vmcr(pe) & ~bit) | (value & 1 ? bit : 0))
  )
/** The physical binary point: that of group 1 is group 0's plus one while ICC_CTLR_EL1.CBPR makes it common. */
const physicalBinaryPoint = (group: Group): Behaviour => {
  const least = LEAST_BPR + group
  const kept = (value: bigint): number => Math.max(least, Number(value & 7n))
  const common = (pe: Pe): boolean => group === 1 && (pe.system[pe.controls.slot.ICC_CTLR_EL1]! & BigInt(CTLR.CBPR)) !== 0n
  return {
    read: (pe, slot) =>
      BigInt(common(pe) ? Math.min(7, Math.max(LEAST_BPR, Number(pe.system[pe.controls.slot.ICC_BPR0_EL1]!)) + 1) : kept(pe.system[slot]!)),
    write(pe, slot, value) {
      if (!common(pe)) pe.system[slot] = BigInt(kept(value))
    }
  }
}
const activePriorities = (group: Group): Behaviour => {
  const name = (["ICH_AP0R0_EL2", "ICH_AP1R0_EL2"] as const)[group]
  const virtual = part(
    (pe) => word(pe.system[pe.controls.slot[name]]!),
    (pe, value) => {
      pe.system[pe.controls.slot[name]] = BigInt(value)
      pe.attention = true
    }
  )
  return either(
    group,
    virtual,
    plain((value) => value & 0xffff_ffffn)
  )
}
const nothing = computed(() => 0)
const spurious = computed(() => SPURIOUS)
const written = (write: (pe: Pe, value: number) => void): Behaviour => part(() => 0, write)

const ofGroup = (group: Group): Readonly<Record<string, Behaviour>> => ({
  [`ICC_IAR${group}_EL1`]: either(
    group,
    computed((pe) => acknowledgeVirtual(pe, group)),
    spurious
  ),
  [`ICC_EOIR${group}_EL1`]: either(
    group,
    written((pe, value) => endVirtual(pe, group, value)),
    nothing
  ),
  [`ICC_HPPIR${group}_EL1`]: either(
    group,
    computed((pe) => virtualHighest(pe, group)),
    spurious
  ),
  [`ICC_BPR${group}_EL1`]: either(
    group,
    part(
      (pe) => virtualBinaryPoint(pe, group),
      (pe, value) => setVirtualBinaryPoint(pe, group, value)
    ),
    physicalBinaryPoint(group)
  ),
  [`ICC_AP${group}R0_EL1`]: activePriorities(group),
  [`ICC_IGRPEN${group}_EL1`]: either(
    group,
    virtualEnable(group === 0 ? VMCR.VENG0 : VMCR.VENG1),
    plain((value) => value & 1n)
  ),
  [`ICH_AP${group}R0_EL2`]: plain((value) => value & 0xffff_ffffn)
})

/** PRIbits, PREbits and IDbits less one or as coded, A3V, TDS, and the list registers less one; no direct injection of virtual interrupts. */
const VTR = ((PRIORITY_BITS - 1) << 29) | ((PRIORITY_BITS - 1) << 26) | (1 << 23) | (1 << 21) | (1 << 20) | (1 << 19) | (LIST_REGISTERS - 1)
const physicalRunning = computed((pe) => {
  const { slot } = pe.controls
  const active = word(pe.system[slot.ICC_AP0R0_EL1]! | pe.system[slot.ICC_AP1R0_EL1]!)
  return active === 0 ? 0xff : (31 - Math.clz32(active & -active)) << (8 - PRIORITY_BITS)
})

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  ...ofGroup(0),
  ...ofGroup(1),
  ICC_PMR_EL1: either(
    "common",
    virtualMask,
    plain((value) => value & BigInt(PRIORITY_MASK))
  ),
  ICC_CTLR_EL1: either("common", virtualControl, physicalControl),
  ICC_RPR_EL1: either("common", computed(virtualRunningPriority), physicalRunning),
  ICC_DIR_EL1: either("common", written(deactivateVirtual), nothing),
  ICC_SGI1R_EL1: nothing,
  ICC_ASGI1R_EL1: nothing,
  ICC_SGI0R_EL1: nothing,
  ICH_VTR_EL2: computed(() => VTR),
  ICH_MISR_EL2: computed(maintenanceStatus),
  ICH_EISR_EL2: computed(endedLists),
  ICH_ELRSR_EL2: computed(emptyLists),
  ICH_VMCR_EL2: part(vmcr, setVmcr),
  ...Object.fromEntries(Array.from({ length: LIST_REGISTERS }, (_, n) => [`ICH_LR${n}_EL2`, plain(listRegisterValue)]))
}
const behaviourOf = ({ name }: Register): Behaviour => {
  const found = BEHAVIOURS[name]
  if (!found) throw new RangeError(`The interrupt interface has no register ${name}`)
  return found
}
export const interruptInterface = {
  read: (pe: Pe, register: Register): bigint => behaviourOf(register).read(pe, register.slot),
  write: (pe: Pe, register: Register, value: bigint): void => behaviourOf(register).write(pe, register.slot, value)
}
