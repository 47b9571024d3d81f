/** Cases for the system model: one or a few instructions at an exception level, under controls. The same seed gives the same cases. */
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { interruptCases } from "./interrupts.ts"
import { accessCases, type Tables, translationCases } from "./translations.ts"

/** Control registers in the order of a case. */
export const CONTROLS = [
  "HCR_EL2",
  "CPTR_EL2",
  "MDCR_EL2",
  "HSTR_EL2",
  "HCRX_EL2",
  "HFGRTR_EL2",
  "HFGWTR_EL2",
  "HFGITR_EL2",
  "CNTHCTL_EL2",
  "VTTBR_EL2",
  "VTCR_EL2",
  "SCTLR_EL1",
  "CPACR_EL1",
  "CNTKCTL_EL1",
  "TCR_EL1",
  "TTBR0_EL1",
  "TTBR1_EL1",
  "MAIR_EL1",
  "TCR2_EL1",
  "PIR_EL1",
  "PIRE0_EL1",
  "SCTLR_EL2"
] as const
export type Controls = Readonly<Partial<Record<(typeof CONTROLS)[number], bigint>>>
export interface Case {
  readonly name: string
  /** Up to three instructions. */
  readonly words: readonly number[]
  readonly el: 0 | 1 | 2
  readonly controls: Controls
  readonly x0?: bigint
  readonly x1?: bigint
  /** PSTATE at the start, as SPSR_EL2; interrupts masked and the level's own stack pointer unless said. */
  readonly spsr?: number
  /** The result's x1 is PAR_EL1. */
  readonly par?: boolean
}

/** Places in memory of both machines. */
export const CODE = 0x40400000
export const TABLES = 0x42000000
export const RAM_BYTES = 256 << 20
const CASE_BYTES = 224
const NOP = 0xd503201f

export const RW = 1n << 31n
export const E2H = 1n << 34n
export const TGE = 1n << 27n
const ENABLED: Readonly<Record<(typeof CONTROLS)[number], bigint>> = {
  ...(Object.fromEntries(CONTROLS.map((name) => [name, 0n])) as Record<(typeof CONTROLS)[number], bigint>),
  HCR_EL2: RW,
  HCRX_EL2: 0xffffn,
  HFGRTR_EL2: 0xfff4n << 48n,
  HFGWTR_EL2: 0xfff4n << 48n,
  CNTHCTL_EL2: 3n,
  SCTLR_EL1: 0x30d00980n,
  CPACR_EL1: 3n << 20n,
  CNTKCTL_EL1: 3n,
  SCTLR_EL2: 0x30c50830n
}
/** The image of the cases that the probe reads: their number, then the cases. */
export const caseBytes = (cases: readonly Case[]): Uint8Array => {
  const bytes = new Uint8Array(8 + cases.length * CASE_BYTES),
    view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(cases.length), true)
  cases.forEach(({ words, el, controls, x0 = 0n, x1 = 0n, spsr, par }, i) => {
    const at = 8 + i * CASE_BYTES,
      underE2h = ((controls.HCR_EL2 ?? 0n) & E2H) !== 0n
    for (let w = 0; w < 3; w++) view.setUint32(at + 4 * w, words[w] ?? NOP, true)
    view.setUint32(at + 12, el | (par ? 0x100 : 0), true)
    view.setBigUint64(at + 16, BigInt(spsr ?? 0x3c0 | (el << 2) | (el ? 1 : 0)), true)
    view.setBigUint64(at + 24, x0, true)
    view.setBigUint64(at + 32, x1, true)
    const byDefault = { ...ENABLED, ...(underE2h ? { CPTR_EL2: 3n << 20n, CNTHCTL_EL2: 0xc03n } : {}) }
    CONTROLS.forEach((name, c) => view.setBigUint64(at + 40 + 8 * c, controls[name] ?? byDefault[name], true))
  })
  return bytes
}

/** A seeded source of choices. */
export class Chooser {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }
  /** An unsigned 32-bit number. */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let t = this.#state ^ (this.#state >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) >>> 0
  }
  bits(count: number): bigint {
    return ((BigInt(this.word()) << 32n) | BigInt(this.word())) & ((1n << BigInt(count)) - 1n)
  }
  below(limit: number): number {
    return this.word() % limit
  }
  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
}

/** Trap bits of HCR_EL2; those that would take the probe's own way back, or need features of the other side only, are left out. */
const HCR_TRAPS = [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 35, 36, 49, 50, 52, 54, 55]
const SCTLR_USER = [9, 10, 14, 15, 16, 18, 23, 26, 33, 44]
const toggled = (choose: Chooser, value: bigint, bits: readonly number[]): bigint =>
  bits.reduce((v, b) => (choose.chance(0.5) ? v ^ (1n << BigInt(b)) : v), value)
const randomControls = (choose: Chooser): Controls => {
  const mode = choose.of([0n, 0n, 0n, 0n, 0n, E2H, E2H, E2H, E2H | TGE, TGE]),
    hcr = HCR_TRAPS.reduce((v, b) => (choose.chance(0.25) ? v | (1n << BigInt(b)) : v), RW | mode),
    e2h = (hcr & E2H) !== 0n,
    sometimes = (name: keyof Controls, value: () => bigint): Controls => (choose.chance(0.3) ? { [name]: value() } : {})
  return {
    HCR_EL2: hcr,
    ...sometimes("MDCR_EL2", () => choose.of([9, 10, 11, 8].map((b) => 1n << BigInt(b)))),
    ...sometimes("CPTR_EL2", () => (e2h ? choose.of([(1n << 31n) | (3n << 20n), 1n << 20n, 0n]) : choose.of([1n << 31n, 1n << 10n]))),
    ...sometimes("CPACR_EL1", () => choose.of([0n, 1n << 20n, 2n << 20n])),
    ...sometimes("CNTHCTL_EL2", () => choose.bits(e2h ? 12 : 8)),
    ...sometimes("CNTKCTL_EL1", () => choose.bits(10)),
    ...sometimes("HCRX_EL2", () => choose.bits(16)),
    ...sometimes("HFGRTR_EL2", () => choose.bits(64)),
    ...sometimes("HFGWTR_EL2", () => choose.bits(64)),
    ...sometimes("HFGITR_EL2", () => choose.bits(55)),
    ...sometimes("SCTLR_EL1", () => toggled(choose, 0x30d00980n, SCTLR_USER)),
    ...sometimes("SCTLR_EL2", () => toggled(choose, e2h ? 0x30d00980n : 0x30c50830n, e2h ? SCTLR_USER.filter((b) => b !== 33) : [44]))
  }
}

/** Writing these would take the probe's own ground away. */
const UNTOUCHABLE =
  /^(SCTLR_EL|HCR_|VBAR_|RMR_|SP_EL1|ELR_EL2|MDCR|OSLAR|HFGITR|CPTR|CPACR_EL1$|MDSCR|HPFAR|TCR_EL2|TTBR0_EL2|HCRX|DAIF|HSTR|SPSel|CNT)/
/** Values that differ between any two runs or two processors. */
const OWN_VALUE = /^(RNDR|CNT|ISR_|ID_|MVFR|CCSIDR|CLIDR|CTR_|DCZID|S3_0_)/
/** Registers whose reserved bits the other side keeps as written, or whose fields it has more of. */
const WIDER =
  /^(VPIDR|VMPIDR|SCTLR|TCR|CONTEXTIDR|PAR_EL1|SPSR|ESR|HPFAR|DISR|VDISR|VSESR|CPACR|CPTR|HCRX|VTCR|DBG[BW]CR|OSDLR|FPEXC32|OSDTR|MDCCINT|CNTHCTL|AMAIR|VBAR)/
/** Registers the other side does not have, and those of the interrupt interface, which has cases of its own. */
const LEFT_OUT = /^(DBGPRCR|DBGAUTHSTATUS|ICC_|ICH_)/

const machine = composeOrThrow([base, fpsimd])
const registerWord = (encoding: number, Rt: number, isRead: boolean): number =>
  (0xd5100000 | (isRead ? 1 << 21 : 0) | ((encoding >> 14) & 1 ? 1 << 19 : 0) | ((encoding & 0x3fff) << 5) | Rt) >>> 0
const LEVELS = [0, 1, 2] as const

const registerCases = (choose: Chooser, repeat: number): readonly Case[] => {
  const cases: Case[] = []
  for (const { name, encoding } of machine.registerByEncoding.values()) {
    if (LEFT_OUT.test(name)) continue
    const shown = !OWN_VALUE.test(name) && !WIDER.test(name)
    for (const el of LEVELS)
      for (let n = 0; n < repeat; n++) {
        const controls = n === 0 ? {} : randomControls(choose)
        cases.push({ name: `MRS ${name}`, words: [registerWord(encoding, shown ? 0 : 31, true)], el, controls, x0: 0x1111n })
        if (UNTOUCHABLE.test(name) || name === "NZCV" || name === "DIT") continue
        cases.push({
          name: `MSR ${name}`,
          words: [registerWord(encoding, 0, false), ...(shown ? [registerWord(encoding, 1, true)] : [])],
          el,
          controls,
          x0: choose.of([0n, (1n << 64n) - 1n, choose.bits(64)])
        })
      }
  }
  return cases
}

const sys = (op1: number, CRn: number, CRm: number, op2: number): number => (0xd5080000 | (op1 << 16) | (CRn << 12) | (CRm << 8) | (op2 << 5)) >>> 0
const CACHE_AND_AT =
  "0,1,0 0,5,0 3,5,1 0,6,1 0,6,2 0,10,2 0,14,2 3,4,1 3,10,1 3,11,1 3,12,1 3,13,1 3,14,1 0,8,0 0,8,1 0,8,2 0,8,3 0,9,0 0,9,1 4,8,0 4,8,1 4,8,4 4,8,5 4,8,6 4,8,7 3,3,4 3,3,5 3,3,7"
    .split(" ")
    .map((text) => text.split(",").map(Number) as [number, number, number])
const instructions: readonly (readonly [string, number])[] = [
  ...[0, 1, 0xffff].flatMap((n) => [
    ["SVC", 0xd4000001 | (n << 5)] as const,
    ["BRK", (0xd4200000 | (n << 5)) >>> 0] as const,
    ["HLT", (0xd4400000 | (n << 5)) >>> 0] as const
  ]),
  ["HVC", 0xd40000a2],
  ["UDF", 0],
  ["DCPS1", 0xd4a00001],
  ["DRPS", 0xd6bf03e0],
  ...[
    ["UAO", 0, 3],
    ["PAN", 0, 4],
    ["SPSel", 0, 5],
    ["SSBS", 3, 1]
  ].flatMap(([field, op1, op2]) =>
    [0, 1].map((imm) => [`MSR ${field}, #${imm}`, (0xd500401f | (Number(op1) << 16) | (imm << 8) | (Number(op2) << 5)) >>> 0] as const)
  ),
  ...CACHE_AND_AT.map(([op1, CRm, op2]) => [`SYS ${op1}, C7, C${CRm}, ${op2}`, sys(op1, 7, CRm, op2)] as const),
  ...[0, 4].flatMap((op1) =>
    [8, 9].flatMap((CRn) =>
      Array.from({ length: 64 }, (_, i) => [`TLBI ${op1}, C${CRn}, C${i >> 3}, ${i & 7}`, sys(op1, CRn, i >> 3, i & 7)] as const)
    )
  )
]
const instructionCases = (choose: Chooser, repeat: number): readonly Case[] =>
  instructions.flatMap(([name, word]) =>
    LEVELS.flatMap((el) =>
      Array.from({ length: repeat }, (_, n) => ({
        name,
        words: [word >>> 0],
        el,
        controls: n === 0 ? {} : randomControls(choose),
        x0: name.startsWith("TLBI") ? 0x40200n : 0x40200000n
      }))
    )
  )

/** SPSR bits of states this model does not have: SS, ALLINT, TCO, BTYPE, AArch32; and DIT, which the other side clears on exception entry. */
const UNMODELLED = (1 << 21) | (1 << 13) | (1 << 25) | (3 << 10) | (1 << 4) | (1 << 24)
const SLOT_END = 12n
const returnCases = (choose: Chooser, count: number, slot: bigint): readonly Case[] =>
  Array.from({ length: count }, () => {
    const el = choose.of([1, 2] as const),
      mode = choose.chance(0.5) ? choose.below(16) : choose.of([0, 4, 5, 8, 9]),
      // flags survive exception entry here, and are cleared there
      spsr = (((choose.word() & ~0xf000000f) | mode) & ~UNMODELLED) >>> 0,
      [toSpsr, toElr] = el === 1 ? [0xd5184000, 0xd5184021] : [0xd51c4000, 0xd51c4021]
    return {
      name: `ERET to SPSR ${spsr.toString(16)}`,
      words: [toSpsr, toElr, 0xd69f03e0],
      el,
      controls: randomControls(choose),
      x0: BigInt(spsr),
      x1: slot + SLOT_END
    }
  })

export interface Program {
  readonly cases: readonly Case[]
  readonly tables: Tables
}
/** All cases of a seed. `slot` is the address the probe executes them at. */
export const programOf = (seed: number, slot: bigint, amount = 1): Program => {
  const choose = new Chooser(seed),
    translations = translationCases(choose, 3000 * amount)
  return {
    cases: [
      ...registerCases(choose, 2 * amount),
      ...instructionCases(choose, 2 * amount),
      ...returnCases(choose, 600 * amount, slot),
      ...translations.cases,
      ...accessCases(choose, 1500 * amount),
      ...interruptCases(choose, 2000 * amount)
    ],
    tables: translations.tables
  }
}
