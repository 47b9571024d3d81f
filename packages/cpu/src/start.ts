/** Starting a processing element at an exception level of its own choice, with the levels above set up as firmware leaves them. */
import { PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { deriveState, setState } from "./processor-state.ts"
import { registerNamed, writeRegister } from "./system-registers.ts"

const MASKED = PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F
/** HFGRTR_EL2 and HFGWTR_EL2: the fields of negative polarity that trap when 0. */
const FINE_PERMISSIVE = 0xfff4_0000_0000_0000n
/** ZCR_EL2 and SMCR_EL2: no limit to the vector length; the whole of A64 in streaming mode, and ZT0. */
const LONGEST = 15n
const FA64_EZT0 = 3n << 30n
/** EL2 lets everything pass that EL1 and EL0 may use: what a hypervisor-less system expects. */
const PERMISSIVE: Readonly<Record<string, bigint>> = {
  HCR_EL2: 1n << 31n,
  CPTR_EL2: 0n,
  ZCR_EL2: LONGEST,
  SMCR_EL2: LONGEST | FA64_EZT0,
  HCRX_EL2: (1n << 64n) - 1n,
  MDCR_EL2: 0n,
  HSTR_EL2: 0n,
  HFGRTR_EL2: FINE_PERMISSIVE,
  HFGWTR_EL2: FINE_PERMISSIVE,
  HFGITR_EL2: 0n,
  CNTHCTL_EL2: 3n,
  CNTVOFF_EL2: 0n,
  VTTBR_EL2: 0n
}

/**
 * Puts a processing element, with its registers reset, at the first instruction `pc` of an exception level. Below EL2, EL2 is left permissive and unused.
 * General registers and memory stay.
 */
export const startAt = (pe: Pe, el: 0 | 1 | 2, pc: bigint): void => {
  pe.controls.reset()
  if (el < 2)
    for (const [name, value] of Object.entries(PERMISSIVE))
      if (pe.controls.machine.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
  pe.controls.synchronize()
  setState(pe, (el << 2) | (el === 0 ? 0 : PSTATE.SP) | MASKED)
  deriveState(pe)
  pe.pc = pc
  pe.clearExclusive()
}
