// Calls: deep recursion, many returns, calls through registers and tables.
	.equ	WRITE, 64
	.equ	EXIT, 93

	.text
	.globl	_start
_start:
	// Fibonacci the slow way: a tree of calls.
	mov	x0, #24
	bl	fibonacci
	adr	x1, fibonacci_text
	bl	report
	// Ackermann: calls as deep as the result is large.
	mov	x0, #2
	mov	x1, #300
	bl	ackermann
	adr	x1, ackermann_text
	bl	report
	// A chain of 100000 frames: 1 + 2 + ... + 100000.
	mov	x0, #0x86a0
	movk	x0, #1, lsl #16
	bl	sum
	adr	x1, sum_text
	bl	report
	// Functions chosen from a table by a running number.
	mov	x19, #0
	mov	x20, #1
	mov	x21, #1000
1:	adr	x0, table
	and	x1, x19, #3
	ldr	x1, [x0, x1, lsl #3]
	mov	x0, x20
	blr	x1
	mov	x20, x0
	add	x19, x19, #1
	cmp	x19, x21
	b.lo	1b
	mov	x0, x20
	adr	x1, table_text
	bl	report
	// Two functions that call each other.
	mov	x0, #1001
	bl	is_even
	adr	x1, even_text
	bl	report
	mov	x0, #0
	mov	x8, #EXIT
	svc	#0

	.type	fibonacci, %function
fibonacci:
	cmp	x0, #2
	b.lo	1f
	stp	x29, x30, [sp, #-32]!
	mov	x29, sp
	str	x0, [sp, #16]
	sub	x0, x0, #1
	bl	fibonacci
	ldr	x1, [sp, #16]
	str	x0, [sp, #24]
	sub	x0, x1, #2
	bl	fibonacci
	ldr	x1, [sp, #24]
	add	x0, x0, x1
	ldp	x29, x30, [sp], #32
1:	ret
	.size	fibonacci, . - fibonacci

	// ackermann(m, n): X0, X1
ackermann:
	cbnz	x0, 1f
	add	x0, x1, #1
	ret
1:	cbnz	x1, 2f
	sub	x0, x0, #1
	mov	x1, #1
	b	ackermann
2:	stp	x0, x30, [sp, #-16]!
	sub	x1, x1, #1
	bl	ackermann
	mov	x1, x0
	ldp	x0, x30, [sp], #16
	sub	x0, x0, #1
	b	ackermann

sum:	cbz	x0, 1f
	stp	x0, x30, [sp, #-16]!
	sub	x0, x0, #1
	bl	sum
	ldp	x1, x30, [sp], #16
	add	x0, x0, x1
1:	ret

twice:	lsl	x0, x0, #1
	ret
increment:
	add	x0, x0, #1
	ret
scramble:
	eor	x0, x0, x0, lsr #3
	ret
triple:	add	x0, x0, x0, lsl #1
	ret

is_even:
	cbz	x0, 1f
	stp	x29, x30, [sp, #-16]!
	sub	x0, x0, #1
	bl	is_odd
	ldp	x29, x30, [sp], #16
	ret
1:	mov	x0, #1
	ret
is_odd:	cbz	x0, 1f
	stp	x29, x30, [sp, #-16]!
	sub	x0, x0, #1
	bl	is_even
	ldp	x29, x30, [sp], #16
1:	ret

	// Writes the text at X1, the number in X0 and a new line.
report:	stp	x29, x30, [sp, #-64]!
	mov	x29, sp
	stp	x0, x19, [sp, #16]
	mov	x19, #0
1:	ldrb	w2, [x1, x19]
	cbz	w2, 2f
	add	x19, x19, #1
	b	1b
2:	mov	x2, x19
	mov	x0, #1
	mov	x8, #WRITE
	svc	#0
	ldr	x0, [sp, #16]
	// Digits from the last to the first, in front of the new line at the end of the frame.
	add	x1, sp, #64
	mov	w2, #'\n'
	strb	w2, [x1, #-1]!
	mov	x3, #10
3:	udiv	x4, x0, x3
	msub	x2, x4, x3, x0
	add	w2, w2, #'0'
	strb	w2, [x1, #-1]!
	mov	x0, x4
	cbnz	x0, 3b
	add	x2, sp, #64
	sub	x2, x2, x1
	mov	x0, #1
	mov	x8, #WRITE
	svc	#0
	ldr	x19, [sp, #24]
	ldp	x29, x30, [sp], #64
	ret

	.section .rodata
	.balign	8
table:	.quad	twice, increment, scramble, triple
fibonacci_text:	.asciz	"fibonacci(24) = "
ackermann_text:	.asciz	"ackermann(2, 300) = "
sum_text:	.asciz	"1 + ... + 100000 = "
table_text:	.asciz	"by table: "
even_text:	.asciz	"1001 is even: "
