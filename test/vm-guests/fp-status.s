// FPCR and FPSR belong to the guest: rounding and cumulative flags over exits.
main:	mov	x19, x30
	openfp
	mov	x21, #0
1:	lsl	x1, x21, #22
	msr	fpcr, x1
	msr	fpsr, xzr
	fmov	d0, #1.0
	fmov	d1, #3.0
	report	0, x21
	fdiv	d2, d0, d1
	fmov	x1, d2
	report	1, x1
	mrs	x1, fpsr
	report	2, x1
	call	0x84000000
	mrs	x1, fpcr
	report	3, x1
	mrs	x1, fpsr
	report	4, x1
	fsub	d3, d0, d0
	fdiv	d4, d0, d3
	mrs	x1, fpsr
	report	5, x1
	add	x21, x21, #1
	cmp	x21, #4
	b.ne	1b
	br	x19
