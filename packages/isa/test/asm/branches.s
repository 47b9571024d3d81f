// Places in the program: labels of both kinds, literals, relocations.
	.text
	.globl	_start
_start:
1:	b	1b
	b	1f
	b.ne	1f
	bne	1b
	b.lo	2f
1:	cbz	x0, 1b
	cbnz	w1, 1f
	tbnz	w3, #5, 2f
	tbz	x3, #45, _start
2:	nop
1:	bl	function
	b	.
	b	. + 8
	b	. - 4
	b	_start + 8
	b	16
	cbz	x0, 8
10:	b	10b
	b	lsl
lsl:	nop
	b	$dollar
$dollar:
.Llocal:
	b	.Llocal
	adr	x0, message
	adr	x1, . + 1
	adr	x1, 12
	adrp	x1, message
	adrp	x1, :pg_hi21:message
	add	x1, x1, :lo12:message
	add	x1, x1, #:lo12:message + 4
	ldr	x2, [x1, :lo12:message]
	ldr	x3, [x1, #:lo12:table]
	ldrb	w3, [x1, #:lo12:odd]
	str	q3, [x1, :lo12:wide]
	movz	x4, #:abs_g1:message
	movk	x4, #:abs_g0_nc:message
	movz	x5, #:abs_g3:big
	movk	x5, #:abs_g2_nc:big
	movk	x5, #:abs_g1_nc:big
	movk	x5, #:abs_g0_nc:big
	.set	big, 0x9abc123400005678
	ldr	x0, =0x1234567890
	ldr	x1, =message
	ldr	x2, = message + 8
	ldr	x3, =message + 8
	ldr	w2, =0x12345
	ldr	x0, =0x1234567890
	ldr	q1, =0x123456789abcdef00fedcba987654321
	ldr	d1, =0x3ff0000000000000
	ldr	s1, =0x3f800000
	ldrsw	x1, =0x12345
	ldr	x5, =-1
	ldr	x6, =later
	ldr	x7, =0x8000000000000000
	.byte	1
	.ltorg
	ldr	x0, =0x1234567890
	ldr	x0, function
	ldrsw	x0, function
	ldr	s0, table2
	ldr	d0, table2
	ldr	q0, table2
	prfm	pldl1keep, function
	prfm	pldl1keep, [x0, #8]
function:
	ret
	.balign	16
table2:	.quad	function, table2 - function, . - function
	.section .text.second, "ax", %progbits
	b	_start
	ldr	x0, =0x77777777777
	adr	x2, function
	.pushsection .rodata
message: .asciz	"hello"
odd:	.byte	1
	.balign	16
wide:	.octa	1
table:	.quad	message, function, 1f
	.popsection
1:	nop
	.text
	nop
	.data
	.quad	_start, later
later:	.word	1
	.previous
	b	1b
