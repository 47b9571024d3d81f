// Loads and stores of every size and extension at a device.
main:	mov	x19, x30
	ldr	x1, [x28, #64]
	report	0, x1
	ldr	w1, [x28, #72]
	report	1, x1
	ldrh	w1, [x28, #80]
	report	2, x1
	ldrb	w1, [x28, #88]
	report	3, x1
	ldrsw	x1, [x28, #96]
	report	4, x1
	ldrsh	x1, [x28, #104]
	report	5, x1
	ldrsh	w1, [x28, #106]
	report	6, x1
	ldrsb	x1, [x28, #112]
	report	7, x1
	ldrsb	w1, [x28, #113]
	report	8, x1
	mov	x1, #-2
	strb	w1, [x28, #128]
	strh	w1, [x28, #130]
	str	w1, [x28, #132]
	str	x1, [x28, #136]
	str	xzr, [x28, #144]
	add	x2, x28, #152
	ldr	x1, [x2]
	report	9, x1
	br	x19
