// needs: sve
// The guest changes its vector length by ZCR_EL1 between exits.
main:	mov	x19, x30
	opensve
	mov	x21, #15
1:	msr	zcr_el1, x21
	isb
	rdvl	x1, #1
	report	0, x1
	ptrue	p0.b
	index	z3.b, w21, #1
	report	1, x21
	uaddv	d2, p0, z3.b
	fmov	x2, d2
	report	2, x2
	mrs	x1, zcr_el1
	report	3, x1
	call	0x84000000
	uaddv	d2, p0, z3.b
	fmov	x2, d2
	report	4, x2
	cbz	x21, 2f
	lsr	x21, x21, #1
	b	1b
2:	br	x19
