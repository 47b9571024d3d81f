// Floating-point exceptions and rounding: what each operation leaves in FPSR, in every rounding mode, with flushing and default NaNs.
	.equ	WRITE, 64
	.equ	EXIT, 93
	.equ	DN, 1 << 25		// FPCR
	.equ	FZ, 1 << 24
	.equ	RMODE, 22

	// check NAME, A, B, OPERATION on D0 and D1: prints the name, the result and FPSR.
	.macro	check name, a, b, op:vararg
	ldr	d0, =\a
	ldr	d1, =\b
	msr	fpsr, xzr
	\op
	fmov	x20, d0
	mrs	x21, fpsr
	adr	x1, 9f
	bl	report
	b	8f
9:	.asciz	"\name"
	.balign	4
8:
	.endm
	.set	ZERO, 0
	.set	ONE, 0x3ff0000000000000
	.set	TWO, 0x4000000000000000
	.set	THREE, 0x4008000000000000
	.set	MINUS_ONE, 0xbff0000000000000
	.set	LARGEST, 0x7fefffffffffffff
	.set	SMALLEST, 0x0010000000000000	// normal
	.set	TINY, 0x0000000000000001	// subnormal
	.set	INFINITY, 0x7ff0000000000000
	.set	QUIET, 0x7ff8000000000123
	.set	SIGNALLING, 0x7ff0000000000123

	.text
	.globl	_start
_start:
	mov	w25, #0
	fmov	d8, #1.0
	// Round to nearest, up, down, to zero.
each:	lsl	w0, w25, #RMODE
	msr	fpcr, x0
	mov	x20, x25
	mov	x21, #0
	adr	x1, mode_text
	bl	report
	check	"1 / 3", ONE, THREE, fdiv d0, d0, d1
	check	"-1 / 3", MINUS_ONE, THREE, fdiv d0, d0, d1
	check	"largest * 2", LARGEST, TWO, fmul d0, d0, d1
	check	"smallest / 3", SMALLEST, THREE, fdiv d0, d0, d1
	check	"1 + tiny", ONE, TINY, fadd d0, d0, d1
	check	"-1 - tiny", MINUS_ONE, TINY, fsub d0, d0, d1
	check	"sqrt 2", TWO, ONE, fsqrt d0, d0
	check	"single of 1 + 2^-30", 0x3ff0000000400000, ZERO, fcvt s0, d0
	check	"frintx 1.5", 0x3ff8000000000000, ZERO, frintx d0, d0
	check	"frinti -2.5", 0xc004000000000000, ZERO, frinti d0, d0
	add	w25, w25, #1
	cmp	w25, #4
	b.lo	each

	msr	fpcr, xzr
	check	"1 / 0", ONE, ZERO, fdiv d0, d0, d1
	check	"0 / 0", ZERO, ZERO, fdiv d0, d0, d1
	check	"inf - inf", INFINITY, INFINITY, fsub d0, d0, d1
	check	"0 * inf", ZERO, INFINITY, fmul d0, d0, d1
	check	"sqrt -1", MINUS_ONE, ZERO, fsqrt d0, d0
	check	"quiet + 1", QUIET, ONE, fadd d0, d0, d1
	check	"signalling + 1", SIGNALLING, ONE, fadd d0, d0, d1
	check	"max(1, quiet)", ONE, QUIET, fmaxnm d0, d0, d1
	check	"int of 1e300", 0x7e37e43c8800759c, ZERO, fcvtzs x0, d0
	check	"int of 1.5", 0x3ff8000000000000, ZERO, fcvtzs x0, d0
	check	"2 compared to quiet", TWO, QUIET, fcmp d0, d1
	check	"2 compared to quiet, signalling", TWO, QUIET, fcmpe d0, d1
	check	"tiny * 1", TINY, ONE, fmul d0, d0, d1
	check	"1 - 1/3 * 3, fused", 0x3fd5555555555555, THREE, fmsub d0, d0, d1, d8

	mov	x0, #FZ
	msr	fpcr, x0
	check	"flush: tiny * 1", TINY, ONE, fmul d0, d0, d1
	check	"flush: smallest / 3", SMALLEST, THREE, fdiv d0, d0, d1
	mov	x0, #DN
	msr	fpcr, x0
	check	"default NaN: quiet + 1", QUIET, ONE, fadd d0, d0, d1
	check	"default NaN: signalling + 1", SIGNALLING, ONE, fadd d0, d0, d1

	// Saturation is cumulative like the rest (QC), and SIMD lanes share the flags.
	msr	fpcr, xzr
	msr	fpsr, xzr
	movi	v0.16b, #0x7f
	sqadd	v0.16b, v0.16b, v0.16b
	adr	x1, one_and_zero
	ldr	q1, [x1]
	fdiv	v2.2d, v1.2d, v1.2d	// 1 / 1 and 0 / 0
	fmov	x20, d0
	mrs	x21, fpsr
	adr	x1, lanes_text
	bl	report

	mov	x0, #0
	mov	x8, #EXIT
	svc	#0

	// Writes the text at X1, X20 with 16 hexadecimal digits and X21 with 8.
report:	stp	x29, x30, [sp, #-16]!
	adrp	x19, line
	add	x19, x19, :lo12:line
	mov	x2, x19
1:	ldrb	w3, [x1], #1
	cbz	w3, 2f
	strb	w3, [x2], #1
	b	1b
2:	mov	x3, x20
	mov	w4, #64
	bl	hexadecimal
	mov	x3, x21
	mov	w4, #32
	bl	hexadecimal
	mov	w3, #'\n'
	strb	w3, [x2], #1
	mov	x0, #1
	mov	x1, x19
	sub	x2, x2, x1
	mov	x8, #WRITE
	svc	#0
	ldp	x29, x30, [sp], #16
	ret
	// Puts a space and the low W4 bits of X3 at X2.
hexadecimal:
	mov	w5, #' '
	strb	w5, [x2], #1
1:	sub	w4, w4, #4
	lsr	x5, x3, x4
	and	x5, x5, #15
	adr	x6, digits
	ldrb	w5, [x6, x5]
	strb	w5, [x2], #1
	cbnz	w4, 1b
	ret

	.balign	16
one_and_zero:	.double	1.0, 0.0
digits:		.ascii	"0123456789abcdef"
mode_text:	.asciz	"rounding mode"
lanes_text:	.asciz	"lanes"
	.bss
line:	.space	128
