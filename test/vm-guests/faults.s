// Exceptions that are the guest's own business, told by its vectors.
main:	mov	x19, x30
	.inst	0x00000000
	brk	#7
	svc	#9
	.inst	0xd53cd040	// a register of EL2
	ldr	x1, =0x40000001
	ldr	x2, [x1]	// misaligned, Device memory
	dmb	sy
	msr	sctlr_el12, x1
	mov	x1, sp
	add	x2, x1, #8
	mov	sp, x2
	mov	x3, sp
	mov	sp, x1
	report	0, x3
	br	x19
