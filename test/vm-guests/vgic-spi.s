// needs: vgic vcpus=2
// Lines of user space, asked for by a store to register 100: number << 1 | level. SPI 40 is a level, SPI 41 an event, SPI 42 goes to the second vCPU.
main:	mov	x19, x30
	mov	x22, #0
	gicon
	ldr	w1, [x26, #0x104]
	report	0, x1
	ldr	w1, =0x700		// 40, 41 and 42
	str	w1, [x26, #0x104]
	ldr	w1, [x26, #0x104]
	report	1, x1
	mov	w1, #0xa5
	strb	w1, [x26, #0x428]	// priority of 40; bits below the five are not there
	ldr	w1, [x26, #0x428]
	report	2, x1
	mov	w1, #0x80000		// 41 is an event
	str	w1, [x26, #0xc08]
	ldr	w1, [x26, #0xc08]
	report	3, x1
	add	x2, x26, #0x6000
	mov	x1, #1
	str	x1, [x2, #8 * 42]
	ldr	x1, [x2, #8 * 42]
	report	4, x1
	// A level that is lowered by the handler at the third time only.
	mov	x23, #3
	mov	x1, #81
	report	100, x1
	bl	await
	report	5, x22
	ldr	w1, [x26, #0x204]
	report	6, x1
	// An event is one interrupt, however long the line stays.
	mov	x1, #83
	report	100, x1
	mov	x23, #4
	bl	await
	call	0x84000000
	report	7, x22
	mov	x1, #82
	report	100, x1
	mov	x1, #83
	report	100, x1
	mov	x23, #5
	bl	await
	// Pending by software, and taken back.
	msr	daifset, #2
	mov	w1, #0x100
	str	w1, [x26, #0x204]
	ldr	w1, [x26, #0x204]
	report	8, x1
	mov	w1, #0x100
	str	w1, [x26, #0x284]
	ldr	w1, [x26, #0x204]
	report	9, x1
	msr	daifclr, #2
	isb
	report	10, x22
	// To the other vCPU.
	adr	x2, second
	mov	x1, #1
	mov	x3, #0
	ldr	w0, =0xc4000003
	hvc	#0
	untiloff	1
	report	11, x22
	br	x19
second:	secondcpu
	mov	x22, #10
	gicon
	mov	x23, #11
	mov	x1, #85
	report	100, x1
	bl	await
	report	1, x22
	ldr	w0, =0x84000002
	hvc	#0
	b	.
	awaiting
interrupted:
	mrs	x0, icc_iar1_el1
	report	16, x0
	mrs	x1, icc_rpr_el1
	report	17, x1
	ldr	w1, [x26, #0x304]
	report	18, x1
	add	x22, x22, #1
	cmp	x22, #3
	b.eq	1f
	cmp	x0, #42
	b.ne	2f
1:	lsl	x1, x0, #1
	report	100, x1
2:	msr	icc_eoir1_el1, x0
	ret
