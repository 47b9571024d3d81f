// The first guest: a Linux program that greets, then computes with floating point and SIMD and prints what it found.
	.equ	WRITE, 64
	.equ	EXIT, 93

	.text
	.globl	_start
_start:
	adr	x1, greeting
	mov	x2, #greeting_end - greeting
	bl	write

	// 1^2 + ... + 1000^2, four integers at a time.
	movi	v0.4s, #0
	adr	x0, first_four
	ldr	q1, [x0]		// 1 2 3 4
	movi	v2.4s, #4
	mov	w0, #1000 / 4
1:	mla	v0.4s, v1.4s, v1.4s
	add	v1.4s, v1.4s, v2.4s
	subs	w0, w0, #1
	b.ne	1b
	addv	s0, v0.4s
	fmov	w0, s0
	adr	x1, squares_text
	bl	report

	// Pi by the midpoint rule for 4 / (1 + x^2), two strips at a time.
	mov	w9, #20000
	scvtf	d4, w9
	fmov	d5, #1.0
	fdiv	d4, d5, d4		// the width of a strip
	fmov	v3.2d, #4.0
	dup	v4.2d, v4.d[0]
	fmov	v5.2d, #1.0
	fmov	v6.2d, #2.0
	adr	x0, first_two
	ldr	q1, [x0]		// 0.5 1.5
	movi	v0.2d, #0
	lsr	w9, w9, #1
2:	fmul	v2.2d, v1.2d, v4.2d	// x
	mov	v7.16b, v5.16b
	fmla	v7.2d, v2.2d, v2.2d	// 1 + x^2
	fdiv	v2.2d, v3.2d, v7.2d
	fadd	v0.2d, v0.2d, v2.2d
	fadd	v1.2d, v1.2d, v6.2d
	subs	w9, w9, #1
	b.ne	2b
	faddp	d0, v0.2d
	fmul	d0, d0, d4
	// Seven digits behind the point.
	movz	x0, #10000000 & 0xffff
	movk	x0, #10000000 >> 16, lsl #16
	ucvtf	d1, x0
	fmul	d0, d0, d1
	fcvtau	x0, d0
	adr	x1, pi_text
	bl	report

	// The square root of 2 by Newton, in single precision, from the estimate the processor gives.
	fmov	s0, #2.0
	frsqrte	s1, s0
	.rept	3
	fmul	s2, s1, s0
	frsqrts	s2, s2, s1
	fmul	s1, s1, s2
	.endr
	fmul	s0, s0, s1
	ldr	s1, million
	fmul	s0, s0, s1
	fcvtzu	w0, s0
	adr	x1, root_text
	bl	report

	// The bits set in the greeting, 16 bytes at a time.
	adr	x1, greeting
	movi	v0.2d, #0
	mov	w2, #(greeting_end - greeting) / 16
3:	ldr	q1, [x1], #16
	cnt	v1.16b, v1.16b
	uadalp	v0.8h, v1.16b
	subs	w2, w2, #1
	b.ne	3b
	uaddlv	s0, v0.8h
	fmov	w0, s0
	adr	x1, bits_text
	bl	report

	mov	x0, #0
	mov	x8, #EXIT
	svc	#0

	// Writes X2 bytes at X1.
write:	mov	x0, #1
	mov	x8, #WRITE
	svc	#0
	ret

	// Writes the text at X1, the number in X0 and a new line.
report:	stp	x29, x30, [sp, #-64]!
	mov	x29, sp
	str	x0, [sp, #16]
	mov	x2, #0
1:	ldrb	w3, [x1, x2]
	cbz	w3, 2f
	add	x2, x2, #1
	b	1b
2:	bl	write
	// Digits from the last to the first, in front of the new line at the end of the frame.
	ldr	x0, [sp, #16]
	add	x1, sp, #64
	mov	w2, #'\n'
	strb	w2, [x1, #-1]!
	mov	x3, #10
3:	udiv	x4, x0, x3
	msub	x2, x4, x3, x0
	add	w2, w2, #'0'
	strb	w2, [x1, #-1]!
	mov	x0, x4
	cbnz	x0, 3b
	add	x2, sp, #64
	sub	x2, x2, x1
	bl	write
	ldp	x29, x30, [sp], #64
	ret

	.balign	16
first_four:	.word	1, 2, 3, 4
first_two:	.double	0.5, 1.5
million:	.float	1e6
	.balign	16
greeting:	.ascii	"Hello from EL0! This program runs on an emulated CPU under a modelled KVM host.\n"
greeting_end:
squares_text:	.asciz	"1^2 + ... + 1000^2 = "
pi_text:	.asciz	"pi * 10^7 = "
root_text:	.asciz	"sqrt(2) * 10^6 = "
bits_text:	.asciz	"bits in the greeting: "
