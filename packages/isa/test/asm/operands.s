// Operands as people write them.
	.set	LEN, 7
	.set	x5, 3
	.text
	mov	x0, x5
	mov	x0, #x5
	add	x0, x1, #-4
	add	x0, x1, -4
	sub	x0, x0, #-LEN
	add	x0, x0, #LEN, lsl #12
	add	x0, x0, #0x5000
	add	x0, x1, x2, lsl 3
	add	x0, x1, x2, LSL #3
	add	x0, x1, w2, uxtw #2
	cmp	x0, #-1
	cmp	sp, x1
	adds	w0, wsp, #4
	bic	x0, x1, #0xff
	bic	w0, w1, #0xff
	uxtw	x1, w2
	uxtb	w1, w2
	sxtw	x3, w4
	MOV	X0, #-1
	mov	x0, #0xffff0000ffffffff
	mov	w0, #0xffff0000
	mov	x0, #0x5555555555555555
	mov	x0, sp
	mov	w1, wzr
	mov	x2, lr
	str	fp, [sp, #-16]!
	orr	x0, xzr, #0xff
	tst	x0, #0xff
	ldp	x0, x1, [sp], #16
	stp	q0, q1, [sp, #-32]!
	ldr	x0, [x1, #-8]!
	ldr	x0, [x1, #17]
	ldr	x0, [ x1 , #16 ]
	ldr	x0, [x1]
	ldrb	w0, [x1, w2, uxtw]
	ldrsh	x0, [x1, x2, lsl #1]
	ldr	q0, [x0], 16
	umov	w0, v1.b[LEN / 2]
	mov	v0.s[1], v2.s[LEN - 4]
	ld1	{ v0.s }[LEN - LEN + 1], [x1]
	ld1	{v0.16b, v1.16b, v2.16b}, [x0]
	ld4	{v28.2d-v31.2d}, [x0], x3
	tbl	v0.16b, {v1.16b, v2.16b}, v3.16b
	fmov	d0, #1.5
	fmov	s1, #-0.25
	fmov	v0.4s, #1.0
	fmov	d3, 2.0e0
	fcmp	d0, #0.0
	fcmp	d0, d1
	movi	v0.16b, #0xff
	movi	v0.4s, #LEN, lsl #8
	movi	v0.4s, #LEN, msl #8
	fmadd	d0, d1, d2, d3
	csel	x0, x1, x2, eq
	cset	w0, hs
	ccmp	x0, #LEN, #0b0100, ne
	ror	x0, x1, #LEN
	lsl	w0, w1, #LEN
	extr	x0, x1, x2, #8
	madd	x0, x1, x2, x3
	mrs	x0, CurrentEL
	mrs	x0, currentel
	msr	S3_0_C1_C0_2, x0
	msr	daifset, #(1 << 1)
	msr	spsel, #1
	dsb	ish
	dmb	#11
	isb
	tlbi	vmalle1is
	tlbi	vae1, x3
	dc	civac, x0
	ic	ialluis
	at	s1e1r, x7
	sys	#0, c7, c8, #0, x0
	hvc	#0 /* a comment
	over two lines */ ; svc #0x10 ; smc 3
	hlt	#0xf000
	brk	1
	hint	#LEN
	ldxr	x0, [x1]
	stlxr	w0, x1, [x2]
	ldadd	x0, x1, [x2]
	casal	w0, w1, [x2]
	swpb	w0, w1, [x2]
	crc32cx	w0, w1, x2
	aese	v0.16b, v1.16b
	prfm	#5, [x0]
# a comment at the start of a line
 # and one behind a space
