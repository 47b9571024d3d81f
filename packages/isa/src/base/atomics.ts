/** Atomic memory operations: compare and swap, swap, and read-modify-write (LSE, LSE128). */
import type { Cpu, Integer, Value } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, type Operand } from "../operands.ts"
import { generalRegister, halfOf, joined, ordering } from "./addressing.ts"

const ORDERS = ["", "l", "a", "al"]
const SIZES = ["b", "h", "", ""]
/** Mnemonics indexed by acquire, release and size. */
const names = (stem: string) => ORDERS.flatMap((order) => SIZES.map((size) => stem + order + size))
const sized = <const N extends string>(field: N) => generalRegister(field, (f: { readonly size: number }) => f.size === 3)
const registers = { Rs: sized("Rs"), Rt: sized("Rt") }

/** The new value of memory, from the old one and the register operand: indexed by the opc field. */
type Update = (T: Integer, cpu: Cpu, old: Value, x: Value) => Value
const UPDATES: readonly (readonly [mnemonic: string, update: Update])[] = [
  ["add", (T, _cpu, old, x) => T.add(old, x)],
  ["clr", (T, _cpu, old, x) => T.and(old, T.not(x))],
  ["eor", (T, _cpu, old, x) => T.xor(old, x)],
  ["set", (T, _cpu, old, x) => T.or(old, x)],
  ["smax", (T, cpu, old, x) => cpu.signed(T.bits).maximum(old, x)],
  ["smin", (T, cpu, old, x) => cpu.signed(T.bits).minimum(old, x)],
  ["umax", (T, _cpu, old, x) => T.maximum(old, x)],
  ["umin", (T, _cpu, old, x) => T.minimum(old, x)]
]
const clear = UPDATES[1]![1]
const set = UPDATES[3]![1]

export const atomicMemory = instruction({
  name: "LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX, LDUMIN",
  encoding: "size:2 111 0 00 acquire release 1 Rs:5 0 opc:3 00 Rn:5 Rt:5",
  assembly: "<load> <Rs>, <Rt>, [<Xn|SP>]",
  aliases: [{ text: "<store> <Rs>, [<Xn|SP>]", fields: { acquire: 0, Rt: 31 } }],
  operands: {
    load: choice(
      ["opc:3", "acquire:1", "release:1", "size:2"],
      UPDATES.flatMap(([word]) => names(`ld${word}`))
    ),
    store: choice(
      ["opc:3", "release:1", "size:2"],
      UPDATES.flatMap(([word]) => names(`st${word}`).slice(0, 8))
    ),
    ...registers
  },
  feature: "LSE",
  execute(cpu, { size, acquire, release, Rs, opc, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    const x = cpu.X(Rs, T)
    const [, update] = UPDATES[opc]!
    cpu.setX(
      Rt,
      cpu.atomic(T, cpu.XSP(Rn), (old) => update(T, cpu, old, x), ordering(acquire === 1, release === 1)),
      T
    )
  }
})
export const swap = instruction({
  name: "SWP, SWPB, SWPH",
  encoding: "size:2 111 0 00 acquire release 1 Rs:5 1 000 00 Rn:5 Rt:5",
  assembly: "<op> <Rs>, <Rt>, [<Xn|SP>]",
  operands: { op: choice(["acquire:1", "release:1", "size:2"], names("swp")), ...registers },
  feature: "LSE",
  execute(cpu, { size, acquire, release, Rs, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    const x = cpu.X(Rs, T)
    cpu.setX(
      Rt,
      cpu.atomic(T, cpu.XSP(Rn), () => x, ordering(acquire === 1, release === 1)),
      T
    )
  }
})
export const compareAndSwap = instruction({
  name: "CAS, CASB, CASH",
  encoding: "size:2 001000 1 acquire 1 Rs:5 release 11111 Rn:5 Rt:5",
  assembly: "<op> <Rs>, <Rt>, [<Xn|SP>]",
  operands: { op: choice(["acquire:1", "release:1", "size:2"], names("cas")), ...registers },
  feature: "LSE",
  execute(cpu, { size, acquire, release, Rs, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    const expected = cpu.X(Rs, T)
    const replacement = cpu.X(Rt, T)
    const update = (old: Value) => T.select(T.test(old, "equal", expected), replacement, old)
    cpu.setX(Rs, cpu.atomic(T, cpu.XSP(Rn), update, ordering(acquire === 1, release === 1)), T)
  }
})

const byWidth = <const N extends string>(field: N) => generalRegister(field, (f: { readonly sz: number }) => f.sz === 1)
/** The second register of an even pair: spelt, but not a field of its own. */
const next = (field: "Rs" | "Rt"): Operand<{ readonly sz: number; readonly Rs: number; readonly Rt: number }> => {
  const first = byWidth(field)
  return {
    print: (f, place) => first.print({ ...f, [field]: f[field] + 1 }, place),
    read: (text, at, known, place) =>
      first
        .read(text, at, known, place)
        .filter((c) => c.fields[field] === known[field]! + 1)
        .map((c) => ({ end: c.end, fields: {} }))
  }
}
export const compareAndSwapPair = instruction({
  name: "CASP",
  encoding: "0 sz 001000 0 acquire 1 Rs:5 release 11111 Rn:5 Rt:5",
  where: (f) => f.Rs % 2 === 0 && f.Rt % 2 === 0,
  assembly: "<op> <Rs>, <next Rs>, <Rt>, <next Rt>, [<Xn|SP>]",
  operands: {
    op: choice(
      ["acquire:1", "release:1", "sz:1"],
      ORDERS.flatMap((order) => [`casp${order}`, `casp${order}`])
    ),
    Rs: byWidth("Rs"),
    "next Rs": next("Rs"),
    Rt: byWidth("Rt"),
    "next Rt": next("Rt")
  },
  feature: "LSE",
  execute(cpu, { sz, acquire, release, Rs, Rn, Rt }) {
    const T = cpu.unsigned(sz ? 64 : 32)
    const Pair = cpu.unsigned(2 * T.bits)
    const expected = joined(cpu, cpu.X(Rs, T), cpu.X(Rs + 1, T), T.bits)
    const replacement = joined(cpu, cpu.X(Rt, T), cpu.X(Rt + 1, T), T.bits)
    const update = (old: Value) => Pair.select(Pair.test(old, "equal", expected), replacement, old)
    const old = cpu.atomic(Pair, cpu.XSP(Rn), update, ordering(acquire === 1, release === 1))
    cpu.setX(Rs, halfOf(cpu, old, 0, T.bits), T)
    cpu.setX(Rs + 1, halfOf(cpu, old, 1, T.bits), T)
  }
})

const PAIR_UPDATES: Readonly<Record<number, readonly [mnemonic: string, update: Update]>> = {
  1: ["ldclrp", clear],
  3: ["ldsetp", set],
  8: ["swpp", (_T, _cpu, _old, x) => x]
}
export const atomicPair = instruction({
  name: "LDCLRP, LDSETP, SWPP",
  encoding: "00 011001 acquire release 1 Rt2:5 opc:4 00 Rn:5 Rt:5",
  where: (f) => PAIR_UPDATES[f.opc] !== undefined && f.Rt !== 31 && f.Rt2 !== 31 && f.Rt !== f.Rt2, // the last is unpredictable: UNDEFINED here
  assembly: "<op> <Xt>, <Xt2>, [<Xn|SP>]",
  operands: {
    op: choice(
      ["opc:4", "acquire:1", "release:1"],
      Array.from({ length: 16 }, (_, opc) => PAIR_UPDATES[opc]?.[0]).flatMap((word) => ORDERS.map((order) => (word ? word + order : "-")))
    )
  },
  feature: "LSE128",
  execute(cpu, { acquire, release, Rt2, opc, Rn, Rt }) {
    const T = cpu.unsigned(64)
    const Pair = cpu.unsigned(128)
    const x = joined(cpu, cpu.X(Rt), cpu.X(Rt2), 64)
    const [, update] = PAIR_UPDATES[opc]!
    const old = cpu.atomic(Pair, cpu.XSP(Rn), (value) => update(Pair, cpu, value, x), ordering(acquire === 1, release === 1))
    cpu.setX(Rt, halfOf(cpu, old, 0, T.bits))
    cpu.setX(Rt2, halfOf(cpu, old, 1, T.bits))
  }
})

export const atomics: readonly Instruction[] = [atomicMemory, swap, compareAndSwap, compareAndSwapPair, atomicPair]
