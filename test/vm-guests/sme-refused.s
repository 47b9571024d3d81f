// SME is not there for guests: every door to it is closed in the same way, and FP values stay.
main:	mov	x19, x30
	openfp
	mrs	x9, cpacr_el1
	orr	x9, x9, #(3 << 24)
	msr	cpacr_el1, x9
	isb
	fmov	d9, #5.0
	smstart
	smstart	sm
	rdsvl	x1, #1
	mrs	x1, smcr_el1
	mrs	x1, svcr
	mrs	x1, tpidr2_el0
	fmov	x1, d9
	report	0, x1
	br	x19
