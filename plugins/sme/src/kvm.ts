/** Guests have no SME: its ID fields read as zero, and its registers, which none of the kernel's tables has, are UNDEFINED. */
export const kvm = {
  hiddenFields: [
    { register: "ID_AA64PFR1_EL1", low: 24, fixed: true },
    { register: "ID_AA64SMFR0_EL1", low: 0, width: 64, fixed: true }
  ]
} as const
