// needs: vgic vcpus=2
// Two vCPUs send each other SGIs, 40 times there and back, and wait for them with WFI; then one goes to "all but me".
main:	mov	x19, x30
	mov	x22, #0
	gicon
	adr	x2, second
	mov	x1, #1
	mov	x3, #7
	ldr	w0, =0xc4000003
	hvc	#0
	report	0, x0
	mov	x23, #0
1:	add	x23, x23, #1
	ldr	x1, =0x03000002		// SGI 3 to affinity 0.0.0.1
	msr	icc_sgi1r_el1, x1
	bl	await
	cmp	x23, #40
	b.lo	1b
	report	1, x22
	ldr	x1, =0x10005000000		// SGI 5 to all but this one
	msr	icc_sgi1r_el1, x1
	// The other one turns itself off.
	untiloff	1
	// A group 0 interrupt that is not one: SGI0R does not make SGIs of group 1.
	ldr	x1, =0x06000001
	msr	icc_sgi0r_el1, x1
	msr	icc_asgi1r_el1, x1
	ldr	w1, [x25, #0x200]
	report	2, x1
	report	3, x22
	br	x19
second:	secondcpu
	report	0, x0
	mov	x22, #0
	gicon
	mov	x23, #41
	bl	await
	report	1, x22
	ldr	w0, =0x84000002
	hvc	#0
	b	.
	awaiting
interrupted:
	mrs	x0, icc_iar1_el1
	add	x22, x22, #1
	msr	icc_eoir1_el1, x0
	cmp	x0, #4
	b.eq	1f
	cmp	x0, #3
	b.ne	2f
	ldr	x1, =0x04000001		// SGI 4 back to affinity 0.0.0.0
	msr	icc_sgi1r_el1, x1
1:	ret
2:	report	16, x0
	ret
