/** Everything mixed: vectors and their gates between exits of every kind, odd states, memory touched first by odd instructions. */
import { DATA, RAM, TAG } from "../guest-assembler.ts"
import { guest, psci, psciWide, type RealKernelGuest, range, smccc } from "./guest.ts"

/** The ways out of a guest, one after the other; each keeps all registers but X0 to X4. */
const EXITS: readonly string[] = [
  smccc(0x84000000),
  smccc(0x84000000, [9, 9, 9], "smc #0"),
  "ldr x0, [x19, #1608]\nreport x0",
  "mrs x0, s3_0_c0_c4_0",
  "wfe",
  "smc #0x1234\nreport x0",
  "mrs x0, s3_3_c9_c12_0", // PMCR_EL0
  "set x0, 0x80000000\nset x1, 0x55\nhvc #0xffff\nreport x0",
  "stp xzr, x0, [sp, #-16]!\nldp x1, x0, [sp], #16",
  "smstart",
  "msr s3_0_c1_c0_1, xzr", // ACTLR_EL1
  "set x0, 0x40000\ndc isw, x0"
]
const exit = (n: number): string => EXITS[n % EXITS.length]!
const enable = (cpacr: string): string => `set x0, ${cpacr}\nmsr cpacr_el1, x0\nisb`
/** A stack of its own, in memory that nobody has touched. */
const stack = `set x0, ${DATA + 0x8000}\nmov sp, x0`
/** To EL0 (or another state) at a label with this PSTATE; an exception comes back to the next line. */
const at = (label: string, pstate: number | string): string => `
    adr x22, =after_${label}
    adr x0, =${label}
    msr elr_el1, x0
    set x0, ${pstate}
    msr spsr_el1, x0
    eret
    ${label}_never:
    nop
    after_${label}:`
/** FPMR without its RES0 bits, of the low 31. */
const FPMR_BITS = 0x7f7fc1ff
const FIELDS = ["0x000000", "0x100000", "0x200000", "0x300000", "0x110000", "0x310000", "0x130000", "0x330000", "0x320000", "0x030000", "0x3330000"]

/** Tables at DATA + 0x20000: the first GiB and the second as blocks; 2 MiB of pages at 0x80000000: RAM from page 0x30 on, then no slot. */
const TABLES = `
    set x0, ${DATA + 0x20000}
    set x1, 0x40000705
    str x1, [x0, #8]
    set x1, 0x60000000000601
    str x1, [x0]
    add x2, x0, #0x1, lsl #12
    orr x3, x2, #3
    str x3, [x0, #16]
    add x4, x0, #0x2, lsl #12
    orr x5, x4, #3
    str x5, [x2]
    set x6, 0x40030707
    str x6, [x4]
    set x6, 0x60000707
    str x6, [x4, #8]
    set x6, 0x60001707
    str x6, [x4, #16]
    set x6, 0x40031707
    str x6, [x4, #24]
    set x6, 0x40032747
    str x6, [x4, #32]
    set x6, 0xff00
    msr mair_el1, x6
    set x6, 0x200803519
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

export const MIXTURE_GUESTS: readonly RealKernelGuest[] = [
  guest(
    "mix-fp-gates",
    `${stack}
    ${FIELDS.map(
      (field, i) => `
      ${enable(field)}
      fmov d${i}, #1.5
      ${exit(i)}
      fmov x0, d${i}
      report x0
      mrs x0, fpcr
      ptrue p0.b
      mrs x0, s3_0_c1_c2_0
      mrs x0, cpacr_el1
      report x0`
    ).join("\n")}
    ${enable("0x300000")}
    ${range(11)
      .map((i) => `fmov x0, d${i}\nreport x0`)
      .join("\n")}
    report x20`
  ),
  guest(
    "mix-sve-gates",
    `${stack}
    ${enable("0x330000")}
    set x0, 15
    msr s3_0_c1_c2_0, x0
    ptrue p3.s
    index z3.d, #1, #7
    ${FIELDS.map(
      (field, i) => `
      ${enable(field)}
      index z0.s, #${i}, #3
      ${exit(i + 3)}
      rdvl x0, #1
      report x0
      uaddv d1, p3, z3.d
      fmov x0, d1
      report x0
      mrs x0, s3_0_c1_c2_0
      report x0`
    ).join("\n")}
    ${enable("0x330000")}
    uaddv d1, p3, z3.s
    fmov x0, d1
    report x0
    report x20`,
    { sve: true }
  ),
  guest(
    "mix-zcr-walk",
    `${stack}
    ${enable("0x330000")}
    ${[15, 0, 3, 1, 2, 7, 0, 15, 16, 0x1ff, 5]
      .map(
        (length, i) => `
      set x0, ${length}
      msr s3_0_c1_c2_0, x0
      rdvl x0, #1
      report x0
      ptrue p0.b
      cntp x0, p0, p0.b
      report x0
      index z${i}.b, #${i}, #1
      ${exit(i)}
      uaddv d30, p0, z${i}.b
      fmov x0, d30
      report x0
      fmov d${i + 1}, #2.0
      mrs x0, s3_0_c1_c2_0
      report x0`
      )
      .join("\n")}
    report x20`,
    { sve: true }
  ),
  guest(
    "mix-predicates",
    `${stack}
    ${enable("0x330000")}
    set x0, 15
    msr s3_0_c1_c2_0, x0
    isb
    setffr
    ${range(12)
      .map(
        (i) => `
      movz x5, #${i * 5 + 1}
      whilelo p${i}.b, xzr, x5
      wrffr p${i}.b
      ${exit(i)}
      rdffr p15.b
      cntp x0, p15, p15.b
      report x0
      cntp x0, p${i}, p${i}.b
      report x0`
      )
      .join("\n")}
    set x1, ${DATA + 0x9ff0}
    str p11, [x1]
    str z3, [x1, #1, mul vl]
    ldr p12, [x1]
    cntp x0, p12, p12.b
    report x0
    report x20`,
    { sve: true }
  ),
  ...[false, true].map((sve) =>
    guest(
      `mix-fpmr${sve ? "-sve" : ""}`,
      `${stack}
    ${enable("0x330000")}
    mrs x0, fpmr
    report x0
    ${range(12)
      .map(
        (i) => `
      set x0, 0x${((0x1234567 * (i + 1)) & FPMR_BITS).toString(16)}
      msr fpmr, x0
      ${exit(i)}
      mrs x0, fpmr
      report x0`
      )
      .join("\n")}
    ${enable("0")}
    mrs x0, fpmr
    ${enable("0x100000")}
    mrs x0, fpmr
    report x0
    report x20`,
      { sve }
    )
  ),
  guest(
    "mix-status",
    `${stack}
    ${range(12)
      .map(
        (i) => `
      set x0, 0x${((0x9f + i * 0x0c300000) >>> 0).toString(16)}
      msr fpsr, x0
      set x0, 0x${((i * 0x01c00000) >>> 0).toString(16)}
      msr fpcr, x0
      ${exit(i)}
      mrs x0, fpsr
      report x0
      mrs x0, fpcr
      report x0
      fmov d1, #3.0
      fmov d2, #7.0
      fdiv d3, d1, d2
      mrs x0, fpsr
      report x0
      fmov x0, d3
      report x0`
      )
      .join("\n")}
    report x20`
  ),
  guest(
    "mix-first-touch",
    `
    set x1, ${DATA + 0x8ff8}
    ldp x2, x3, [x1]              ; two pages, both new
    report x2
    set x1, ${DATA + 0xaff8}
    stp x1, x1, [x1]
    ldr x0, [x1, #8]
    report x0
    set x1, ${DATA + 0xcff0}
    stp q0, q1, [x1]
    ldr x0, [x1]
    report x0
    set x1, ${DATA + 0xe000}
    ldxr x0, [x1]
    add x0, x0, #5
    stxr w2, x0, [x1]
    ldr x0, [x1]
    report x0
    set x1, ${DATA + 0xf000}
    movz x2, #7
    ldadd x2, x3, [x1]
    report x3
    set x1, ${DATA + 0x10000}
    movz x2, #0
    movz x3, #9
    cas x2, x3, [x1]
    ldr x0, [x1]
    report x0
    set x1, ${DATA + 0x11000}
    dc zva, x1
    ldr x0, [x1]
    report x0
    set x1, ${DATA + 0x12000}
    dc cvac, x1
    ic ivau, x1
    dc civac, x1
    dc cvau, x1
    dc ivac, x1
    set x1, ${DATA + 0x13ff8}
    mov sp, x1
    mov x1, sp
    set x1, ${DATA + 0x14000}
    mov sp, x1
    str x30, [sp, #-16]!
    ldr x0, [sp], #16
    report x0
    set x1, ${DATA + 0x15000}
    prfm pldl1keep, [x1]
    swp x1, x2, [x1]
    report x2
    set x1, ${DATA + 0x16000}
    set x2, 0x1234
    stlxr w3, x2, [x1]
    report x3
    set x1, ${DATA + 0x17ff0}
    ldxp x2, x3, [x1]
    stxp w4, x1, x1, [x1]
    ldr x0, [x1, #8]
    report x0
    set x1, ${DATA + 0x18000}
    adr x22, =after_new_code
    br x1                         ; a page of zeroes
    after_new_code:
    mov v0.d[0], x1
    set x1, ${DATA + 0x1a000}
    ld1 {v0.16b, v1.16b}, [x1], #32
    report x1
    st1 {v0.d}[1], [x1], #8
    report x1
    report x20`
  ),
  guest(
    "mix-new-code",
    `
    set x1, ${DATA + 0x8ffc}
    set x2, 0xd2800020             ; movz x0, #1
    str w2, [x1]
    set x2, 0x91000800             ; add x0, x0, #2
    str w2, [x1, #4]
    set x2, 0xd65f03c0             ; ret
    str w2, [x1, #8]
    dc cvau, x1
    add x3, x1, #4
    dc cvau, x3
    dsb sy
    ic ivau, x1
    ic ivau, x3
    dsb sy
    isb
    blr x1
    report x0
    ${range(6)
      .map(
        (i) => `
      set x2, 0x${(0x91000800 + (i << 10)).toString(16)}
      set x1, ${DATA + 0x9000}
      str w2, [x1]
      dc cvau, x1
      dsb ish
      ${i & 1 ? "ic iallu" : "ic ivau, x1"}
      dsb ish
      isb
      ${exit(i)}
      set x1, ${DATA + 0x8ffc}
      blr x1
      report x0`
      )
      .join("\n")}
    adr x1, =patched
    set x2, 0xd2800540             ; movz x0, #42
    str w2, [x1]
    dc cvau, x1
    dsb ish
    ic ialluis
    dsb ish
    isb
    patched:
    movz x0, #1
    report x0`
  ),
  guest(
    "mix-odd-states",
    `${stack}
    ${[0x3c4, 0x3c5, 0xf00003c4, 0x4003c4, 0x14003c5, 0x8003c5, 0x0, 0x3c0, 0xa00003c0, 0x1000, 0x10003c5]
      .map((pstate, i) => `movz x20, #0\n${at(`state${i}`, `0x${pstate.toString(16)}`)}\nreport x20\nmrs x0, spsr_el1\nreport x0`)
      .join("\n")}
    mrs x0, spsel
    report x0`,
    {
      more: range(11)
        .map(
          (i) =>
            `state${i}:\n${["smstart", "mrs x0, s3_0_c1_c2_6", "hvc #0", "ptrue p0.b", "smc #3\nudf #1", "mrs x0, s3_3_c13_c0_5"][i % 6]}\nudf #2`
        )
        .join("\n")
    }
  ),
  guest(
    "mix-el0-vectors",
    `${stack}
    ${FIELDS.map((field, i) => `${enable(field)}\n${at(`user${i}`, "0x3c0")}\nreport x20`).join("\n")}
    ${enable("0x330000")}
    fmov x0, d1
    report x0
    rdvl x0, #1
    report x0`,
    {
      sve: true,
      more: FIELDS.map(
        (_, i) =>
          `user${i}:\n${i % 2 ? "index z1.s, #3, #1" : "fmov d1, #1.25"}\n${["nop", "rdvl x1, #1\nreport x1", "mrs x1, fpcr"][i % 3]}\nfmov x0, d1\nreport x0\nsvc #${i}`
      ).join("\n")
    }
  ),
  guest(
    "mix-unaligned-mmio",
    `${TABLES}
    set x8, 0x80001000
    ${[
      "ldr x0, [x8, #8]",
      "ldur x0, [x8, #1]",
      "ldur w0, [x8, #3]",
      "ldurh w0, [x8, #5]",
      "ldursw x0, [x8, #7]",
      "ldurb w0, [x8, #9]",
      "ldursh w0, [x8, #1]"
    ]
      .map((i) => `${i}\nreport x0`)
      .join("\n")}
    set x0, 0x0123456789abcdef
    stur x0, [x8, #1]
    stur w0, [x8, #5]
    sturh w0, [x8, #7]
    set x9, 0x80001ffc
    ldr x0, [x9]                  ; over the end of a page, both without a slot
    report x0
    str x0, [x9]
    ldr x0, [x8], #8
    report x0
    report x8
    report x20`,
    { nisv: true }
  ),
  ...[
    "ldr q0, [x8]",
    "ld1 {v0.16b}, [x8]",
    "ldpsw x0, x2, [x8]",
    "ldaxr x0, [x8]",
    "stlxr w0, x1, [x8]",
    "swpal x0, x2, [x8]",
    "cas x0, x2, [x8]",
    "ldr x0, [x8, #8]!",
    "st1 {v0.b}[3], [x8]",
    "ldxp x0, x2, [x8]"
  ].flatMap((instruction, i) =>
    [false, true].map((nisv) => guest(`mix-mmio-${i}${nisv ? "-nisv" : ""}`, `set x8, 0x0a000000\n${instruction}\nreport x8\nreport x26`, { nisv }))
  ),
  guest(
    "mix-translate",
    `${TABLES}
    ${["s1e1r", "s1e1w", "s1e0r", "s1e0w", "s1e1rp", "s1e1wp"]
      .flatMap((op) =>
        ["0x80000000", "0x80001008", "0x80004000", "0x80005000", "0x40004000", "0xc0000000", "0x9000000"].map(
          (a) => `set x9, ${a}\nat ${op}, x9\nisb\nmrs x0, par_el1\nreport x0`
        )
      )
      .join("\n")}
    set x0, 0x1234
    msr par_el1, x0
    set x9, 0x80003000
    str x9, [x9]                   ; a page that is new at stage 2
    mrs x0, par_el1
    report x0
    ${["vmalle1os", "vmalle1is", "alle1"].map((op) => `tlbi ${op}`).join("\n")}
    ${["vae1", "aside1", "vaae1is", "vale1", "vaale1os", "rvae1", "rvaae1is", "ipas2e1", "vae2"].map((op) => `tlbi ${op}, xzr`).join("\n")}
    dsb sy
    ldr x0, [x9]
    report x0
    report x20`
  ),
  guest(
    "mix-timers",
    `
    ${["v", "p"]
      .flatMap((t) =>
        ["0", "0x7fffffffffffffff", "0xffffffffffffffff"].map(
          (cval) => `
      set x0, ${cval}
      msr cnt${t}_cval_el0, x0
      ${range(4)
        .map((c) => `movz x0, #${c === 1 ? 3 : c}\nmsr cnt${t}_ctl_el0, x0\nisb\nmrs x0, cnt${t}_ctl_el0\nreport x0`)
        .join("\n")}
      mrs x0, cnt${t}_cval_el0
      report x0
      ${smccc(0x84000000)}
      mrs x0, cnt${t}_ctl_el0
      report x0`
        )
      )
      .join("\n")}
    set x0, 0xffffffff80000000
    msr cntv_tval_el0, x0
    mrs x0, cntv_ctl_el0
    report x0
    msr cntv_ctl_el0, xzr
    msr cntp_ctl_el0, xzr
    msr cntvoff_el2, x0
    mrs x0, cnthctl_el2
    mrs x0, cntps_ctl_el1
    set x0, 3
    msr cntkctl_el1, x0
    ${at("clock", "0x3c0")}
    msr cntkctl_el1, xzr
    ${at("clock2", "0x3c0")}
    report x20`,
    {
      more: ["clock", "clock2"]
        .map((name) => `${name}:\nmrs x0, cntvct_el0\nmrs x0, cntfrq_el0\nmrs x0, cntpct_el0\nmrs x0, cntv_ctl_el0\nmsr cntv_cval_el0, x0\nsvc #1`)
        .join("\n")
    }
  ),
  guest(
    "mix-waits",
    `
    ${range(3)
      .map(() => "wfe")
      .join("\n")}
    sev
    sevl
    wfe
    .word 0xd5031000               ; wfet x0, at a time long past
    .word 0xd503101f               ; wfet xzr
    .word 0xd5031020               ; wfit x0
    movz x0, #0
    .word 0xd5031020
    .word 0xd503103f               ; wfit xzr
    yield
    esb
    report x20
    mrs x0, isr_el1
    report x0
    ${at("wait", "0x3c0")}
    report x20`,
    { more: "wait:\nwfe\n.word 0xd5031000\nwfi\nsvc #3" }
  ),
  guest(
    "mix-debug",
    `
    mrs x0, s2_0_c1_c1_4           ; OSLSR_EL1
    report x0
    set x0, 1
    msr s2_0_c1_c0_4, x0           ; OSLAR_EL1
    mrs x0, s2_0_c1_c1_4
    report x0
    msr s2_0_c1_c0_4, xzr
    mrs x0, s2_0_c1_c1_4
    report x0
    mrs x0, mdscr_el1
    report x0
    msr s2_0_c1_c3_4, xzr          ; OSDLR_EL1
    set x0, 0x8000
    msr mdscr_el1, x0
    mrs x0, mdscr_el1
    report x0
    ${smccc(0x84000000)}
    mrs x0, mdscr_el1
    report x0
    msr mdscr_el1, xzr
    fmov d0, #1.0
    brk #1
    fmov x0, d0
    report x0
    report x20`
  ),
  guest(
    "mix-psci",
    [
      psciWide(3, [0, RAM + 2]),
      psciWide(3, [1, RAM + 1, 5]),
      psciWide(3, [1n << 32n, RAM]),
      psciWide(3, [1n << 31n, RAM]),
      psciWide(3, [0x8000_0000_0000_0001n, RAM]),
      psci(3, [0x0100_0001, RAM]),
      psciWide(4, [1, 0]),
      psciWide(4, [0x1_0000_0000_0000n, 0]),
      psciWide(4, [0, 0x1_0000_0000n]),
      psci(4, [1, 1]),
      psci(4, [1, 0x1_0000_0000n]),
      psci(10, [0x1_8400_0000n]),
      psci(0x1f),
      smccc(0x84000000),
      smccc(0x84000000, [9, 9, 9], "smc #0"),
      psciWide(0),
      psciWide(2),
      psciWide(8),
      psciWide(9),
      psci(18, [0x7fffffff]),
      psciWide(18, [0x1_0000_0000n]),
      psciWide(21, [0, 5])
    ].join("\n"),
    { vcpus: 2 }
  ),
  guest(
    "mix-two-vectors",
    `
    ${enable("0x330000")}
    mrs x10, mpidr_el1
    and x10, x10, #0xff
    cbnz x10, =other
    set x0, 0xc4000003
    set x1, 1
    set x2, ${RAM}
    set x3, 0x4321
    hvc #0
    report x0
    other:
    set x0, 15
    msr s3_0_c1_c2_0, x0
    isb
    ptrue p0.b
    dup z5.d, x10
    index z6.d, #5, #3
    setffr
    ${range(5)
      .map(
        (i) => `
      set x0, ${(i * 3) % 7}
      add x0, x0, x10
      msr s3_0_c1_c2_0, x0
      add z5.d, z5.d, z6.d
      report xzr, ${TAG.switch}
      uaddv d1, p0, z5.d
      fmov x0, d1
      report x0
      rdffr p4.b
      cntp x0, p4, p4.b
      report x0
      rdvl x0, #1
      report x0`
      )
      .join("\n")}
    report x20
    cbnz x10, =off
    report xzr, ${TAG.switch}
    report xzr, ${TAG.switch}
    report xzr, ${TAG.switch}
    ${psci(8)}
    off:
    ${psci(2)}`,
    { vcpus: 2, sve: true }
  ),
  guest(
    "mix-vectors-in-memory",
    `${stack}
    set x1, ${DATA + 0xcff0}
    fmov d0, #1.0
    str q0, [x1, #8]
    ldr q1, [x1, #8]
    fmov x0, d1
    report x0
    set x1, ${DATA + 0xe001}
    ldur q2, [x1]                  ; Device memory, the MMU is off
    fmov x0, d1
    report x0
    report x20`
  )
]
