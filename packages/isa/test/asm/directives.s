// Data, alignment and placement.
	.data
	.byte	-1, 255, -128, 'a', '\n', '\\'
	.hword	-1, 0xffff, 1
	.short	2
	.2byte	3
	.word	., ., 0xffffffff
	.long	-2147483648
	.int	5
	.4byte	6
	.quad	-1, 0xffffffffffffffff, . - start
	.xword	7
	.dword	8
	.8byte	9
	.octa	0x112233445566778899aabbccddeeff00, 1, -1
start:
	.align	3
	.string	"a\tb\x41\101\n\\\"", "c"
	.ascii	"x" "y", "z"
	.asciz	"", "ends; here // not a comment /* nor here */"
	.fill	3, 2, 0x1234
	.fill	2, 8, 0x1122334455667788
	.fill	3
	.space	3, 0xaa
	.skip	2
	.zero	2
	.zero	2, 5
	.balign	8, 0x11
	.p2align 4, , 3
	.skip	1
	.p2align 4
	.balign	4, , 8
	.align
	.org	0x180, 0x77
	.org	. + 4
end:
	.float	1.5, -2.25, 1e10, 0.1, 3
	.single	1e-3
	.double	3.141592653589793, -0.0, 1e-300
	.sleb128 -5, 300, -129, 63, 64
	.uleb128 5, 300, 0
	.word	end - start
	.balign	16
	.section .rodata
	.word	end, start + 4
	.byte	1
	.section .rodata.more, "a", %progbits
	.byte	2
	.bss
	.balign	64
buffer:	.space	100
	.skip	4
	.text
	.globl	_start
	.type	_start, %function
_start:
	nop
	.byte	1
odd:	nop
	.byte	2
	.inst	0xd503201f, 0x12345678
	.byte	3
	.align	3
	ret
	.byte	9
	.balign	16
	.word	2
	.p2align 3, , 2
	.byte	1
	.size	_start, . - _start
	.local	_start
	.cfi_startproc
	.cfi_endproc
	.file	"directives.s"
	.arch	armv8-a
