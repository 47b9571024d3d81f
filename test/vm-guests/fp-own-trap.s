// The guest's own control of FP (CPACR_EL1) comes before the hypervisor's: traps to EL1 while it is closed, work when it is open.
main:	mov	x19, x30
	msr	cpacr_el1, xzr
	isb
	fmov	d0, #1.0
	mov	w1, v1.s[0]
	mrs	x2, fpsr
	openfp
	fmov	d0, #1.0
	fmov	x1, d0
	report	0, x1
	msr	cpacr_el1, xzr
	isb
	fmov	x1, d0
	openfp
	fmov	x1, d0
	report	1, x1
	mrs	x1, cpacr_el1
	report	2, x1
	br	x19
