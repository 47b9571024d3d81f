// All of V0 to V31 keep their values over MMIO, hypercalls and sleeping.
main:	mov	x19, x30
	openfp
	mov	x21, #0x1234
	mov	x22, #6
1:	fillv	x21
	sumv	x1
	report	0, x1
	sumv	x1
	report	1, x1
	call	0x84000000
	sumv	x1
	report	2, x1
	ldr	x3, [x28, #32]
	sumv	x1
	report	3, x1
	add	x21, x21, x1, lsr #40
	subs	x22, x22, #1
	b.ne	1b
	br	x19
