/** System registers as guests read and write them, and instructions of extensions. */
import { DATA, RAM } from "../guest-assembler.ts"
import { each, guest, type RealKernelGuest, range, word } from "./guest.ts"

const MDSCR_ETC = ["mdscr_el1", "oslsr_el1", "actlr_el1", "sctlr_el1", "tcr_el1", "mair_el1", "ttbr0_el1", "ttbr1_el1"]

/** Reads every register of an op0, op1 by an instruction made at run time; reports those that do not simply trap as unknown, as encoding << 32 | syndrome. */
const sweep = (op0: number, op1: number): RealKernelGuest =>
  guest(
    `sweep-${op0}-${op1}`,
    `
    movz x24, #1
    set x1, ${(0xd5200000 | ((op0 - 2) << 19) | (1 << 20) | (op1 << 16)) >>> 0}
    movz x2, #0
    set x3, ${DATA}
    set x9, 0xd65f03c0
    set x10, 0xffffffff
    str w9, [x3, #4]
    again:
    orr x4, x1, x2, lsl #5
    str w4, [x3]
    dc cvau, x3
    dsb sy
    ic ivau, x3
    dsb sy
    isb
    movz x21, #0
    blr x3
    and x21, x21, x10
    set x5, 0x2000000
    cmp x21, x5
    b.eq =next
    orr x5, x21, x2, lsl #32
    report x5, 1
    next:
    add x2, x2, #1
    cmp x2, #2048
    b.ne =again
    report x2, 2`
  )

/** Hints and instructions of extensions a guest may or may not have; words for those eltwo does not assemble. */
const INSTRUCTIONS: readonly string[] = [
  ...["nop", "yield", "wfe", "sev", "sevl", "esb", "csdb", "isb", "sb", "clrex", "tsb csync", "psb csync"],
  ...["mrs x0, dit", "mrs x0, ssbs", "mrs x0, pan", "mrs x0, uao", "mrs x0, tpidr2_el0", "mrs x0, svcr", "mrs x0, fpmr"],
  ...["at s1e1r, x0", "at s1e1rp, x0", "tlbi vmalle1", "tlbi vmalle1is", "ic iallu", "ic ialluis", "dc cvau, x0", "ptrue p0.b", "rdvl x0, #1"],
  ...["smstart sm", "rdsvl x0, #1", "abs x0, x0", "cfp rctx, x0", "tlbi alle2", "mrs x0, tpidr_el2", "mrs x0, sp_el1"],
  ...[
    "d503251f ; chkfeat",
    "d503233f ; paciasp",
    "d50323ff ; xpaclri",
    "dac143e0 ; xpaci",
    "dac103e0 ; pacda",
    "9ac03000 ; pacga",
    "9ac01000 ; irg"
  ].map(word),
  ...["d53b42e0 ; mrs tco", "d5384300 ; mrs allint", "d53bd0e0 ; mrs scxtnum_el0", "d53b2520 ; mrs gcspr_el0", "d52b7720 ; gcspopm"].map(word),
  ...[
    "d538a4e0 ; mrs lorid_el1",
    "d538a400 ; mrs lorsa_el1",
    "d5385300 ; mrs erridr_el1",
    "d5385320 ; mrs errselr_el1",
    "d538c120 ; mrs disr_el1"
  ].map(word)
]

export const REGISTER_GUESTS: readonly RealKernelGuest[] = [
  guest(
    "id-registers",
    range(7)
      .map((crm) => each(range(8).map((op2) => `mrs x0, s3_0_c0_c${crm + 1}_${op2}`)))
      .join("\n")
  ),
  guest(
    "implementation-registers",
    each([
      ...[0, 5, 6].map((op2) => `mrs x0, s3_0_c0_c0_${op2}`),
      "mrs x0, ctr_el0",
      "mrs x0, dczid_el0",
      "mrs x0, clidr_el1",
      "mrs x0, s3_1_c0_c0_7",
      "mrs x0, cntfrq_el0",
      "mrs x0, currentel",
      "mrs x0, daif",
      "mrs x0, spsel",
      "mrs x0, s3_1_c0_c0_4",
      "mrs x0, s3_1_c0_c0_6",
      ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((selector) => [`set x1, ${selector}\nmsr csselr_el1, x1\nisb\nmrs x0, ccsidr_el1`, "mrs x0, s3_1_c0_c0_2"])
    ])
  ),
  guest(
    "reset-values",
    each([
      ...MDSCR_ETC.map((name) => `mrs x0, ${name}`),
      ...["cpacr_el1", "vbar_el1", "contextidr_el1", "tpidr_el0", "tpidrro_el0", "tpidr_el1", "cntkctl_el1", "par_el1"].map(
        (name) => `mrs x0, ${name}`
      ),
      ...["afsr0_el1", "afsr1_el1", "amair_el1", "esr_el1", "far_el1", "elr_el1", "spsr_el1", "csselr_el1"].map((name) => `mrs x0, ${name}`),
      ...["cntv_ctl_el0", "cntp_ctl_el0", "cntv_cval_el0", "cntp_cval_el0"].map((name) => `mrs x0, ${name}`),
      "mrs x0, fpcr",
      "mrs x0, fpsr",
      "mrs x0, sp_el0",
      "mov x0, sp",
      "mrs x0, nzcv"
    ])
  ),
  guest(
    "written-registers",
    ["sctlr_el1", "tcr_el1", "ttbr0_el1", "ttbr1_el1", "mair_el1", "amair_el1", "contextidr_el1", "cpacr_el1", "cntkctl_el1", "vbar_el1"]
      .concat(["tpidr_el0", "tpidrro_el0", "tpidr_el1", "par_el1", "far_el1", "esr_el1", "elr_el1", "spsr_el1", "afsr0_el1", "afsr1_el1"])
      .concat(["mdscr_el1", "csselr_el1", "fpcr", "fpsr", "sp_el0", "actlr_el1", "cntv_cval_el0", "cntp_cval_el0"])
      .concat(["s2_0_c0_c0_4", "s2_0_c0_c0_5", "s2_0_c0_c1_6", "s2_0_c0_c1_7", "s2_0_c1_c3_4", "s2_0_c0_c2_0", "s3_0_c10_c2_2", "s3_0_c10_c2_3"])
      .concat(["s3_0_c2_c0_3", "s3_0_c1_c0_3", "s3_0_c12_c1_1", "s3_3_c13_c0_5", "s3_3_c4_c4_2", "s3_0_c1_c2_0", "s3_0_c1_c2_6"])
      .map((name) => {
        // bits that turn nothing on: SCTLR_EL1 keeps the MMU and EE off
        const pattern = name === "sctlr_el1" ? "0xffffffff00000000" : "0xffffffffffffffff"
        const sctlr = name === "sctlr_el1" ? "0xf5f5d0fc" : pattern
        return `mrs x5, ${name}\nset x1, ${sctlr}\nmsr ${name}, x1\nisb\nmrs x0, ${name}\nmsr ${name}, x5\nisb\nreport x0`
      })
      .join("\n")
  ),
  guest(
    "cpacr",
    ["0x000000", "0x100000", "0x200000", "0x300000", "0x010000", "0x330000", "0x3000000", "0x10000000", "0xffffffffffffffff"]
      .map(
        (value) => `
    set x0, ${value}
    msr cpacr_el1, x0
    isb
    mrs x0, cpacr_el1
    report x0
    fmov d0, x0
    mrs x0, fpcr
    .word 0x2518e3e0             ; ptrue
    .word 0xd5033f7f             ; smstart
    mrs x0, s3_0_c1_c2_0
    mrs x0, s3_3_c4_c4_2`
      )
      .join("\n")
  ),
  guest("instructions", each(INSTRUCTIONS)),
  guest(
    "debug",
    `
    ${each(["mrs x0, mdscr_el1", "mrs x0, oslsr_el1", "mrs x0, s2_0_c1_c3_4", "mrs x0, s2_0_c0_c5_4", "mrs x0, s2_3_c0_c1_0", "mrs x0, s2_0_c7_c14_6"])}
    set x0, 1
    msr s2_0_c1_c0_4, x0
    isb
    mrs x0, oslsr_el1
    report x0
    msr s2_0_c1_c0_4, xzr
    isb
    mrs x0, oslsr_el1
    report x0
    set x0, 0x0000ffffffffffff
    msr s2_0_c0_c0_4, x0
    mrs x0, s2_0_c0_c0_4
    report x0
    set x0, ${RAM + 0xf00}
    msr s2_0_c0_c1_4, x0
    mrs x0, s2_0_c0_c1_4
    report x0
    ${each([
      "mrs x0, s3_3_c9_c12_0",
      "mrs x0, s3_3_c9_c13_0",
      "mrs x0, s3_3_c14_c15_7",
      "mrs x0, s3_0_c9_c9_0",
      "mrs x0, s3_0_c9_c11_0",
      "mrs x0, s2_1_c9_c0_0"
    ])}`
  ),
  guest(
    "controller-absent",
    each([
      "mrs x0, s3_0_c12_c12_5",
      "msr s3_0_c12_c12_5, x0",
      "mrs x0, s3_0_c4_c6_0",
      "msr s3_0_c4_c6_0, x0",
      "mrs x0, s3_0_c12_c12_0",
      "mrs x0, s3_0_c12_c8_0",
      "msr s3_0_c12_c11_5, x0",
      "mrs x0, s3_0_c12_c12_4",
      "mrs x0, s3_0_c12_c12_7",
      "mrs x0, s3_0_c12_c8_4"
    ])
  ),
  ...[2, 3].flatMap((op0) => [0, 1, 2, 3, 4, 5, 6, 7].map((op1) => sweep(op0, op1)))
]
