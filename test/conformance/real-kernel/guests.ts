/** The guests that run on the real kernel and in eltwo. */
import { DATA, guestImage, RAM, TAG } from "./guest-assembler.ts"

export interface RealKernelGuest {
  readonly name: string
  readonly image: Uint8Array
  readonly vcpus: number
  readonly ramPages: number
  /** The vCPUs have SVE. */
  readonly sve: boolean
  /** KVM_CAP_ARM_NISV_TO_USER; a read-only page at 0x50000000; dirty pages are logged and reported. */
  readonly nisv: boolean
  readonly readOnlyPage: boolean
  readonly log: boolean
}
interface Options extends Partial<Pick<RealKernelGuest, "vcpus" | "sve" | "nisv" | "readOnlyPage" | "log">> {
  /** Code or data after the vectors. */
  readonly more?: string
}
const guest = (
  name: string,
  body: string,
  { more = "", vcpus = 1, sve = false, nisv = false, readOnlyPage = false, log = false }: Options = {}
): RealKernelGuest => ({
  name,
  image: guestImage(body, more),
  vcpus,
  ramPages: 64,
  sve,
  nisv,
  readOnlyPage,
  log
})

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
/** Each instruction; what it left in X0, and the syndrome of the exception it took, or 0. */
const each = (instructions: readonly string[]): string =>
  `movz x24, #1\n${instructions.map((i) => `movz x0, #0\nmovz x21, #0\n${i}\nreport x0\nreport x21`).join("\n")}\nmovz x24, #0`
/** A call with these arguments and what comes back in X0..X3. */
const smccc = (id: number, args: readonly (number | bigint)[] = [9, 9, 9], instruction = "hvc #0", loud = true): string => `
  ${range(4)
    .map((n) => `set x${n}, ${n === 0 ? id : (args[n - 1] ?? 0)}`)
    .join("\n")}
  ${instruction}
  report x0
  ${loud ? "orr x1, x1, x2\norr x1, x1, x3\nreport x1" : ""}`
const callWithAll = (id: number, args: readonly number[] = [9, 9, 9]): string =>
  `${smccc(id, args, "hvc #0", false)}\nreport x1\nreport x2\nreport x3`
const psci = (number: number, args: readonly (number | bigint)[] = [9, 9, 9]): string => smccc(0x84000000 + number, args)
const psciWide = (number: number, args: readonly (number | bigint)[] = [9, 9, 9]): string => smccc(0xc4000000 + number, args)
const word = (text: string): string => `.word 0x${text}`
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

/** Stage 1 tables: level 1 at DATA, level 2 at +0x1000, level 3 at +0x2000; 0x40000000 as a block of its own, tests in 0x80000000 + n pages. */
const TABLES = `
    set x0, ${DATA}
    set x1, 0x40000705           ; block of 1 GiB: normal, inner shareable, accessed
    str x1, [x0, #8]
    set x1, 0x60000000000601     ; the first GiB: device, not executable
    str x1, [x0]
    add x2, x0, #0x1, lsl #12
    orr x3, x2, #3
    str x3, [x0, #16]            ; 0x80000000: level 2
    add x4, x0, #0x2, lsl #12
    orr x5, x4, #3
    str x5, [x2]                 ; its first 2 MiB: level 3
    set x6, 0x40010707           ; page 0: read and write at EL1
    str x6, [x4]
    set x6, 0x40010787           ; page 1: read only
    str x6, [x4, #8]
    set x6, 0x40010307           ; page 2: no access flag
    str x6, [x4, #16]
    set x6, 0x40010747           ; page 3: read and write at EL0 too
    str x6, [x4, #24]
    set x6, 0x20000040010707     ; page 4: PXN
    str x6, [x4, #32]
    set x6, 0x60000707           ; page 5: memory that no slot has
    str x6, [x4, #40]
    set x6, 0xfff000000707      ; page 6: beyond the IPA size
    str x6, [x4, #48]
    set x6, 0x60000003           ; second 2 MiB: a table that no slot has
    str x6, [x2, #8]
    set x6, 0xff00               ; attributes: 0 device, 1 normal
    msr mair_el1, x6
    set x6, 0x200803519          ; 39 bits, 4 KiB, no TTBR1, 40 bits out
    msr tcr_el1, x6
    msr ttbr0_el1, x0
    isb
    tlbi vmalle1
    dsb sy
    isb
    mrs x7, sctlr_el1
    orr x7, x7, #1
    msr sctlr_el1, x7
    isb`

const FP = `
    fmov d0, #1.5
    fmov d1, #-2.25
    fmul d2, d0, d1
    fmov x0, d2
    report x0
    movz x1, #3
    scvtf d3, x1
    fdiv d4, d0, d3
    fmov x0, d4
    report x0
    mrs x0, fpsr
    report x0
    mrs x0, fpcr
    report x0
    set x1, 0x0123456789abcdef
    dup v31.2d, x1
    ${smccc(0x84000000)}
    fmov x0, d31
    report x0
    fmov x0, v31.d[1]
    report x0
    set x1, 0x01c00000
    msr fpcr, x1
    fdiv d5, d0, d3
    fmov x0, d5
    report x0
    set x1, 0x7ff4000000000000
    fmov d6, x1
    fadd d6, d6, d0
    fmov x0, d6
    report x0
    ldr x2, [x19, #1608]
    mrs x0, fpcr
    report x0
    fmov x0, d6
    report x0
    report x2
    msr fpcr, xzr
    msr fpsr, xzr
    fmov d7, xzr
    fdiv d8, d0, d7
    mrs x0, fpsr
    report x0
    fmov x0, d8
    report x0
    aese v0.16b, v31.16b
    fmov x0, d0
    report x0
    uaddlv h1, v31.16b
    fmov x0, d1
    report x0
    fcvt h9, d3
    fmov x0, d9
    report x0
    frint32x d9, d2
    fmov x0, d9
    report x0`

const SVE_BODY = (zcr: string): string => `
    set x0, 0x330000
    msr cpacr_el1, x0
    isb
    mrs x0, s3_0_c1_c2_0
    report x0
    set x0, ${zcr}
    msr s3_0_c1_c2_0, x0
    isb
    mrs x0, s3_0_c1_c2_0
    report x0
    rdvl x0, #1
    report x0
    ptrue p0.b
    index z0.s, #0, #1
    index z31.d, #3, #5
    uaddv d1, p0, z0.s
    fmov x0, d1
    report x0
    ${smccc(0x84000000)}
    uaddv d1, p0, z31.d
    fmov x0, d1
    report x0
    ldr x0, [x19, #1608]
    uaddv d1, p0, z0.s
    fmov x0, d1
    report x0
    msr s3_0_c1_c2_0, xzr
    isb
    rdvl x0, #1
    report x0
    add z2.s, z0.s, z0.s
    set x0, 15
    msr s3_0_c1_c2_0, x0
    isb
    ptrue p0.b
    uaddv d1, p0, z2.s
    fmov x0, d1
    report x0
    set x0, 0x300000
    msr cpacr_el1, x0
    isb
    rdvl x0, #1
    fmov x1, d31
    report x1
    msr cpacr_el1, xzr
    isb
    ptrue p0.b
    fmov x1, d31
    mrs x0, s3_0_c1_c2_0
    report x0
    mrs x0, s3_0_c0_c4_4
    report x0
    mrs x0, s3_0_c0_c4_0
    report x0`

/** To EL0 at a label, with exceptions coming back to the next line. */
const atEl0 = (label: string): string => `
    adr x22, =after_${label}
    mov x23, x22
    adr x0, =${label}
    msr elr_el1, x0
    set x0, 0x3c0
    msr spsr_el1, x0
    movz x22, #0
    eret
    after_${label}:`

export const GUESTS: readonly RealKernelGuest[] = [
  guest("fp", FP),
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
  guest(
    "faults",
    `
    .word 0
    .word 0xffffffff
    udf #7
    brk #0x123
    svc #0x77
    nop
    svc #0xffff
    nop
    smc #1
    report x0
    hvc #5
    report x0
    hlt #3
    set x1, 0x10000000000        ; beyond the IPA size
    ldr x0, [x1]
    report x26
    set x1, 0x400000000000
    ldr x0, [x1]
    report x26
    str x0, [x1]
    report x26
    set x1, 0x0f00000000
    adr x22, =after_fetch
    br x1                        ; fetch where no slot is
    after_fetch:
    report x26
    set x1, 0x10000000000
    adr x22, =after_far_fetch
    br x1
    after_far_fetch:
    report x26
    set x1, ${RAM + 2}
    adr x22, =after_pc
    br x1
    after_pc:
    report x26
    set x0, 0x1003c5             ; IL
    msr spsr_el1, x0
    adr x0, =illegal
    msr elr_el1, x0
    adr x22, =after_illegal
    eret
    illegal:
    nop
    after_illegal:
    set x0, 0x3cd
    msr spsr_el1, x0
    adr x0, =illegal2
    msr elr_el1, x0
    adr x22, =after_illegal2
    eret
    illegal2:
    nop
    after_illegal2:
    mrs x0, hcr_el2
    mrs x0, sctlr_el3
    mrs x0, s3_5_c1_c0_0
    msr s3_0_c15_c1_2, x0
    mrs x0, s3_0_c15_c1_2
    sys #0, c7, c6, #2, x0
    dc zva, x1
    dc ivac, x1
    at s1e1r, x1
    mrs x0, par_el1
    report x0
    at s12e1r, x1
    report x20`
  ),
  guest(
    "alignment",
    `
    set x1, ${DATA + 1}
    ldr x0, [x1]                 ; while the MMU is off
    report x26
    stur x0, [x1, #2]
    report x26
    ldxr x0, [x1]
    report x26
    mov x5, sp
    set x1, ${DATA + 8}
    mov sp, x1
    mrs x6, sctlr_el1
    orr x7, x6, #8
    msr sctlr_el1, x7
    isb
    ldr x0, [sp]
    report x26
    msr sctlr_el1, x6
    isb
    mov sp, x5`
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
  guest(
    "timer",
    `
    mrs x1, cntvct_el0
    isb
    mrs x2, cntvct_el0
    cmp x2, x1
    cset x0, hs
    report x0
    mrs x3, cntpct_el0
    isb
    mrs x2, cntpct_el0
    cmp x2, x3
    cset x0, hs
    report x0
    mrs x3, s3_3_c14_c0_6        ; CNTVCTSS
    cmp x3, x1
    cset x0, hs
    report x0
    set x0, 2
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    msr cntv_cval_el0, xzr
    set x0, 3
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    set x0, 0xffffffffffffffff
    msr cntv_cval_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    mrs x0, cntv_tval_el0
    sxtw x0, w0
    set x1, 0x10000000
    msr cntv_tval_el0, x1
    mrs x2, cntv_cval_el0
    mrs x1, cntvct_el0
    cmp x2, x1
    cset x0, hi
    report x0
    msr cntv_ctl_el0, xzr
    msr cntp_cval_el0, xzr
    set x0, 3
    msr cntp_ctl_el0, x0
    isb
    mrs x0, cntp_ctl_el0
    report x0
    mrs x0, cntp_cval_el0
    report x0
    msr cntp_ctl_el0, xzr
    isb
    mrs x0, cntp_ctl_el0
    report x0
    set x0, 0xff
    msr cntp_ctl_el0, x0
    isb
    mrs x0, cntp_ctl_el0
    report x0
    msr cntp_ctl_el0, xzr
    set x0, 0xfe
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    msr cntv_ctl_el0, xzr
    mrs x0, cntkctl_el1
    report x0
    mrs x0, isr_el1
    report x0`
  ),
  ...(["v", "p"] as const).map((timer) =>
    guest(
      `timer-${timer}-interrupt`,
      `
    set x1, 20000000
    msr cnt${timer}_tval_el0, x1
    set x0, 1
    msr cnt${timer}_ctl_el0, x0
    isb
    wfi
    mrs x0, cnt${timer}_ctl_el0
    report x0
    mrs x0, isr_el1
    report x0
    msr cnt${timer}_ctl_el0, xzr
    isb
    report x0
    msr cnt${timer}_cval_el0, xzr
    set x0, 3
    msr cnt${timer}_ctl_el0, x0
    isb
    mrs x0, cnt${timer}_ctl_el0
    report x0
    wfe
    report x20`
    )
  ),
  guest(
    "timer-expired",
    `
    msr cntv_cval_el0, xzr
    set x0, 1
    msr cntv_ctl_el0, x0
    isb
    report x0
    wfi
    report x0`
  ),
  guest(
    "psci",
    [
      psci(0),
      ...range(24).map((f) => psci(10, [0x84000000 + f])),
      ...range(24).map((f) => psci(10, [0xc4000000 + f])),
      psci(10, [0x80000000]),
      psci(10, [0x80000001]),
      psci(10, [0x95c1ba5e]),
      psci(3, [7, RAM]),
      psci(3, [0, RAM]),
      psciWide(3, [0, RAM]),
      psciWide(3, [0x1_0000_0000_0000n, RAM]),
      psci(4, [0, 0]),
      psci(4, [0, 3]),
      psci(4, [0, 4]),
      psci(4, [0x100, 0]),
      psciWide(4, [0, 1]),
      psciWide(4, [0x100, 1]),
      psci(6),
      psci(5),
      psci(7),
      psciWide(6),
      psci(14, [RAM]),
      psci(15),
      psciWide(18, [1]),
      psci(18, [1]),
      psciWide(21, [2]),
      psciWide(21, [0, 1]),
      psci(31),
      smccc(0x84000020),
      smccc(0x95c1ba5e),
      smccc(0x95c1ba5f),
      smccc(0x95c1ba60),
      smccc(0x84000000, [9, 9, 9], "smc #0"),
      smccc(0x84000000, [9, 9, 9], "smc #7"),
      smccc(0x84000000, [9, 9, 9], "hvc #7")
    ].join("\n")
  ),
  guest(
    "hypercalls",
    [
      callWithAll(0x80000000),
      ...[0x80000000, 0x80000001, 0x80000002, 0x80008000, 0x80007fff, 0x80003fff, 0xc5000020, 0x84000000, 0x80000003].map((f) =>
        smccc(0x80000001, [f])
      ),
      ...[0x80000002, 0x80000003, 0x80008000, 0x80007fff, 0x80003fff].map((f) => smccc(f)),
      callWithAll(0x8600ff01),
      callWithAll(0x86000000),
      smccc(0x86000001, [7]),
      ...[2, 3, 4, 7, 0x40, 0x41, 0xff00, 0xff03].map((f) => smccc(0x86000000 + f)),
      ...[0x50, 0x51].map((f) => callWithAll(0x84000000 + f, [0x84000053])),
      ...[64, 0, 193].map((bits) => smccc(0xc4000053, [bits], "hvc #0", false)),
      ...[1, 96, 97].map((bits) => smccc(0x84000053, [bits], "hvc #0", false)),
      callWithAll(0x84000052),
      smccc(0xc5000020, [0xc5000021]),
      smccc(0xc5000021),
      ...[0x82000000, 0x83000000, 0x85000000, 0xb2000000, 0xbf00ff01, 0, 1, 0xffffffff, 0xc6000000, 0x86ffffff].map((f) => smccc(f))
    ].join("\n")
  ),
  guest("off", `${psci(8)}`),
  guest("reset", psci(9)),
  guest("reset2", psciWide(18, [0, 5])),
  guest("reset2-vendor", psci(18, [0x80000001])),
  guest("off2", psciWide(21, [1])),
  guest("off2-zero", psci(21, [0])),
  guest(
    "mmio",
    `
    set x1, 0x0a000000
    ldr x0, [x1]
    report x0
    ldr w0, [x1, #8]
    report x0
    ldrh w0, [x1, #2]
    report x0
    ldrb w0, [x1, #1]
    report x0
    ldrsb x0, [x1, #1]
    report x0
    ldrsb w0, [x1, #1]
    report x0
    ldrsh x0, [x1, #2]
    report x0
    ldrsh w0, [x1, #2]
    report x0
    ldrsw x0, [x1, #4]
    report x0
    ldr xzr, [x1]
    ldrb wzr, [x1]
    set x0, 0x0123456789abcdef
    str x0, [x1, #16]
    str w0, [x1, #20]
    strh w0, [x1, #22]
    strb w0, [x1, #23]
    str xzr, [x1]
    strb wzr, [x1, #3]
    ldur x0, [x1, #8]
    report x0
    ldar x0, [x1]
    report x0
    ldar w0, [x1]
    report x0
    ldapr x0, [x1]
    report x0
    stlr x0, [x1]
    stlrb w0, [x1]
    movz x2, #0x20
    ldr x0, [x1, x2]
    report x0
    ldr x30, [x1]
    report x30
    mrs x7, sctlr_el1
    orr x8, x7, #0x2000000       ; EE
    msr sctlr_el1, x8
    isb
    ldr x0, [x1]
    ldr w2, [x1]
    ldrsh x3, [x1]
    ldrb w4, [x1]
    strh w7, [x1]
    msr sctlr_el1, x7
    isb
    report x0
    report x2
    report x3
    report x4
    dc ivac, x1
    dc cvac, x1
    prfm pldl1keep, [x1]
    report x20`
  ),
  ...[
    "ldp x0, x2, [x1]",
    "ldr x0, [x1], #8",
    "str x0, [x1, #8]!",
    "ldr d0, [x1]",
    "stp xzr, xzr, [x1]",
    "ldxr x0, [x1]",
    "ldadd x0, x2, [x1]",
    "dc zva, x1"
  ].flatMap((instruction, i) =>
    [false, true].map((nisv) =>
      guest(`mmio-no-syndrome-${i}${nisv ? "-nisv" : ""}`, `set x1, 0x0a000000\n${instruction}\nreport x1\nreport x26`, { nisv })
    )
  ),
  guest(
    "read-only-memory",
    `
    set x1, 0x50000000
    ldr x0, [x1]
    report x0
    str x1, [x1, #8]
    strb w1, [x1, #9]
    ldr x0, [x1, #8]
    report x0
    dc civac, x1
    report x20
    swp x0, x2, [x1]`,
    { readOnlyPage: true }
  ),
  guest(
    "translation",
    `${TABLES}
    set x8, 0x80000000
    ldr x0, [x8]
    report x0
    str x8, [x8, #8]
    ldr x0, [x8, #9]
    report x0
    set x1, 0x1000
    add x9, x8, x1
    ldr x0, [x9, #8]
    report x0
    str x8, [x9]
    report x26
    add x9, x9, x1
    ldr x0, [x9]
    report x26
    add x9, x9, x1
    ldr x0, [x9]
    report x26
    set x2, 0x1000
    add x9, x9, x1
    adr x22, =after_pxn
    br x9
    after_pxn:
    report x26
    add x9, x9, x1
    ldr x0, [x9, #16]
    report x0
    str x8, [x9, #24]
    adr x22, =after_io
    br x9
    after_io:
    report x26
    add x9, x9, x1
    ldr x0, [x9]
    report x26
    add x9, x9, x1
    ldr x0, [x9]
    report x26
    set x9, 0x80200000
    ldr x0, [x9]
    report x26
    adr x22, =after_walk
    br x9
    after_walk:
    report x26
    set x9, 0x80400000
    ldr x0, [x9]
    report x26
    set x9, 0xc0000000
    str x0, [x9]
    report x26
    set x9, 0x800000000000
    ldr x0, [x9]
    report x26
    set x9, 0xffff000000000000
    ldr x0, [x9]
    report x26
    set x9, 0x80000000
    at s1e1r, x9
    mrs x0, par_el1
    report x0
    at s1e0r, x9
    mrs x0, par_el1
    report x0
    at s1e1w, x9
    mrs x0, par_el1
    report x0
    set x9, 0x80005000
    at s1e1r, x9
    mrs x0, par_el1
    report x0
    set x9, 0x80200000
    at s1e1r, x9
    mrs x0, par_el1
    report x0
    set x9, 0x80002000
    at s1e1r, x9
    mrs x0, par_el1
    report x0
    report x20`
  ),
  guest(
    "el0",
    `
    ${["el0_svc", "el0_udf", "el0_id", "el0_cnt", "el0_fp", "el0_wfi", "el0_ctr", "el0_zva", "el0_daif", "el0_brk", "el0_hvc", "el0_smc", "el0_mmio", "el0_msr", "el0_pmu", "el0_tls", "el0_abort"].map(atEl0).join("\n")}
    set x0, 0x100000
    msr cpacr_el1, x0
    ${atEl0("el0_fp2")}
    report x20`,
    {
      more: [
        ["svc", "svc #1\nnop"],
        ["udf", "udf #1"],
        ["id", "mrs x0, s3_0_c0_c4_0"],
        ["cnt", "mrs x0, cntvct_el0"],
        ["fp", "fmov d0, #1.0\nfmov x0, d0\nreport x0"],
        ["wfi", "wfe"],
        ["ctr", "mrs x0, ctr_el0\nreport x0"],
        ["zva", `set x0, ${DATA}\ndc zva, x0`],
        ["daif", "mrs x0, daif"],
        ["brk", "brk #9"],
        ["hvc", "hvc #0"],
        ["smc", "smc #0"],
        ["mmio", "set x1, 0x0a000000\nldr x0, [x1]\nreport x0"],
        ["msr", "msr tpidr_el1, x0"],
        ["pmu", "mrs x0, s3_3_c9_c13_0"],
        ["tls", "mrs x0, tpidr_el0\nmrs x1, tpidrro_el0\nreport x0\nreport x1\nmsr tpidrro_el0, x0"],
        ["abort", "set x1, 0x10000000000\nldr x0, [x1]"],
        ["fp2", "fmov d0, #1.0"]
      ]
        .map(([name, code]) => `el0_${name}:\n${code}\nadr x22, =after_el0_${name}\nmovz x0, #0\nsvc #0x55`)
        .join("\n")
    }
  ),
  guest(
    "two-vcpus",
    `
    mrs x1, mpidr_el1
    and x1, x1, #0xff
    cbnz x1, =second
    mrs x0, mpidr_el1
    report x0
    ${psci(4, [1])}
    set x3, 0x1234
    set x0, 0xc4000003
    set x1, 1
    set x2, ${RAM}
    hvc #0
    report x0
    ${psci(4, [1])}
    ${psciWide(3, [1, RAM])}
    fmov d9, #3.0
    set x5, ${DATA}
    set x6, 0x77
    str x6, [x5]
    report xzr, ${TAG.switch}
    fmov x0, d9
    report x0
    ldr x0, [x5]
    report x0
    ldr x0, [x5, #8]
    report x0
    report xzr, ${TAG.switch}
    ${psci(4, [1])}
    ${psci(8)}
    second:
    mrs x0, mpidr_el1
    report x0
    fmov x0, d9
    report x0
    set x5, ${DATA}
    ldr x0, [x5]
    report x0
    set x6, 0x99
    str x6, [x5]
    mrs x0, sp_el0
    report x0
    report x3
    fmov d9, #7.0
    report xzr, ${TAG.switch}
    fmov x0, d9
    report x0
    ${psci(4, [0])}`,
    { vcpus: 2 }
  ),
  guest(
    "dirty-pages",
    `
    set x1, ${RAM + 0x10000}
    str x1, [x1]
    set x2, 0x3000
    add x1, x1, x2
    ldr x0, [x1]
    str x0, [x1, #8]
    add x1, x1, x2
    ldr x0, [x1]
    dc zva, x1
    add x1, x1, x2
    ldr x0, [x1]
    add x1, x1, x2
    ldadd x0, x3, [x1]
    set x2, 0xffc
    add x1, x1, x2
    str w1, [x1]
    report x1`,
    { log: true }
  ),
  guest("sve-absent", `${SVE_BODY("15")}`),
  guest("sve", SVE_BODY("15"), { sve: true }),
  guest("sve-short", SVE_BODY("1"), { sve: true }),
  ...[2, 3].flatMap((op0) => [0, 1, 2, 3, 4, 5, 6, 7].map((op1) => sweep(op0, op1)))
]
