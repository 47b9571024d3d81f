/** Self-hosted debug: the registers keep what is written; breakpoints and watchpoints do not fire, and there is no external debugger. */
import { type FineTrap, type RegisterTrap, type SystemRegister, trapBelow, trapEL0, trapEL1 } from "../register.ts"

const hdfg = (bit: number): FineTrap => ({ pair: "HDFG", read: bit, write: bit })
/** HCR_EL2.TGE counts as TDE, in host mode too. */
const ROUTED: RegisterTrap = { control: "HCR_EL2.TGE", host: "HCR_EL2.TGE", from: [0] }
/** Routing debug exceptions to EL2 (TDE) traps all of these. */
const DEBUG: readonly RegisterTrap[] = [trapEL1("MDCR_EL2.TDA"), trapEL1("MDCR_EL2.TDE")]
const OS_LOCK: readonly RegisterTrap[] = [trapEL1("MDCR_EL2.TDOSA"), trapEL1("MDCR_EL2.TDE")]
const ROM: readonly RegisterTrap[] = [trapEL1("MDCR_EL2.TDRA"), trapEL1("MDCR_EL2.TDE")]
const TRANSFER: readonly RegisterTrap[] = [
  trapEL0("MDSCR_EL1.TDCC", "MDSCR_EL1.TDCC", 1),
  trapBelow("MDCR_EL2.TDA"),
  trapBelow("MDCR_EL2.TDE"),
  ROUTED
]

/** ID_AA64DFR0_EL1 says two breakpoints and two watchpoints. */
const points: readonly SystemRegister[] = [0, 1].flatMap((n) => [
  { name: `DBGBVR${n}_EL1`, encoding: `2 0 0 ${n} 4`, traps: DEBUG, fine: hdfg(1) },
  { name: `DBGBCR${n}_EL1`, encoding: `2 0 0 ${n} 5`, fields: { all: "23:0" }, traps: DEBUG, fine: hdfg(0) },
  { name: `DBGWVR${n}_EL1`, encoding: `2 0 0 ${n} 6`, fields: { VA: "63:2" }, traps: DEBUG, fine: hdfg(3) },
  { name: `DBGWCR${n}_EL1`, encoding: `2 0 0 ${n} 7`, fields: { all: "28:0" }, traps: DEBUG, fine: hdfg(2) }
])

export const debugRegisters: readonly SystemRegister[] = [
  ...points,
  {
    name: "MDSCR_EL1",
    encoding: "2 0 0 2 2",
    fields: { SS: 0, ERR: 6, TDCC: 12, KDE: 13, HDE: 14, MDE: 15, RXO: 27, TXU: 26, RXfull: 30, TXfull: 29 },
    control: true,
    traps: DEBUG,
    fine: hdfg(4)
  },
  { name: "MDCCINT_EL1", encoding: "2 0 0 2 0", fields: { TX: 29, RX: 30 }, traps: DEBUG },
  { name: "MDCCSR_EL0", encoding: "2 3 0 1 0", write: 3, fields: {}, traps: TRANSFER },
  { name: "DBGDTR_EL0", encoding: "2 3 0 4 0", fields: {}, traps: TRANSFER },
  { name: "DBGDTRTX_EL0", encoding: "2 3 0 5 0", fields: {}, traps: TRANSFER, doc: "DBGDTRRX_EL0 when read" },
  { name: "OSDTRRX_EL1", encoding: "2 0 0 0 2", fields: { data: "31:0" }, traps: DEBUG },
  { name: "OSDTRTX_EL1", encoding: "2 0 0 3 2", fields: { data: "31:0" }, traps: DEBUG },
  { name: "OSECCR_EL1", encoding: "2 0 0 6 2", fields: {}, traps: DEBUG, fine: hdfg(10) },
  { name: "MDRAR_EL1", encoding: "2 0 1 0 0", write: 3, fields: {}, traps: ROM },
  { name: "OSLAR_EL1", encoding: "2 0 1 0 4", read: 3, storage: "OSLAR", traps: OS_LOCK, fine: { pair: "HDFG", write: 8 } },
  {
    name: "OSLSR_EL1",
    encoding: "2 0 1 1 4",
    write: 3,
    reset: 0xan,
    traps: OS_LOCK,
    fine: { pair: "HDFG", read: 9 },
    doc: "OSLK is bit 1; OSLM says the lock is implemented"
  },
  { name: "OSDLR_EL1", encoding: "2 0 1 3 4", fields: {}, traps: OS_LOCK, fine: hdfg(11) },
  { name: "DBGPRCR_EL1", encoding: "2 0 1 4 4", fields: { CORENPDRQ: 0 }, traps: OS_LOCK, fine: hdfg(7) },
  {
    name: "DBGCLAIMSET_EL1",
    encoding: "2 0 7 8 6",
    fields: { CLAIM: "7:0" },
    traps: DEBUG,
    fine: hdfg(5),
    compute: { read: () => 0xffn, write: (file, bits) => file.set("DBGCLAIMCLR_EL1", file.get("DBGCLAIMCLR_EL1") | bits) }
  },
  {
    name: "DBGCLAIMCLR_EL1",
    encoding: "2 0 7 9 6",
    fields: { CLAIM: "7:0" },
    traps: DEBUG,
    fine: hdfg(5),
    compute: { read: (file) => file.get("DBGCLAIMCLR_EL1"), write: (file, bits) => file.set("DBGCLAIMCLR_EL1", file.get("DBGCLAIMCLR_EL1") & ~bits) }
  },
  { name: "DBGAUTHSTATUS_EL1", encoding: "2 0 7 14 6", write: 3, fields: {}, traps: DEBUG, fine: { pair: "HDFG", read: 6 } },
  {
    name: "MDCR_EL2",
    encoding: "3 4 1 1 1",
    fields: { HPMN: "4:0", TPMCR: 5, TPM: 6, HPME: 7, TDE: 8, TDA: 9, TDOSA: 10, TDRA: 11, E2PB: "13:12", TPMS: 14, HPMD: 17, TTRF: 19 },
    control: true
  }
]
