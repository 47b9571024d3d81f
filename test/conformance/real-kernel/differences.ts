/** Where eltwo's answers are not the real kernel's, and why. Everything else is compared exactly. */

export interface Difference {
  /** The lines of both sides that are not compared. */
  readonly lines: RegExp
  readonly why: string
  /** Absent: all. */
  readonly modes?: readonly string[]
}
const guest = (name: string, rest: string): RegExp => new RegExp(`^guest ${name} (0 )?${rest}`)

export const DIFFERENCES: readonly Difference[] = [
  {
    lines: /^cap (0|25|119|120|122|126|131|187|162|171|172|93): /,
    why: "Interrupt routing, GICv2, PMU, pointer authentication and AArch32 are not modelled"
  },
  {
    lines: /^cap (15|23|32|36|40|77|82|88|182|195|198|203|215|216|223|225|229|231|234|239|243|244|245): /,
    why: "Not offered: coalesced MMIO, guest debug, eventfds, dirty rings, suspend, block sizes, statistics, external aborts of memory"
  },
  { lines: /^cap 165: /, why: "48 bits of physical addresses here, 52 there" },
  {
    lines: /^reg 0x603000000013c0(0[89a-f]|1[0-9a-f]): |^guest id-registers 0 ([0-9]|[1-3][0-9]|4[0-7]) |^mask ([0-9]|1[0-9]|2[0-9]|30): /,
    why: "ID registers of AArch32, which the processor does not have"
  },
  {
    lines:
      /^reg 0x603000000013c0(2[0-9a-f]|3[0-9a-f]): |^guest id-registers 0 (4[89]|[5-9][0-9]|1[01][0-9]) |^guest sve\S* 0 1[123] |^guest mix-sve-gates 0 [012] /,
    why: "ID registers: the two processors do not have the same features"
  },
  { lines: /^mask (65|71|129): /, why: "CTR_EL0, CLIDR_EL1 and AIDR_EL1 cannot be changed" },
  {
    lines: /^reg 0x603000000013(d801|c801): |^guest implementation-registers 0 (6|10) /,
    why: "CTR_EL0 without DIC and IDC, so one more level of unification in CLIDR_EL1"
  },
  { lines: /^reg 0x603000000013df(01|1a): /, why: "Counters: what time it is" },
  {
    lines: guest("reset-values", "(6|30|38) "),
    why: "RES0 and RES1 bits: the emulated processor keeps what is written to SCTLR_EL1, PAR_EL1, ESR_EL1"
  },
  { lines: guest("irq-line", "500 "), why: "RES0 bits of ESR_EL1, which an interrupt leaves as VCPU_INIT made it" },
  {
    lines: guest("written-registers", "\\d+ "),
    why: "RES0 and RES1 bits: the emulated processor keeps them as written in nearly all registers"
  },
  { lines: guest("cpacr", "8 "), why: "RES0 bits of CPACR_EL1 are kept as written" },
  {
    lines: /^guest (cpacr|mix-fp-gates) 0 500 0x(1fe00000|2000000)|^guest mix-sve-gates 0 (33|40|500 0x1fe00000|501 0x40000260|502 0x3c5)/,
    why: "The emulated processor asks CPACR_EL1.FPEN about ZCR_EL1, which the architecture does not"
  },
  { lines: /^guest (faults|translation|mix-first-touch) 0 502 0x[37]c5/, why: "SPSR.BTYPE after an indirect branch: no FEAT_BTI here" },
  {
    lines: /^guest (alignment |mix-vectors-in-memory 0 (2|50[012]) )/,
    why: "The emulated processor checks neither the stack pointer's alignment nor Device alignment under stage 2"
  },
  { lines: guest("debug", "(7|9|11) "), why: "MDCCSR_EL0 and DBGDTR_EL0 are missing here, DBGAUTHSTATUS_EL1 there" },
  { lines: guest("controller-absent", "[013] "), why: "The emulated processor does not trap ICC_SRE_EL1 by ICC_SRE_EL2.Enable" },
  { lines: guest("timer", "(50[012] |pc )"), why: "CNTVCTSS_EL0: no FEAT_ECV here; the flags of a comparison of counters" },
  { lines: guest("mmio", "(1[5678] |write 0xa000000 2 )"), why: "Big-endian data: SCTLR_EL1.EE is RES0 here" },
  { lines: guest("instructions", "\\d+ "), why: "Extensions that only one of the processors has" },
  {
    lines: guest("sweep-2-0", "1 0x(14|15|16|17|1c|1d|1e|1f|24|25|2c|2d|a4|3f6)00000000"),
    why: "Breakpoints: two here, six there; DBGPRCR_EL1 and DBGAUTHSTATUS_EL1 are missing there"
  },
  { lines: guest("sweep-2-3", "1 0x(8|20|28)00000000"), why: "MDCCSR_EL0, DBGDTR_EL0 and DBGDTRRX_EL0 are missing here" },
  { lines: guest("sweep-3-0", "1 0x(218|665)00000000"), why: "ALLINT (FEAT_NMI) is missing here; ICC_SRE_EL1 as above" },
  { lines: guest("sweep-3-3", "1 0x(217|705|706)00000000"), why: "TCO (FEAT_MTE), CNTPCTSS_EL0 and CNTVCTSS_EL0 (FEAT_ECV) are missing here" }
]
