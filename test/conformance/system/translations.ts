/** Random translation tables of both stages, and AT instructions that walk them under random configurations. */
import { type Case, type Chooser, E2H, RW, TABLES } from "./cases.ts"

export type Tables = Uint8Array
const PAGE = 4096
/** Pages of stage 1 tables, a quarter for each level; then those of stage 2: a root of two pages, level 2, level 3, and a root of level 0. */
const FIRST = 48
const LEVEL2 = 12
const LEVEL3 = 20
const SECOND = FIRST
const S2_LEVEL2 = SECOND + 2
const S2_LEVEL3 = S2_LEVEL2 + LEVEL2
const S2_LEVEL0 = S2_LEVEL3 + LEVEL3
/** Roots of level 1 whose entries are known: of stage 1 and of stage 2. */
const KNOWN_FIRST = S2_LEVEL0 + 1
const KNOWN_SECOND = KNOWN_FIRST + 1
const PAGES = KNOWN_SECOND + 1
const page = (index: number): bigint => BigInt(TABLES + PAGE * index)

const AF = 1n << 10n
const leafKind = (level: number): bigint => (level === 3 ? 3n : 1n)
const blockMask = (level: number): bigint => (1n << BigInt(12 + 9 * (3 - level))) - 1n

const USER = 1n << 6n
const READ_ONLY = 1n << 7n
const NEVER_EXECUTE = 3n << 53n
const DEVICE = 1n << 2n
const S2_READ = 1n << 6n
const S2_WRITE = 1n << 7n
const S2_NORMAL = 15n << 2n
const S2_ALL = AF | S2_READ | S2_WRITE | S2_NORMAL
/** Entry 1 is RAM, for everybody; the others are mapped to it under conditions. */
const FLAT_AT = Array.from({ length: 12 }, () => 0x40000000n)
const KNOWN_BLOCKS: readonly { readonly first: bigint; readonly second: bigint }[] = [
  { first: AF | USER, second: 0n },
  { first: AF | USER | READ_ONLY, second: S2_ALL },
  { first: AF | USER | NEVER_EXECUTE, second: S2_ALL & ~S2_WRITE },
  { first: AF | NEVER_EXECUTE, second: S2_ALL & ~S2_READ },
  { first: AF | READ_ONLY | NEVER_EXECUTE, second: S2_ALL & ~AF },
  { first: USER, second: S2_ALL },
  { first: AF | USER | NEVER_EXECUTE | DEVICE, second: S2_ALL },
  { first: AF | USER | NEVER_EXECUTE, second: S2_ALL & ~S2_NORMAL },
  { first: AF | USER | NEVER_EXECUTE, second: 0n },
  { first: AF | USER | NEVER_EXECUTE, second: S2_ALL },
  { first: AF | USER | READ_ONLY | NEVER_EXECUTE, second: 0n },
  { first: 0n, second: S2_ALL }
]

class TableMaker {
  readonly bytes = new Uint8Array(PAGES * PAGE)
  readonly #view = new DataView(this.bytes.buffer)
  readonly #choose: Chooser
  constructor(choose: Chooser) {
    this.#choose = choose
    for (let t = 0; t < FIRST; t++) this.#fill(t, () => this.#stage1(Math.floor((4 * t) / FIRST)))
    this.#stage2()
    for (const [entry, bits] of KNOWN_BLOCKS.entries()) {
      this.set(KNOWN_FIRST, entry, FLAT_AT[entry]! | bits.first | 1n)
      this.set(KNOWN_SECOND, entry, bits.second === 0n ? 0n : FLAT_AT[entry]! | bits.second | 1n)
    }
  }
  #fill(index: number, descriptor: (entry: number) => bigint): void {
    for (let e = 0; e < 512; e++) this.set(index, e, descriptor(e))
  }
  set(index: number, entry: number, descriptor: bigint): void {
    this.#view.setBigUint64(index * PAGE + 8 * entry, descriptor, true)
  }
  #stage1(level: number): bigint {
    const choose = this.#choose
    if (choose.chance(0.06)) return (choose.bits(64) & ~3n) | choose.of([0n, 2n])
    if (level === 0 || (level < 3 && choose.chance(0.6))) return this.#table(level)
    const address = this.#output(),
      attributes = (choose.bits(2) << 6n) | (BigInt(choose.below(3)) << 2n) | (choose.bits(2) << 8n) | (choose.bits(1) << 11n),
      execution = choose.chance(0.3) ? choose.bits(2) << 53n : 0n,
      contiguous = choose.chance(0.1) ? 1n << 52n : 0n
    return (address & ~blockMask(level)) | (choose.chance(0.9) ? AF : 0n) | attributes | execution | contiguous | leafKind(level)
  }
  #table(level: number): bigint {
    const choose = this.#choose,
      quarter = FIRST / 4,
      next = choose.chance(0.9) ? quarter * (level + 1) + choose.below(quarter) : choose.below(FIRST)
    return (choose.chance(0.99) ? page(next) : this.#output() & ~0xfffn) | (choose.chance(0.2) ? choose.bits(4) << 59n : 0n) | 3n
  }
  /** Within RAM, or where neither machine has anything: a table there is an external abort. */
  #output(): bigint {
    const choose = this.#choose
    return choose.of([0x40000000n | choose.bits(26), (1n << 32n) | choose.bits(33), (1n << 47n) | choose.bits(47)])
  }
  #stage2(): void {
    const choose = this.#choose,
      deeper = (first: number, count: number) => page(first + choose.below(count)) | 3n
    for (let e = 0; e < 1024; e++) {
      const kind = choose.below(10)
      this.set(SECOND + (e >> 9), e & 511, e === 1 ? page(S2_LEVEL2) | 3n : kind === 0 ? 0n : kind < 5 ? deeper(S2_LEVEL2, LEVEL2) : this.#leaf2(1))
    }
    for (let t = 0; t < LEVEL2; t++)
      this.#fill(S2_LEVEL2 + t, (e) => {
        const kind = choose.below(10)
        // the tables of stage 1 lie within the first of these: it is nearly flat
        if (t === 0) return kind > 0 ? this.#leaf2(2, 0x40000000n + BigInt(e) * 0x200000n) : deeper(S2_LEVEL3, LEVEL3)
        return kind === 0 ? 0n : kind < 6 ? deeper(S2_LEVEL3, LEVEL3) : this.#leaf2(2)
      })
    this.set(S2_LEVEL2, (TABLES - 0x40000000) / 0x200000, BigInt(TABLES) | AF | (3n << 6n) | (15n << 2n) | 1n)
    for (let t = 0; t < LEVEL3; t++) this.#fill(S2_LEVEL3 + t, () => (choose.chance(0.1) ? 0n : this.#leaf2(3)))
    this.#fill(S2_LEVEL0, (e) => (e === 0 ? page(SECOND) | 3n : choose.chance(0.3) ? 0n : deeper(SECOND, 2 + LEVEL2)))
  }
  #leaf2(level: number, flat?: bigint): bigint {
    const choose = this.#choose,
      address = flat ?? this.#output(),
      access = choose.chance(0.7) ? 3n : choose.bits(2),
      execution = choose.chance(0.2) ? choose.bits(2) << 53n : 0n
    return (
      (address & ~blockMask(level)) |
      (choose.chance(0.95) ? AF : 0n) |
      (access << 6n) |
      (choose.of([15n, 15n, 15n, 15n, 5n, 0n, 1n, 6n]) << 2n) |
      (choose.bits(2) << 8n) |
      execution |
      leafKind(level)
    )
  }
}

const at = (op1: number, CRm: number, op2: number): number => (0xd5080000 | (op1 << 16) | (7 << 12) | (CRm << 8) | (op2 << 5)) >>> 0
const OPERATIONS = [
  ["AT S1E1R", at(0, 8, 0)],
  ["AT S1E1W", at(0, 8, 1)],
  ["AT S1E0R", at(0, 8, 2)],
  ["AT S1E0W", at(0, 8, 3)],
  ["AT S1E1RP", at(0, 9, 0)],
  ["AT S1E1WP", at(0, 9, 1)],
  ["AT S12E1R", at(4, 8, 4)],
  ["AT S12E1W", at(4, 8, 5)],
  ["AT S12E0R", at(4, 8, 6)],
  ["AT S12E0W", at(4, 8, 7)]
] as const

/** Loads, stores, atomics and maintenance of [x0]; data in x1, v1 or their neighbours. */
const ACCESSES: readonly (readonly [string, number])[] = [
  ["LDRB W", 0x39400001],
  ["STRB", 0x39000001],
  ["LDRH W", 0x79400001],
  ["STRH", 0x79000001],
  ["LDR W", 0xb9400001],
  ["STR W", 0xb9000001],
  ["LDR X", 0xf9400001],
  ["STR X", 0xf9000001],
  ["LDRSB X", 0x39800001],
  ["LDRSB W", 0x39c00001],
  ["LDRSH X", 0x79800001],
  ["LDRSH W", 0x79c00001],
  ["LDRSW", 0xb9800001],
  ["LDUR X, #8", 0xf8408001],
  ["STUR W, #-4", 0xb81fc001],
  ["LDR X post", 0xf8408401],
  ["LDR X pre", 0xf8408c01],
  ["LDR X register", 0xf8626801],
  ["STRB register", 0x38226801],
  ["LDTR X", 0xf8400801],
  ["STTR W", 0xb8000801],
  ["LDTRSB W", 0x38c00801],
  ["LDP X", 0xa9400801],
  ["STP W", 0x29000801],
  ["LDPSW", 0x69400801],
  ["LDXR X", 0xc85f7c01],
  ["STXR W", 0x88027c01],
  ["LDAR X", 0xc8dffc01],
  ["LDARB", 0x08dffc01],
  ["STLR W", 0x889ffc01],
  ["LDAPR W", 0xb8bfc001],
  ["LDAPUR X", 0xd9400001],
  ["LDAPURSB W", 0x19c00001],
  ["STLURH", 0x59000001],
  ["SWP X", 0xf8218002],
  ["LDADDB", 0x38210002],
  ["CAS X", 0xc8a17c02],
  ["CASP X", 0x48227c04],
  ["LDR D", 0xfd400001],
  ["STR Q", 0x3d800001],
  ["LD1 16B", 0x4c407001],
  ["LDP Q", 0xad400801],
  ["PRFM", 0xf9800001],
  ["DC ZVA", 0xd50b7420],
  ["BR", 0xd61f0000]
]
/** Of these the other side does not say what the architecture says when they are misaligned; Q registers want 16 bytes. */
const ALIGNED_ONLY = /^(LDXR|SWP|CAS|STR Q|LDP Q)/
/** Blocks of Device memory, where the other side lets DC ZVA pass. */
const DEVICE_BLOCKS = [6n, 7n]
/** How far into a block, and whether aligned. */
const OFFSETS = [0x3000000n, 0x3000008n, 0x3000001n, 0x3000004n, 0x300000fn, 0x3000ffcn]

/** Accesses at EL0 and EL1 to blocks that one stage or the other refuses, through stage 1, stage 2, both or none. */
export const accessCases = (choose: Chooser, count: number): readonly Case[] => Array.from({ length: count }, () => accessCase(choose))
const accessCase = (choose: Chooser): Case => {
  const [name, word] = choose.of(ACCESSES),
    el = choose.of([0, 1] as const),
    through = choose.below(4),
    enabled = (through & 1) !== 0,
    virtual = through & 2 ? VM | (enabled || choose.chance(0.3) ? 0n : DC) : 0n,
    entry = BigInt(through === 0 ? 1 : choose.below(KNOWN_BLOCKS.length)),
    // with stage 1 off and stage 2 on, the other side forgets that stage 1 says Device
    offset = ALIGNED_ONLY.test(name) ? OFFSETS[0]! : enabled || virtual !== VM ? choose.of(OFFSETS) : choose.of(OFFSETS.slice(0, 2)),
    sctlr = 0x30d00980n | (enabled ? 1n : 0n) | (1n << 14n) | (1n << 26n) | flag(choose, 1, 0.1) | flag(choose, 23, 0.5)
  if (name === "DC ZVA" && DEVICE_BLOCKS.includes(entry)) return accessCase(choose)
  return {
    name: `${name}, block ${entry}`,
    words: [word],
    el,
    x0: (entry << 30n) | offset,
    x1: 0n,
    spsr: 0x3c0 | (el << 2) | el | (el === 1 && choose.chance(0.3) ? 1 << 22 : 0) | (choose.chance(0.2) ? 1 << 23 : 0),
    controls: {
      HCR_EL2: RW | virtual | (choose.chance(0.3) ? E2H : 0n) | flag(choose, 37, 0.3),
      VTCR_EL2: 25n | (1n << 6n) | (5n << 16n) | (1n << 31n),
      VTTBR_EL2: page(KNOWN_SECOND),
      TCR_EL1: 25n | (25n << 16n) | (2n << 30n) | (5n << 32n) | (1n << 23n),
      TTBR0_EL1: page(KNOWN_FIRST),
      MAIR_EL1: 0x04ffn,
      SCTLR_EL1: sctlr
    }
  }
}

/** Level of the first table for a TxSZ. */
const startLevel = (tsz: number): number => Math.max(0, Math.min(3, 4 - Math.ceil((64 - tsz - 12) / 9)))
const VM = 1n
const DC = 1n << 12n
const FWB = 1n << 46n
const flag = (choose: Chooser, bit: number, probability: number): bigint => (choose.chance(probability) ? 1n << BigInt(bit) : 0n)

const oneCase = (choose: Chooser): Case => {
  const [name, word] = choose.of(OPERATIONS),
    t0 = choose.of([16, 16, 16, 20, 25, 25, 26, 34, 39, 42, 43, 48, 16 + choose.below(33), 10 + choose.below(50)]),
    t1 = choose.of([16, 16, 25, 34, 16 + choose.below(33)]),
    root = (tsz: number) =>
      choose.chance(0.95) ? page(startLevel(tsz) * (FIRST / 4) + choose.below(FIRST / 4)) : page(choose.below(FIRST)) | choose.bits(12),
    tcrFlags = [
      [7, 0.03],
      [23, 0.03],
      [22, 0.3],
      [37, 0.4],
      [38, 0.4],
      [41, 0.3],
      [42, 0.3],
      [55, 0.1],
      [56, 0.1]
    ] as const,
    tcr =
      BigInt(t0) |
      (BigInt(t1) << 16n) |
      (2n << 30n) |
      (BigInt(choose.of([5, 5, 5, 5, 0, 1, 2, 3, 4])) << 32n) |
      tcrFlags.reduce((all, [bit, p]) => all | flag(choose, bit, p), 0n),
    virtual = choose.of([VM, VM, VM, DC, 0n]),
    [s2tsz, sl0, s2root] = choose.chance(0.5)
      ? ([24, 1, SECOND] as const)
      : choose.of([
          [25, 1, SECOND],
          [28, 1, SECOND],
          [16, 2, S2_LEVEL0],
          [20, 2, S2_LEVEL0],
          [33, 1, SECOND],
          [34, 0, S2_LEVEL2],
          [32, 0, S2_LEVEL2],
          [14 + choose.below(36), choose.below(4), SECOND + choose.below(30)]
        ] as const),
    indirect = choose.chance(0.4) ? { TCR2_EL1: 2n, PIR_EL1: choose.bits(64), PIRE0_EL1: choose.bits(64) } : {},
    inside = (tsz: number) => choose.bits(64) & ((1n << BigInt(64 - Math.max(tsz, 16))) - 1n),
    // with stage 1 off: of 48 bits, or more than either side's physical memory has
    plain = choose.chance(0.6) ? inside(t0) : inside(t1) | BigInt.asUintN(64, -(1n << BigInt(64 - t1))),
    address =
      virtual === DC
        ? inside(16) | flag(choose, 54, 0.2)
        : plain ^ (choose.chance(0.1) ? choose.bits(8) << 56n : 0n) ^ (choose.chance(0.03) ? 1n << BigInt(choose.below(64)) : 0n)
  return {
    name,
    words: [word],
    el: 2,
    par: true,
    x0: address,
    spsr: 0x3c9 | (choose.chance(0.5) ? 1 << 22 : 0),
    controls: {
      HCR_EL2: RW | virtual | (choose.chance(0.3) ? FWB : 0n) | (choose.chance(0.4) ? E2H : 0n),
      VTCR_EL2: BigInt(s2tsz) | (BigInt(sl0) << 6n) | (BigInt(choose.of([5, 5, 5, 5, 2, 1, 0])) << 16n) | (1n << 31n) | flag(choose, 19, 0.5),
      VTTBR_EL2: page(s2root) | (choose.bits(16) << 48n),
      TCR_EL1: tcr,
      TTBR0_EL1: root(t0) | (choose.bits(16) << 48n),
      TTBR1_EL1: root(t1) | (choose.bits(16) << 48n),
      MAIR_EL1: choose.of([0x440bff04ff00bbn, 0x4ff44bb00n, 0x4404ffn, 0x4404ffn]),
      SCTLR_EL1: 0x30d00981n | flag(choose, 19, 0.2) | flag(choose, 57, 0.3),
      ...indirect
    }
  }
}

export const translationCases = (choose: Chooser, count: number): { readonly cases: readonly Case[]; readonly tables: Tables } => ({
  tables: new TableMaker(choose).bytes,
  cases: Array.from({ length: count }, () => oneCase(choose))
})
