// Code that is written while it runs: a function made of words, changed a thousand times, each change made visible as the architecture wants it.
	.equ	WRITE, 64
	.equ	EXIT, 93
	.equ	MMAP, 222
	.equ	MPROTECT, 226
	.equ	PROT_READ_WRITE_EXECUTE, 7
	.equ	PROT_READ_EXECUTE, 5
	.equ	MAP_PRIVATE_ANONYMOUS, 0x22
	.equ	PAGE, 4096

	.macro	ok text, condition
	cset	w20, \condition
	adr	x1, 9f
	bl	verdict
	b	8f
9:	.asciz	"\text"
	.balign	4
8:
	.endm
	// sync ADDRESS: the instruction there is seen as it is in memory.
	.macro	sync address
	dc	cvau, \address
	dsb	ish
	ic	ivau, \address
	dsb	ish
	isb
	.endm

	.text
	.globl	_start
_start:
	mov	x0, #0
	mov	x1, #2 * PAGE
	mov	x2, #PROT_READ_WRITE_EXECUTE
	mov	x3, #MAP_PRIVATE_ANONYMOUS
	mov	x4, #-1
	mov	x5, #0
	mov	x8, #MMAP
	svc	#0
	mov	x19, x0

	// add x0, x0, #N ; ret, for N = 1 to 1000.
	ldr	w21, add_immediate
	ldr	w22, return
	str	w22, [x19, #4]
	mov	x23, #1
	mov	x0, #0
1:	orr	w1, w21, w23, lsl #10
	str	w1, [x19]
	sync	x19
	blr	x19
	add	x23, x23, #1
	cmp	x23, #1000
	b.ls	1b
	movz	x1, #500500 & 0xffff
	movk	x1, #500500 >> 16, lsl #16
	cmp	x0, x1
	ok	"1000 changes", eq

	// A loop that turns its own ADD into SUB after it has run for a while.
	adr	x1, template
	mov	x2, x19
	mov	x3, #(template_end - template) / 4
2:	ldr	w4, [x1], #4
	str	w4, [x2], #4
	subs	x3, x3, #1
	b.ne	2b
	sub	x2, x2, #4
	sync	x19
	sync	x2
	mov	x0, #0
	mov	x1, #3000
	ldr	w2, subtract
	mov	x3, x19
	blr	x19
	// 2000 times up, then 1000 times down.
	cmp	x0, #1000
	ok	"a loop that changes itself", eq

	// Code over the end of a page, the second half replaced.
	add	x24, x19, #PAGE - 4
	ldr	w1, move_one
	str	w1, [x24]
	ldr	w1, add_immediate
	orr	w1, w1, #1 << 10
	str	w1, [x24, #4]
	str	w22, [x24, #8]
	add	x2, x24, #4
	sync	x24
	sync	x2
	mov	x25, #0
	mov	x26, #100
3:	blr	x24
	add	x25, x25, x0
	subs	x26, x26, #1
	b.ne	3b
	ldr	w1, add_immediate
	orr	w1, w1, #2 << 10
	add	x2, x24, #4
	str	w1, [x2]
	sync	x2
	mov	x26, #100
4:	blr	x24
	add	x25, x25, x0
	subs	x26, x26, #1
	b.ne	4b
	cmp	x25, #200 + 300
	ok	"over two pages", eq

	// Data beside code: stores that change no instruction.
	mov	x0, #0
	ldr	w1, add_immediate
	orr	w1, w1, #1 << 10
	str	w1, [x19]
	str	w22, [x19, #4]
	sync	x19
	mov	x25, #5000
5:	str	x25, [x19, #64]
	blr	x19
	ldr	x1, [x19, #64]
	cmp	x1, x25
	b.ne	6f
	subs	x25, x25, #1
	b.ne	5b
6:	mov	x1, #5000
	cmp	x0, x1
	ok	"data beside code", eq

	// The same after the page can no longer be written.
	mov	x0, x19
	mov	x1, #2 * PAGE
	mov	x2, #PROT_READ_EXECUTE
	mov	x8, #MPROTECT
	svc	#0
	mov	x0, #41
	blr	x19
	cmp	x0, #42
	ok	"read-only again", eq
	mov	x0, #0
	mov	x8, #EXIT
	svc	#0

	// Adds 1 to X0, X1 times; stores W2 over the ADD when 1000 are left.
template:
	add	x0, x0, #1
	sub	x1, x1, #1
	cmp	x1, #1000
	b.ne	1f
	str	w2, [x3]
	dc	cvau, x3
	dsb	ish
	ic	ivau, x3
	dsb	ish
	isb
1:	cbnz	x1, template
	ret
template_end:

	// Writes the text at X1 and what W20 says.
verdict:
	mov	x2, #0
1:	ldrb	w3, [x1, x2]
	cbz	w3, 2f
	add	x2, x2, #1
	b	1b
2:	mov	x0, #1
	mov	x8, #WRITE
	svc	#0
	adr	x1, wrong
	adr	x2, right
	mov	x3, #wrong_end - wrong
	mov	x4, #wrong - right
	cmp	w20, #0
	csel	x1, x1, x2, eq
	csel	x2, x3, x4, eq
	mov	x0, #1
	mov	x8, #WRITE
	svc	#0
	ret

	.balign	4
add_immediate:	add	x0, x0, #0
return:		ret
subtract:	sub	x0, x0, #1
move_one:	mov	x0, #1
right:	.ascii	": ok\n"
wrong:	.ascii	": wrong\n"
wrong_end:
