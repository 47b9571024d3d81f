/** Faults of EL1 and EL0, and interrupts and aborts that user space makes. */
import { DATA, RAM, TAG } from "../guest-assembler.ts"
import { guest, type RealKernelGuest } from "./guest.ts"

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

export const EXCEPTION_GUESTS: readonly RealKernelGuest[] = [
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
    "irq-line",
    `
    movz x0, #1
    report x0, ${TAG.irq}
    mrs x0, isr_el1
    report x0
    wfi
    msr daifclr, #2
    nop
    mrs x0, isr_el1
    report x0
    movz x0, #1
    report x0, ${TAG.irq}
    nop
    report x20
    msr daifset, #2`
  ),
  guest(
    "external-abort",
    `
    set x0, 0x77
    report x0, ${TAG.abort}
    report x26
    set x1, 0x0a000000
    ldr x0, [x1]
    report x0
    report x0, ${TAG.abort}
    report x26
    report x20`
  ),
  guest(
    "serror",
    `
    set x0, 0x123
    report x0, ${TAG.serror}
    mrs x0, isr_el1
    report x0
    msr daifclr, #4
    nop
    mrs x0, isr_el1
    report x0
    set x0, 0x456
    adr x22, =after_first
    report x0, ${TAG.serror}
    after_first:
    msr daifclr, #4
    adr x22, =after_second
    report xzr, ${TAG.serror}
    after_second:
    msr daifset, #4
    report x20`
  )
]
