// needs: sve
// Predicates and the first-fault register over exits.
main:	mov	x19, x30
	opensve
	mov	x1, #15
	msr	zcr_el1, x1
	isb
	mov	x2, #5
	whilelo	p1.b, xzr, x2
	ptrue	p2.h
	ptrue	p15.s
	setffr
	report	0, x2
	cntp	x1, p1, p1.b
	report	1, x1
	cntp	x1, p2, p2.h
	report	2, x1
	rdffr	p3.b
	cntp	x1, p3, p3.b
	report	3, x1
	wrffr	p1.b
	call	0x84000000
	rdffr	p4.b
	cntp	x1, p4, p4.b
	report	4, x1
	cntp	x1, p15, p15.s
	report	5, x1
	br	x19
