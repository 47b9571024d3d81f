// Signals: what a handler is told about a fault, and that a program's registers, SIMD and FPSR included, survive it unless the handler changes them.
	.equ	WRITE, 64
	.equ	EXIT, 93
	.equ	TGKILL, 131
	.equ	SIGALTSTACK, 132
	.equ	RT_SIGACTION, 134
	.equ	RT_SIGPROCMASK, 135
	.equ	RT_SIGRETURN, 139
	.equ	GETPID, 172
	.equ	GETTID, 178
	.equ	SIGILL, 4
	.equ	SIGTRAP, 5
	.equ	SIGBUS, 7
	.equ	SIGUSR1, 10
	.equ	SIGSEGV, 11
	.equ	SA_SIGINFO, 4
	.equ	SA_ONSTACK, 0x08000000
	.equ	SA_RESTORER, 0x04000000
	// struct ucontext
	.equ	UC_MASK, 40
	.equ	UC_X0, 184
	.equ	UC_PC, 440
	.equ	UC_RESERVED, 464
	.equ	FPSIMD_MAGIC, 0x46508001
	.equ	CONTEXT_V0, UC_RESERVED + 16

	.macro	call number
	mov	x8, #\number
	svc	#0
	.endm
	.macro	ok text, condition
	cset	w20, \condition
	adr	x1, 9f
	bl	verdict
	b	8f
9:	.asciz	"\text"
	.balign	4
8:
	.endm
	// What the handler was told: expect SIGNAL, CODE
	.macro	told text, signal, code
	ldp	w0, w1, [x28]
	cmp	w0, #\signal
	.if \code < 0
	ccmn	w1, #-(\code), #0, eq
	.else
	ccmp	w1, #\code, #0, eq
	.endif
	ok	"\text", eq
	.endm

	.text
	.globl	_start
_start:
	adrp	x28, seen
	add	x28, x28, :lo12:seen
	adr	x0, alternate_stack
	mov	x1, #0
	call	SIGALTSTACK
	mov	w19, #SIGILL
	adr	x27, handler
	bl	install
	mov	w19, #SIGTRAP
	bl	install
	mov	w19, #SIGBUS
	bl	install
	mov	w19, #SIGSEGV
	bl	install
	mov	w19, #SIGUSR1
	bl	install

	// An undefined instruction, with every SIMD register in use.
	mov	x0, #1 << 22		// round up
	msr	fpcr, x0
	bl	fill
	fmov	d31, #1.0
	fmov	d30, #3.0
	msr	fpsr, xzr
	fdiv	d29, d31, d30		// inexact
	bl	fill
	adr	x19, 1f
	mov	x20, #0x123
1:	udf	#0
	mov	x21, x20
	mrs	x22, fpsr
	mrs	x23, fpcr
	bl	check
	ok	"SIMD registers survive", eq
	cmp	x22, #0x10
	mov	x0, #1 << 22
	ccmp	x23, x0, #0, eq
	ok	"FPSR and FPCR survive", eq
	cmp	x21, #0x123
	ok	"X20 survives", eq
	told	"SIGILL, illegal opcode", SIGILL, 1
	ldr	x0, [x28, #8]
	cmp	x0, x19
	ok	"at its address", eq
	ldr	x0, [x28, #16]
	mov	x1, #1 << 22
	cmp	x0, x1
	ok	"in a handler that has the program's FPCR", eq
	ldr	w0, [x28, #24]
	ldr	w1, magic
	cmp	w0, w1
	ok	"with the SIMD registers in its frame", eq

	// A handler may change them: it does so when W24 is 1.
	bl	fill
	mov	w24, #1
	udf	#0
	mov	w24, #0
	umov	x0, v5.d[1]
	mov	x1, #0x5555555555555555
	cmp	x0, x1
	ok	"V5 changed by the handler", eq

	// Memory that is not there, that is read-only, that is not for execution.
	mov	x19, #0x5000
	ldr	x0, [x19]
	told	"SIGSEGV, not mapped", SIGSEGV, 1
	ldr	x0, [x28, #8]
	cmp	x0, x19
	ok	"at its address", eq
	adr	x19, _start
	str	x0, [x19]
	told	"SIGSEGV, not allowed", SIGSEGV, 2
	ldr	x0, [x28, #8]
	cmp	x0, x19
	ok	"at its address", eq
	mov	w24, #2			// go on at the link register
	adr	x30, 2f
	br	x28
2:	told	"SIGSEGV, not executable", SIGSEGV, 2
	adr	x30, 3f
	add	x0, x30, #2
	br	x0
3:	told	"SIGBUS, misaligned", SIGBUS, 1
	mov	w24, #0
	brk	#0
	told	"SIGTRAP, breakpoint", SIGTRAP, 1

	// A signal that is sent, and one that is blocked until it is not.
	bl	send
	told	"SIGUSR1, by tgkill", SIGUSR1, -6
	str	xzr, [x28]
	mov	x0, #0			// SIG_BLOCK
	adr	x1, usr1
	mov	x2, #0
	mov	x3, #8
	call	RT_SIGPROCMASK
	bl	send
	ldr	w0, [x28]
	cmp	w0, #0
	ok	"blocked", eq
	mov	x0, #1			// SIG_UNBLOCK
	adr	x1, usr1
	mov	x2, #0
	mov	x3, #8
	call	RT_SIGPROCMASK
	told	"delivered when unblocked", SIGUSR1, -6
	ldr	x0, [x28, #32]
	adrp	x1, stack
	add	x1, x1, :lo12:stack
	sub	x0, x1, x0
	cmp	x0, #16384
	ok	"on the other stack", lo

	mov	x0, #0
	call	EXIT

send:	call	GETPID
	mov	x19, x0
	call	GETTID
	mov	x1, x0
	mov	x0, x19
	mov	x2, #SIGUSR1
	call	TGKILL
	ret

	// sigaction of signal W19 to X27.
install:
	sub	sp, sp, #32
	movz	x0, #(SA_SIGINFO | SA_ONSTACK | SA_RESTORER) & 0xffff
	movk	x0, #(SA_SIGINFO | SA_ONSTACK | SA_RESTORER) >> 16, lsl #16
	stp	x27, x0, [sp]
	adr	x0, restorer
	stp	x0, xzr, [sp, #16]
	mov	w0, w19
	mov	x1, sp
	mov	x2, #0
	mov	x3, #8
	call	RT_SIGACTION
	add	sp, sp, #32
	ret
restorer:
	call	RT_SIGRETURN

	// Keeps what it is told in `seen`, ruins the SIMD registers and goes on behind the instruction.
handler:
	ldr	w3, [x1, #8]		// si_code
	stp	w0, w3, [x28]
	ldr	x3, [x1, #16]		// si_addr
	str	x3, [x28, #8]
	mrs	x3, fpcr
	str	x3, [x28, #16]
	ldr	w3, [x2, #UC_RESERVED]
	str	w3, [x28, #24]
	mov	x3, sp
	str	x3, [x28, #32]
	.irp	n, 0, 1, 5, 8, 15, 16, 30, 31
	movi	v\n\().16b, #0xee
	.endr
	msr	fpsr, xzr
	msr	fpcr, xzr
	cmp	w0, #SIGUSR1
	b.eq	2f
	ldr	x3, [x2, #UC_PC]
	add	x3, x3, #4
	cmp	w24, #2
	b.ne	1f
	ldr	x3, [x2, #UC_X0 + 30 * 8]
1:	str	x3, [x2, #UC_PC]
	cmp	w24, #1
	b.ne	2f
	mov	x3, #0x5555555555555555
	str	x3, [x2, #CONTEXT_V0 + 5 * 16 + 8]
2:	ret

	// V0 to V31 get patterns of their own; check says whether they still have them (EQ). Both use X0 and X1.
fill:	movz	x0, #0x1111
	movk	x0, #0x2222, lsl #48
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	add	x0, x0, #\n
	mov	v\n\().d[0], x0
	mov	v\n\().d[1], x0
	.endr
	ret
check:	movz	x0, #0x1111
	movk	x0, #0x2222, lsl #48
	mov	x2, #0
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	add	x0, x0, #\n
	umov	x1, v\n\().d[0]
	eor	x1, x1, x0
	orr	x2, x2, x1
	umov	x1, v\n\().d[1]
	eor	x1, x1, x0
	orr	x2, x2, x1
	.endr
	cmp	x2, #0
	ret

	// Writes the text at X1 and what W20 says.
verdict:
	mov	x2, #0
1:	ldrb	w3, [x1, x2]
	cbz	w3, 2f
	add	x2, x2, #1
	b	1b
2:	mov	x0, #1
	call	WRITE
	adr	x1, wrong
	adr	x2, right
	mov	x3, #wrong_end - wrong
	mov	x4, #wrong - right
	cmp	w20, #0
	csel	x1, x1, x2, eq
	csel	x2, x3, x4, eq
	mov	x0, #1
	call	WRITE
	ret

	.balign	8
usr1:	.quad	1 << (SIGUSR1 - 1)
magic:	.word	FPSIMD_MAGIC
right:	.ascii	": ok\n"
wrong:	.ascii	": wrong\n"
wrong_end:
	.balign	8
alternate_stack:
	.quad	stack_bottom, 0, 16384
	.bss
	.balign	16
seen:	.space	64
stack_bottom:
	.space	16384
stack:
