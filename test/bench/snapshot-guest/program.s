// A kernel at EL1 that has written 24 MiB of its memory, each doubleword another, and counts from then on.
	.equ	UART, 0x09000000
	.equ	DATA, 0x41000000
	.equ	BYTES, 24 << 20

	.text
	.globl	_start
_start:
	ldr	x1, =DATA
	ldr	x2, =DATA + BYTES
	ldr	x3, =0x9e3779b97f4a7c15
	mov	x4, #1
1:	madd	x4, x4, x3, x3
	str	x4, [x1], #8
	cmp	x1, x2
	b.ne	1b
	// It says that it is ready.
	ldr	x5, =UART
	mov	w6, #'!'
	str	w6, [x5]
	// From here on it counts in one page.
	ldr	x1, =DATA
2:	ldr	x6, [x1]
	add	x6, x6, #1
	str	x6, [x1]
	b	2b
