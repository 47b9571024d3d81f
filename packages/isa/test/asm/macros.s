// Macros, repetitions, conditionals, register names.
	.macro push2 a, b
	stp	\a, \b, [sp, #-16]!
	.endm
	.macro vector op, r:req, rest:vararg
	\op	v\r\().4s, \rest
	.endm
	.macro count n
	.if \n
	.word	\n
	count	(\n - 1)
	.endif
	.endm
	.macro byDefault r=5, value=\r
	mov	x\r, #\r
	.endm
	.macro text x
	.ascii	"\x"
	.byte	\@
	.endm
	.macro outer n
	.macro inner_\n
	mov	x0, #\n
	.endm
	.endm
	.macro early n
	nop
	.if \n
	.exitm
	.endif
	yield
	.endm
	.macro local
1:	cbz	x0, 1b
	b	1f
1:
	.endm
	.text
	push2	x29, x30
	push2	b=x1, a=x2
	push2	x1 x2
	vector	add, 3, v1.4s, v2.4s
	byDefault
	byDefault 6
	text	hello
	text	"a b"
	text
	.balign	4
	outer	7
	inner_7
	early	1
	early	0
	local
	local
	count	3
	.purgem	count
	.irp	r, 0, 1, 2
	mov	x\r, #\r
	.endr
	.irp	r, x3
	.irp	n, 1, 2
	add	\r, \r, #\n
	.endr
	.endr
	.irpc	c, 123
	.byte	\c
	.endr
	.balign	4
	.set	i, 0
	.rept	4
	.hword	i
	.set	i, i + 1
	.endr
	.rept	0
	.error	"never"
	.endr
counter	.req	x19
	add	counter, counter, #1
	ldr	w0, [counter, w1, sxtw #2]
	ldr	x0, [counter, x1, lsl #3]
	.unreq	counter
acc	.req	v7
	fadd	acc.4s, acc.4s, v1.4s
	ld1	{acc.4s - v8.4s}, [x0], #32
	mov	acc.d[1], x3
	.if i == 4
	.ifdef nothing
	.error	"defined"
	.elseif i > 3
	nop
	.else
	.error	"else"
	.endif
	.else
	.error	"unequal"
	.endif
	.ifndef nothing
	sev
	.endif
	.ifb
	wfe
	.endif
	.ifnb x
	wfi
	.endif
	.ifc a, a
	isb
	.endif
	.ifnc a, b
	dsb	sy
	.endif
	.if 0
	.endif
