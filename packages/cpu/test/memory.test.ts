import { describe, expect, it } from "vitest"
import { Abort } from "../src/exception.ts"
import { accessSyndrome } from "../src/interp/syndrome.ts"
import type { Device } from "../src/memory.ts"
import type { Pe } from "../src/pe.ts"
import { interpreterOf, run, step } from "../src/run.ts"
import { assemble, getRegister, machine, peek, poke, RAM, setRegister, type TestMachine } from "./machine.ts"

const PAGE = 4096
const TABLES = RAM + 0xf0000
const VALID_TABLE = 3n
/** Normal memory, access flag, page descriptor; any level may read and write. */
const PAGE_RW = (1n << 10n) | (1n << 6n) | 3n
const PAGE_RO = PAGE_RW | (1n << 7n)
const DEVICE = 1n << 2n
/** Virtual pages of the tests: two neighbours far apart in memory, a hole, one that may only be read, one of a device. */
const V = 0x1000000
const FIRST = RAM + 0x40000
const SECOND = RAM + 0x60000
const READ_ONLY = RAM + 0x62000
const UART = 0x09000000

/** Page of RAM with EL1's vectors. */
const VECTORS = 0x80

/** Stage 1 on for EL1 and EL0: RAM where it is (code only for EL1), and the test pages. */
const translated = (source: string): TestMachine => {
  const made = machine(source)
  const { board, pe } = made
  const [level1, low2, high2, low3, high3] = [0, 1, 2, 3, 4].map((n) => TABLES + n * PAGE) as [number, number, number, number, number]
  const entry = (table: number, index: number, descriptor: bigint) => poke(board, table + 8 * index, descriptor)
  entry(level1, 0, BigInt(low2) | VALID_TABLE)
  entry(level1, 1, BigInt(high2) | VALID_TABLE)
  entry(low2, V >> 21, BigInt(low3) | VALID_TABLE)
  entry(high2, 0, BigInt(high3) | VALID_TABLE)
  for (let page = 0; page < 256; page++)
    entry(high3, page, BigInt(RAM + page * PAGE) | (page < 64 || page === VECTORS ? PAGE_RW & ~(1n << 6n) : PAGE_RW))
  const pages = [BigInt(FIRST) | PAGE_RW, BigInt(SECOND) | PAGE_RW, 0n, BigInt(READ_ONLY) | PAGE_RO, BigInt(UART) | PAGE_RW | DEVICE]
  for (const [page, descriptor] of pages.entries()) entry(low3, page, descriptor)
  setRegister(pe, "MAIR_EL1", 0x00ffn)
  setRegister(pe, "TCR_EL1", (5n << 32n) | (1n << 23n) | 25n)
  setRegister(pe, "TTBR0_EL1", BigInt(level1))
  setRegister(pe, "SCTLR_EL1", getRegister(pe, "SCTLR_EL1") | 1n)
  return made
}
const memoryOf = (pe: Pe) => interpreterOf(pe).cpu.memory
const caught = (action: () => unknown): Abort["exception"] => {
  try {
    action()
  } catch (error) {
    if (error instanceof Abort) return error.exception
    throw error
  }
  throw new Error("nothing was thrown")
}
const SIZES = [1, 2, 4, 8, 16]
const pattern = (size: number, seed: number): bigint =>
  Array.from({ length: size }, (_, i) => BigInt((seed * 37 + i * 11 + 1) & 0xff)).reduceRight((value, byte) => (value << 8n) | byte, 0n)
const asBits = (size: number, value: bigint) => (size <= 4 ? Number(value) : value)

describe("accesses", () => {
  it("reach every offset of a page, whatever is in the TLB", () => {
    for (const size of SIZES)
      for (const offset of [0, 1, 3, 7, 8, 100, 2047, PAGE - size]) {
        const { board, pe } = translated("")
        const value = pattern(size, offset)
        poke(board, FIRST + offset, value, size)
        const memory = memoryOf(pe)
        for (let twice = 0; twice < 2; twice++) expect(memory.load(size, BigInt(V + offset))).toBe(asBits(size, value))
        const other = pattern(size, offset + 5)
        for (let twice = 0; twice < 2; twice++) memory.store(size, BigInt(V + offset), asBits(size, other))
        expect(peek(board, FIRST + offset, size)).toBe(other)
      }
  })
  it("join two pages that are not neighbours in memory", () => {
    for (const size of SIZES.slice(1))
      for (let inFirst = 1; inFirst < size; inFirst++) {
        const { board, pe } = translated("")
        const value = pattern(size, inFirst)
        memoryOf(pe).store(size, BigInt(V + PAGE - inFirst), asBits(size, value))
        expect(peek(board, FIRST + PAGE - inFirst, inFirst)).toBe(BigInt.asUintN(8 * inFirst, value))
        expect(peek(board, SECOND, size - inFirst)).toBe(value >> BigInt(8 * inFirst))
        expect(memoryOf(pe).load(size, BigInt(V + PAGE - inFirst))).toBe(asBits(size, value))
      }
  })
  it("write nothing when the second page faults, and name its address", () => {
    for (const size of SIZES.slice(1))
      for (let inFirst = 1; inFirst < size; inFirst++) {
        const { board, pe } = translated("")
        const before = pattern(16, 99)
        poke(board, SECOND + PAGE - 16, before, 16)
        const e = caught(() => memoryOf(pe).store(size, BigInt(V + 2 * PAGE - inFirst), asBits(size, pattern(size, 3))))
        expect(e).toMatchObject({ ec: 0x25, iss: 0x47, far: BigInt(V + 2 * PAGE), target: 1 })
        expect(peek(board, SECOND + PAGE - 16, 16)).toBe(before)
        expect(caught(() => memoryOf(pe).load(size, BigInt(V + 2 * PAGE - inFirst)))).toMatchObject({ ec: 0x25, iss: 0x07 })
      }
  })
  it("read pages that may only be read", () => {
    const { board, pe } = translated("")
    poke(board, READ_ONLY, 42n)
    expect(memoryOf(pe).load(8, BigInt(V + 3 * PAGE))).toBe(42n)
    expect(caught(() => memoryOf(pe).store(8, BigInt(V + 3 * PAGE), 1n))).toMatchObject({ iss: 0x4f, far: BigInt(V + 3 * PAGE) })
    expect(caught(() => memoryOf(pe).atomic(8, BigInt(V + 3 * PAGE), (old) => old))).toMatchObject({ iss: 0x4f })
    expect(memoryOf(pe).load(8, BigInt(V + 3 * PAGE))).toBe(42n)
  })
  it("report what is neither memory nor device as external abort", () => {
    const { pe } = machine("")
    expect(caught(() => memoryOf(pe).load(4, 0x1000n))).toMatchObject({ ec: 0x25, iss: 0x10, far: 0x1000n })
    const last = BigInt(RAM + 0x100000 - 4)
    expect(caught(() => memoryOf(pe).store(8, last, 1n))).toMatchObject({ iss: 0x50 })
    expect(memoryOf(pe).load(4, last)).toBe(0)
  })
  it("go to devices with their offset, size and value", () => {
    const { board, pe } = translated("")
    const seen: string[] = []
    const device: Device = {
      base: UART,
      bytes: PAGE,
      read: (offset, size) => {
        seen.push(`read ${offset} ${size}`)
        return 0x1122334455667788n
      },
      write: (offset, size, value) => seen.push(`write ${offset} ${size} ${value.toString(16)}`)
    }
    board.attach(device)
    const at = (offset: number) => BigInt(V + 4 * PAGE + offset)
    expect(SIZES.map((size) => memoryOf(pe).load(size, at(16)))).toEqual([
      0x88,
      0x7788,
      0x55667788,
      0x1122334455667788n,
      0x11223344556677881122334455667788n
    ])
    memoryOf(pe).store(2, at(2), 0xbeef)
    memoryOf(pe).store(16, at(32), 0x10000000000000002n)
    expect(seen).toEqual([
      "read 16 1",
      "read 16 2",
      "read 16 4",
      "read 16 8",
      "read 16 8",
      "read 24 8",
      "write 2 2 beef",
      "write 32 8 2",
      "write 40 8 1"
    ])
    expect(caught(() => memoryOf(pe).load(4, at(2)))).toMatchObject({ iss: 0x21 })
    expect(() => board.attach({ ...device, base: UART + 8 })).toThrow(RangeError)
    expect(() => board.attach({ ...device, base: RAM })).toThrow(RangeError)
  })
  it("check alignment where SCTLR_EL1.A says so, and always for exclusives", () => {
    const { pe } = translated("")
    expect(memoryOf(pe).load(8, BigInt(V + 1))).toBe(0n)
    expect(caught(() => memoryOf(pe).load(8, BigInt(V + 4), { aligned: true }))).toMatchObject({ iss: 0x21, far: BigInt(V + 4) })
    expect(memoryOf(pe).load(8, BigInt(V + 4), { aligned: "quadword" })).toBe(0n)
    expect(caught(() => memoryOf(pe).store(8, BigInt(V + 12), 0n, { aligned: "quadword" }))).toMatchObject({ iss: 0x61 })
    setRegister(pe, "SCTLR_EL1", getRegister(pe, "SCTLR_EL1") | 2n)
    expect(caught(() => memoryOf(pe).load(8, BigInt(V + 4)))).toMatchObject({ iss: 0x21 })
  })
  it("move and fill blocks within a page", () => {
    const { board, pe } = translated("")
    const memory = memoryOf(pe)
    poke(board, FIRST, pattern(32, 7), 32)
    memory.copy(BigInt(V + 4), BigInt(V), 32)
    expect(peek(board, FIRST + 4, 32)).toBe(pattern(32, 7))
    memory.fill(BigInt(V + 8), 0x1ffn, 3)
    expect(peek(board, FIRST + 7, 5)).toBe(((pattern(32, 7) >> 24n) & 0xffn) | 0xffffff00n | (((pattern(32, 7) >> 56n) & 0xffn) << 32n))
    expect(caught(() => memory.copy(BigInt(V + 3 * PAGE), BigInt(V), 8))).toMatchObject({ iss: 0x4f })
  })
})

describe("faults in the middle of an instruction", () => {
  const faulting = (source: string, x1: number) => {
    const made = translated(source)
    made.pe.x[0] = 0x1111n
    made.pe.x[1] = BigInt(x1)
    made.pe.x[2] = 0x2222n
    made.pe.flags = 0b1010
    return made
  }
  it.each([
    ["ldr x0, [x1], #8", V + 2 * PAGE],
    ["ldr x0, [x1, #8]!", V + 2 * PAGE - 8],
    ["ldp x0, x2, [x1], #16", V + 2 * PAGE - 8],
    ["stp x0, x2, [x1, #16]!", V + 2 * PAGE - 24],
    ["ldadd x0, x2, [x1]", V + 3 * PAGE],
    ["cas x0, x2, [x1]", V + 3 * PAGE],
    ["ldxr x0, [x1]", V + 2 * PAGE]
  ])("%s leaves the registers alone", (source, x1) => {
    const { pe } = faulting(source, x1)
    step(pe)
    expect(getRegister(pe, "ESR_EL1") >> 26n).toBe(0x25n)
    expect(getRegister(pe, "ELR_EL1")).toBe(BigInt(RAM))
    expect([pe.x[0], pe.x[1], pe.x[2]]).toEqual([0x1111n, BigInt(x1), 0x2222n])
    expect(getRegister(pe, "SPSR_EL1") >> 28n).toBe(0b1010n)
    expect(pe.retired).toBe(0n)
  })
  it("resumes after the handler has mapped the page", () => {
    const { board, pe } = faulting("ldr x0, [x1], #8\n hlt #0", V + 2 * PAGE)
    step(pe)
    poke(board, TABLES + 3 * PAGE + 8 * 2, BigInt(SECOND) | PAGE_RW)
    poke(board, SECOND, 77n)
    board.write(RAM + 0x80200, new Uint8Array(assemble("eret").buffer))
    expect(run(pe, { instructions: 10 }).kind).toBe("halt")
    expect([pe.x[0], pe.x[1]]).toEqual([77n, BigInt(V + 2 * PAGE + 8)])
    expect(pe.retired).toBe(2n)
  })
})

describe("exclusives and atomics", () => {
  const ADDRESS = BigInt(RAM + 0x8000)
  const withAddress = (source: string) => {
    const made = machine(`${source}\n hlt #0`)
    made.pe.x[1] = ADDRESS
    poke(made.board, RAM + 0x8000, 5n)
    expect(run(made.pe, { instructions: 20 }).kind).toBe("halt")
    return made
  }
  it.each([
    ["the pair succeeds", "ldxr x0, [x1]\n add x2, x0, #1\n stxr w3, x2, [x1]", 0n, 6n],
    ["memory changed in between", "ldxr x0, [x1]\n mov x4, #9\n str x4, [x1]\n stxr w3, x0, [x1]", 1n, 9n],
    ["nothing was loaded", "mov x0, #9\n stxr w3, x0, [x1]", 1n, 5n],
    ["the monitor was cleared", "ldxr x0, [x1]\n clrex\n mov x2, #9\n stxr w3, x2, [x1]", 1n, 5n],
    ["another size", "ldxr w0, [x1]\n mov x2, #9\n stxr w3, x2, [x1]", 1n, 5n],
    ["another address", "ldxr x0, [x1]\n add x5, x1, #8\n mov x2, #9\n stxr w3, x2, [x5]", 1n, 5n],
    ["a second store without load", "ldxr x0, [x1]\n mov x2, #9\n stxr w3, x2, [x1]\n mov x2, #10\n stxr w3, x2, [x1]", 1n, 9n],
    ["a pair of registers", "ldxp x0, x4, [x1]\n mov x2, #8\n stxp w3, x2, x4, [x1]", 0n, 8n],
    ["a byte", "ldaxrb w0, [x1]\n mov w2, #7\n stlxrb w3, w2, [x1]", 0n, 7n]
  ])("%s", (_name, source, status, memory) => {
    const { board, pe } = withAddress(source)
    expect(pe.x[3]).toBe(status)
    expect(peek(board, RAM + 0x8000, 8)).toBe(memory)
  })
  it("an exception return opens the monitor", () => {
    const { board, pe } = machine("ldxr x0, [x1]\n svc #0\n stxr w3, x1, [x1]\n hlt #0")
    pe.x[1] = ADDRESS
    board.write(RAM + 0x80200, new Uint8Array(assemble("eret").buffer))
    run(pe, { instructions: 20 })
    expect(pe.x[3]).toBe(1n)
  })
  it.each([
    ["ldadd x2, x0, [x1]", 3n, 8n],
    ["ldclr x2, x0, [x1]", 4n, 1n],
    ["ldeor x2, x0, [x1]", 3n, 6n],
    ["ldset x2, x0, [x1]", 3n, 7n],
    ["ldsmax x2, x0, [x1]", (1n << 64n) - 1n, 5n],
    ["ldumax x2, x0, [x1]", (1n << 64n) - 1n, (1n << 64n) - 1n],
    ["ldsmin x2, x0, [x1]", (1n << 64n) - 1n, (1n << 64n) - 1n],
    ["ldumin x2, x0, [x1]", (1n << 64n) - 1n, 5n],
    ["swp x2, x0, [x1]", 3n, 3n]
  ])("%s gives the old value and stores the new", (source, x2, memory) => {
    const { board, pe } = machine(source)
    pe.x[1] = ADDRESS
    pe.x[2] = x2
    poke(board, RAM + 0x8000, 5n)
    step(pe)
    expect(pe.x[0]).toBe(5n)
    expect(peek(board, RAM + 0x8000, 8)).toBe(memory)
  })
})

describe("syndrome of stage 2 data aborts", () => {
  it.each([
    ["ldr w3, [x1]", 0x1830000],
    ["ldr x3, [x1, #8]", 0x1c38000],
    ["str xzr, [x1]", 0x1df8000],
    ["ldrsb x3, [x1]", 0x1238000],
    ["ldrsh w3, [x1]", 0x1630000],
    ["ldrsw x3, [x1, x2]", 0x1a38000],
    ["ldurb w3, [x1, #1]", 0x1030000],
    ["ldtr w3, [x1]", 0x1830000],
    ["ldar w3, [x1]", 0x1834000],
    ["stlrb w3, [x1]", 0x1034000],
    ["ldr x3, 0x40000010", 0x1c38000],
    ["ldrsw x3, 0x40000010", 0x1a38000],
    ["ldr x3, [x1], #8", 0],
    ["ldr x3, [x1, #8]!", 0],
    ["ldp x3, x4, [x1]", 0],
    ["ldxr x3, [x1]", 0],
    ["ldadd x3, x4, [x1]", 0]
  ])("%s", (source, iss) => {
    expect(accessSyndrome(assemble(source)[0]!).toString(16)).toBe(iss.toString(16))
  })
  it("stands in ESR_EL2 after a fault of stage 2, with the intermediate address", () => {
    const { pe } = machine("ldr w3, [x1, #4]")
    // Stage 2 with one entry at level 1: the gigabyte of RAM
    poke(pe.board, TABLES + 8, BigInt(RAM) | (1n << 10n) | (0b1111n << 2n) | (3n << 6n) | 1n)
    setRegister(pe, "VTCR_EL2", (1n << 31n) | (5n << 16n) | (1n << 6n) | 25n)
    setRegister(pe, "VTTBR_EL2", BigInt(TABLES))
    setRegister(pe, "HCR_EL2", (1n << 31n) | 1n)
    pe.x[1] = 0x9000000n
    step(pe)
    expect(pe.el).toBe(2)
    expect(getRegister(pe, "ESR_EL2")).toBe(0x93830005n)
    expect(getRegister(pe, "HPFAR_EL2")).toBe(0x9000n << 4n)
    expect(getRegister(pe, "FAR_EL2")).toBe(0x9000004n)
  })
})
