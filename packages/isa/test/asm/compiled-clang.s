	.file	"sort.c"
	.section	.rodata.cst8,"a",@progbits
	.p2align	3, 0x0                          // -- Begin function main
.LCPI0_0:
	.xword	0x4202a05f20000000              // double 1.0E+10
	.text
	.globl	main
	.p2align	2
	.type	main,@function
main:                                   // @main
	sub	sp, sp, #80
	stp	x29, x30, [sp, #48]             // 16-byte Folded Spill
	str	x19, [sp, #64]                  // 8-byte Folded Spill
	add	x29, sp, #48
	mov	x9, #31300                      // =0x7a44
	adrp	x8, .LCPI0_0
	mov	w10, #20000                     // =0x4e20
	movk	x9, #52159, lsl #16
	ldr	d0, [x8, :lo12:.LCPI0_0]
	adrp	x8, main.v
	add	x8, x8, :lo12:main.v
	movk	x9, #16525, lsl #32
	movk	x9, #313, lsl #48
.LBB0_1:                                // =>This Inner Loop Header: Depth=1
	eor	x9, x9, x9, lsl #13
	subs	x10, x10, #1
	eor	x9, x9, x9, lsr #7
	eor	x9, x9, x9, lsl #17
	scvtf	d1, x9
	fdiv	d1, d1, d0
	str	d1, [x8], #8
	b.ne	.LBB0_1
	adrp	x19, main.v
	add	x19, x19, :lo12:main.v
	adrp	x3, compare
	add	x3, x3, :lo12:compare
	mov	x0, x19
	mov	w1, #20000                      // =0x4e20
	mov	w2, #8                          // =0x8
	bl	qsort
	movi	d0, #0000000000000000
	mov	w8, wzr
	mov	w9, #2858                       // =0xb2a
	mov	x10, x19
.LBB0_3:                                // =>This Inner Loop Header: Depth=1
	ucvtf	d1, w8
	ldr	d2, [x10]
	add	w11, w8, #7
	ucvtf	d3, w11
	subs	x9, x9, #2
	add	w8, w8, #14
	fmul	d1, d2, d1
	ldr	d2, [x10, #56]
	add	x10, x10, #112
	fmul	d2, d2, d3
	fadd	d0, d0, d1
	fadd	d0, d0, d2
	b.ne	.LBB0_3
	add	x8, x19, #32, lsl #12           // =131072
	ldr	d1, [x19]
	adrp	x0, .L.str
	add	x0, x0, :lo12:.L.str
	ldr	d2, [x8, #28920]
	bl	printf
	adrp	x8, .L__const.main.w
	add	x8, x8, :lo12:.L__const.main.w
	adrp	x3, words
	add	x3, x3, :lo12:words
	ldp	q0, q1, [x8]
	ldr	q2, [x8, #32]
	mov	x0, sp
	mov	w1, #6                          // =0x6
	mov	w2, #8                          // =0x8
	stp	q0, q1, [sp]
	str	q2, [sp, #32]
	bl	qsort
	ldr	x0, [sp]
	bl	puts
	ldr	x0, [sp, #8]
	bl	puts
	ldr	x0, [sp, #16]
	bl	puts
	ldr	x0, [sp, #24]
	bl	puts
	ldr	x0, [sp, #32]
	bl	puts
	ldr	x0, [sp, #40]
	bl	puts
	ldr	d0, [x19, #6216]
	mov	w9, #20000                      // =0x4e20
	mov	x8, x19
.LBB0_5:                                // =>This Inner Loop Header: Depth=1
	lsr	x10, x9, #1
	add	x10, x8, x10, lsl #3
	ldr	d1, [x10]
	fcmp	d0, d1
	b.eq	.LBB0_8
	b.vs	.LBB0_8
	cset	w11, gt
	add	x10, x10, #8
	sub	x11, x9, x11
	csel	x8, x10, x8, gt
	lsr	x9, x11, #1
	cmp	x11, #1
	b.hi	.LBB0_5
	mov	x10, xzr
.LBB0_8:
	sub	x8, x10, x19
	adrp	x0, .L.str.7
	add	x0, x0, :lo12:.L.str.7
	asr	x1, x8, #3
	bl	printf
	mov	w0, wzr
	ldp	x29, x30, [sp, #48]             // 16-byte Folded Reload
	ldr	x19, [sp, #64]                  // 8-byte Folded Reload
	add	sp, sp, #80
	ret
.Lfunc_end0:
	.size	main, .Lfunc_end0-main
                                        // -- End function
	.p2align	2                               // -- Begin function compare
	.type	compare,@function
compare:                                // @compare
	ldr	d0, [x0]
	ldr	d1, [x1]
	fcmp	d0, d1
	cset	w8, gt
	csinv	w0, w8, wzr, pl
	ret
.Lfunc_end1:
	.size	compare, .Lfunc_end1-compare
                                        // -- End function
	.p2align	2                               // -- Begin function words
	.type	words,@function
words:                                  // @words
	ldr	x0, [x0]
	ldr	x1, [x1]
	b	strcmp
.Lfunc_end2:
	.size	words, .Lfunc_end2-words
                                        // -- End function
	.type	main.v,@object                  // @main.v
	.local	main.v
	.comm	main.v,160000,8
	.type	.L.str,@object                  // @.str
	.section	.rodata.str1.1,"a",@progbits
.L.str:
	.asciz	"%a %f %f\n"
	.size	.L.str, 10
	.type	.L.str.1,@object                // @.str.1
.L.str.1:
	.asciz	"pear"
	.size	.L.str.1, 5
	.type	.L.str.2,@object                // @.str.2
.L.str.2:
	.asciz	"apple"
	.size	.L.str.2, 6
	.type	.L.str.3,@object                // @.str.3
.L.str.3:
	.asciz	"fig"
	.size	.L.str.3, 4
	.type	.L.str.4,@object                // @.str.4
.L.str.4:
	.asciz	"banana"
	.size	.L.str.4, 7
	.type	.L.str.5,@object                // @.str.5
.L.str.5:
	.asciz	"date"
	.size	.L.str.5, 5
	.type	.L.str.6,@object                // @.str.6
.L.str.6:
	.asciz	"cherry"
	.size	.L.str.6, 7
	.type	.L__const.main.w,@object        // @__const.main.w
	.section	.data.rel.ro,"aw",@progbits
	.p2align	3, 0x0
.L__const.main.w:
	.xword	.L.str.1
	.xword	.L.str.2
	.xword	.L.str.3
	.xword	.L.str.4
	.xword	.L.str.5
	.xword	.L.str.6
	.size	.L__const.main.w, 48
	.type	.L.str.7,@object                // @.str.7
	.section	.rodata.str1.1,"a",@progbits
.L.str.7:
	.asciz	"%ld\n"
	.size	.L.str.7, 5
	.section	".note.GNU-stack","",@progbits
.text
qsort: ret
printf: ret
puts: ret
strcmp: ret
