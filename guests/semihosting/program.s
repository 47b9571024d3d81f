// Arm semihosting (HLT #0xF000): the console, the command line, the heap, a read of standard input, an exit with a status.
	.equ	SYS_OPEN, 0x01
	.equ	SYS_WRITEC, 0x03
	.equ	SYS_WRITE0, 0x04
	.equ	SYS_WRITE, 0x05
	.equ	SYS_READ, 0x06
	.equ	SYS_ISTTY, 0x09
	.equ	SYS_FLEN, 0x0c
	.equ	SYS_ERRNO, 0x13
	.equ	SYS_GET_CMDLINE, 0x15
	.equ	SYS_HEAPINFO, 0x16
	.equ	SYS_EXIT, 0x18
	.equ	SYS_ELAPSED, 0x30
	.equ	SYS_TICKFREQ, 0x31
	.equ	READ, 0			// modes of SYS_OPEN
	.equ	WRITE, 4
	.equ	APPLICATION_EXIT, 0x20026

	// semihost OPERATION, PARAMETER: the result is in X0.
	.macro	semihost operation, parameter=x1
	mov	w0, #\operation
	.ifnc	\parameter, x1
	adr	x1, \parameter
	.endif
	hlt	#0xf000
	.endm
	.macro	say text
	semihost SYS_WRITE0, 9f
	b	8f
9:	.asciz	"\text"
	.balign	4
8:
	.endm

	.text
	.globl	_start
_start:
	adr	x0, stack
	mov	sp, x0
	say	"Semihosting.\n"

	// A character at a time.
	mov	w20, #'a'
1:	strb	w20, [sp, #-16]!
	mov	x1, sp
	semihost SYS_WRITEC
	add	sp, sp, #16
	add	w20, w20, #1
	cmp	w20, #'e'
	b.ls	1b
	say	"\n"

	// The command line.
	semihost SYS_GET_CMDLINE, command_block
	cbnz	x0, failed
	say	"arguments:"
	adrp	x20, command		// what follows the program's name
	add	x20, x20, :lo12:command
1:	ldrb	w1, [x20]
	cbz	w1, 2f
	cmp	w1, #' '
	b.eq	2f
	add	x20, x20, #1
	b	1b
2:	mov	x1, x20
	semihost SYS_WRITE0
	say	"\n"

	// :tt is the console: read a line from it, write it back.
	semihost SYS_OPEN, open_input
	tbnz	x0, #63, failed
	adr	x21, transfer
	str	x0, [x21]
	mov	x2, #64
	str	x2, [x21, #16]
	semihost SYS_READ, transfer
	mov	x2, #64
	sub	x22, x2, x0		// what was not read is the result
	semihost SYS_OPEN, open_output
	tbnz	x0, #63, failed
	stp	x0, x22, [x21]
	str	x22, [x21, #16]
	adr	x2, buffer
	str	x2, [x21, #8]
	say	"input: "
	semihost SYS_WRITE, transfer
	cbnz	x0, failed

	// A file that is not there, and why.
	semihost SYS_OPEN, open_missing
	cmn	x0, #1
	b.ne	failed
	semihost SYS_ERRNO
	cmp	x0, #2			// ENOENT
	b.ne	failed
	say	"no such file\n"

	// What the host can do more.
	semihost SYS_OPEN, open_features
	str	x0, [x21]
	semihost SYS_FLEN, transfer
	cmp	x0, #5
	b.lt	failed
	semihost SYS_ISTTY, transfer
	cbnz	x0, failed

	// Memory for a heap: above the program, and where it begins can be written.
	semihost SYS_HEAPINFO, heap_pointer
	ldp	x2, x3, [x21, #heap - transfer]
	cmp	x2, x3
	b.hs	failed
	str	x2, [x2]
	ldr	x4, [x2]
	cmp	x2, x4
	b.ne	failed
	say	"heap\n"

	// Time passes.
	semihost SYS_TICKFREQ
	cmp	x0, #1000
	b.lo	failed
	semihost SYS_ELAPSED, ticks
	ldr	x23, ticks
	semihost SYS_ELAPSED, ticks
	ldr	x24, ticks
	cmp	x23, x24
	b.hs	failed
	say	"time\n"

	semihost SYS_EXIT, exit_block
failed:	say	"failed\n"
	semihost SYS_EXIT, failure_block

	.section .rodata
console:	.asciz	":tt"
features:	.asciz	":semihosting-features"
missing:	.asciz	"/no/such/file"
end_of_names:
	.data
	.balign	8
open_input:	.quad	console, READ, 3
open_output:	.quad	console, WRITE, 3
open_missing:	.quad	missing, READ, end_of_names - missing - 1
open_features:	.quad	features, READ, missing - features - 1
command_block:	.quad	command, 4096
transfer:	.quad	0, buffer, 64
heap:		.quad	0, 0, 0, 0
heap_pointer:	.quad	heap
ticks:		.quad	0
exit_block:	.quad	APPLICATION_EXIT, 42
failure_block:	.quad	APPLICATION_EXIT, 1
	.bss
	.balign	16
command:	.space	4096
buffer:		.space	64
	.space	1024
stack:
