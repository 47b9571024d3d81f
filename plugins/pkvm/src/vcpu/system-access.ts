/** Trapped MRS and MSR of a protected guest (EC 0x18): what hyp code answers, what the host may, and UNDEFINED for the rest. */
import { parseEncoding } from "@eltwo/isa"
import type { HypExitHandler, PhysicalCpu, Vcpu } from "@eltwo/kvm"
import { injectNow, skipNow, undefinedNow } from "./inject.ts"

/** What hyp code does about an access. */
type Answer =
  /** A register of the ID space: read from the VM's own, never written. */
  | "id"
  /** Reads as zero, writes are ignored. */
  | "zero"
  /** The exit goes to the host. */
  | "host"
  /** A GICv3 CPU interface by system registers is all there is: reads say so, writes are ignored. */
  | "gic-sre"
  /** An ID register that does not exist: where FEAT_IDST says so, the access traps to EL1; otherwise it is UNDEFINED. */
  | "no-id"

const ANSWERS: readonly (readonly [answer: Answer, encodings: readonly string[]])[] = [
  [
    "zero",
    [
      // DBGBVR0, DBGBCR0, DBGWVR0, DBGWCR0, MDSCR, OSLAR, OSLSR, OSDLR: one of each kind tells a guest that debug is not there
      ...["2 0 0 0 4", "2 0 0 0 5", "2 0 0 0 6", "2 0 0 0 7", "2 0 0 2 2", "2 0 1 0 4", "2 0 1 1 4", "2 0 1 3 4"],
      // ERRIDR, ERRSELR, ERXFR, ERXCTLR, ERXSTATUS, ERXADDR, ERXMISC0, ERXMISC1
      ...["3 0 5 3 0", "3 0 5 3 1", "3 0 5 4 0", "3 0 5 4 1", "3 0 5 4 2", "3 0 5 4 3", "3 0 5 5 0", "3 0 5 5 1"]
    ]
  ],
  // CRm 1 to 7 of the ID space, the AArch32 part and what is reserved as well
  ["id", Array.from({ length: 56 }, (_, i) => `3 0 0 ${1 + (i >> 3)} ${i & 7}`)],
  [
    "host",
    [
      // REVIDR, AIDR, CCSIDR, CLIDR, CSSELR, CTR
      ...["3 0 0 0 6", "3 1 0 0 7", "3 1 0 0 0", "3 1 0 0 1", "3 2 0 0 0", "3 3 0 0 1"],
      // ICC_PMR, ICC_DIR, ICC_RPR, ICC_SGI1R, ICC_ASGI1R, ICC_SGI0R, ICC_CTLR
      ...["3 0 4 6 0", "3 0 12 11 1", "3 0 12 11 3", "3 0 12 11 5", "3 0 12 11 6", "3 0 12 11 7", "3 0 12 12 4"],
      // CNTP_TVAL, CNTP_CTL, CNTP_CVAL
      ...["3 3 14 2 0", "3 3 14 2 1", "3 3 14 2 2"]
    ]
  ],
  ["gic-sre", ["3 0 12 12 5"]],
  // CCSIDR2, GMID, SMIDR
  ["no-id", ["3 1 0 0 2", "3 1 0 0 4", "3 1 0 0 6"]]
]
const TABLE: ReadonlyMap<number, Answer> = new Map(
  ANSWERS.flatMap(([answer, encodings]) => encodings.map((text) => [parseEncoding(text), answer] as const))
)

/** SRE, DFB, DIB. */
const SYSTEM_REGISTERS_ONLY = 7n
const MMFR2 = parseEncoding("3 0 0 7 2")
const MMFR2_IDS = 36n
const ZERO = 31

/** Encoding, direction and general register of the access in a syndrome. */
const accessIn = (esr: number): { readonly encoding: number; readonly isRead: boolean; readonly register: number } => ({
  encoding: (((esr >> 20) & 3) << 14) | (((esr >> 14) & 7) << 11) | (((esr >> 10) & 15) << 7) | (((esr >> 1) & 15) << 3) | ((esr >> 17) & 7),
  isRead: (esr & 1) !== 0,
  register: (esr >> 5) & 31
})

/** kvm_handle_pvm_sysreg. */
export const protectedSystemAccess: HypExitHandler = (cpu, vcpu) => {
  const { encoding, isRead, register } = accessIn(vcpu.fault.esr)
  const give = (value: bigint): true => {
    if (isRead && register !== ZERO) vcpu.registers.x[register] = value
    return skipNow(cpu, vcpu)
  }
  switch (TABLE.get(encoding)) {
    case "host":
      return false
    case "zero":
      return give(0n)
    case "gic-sre":
      return give(SYSTEM_REGISTERS_ONLY)
    case "id":
      return isRead ? give(vcpu.vm.idRegisters.get(encoding) ?? 0n) : undefinedNow(cpu, vcpu)
    case "no-id":
      return missingIdRegister(cpu, vcpu)
    default:
      return undefinedNow(cpu, vcpu)
  }
}
const missingIdRegister = (cpu: PhysicalCpu, vcpu: Vcpu): true => {
  const trapsToEl1 = ((vcpu.vm.idRegisters.get(MMFR2) ?? 0n) >> MMFR2_IDS) & 15n
  return trapsToEl1 ? injectNow(cpu, vcpu, BigInt(vcpu.fault.esr)) : undefinedNow(cpu, vcpu)
}
