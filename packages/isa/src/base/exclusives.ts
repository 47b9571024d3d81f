/** Exclusive loads and stores, and loads and stores with ordering on their own. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice } from "../operands.ts"
import { generalRegister, halfOf, joined, ordering } from "./addressing.ts"

const SIZES = ["b", "h", "", ""]
/** Mnemonics indexed by a leading choice, then by size. */
const bySize = (...stems: readonly string[]) => stems.flatMap((stem) => SIZES.map((suffix) => stem + suffix))
const Rt = generalRegister("Rt", (f: { readonly size: number }) => f.size === 3)

/** Attributes of a load that arms the monitor. */
const exclusive = (ordered: number) => EXCLUSIVE[ordered]!
const EXCLUSIVE = [false, true].map((acquire) => ({ exclusive: true, aligned: "quadword" as const, acquire }))

export const loadExclusive = instruction({
  name: "LDXR, LDXRB, LDXRH, LDAXR, LDAXRB, LDAXRH",
  encoding: "size:2 001000 010 (11111) ordered (11111) Rn:5 Rt:5",
  assembly: "<op> <Rt>, [<Xn|SP>]",
  operands: { op: choice(["ordered:1", "size:2"], bySize("ldxr", "ldaxr")), Rt },
  execute(cpu, { size, ordered, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    cpu.setX(Rt, cpu.load(T, cpu.XSP(Rn), exclusive(ordered)), T)
  }
})
export const storeExclusive = instruction({
  name: "STXR, STXRB, STXRH, STLXR, STLXRB, STLXRH",
  encoding: "size:2 001000 000 Rs:5 ordered (11111) Rn:5 Rt:5",
  assembly: "<op> <Ws>, <Rt>, [<Xn|SP>]",
  operands: { op: choice(["ordered:1", "size:2"], bySize("stxr", "stlxr")), Rt },
  execute(cpu, { size, Rs, ordered, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    const lost = cpu.storeExclusive(T, cpu.XSP(Rn), cpu.X(Rt, T), ordering(false, ordered === 1))
    cpu.setX(Rs, lost, cpu.unsigned(32))
  }
})

const pairRegister = <const N extends string>(field: N) => generalRegister(field, (f: { readonly sz: number }) => f.sz === 1)
const pairRegisters = { Rt: pairRegister("Rt"), Rt2: pairRegister("Rt2") }
export const loadExclusivePair = instruction({
  name: "LDXP, LDAXP",
  encoding: "1 sz 001000 011 (11111) ordered Rt2:5 Rn:5 Rt:5",
  assembly: "<op> <Rt>, <Rt2>, [<Xn|SP>]",
  operands: { op: choice(["ordered:1", "sz:1"], "ldxp ldxp ldaxp ldaxp"), ...pairRegisters },
  execute(cpu, { sz, ordered, Rt2, Rn, Rt }) {
    const T = cpu.unsigned(sz ? 64 : 32)
    const Pair = cpu.unsigned(2 * T.bits)
    const loaded = cpu.load(Pair, cpu.XSP(Rn), exclusive(ordered))
    cpu.setX(Rt, halfOf(cpu, loaded, 0, T.bits), T)
    cpu.setX(Rt2, halfOf(cpu, loaded, 1, T.bits), T)
  }
})
export const storeExclusivePair = instruction({
  name: "STXP, STLXP",
  encoding: "1 sz 001000 001 Rs:5 ordered Rt2:5 Rn:5 Rt:5",
  assembly: "<op> <Ws>, <Rt>, <Rt2>, [<Xn|SP>]",
  operands: { op: choice(["ordered:1", "sz:1"], "stxp stxp stlxp stlxp"), ...pairRegisters },
  execute(cpu, { sz, Rs, ordered, Rt2, Rn, Rt }) {
    const T = cpu.unsigned(sz ? 64 : 32)
    const pair = joined(cpu, cpu.X(Rt, T), cpu.X(Rt2, T), T.bits)
    const lost = cpu.storeExclusive(cpu.unsigned(2 * T.bits), cpu.XSP(Rn), pair, ordering(false, ordered === 1))
    cpu.setX(Rs, lost, cpu.unsigned(32))
  }
})

const ordered = (name: string, o0: "0" | "1", load: string, store: string, feature?: string) =>
  instruction({
    name,
    encoding: `size:2 001000 1 L 0 (11111) ${o0} (11111) Rn:5 Rt:5`,
    assembly: "<op> <Rt>, [<Xn|SP>]",
    operands: { op: choice(["L:1", "size:2"], bySize(store, load)), Rt },
    ...(feature ? { feature } : {}),
    execute(cpu, { size, L, Rn, Rt }) {
      const T = cpu.unsigned(8 << size)
      const address = cpu.XSP(Rn)
      if (L) cpu.setX(Rt, cpu.load(T, address, ordering(true, false)), T)
      else cpu.store(T, address, cpu.X(Rt, T), ordering(false, true))
    }
  })
export const loadAcquireStoreRelease = ordered("LDAR, LDARB, LDARH, STLR, STLRB, STLRH", "1", "ldar", "stlr")
export const limitedOrdering = ordered("LDLAR, LDLARB, LDLARH, STLLR, STLLRB, STLLRH", "0", "ldlar", "stllr", "LOR")

export const exclusives: readonly Instruction[] = [
  loadExclusive,
  storeExclusive,
  loadExclusivePair,
  storeExclusivePair,
  loadAcquireStoreRelease,
  limitedOrdering
]
