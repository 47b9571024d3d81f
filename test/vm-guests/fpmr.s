// needs: fpmr
// FPMR is the guest's own.
main:	mov	x19, x30
	openfp
	mrs	x1, s3_3_c4_c4_2
	report	0, x1
	mov	x1, #0x1b
	msr	s3_3_c4_c4_2, x1
	report	1, x1
	mrs	x1, s3_3_c4_c4_2
	report	2, x1
	call	0x84000000
	fmov	d0, #1.0
	mrs	x1, s3_3_c4_c4_2
	report	3, x1
	br	x19
