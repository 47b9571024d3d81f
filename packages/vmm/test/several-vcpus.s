// Every vCPU there is adds its share to a sum under a lock, keeps a sum of its own in a vector register, and goes off. The first one starts the others,
// waits until they are off, and says how many there were and what the sum is.
.equ ROUNDS, 500
        b       begin
        .balign 64
lock:   .quad   0
sum:    .quad   0
floats: .quad   0
text:   .ascii  "00 vCPUs, sum 0000000000000000, floats 0000000000000000\n\0"
        .balign 16
stop:   .quad   0x20026
        .quad   0

begin:
        mov     x19, #1                 // who is next to be started
start_next:
        movz    x0, #0xc400, lsl #16
        movk    x0, #3
        mov     x1, x19
        adr     x2, work
        mov     x3, x19
        hvc     #0
        cbnz    x0, started
        add     x19, x19, #1
        b       start_next
started:
        mov     x0, #0
        bl      share
        mov     x20, #1
wait:
        cmp     x20, x19
        b.eq    report
        movz    x0, #0xc400, lsl #16
        movk    x0, #4
        mov     x1, x20
        mov     x2, #0
        hvc     #0
        cmp     x0, #1
        b.ne    pause
        add     x20, x20, #1
        b       wait
pause:
        wfe
        wfe
        b       wait
report:
        adr     x1, text
        mov     x2, #10
        udiv    x3, x19, x2
        msub    x4, x3, x2, x19
        add     w3, w3, #0x30
        add     w4, w4, #0x30
        strb    w3, [x1]
        strb    w4, [x1, #1]
        adr     x0, sum
        ldr     x0, [x0]
        add     x1, x1, #14
        bl      digits
        adr     x0, floats
        ldr     x0, [x0]
        add     x1, x1, #25
        bl      digits
        mov     w0, #4                  // SYS_WRITE0
        adr     x1, text
        hlt     #0xf000
        mov     w0, #0x18               // SYS_EXIT
        adr     x1, stop
        hlt     #0xf000

digits:                                 // X0 in hexadecimal to X1, which stays
        mov     x2, #60
next_digit:
        lsr     x3, x0, x2
        and     x3, x3, #15
        cmp     x3, #10
        add     x4, x3, #0x30
        add     x5, x3, #0x57
        csel    x4, x4, x5, lo
        sub     x6, x2, #60
        neg     x6, x6
        lsr     x6, x6, #2
        strb    w4, [x1, x6]
        subs    x2, x2, #4
        b.ge    next_digit
        ret

work:                                   // X0: who this is
        bl      share
        movz    x0, #0x8400, lsl #16
        movk    x0, #2
        hvc     #0
        b       .

share:                                  // X0: who this is
        mov     x21, x30
        add     x22, x0, #1
        mov     x1, #0x300000
        msr     cpacr_el1, x1
        isb
        scvtf   d0, x22
        fmov    d1, xzr
        mov     x23, #ROUNDS
again:
        adr     x1, lock
acquire:
        ldaxr   w2, [x1]
        cbnz    w2, acquire
        mov     w3, #1
        stxr    w4, w3, [x1]
        cbnz    w4, acquire
        ldr     x5, [x1, #8]
        add     x5, x5, x22
        str     x5, [x1, #8]
        fadd    d1, d1, d0
        stlr    wzr, [x1]
        sev
        subs    x23, x23, #1
        b.ne    again
        fcvtzs  x6, d1
        add     x1, x1, #16
        ldaddal x6, x7, [x1]
        mov     x30, x21
        ret
