// The guest's own page tables: a program at EL0 with rights of its own, its faults, and FP closed to it.
	.equ	NORMAL, 0x711		// block, AF, inner shareable, MAIR index 4 not used: index 0 is Device, 1 Normal
main:	mov	x19, x30
	adrp	x1, tables
	add	x1, x1, :lo12:tables
	// 1 GiB blocks: device at 0, RAM at 1 GiB (RW for EL1, executable), then a table for the gigabyte at 2 GiB
	ldr	x2, =0x0060000000000401		// device, AF, XN
	str	x2, [x1]
	ldr	x2, =0x0040000040000705		// normal (index 1), AF, ISH, UXN
	str	x2, [x1, #8]
	add	x3, x1, #4096
	orr	x2, x3, #3
	str	x2, [x1, #16]
	add	x4, x1, #8192
	orr	x2, x4, #3
	str	x2, [x3]
	// 0x80000000: the user's code, read only to all; 0x80001000: data, RW for EL0; 0x80002000: nothing; 0x80003000: read only data
	adrp	x5, user
	ldr	x6, =0x00200000000007c7
	orr	x6, x6, x5
	str	x6, [x4]
	adrp	x5, data
	ldr	x6, =0x0060000000000747
	orr	x6, x6, x5
	str	x6, [x4, #8]
	ldr	x6, =0x00600000000007c7
	orr	x6, x6, x5
	str	x6, [x4, #24]
	dsb	sy
	ldr	x2, =0xff00
	msr	mair_el1, x2
	ldr	x2, =0x280803519	// T0SZ 25, IRGN, ORGN, SH inner, EPD1, IPS 40 bits
	msr	tcr_el1, x2
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	sy
	isb
	mrs	x2, sctlr_el1
	orr	x2, x2, #1
	orr	x2, x2, #4
	orr	x2, x2, #0x1000
	msr	sctlr_el1, x2
	isb
	report	0, x19
	adr	x1, handle
	adrp	x2, handler
	str	x1, [x2, :lo12:handler]
	msr	elr_el1, xzr
	ldr	x1, =0x80000000
	msr	elr_el1, x1
	mov	x1, #0
	msr	spsr_el1, x1
	eret
	// SVC #31 ends it; everything else is told and skipped.
handle:	lsr	x1, x0, #26
	and	x2, x0, #0xffff
	cmp	x1, #0x15
	ccmp	x2, #31, #0, eq
	b.eq	1f
	report	40, x0
	mrs	x2, far_el1
	report	41, x2
	cmp	x1, #0x15
	mov	x0, #4
	csel	x0, xzr, x0, eq
	ret
1:	report	42, x1
	call	SYSTEM_OFF
	.ltorg
	.balign	4096
user:	ldr	x1, =0x80001000
	mov	x2, #77
	str	x2, [x1]
	ldr	x3, [x1]
	svc	#1
	ldr	x1, =0x80002000
	ldr	x3, [x1]
	ldr	x1, =0x80003000
	str	x2, [x1]
	ldr	x3, [x1]
	ldr	x1, =0x40000000
	ldr	x3, [x1]
	fmov	d0, #1.0
	mrs	x1, midr_el1
	mrs	x1, cntvct_el0
	msr	daifset, #2
	hvc	#0
	svc	#31
	.ltorg
	.bss
	.balign	4096
tables:	.skip	3 * 4096
data:	.skip	4096
	.text
