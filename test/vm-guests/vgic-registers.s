// needs: vgic vcpus=2
// What distributor and redistributors say of themselves, accesses of other widths, and what is read-only.
main:	mov	x19, x30
	ldr	x26, =0x08000000
	ldr	x25, =0x080b0000
	mrs	x1, id_aa64pfr0_el1
	ubfx	x1, x1, #24, #4
	report	0, x1
	mrs	x1, icc_sre_el1
	report	1, x1
	msr	icc_sre_el1, xzr
	mrs	x1, icc_sre_el1
	report	2, x1
	mrs	x1, icc_ctlr_el1
	report	3, x1
	mrs	x1, icc_iar1_el1
	report	4, x1
	mrs	x1, icc_rpr_el1
	report	5, x1
	ldr	w1, [x26]
	.irp	offset, 0x0, 0x4, 0x8, 0x80, 0x100, 0x400, 0xc00, 0x104, 0xc08
	ldr	w1, [x26, #\offset]
	report	6, x1
	.endr
	ldr	x2, =0xffe8
	ldr	w1, [x26, x2]
	report	7, x1
	sub	x3, x25, #0x10000
	ldr	w1, [x3, x2]
	report	8, x1
	.irp	offset, 0x0, 0x4, 0x14
	ldr	w1, [x3, #\offset]
	report	9, x1
	.endr
	ldr	x1, [x3, #8]
	report	10, x1
	ldr	w1, [x3, #12]
	report	11, x1
	add	x4, x3, #0x20000
	ldr	x1, [x4, #8]
	report	12, x1
	.irp	offset, 0x80, 0x100, 0x200, 0x300, 0x400, 0x41c, 0xc00, 0xc04, 0xd00
	ldr	w1, [x25, #\offset]
	report	13, x1
	.endr
	// Half words, unaligned words and bytes elsewhere are nothing.
	ldrh	w1, [x26, #4]
	report	14, x1
	ldrb	w1, [x26, #4]
	report	15, x1
	mov	w1, #0xff
	strb	w1, [x25, #0x41b]
	ldr	w1, [x25, #0x418]
	report	16, x1
	mov	w1, #-1
	str	w1, [x25, #0xc04]
	ldr	w1, [x25, #0xc04]
	report	17, x1
	str	wzr, [x25, #0x80]
	ldr	w1, [x25, #0x80]
	report	18, x1
	mov	w1, #-1
	str	w1, [x26, #0x100]
	ldr	w1, [x26, #0x100]
	report	19, x1
	// Active by software, and not.
	mov	w1, #0x10
	str	w1, [x25, #0x300]
	ldr	w1, [x25, #0x380]
	report	20, x1
	str	w1, [x25, #0x380]
	ldr	w1, [x25, #0x300]
	report	21, x1
	br	x19
