// Every width of scalar and vector arithmetic, folded into a few numbers between exits.
main:	mov	x19, x30
	openfp
	mov	x21, #3
1:	fillv	x21
	fadd	v0.4s, v1.4s, v2.4s
	fmul	v3.2d, v4.2d, v5.2d
	add	v6.16b, v7.16b, v8.16b
	report	0, x21
	uaddlv	s9, v6.8h
	mla	v10.8h, v11.8h, v12.8h
	sqadd	v13.4s, v14.4s, v15.4s
	tbl	v16.16b, {v17.16b, v18.16b}, v19.16b
	fcvtzs	v20.2d, v3.2d
	scvtf	v21.4s, v22.4s
	call	0x84000000
	sumv	x1
	report	1, x1
	mrs	x1, fpsr
	report	2, x1
	subs	x21, x21, #1
	b.ne	1b
	br	x19
