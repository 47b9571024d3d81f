// needs: sve
// SVE at the largest length, values in every lane over exits.
main:	mov	x19, x30
	opensve
	mov	x1, #15
	msr	zcr_el1, x1
	isb
	rdvl	x1, #1
	report	0, x1
	ptrue	p0.d
	index	z0.d, #1, #3
	index	z31.d, #7, #5
	report	1, x1
	add	z1.d, z0.d, z31.d
	uaddv	d2, p0, z1.d
	fmov	x2, d2
	report	2, x2
	call	0x84000000
	uaddv	d2, p0, z31.d
	fmov	x2, d2
	report	3, x2
	uaddv	d2, p0, z0.d
	fmov	x2, d2
	report	4, x2
	br	x19
