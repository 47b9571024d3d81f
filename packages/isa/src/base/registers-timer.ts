/** The generic timer: counters, the four timers of EL0 to EL2, and who may use them. */
import { type FieldTable, type RegisterTrap, type SystemRegister, trapBelow, trapEL0 } from "../register.ts"

const KERNEL: FieldTable = { EL0PCTEN: 0, EL0VCTEN: 1, EL0CTEN: "1:0", EVNTEN: 2, EVNTDIR: 3, EVNTI: "7:4", EL0VTEN: 8, EL0PTEN: 9 }
const user = (bit: string): RegisterTrap => trapEL0(`CNTKCTL_EL1.${bit}`, `CNTHCTL_EL2.${bit}`)
/** The physical timer and counter are also EL2's to give. */
const physical = (bit: string): RegisterTrap => trapBelow(`CNTHCTL_EL2.${bit}`, undefined, 0)

/** TVAL, CTL and CVAL of one timer. */
const timer = (stem: "CNTP" | "CNTV" | "CNTHP" | "CNTHV", place: string, level: string, rest: Partial<SystemRegister>): readonly SystemRegister[] =>
  (["TVAL", "CTL", "CVAL"] as const).map((kind, op2) => ({
    name: `${stem}_${kind}_${level}`,
    encoding: `${place} ${op2}`,
    storage: ({ TVAL: "timerValue", CTL: "timerControl", CVAL: "timerCompare" } as const)[kind],
    timer: stem,
    ...(rest.host ? { ...rest, host: rest.host.replace("*", kind) } : rest)
  }))

export const timerRegisters: readonly SystemRegister[] = [
  { name: "CNTKCTL_EL1", encoding: "3 0 14 1 0", host: "CNTHCTL_EL2", alias: "EL12", fields: KERNEL, control: true },
  {
    name: "CNTHCTL_EL2",
    encoding: "3 4 14 1 0",
    fields: { EL1PCTEN: 0, EL1PTEN: 1, EVNTEN: 2, EVNTDIR: 3, EVNTI: "7:4" },
    e2h: { fields: { ...KERNEL, EL1PCTEN: 10, EL1PTEN: 11 } },
    reset: 3n,
    control: true
  },
  { name: "CNTFRQ_EL0", encoding: "3 3 14 0 0", write: 2, fields: { frequency: "31:0" }, traps: [user("EL0CTEN")] },
  { name: "CNTPCT_EL0", encoding: "3 3 14 0 1", write: 3, storage: "physicalCount", traps: [user("EL0PCTEN"), physical("EL1PCTEN")] },
  { name: "CNTVCT_EL0", encoding: "3 3 14 0 2", write: 3, storage: "virtualCount", traps: [user("EL0VCTEN")] },
  { name: "CNTVOFF_EL2", encoding: "3 4 14 0 3" },
  ...timer("CNTP", "3 3 14 2", "EL0", { host: "CNTHP_*_EL2", alias: "EL02", traps: [user("EL0PTEN"), physical("EL1PTEN")] }),
  ...timer("CNTV", "3 3 14 3", "EL0", { host: "CNTHV_*_EL2", alias: "EL02", traps: [user("EL0VTEN")] }),
  ...timer("CNTHP", "3 4 14 2", "EL2", {}),
  ...timer("CNTHV", "3 4 14 3", "EL2", { feature: "VHE" })
]
