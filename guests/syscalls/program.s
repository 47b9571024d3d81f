// Memory and files of a Linux program by system calls: brk, mmap, mprotect, munmap, pipes that are not there, and the numbers errors have.
	.equ	OPENAT, 56
	.equ	CLOSE, 57
	.equ	READ, 63
	.equ	WRITE, 64
	.equ	EXIT_GROUP, 94
	.equ	CLOCK_GETTIME, 113
	.equ	UNAME, 160
	.equ	GETPID, 172
	.equ	BRK, 214
	.equ	MUNMAP, 215
	.equ	MMAP, 222
	.equ	MPROTECT, 226
	.equ	AT_FDCWD, -100
	.equ	PROT_READ, 1
	.equ	PROT_WRITE, 2
	.equ	MAP_PRIVATE, 2
	.equ	MAP_FIXED, 0x10
	.equ	MAP_ANONYMOUS, 0x20
	.equ	PAGE, 4096

	.macro	call number, a=x0, b=x1, c=x2, d=x3, e=x4, f=x5
	.irp	pair, "x0, \a", "x1, \b", "x2, \c", "x3, \d", "x4, \e", "x5, \f"
	move	\pair
	.endr
	mov	x8, #\number
	svc	#0
	.endm
	.macro	move to, from
	.ifnc	\to, \from
	mov	\to, \from
	.endif
	.endm
	// ok TEXT, CONDITION: prints the text, and "ok" or "wrong" as the flags say.
	.macro	ok text, condition
	cset	w20, \condition
	adr	x1, 9f
	bl	verdict
	b	8f
9:	.asciz	"\text"
	.balign	4
8:
	.endm

	.text
	.globl	_start
_start:
	// argc and argv are on the stack, and argv ends with a null pointer.
	ldr	x0, [sp]
	add	x1, sp, #8
	ldr	x2, [x1, x0, lsl #3]
	cmp	x2, #0
	ccmp	x0, #1, #0, eq
	ok	"arguments", ge

	// The heap grows, keeps what is in it, and shrinks.
	call	BRK, #0
	mov	x21, x0
	add	x22, x0, #3 * PAGE
	call	BRK, x22
	cmp	x0, x22
	ok	"brk grows", eq
	str	x22, [x22, #-8]
	ldr	x0, [x22, #-8]
	cmp	x0, x22
	ok	"its memory can be used", eq
	ldr	x0, [x22, #-16]
	cmp	x0, #0
	ok	"and starts as zeros", eq
	call	BRK, x21
	cmp	x0, x21
	ok	"brk shrinks", eq

	// Pages from mmap: zeros, written, protected, given back in part.
	call	MMAP, #0, #4 * PAGE, #PROT_READ | PROT_WRITE, #MAP_PRIVATE | MAP_ANONYMOUS, #-1, #0
	mov	x23, x0
	tst	x0, #PAGE - 1
	ok	"mmap gives whole pages", eq
	mov	x0, #0
	add	x1, x23, #4 * PAGE
	mov	x2, x23
1:	ldp	x3, x4, [x2], #16
	orr	x0, x0, x3
	orr	x0, x0, x4
	cmp	x2, x1
	b.lo	1b
	cmp	x0, #0
	ok	"of zeros", eq
	movi	v0.16b, #0xa5
	str	q0, [x23, #2 * PAGE]
	call	MPROTECT, x23, #4 * PAGE, #PROT_READ
	cmp	x0, #0
	ok	"mprotect", eq
	// A call that would write there fails instead.
	add	x24, x23, #PAGE
	call	CLOCK_GETTIME, #0, x24
	cmn	x0, #14
	ok	"EFAULT where it cannot write", eq
	add	x24, x23, #2 * PAGE
	ldrb	w0, [x24]
	cmp	w0, #0xa5
	ok	"still readable", eq
	add	x24, x23, #PAGE
	call	MUNMAP, x24, #PAGE
	cmp	x0, #0
	ok	"munmap of one page", eq
	call	WRITE, #1, x24, #1
	cmn	x0, #14
	ok	"EFAULT where nothing is", eq
	call	MMAP, x24, #PAGE, #PROT_READ | PROT_WRITE, #MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, #-1, #0
	cmp	x0, x24
	ok	"mmap where it is told", eq
	call	MUNMAP, x23, #4 * PAGE
	cmp	x0, #0
	ok	"munmap of the rest", eq
	add	x24, x23, #1
	call	MUNMAP, x24, #PAGE
	cmn	x0, #22
	ok	"EINVAL for half a page", eq

	// Errors by number.
	adr	x25, nowhere
	call	OPENAT, #AT_FDCWD, x25, #0, #0
	cmn	x0, #2
	ok	"ENOENT", eq
	sub	x25, sp, #64
	call	READ, #77, x25, #1
	cmn	x0, #9
	ok	"EBADF", eq
	call	CLOSE, #77
	cmn	x0, #9
	ok	"EBADF again", eq
	call	4242
	cmn	x0, #38
	ok	"ENOSYS", eq

	// Who and where.
	call	GETPID
	cmp	x0, #0
	ok	"a process has a number", gt
	adrp	x25, buffer
	add	x25, x25, :lo12:buffer
	call	UNAME, x25
	ldr	x0, [x25]
	ldr	x1, linux
	movn	x2, #0xffff, lsl #48
	and	x0, x0, x2
	cmp	x0, x1
	ok	"on Linux", eq
	call	CLOCK_GETTIME, #1, x25
	ldp	x21, x22, [x25]
	call	CLOCK_GETTIME, #1, x25
	ldp	x23, x24, [x25]
	cmp	x23, x21
	ccmp	x24, x22, #0, eq
	ok	"time does not go back", ge

	// Standard input, to its end.
	call	READ, #0, x25, #64
	mov	x26, x0
	call	WRITE, #1, x25, x26
	cmp	x0, x26
	ok	"echoed", eq
	call	READ, #0, x25, #64
	cmp	x0, #0
	ok	"end of input", eq
	call	EXIT_GROUP, #7

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

	.balign	8
linux:	.ascii	"Linux\0\0\0"
right:	.ascii	": ok\n"
wrong:	.ascii	": wrong\n"
wrong_end:
nowhere: .asciz	"/no/such/file"
	.bss
	.balign	16
buffer:	.space	512
