// The smallest program without a kernel: text to the serial line (PL011), then power off by PSCI (HVC from EL1, SMC from EL2).
	.equ	UART, 0x09000000
	.equ	UART_FR, 0x18
	.equ	TXFF, 5			// FR: the transmit FIFO is full
	.equ	SYSTEM_OFF, 0x84000008

	.text
	.globl	_start
_start:
	mov	x19, #UART
	adr	x20, text
next:	ldrb	w0, [x20], #1
	cbz	w0, done
wait:	ldr	w1, [x19, #UART_FR]
	tbnz	w1, #TXFF, wait
	str	w0, [x19]
	b	next
done:	movz	x0, #SYSTEM_OFF & 0xffff
	movk	x0, #SYSTEM_OFF >> 16, lsl #16
	mrs	x1, currentel
	tbnz	x1, #3, 1f
	hvc	#0
1:	smc	#0
	b	.

	.section .rodata
text:	.asciz	"Hello from the bare machine.\n"
