// No floating point at all: integer work between exits of several kinds.
main:	mov	x19, x30
	mov	x1, #0
	mov	x2, #1000
1:	madd	x1, x1, x2, x2
	ror	x1, x1, #5
	subs	x2, x2, #1
	b.ne	1b
	report	0, x1
	call	0x84000000
	report	1, x0
	ldr	x3, [x28, #16]
	report	3, x3
	mrs	x4, currentel
	report	4, x4
	br	x19
