/** Guests have FPMR as long as their ID_AA64PFR2_EL1 says so; user space may take it away before the first run. */
export const kvm = { registers: [{ name: "FPMR", visible: { idRegister: "ID_AA64PFR2_EL1", low: 32 } }] } as const
