// What PSCI and SMCCC answer.
	.macro	ask tag, function, a = 0, b = 0, c = 0
	ldr	x1, =\a
	ldr	x2, =\b
	ldr	x3, =\c
	call	\function
	report	\tag, x0
	.endm
main:	mov	x19, x30
	ask	0, 0x84000000			// PSCI_VERSION
	ask	1, 0x8400000a, 0x84000000	// PSCI_FEATURES
	ask	2, 0x8400000a, 0xc4000003
	ask	3, 0x8400000a, 0x84000005
	ask	4, 0x8400000a, 0x80000000
	ask	5, 0x84000006			// MIGRATE_INFO_TYPE
	ask	6, 0xc4000004, 0x80000000	// AFFINITY_INFO of no such CPU
	ask	7, 0xc4000004, 0
	ask	8, 0xc4000003, 0, 0x40000000	// CPU_ON of itself
	ask	9, 0xc4000003, 0x12345, 0x40000000
	ask	10, 0x80000000			// SMCCC_VERSION
	ask	11, 0x80000001, 0x80008000	// SMCCC_ARCH_FEATURES
	ask	12, 0x84000050			// TRNG_VERSION
	ask	13, 0x8600ff01			// vendor UID
	ask	14, 0xc4000099			// nothing
	ask	15, 0xc2000001
	br	x19
