// Identification registers, as the guest reads them.
	.macro	show tag, register
	mrs	x1, \register
	report	\tag, x1
	.endm
main:	mov	x19, x30
	show	0, mpidr_el1
	show	1, midr_el1
	show	2, id_aa64pfr0_el1
	show	3, id_aa64pfr1_el1
	show	4, id_aa64isar0_el1
	show	5, id_aa64isar1_el1
	show	6, id_aa64isar2_el1
	show	7, id_aa64mmfr0_el1
	mrs	x1, id_aa64mmfr1_el1
	bic	x1, x1, #0xf00	// VH: what the host makes of EL2
	report	8, x1
	show	9, id_aa64mmfr2_el1
	show	10, id_aa64dfr0_el1
	show	11, id_aa64zfr0_el1
	show	12, id_aa64smfr0_el1
	show	13, ctr_el0
	show	14, dczid_el0
	show	15, revidr_el1
	br	x19
