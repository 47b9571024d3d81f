/** Process state, thread registers and the random number source. */
import { type FineTrap, type SystemRegister, trapEL0 } from "../register.ts"

const hfg = (bit: number): FineTrap => ({ pair: "HFG", read: bit, write: bit })

export const processRegisters: readonly SystemRegister[] = [
  { name: "NZCV", encoding: "3 3 4 2 0", storage: "NZCV" },
  { name: "DAIF", encoding: "3 3 4 2 1", storage: "DAIF", traps: [trapEL0("SCTLR_EL1.UMA", "SCTLR_EL2.UMA")] },
  { name: "CurrentEL", encoding: "3 0 4 2 2", storage: "CurrentEL", write: 3 },
  { name: "SPSel", encoding: "3 0 4 2 0", storage: "SPSel" },
  { name: "PAN", encoding: "3 0 4 2 3", storage: "PAN", feature: "PAN" },
  { name: "UAO", encoding: "3 0 4 2 4", storage: "UAO", feature: "UAO" },
  { name: "DIT", encoding: "3 3 4 2 5", storage: "DIT", feature: "DIT" },
  { name: "SSBS", encoding: "3 3 4 2 6", storage: "SSBS", feature: "SSBS2" },
  { name: "SP_EL0", encoding: "3 0 4 1 0", storage: "SP_EL0" },
  { name: "SP_EL1", encoding: "3 4 4 1 0", storage: "SP_EL1" },
  { name: "SP_EL2", encoding: "3 6 4 1 0", storage: "SP_EL2", doc: "By this name reachable at EL3 only" },
  { name: "TPIDR_EL0", encoding: "3 3 13 0 2", fine: hfg(35) },
  { name: "TPIDRRO_EL0", encoding: "3 3 13 0 3", write: 1, fine: hfg(34) },
  { name: "TPIDR_EL1", encoding: "3 0 13 0 4", fine: hfg(33) },
  { name: "TPIDR_EL2", encoding: "3 4 13 0 2" },
  { name: "RNDR", encoding: "3 3 2 4 0", storage: "RNDR", write: 3, feature: "RNG" },
  { name: "RNDRRS", encoding: "3 3 2 4 1", storage: "RNDR", write: 3, feature: "RNG" }
]
