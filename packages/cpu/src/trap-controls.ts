/** CPACR_EL1 and CPTR_EL2: which accesses they close at the current exception level. */
import type { ResolvedControl } from "@eltwo/isa"
import type { Pe } from "./pe.ts"

/** CPACR_EL1 stops the access, at EL0 or at EL1. */
export const closedByEL1 = ({ controls, el }: Pe, { cpacr }: ResolvedControl): boolean => {
  if (el === 2 || controls.host) return false
  const value = controls.field(cpacr)
  return !(value === 3 || (value === 1 && el === 1))
}
/** CPTR_EL2 stops the access. */
export const closedByEL2 = ({ controls, el }: Pe, { cptr }: ResolvedControl): boolean => {
  const value = controls.field(cptr)
  return controls.e2h ? !(value === 3 || (value === 1 && !(el === 0 && controls.tge))) : value !== 0
}
/** Both leave open what the control of this id is about; a machine without it has nothing to close. */
export const isOpen = (pe: Pe, id: string): boolean => {
  const { trapControls } = pe.controls.machine
  for (let i = 0; i < trapControls.length; i++) {
    const control = trapControls[i]!
    if (control.id === id && (closedByEL1(pe, control) || closedByEL2(pe, control))) return false
  }
  return true
}
