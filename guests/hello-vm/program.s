// A kernel of its own at EL1 of a virtual machine: turns the MMU and floating point on, computes, prints to the serial line, powers off.
	.equ	UART, 0x09000000
	.equ	SYSTEM_OFF, 0x84000008
	.equ	PSCI_VERSION, 0x84000000
	// Descriptors of 1 GiB blocks: valid, accessed; attribute 0 is Device, 1 is Normal memory, inner shareable.
	.equ	DEVICE_BLOCK, 1 | 1 << 10 | 3 << 53
	.equ	NORMAL_BLOCK, 1 | 1 << 10 | 1 << 2 | 3 << 8
	.equ	RAM, 0x40000000
	// TCR_EL1: 39-bit addresses, 4 KiB pages, write-back walks, no upper range, 40-bit physical addresses.
	.equ	TCR, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32

	.macro	function number
	movz	x0, #\number & 0xffff
	movk	x0, #\number >> 16, lsl #16
	hvc	#0
	.endm

	.text
	.globl	_start
_start:
	adrp	x0, stack
	add	x0, x0, :lo12:stack
	mov	sp, x0
	adr	x1, starting
	bl	print

	// An identity map of two blocks.
	adrp	x0, tables
	ldr	x1, =DEVICE_BLOCK
	ldr	x2, =NORMAL_BLOCK | RAM
	stp	x1, x2, [x0]
	mov	x1, #0xff00
	msr	mair_el1, x1
	ldr	x1, =TCR
	msr	tcr_el1, x1
	msr	ttbr0_el1, x0
	dsb	ish
	isb
	mrs	x1, sctlr_el1
	orr	x1, x1, #1 << 0		// M
	orr	x1, x1, #1 << 2		// C
	orr	x1, x1, #1 << 12	// I
	msr	sctlr_el1, x1
	isb
	adr	x1, mapped
	bl	print

	// Floating point is off after reset.
	mov	x0, #3 << 20
	msr	cpacr_el1, x0
	isb
	// The harmonic series, 1 + 1/2 + ... + 1/1000, two terms at a time: 7.4854708...
	adr	x0, first
	ldr	q1, [x0]
	fmov	v2.2d, #2.0
	fmov	v3.2d, #1.0
	movi	v0.2d, #0
	mov	w0, #500
1:	fdiv	v4.2d, v3.2d, v1.2d
	fadd	v0.2d, v0.2d, v4.2d
	fadd	v1.2d, v1.2d, v2.2d
	subs	w0, w0, #1
	b.ne	1b
	faddp	d0, v0.2d
	ldr	d1, million
	fmul	d0, d0, d1
	fcvtzu	x20, d0
	adr	x1, harmonic
	bl	print
	mov	x0, x20
	bl	print_number

	// Firmware answers; which version is its own affair.
	function PSCI_VERSION
	tbnz	w0, #31, 2f
	cmp	w0, #2			// 0.2
	b.lo	2f
	adr	x1, psci
	bl	print
2:	function SYSTEM_OFF
	b	.

	// Prints the text at X1.
print:	mov	x4, #UART
1:	ldrb	w3, [x1], #1
	cbz	w3, 2f
	str	w3, [x4]
	b	1b
2:	ret
	// Prints X0 and a new line.
print_number:
	sub	sp, sp, #32
	mov	x1, sp
	add	x2, sp, #31
	mov	w3, #'\n'
	strh	w3, [x2, #-1]!		// the new line and a zero
	mov	x4, #10
1:	udiv	x5, x0, x4
	msub	x3, x5, x4, x0
	add	w3, w3, #'0'
	strb	w3, [x2, #-1]!
	mov	x0, x5
	cbnz	x0, 1b
	mov	x1, x2
	mov	x6, x30
	bl	print
	add	sp, sp, #32
	ret	x6

	.ltorg
	.balign	16
first:	.double	1.0, 2.0
million: .double 1e6
starting: .asciz "Started at EL1.\n"
mapped:	.asciz	"The MMU is on.\n"
harmonic: .asciz "1 + 1/2 + ... + 1/1000 is this many millionths: "
psci:	.asciz	"PSCI answers.\n"
	.bss
	.balign	4096
tables:	.space	4096
	.space	4096
stack:
