// The first floating-point instruction, then FP state across MMIO exits and hypercalls.
main:	mov	x19, x30
	openfp
	fmov	d0, #1.5
	fmov	d1, #2.0
	fmul	d2, d0, d1
	fmov	x1, d2
	report	0, x1
	fadd	d3, d2, d1
	call	0x84000000
	fsqrt	d4, d3
	fmov	x1, d4
	report	1, x1
	fmov	x1, d3
	report	2, x1
	br	x19
