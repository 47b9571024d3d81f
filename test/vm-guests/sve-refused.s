// A vCPU without SVE: FP works, SVE instructions and ZCR_EL1 are undefined, FP values stay.
main:	mov	x19, x30
	opensve
	fmov	d7, #3.0
	ptrue	p0.b
	fmov	x1, d7
	report	0, x1
	mrs	x2, zcr_el1
	rdvl	x3, #1
	fmov	x1, d7
	report	1, x1
	br	x19
