// The virtual timer without interrupts: its condition becomes true, not before, and its registers keep what they are told.
main:	mov	x19, x30
	mrs	x1, cntfrq_el0
	report	0, x1
	mov	x1, #2		// masked
	msr	cntv_ctl_el0, x1
	mrs	x1, cntvct_el0
	add	x21, x1, #2000
	msr	cntv_cval_el0, x21
	mov	x1, #3
	msr	cntv_ctl_el0, x1
	mrs	x1, cntv_ctl_el0
	report	1, x1
	report	2, xzr
	call	0x84000000
1:	mrs	x1, cntv_ctl_el0
	tbz	x1, #2, 1b
	report	3, x1
	mrs	x3, cntvct_el0
	cmp	x3, x21
	cset	x4, hs
	report	4, x4
	mrs	x3, cntv_cval_el0
	cmp	x3, x21
	cset	x4, eq
	report	5, x4
	msr	cntv_ctl_el0, xzr
	mrs	x1, cntv_ctl_el0
	report	6, x1
	// The counter does not run backwards, whoever looks at it.
	mov	x5, #50
	mrs	x3, cntvct_el0
2:	mrs	x4, cntvct_el0
	cmp	x4, x3
	b.lo	3f
	mov	x3, x4
	subs	x5, x5, #1
	b.ne	2b
3:	report	7, x5
	br	x19
