import { helper } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import type { ConcreteCpu } from "../src/interp/cpu.ts"
import type { Bits, IntegerType } from "../src/interp/integers.ts"
import { bytesOf, Lanes, lanesOf, Mask } from "../src/interp/vectors.ts"
import { PE } from "../src/layout.ts"
import { interpreterOf } from "../src/run.ts"
import { machine, peek, poke, RAM } from "./machine.ts"

const LENGTHS = [128, 256, 512, 2048]
/** An engine between two instructions, with vector registers full of a pattern and the vector length set. */
const engine = (bits: number) => {
  const { board, pe } = machine("")
  const { cpu } = interpreterOf(pe)
  cpu.operation = { word: 0, instruction: undefined, fields: {}, access: "none", endsBlock: false, stackBase: false }
  pe.vectorBits = pe.streamingVectorBits = bits
  for (let n = 0; n < 32; n++) for (let i = 0; i < 256; i++) pe.bytes[PE.Z + 256 * n + i] = (n * 7 + i * 13 + (i >> 3)) & 0xff
  for (let i = 0; i < 17 * 32; i++) pe.bytes[PE.P + i] = (i * 73 + (i >> 2)) & 0xff
  for (let i = 0; i < 65536; i++) pe.bytes[PE.ZA + i] = (i * 29 + (i >> 8)) & 0xff
  return { board, pe, cpu }
}
const types = (cpu: ConcreteCpu): readonly IntegerType[] => [8, 16, 32, 64, 128].map((bits) => cpu.unsigned(bits))
const integers = ({ lanes }: Lanes): bigint[] => lanes.map((x) => BigInt(x))

describe("vector registers", () => {
  it("give the elements of V, low and high half", () => {
    const { pe, cpu } = engine(512)
    for (const t of types(cpu)) {
      expect(bytesOf(cpu.V(3, t))).toEqual(pe.z(3).slice(0, 16))
      if (t.bits > 64) continue
      expect(bytesOf(cpu.V(3, t, 64))).toEqual(pe.z(3).slice(0, 8))
      expect(bytesOf(cpu.V(3, t, 64, 1))).toEqual(pe.z(3).slice(8, 16))
      expect(cpu.scalar(3, t)).toEqual(cpu.V(3, t).lanes[0])
    }
  })
  it("are written at the end, and zero what a V write does not cover", () => {
    const { pe, cpu } = engine(512)
    const [, , W] = types(cpu)
    const before = pe.z(1).slice()
    cpu.setV(1, cpu.V(2, W!, 64))
    expect(pe.z(1)).toEqual(before)
    cpu.commit()
    expect(pe.z(1).slice(0, 8)).toEqual(pe.z(2).slice(0, 8))
    expect(
      pe
        .z(1)
        .slice(8)
        .every((b) => b === 0)
    ).toBe(true)
    cpu.setScalar(4, 0xdeadbeef, W!)
    cpu.commit()
    expect(pe.v(4)).toBe(0xdeadbeefn)
    expect(
      pe
        .z(4)
        .slice(16)
        .every((b) => b === 0)
    ).toBe(true)
    const low = pe.z(5).slice(0, 8)
    cpu.insertV(5, 1, cpu.V(2, W!, 64))
    cpu.commit()
    expect(pe.z(5).slice(0, 16)).toEqual(Uint8Array.of(...low, ...pe.z(2).slice(0, 8)))
    expect(
      pe
        .z(5)
        .slice(16)
        .every((b) => b === 0)
    ).toBe(true)
  })
  it("merge a scalar into another register under FPCR.NEP, outside streaming mode", () => {
    const { pe, cpu } = engine(512)
    const W = cpu.unsigned(32)
    const upper = pe.z(7).slice(4, 16)
    pe.fpcr = 1 << 2
    cpu.setScalar(6, 0x11223344, W, 7)
    cpu.commit()
    expect(pe.z(6).slice(0, 16)).toEqual(Uint8Array.of(0x44, 0x33, 0x22, 0x11, ...upper))
    expect(
      pe
        .z(6)
        .slice(16)
        .every((b) => b === 0)
    ).toBe(true)
    pe.svcr = 1
    cpu.setScalar(6, 1, W, 7)
    cpu.commit()
    expect(pe.v(6)).toBe(1n)
  })
  it("forget what was queued when the instruction faults", () => {
    const { pe, cpu } = engine(128)
    const before = pe.bytes.slice(0, PE.ZA)
    cpu.setV(1, cpu.V(2, cpu.unsigned(8)))
    cpu.setP(1, cpu.P(2, cpu.unsigned(8)))
    cpu.setX(3, 5n)
    cpu.setFlags(4)
    cpu.recordSaturation(true)
    cpu.discard()
    cpu.commit()
    before[PE.PC] = before[PE.PC]! + 4
    expect(pe.bytes.slice(0, PE.ZA)).toEqual(before)
  })
  it.each(LENGTHS)("cover %i bits as Z and P", (bits) => {
    const { pe, cpu } = engine(bits)
    for (const t of types(cpu)) {
      const source = cpu.Z(9, t)
      expect(source.lanes.length).toBe(bits / t.bits)
      expect(bytesOf(source)).toEqual(pe.z(9).slice(0, bits / 8))
      const upper = pe.z(10).slice(bits / 8)
      cpu.setZ(10, source)
      cpu.commit()
      expect(pe.z(10)).toEqual(Uint8Array.of(...pe.z(9).slice(0, bits / 8), ...upper))
      const mask = cpu.P(2, t)
      const bit = (i: number) => (pe.p(2)[i >> 3]! >> (i & 7)) & 1
      expect(mask.lanes).toEqual(Array.from({ length: bits / t.bits }, (_, i) => bit((i * t.bits) / 8) === 1))
      cpu.setP(3, mask)
      cpu.commit()
      const again = cpu.P(3, t)
      expect(again.lanes).toEqual(mask.lanes)
      expect(cpu.countActive(cpu.P(3, cpu.unsigned(8)))).toBe(cpu.countActive(mask))
    }
  })
  it("decode predicates as counters", () => {
    const { pe, cpu } = engine(256)
    const counter = (encoded: number, bits: number) => {
      pe.halfwords[PE.P >> 1] = encoded
      return cpu.counter(0, cpu.unsigned(bits), 2).map((m) => m.lanes.map(Number).join(""))
    }
    expect(counter(0, 32)).toEqual(["00000000", "00000000"])
    expect(counter((10 << 3) | 0b100, 32)).toEqual(["11111111", "11000000"])
    expect(counter(0x8000 | (3 << 3) | 0b100, 32)).toEqual(["00011111", "11111111"])
    expect(counter(0x8000 | 0b1000, 64)).toEqual(["1111", "1111"])
    // Elements half as wide: only every second one can be active
    expect(counter((2 << 3) | 0b100, 16)).toEqual(["1010000000000000", "0000000000000000"])
  })
})

describe("matrix registers", () => {
  it.each(LENGTHS)("are rows of the array, and slices of tiles, at %i bits", (bits) => {
    const { pe, cpu } = engine(bits)
    const row = bits / 8
    const za = pe.bytes.slice(PE.ZA, PE.ZA + row * row)
    expect(bytesOf(cpu.ZA(3))).toEqual(za.slice(3 * row, 4 * row))
    expect(bytesOf(cpu.ZA(row + 1))).toEqual(za.slice(row, 2 * row))
    for (const t of types(cpu)) {
      const size = t.bits / 8
      const slices = row / size
      const tile = size - 1
      for (const index of [0, slices - 1]) {
        const cell = (r: number, c: number) => za.slice((r * size + tile) * row + c * size, (r * size + tile) * row + (c + 1) * size)
        const along = Array.from({ length: slices }, (_, k) => k)
        expect(bytesOf(cpu.slice(t, tile, "horizontal", index))).toEqual(Uint8Array.from(along.flatMap((k) => [...cell(index, k)])))
        expect(bytesOf(cpu.slice(t, tile, "vertical", index))).toEqual(Uint8Array.from(along.flatMap((k) => [...cell(k, index)])))
      }
    }
  })
  it("store vertical slices and nothing else", () => {
    const { pe, cpu } = engine(256)
    const W = cpu.unsigned(32)
    const za = pe.bytes.slice(PE.ZA, PE.ZA + 1024)
    const value = new Lanes(32, [1, 2, 3, 4, 5, 6, 7, 8])
    cpu.setSlice(W, 2, "vertical", 5, value)
    cpu.commit()
    for (let k = 0; k < 8; k++) za.set([k + 1, 0, 0, 0], (k * 4 + 2) * 32 + 5 * 4)
    expect(pe.bytes.slice(PE.ZA, PE.ZA + 1024)).toEqual(za)
  })
  it("take outer products where some part is active on both sides", () => {
    const { pe, cpu } = engine(256)
    const [B, W] = [cpu.signed(8), cpu.signed(32)]
    const rows = { source: cpu.Z(1, B), where: cpu.P(1, B) }
    const columns = { source: cpu.Z(2, B), where: cpu.P(2, B) }
    const before = pe.bytes.slice(PE.ZA, PE.ZA + 1024)
    const old = new DataView(before.buffer)
    cpu.outerProduct(W, 1, rows, columns, 4, (sum, row, column) =>
      [0, 1, 2, 3].reduce(
        (total, k) =>
          row.active(k) && column.active(k)
            ? W.add(total as never, W.multiply(W.from(row.part(k), B) as never, W.from(column.part(k), B) as never) as never)
            : total,
        sum
      )
    )
    cpu.commit()
    const signed = (x: Bits) => (Number(x) << 24) >> 24
    for (let r = 0; r < 8; r++)
      for (let c = 0; c < 8; c++) {
        const at = (r * 4 + 1) * 32 + c * 4
        let sum = old.getInt32(at, true)
        for (let k = 0; k < 4; k++) {
          const [i, j] = [r * 4 + k, c * 4 + k]
          if (rows.where.lanes[i] && columns.where.lanes[j]) sum += signed(rows.source.lanes[i]!) * signed(columns.source.lanes[j]!)
        }
        old.setInt32(at, sum, true)
      }
    expect(pe.bytes.slice(PE.ZA, PE.ZA + 1024)).toEqual(before)
  })
})

describe("lanes", () => {
  const { cpu } = engine(256)
  const [B, H, W, D] = types(cpu) as [IntegerType, IntegerType, IntegerType, IntegerType]
  const wide = (bits: number, ...values: number[]) =>
    new Lanes(
      bits,
      values.map((v) => (bits > 32 ? BigInt(v) : v))
    )
  it("map computes active elements only", () => {
    const calls: Bits[] = []
    const where = new Mask(32, [true, false, true, false])
    const double = (x: Bits) => {
      calls.push(x)
      return W.add(x as never, x as never)
    }
    const source = wide(32, 1, 2, 3, 4)
    expect(cpu.map(W, [source], double, { where, otherwise: wide(32, 9, 8, 7, 6) }).lanes).toEqual([2, 8, 6, 6])
    expect(cpu.map(W, [source], double, { where, otherwise: "zero" }).lanes).toEqual([2, 0, 6, 0])
    expect(calls).toEqual([1, 3, 1, 3])
    expect(cpu.map(W, [source, wide(32, 1, 1)], (x, y) => W.subtract(x as never, y as never)).lanes).toEqual([0, 1])
    expect(
      cpu.map(W, [source, source, source, source], (a, b, c, d) => (a as number) * 1000 + (b as number) * 100 + (c as number) * 10 + (d as number))
        .lanes[2]
    ).toBe(3333)
  })
  it("compare, predicate and PredTest", () => {
    const where = new Mask(32, [false, true, true, true])
    const result = cpu.compare(W, [wide(32, 5, 1, 5, 2), wide(32, 3, 3, 3, 3)], (x, y) => x > y, where)
    expect(result.lanes).toEqual([false, false, true, false])
    expect(cpu.predicateFlags(where, result)).toBe(0b0010)
    expect(cpu.predicateFlags(where, where)).toBe(0b1000)
    expect(cpu.predicateFlags(where, new Mask(32, [true, false, false, false]))).toBe(0b0110)
    expect(cpu.predicateFlags(new Mask(32, [false, false]), new Mask(32, [true, true]))).toBe(0b0110)
  })
  it("reduce in order, or as a tree of neighbours with the start for inactive elements", () => {
    const source = wide(32, 1, 2, 3, 4)
    const text: string[] = []
    const note = (x: Bits, y: Bits) => {
      text.push(`${x}+${y}`)
      return (x as number) + (y as number)
    }
    expect(cpu.reduce(W, source, 100, note, "sequential", new Mask(32, [true, false, true, true]))).toBe(108)
    expect(text.splice(0)).toEqual(["100+1", "101+3", "104+4"])
    expect(cpu.reduce(W, source, 0, note, "tree", new Mask(32, [true, false, true, true]))).toBe(8)
    expect(text.splice(0)).toEqual(["1+0", "3+4", "1+7"])
    // three and six elements: the tree is that of four and eight
    expect(cpu.reduce(W, wide(32, 1, 2, 3), 0, note, "tree")).toBe(6)
    expect(text.splice(0)).toEqual(["1+2", "3+0", "3+3"])
    expect(cpu.reduce(W, wide(32, 1, 2, 3, 4, 5, 6), 0, note, "tree")).toBe(21)
  })
  it("permute, look up, generate, splat and replace", () => {
    const [a, b] = [wide(8, 1, 2, 3, 4), wide(8, 5, 6, 7, 8)]
    expect(cpu.permute(B, [a, b], (i) => (i === 3 ? "zero" : 2 * i + 1)).lanes).toEqual([2, 4, 6, 0])
    expect(cpu.lookup(B, [a, b], wide(8, 7, 0, 8, 255), "zero").lanes).toEqual([8, 1, 0, 0])
    expect(cpu.lookup(B, [a, b], wide(8, 7, 0, 8, 255), wide(8, 9, 9, 9, 10)).lanes).toEqual([8, 1, 9, 10])
    expect(cpu.generate(D, (i) => BigInt(i * i)).lanes).toEqual([0n, 1n, 4n, 9n])
    expect(cpu.splat(H, 7).lanes).toEqual(Array.from({ length: 16 }, () => 7))
    expect(cpu.splat(D, 7n, 64).lanes).toEqual([7n])
    expect(cpu.withLane(a, 2, 99).lanes).toEqual([1, 2, 99, 4])
    expect(cpu.withLane(a, 2n, 99).lanes).toEqual([1, 2, 99, 4])
    expect(a.lanes).toEqual([1, 2, 3, 4])
    expect(cpu.lane(b, 1n)).toBe(6)
  })
  it("reinterpret between all widths", () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => i * 9 + 1)
    for (const from of types(cpu))
      for (const to of types(cpu)) {
        const there = cpu.reinterpret(lanesOf(bytes, from.bits), to)
        expect(there.bits).toBe(to.bits)
        expect(bytesOf(there)).toEqual(bytes)
      }
  })
  it("helpers see bytes and bits, and give bytes", () => {
    const mix = helper({
      name: "mix",
      takes: ["vector", "predicate", "number", "word", "doubleword"],
      gives: "vector",
      run: (_host, v, p, n, w, d) => Uint8Array.of(...v.slice(0, 4), ...p, n, w, Number(d & 0xffn))
    })
    const result = cpu.call(
      mix as never,
      new Lanes(32, [0x04030201]) as never,
      new Mask(16, [true, false, true]) as never,
      7 as never,
      8 as never,
      9n as never
    )
    expect((result as Lanes).lanes).toEqual([1, 2, 3, 4, 0b10001, 7, 8, 9])
  })
})

describe("vector loads and stores", () => {
  const AT = RAM + 0x8000
  const memory = (bits: number) => {
    const made = engine(bits)
    for (let i = 0; i < 0x2000; i++) poke(made.board, AT + i, BigInt((i * 31 + (i >> 8)) & 0xff), 1)
    return made
  }
  it.each(LENGTHS)("read contiguous, predicated and strided elements, extended, at %i bits", (bits) => {
    const { board, cpu } = memory(bits)
    for (const t of types(cpu).slice(0, 4))
      for (const m of types(cpu).filter((x) => x.bits <= t.bits))
        for (const signed of [false, true])
          for (const address of [AT, AT + 3, AT + 4096 - 5]) {
            const element = signed ? cpu.signed(m.bits) : m
            const count = bits / t.bits
            const value = (i: number, stride: number) => {
              const raw = peek(board, address + (i * stride * m.bits) / 8, m.bits / 8)
              return BigInt.asUintN(t.bits, signed ? BigInt.asIntN(m.bits, raw) : raw)
            }
            const plain = cpu.loadVector(t, BigInt(address), { memory: element })
            expect(integers(plain)).toEqual(Array.from({ length: count }, (_, i) => value(i, 1)))
            const where = cpu.P(4, t)
            const some = cpu.loadVector(t, BigInt(address), { memory: element, where, stride: 3 })
            expect(integers(some)).toEqual(where.lanes.map((active, i) => (active ? value(i, 3) : 0n)))
          }
  })
  it("store what they load", () => {
    const { board, cpu } = memory(256)
    for (const m of types(cpu).slice(0, 3)) {
      const W = cpu.unsigned(32)
      const t = m.bits === 32 ? W : cpu.unsigned(32)
      const source = cpu.Z(5, t)
      const before = peek(board, AT, 64)
      const where = cpu.P(6, t)
      cpu.storeVector(source, BigInt(AT + 4096 - 6), { memory: m, where, stride: 2 })
      where.lanes.forEach((active, i) => {
        const stored = peek(board, AT + 4096 - 6 + (2 * i * m.bits) / 8, m.bits / 8)
        if (active) expect(stored).toBe(BigInt.asUintN(m.bits, BigInt(source.lanes[i]!)))
      })
      expect(peek(board, AT, 64)).toBe(before)
      cpu.storeVector(source, BigInt(AT), { memory: m })
      expect(integers(cpu.loadVector(t, BigInt(AT), { memory: m }))).toEqual(integers(source).map((x) => BigInt.asUintN(m.bits, x)))
    }
  })
  it("gather and scatter", () => {
    const { board, cpu } = memory(256)
    const D = cpu.unsigned(64)
    const where = new Mask(64, [true, false, true, true])
    const addresses = new Lanes(64, [BigInt(AT + 100), 0n, BigInt(AT + 4095), BigInt(AT + 7)])
    const loaded = cpu.loadVector(D, addresses, { memory: cpu.unsigned(16), where })
    expect(integers(loaded)).toEqual([peek(board, AT + 100, 2), 0n, peek(board, AT + 4095, 2), peek(board, AT + 7, 2)])
    cpu.storeVector(new Lanes(64, [1n, 2n, 3n, 4n]), addresses, { memory: cpu.unsigned(32), where })
    expect([AT + 100, AT + 4095, AT + 7].map((a) => peek(board, a, 4))).toEqual([1n, 3n, 4n])
  })
  it("stop at the first fault and say so in FFR", () => {
    const { pe, cpu } = memory(256)
    const [W] = [cpu.unsigned(32)]
    pe.p(16).fill(0xff)
    const end = RAM + 0x100000
    const where = new Mask(32, [false, true, true, true, true, true, true, true])
    poke(pe.board, end - 16, 0x0000000300000002n)
    poke(pe.board, end - 8, 0x0000000500000004n)
    // Elements 0 to 3 lie in RAM, the rest beyond
    const loaded = cpu.loadVector(W, BigInt(end - 16), { memory: W, where, fault: "first" })
    cpu.commit()
    expect(loaded.lanes).toEqual([0, 3, 4, 5, 0, 0, 0, 0])
    expect([...pe.p(16).slice(0, 4)]).toEqual([0xff, 0xff, 0, 0])
    expect(() => cpu.loadVector(W, BigInt(end), { memory: W, where, fault: "first" })).toThrow()
    cpu.discard()
    expect(cpu.loadVector(W, BigInt(end), { memory: W, where, fault: "none" }).lanes).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    cpu.commit()
    expect([...pe.p(16).slice(0, 4)]).toEqual([0x0f, 0, 0, 0])
  })
  it("do not touch devices for elements that may fault quietly", () => {
    const { board, pe, cpu } = memory(128)
    let reads = 0
    board.attach({ base: RAM + 0x100000, bytes: 4096, read: () => BigInt(++reads), write: () => {} })
    pe.p(16).fill(0xff)
    const W = cpu.unsigned(32)
    const loaded = cpu.loadVector(W, BigInt(RAM + 0x100000 - 8), { memory: W, fault: "first" })
    cpu.commit()
    expect([loaded.lanes.slice(2), reads]).toEqual([[0, 0], 0])
    expect([...pe.p(16).slice(0, 2)]).toEqual([0xff, 0])
  })
})
