// The virtual timer interrupts EL1: WFI sleeps from tick to tick, the handler counts and sets the next one.
	.equ	UART, 0x09000000
	.equ	TICK, 625000		// 10 ms at 62.5 MHz
	.equ	TICKS, 5
	.equ	SYSTEM_OFF, 0x84000008

	.text
	.globl	_start
_start:
	adrp	x0, stack
	add	x0, x0, :lo12:stack
	mov	sp, x0
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	isb
	mov	x19, #UART
	mov	x20, #0			// ticks so far
	mrs	x21, cntvct_el0		// when the last one was due
	bl	next_tick
	mov	x0, #1
	msr	cntv_ctl_el0, x0
	isb
	msr	daifclr, #2
1:	wfi
	cmp	x20, #TICKS
	b.lo	1b
	msr	daifset, #2
	msr	cntv_ctl_el0, xzr
	isb
	// Masked interrupts stay pending: ISR_EL1 says so, and WFI does not wait.
	mrs	x0, cntvct_el0
	msr	cntv_cval_el0, x0
	mov	x0, #1
	msr	cntv_ctl_el0, x0
	isb
	wfi
	mrs	x0, isr_el1
	tbz	x0, #7, late
	mrs	x0, cntv_ctl_el0
	cmp	x0, #5			// enabled, and its condition is met
	b.ne	late
	adr	x1, pending
	bl	print
	b	off
late:	adr	x1, wrong
	bl	print
off:	movz	x0, #SYSTEM_OFF & 0xffff
	movk	x0, #SYSTEM_OFF >> 16, lsl #16
	hvc	#0
	b	.

next_tick:
	movz	x0, #TICK & 0xffff
	movk	x0, #TICK >> 16, lsl #16
	add	x21, x21, x0
	msr	cntv_cval_el0, x21
	ret

print:	ldrb	w0, [x1], #1
	cbz	w0, 1f
	str	w0, [x19]
	b	print
1:	ret

on_interrupt:
	stp	x0, x1, [sp, #-32]!
	str	x30, [sp, #16]
	// It came when it was due, and less than half a tick later.
	mrs	x0, cntvct_el0
	subs	x0, x0, x21
	b.lo	1f
	movz	x1, #(TICK / 2) & 0xffff
	movk	x1, #(TICK / 2) >> 16, lsl #16
	cmp	x0, x1
	b.hs	1f
	bl	next_tick
	isb
	// The serial line comes last: a virtual machine looks at its timers when a device is used.
	add	x20, x20, #1
	add	w0, w20, #'0'
	str	w0, [x19]
	mov	w0, #'\n'
	str	w0, [x19]
	ldr	x30, [sp, #16]
	ldp	x0, x1, [sp], #32
	eret
1:	adr	x1, wrong
	bl	print
	b	off
unexpected:
	adr	x1, wrong
	bl	print
	b	off

	.balign	2048
vectors:
	.rept	5			// current EL with SP_EL0, and a synchronous exception with SP_EL1
	b	unexpected
	.balign	128
	.endr
	b	on_interrupt
	.balign	128
	.rept	10
	b	unexpected
	.balign	128
	.endr

	.section .rodata
pending: .asciz	"pending\n"
wrong:	.asciz	"wrong\n"
	.bss
	.balign	16
	.space	4096
stack:
