// Uses what average.js adds. Prints the mean of 7 and 10, then how often it asked, then exits with the sum of both.
	.equ	WRITE, 64
	.equ	EXIT, 93

	.text
	.globl	_start
_start:
	mov	x1, #7
	mov	x2, #10
	average	x19, x1, x2
	mov	x0, #1
	msr	averages_el0, x0
	mov	x3, #-1			// only 16 bits of the register exist
	msr	averages_el0, x3
	mrs	x20, averages_el0
	lsr	x20, x20, #12		// 0xf

	adr	x21, digits
	ldrb	w0, [x21, x19]
	adr	x1, text
	strb	w0, [x1]
	ldrb	w0, [x21, x20]
	strb	w0, [x1, #1]
	mov	x0, #1
	mov	x2, #3
	mov	x8, #WRITE
	svc	#0

	add	x0, x19, x20
	mov	x8, #EXIT
	svc	#0

digits:	.ascii	"0123456789abcdef"
	.data
text:	.ascii	"??\n"
