/** The GICv3 CPU interface: ICC_* as EL1 (physical or virtual) and EL2 reach it, and ICH_* by which EL2 makes virtual interrupts. */
import { type FineTrap, type RegisterTrap, type SystemRegister, trapEL1 } from "../register.ts"

/** List registers of the processor: ICH_VTR_EL2.ListRegs is one less. */
export const LIST_REGISTERS = 4
const feature = "GICv3"

const GROUP0 = [trapEL1("ICH_HCR_EL2.TALL0")]
const GROUP1 = [trapEL1("ICH_HCR_EL2.TALL1")]
const COMMON = [trapEL1("ICH_HCR_EL2.TC")]
/** Software-generated interrupts are never virtual. */
const GENERATE = [...COMMON, trapEL1("HCR_EL2.FMO"), trapEL1("HCR_EL2.IMO")]
const GROUP_ENABLE: FineTrap = { pair: "HFG", read: 36, write: 36 }

/** A register of the interface, at CRn 12 unless said: the cpu keeps it and knows which one EL1 means. */
const icc = (name: string, place: string, traps: readonly RegisterTrap[], rest: Partial<SystemRegister> = {}): SystemRegister => ({
  name: `ICC_${name}_EL1`,
  encoding: `3 0 ${place}`,
  feature,
  storage: "interruptInterface",
  traps,
  ...rest
})
const readOnly: Partial<SystemRegister> = { write: 3 }
const writeOnly: Partial<SystemRegister> = { read: 3 }

/** A register of EL2's side. */
const ich = (name: string, place: string, rest: Partial<SystemRegister> = {}): SystemRegister => ({
  name: `ICH_${name}_EL2`,
  encoding: `3 4 12 ${place}`,
  feature,
  storage: "interruptInterface",
  ...rest
})

export const interruptRegisters: readonly SystemRegister[] = [
  icc("PMR", "4 6 0", COMMON),
  icc("IAR0", "12 8 0", GROUP0, readOnly),
  icc("EOIR0", "12 8 1", GROUP0, writeOnly),
  icc("HPPIR0", "12 8 2", GROUP0, readOnly),
  icc("BPR0", "12 8 3", GROUP0),
  icc("AP0R0", "12 8 4", GROUP0),
  icc("AP1R0", "12 9 0", GROUP1),
  icc("DIR", "12 11 1", [...COMMON, trapEL1("ICH_HCR_EL2.TDIR")], writeOnly),
  icc("RPR", "12 11 3", COMMON, readOnly),
  icc("SGI1R", "12 11 5", GENERATE, writeOnly),
  icc("ASGI1R", "12 11 6", GENERATE, writeOnly),
  icc("SGI0R", "12 11 7", GENERATE, writeOnly),
  icc("IAR1", "12 12 0", GROUP1, readOnly),
  icc("EOIR1", "12 12 1", GROUP1, writeOnly),
  icc("HPPIR1", "12 12 2", GROUP1, readOnly),
  icc("BPR1", "12 12 3", GROUP1),
  icc("CTLR", "12 12 4", COMMON),
  {
    name: "ICC_SRE_EL1",
    encoding: "3 0 12 12 5",
    feature,
    fields: {},
    ones: 7n,
    traps: [{ control: "ICC_SRE_EL2.Enable", when: 0, from: [1] }],
    doc: "The interface is there as system registers only"
  },
  icc("IGRPEN0", "12 12 6", GROUP0, { fine: GROUP_ENABLE }),
  icc("IGRPEN1", "12 12 7", GROUP1, { fine: GROUP_ENABLE }),

  { name: "ICC_SRE_EL2", encoding: "3 4 12 9 5", feature, fields: { Enable: 3 }, ones: 7n, reset: 15n, control: true },
  {
    name: "ICH_HCR_EL2",
    encoding: "3 4 12 11 0",
    feature,
    fields: {
      En: 0,
      UIE: 1,
      LRENPIE: 2,
      NPIE: 3,
      VGrp0EIE: 4,
      VGrp0DIE: 5,
      VGrp1EIE: 6,
      VGrp1DIE: 7,
      TC: 10,
      TALL0: 11,
      TALL1: 12,
      TSEI: 13,
      TDIR: 14,
      EOIcount: "31:27"
    },
    control: true
  },
  ich("VTR", "11 1", readOnly),
  ich("MISR", "11 2", readOnly),
  ich("EISR", "11 3", readOnly),
  ich("ELRSR", "11 5", readOnly),
  ich("VMCR", "11 7"),
  ich("AP0R0", "8 0"),
  ich("AP1R0", "9 0"),
  ...Array.from({ length: LIST_REGISTERS }, (_, n) => ich(`LR${n}`, `12 ${n}`))
]
