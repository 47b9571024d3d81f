/** Registers of the exception levels: system control, translation, exceptions, and the hypervisor's controls. */
import { type FieldTable, type FineTrap, type RegisterFile, type RegisterTrap, type SystemRegister, trapEL1 } from "../register.ts"

const hfg = (read: number, write = read): FineTrap => ({ pair: "HFG", read, write })
const negative = (bit: number): FineTrap => ({ pair: "HFG", read: bit, write: bit, negative: true })
/** The virtual-memory controls, which HCR_EL2.TVM and TRVM trap. */
const VM: readonly RegisterTrap[] = [trapEL1("HCR_EL2.TVM", "write"), trapEL1("HCR_EL2.TRVM", "read")]

/** An _EL1 register with an _EL2 counterpart: the plain name reaches it at EL2 under E2H, the _EL12 name the other way round. */
const twin = (
  stem: string,
  place: string,
  el1: Omit<SystemRegister, "name" | "encoding">,
  el2: Omit<SystemRegister, "name" | "encoding"> = { ...el1, traps: [] }
): readonly SystemRegister[] => {
  const { fine: _, ...second } = el2
  return [
    { name: `${stem}_EL1`, encoding: `3 0 ${place}`, host: `${stem}_EL2`, alias: "EL12", ...el1 },
    { name: `${stem}_EL2`, encoding: `3 4 ${place}`, ...second }
  ]
}

const SCTLR_SHARED: FieldTable = { M: 0, A: 1, C: 2, SA: 3, nAA: "6 if LSE2", I: 12, WXN: 19, DSSBS: "44 if SSBS" }
const SCTLR_USER: FieldTable = {
  SA0: 4,
  UMA: 9,
  EnRCTX: "10 if SPECRES",
  DZE: 14,
  UCT: 15,
  nTWI: 16,
  nTWE: 18,
  SPAN: "23 if PAN",
  UCI: 26,
  MSCEn: "33 if MOPS",
  EPAN: "57 if PAN3"
}
/** ITD, SED, EOS, TSCXT, EIS, SPAN, nTLSMD, LSMAOE */
const SCTLR_ONES = 0x30d00980n
const SCTLR_EL2_ONES = 0x30c50830n

const TTBR: FieldTable = { BADDR: "47:1", CnP: "0 if TTCNP", ASID: "63:48" }
const TCR_EL1: FieldTable = {
  T0SZ: "5:0",
  EPD0: 7,
  IRGN0: "9:8",
  ORGN0: "11:10",
  SH0: "13:12",
  TG0: "15:14",
  T1SZ: "21:16",
  A1: 22,
  EPD1: 23,
  IRGN1: "25:24",
  ORGN1: "27:26",
  SH1: "29:28",
  TG1: "31:30",
  IPS: "34:32",
  AS: "36 if ASID16",
  TBI0: 37,
  TBI1: 38,
  HPD0: "41 if HPDS",
  HPD1: "42 if HPDS",
  E0PD0: "55 if E0PD",
  E0PD1: "56 if E0PD"
}
const TCR_EL2: FieldTable = { T0SZ: "5:0", IRGN0: "9:8", ORGN0: "11:10", SH0: "13:12", TG0: "15:14", PS: "18:16", TBI: 20, HPD: "24 if HPDS" }

const translation: readonly SystemRegister[] = [
  ...twin(
    "SCTLR",
    "1 0 0",
    { fields: { ...SCTLR_SHARED, ...SCTLR_USER }, ones: SCTLR_ONES, control: true, traps: VM, fine: hfg(29) },
    { fields: SCTLR_SHARED, ones: SCTLR_EL2_ONES, e2h: { fields: { ...SCTLR_SHARED, ...SCTLR_USER }, ones: SCTLR_ONES }, control: true }
  ),
  ...twin("ACTLR", "1 0 1", { fields: {}, traps: [trapEL1("HCR_EL2.TACR")] }).map(({ host: _, alias: __, ...r }) => r),
  ...twin(
    "SCTLR2",
    "1 0 3",
    { fields: {}, feature: "SCTLR2", control: true, traps: [{ control: "HCRX_EL2.SCTLR2En", when: 0, from: [1] }, ...VM], fine: hfg(29) },
    { fields: {}, feature: "SCTLR2", control: true }
  ),
  ...twin("TTBR0", "2 0 0", { fields: TTBR, control: true, traps: VM, fine: hfg(36) }),
  ...twin("TTBR1", "2 0 1", { fields: TTBR, control: true, traps: VM, fine: hfg(37) }, { fields: TTBR, control: true, feature: "VHE" }),
  ...twin(
    "TCR",
    "2 0 2",
    { fields: TCR_EL1, control: true, traps: VM, fine: hfg(32) },
    { fields: TCR_EL2, ones: 0x80800000n, e2h: { fields: TCR_EL1 }, control: true }
  ),
  ...twin(
    "TCR2",
    "2 0 3",
    {
      fields: { PIE: "1 if S1PIE" },
      feature: "TCR2",
      control: true,
      traps: [{ control: "HCRX_EL2.TCR2En", when: 0, from: [1] }, ...VM],
      fine: hfg(32)
    },
    { fields: { PIE: "1 if S1PIE" }, feature: "TCR2", control: true }
  ),
  ...twin("MAIR", "10 2 0", { control: true, traps: VM, fine: hfg(24) }),
  ...twin("PIRE0", "10 2 2", { feature: "S1PIE", control: true, traps: VM, fine: negative(57) }),
  ...twin("PIR", "10 2 3", { feature: "S1PIE", control: true, traps: VM, fine: negative(58) }),
  ...twin("AMAIR", "10 3 0", { fields: {}, traps: VM, fine: hfg(3) }),
  ...twin("CONTEXTIDR", "13 0 1", { fields: { PROCID: "31:0" }, traps: VM, fine: hfg(11) }, { fields: { PROCID: "31:0" }, feature: "VHE" }),
  {
    name: "PAR_EL1",
    encoding: "3 0 7 4 0",
    fields: { ATTR: "63:56", PA: "51:12", flags: "11:0" },
    fine: hfg(27),
    doc: "Result of an AT instruction"
  }
]

/** Limited ordering regions: LORID_EL1 says there are none, so the rest has no field. */
const limitedOrdering: readonly SystemRegister[] = ["LORSA", "LOREA", "LORN", "LORC"].map((stem, op2) => ({
  name: `${stem}_EL1`,
  encoding: `3 0 10 4 ${op2}`,
  feature: "LOR",
  fields: {},
  traps: [trapEL1("HCR_EL2.TLOR")],
  fine: hfg([23, 20, 22, 19][op2]!)
}))
const limitedOrderingId: SystemRegister = {
  name: "LORID_EL1",
  encoding: "3 0 10 4 7",
  feature: "LOR",
  write: 3,
  fields: {},
  traps: [trapEL1("HCR_EL2.TLOR")],
  fine: { pair: "HFG", read: 21 }
}

const SPSR: FieldTable = {
  NZCV: "31:28",
  TCO: "25 if MTE",
  DIT: "24 if DIT",
  UAO: "23 if UAO",
  PAN: "22 if PAN",
  SS: 21,
  IL: 20,
  SSBS: "12 if SSBS",
  BTYPE: "11:10 if BTI",
  DAIF: "9:6",
  M: "4:0"
}
const HCR_AMO = 1n << 5n
const deferredErrors = (file: RegisterFile): string => (file.el === 1 && file.get("HCR_EL2") & HCR_AMO ? "VDISR_EL2" : "DISR_EL1")
const exceptions: readonly SystemRegister[] = [
  ...twin("SPSR", "4 0 0", { fields: SPSR }),
  ...twin("ELR", "4 0 1", {}),
  ...twin("AFSR0", "5 1 0", { fields: {}, traps: VM, fine: hfg(0) }),
  ...twin("AFSR1", "5 1 1", { fields: {}, traps: VM, fine: hfg(1) }),
  ...twin("ESR", "5 2 0", { fields: { ISS2: "55:32", EC: "31:26", IL: 25, ISS: "24:0" }, traps: VM, fine: hfg(16) }),
  ...twin("FAR", "6 0 0", { traps: VM, fine: hfg(17) }),
  ...twin("VBAR", "12 0 0", { fields: { base: "63:11" }, control: true, fine: hfg(38) }),
  { name: "HPFAR_EL2", encoding: "3 4 6 0 4", fields: { FIPA: "43:4" } },
  { name: "RVBAR_EL2", encoding: "3 4 12 0 1", write: 3, fields: {} },
  { name: "RMR_EL2", encoding: "3 4 12 0 2", fields: {}, ones: 1n },
  { name: "ISR_EL1", encoding: "3 0 12 1 0", write: 3, storage: "ISR", fine: { pair: "HFG", read: 18 } },
  {
    name: "DISR_EL1",
    encoding: "3 0 12 1 1",
    feature: "RAS",
    fields: { A: 31, IDS: 24, ISS: "23:0" },
    compute: {
      read: (file) => file.get(deferredErrors(file)),
      write: (file, value) => file.set(deferredErrors(file), value)
    },
    doc: "With virtual SErrors enabled, EL1 reaches VDISR_EL2 by this name"
  },
  { name: "VDISR_EL2", encoding: "3 4 12 1 1", feature: "RAS", fields: { A: 31, IDS: 24, ISS: "23:0" } },
  { name: "VSESR_EL2", encoding: "3 4 5 2 3", feature: "RAS", fields: { IDS: 24, ISS: "23:0" } },
  {
    name: "ERRIDR_EL1",
    encoding: "3 0 5 3 0",
    feature: "RAS",
    write: 3,
    fields: {},
    traps: [trapEL1("HCR_EL2.TERR")],
    fine: { pair: "HFG", read: 40 },
    doc: "There are no error records, and so no other register of them"
  }
]

const HCR: FieldTable = {
  VM: 0,
  SWIO: 1,
  PTW: 2,
  FMO: 3,
  IMO: 4,
  AMO: 5,
  VF: 6,
  VI: 7,
  VSE: 8,
  FB: 9,
  BSU: "11:10",
  DC: 12,
  TWI: 13,
  TWE: 14,
  TID0: 15,
  TID1: 16,
  TID2: 17,
  TID3: 18,
  TSC: 19,
  TIDCP: 20,
  TACR: 21,
  TSW: 22,
  TPCP: 23,
  TPU: 24,
  TTLB: 25,
  TVM: 26,
  TGE: 27,
  TDZ: 28,
  HCD: 29,
  TRVM: 30,
  CD: 32,
  ID: 33,
  E2H: "34 if VHE",
  TLOR: "35 if LOR",
  TERR: "36 if RAS",
  TEA: "37 if RAS",
  FWB: "46 if S2FWB",
  TID4: "49 if EVT",
  TICAB: "50 if EVT",
  TOCU: "52 if EVT",
  TTLBIS: "54 if EVT",
  TTLBOS: "55 if EVT"
}
const hypervisor: readonly SystemRegister[] = [
  {
    name: "CPACR_EL1",
    encoding: "3 0 1 0 2",
    host: "CPTR_EL2",
    alias: "EL12",
    fields: { TTA: 28 },
    control: true,
    traps: [trapEL1("CPTR_EL2.TCPAC")],
    fine: hfg(12)
  },
  {
    name: "CPTR_EL2",
    encoding: "3 4 1 1 2",
    fields: { TCPAC: 31, TAM: 30, TTA: 20 },
    ones: 0x33ffn,
    e2h: { fields: { TCPAC: 31, TAM: 30, TTA: 28 } },
    control: true
  },
  { name: "HCR_EL2", encoding: "3 4 1 1 0", fields: HCR, ones: 0x80000000n, control: true, doc: "Bit 31 (RW) is fixed: no AArch32" },
  {
    name: "HCRX_EL2",
    encoding: "3 4 1 2 2",
    feature: "HCX",
    fields: { FnXS: "3 if XS", FGTnXS: "4 if XS", MCE2: "10 if MOPS", MSCEn: "11 if MOPS", TCR2En: "14 if TCR2", SCTLR2En: "15 if SCTLR2" },
    control: true
  },
  { name: "HSTR_EL2", encoding: "3 4 1 1 3", fields: { T: "15:0" }, control: true },
  { name: "HACR_EL2", encoding: "3 4 1 1 7", fields: {} },
  { name: "HFGRTR_EL2", encoding: "3 4 1 1 4", feature: "FGT", control: true },
  { name: "HFGWTR_EL2", encoding: "3 4 1 1 5", feature: "FGT", control: true },
  { name: "HFGITR_EL2", encoding: "3 4 1 1 6", feature: "FGT", control: true },
  { name: "HDFGRTR_EL2", encoding: "3 4 3 1 4", feature: "FGT", control: true },
  { name: "HDFGWTR_EL2", encoding: "3 4 3 1 5", feature: "FGT", control: true },
  { name: "VTTBR_EL2", encoding: "3 4 2 1 0", fields: { VMID: "63:48", BADDR: "47:1", CnP: "0 if TTCNP" }, control: true },
  {
    name: "VTCR_EL2",
    encoding: "3 4 2 1 2",
    fields: { T0SZ: "5:0", SL0: "7:6", IRGN0: "9:8", ORGN0: "11:10", SH0: "13:12", TG0: "15:14", PS: "18:16", VS: "19 if VMID16" },
    ones: 0x80000000n,
    control: true
  }
]

export const controlRegisters: readonly SystemRegister[] = [...translation, ...limitedOrdering, limitedOrderingId, ...exceptions, ...hypervisor]
