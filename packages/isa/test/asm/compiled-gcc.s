	.arch armv8-a
	.file	"vector.c"
	.text
	.section	.rodata.str1.8,"a",@progbits
	.align	3
.LC2:
	.string	"%a "
	.align	3
.LC3:
	.string	""
	.align	3
.LC6:
	.string	"%d "
	.align	3
.LC8:
	.string	"%d/%d "
	.align	3
.LC11:
	.string	"%d\n"
	.align	3
.LC12:
	.string	"%lx %lx\n"
	.section	.text.startup,"ax",@progbits
	.align	2
	.p2align 5,,15
	.global	main
	.type	main, %function
main:
.LFB3897:
	stp	x29, x30, [sp, -272]!
	mov	x29, sp
	stp	x23, x24, [sp, 48]
	adrp	x24, .LANCHOR0
	add	x0, x24, :lo12:.LANCHOR0
	ldr	q31, [x24, #:lo12:.LANCHOR0]
	stp	x19, x20, [sp, 16]
	adrp	x20, .LC2
	ldr	q30, [x0, 16]
	add	x20, x20, :lo12:.LC2
	stp	x21, x22, [sp, 32]
	add	x21, sp, 160
	mov	x19, 1
	fmla	v31.4s, v31.4s, v30.4s
	str	x25, [sp, 64]
	str	q31, [sp, 160]
.L2:
	add	x1, x21, x19, lsl 2
	mov	x0, x20
	add	x19, x19, 1
	ldr	s0, [x1, -4]
	fcvt	d0, s0
	bl	printf
	cmp	x19, 5
	bne	.L2
	adrp	x23, .LC3
	add	x0, x23, :lo12:.LC3
	bl	puts
	adrp	x20, .LC6
	add	x0, x24, :lo12:.LANCHOR0
	add	x19, sp, 80
	add	x21, sp, 96
	add	x22, x20, :lo12:.LC6
	ldp	q29, q28, [x0, 32]
	tbl	v28.16b, {v29.16b}, v28.16b
	str	q28, [sp, 80]
	.p2align 5,,15
.L3:
	ldrb	w1, [x19], 1
	mov	x0, x22
	bl	printf
	cmp	x19, x21
	bne	.L3
	add	x0, x23, :lo12:.LC3
	bl	puts
	add	x0, x24, :lo12:.LANCHOR0
	adrp	x1, .LC17
	adrp	x22, .LC8
	add	x25, sp, 112
	ldr	q31, [x1, #:lo12:.LC17]
	add	x22, x22, :lo12:.LC8
	ldr	q27, [x0, 64]
	mov	x19, 1
	sqdmulh	v27.8h, v27.8h, v27.8h
	stp	q31, q27, [sp, 96]
	.p2align 5,,15
.L4:
	add	x2, x25, x19, lsl 1
	add	x1, x21, x19, lsl 1
	mov	x0, x22
	add	x19, x19, 1
	ldrsh	w2, [x2, -2]
	ldrsh	w1, [x1, -2]
	bl	printf
	cmp	x19, 9
	bne	.L4
	add	x0, x23, :lo12:.LC3
	bl	puts
	adrp	x0, .LANCHOR0+160
	add	x20, x20, :lo12:.LC6
	add	x21, sp, 128
	mov	x19, 1
	ldr	q31, [x0, #:lo12:.LANCHOR0+160]
	str	q31, [sp, 128]
.L5:
	add	x1, x21, x19, lsl 2
	mov	x0, x20
	add	x19, x19, 1
	ldr	w1, [x1, -4]
	bl	printf
	cmp	x19, 5
	bne	.L5
	adrp	x0, .LANCHOR0+160
	add	x21, sp, 144
	mov	x19, 1
	ldr	q31, [x0, #:lo12:.LANCHOR0+160]
	adrp	x0, .LC11
	add	x0, x0, :lo12:.LC11
	addv	s31, v31.4s
	fmov	w1, s31
	bl	printf
	adrp	x0, .LC12
	mov	x2, 0
	add	x0, x0, :lo12:.LC12
	mov	x1, -1
	bl	printf
	add	x0, x24, :lo12:.LANCHOR0
	ldr	q26, [x0, 96]
	fcvtzs	v26.4s, v26.4s
	str	q26, [sp, 144]
.L6:
	add	x1, x21, x19, lsl 2
	mov	x0, x20
	add	x19, x19, 1
	ldr	w1, [x1, -4]
	bl	printf
	cmp	x19, 5
	bne	.L6
	add	x24, x24, :lo12:.LANCHOR0
	add	x0, x23, :lo12:.LC3
	bl	puts
	add	x19, sp, 240
	add	x0, sp, 176
	add	x21, sp, 256
	ldr	q31, [x24, 144]
	ldp	q29, q30, [x24, 112]
	str	q31, [sp, 208]
	stp	q29, q30, [sp, 176]
	ld3	{v23.16b - v25.16b}, [x0]
	stp	q23, q24, [sp, 224]
	str	q25, [sp, 256]
	.p2align 5,,15
.L7:
	ldrb	w1, [x19], 1
	mov	x0, x20
	bl	printf
	cmp	x19, x21
	bne	.L7
	add	x0, x23, :lo12:.LC3
	bl	puts
	ldr	x25, [sp, 64]
	mov	w0, 0
	ldp	x19, x20, [sp, 16]
	ldp	x21, x22, [sp, 32]
	ldp	x23, x24, [sp, 48]
	ldp	x29, x30, [sp], 272
	ret
.LFE3897:
	.size	main, .-main
	.section	.rodata
	.align	4
	.set	.LANCHOR0,. + 0
.LC0:
	.word	1069547520
	.word	-1072693248
	.word	1914140183
	.word	71362
.LC1:
	.word	1073741824
	.word	1077936128
	.word	1343554297
	.word	925353388
.LC4:
	.byte	0
	.byte	1
	.byte	4
	.byte	9
	.byte	16
	.byte	25
	.byte	36
	.byte	49
	.byte	64
	.byte	81
	.byte	100
	.byte	121
	.byte	-112
	.byte	-87
	.byte	-60
	.byte	-31
.LC5:
	.byte	7
	.byte	6
	.byte	5
	.byte	4
	.byte	3
	.byte	2
	.byte	1
	.byte	0
	.byte	15
	.byte	14
	.byte	13
	.byte	12
	.byte	11
	.byte	10
	.byte	9
	.byte	8
.LC7:
	.hword	32767
	.hword	-32768
	.hword	100
	.hword	-100
	.hword	5
	.hword	-5
	.hword	0
	.hword	1
.LC9:
	.hword	32767
	.hword	-32768
	.hword	100
	.hword	-100
.LC10:
	.hword	5
	.hword	-5
	.hword	0
	.hword	1
.LC13:
	.word	1072902963
	.word	-1074580685
	.word	1635916465
	.word	-1058013184
.LC14:
	.byte	0
	.byte	1
	.byte	2
	.byte	3
	.byte	4
	.byte	5
	.byte	6
	.byte	7
	.byte	8
	.byte	9
	.byte	10
	.byte	11
	.byte	12
	.byte	13
	.byte	14
	.byte	15
.LC15:
	.byte	16
	.byte	17
	.byte	18
	.byte	19
	.byte	20
	.byte	21
	.byte	22
	.byte	23
	.byte	24
	.byte	25
	.byte	26
	.byte	27
	.byte	28
	.byte	29
	.byte	30
	.byte	31
.LC16:
	.byte	32
	.byte	33
	.byte	34
	.byte	35
	.byte	36
	.byte	37
	.byte	38
	.byte	39
	.byte	40
	.byte	41
	.byte	42
	.byte	43
	.byte	44
	.byte	45
	.byte	46
	.byte	47
.LC18:
	.word	163835
	.word	163840
	.word	0
	.word	-100
.LC17:
	.hword	32767
	.hword	-32768
	.hword	200
	.hword	-200
	.hword	10
	.hword	-10
	.hword	0
	.hword	2
	.section	.note.GNU-stack,"",@progbits


.text
printf: ret
puts: ret
