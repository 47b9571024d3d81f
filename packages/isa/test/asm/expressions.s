// Numbers and operators: what binds how, and in how many bits.
	.set	five, 5
six = five + 1
	.equ	later, forward - 8
	.data
	.quad	1 + 2 == 3, 3 == 1 + 2, 2 + 3 | 4, 1 << 2 + 3
	.quad	-1 >> 4, 0xffffffffffffffff >> 4, -7 / 2, -7 % 3
	.quad	~5 & 0xf, 6 & 3 + 4, 1 < 2, 2 <> 2, 2 != 3
	.quad	1 && 2, 0 || 3, !5, !0, 5 ! 3
	.quad	'a', '\n', 'b' + 1, ' ', '\''
	.quad	010, 0b101, 0x1F, 0X1f
	.quad	1 << 63, 8 - 3 - 2, 1 == 1 && 2, 4 > 3 > 2
	.quad	(0 - 1) / 2, 0xffffffffffffffff / 2, -1 == 0xffffffffffffffff
	.quad	-1 < 1, 0xffffffffffffffff < 1, 3 >= 3, 3 <= 2
	.quad	6 ^ 3, 6 | 3 ^ 1, 7 * 6 / 4 % 3, - - 3, -~3, +4
	.quad	five * six + five, (five | 8) << 4
	.quad	0x7fffffffffffffff + 1, 0x4000000000000000 * 4
a:	.quad	later, b - a, . - a, a + 8 - b
b:	.word	(b - a) / 8, 1f - b, 2f - 1f
1:	.set	five, five + 10
	.byte	five
	.set	five, . - a
2:	.byte	five
	.byte	1f - 1b
1:	.byte	. - 1b
forward:
	.if	b - a == 32
	.byte	0x11
	.endif
	.text
	add	x0, x1, #(b - a) * 2
	mov	x0, #(1 << 63) | (1 << 62)
	mov	w1, 'A' + 1
	ldr	x0, [x1, #six * 8]
	ldr	x0, [x1, 8 * (six - 2)]
	movk	x2, #(0x123456789 >> 16) & 0xffff, lsl #(4 * 4)
	ubfx	x0, x1, six, six + 1
	cmp	w3, #~-5
	and	x0, x0, #~7
	tbz	x0, #six * 8, 3f
	lsl	x0, x1, #(64 - 4)
3:	mov	x9, #10 - 3
