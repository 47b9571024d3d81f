import { describe, expect, it } from "vitest"
import { isElfProblem, parseElf } from "../src/elf.ts"

const MEMORY = 16 << 20

/** A small correct program: one executable and one writable segment. */
const program = (): Uint8Array => {
  const file = new Uint8Array(0x3000)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true)
  view.setUint16(18, 183, true)
  view.setBigUint64(24, 0x401000n, true)
  view.setBigUint64(32, 64n, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, 2, true)
  const segment = (index: number, flags: number, offset: bigint, address: bigint, fileBytes: bigint, memoryBytes: bigint) => {
    const at = 64 + 56 * index
    view.setUint32(at, 1, true)
    view.setUint32(at + 4, flags, true)
    view.setBigUint64(at + 8, offset, true)
    view.setBigUint64(at + 16, address, true)
    view.setBigUint64(at + 24, address, true)
    view.setBigUint64(at + 32, fileBytes, true)
    view.setBigUint64(at + 40, memoryBytes, true)
    view.setBigUint64(at + 48, 0x1000n, true)
  }
  segment(0, 5, 0n, 0x400000n, 0x2000n, 0x2000n)
  segment(1, 6, 0x2000n, 0x402000n, 0x1000n, 0x5000n)
  return file
}
const changed = (change: (view: DataView) => void): Uint8Array => {
  const file = program()
  change(new DataView(file.buffer))
  return file
}

describe("parseElf", () => {
  it("reads a correct program", () => {
    const elf = parseElf(program(), MEMORY)
    if (isElfProblem(elf)) throw new Error(elf.message)
    expect(elf.entry).toBe(0x401000n)
    expect(elf.headersAddress).toBe(0x400040n)
    expect(elf.segments.map((s) => [s.address, s.contents.length, s.memoryBytes, s.writable, s.executable])).toEqual([
      [0x400000n, 0x2000, 0x2000, false, true],
      [0x402000n, 0x1000, 0x5000, true, false]
    ])
  })

  const refused: readonly [reason: string, file: Uint8Array][] = [
    ["not-elf", new Uint8Array(100)],
    ["truncated", program().subarray(0, 40)],
    ["truncated", program().subarray(0, 0x2800)],
    ["wrong-class", changed((v) => v.setUint8(4, 1))],
    ["wrong-byte-order", changed((v) => v.setUint8(5, 2))],
    ["wrong-machine", changed((v) => v.setUint16(18, 62, true))],
    ["wrong-type", changed((v) => v.setUint16(16, 1, true))],
    ["no-segments", changed((v) => v.setUint16(56, 0, true))],
    ["too-many-segments", changed((v) => v.setUint16(56, 5000, true))],
    ["truncated", changed((v) => v.setBigUint64(32, 0xfffffffffffffff0n, true))],
    ["bad-segment", changed((v) => v.setBigUint64(64 + 40, 1n, true))],
    ["bad-segment", changed((v) => v.setBigUint64(64 + 16, 0xffffffffffffe000n, true))],
    ["bad-segment", changed((v) => v.setBigUint64(64 + 48, 0x3000n, true))],
    ["bad-segment", changed((v) => v.setBigUint64(64 + 16, 0x400010n, true))],
    ["overlapping-segments", changed((v) => v.setBigUint64(120 + 16, 0x401000n, true))],
    ["too-large", changed((v) => v.setBigUint64(120 + 40, 1n << 40n, true))],
    ["bad-entry", changed((v) => v.setBigUint64(24, 0x402000n, true))],
    ["bad-entry", changed((v) => v.setBigUint64(24, 0x401002n, true))],
    ["dynamic", changed((v) => v.setUint32(64, 3, true))]
  ]
  it.each(refused)("refuses with %s", (reason, file) => {
    const result = parseElf(file, MEMORY)
    expect(isElfProblem(result) && result.reason).toBe(reason)
  })

  it("answers 20,000 mutated files with a program within memory or one problem", () => {
    let seed = 1
    const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8
    let accepted = 0
    for (let i = 0; i < 20_000; i++) {
      const file = program()
      for (let n = 1 + (random() % 6); n > 0; n--) {
        const at = random() % (random() % 4 === 0 ? file.length : 180)
        file[at] = random() % 3 === 0 ? random() : file[at]! ^ (1 << (random() % 8))
      }
      const result = parseElf(random() % 10 === 0 ? file.subarray(0, random() % file.length) : file, MEMORY)
      if (isElfProblem(result)) continue
      accepted++
      expect(result.segments.reduce((sum, s) => sum + s.memoryBytes, 0)).toBeLessThanOrEqual(MEMORY)
      for (const s of result.segments) expect(s.contents.length).toBeLessThanOrEqual(s.memoryBytes)
    }
    expect(accepted).toBeGreaterThan(1000)
  })
})
