// Executes cases at EL0, EL1 and EL2 and prints what happened: see cases.ts for the layout of a case and results.ts for that of a line.
// Entered at EL2, with the cases at `cases` and their number before them. Output goes to the PL011 at 0x9000000, ended by a 4.
        .arch armv8-a
        .equ    CASE_BYTES, 224
        .text
        .global _start
_start: ldr     x0, =stack
        mov     sp, x0
        ldr     x0, =vectors2
        msr     vbar_el2, x0
        isb
        ldr     x19, =cases
        ldr     x20, [x19], #8
        ldr     x22, =0x09000000
next:   cbz     x20, done
        bl      execute
        bl      print
        add     x19, x19, #CASE_BYTES
        sub     x20, x20, #1
        b       next
done:   mov     w0, #4
        str     w0, [x22]
        ldr     x0, =0x84000008
        smc     #0
        b       .

        .macro  control register, offset
        ldr     x1, [x19, #\offset]
        msr     \register, x1
        .endm
        // The EL1 register, by its _EL12 name under E2H.
        .macro  control1 CRn, CRm, op2, offset
        ldr     x1, [x19, #\offset]
        tbnz    x21, #34, 1f
        msr     s3_0_c\CRn\()_c\CRm\()_\op2, x1
        b       2f
1:      msr     s3_5_c\CRn\()_c\CRm\()_\op2, x1
2:
        .endm

execute:
        mov     x28, x30
        ldr     x21, [x19, #40]
        msr     hcr_el2, x21
        isb
        control cptr_el2, 48
        control mdcr_el2, 56
        control hstr_el2, 64
        control s3_4_c1_c2_2, 72        // HCRX_EL2
        control s3_4_c1_c1_4, 80        // HFGRTR_EL2
        control s3_4_c1_c1_5, 88        // HFGWTR_EL2
        control s3_4_c1_c1_6, 96        // HFGITR_EL2
        control cnthctl_el2, 104
        control vttbr_el2, 112
        control vtcr_el2, 120
        control1 1, 0, 0, 128           // SCTLR
        control1 1, 0, 2, 136           // CPACR
        control1 14, 1, 0, 144          // CNTKCTL
        control1 2, 0, 2, 152           // TCR
        control1 2, 0, 0, 160           // TTBR0
        control1 2, 0, 1, 168           // TTBR1
        control1 10, 2, 0, 176          // MAIR
        control1 2, 0, 3, 184           // TCR2
        control1 10, 2, 3, 192          // PIR
        control1 10, 2, 2, 200          // PIRE0
        ldr     x1, =vectors1
        tbnz    x21, #34, 1f
        msr     vbar_el1, x1
        msr     far_el1, xzr
        b       2f
1:      msr     s3_5_c12_c0_0, x1
        msr     s3_5_c6_c0_0, xzr       // FAR_EL12
2:      control sctlr_el2, 208
        msr     hpfar_el2, xzr
        msr     far_el2, xzr
        msr     esr_el2, xzr
        tlbi    alle1
        tlbi    alle2
        dsb     sy
        isb
        ldr     x1, =slot
        ldp     w2, w3, [x19]
        ldr     w4, [x19, #8]
        stp     w2, w3, [x1]
        str     w4, [x1, #8]
        dsb     sy
        ic      iallu
        dsb     sy
        isb
        msr     elr_el2, x1
        add     x2, x1, #12
        msr     elr_el1, x2
        ldr     x2, [x19, #16]
        msr     spsr_el2, x2
        ldr     x2, =stack1
        msr     sp_el1, x2
        ldr     x2, =stack0
        msr     sp_el0, x2
        mov     x10, #0
        mov     x11, #0
        mov     x12, #0
        mov     x13, #0
        mov     x14, #0
        mov     x15, #0
        mov     x17, #0
        ldp     x0, x1, [x19, #24]
        mov     x2, #0
        eret
        .balign 64
slot:   nop
        nop
        nop
        svc     #0x777
        nop

        // The vector's number in x9; x10 is that and the level, x11 ESR, x12 FAR, x13 HPFAR, x14 ELR, x15 SPSR, x17 DAIF.
        .balign 2048
vectors2:
        .rept   16
        mov     x9, #((. - vectors2) >> 7)
        b       enter2
        .balign 128
        .endr
        .balign 2048
vectors1:
        .rept   16
        mov     x9, #((. - vectors1) >> 7)
        b       enter1
        .balign 128
        .endr
enter1: orr     x10, x9, #0x100
        mrs     x11, esr_el1
        mrs     x12, far_el1
        mrs     x14, elr_el1
        mrs     x15, spsr_el1
        mov     x13, #0
        mrs     x17, daif
        hvc     #0x778
enter2: mrs     x2, esr_el2
        ldr     x3, =0x5a000778
        cmp     x2, x3
        b.eq    1f
        orr     x10, x9, #0x200
        mov     x11, x2
        mrs     x12, far_el2
        mrs     x13, hpfar_el2
        mrs     x14, elr_el2
        mrs     x15, spsr_el2
        mrs     x17, daif
1:      mov     x2, #(1 << 31)
        msr     hcr_el2, x2
        isb
        ldr     x2, =0x30c50830
        msr     sctlr_el2, x2
        mov     x2, #0x22ff
        msr     cptr_el2, x2
        isb
        ldr     x2, =slot
        sub     x14, x14, x2
        ldr     w3, [x19, #12]
        tst     x3, #0x100
        mrs     x2, par_el1
        csel    x1, x2, x1, ne
        ret     x28

        .macro  number register
        mov     x0, \register
        bl      hex
        .endm
print:  mov     x27, x30
        mov     x24, x0
        mov     x25, x1
        number  x10
        number  x11
        number  x12
        number  x13
        number  x14
        number  x15
        number  x17
        number  x24
        number  x25
        mov     w0, #10
        str     w0, [x22]
        ret     x27
hex:    mov     w1, #60
        mov     w3, #0
1:      lsr     x2, x0, x1
        and     x2, x2, #15
        orr     w3, w3, w2
        cbnz    w3, 2f
        cbnz    w1, 4f
2:      cmp     w2, #10
        add     w2, w2, #48
        b.lo    3f
        add     w2, w2, #39
3:      str     w2, [x22]
4:      subs    w1, w1, #4
        b.pl    1b
        mov     w2, #32
        str     w2, [x22]
        ret
        .ltorg
        .balign 4096
        .skip   4096
stack:  .skip   4096
stack1: .skip   4096
stack0: .skip   8
        .balign 4096
cases:
