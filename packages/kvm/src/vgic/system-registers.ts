/** The CPU interface's system registers where the kernel answers: for user space (CPU_SYSREGS), and what of a guest traps. */
import { parseEncoding } from "@eltwo/isa"
import type { Errno } from "../errno.ts"
import type { Vcpu } from "../vcpu.ts"

const icc = (rest: string): number => parseEncoding(`3 0 ${rest}`)
/** ICH_VMCR_EL2. */
const VMCR = { VENG0: 0n, VENG1: 1n, VCBPR: 4n, VEOIM: 9n, VBPR1: 18n, VBPR0: 21n, VPMR: 24n } as const
/** ICC_CTLR_EL1: bits user space may set, and what of the processor it must repeat. */
const CTLR = { CBPR: 1n, EOImode: 2n } as const
const CTLR_FIXED = (1n << 15n) | (1n << 11n) | (4n << 8n)
const LEAST_BPR = 2n
const SRE = 7n

interface InterfaceRegister {
  get(vcpu: Vcpu): bigint
  set(vcpu: Vcpu, value: bigint): Errno | undefined
}
const field = (at: bigint, width: bigint, least = 0n): InterfaceRegister => {
  const mask = (1n << width) - 1n
  return {
    get: ({ interrupts: { vmcr } }) => (vmcr >> at) & mask,
    set({ interrupts }, value) {
      const kept = (value & mask) < least ? least : value & mask
      interrupts.vmcr = (interrupts.vmcr & ~(mask << at)) | (kept << at)
      return undefined
    }
  }
}
const activePriorities = (name: "ap0r0" | "ap1r0"): InterfaceRegister => ({
  get: ({ interrupts }) => interrupts[name],
  set({ interrupts }, value) {
    interrupts[name] = value & 0xffff_ffffn
    return undefined
  }
})
const bit = (value: bigint, at: bigint): bigint => (value >> at) & 1n
const REGISTERS: ReadonlyMap<number, InterfaceRegister> = new Map<number, InterfaceRegister>([
  [icc("4 6 0"), field(VMCR.VPMR, 8n)],
  [icc("12 8 3"), field(VMCR.VBPR0, 3n, LEAST_BPR)],
  [icc("12 12 3"), field(VMCR.VBPR1, 3n, LEAST_BPR + 1n)],
  [icc("12 12 6"), field(VMCR.VENG0, 1n)],
  [icc("12 12 7"), field(VMCR.VENG1, 1n)],
  [icc("12 8 4"), activePriorities("ap0r0")],
  [icc("12 9 0"), activePriorities("ap1r0")],
  [
    icc("12 12 4"),
    {
      get: ({ interrupts: { vmcr } }) => CTLR_FIXED | (bit(vmcr, VMCR.VCBPR) * CTLR.CBPR) | (bit(vmcr, VMCR.VEOIM) * CTLR.EOImode),
      set({ interrupts }, value) {
        if ((value & ~(CTLR.CBPR | CTLR.EOImode)) !== CTLR_FIXED) return "EINVAL"
        const modes = ((value & 1n) << VMCR.VCBPR) | (((value >> 1n) & 1n) << VMCR.VEOIM)
        interrupts.vmcr = (interrupts.vmcr & ~((1n << VMCR.VCBPR) | (1n << VMCR.VEOIM))) | modes
        return undefined
      }
    }
  ],
  [icc("12 12 5"), { get: () => SRE, set: (_, value) => (value & 1n ? undefined : "EINVAL") }]
])
/** ENXIO: no such register. */
export const getInterfaceRegister = (vcpu: Vcpu, encoding: number): bigint | Errno => REGISTERS.get(encoding)?.get(vcpu) ?? "ENXIO"
/** EBUSY while the vCPU runs: its registers are in the processor. EINVAL: a processor unlike this one. */
export const setInterfaceRegister = (vcpu: Vcpu, encoding: number, value: bigint): Errno | undefined => {
  const found = REGISTERS.get(encoding)
  if (!found) return "ENXIO"
  return vcpu.loadedOn || vcpu.thread ? "EBUSY" : found.set(vcpu, value)
}

const GENERATE: ReadonlyMap<number, boolean> = new Map([
  [icc("12 11 5"), true],
  [icc("12 11 6"), false],
  [icc("12 11 7"), false]
])
const SRE_EL1 = icc("12 12 5")
const DIR = icc("12 11 1")
const INTID = 0xffffffn
/** What of a guest with an interrupt controller traps: generating interrupts, ICC_SRE_EL1, and ICC_DIR_EL1 at times. Undefined: not one of these. */
export const readTrappedInterface = ({ vm }: Vcpu, encoding: number): bigint | undefined => (vm.vgic && encoding === SRE_EL1 ? SRE : undefined)
/** False: not one of these. */
export const writeTrappedInterface = (vcpu: Vcpu, encoding: number, value: bigint): boolean => {
  const { vgic } = vcpu.vm
  if (!vgic) return false
  const allowGroup1 = GENERATE.get(encoding)
  if (allowGroup1 !== undefined) vgic.generate(vcpu, value, allowGroup1)
  else if (encoding === DIR) {
    if (bit(vcpu.interrupts.vmcr, VMCR.VEOIM)) vgic.deactivate(vcpu, Number(value & INTID))
  } else return encoding === SRE_EL1
  return true
}
