// needs: vcpus=2
// Two vCPUs count by turns under a lock, with FP values of their own; the second is started and stopped by PSCI.
main:	mov	x19, x30
	openfp
	adr	x2, second
	mov	x1, #1
	mov	x3, #42
	ldr	w0, =0xc4000003
	hvc	#0
	report	0, x0
	ldr	w0, =0xc4000003
	mov	x1, #1
	hvc	#0
	report	1, x0
	mov	x20, #0
	fmov	d8, #1.0
	bl	work
	untiloff	1
	report	2, x0
	adrp	x1, shared
	ldr	x2, [x1, :lo12:shared]
	report	3, x2
	fmov	x2, d8
	report	4, x2
	br	x19
second:	mov	x20, #1
	ldr	x28, =DEVICE + 0x1000
	report	0, x0
	openfp
	fmov	d8, #3.0
	adrp	x9, stacks
	add	x9, x9, :lo12:stacks
	add	sp, x9, #8192
	bl	work
	fmov	x2, d8
	report	1, x2
	ldr	w0, =0x84000002
	hvc	#0
	report	2, x0
	b	.
	// 200 turns: whoever's turn it is adds, gives the turn away, and does FP between them.
work:	adrp	x1, shared
	add	x1, x1, :lo12:shared
	mov	x4, #200
	fmov	d1, #1.0
1:	ldar	x2, [x1]
	and	x3, x2, #1
	cmp	x3, x20
	b.ne	1b
	fadd	d8, d8, d1
	add	x2, x2, #1
	stlr	x2, [x1]
	subs	x4, x4, #1
	b.ne	1b
	ret
	.bss
	.balign	64
shared:	.skip	64
	.text
