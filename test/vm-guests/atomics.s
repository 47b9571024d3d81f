// Exclusives and atomic operations, over exits too.
main:	mov	x19, x30
	adrp	x12, cell
	add	x12, x12, :lo12:cell
	mov	x2, #100
	mov	x5, #0
1:	ldxr	x3, [x12]
	add	x3, x3, x2
	stxr	w4, x3, [x12]
	cbnz	w4, 1b
	subs	x2, x2, #1
	b.ne	1b
	ldr	x3, [x12]
	report	0, x3
	ldxr	x3, [x12]
	report	1, x3
	call	0x84000000
	clrex
	stxr	w4, x3, [x12]
	report	2, x4
	mov	x2, #3
	ldadd	x2, x3, [x12]
	report	3, x3
	swp	x2, x3, [x12]
	report	4, x3
	mov	x2, #3
	mov	x3, #9
	casal	x2, x3, [x12]
	ldr	x3, [x12]
	report	5, x3
	br	x19
	.bss
	.balign	64
cell:	.skip	64
	.text
