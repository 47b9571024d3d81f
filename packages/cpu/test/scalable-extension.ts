/** The controls of SVE, SME and FPMR as an extension for tests: their gates and registers, and instructions that do nothing behind them. */
import {
  type Access,
  defineExtension,
  type Gate,
  type Instruction,
  instruction,
  type RegisterTrap,
  SMTC,
  SVE_ACCESS,
  type SystemRegister,
  smeAccess,
  trapBelow,
  trapEL0
} from "@eltwo/isa"

const LENGTH = { LEN: "3:0" }
const STREAMING = { FA64: 31, EZT0: 30, LEN: "3:0" }
const FINE = (bit: number) => ({ pair: "HFG", read: bit, write: bit, negative: true }) as const
const FPMR_ENABLES: readonly RegisterTrap[] = [trapEL0("SCTLR_EL1.EnFPM", "SCTLR_EL2.EnFPM"), trapBelow("HCRX_EL2.EnFPM", undefined, 0)]

const registers: readonly SystemRegister[] = [
  { name: "ZCR_EL1", encoding: "3 0 1 2 0", host: "ZCR_EL2", alias: "EL12", fields: LENGTH, control: true, access: "ZCR" },
  { name: "ZCR_EL2", encoding: "3 4 1 2 0", fields: LENGTH, control: true, access: "ZCR" },
  { name: "SMCR_EL1", encoding: "3 0 1 2 6", host: "SMCR_EL2", alias: "EL12", fields: STREAMING, control: true, access: "SMCR" },
  { name: "SMCR_EL2", encoding: "3 4 1 2 6", fields: STREAMING, control: true, access: "SMCR" },
  { name: "SVCR", encoding: "3 3 4 2 2", storage: "SVCR", access: "SMCR" },
  { name: "SMPRI_EL1", encoding: "3 0 1 2 4", fields: {}, fine: FINE(54) },
  { name: "TPIDR2_EL0", encoding: "3 3 13 0 5", fine: FINE(55), traps: [trapEL0("SCTLR_EL1.EnTP2", "SCTLR_EL2.EnTP2")] },
  { name: "FPMR", encoding: "3 3 4 4 2", storage: "FPMR", access: "FP", traps: FPMR_ENABLES }
]

const NOT_STREAMING = { needs: "SM", syndrome: smeAccess(SMTC.notStreaming) } as const
const NO_ZA = { needs: "ZA", syndrome: smeAccess(SMTC.noZA) } as const
const NO_ZT0 = { needs: "controls", el1: "SMCR_EL1.EZT0", el2: "SMCR_EL2.EZT0", syndrome: smeAccess(SMTC.noZT0) } as const
const ILLEGAL = { needs: "legalInStreaming", syndrome: smeAccess(SMTC.streaming) } as const
const sme = ["sme", "fp"]
const gates: readonly Gate[] = [
  {
    access: "SVE",
    variants: [
      { streaming: true, controls: sme, checks: [ILLEGAL] },
      { streaming: false, controls: ["sve", "fp"] }
    ]
  },
  { access: "SME", variants: [{ controls: sme }] },
  { access: "SM+ZA", variants: [{ controls: sme, checks: [NOT_STREAMING, NO_ZA] }] },
  { access: "ZA", variants: [{ controls: sme, checks: [NO_ZA] }] },
  { access: "ZT0", variants: [{ controls: sme, checks: [NO_ZA, NO_ZT0] }] },
  { access: "ZCR", variants: [{ controls: ["sve"] }] },
  { access: "SMCR", variants: [{ controls: ["sme"] }] },
  {
    access: "FPMR+SIMD",
    variants: [
      { streaming: true, before: FPMR_ENABLES.map((t) => ({ ...t, ec: 0 })), controls: ["fp"], checks: [ILLEGAL] },
      { streaming: false, before: FPMR_ENABLES.map((t) => ({ ...t, ec: 0 })), controls: ["fp"] }
    ]
  }
]

/** An instruction of one word that only its gate can stop. */
const word = (name: string, bits: number, feature: string, access: string): Instruction =>
  instruction({
    name,
    encoding: bits.toString(2).padStart(32, "0"),
    assembly: name.toLowerCase(),
    feature,
    access: access as Access,
    execute: () => {}
  })
export const scalable = defineExtension({
  name: "scalable",
  requires: ["fpsimd"],
  features: [{ name: "SVE", requires: "AdvSIMD" }, { name: "SME" }, { name: "SME2", requires: "SME" }, { name: "FP8", requires: "AdvSIMD" }],
  registers,
  fields: [
    { register: "CPACR_EL1", fields: { ZEN: "17:16", SMEN: "25:24" } },
    { register: "CPTR_EL2", fields: { TZ: 8, TSM: 12 }, e2h: { ZEN: "17:16", SMEN: "25:24" } },
    { register: "SCTLR_EL1", fields: { EnFPM: 34, EnTP2: 60 } },
    { register: "SCTLR_EL2", e2h: { EnFPM: 34, EnTP2: 60 } },
    { register: "HCRX_EL2", fields: { EnFPM: 23 } }
  ],
  traps: [
    { id: "sve", enable: "ZEN", trap: "TZ", syndrome: SVE_ACCESS },
    { id: "sme", enable: "SMEN", trap: "TSM", syndrome: smeAccess(SMTC.access) }
  ],
  gates,
  instructions: [
    word("ADDZ", 0x04a00000, "SVE or SME", "SVE"),
    word("RDFFR", 0x2519f000, "SVE", "SVE"),
    word("RDVL", 0x04bf5020, "SVE or SME", "SVE"),
    word("ADDVL", 0x04205020, "SVE or SME", "SVE"),
    word("RDSVL", 0x04bf5820, "SME", "SME"),
    word("SMSTART", 0xd503477f, "SME", "SMCR"),
    word("SMSTARTSM", 0xd503437f, "SME", "SMCR"),
    word("SMOPA", 0xa0800000, "SME", "SM+ZA"),
    word("ZEROZA", 0xc00800ff, "SME", "ZA"),
    word("LDRZT0", 0xe11f8000, "SME2", "ZT0"),
    word("F1CVTL", 0x2e217800, "FP8", "FPMR+SIMD")
  ]
})
