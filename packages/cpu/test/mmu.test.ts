/** Translation: both stages, permissions, faults with their syndromes, the TLB and its maintenance, AT. Tables are written by hand. */
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { beforeEach, describe, expect, it } from "vitest"
import type { Abort, PendingException } from "../src/exception.ts"
import { Board, fillTlb, PortTrap, portOf, registerNamed, setState, startAt, synchronize, translate, writeRegister } from "../src/index.ts"
import { PE, PSTATE, TLB_ENTRY, TLB_ENTRY_BYTES } from "../src/layout.ts"

const RAM = 0x40000000
const board = new Board({ isa: composeOrThrow([base, fpsimd]), ramBase: RAM, ramBytes: 16 << 20 })
const pe = board.pes[0]!
const port = portOf(pe)
const RW = 1n << 31n
const E2H = 1n << 34n
const TGE = 1n << 27n
const bit = (n: number) => 1n << BigInt(n)

const set = (name: string, value: bigint) => writeRegister(pe, registerNamed(pe, name), value)
const at = (el: number, more = 0) => setState(pe, (el << 2) | (el ? 1 : 0) | more)
const poke = (address: number, value: bigint) => board.write(address, new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer))

/** Descriptor bits. */
const TABLE = 3n
const PAGE = 3n
const BLOCK = 1n
const AF = bit(10)
const USER = bit(6)
const RO = bit(7)
const PXN = bit(53)
const UXN = bit(54)
const DEVICE = 1n << 2n
const UXN_TABLE = bit(60)
const PXN_TABLE = bit(59)
const NO_USER_TABLE = bit(61)
const RO_TABLE = bit(62)
const CONTIGUOUS = bit(52)

/** Tables at fixed places: level 0, 1, 2, 3 of the lower range, the same of the upper, and of stage 2. */
const LOWER = [0x40100000, 0x40101000, 0x40102000, 0x40103000]
const UPPER = [0x40110000, 0x40111000, 0x40112000, 0x40113000]
const SECOND = [0x40120000, 0x40124000, 0x40128000, 0x4012c000]
const SHIFT = [39, 30, 21, 12]
/** Writes the path to a leaf of `level` for an address. */
const map = (tables: readonly number[], start: number, address: bigint, level: number, leaf: bigint, upon = 0n) => {
  for (let l = start; l <= level; l++) {
    const index = Number((address >> BigInt(SHIFT[l]!)) & (l === start && tables === SECOND ? 0xfffn : 511n))
    poke(tables[l]! + 8 * index, l === level ? leaf : BigInt(tables[l + 1]!) | TABLE | upon)
  }
}
const lower = (address: bigint, level: number, leaf: bigint, upon = 0n) => map(LOWER, 0, address, level, leaf, upon)

/** T0SZ = T1SZ = 16, 4 KiB in both, 48 bits out. */
const TCR = 16n | (16n << 16n) | (2n << 30n) | (5n << 32n)
/** AttrIndx 0: Normal write-back; 1: Device-nGnRnE; 2: Normal non-cacheable. */
const MAIR = 0x4400ffn
const SCTLR = { M: 1n, A: 2n, WXN: bit(19), SPAN: bit(23), EPAN: bit(57) } as const

const resetTables = () => {
  for (const tables of [LOWER, UPPER, SECOND])
    for (const t of tables) board.physical.bytes.fill(0, t - RAM + board.ram.offset, t - RAM + board.ram.offset + 0x4000)
}
beforeEach(() => {
  resetTables()
  startAt(pe, 1, BigInt(RAM))
  set("TCR_EL1", TCR)
  set("MAIR_EL1", MAIR)
  set("TTBR0_EL1", BigInt(LOWER[0]!))
  set("TTBR1_EL1", BigInt(UPPER[0]!))
  set("SCTLR_EL1", SCTLR.M | SCTLR.SPAN)
  synchronize(pe)
  pe.translation.tlb.invalidateAll()
})
const change = (name: string, value: bigint) => {
  set(name, value)
  synchronize(pe)
}

type Access = "read" | "write" | "execute"
const attempt = (address: bigint, access: Access = "read", options: Parameters<typeof translate>[3] = {}): number | PendingException => {
  try {
    return translate(pe, address, access, options).physical
  } catch (error) {
    return (error as Abort).exception
  }
}
/** Physical address, or "EC target FSC" and what else the ISS has. */
const result = (address: bigint, access: Access = "read", options: Parameters<typeof translate>[3] = {}): string => {
  const r = attempt(address, access, options)
  if (typeof r === "number") return `0x${r.toString(16)}`
  expect(r.far).toBe(address)
  const flags = [r.iss & 64 ? "WnR" : "", r.iss & 128 ? "S1PTW" : "", r.iss & 256 ? "CM" : ""].filter((f) => f !== "").join(" ")
  return `0x${r.ec.toString(16)} EL${r.target} 0x${(r.iss & 63).toString(16)}${flags === "" ? "" : ` ${flags}`}${r.hpfar === undefined ? "" : ` ipa 0x${(r.hpfar << 8n).toString(16)}`}`
}
const rights = (address: bigint): string =>
  (["read", "write", "execute"] as const).map((a, i) => (typeof attempt(address, a) === "number" ? "rwx"[i] : "-")).join("")

const VA = 0x0000_1234_5678_9000n

describe("stage 1", () => {
  it("translates pages and blocks of levels 1 and 2", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    expect(result(VA + 0xabcn)).toBe("0x40555abc")
    lower(VA, 2, 0x4060_0000n | AF | BLOCK | CONTIGUOUS)
    expect(result(VA + 0xabcn)).toBe("0x40789abc")
    lower(VA, 1, 0x8000_0000n | AF | BLOCK)
    expect(result(VA + 0xabcn)).toBe("0x96789abc")
  })
  it("uses TTBR1_EL1 for the upper range", () => {
    const high = 0xffff_9234_5678_9000n
    map(UPPER, 0, high, 3, 0x4055_6000n | AF | PAGE)
    expect([result(high + 8n), result(0x00ff_9234_5678_9000n), result(VA)]).toEqual(["0x40556008", "0x25 EL1 0x4", "0x25 EL1 0x4"])
  })
  it.each([0, 1, 2, 3])("faults at level %i", (level) => {
    lower(VA, level, 0n)
    expect(result(VA)).toBe(`0x25 EL1 0x${(4 + level).toString(16)}`)
    lower(VA, level, 0x4055_5000n | AF | (level === 3 ? 1n : level === 0 ? BLOCK : 0n))
    expect(result(VA, "write")).toBe(`0x25 EL1 0x${(4 + level).toString(16)} WnR`)
    expect(result(VA, "execute")).toBe(`0x21 EL1 0x${(4 + level).toString(16)}`)
    if (level === 0) return
    lower(VA, level, 0x4000_0000n | (level === 3 ? PAGE : BLOCK))
    expect(result(VA)).toBe(`0x25 EL1 0x${(8 + level).toString(16)}`)
    at(0)
    expect([result(VA), result(VA, "execute")]).toEqual([`0x24 EL1 0x${(8 + level).toString(16)}`, `0x20 EL1 0x${(8 + level).toString(16)}`])
  })
  it("faults on addresses beyond the output size and on tables outside of memory", () => {
    change("TCR_EL1", TCR & ~(7n << 32n))
    lower(VA, 3, 0x1_4055_5000n | AF | PAGE)
    expect(result(VA)).toBe("0x25 EL1 0x3")
    lower(VA, 2, 0x1_4055_5000n | TABLE)
    expect(result(VA)).toBe("0x25 EL1 0x2")
    change("TTBR0_EL1", 0x1_0000_0000n)
    expect(result(VA)).toBe("0x25 EL1 0x0")
    change("TCR_EL1", TCR)
    expect(result(VA)).toBe("0x25 EL1 0x14")
    change("TTBR0_EL1", BigInt(LOWER[0]!))
    lower(VA, 1, 0x1000n | TABLE)
    expect(result(VA)).toBe("0x25 EL1 0x16")
  })
  it.each<[number, number]>([
    [16, 0],
    [24, 0],
    [25, 1],
    [33, 1],
    [34, 2],
    [39, 2],
    [42, 2],
    [43, 3],
    [48, 3]
  ])("T0SZ %i starts at level %i", (tsz, start) => {
    change("TCR_EL1", (TCR & ~63n) | BigInt(tsz))
    change("TTBR0_EL1", BigInt(LOWER[start]!))
    const address = (1n << BigInt(64 - tsz)) - 0x1000n
    map(LOWER, start, address, 3, 0x4055_5000n | AF | PAGE)
    expect(result(address + 4n)).toBe("0x40555004")
    if (tsz > 16) expect(result(address + 0x1000n)).toBe("0x25 EL1 0x4")
    const top = BigInt.asUintN(64, -(1n << BigInt(64 - tsz)))
    expect(result(top - 0x1000n)).toBe("0x25 EL1 0x4")
  })
  it("refuses sizes and granules that are not implemented", () => {
    lower(VA & 0xfffffffn, 3, 0x4055_5000n | AF | PAGE)
    for (const tcr of [(TCR & ~63n) | 15n, (TCR & ~63n) | 49n, TCR | (1n << 14n), TCR | (2n << 14n), TCR | bit(7)]) {
      change("TCR_EL1", tcr)
      expect(result(VA & 0xfffffffn)).toBe("0x25 EL1 0x4")
    }
  })
  it("ignores the top byte where TBI says so", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    expect(result(VA | (0xabn << 56n))).toBe("0x25 EL1 0x4")
    change("TCR_EL1", TCR | bit(37))
    expect([result(VA | (0xabn << 56n)), result(VA | (0xabn << 48n))]).toEqual(["0x40555000", "0x25 EL1 0x4"])
  })
  it("keeps EL0 out of a range with E0PD", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER)
    change("TCR_EL1", TCR | bit(55))
    expect(rights(VA)).toBe("rw-")
    at(0)
    expect(result(VA)).toBe("0x24 EL1 0x4")
  })
})

describe("permissions", () => {
  it.each<[string, bigint, string, string]>([
    ["AP 00", 0n, "rwx", "--x"],
    ["AP 01", USER, "rw-", "rwx"],
    ["AP 10", RO, "r-x", "--x"],
    ["AP 11", RO | USER, "r-x", "r-x"],
    ["PXN", PXN | RO | USER, "r--", "r-x"],
    ["UXN", UXN | RO | USER, "r-x", "r--"],
    ["UXN and AP 00", UXN, "rwx", "---"]
  ])("%s", (_, leaf, privileged, user) => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | leaf)
    expect(rights(VA)).toBe(privileged)
    at(0)
    expect(rights(VA)).toBe(user)
  })
  it("of tables restrict what follows, unless disabled", () => {
    const levels = { privileged: "", user: "" }
    const both = (upon: bigint) => {
      lower(VA, 3, 0x4055_5000n | AF | PAGE | USER, upon)
      at(1)
      levels.privileged = rights(VA)
      at(0)
      levels.user = rights(VA)
      return `${levels.privileged} ${levels.user}`
    }
    expect([both(0n), both(RO_TABLE), both(NO_USER_TABLE), both(UXN_TABLE), both(PXN_TABLE | RO_TABLE)]).toEqual([
      "rw- rwx",
      "r-x r-x",
      "rwx --x",
      "rw- rw-",
      "r-- r-x"
    ])
    change("TCR_EL1", TCR | bit(41))
    expect(both(RO_TABLE | NO_USER_TABLE | UXN_TABLE | PXN_TABLE)).toBe("rw- rwx")
  })
  it("WXN takes execution from what can be written", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    change("SCTLR_EL1", SCTLR.M | SCTLR.SPAN | SCTLR.WXN)
    expect(rights(VA)).toBe("rw-")
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER)
    at(0)
    expect(rights(VA)).toBe("rw-")
  })
  it("PAN keeps EL1 from EL0's pages; unprivileged accesses and UAO", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER)
    at(1, PSTATE.PAN)
    expect([rights(VA), result(VA, "read", { unprivileged: true })]).toEqual(["---", "0x40555000"])
    at(1, PSTATE.PAN | PSTATE.UAO)
    expect(result(VA, "read", { unprivileged: true })).toBe("0x25 EL1 0xf")
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    at(1)
    expect([result(VA), result(VA, "write", { unprivileged: true })]).toEqual(["0x40555000", "0x25 EL1 0xf WnR"])
    at(1, PSTATE.PAN)
    expect(rights(VA)).toBe("rwx")
    change("SCTLR_EL1", SCTLR.M | SCTLR.SPAN | SCTLR.EPAN)
    expect(rights(VA)).toBe("--x")
  })
  it("fault with the level of the leaf", () => {
    lower(VA, 2, 0x4040_0000n | AF | BLOCK | RO)
    expect(result(VA, "write")).toBe("0x25 EL1 0xe WnR")
    lower(VA, 3, 0x4055_5000n | AF | PAGE | PXN)
    expect(result(VA, "execute")).toBe("0x21 EL1 0xf")
  })
  it("by indirection come from PIR_EL1 and PIRE0_EL1", () => {
    change("TCR2_EL1", 2n)
    // index 5 (PXN and AP[1]): EL1 RW, EL0 RX
    change("PIR_EL1", 0x5n << 20n)
    change("PIRE0_EL1", 0x3n << 20n)
    lower(VA, 3, 0x4055_5000n | AF | PAGE | PXN | USER)
    expect(rights(VA)).toBe("rw-")
    at(0)
    expect(rights(VA)).toBe("r-x")
    at(1, PSTATE.PAN)
    expect(rights(VA)).toBe("---")
    at(1)
    lower(VA, 3, 0x4055_5000n | AF | PAGE | PXN | USER | RO)
    expect(rights(VA)).toBe("r--")
    change("HCRX_EL2", 0n)
    expect(rights(VA)).toBe("r--")
    at(0)
    expect(rights(VA)).toBe("r-x")
  })
})

describe("EL2", () => {
  const el2 = (e2h: boolean) => {
    set("HCR_EL2", RW | (e2h ? E2H | TGE : 0n))
    synchronize(pe)
    set("TCR_EL2", e2h ? TCR : 16n | (5n << 16n))
    set("MAIR_EL2", MAIR)
    set("TTBR0_EL2", BigInt(LOWER[0]!))
    set("TTBR1_EL2", BigInt(UPPER[0]!))
    set("SCTLR_EL2", SCTLR.M | SCTLR.SPAN)
    synchronize(pe)
    at(2)
  }
  it("has one range and one execute-never bit without E2H", () => {
    el2(false)
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER | PXN)
    expect([rights(VA), result(0xffff_0000_0000_0000n), result(VA | bit(55))]).toEqual(["rwx", "0x25 EL2 0x4", "0x25 EL2 0x4"])
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER | UXN | RO)
    expect(rights(VA)).toBe("r--")
    change("TCR_EL2", 16n | (5n << 16n) | bit(20))
    expect(result(VA | (0xffn << 56n))).toBe("0x40555000")
  })
  it("shares its regime with EL0 in host mode", () => {
    el2(true)
    const high = 0xffff_8000_0000_0000n
    map(UPPER, 0, high, 3, 0x4055_6000n | AF | PAGE | UXN)
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER)
    expect([rights(high), rights(VA)]).toEqual(["rwx", "rw-"])
    at(0)
    expect([rights(high), rights(VA), result(high)]).toEqual(["---", "rwx", "0x24 EL2 0xf"])
    at(2, PSTATE.PAN)
    expect([rights(VA), result(VA, "read", { unprivileged: true })]).toEqual(["---", "0x40555000"])
  })
})

describe("stage 1 off", () => {
  it("is flat, Device for data, and limited by the physical size", () => {
    change("SCTLR_EL1", SCTLR.SPAN)
    expect([result(0x40000123n), result(0x40000123n, "read", { bytes: 4 }), pe.alignmentCheck]).toEqual(["0x40000123", "0x25 EL1 0x21", true])
    expect([result(bit(48)), result(bit(48), "execute"), result(0xab00_0000_4000_0000n)]).toEqual(["0x25 EL1 0x0", "0x21 EL1 0x0", "0x25 EL1 0x0"])
    change("TCR_EL1", TCR | bit(37))
    expect(result(0xab00_0000_4000_0000n)).toBe("0x40000000")
  })
  it("aligns Device memory only, before permissions", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | RO | DEVICE)
    expect([result(VA + 1n, "write", { bytes: 2 }), result(VA + 2n, "write", { bytes: 2 })]).toEqual(["0x25 EL1 0x21 WnR", "0x25 EL1 0xf WnR"])
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    expect([result(VA + 1n, "write", { bytes: 2 }), pe.alignmentCheck]).toEqual(["0x40555001", false])
  })
})

describe("stage 2", () => {
  const IPA = 0x8055_5000n
  const S2_READ = bit(6)
  const S2_WRITE = bit(7)
  const NORMAL = 0xfn << 2n
  const leaf = 0x4077_7000n | AF | PAGE | NORMAL | S2_READ | S2_WRITE
  /** 40-bit input, starting at level 1 with two concatenated tables. */
  const VTCR = 24n | (1n << 6n) | (5n << 16n)
  const second = (address: bigint, level: number, l: bigint) => map(SECOND, 1, address, level, l)
  /** Identity for the tables of stage 1. */
  const tables = (type = NORMAL) => {
    for (const t of LOWER) second(BigInt(t), 3, BigInt(t) | AF | PAGE | type | S2_READ | S2_WRITE)
  }
  beforeEach(() => {
    set("VTTBR_EL2", BigInt(SECOND[1]!) | (7n << 48n))
    set("VTCR_EL2", VTCR)
    set("HCR_EL2", RW | 1n)
    synchronize(pe)
    lower(VA, 3, IPA | AF | PAGE)
  })
  it("translates the walk and the address", () => {
    second(BigInt(LOWER[0]!), 2, 0x4000_0000n | AF | BLOCK | NORMAL | S2_READ)
    second(IPA, 3, leaf)
    expect(result(VA + 0x10n)).toBe("0x40777010")
    change("SCTLR_EL1", SCTLR.SPAN)
    expect(result(IPA + 8n)).toBe("0x40777008")
  })
  it("faults on the walk with S1PTW and the table's address", () => {
    second(IPA, 3, leaf)
    expect(result(VA, "write")).toBe(`0x24 EL2 0x5 WnR S1PTW ipa 0x40100000`)
    tables()
    board.physical.view.setBigUint64(SECOND[3]! - RAM + board.ram.offset + 8 * 0x102, 0n, true)
    expect(result(VA, "execute")).toBe("0x20 EL2 0x7 S1PTW ipa 0x40102000")
    tables()
    expect(result(VA)).toBe("0x40777000")
  })
  it.each([1, 2, 3])("faults at level %i with the intermediate address", (level) => {
    tables()
    second(IPA, 3, leaf)
    if (level === 3) second(IPA, 3, 0n)
    else poke(SECOND[level]! + 8 * Number((IPA >> BigInt(SHIFT[level]!)) & 511n), 0n)
    at(0)
    lower(VA, 3, IPA | AF | PAGE | USER)
    expect([result(VA), result(VA, "execute")]).toEqual([`0x24 EL2 0x${4 + level} ipa 0x80555000`, `0x20 EL2 0x${4 + level} ipa 0x80555000`])
  })
  it("checks its own permissions after those of stage 1", () => {
    tables()
    second(IPA, 3, 0x4077_7000n | AF | PAGE | NORMAL | S2_READ)
    lower(VA, 3, IPA | AF | PAGE | RO)
    expect(result(VA, "write")).toBe("0x25 EL1 0xf WnR")
    lower(VA, 3, IPA | AF | PAGE)
    expect([result(VA), result(VA, "write")]).toEqual(["0x40777000", "0x24 EL2 0xf WnR ipa 0x80555000"])
    second(IPA, 3, 0x4077_7000n | PAGE | NORMAL | S2_READ)
    expect(result(VA)).toBe("0x24 EL2 0xb ipa 0x80555000")
  })
  it.each<[number, string, string]>([
    [0, "rwx", "rwx"],
    [1, "rw-", "rwx"],
    [2, "rw-", "rw-"],
    [3, "rwx", "rw-"]
  ])("XN %i: EL1 %s, EL0 %s", (xn, el1, el0) => {
    tables()
    second(IPA, 3, leaf | (BigInt(xn) << 53n))
    expect(rights(VA)).toBe(el1)
    at(0)
    lower(VA, 3, IPA | AF | PAGE | USER)
    expect(rights(VA)).toBe(el0)
  })
  it("limits the input and the output size", () => {
    tables()
    lower(VA, 3, bit(40) | AF | PAGE)
    expect(result(VA)).toBe("0x24 EL2 0x4 ipa 0x10000000000")
    lower(VA, 3, IPA | AF | PAGE)
    second(IPA, 3, leaf | bit(40))
    change("VTCR_EL2", VTCR & ~(7n << 16n))
    expect(result(VA)).toBe("0x24 EL2 0x3 ipa 0x80555000")
    change("VTCR_EL2", (VTCR & ~(3n << 6n)) | (0n << 6n))
    expect(result(VA)).toBe("0x24 EL2 0x4 S1PTW ipa 0x40100000")
  })
  it("makes memory Device: aligned walks fault with PTW, the TLB stays out", () => {
    tables()
    second(IPA, 3, (leaf & ~NORMAL) | 0n)
    expect([result(VA + 3n), fillTlb(pe, VA, false)]).toEqual(["0x40777003", false])
    change("HCR_EL2", RW | 5n)
    expect(result(VA)).toBe("0x40777000")
    tables(0n)
    expect(result(VA)).toBe("0x24 EL2 0xf S1PTW ipa 0x40100000")
  })
  it("with FWB has other types: 0xx Device, 11x Normal", () => {
    tables()
    change("HCR_EL2", RW | 1n | bit(46))
    second(IPA, 3, (leaf & ~NORMAL) | (6n << 2n))
    for (const t of LOWER) second(BigInt(t), 3, BigInt(t) | AF | PAGE | (6n << 2n) | S2_READ)
    expect(fillTlb(pe, VA, false)).toBe(true)
    pe.translation.tlb.invalidateAll()
    second(IPA, 3, (leaf & ~NORMAL) | (8n << 2n))
    expect(fillTlb(pe, VA, false)).toBe(false)
  })
  it("is off under TGE and at EL2; DC makes memory Normal with stage 1 off", () => {
    at(2)
    expect(result(0x40000000n)).toBe("0x40000000")
    change("HCR_EL2", RW | bit(12))
    at(1)
    second(0x40000000n, 2, 0x4000_0000n | AF | BLOCK | NORMAL | S2_READ | S2_WRITE)
    expect([result(0x40000123n, "read", { bytes: 4 }), pe.alignmentCheck]).toEqual(["0x40000123", false])
    expect(result(0x9000_0000n)).toBe("0x24 EL2 0x5 ipa 0x90000000")
    change("HCR_EL2", RW | 1n | TGE)
    at(0)
    expect(result(0x9000_0000n)).toBe("0x90000000")
  })
})

describe("external aborts", () => {
  it("go to EL2 with TEA", () => {
    change("TTBR0_EL1", 0x1000n)
    expect(result(VA)).toBe("0x25 EL1 0x14")
    change("HCR_EL2", RW | bit(37))
    expect(result(VA)).toBe("0x24 EL2 0x14")
  })
})

describe("AT", () => {
  const par = (operation: string, address: bigint) => {
    const trap = port.sys(operation, address)
    return trap instanceof PortTrap
      ? `EC 0x${trap.exception.ec.toString(16)} EL${trap.exception.target}`
      : `0x${(port.mrs("PAR_EL1") as bigint).toString(16)}`
  }
  it("gives address and attributes, or the fault", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER | RO | (3n << 8n))
    expect([par("at s1e1r", VA + 0x123n), par("at s1e1w", VA), par("at s1e0r", VA), par("at s1e1r", VA + 0x1000n)]).toEqual([
      "0xff00000040555b80",
      "0x81f",
      "0xff00000040555b80",
      "0x80f"
    ])
    at(1, PSTATE.PAN)
    expect([par("at s1e1r", VA), par("at s1e1rp", VA)]).toEqual(["0xff00000040555b80", "0x81f"])
    lower(VA, 3, 0x4055_5000n | AF | PAGE | DEVICE)
    expect(par("at s1e1w", VA)).toBe("0x40555b00")
  })
  it("of stage 1 gives the intermediate address, of both the physical one", () => {
    set("VTTBR_EL2", BigInt(SECOND[1]!))
    set("VTCR_EL2", 24n | (1n << 6n) | (5n << 16n))
    set("HCR_EL2", RW | 1n)
    synchronize(pe)
    lower(VA, 3, 0x8055_5000n | AF | PAGE)
    expect(par("at s1e1r", VA)).toBe("EC 0x24 EL2")
    at(2)
    expect(par("at s1e1r", VA)).toBe("0xb0b")
    map(SECOND, 1, 0x4010_0000n, 2, 0x4000_0000n | AF | BLOCK | (15n << 2n) | bit(6))
    expect([par("at s1e1r", VA), par("at s12e1r", VA)]).toEqual(["0xff00000080555a00", "0xa0b"])
    map(SECOND, 1, 0x8055_5000n, 3, 0x4077_7000n | AF | PAGE | (15n << 2n) | bit(6))
    expect([par("at s12e1r", VA), par("at s12e1w", VA)]).toEqual(["0xff00000040777a00", "0xa1f"])
  })
})

describe("the TLB", () => {
  const entry = (address: bigint) => {
    const word = (pe.words[PE.TLB >> 2]! - pe.base + Number((address >> 12n) & 2047n) * TLB_ENTRY_BYTES) >> 2
    const tag = (offset: number) => (BigInt(pe.words[word + (offset >> 2) + 1]!) << 32n) | BigInt(pe.words[word + (offset >> 2)]!)
    return {
      readable: tag(TLB_ENTRY.READ) === (address & ~0xfffn),
      writable: tag(TLB_ENTRY.WRITE) === (address & ~0xfffn),
      offset: pe.words[word + (TLB_ENTRY.OFFSET >> 2)]
    }
  }
  const offsetOf = (physical: number) => physical - RAM + board.ram.offset
  it("gets pages of RAM with the rights of the level", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER | RO)
    expect([fillTlb(pe, VA, false), fillTlb(pe, VA, true), entry(VA)]).toEqual([
      true,
      false,
      { readable: true, writable: false, offset: offsetOf(0x40555000) }
    ])
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    expect([fillTlb(pe, VA + 0xfffn, true), entry(VA)]).toEqual([true, { readable: true, writable: true, offset: offsetOf(0x40555000) }])
    at(0)
    expect([entry(VA).readable, fillTlb(pe, VA, false)]).toEqual([false, false])
    at(1)
    expect(entry(VA).readable).toBe(true)
  })
  it("does not get devices, holes, or writable pages that hold code", () => {
    lower(VA, 3, 0x0900_0000n | AF | PAGE)
    expect(fillTlb(pe, VA, false)).toBe(false)
    lower(VA, 3, 0x4055_5000n | AF | PAGE | DEVICE)
    expect(fillTlb(pe, VA, false)).toBe(false)
    lower(VA, 3, 0x4056_6000n | AF | PAGE)
    board.code.page(board.physical.pageOf(0x40566000))
    expect([fillTlb(pe, VA, true), entry(VA).readable, entry(VA).writable]).toEqual([false, true, false])
  })
  it("has a bank for each context, with its own fetch epoch", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    fillTlb(pe, VA, false)
    const epoch = pe.fetchEpoch
    change("TTBR0_EL1", BigInt(LOWER[0]!) | (5n << 48n))
    expect([entry(VA).readable, pe.fetchEpoch === epoch]).toEqual([false, false])
    change("TTBR0_EL1", BigInt(LOWER[0]!))
    expect([entry(VA).readable, pe.fetchEpoch]).toEqual([true, epoch])
  })
  it.each<[string, bigint, boolean, boolean]>([
    ["tlbi vmalle1", 0n, false, false],
    ["tlbi vae1", VA >> 12n, false, true],
    ["tlbi vaae1is", VA >> 12n, false, true],
    ["tlbi vale1os", VA >> 12n, false, true],
    ["tlbi aside1is", 5n << 48n, false, false],
    ["tlbi rvae1", VA >> 12n, false, false],
    ["tlbi vae1", (VA >> 12n) + 1n, true, false]
  ])("%s of 0x%s forgets", (operation, operand, here, next) => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    lower(VA + 0x1000n, 3, 0x4055_6000n | AF | PAGE)
    fillTlb(pe, VA, true)
    fillTlb(pe, VA + 0x1000n, true)
    const epoch = pe.fetchEpoch
    port.sys(operation, operand)
    expect([entry(VA).readable, entry(VA).writable, entry(VA + 0x1000n).readable, pe.fetchEpoch === epoch]).toEqual([here, here, next, false])
  })
  it("forgets all pages of a larger mapping together", () => {
    lower(VA, 2, 0x4040_0000n | AF | BLOCK)
    fillTlb(pe, VA, true)
    fillTlb(pe, VA + 0x1000n, true)
    port.sys("tlbi vae1is", VA >> 12n)
    expect([entry(VA).readable, entry(VA + 0x1000n).readable]).toEqual([false, false])
  })
})

describe("cache maintenance", () => {
  it("by address may fault, with CM and WnR", () => {
    const esr = (operation: string, address: bigint) => {
      const trap = port.sys(operation, address)
      return trap && `0x${trap.esr.toString(16)}`
    }
    expect([esr("dc cvac", VA), esr("dc ivac", VA), esr("dc zva", VA)]).toEqual(["0x96000144", "0x96000144", "0x96000044"])
    lower(VA, 3, 0x4055_5000n | AF | PAGE | RO)
    expect([esr("dc cvac", VA), esr("dc civac", VA), esr("dc ivac", VA), esr("dc zva", VA), esr("ic ivau", VA)]).toEqual([
      undefined,
      undefined,
      "0x9600014f",
      "0x9600004f",
      undefined
    ])
  })
  it("DC ZVA zeroes the 64 bytes around an address", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE)
    board.write(0x40555000, new Uint8Array(256).fill(0xee))
    port.sys("dc zva", VA + 0x7fn)
    expect([...board.physical.read(0x40555000, 256)!].map((b) => (b ? 1 : 0)).join("")).toBe("1".repeat(64) + "0".repeat(64) + "1".repeat(128))
  })
  it("obeys the controls of EL0 and EL2", () => {
    lower(VA, 3, 0x4055_5000n | AF | PAGE | USER)
    const ec = (operation: string) => port.sys(operation, VA)?.exception
    at(0)
    expect([ec("dc cvau")?.ec, ec("dc zva")?.ec, ec("ic ivau")?.ec, ec("dc isw")?.ec, ec("ic iallu")?.ec]).toEqual([0x18, 0x18, 0x18, 0, 0])
    change("SCTLR_EL1", SCTLR.M | SCTLR.SPAN | bit(26) | bit(14))
    expect([ec("dc cvau"), ec("dc zva"), ec("ic ivau")]).toEqual([undefined, undefined, undefined])
    change("HCR_EL2", RW | bit(24) | bit(28) | bit(22) | bit(25) | bit(23))
    expect([ec("dc cvau")?.target, ec("dc zva")?.target, ec("dc civac")?.iss]).toEqual([
      2,
      2,
      (1 << 20) | (1 << 17) | (3 << 14) | (7 << 10) | (14 << 1)
    ])
    at(1)
    expect([ec("dc isw")?.target, ec("tlbi vae1")?.target, ec("tlbi vmalle1os")?.target]).toEqual([2, 2, 2])
  })
})
