// From EL2 down to EL1 and EL0 and back up by exceptions: each handler says who it is, who called and why (the exception class of its ESR).
	.equ	UART, 0x09000000
	.equ	SYSTEM_OFF, 0x84000008
	.equ	MASKED, 0xf << 6	// SPSR: D A I F
	.equ	EL0T, 0
	.equ	EL1H, 5
	.equ	HCR_RW, 1 << 31		// EL1 is AArch64
	.equ	NO_TRAPS, 0x33ff & ~(1 << 10) & ~(1 << 8) & ~(1 << 12)	// CPTR_EL2
	.equ	EC_SVC, 0x15
	.equ	EC_HVC, 0x16

	// say TEXT: keeps every register but X30.
	.macro	say text
	bl	print
	.asciz	"\text"
	.balign	4
	.endm
	// handler LEVEL, NEXT: saves X0, X1, X30, names level and class, goes on at NEXT with the class in X0.
	.macro	handler level, next
	stp	x0, x1, [sp, #-32]!
	stp	x2, x30, [sp, #16]
	say	"  EL\level: class "
	mrs	x0, esr_el\level
	lsr	x0, x0, #26
	bl	print_byte
	say	" from EL"
	mrs	x1, spsr_el\level
	ubfx	x1, x1, #2, #2
	add	w1, w1, #'0'
	bl	print_character
	say	"\n"
	b	\next
	.endm
	.macro	leave level, skip=0
	.if \skip
	mrs	x1, elr_el\level
	add	x1, x1, #4
	msr	elr_el\level, x1
	.endif
	ldp	x2, x30, [sp, #16]
	ldp	x0, x1, [sp], #32
	eret
	.endm
	.macro	vector target
	b	\target
	.balign	128
	.endm
	.macro	vectors current, lower
	.rept	4			// current level with SP_EL0
	vector	unexpected
	.endr
	vector	\current
	.rept	3
	vector	unexpected
	.endr
	vector	\lower
	.rept	7
	vector	unexpected
	.endr
	.endm

	.text
	.globl	_start
_start:
	mov	x19, #UART
	adrp	x0, stack2
	add	x0, x0, :lo12:stack2
	mov	sp, x0
	adrp	x0, vectors2
	add	x0, x0, :lo12:vectors2
	msr	vbar_el2, x0
	mrs	x1, currentel
	lsr	x1, x1, #2
	say	"started at EL"
	add	w1, w1, #'0'
	bl	print_character
	say	"\n"
	mov	x0, #HCR_RW
	msr	hcr_el2, x0
	mov	x0, #NO_TRAPS
	msr	cptr_el2, x0
	isb
	say	"an undefined instruction at EL2\n"
	udf	#1
	adr	x0, at_el1
	msr	elr_el2, x0
	mov	x0, #MASKED | EL1H
	msr	spsr_el2, x0
	eret

at_el1:	adrp	x0, stack1
	add	x0, x0, :lo12:stack1
	mov	sp, x0
	adrp	x0, vectors1
	add	x0, x0, :lo12:vectors1
	msr	vbar_el1, x0
	isb
	say	"HVC at EL1\n"
	hvc	#7
	say	"BRK at EL1\n"
	brk	#3
	say	"an access to a register of EL2 at EL1\n"
	mrs	x0, hcr_el2
	say	"floating point disabled at EL1\n"
	msr	cpacr_el1, xzr
	isb
	fmov	d0, #1.0
	fadd	d0, d0, d0
	fmov	x0, d0
	mov	x1, #0x4000000000000000	// 2.0
	cmp	x0, x1
	b.ne	unexpected
	adrp	x0, stack0
	add	x0, x0, :lo12:stack0
	msr	sp_el0, x0
	mrs	x0, sctlr_el1
	orr	x0, x0, #3 << 3		// stack pointers are checked at EL1 and EL0
	msr	sctlr_el1, x0
	adr	x0, at_el0
	msr	elr_el1, x0
	mov	x0, #MASKED | EL0T
	msr	spsr_el1, x0
	eret

at_el0:	say	"SVC at EL0\n"
	svc	#9
	say	"HVC at EL0\n"
	hvc	#0			// UNDEFINED there
	say	"a load from nowhere at EL0\n"
	mov	x0, #0x100000000000
	ldr	x0, [x0]
	say	"a jump to an odd address at EL0\n"
	adr	x0, back + 2
	br	x0
back:	say	"a misaligned stack pointer at EL0\n"
	mov	x0, sp
	add	x1, x0, #8
	mov	sp, x1
	ldr	x1, [sp]
	mov	sp, x0
	say	"the end\n"
	svc	#0

	// EL2: calls return behind the HVC, one of number 0 ends the run; an UNDEFINED instruction is stepped over.
el2:	handler	2, 1f
1:	cmp	x0, #EC_HVC
	b.ne	2f
	mrs	x0, esr_el2
	tst	x0, #0xffff
	b.eq	off
	leave	2
2:	leave	2, 1
off:	movz	x0, #SYSTEM_OFF & 0xffff
	movk	x0, #SYSTEM_OFF >> 16, lsl #16
	smc	#0
	b	.

	// EL1: a supervisor call of number 0 asks EL2 to end the run; a trapped floating-point instruction is done again; everything else is stepped over.
el1:	handler	1, 1f
1:	cmp	x0, #EC_SVC
	b.ne	2f
	mrs	x0, esr_el1
	tst	x0, #0xffff
	b.ne	4f
	hvc	#0
2:	cmp	x0, #0x07		// access to SIMD or floating point
	b.ne	3f
	mov	x0, #3 << 20
	msr	cpacr_el1, x0
4:	leave	1
3:	cmp	x0, #0x22		// PC alignment: the return address is the odd one
	b.ne	5f
	adr	x0, back - 4
	msr	elr_el1, x0
5:	leave	1, 1
unexpected:
	say	"unexpected\n"
	b	.

	// Prints the text behind the call and returns behind that; X28 and X29 are its own.
print:	mov	x29, x30
1:	ldrb	w28, [x29], #1
	cbz	w28, 2f
	str	w28, [x19]
	b	1b
2:	add	x29, x29, #3
	and	x30, x29, #~3
	ret
print_character:
	str	w1, [x19]
	ret
	// X0 as two hexadecimal digits; X2, X28 and X29 are its own.
print_byte:
	mov	x2, #4
1:	lsr	x28, x0, x2
	and	x28, x28, #15
	adr	x29, digits
	ldrb	w28, [x29, x28]
	str	w28, [x19]
	subs	x2, x2, #4
	b.eq	1b
	ret
digits:	.ascii	"0123456789abcdef"

	.balign	2048
vectors2:
	vectors	el2, el2
vectors1:
	vectors	el1, el1

	.bss
	.balign	16
	.space	4096
stack2:
	.space	4096
stack1:
	.space	64
stack0:
