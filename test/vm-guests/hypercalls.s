// HVC and SMC with several immediates and functions, and what is left of the other registers.
main:	mov	x19, x30
	ldr	w0, =0x84000000
	mov	x1, #11
	mov	x4, #44
	mov	x17, #17
	hvc	#0
	report	0, x0
	report	1, x1
	report	2, x4
	report	3, x17
	ldr	w0, =0xdeadbeef
	hvc	#1
	report	4, x0
	ldr	w0, =0x84000000
	smc	#0
	report	5, x0
	ldr	w0, =0x8600ff01
	hvc	#0
	eor	x1, x0, x1
	eor	x1, x1, x2
	eor	x1, x1, x3
	report	6, x1
	br	x19
