// needs: vgic
// Five ticks of the virtual timer (PPI 27), then three of the physical one (PPI 30), with WFI between them; a masked and a disabled timer interrupt.
main:	mov	x19, x30
	gicon
	ldr	w10, =0x48000000
	str	w10, [x25, #0x100]
	mov	x22, #0
	mov	x23, #5
	mrs	x1, cntvct_el0
	add	x24, x1, #1000
	msr	cntv_cval_el0, x24
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	bl	await
	mrs	x1, cntv_ctl_el0
	report	1, x1
	mov	x22, #0
	mov	x23, #3
	mrs	x1, cntpct_el0
	add	x24, x1, #1000
	msr	cntp_cval_el0, x24
	mov	x1, #1
	msr	cntp_ctl_el0, x1
	isb
	bl	await
	mrs	x1, cntp_ctl_el0
	report	2, x1
	// Pending in the redistributor, but masked by priority: WFI goes on by a deadline of its own, no interrupt is taken.
	mov	x1, #0
	msr	icc_pmr_el1, x1
	mov	x22, #0
	mov	x1, #1
	msr	cntv_cval_el0, xzr
	msr	cntv_ctl_el0, x1
	msr	daifclr, #2
	isb
	call	0x84000000
	ldr	w1, [x25, #0x200]
	report	3, x1
	report	4, x22
	mrs	x1, icc_hppir1_el1
	report	5, x1
	// The timer lets go of its line: nothing is pending.
	msr	cntv_ctl_el0, xzr
	isb
	call	0x84000000
	ldr	w1, [x25, #0x200]
	report	6, x1
	mov	x1, #0xf0
	msr	icc_pmr_el1, x1
	isb
	report	7, x22
	// Disabled in the redistributor: pending there, and nothing more.
	ldr	w1, =0x08000000
	str	w1, [x25, #0x180]
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	isb
	call	0x84000000
	ldr	w1, [x25, #0x200]
	report	8, x1
	report	9, x22
	msr	cntv_ctl_el0, xzr
	br	x19
	awaiting
interrupted:
	mrs	x0, icc_iar1_el1
	report	16, x0
	mrs	x1, icc_rpr_el1
	report	17, x1
	add	x22, x22, #1
	add	x24, x24, #1000
	cmp	x22, x23
	cset	x1, lo
	cmp	x0, #27
	b.ne	1f
	mrs	x2, cntvct_el0
	msr	cntv_cval_el0, x24
	msr	cntv_ctl_el0, x1
	b	2f
1:	msr	cntp_cval_el0, x24
	msr	cntp_ctl_el0, x1
2:	isb
	msr	icc_eoir1_el1, x0
	mrs	x1, icc_rpr_el1
	report	18, x1
	ret
