/** SMCR_ELx, SVCR, TPIDR2_EL0 and the registers of streaming priority; the bits that control SME in registers of the base. */
import { type FieldContribution, type FieldTable, type FineTrap, type SystemRegister, trapEL0, trapEL1 } from "@eltwo/isa"

/** The streaming vector length as ZCR_ELx has the other one; all of A64 in streaming mode; access to ZT0. */
const CONTROL: FieldTable = { FA64: "31 if SME_FA64", EZT0: "30 if SME2", LEN: "3:0" }
/** Fine-grained traps of negative polarity: 0 traps. */
const fine = (bit: number): FineTrap => ({ pair: "HFG", read: bit, write: bit, negative: true })
const feature = "SME"

export const registers: readonly SystemRegister[] = [
  { name: "SMCR_EL1", encoding: "3 0 1 2 6", feature, host: "SMCR_EL2", alias: "EL12", control: true, length: true, access: "SMCR", fields: CONTROL },
  { name: "SMCR_EL2", encoding: "3 4 1 2 6", feature, control: true, length: true, access: "SMCR", fields: CONTROL },
  { name: "SVCR", encoding: "3 3 4 2 2", feature, storage: "SVCR", access: "SMCR", fields: { ZA: 1, SM: 0 }, doc: "PSTATE.ZA and PSTATE.SM" },
  { name: "TPIDR2_EL0", encoding: "3 3 13 0 5", feature, traps: [trapEL0("SCTLR_EL1.EnTP2", "SCTLR_EL2.EnTP2")], fine: fine(55) },
  {
    name: "SMIDR_EL1",
    encoding: "3 1 0 0 6",
    feature,
    identification: true,
    traps: [trapEL1("HCR_EL2.TID1", "read")],
    doc: "No streaming priority (SMPS = 0), no shared unit to share it with"
  },
  { name: "SMPRI_EL1", encoding: "3 0 1 2 4", feature, fields: {}, fine: fine(54), doc: "RES0: SMIDR_EL1.SMPS is 0" },
  { name: "SMPRIMAP_EL2", encoding: "3 4 1 2 5", feature, fields: {}, doc: "RES0: SMIDR_EL1.SMPS is 0" }
]

export const contributions: readonly FieldContribution[] = [
  { register: "CPACR_EL1", fields: { SMEN: "25:24 if SME" } },
  { register: "CPTR_EL2", fields: { TSM: "12 if SME" }, e2h: { SMEN: "25:24 if SME" } },
  { register: "SCTLR_EL1", fields: { EnTP2: "60 if SME" } },
  { register: "SCTLR_EL2", e2h: { EnTP2: "60 if SME" } },
  { register: "HCRX_EL2", fields: { SMPME: "5 if SME" } }
]
