/** Memory that is not there, read-only, translated or logged. */
import { DATA, RAM } from "../guest-assembler.ts"
import { guest, type RealKernelGuest } from "./guest.ts"

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

export const MEMORY_GUESTS: readonly RealKernelGuest[] = [
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
  )
]
