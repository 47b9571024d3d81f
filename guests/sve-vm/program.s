// A kernel of its own at EL1 of a virtual machine that has SVE: sums by scalable vectors, of any length and over exits to the host.
	.equ	UART, 0x09000000
	.equ	SYSTEM_OFF, 0x84000008

	.text
	.globl	_start
_start:
	adrp	x0, stack
	add	x0, x0, :lo12:stack
	mov	sp, x0
	// SVE and floating point are off after reset; as long as the processor goes.
	mov	x0, #3 << 20
	orr	x0, x0, #3 << 16
	msr	cpacr_el1, x0
	isb
	mov	x0, #15
	msr	zcr_el1, x0
	isb
	adr	x1, length
	bl	print
	rdvl	x0, #8
	bl	print_number

	// 1 + 2 + ... + 1000, a vector at a time; the predicate ends it wherever that is.
	index	z0.d, #1, #1
	dup	z1.d, #0
	cntd	x5
	dup	z2.d, x5
	mov	x6, xzr
	mov	x7, #1000
	whilelo	p0.d, x6, x7
1:	add	z1.d, p0/m, z1.d, z0.d
	add	z0.d, z0.d, z2.d
	incd	x6
	whilelo	p0.d, x6, x7
	b.mi	1b
	// What is printed here is written by the host: the sum waits in Z1.
	adr	x1, sum
	bl	print
	ptrue	p0.d
	uaddv	d3, p0, z1.d
	fmov	x0, d3
	bl	print_number
	movz	x0, #SYSTEM_OFF & 0xffff
	movk	x0, #SYSTEM_OFF >> 16, lsl #16
	hvc	#0
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

length:	.asciz	"bits in a vector: "
sum:	.asciz	"1 + 2 + ... + 1000 = "
	.bss
	.balign	4096
	.space	4096
stack:
