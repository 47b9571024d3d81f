// needs: vgic
// Seven SGIs at once by priority, more than there are list registers; masking; preemption seven deep; both EOI modes.
main:	mov	x19, x30
	gicon
	// SGI n has priority 0xc0 - 16 n.
	mov	x1, #1
1:	mov	x2, #0xc0
	sub	x2, x2, x1, lsl #4
	add	x3, x25, #0x400
	strb	w2, [x3, x1]
	add	x1, x1, #1
	cmp	x1, #8
	b.lo	1b
	ldr	w1, [x25, #0x400]
	report	0, x1
	ldr	w1, [x25, #0x404]
	report	1, x1
	mov	x24, #0			// no nesting
	bl	all
	msr	daifclr, #2
	isb
	msr	daifset, #2
	// Masked: only what is above 0x80 comes, the rest when the mask is lifted.
	mov	x1, #0x80
	msr	icc_pmr_el1, x1
	mrs	x1, icc_pmr_el1
	report	2, x1
	bl	all
	msr	daifclr, #2
	isb
	report	3, xzr
	mov	x1, #0xff
	msr	icc_pmr_el1, x1
	isb
	nop
	msr	daifset, #2
	// Each handler makes the next one, which preempts it.
	mov	x24, #1
	mov	x1, #1
	bl	send
	msr	daifclr, #2
	isb
	msr	daifset, #2
	mrs	x1, icc_ap1r0_el1
	report	4, x1
	// With a coarse binary point only the upper bits preempt: a handler's SGI waits for its end.
	mov	x1, #6
	msr	icc_bpr1_el1, x1
	mrs	x1, icc_bpr1_el1
	report	5, x1
	mov	x1, #1
	bl	send
	msr	daifclr, #2
	isb
	msr	daifset, #2
	msr	icc_bpr1_el1, xzr
	mrs	x1, icc_bpr1_el1
	report	6, x1
	// Priority drop and deactivation apart: seven deep again.
	mov	x1, #2
	msr	icc_ctlr_el1, x1
	mrs	x1, icc_ctlr_el1
	report	7, x1
	mov	x24, #2
	mov	x1, #1
	bl	send
	msr	daifclr, #2
	isb
	msr	daifset, #2
	// Dropped but active: it does not come again before DIR.
	mov	x24, #3
	mov	x1, #5
	bl	send
	msr	daifclr, #2
	isb
	mov	x1, #5
	bl	send
	isb
	nop
	mrs	x1, icc_rpr_el1
	report	8, x1
	ldr	w1, [x25, #0x300]
	report	9, x1
	mov	x1, #5
	msr	icc_dir_el1, x1
	isb
	nop
	mov	x1, #5
	msr	icc_dir_el1, x1
	msr	daifset, #2
	ldr	w1, [x25, #0x300]
	report	10, x1
	ldr	w1, [x25, #0x200]
	report	11, x1
	br	x19
	// SGI X1 to this vCPU.
send:	lsl	x2, x1, #24
	orr	x2, x2, #1
	msr	icc_sgi1r_el1, x2
	isb
	ret
all:	mov	x10, x30
	mov	x1, #1
1:	bl	send
	add	x1, x1, #1
	cmp	x1, #8
	b.lo	1b
	br	x10
interrupted:
	stp	x30, x27, [sp, #-48]!
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	stp	x1, x2, [sp, #16]
	mrs	x0, icc_iar1_el1
	str	x0, [sp, #32]
	report	16, x0
	mrs	x1, icc_rpr_el1
	report	17, x1
	cmp	x24, #3
	b.eq	3f
	cbz	x24, 2f
	cmp	x0, #7
	b.eq	1f
	add	x1, x0, #1
	bl	send
	msr	daifclr, #2
	isb
	nop
	msr	daifset, #2
1:	ldr	w1, [x25, #0x300]
	report	18, x1
2:	ldr	x0, [sp, #32]
	msr	icc_eoir1_el1, x0
	mrs	x1, icc_rpr_el1
	report	19, x1
	cmp	x24, #2
	b.ne	4f
	msr	icc_dir_el1, x0
	b	4f
3:	msr	icc_eoir1_el1, x0
4:	ldp	x1, x2, [sp, #16]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	ldp	x30, x27, [sp], #48
	ret
