/** Declarations that the language must be able to say, taken from SVE: they are tests of the language, not the product's SVE. */
import { type Cpu, helper, type Integer, type Value } from "../../src/builder.ts"
import { instruction } from "../../src/instruction.ts"
import { choice, computed, type Operand, register, registerList } from "../../src/operands.ts"

const SVE = "SVE or SME"
const T = choice("size", "b h s d")

// ---------------------------------------------------------------- predicated arithmetic
type Lane<Type> = (type: Type, x: Value, y: Value) => Value
const reversed =
  <Type>(lane: Lane<Type>): Lane<Type> =>
  (type, x, y) =>
    lane(type, y, x)
const add: Lane<Integer> = (I, x, y) => I.add(x, y)
const subtract: Lane<Integer> = (I, x, y) => I.subtract(x, y)
const maximum: Lane<Integer> = (I, x, y) => I.maximum(x, y)
const minimum: Lane<Integer> = (I, x, y) => I.minimum(x, y)
const difference: Lane<Integer> = (I, x, y) => I.subtract(I.maximum(x, y), I.minimum(x, y))
const multiplyHigh: Lane<Integer> = (I, x, y) => I.multiplyHigh(x, y)
const divide: Lane<Integer> = (I, x, y) => I.divide(x, y)
const integerLanes: Readonly<Record<number, readonly [mnemonic: string, lane: Lane<Integer>]>> = {
  0: ["add", add],
  1: ["sub", subtract],
  3: ["subr", reversed(subtract)],
  8: ["smax", maximum],
  9: ["umax", maximum],
  10: ["smin", minimum],
  11: ["umin", minimum],
  12: ["sabd", difference],
  13: ["uabd", difference],
  16: ["mul", (I, x, y) => I.multiply(x, y)],
  18: ["smulh", multiplyHigh],
  19: ["umulh", multiplyHigh],
  20: ["sdiv", divide],
  21: ["udiv", divide],
  22: ["sdivr", reversed(divide)],
  23: ["udivr", reversed(divide)],
  24: ["orr", (I, x, y) => I.or(x, y)],
  25: ["eor", (I, x, y) => I.xor(x, y)],
  26: ["and", (I, x, y) => I.and(x, y)],
  27: ["bic", (I, x, y) => I.and(x, I.not(y))]
}
const isDivide = (opcode: number): boolean => opcode >> 2 === 0b101
export const integerBinary = instruction({
  name: "ADD, SUB, SUBR, MUL, xDIV, ORR, ... (predicated)",
  encoding: "00000100 size:2 0 opcode:5 000 Pg:3 Zm:5 Zdn:5",
  where: (f) => integerLanes[f.opcode] !== undefined && !(isDivide(f.opcode) && f.size < 2),
  assembly: "<opcode> <Zdn>.<T>, <Pg>/m, <Zdn>.<T>, <Zm>.<T>",
  operands: {
    T,
    opcode: choice(
      "opcode",
      Array.from({ length: 32 }, (_, i) => integerLanes[i]?.[0] ?? "-")
    )
  },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opcode, Pg, Zm, Zdn }) {
    const [mnemonic, lane] = integerLanes[opcode]!
    const I = mnemonic.startsWith("u") ? cpu.unsigned(8 << size) : cpu.signed(8 << size)
    const old = cpu.Z(Zdn, I)
    cpu.setZ(
      Zdn,
      cpu.map(I, [old, cpu.Z(Zm, I)], (x, y) => lane(I, x, y), { where: cpu.P(Pg, I), otherwise: old })
    )
  }
})

// ---------------------------------------------------------------- compare to predicate, with flags
export const integerCompare = instruction({
  name: "CMPHS, CMPHI, CMPGE, CMPGT, CMPEQ, CMPNE (vectors)",
  encoding: "00100100 size:2 0 Zm:5 op 0 o2 Pg:3 Zn:5 ne Pd:4",
  where: (f) => f.o2 === 0 || f.op === 1,
  assembly: "<name> <Pd>.<T>, <Pg>/z, <Zn>.<T>, <Zm>.<T>",
  operands: { T, name: choice(["op:1", "o2:1", "ne:1"], "cmphs cmphi - - cmpge cmpgt cmpeq cmpne") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, op, o2, Pg, Zn, ne, Pd }) {
    const I = op ? cpu.signed(8 << size) : cpu.unsigned(8 << size)
    const governing = cpu.P(Pg, I)
    const test = (x: Value, y: Value) => {
      if (o2 === 0) return I.test(x, ne ? "greater" : "greaterOrEqual", y)
      return ne ? cpu.negated(I.test(x, "equal", y)) : I.test(x, "equal", y)
    }
    const result = cpu.compare(I, [cpu.Z(Zn, I), cpu.Z(Zm, I)], (x, y) => test(x, y), governing)
    cpu.setP(Pd, result)
    cpu.setFlags(cpu.predicateFlags(governing, result))
  }
})

// ---------------------------------------------------------------- first fault
const FFR = 16
export const setFirstFault = instruction({
  name: "SETFFR",
  encoding: "0010010100101100 1001000000000000",
  assembly: "setffr",
  feature: "SVE",
  access: "SVE",
  execute: (cpu) =>
    cpu.setP(
      FFR,
      cpu.predicate(cpu.unsigned(8), () => cpu.always)
    )
})
export const readFirstFault = instruction({
  name: "RDFFR (unpredicated)",
  encoding: "0010010100011001 111100000000 Pd:4",
  assembly: "rdffr <Pd>.b",
  feature: "SVE",
  access: "SVE",
  execute: (cpu, { Pd }) => cpu.setP(Pd, cpu.P(FFR, cpu.unsigned(8)))
})

/** dtype: sizes in memory and in the lane as log2 of bytes, and the sign. */
const formOf = (dtype: number) => {
  const memory = dtype >> 2
  const lane = dtype & 3
  return memory <= lane ? { memory, lane, signed: false } : { memory: 3 - memory, lane: 3 - lane, signed: true }
}
const loadName = (prefix: string): Operand<{ dtype: number }> =>
  choice(
    "dtype",
    Array.from({ length: 16 }, (_, i) => `${prefix}1${formOf(i).signed ? "s" : ""}${"bhwd"[formOf(i).memory]}`)
  )
const loadList: Operand<{ dtype: number; Zt: number }> = {
  print: (f, place) => registerList("z", "Zt", 1, "bhsd"[formOf(f.dtype).lane]!).print(f, place),
  read(text, at, known, place) {
    const { dtype } = known
    // LD1B and LD1SB of different lane sizes share a mnemonic: the list says which dtype it is.
    return Array.from({ length: 16 }, (_, i) => i)
      .filter((i) => dtype === undefined || i === dtype)
      .flatMap((i) =>
        registerList("z", "Zt", 1, "bhsd"[formOf(i).lane]!)
          .read(text, at, known, place)
          .map(({ end, fields }) => ({ end, fields: { ...fields, dtype: i } }))
      )
  }
}
const scaledIndex: Operand<{ dtype: number; Rm: number }> = {
  print(f) {
    const shift = formOf(f.dtype).memory
    return `${f.Rm === 31 ? "xzr" : `x${f.Rm}`}${shift ? `, lsl #${shift}` : ""}`
  },
  read(text, at, known) {
    const match = /^x(\d+|zr)(?:,\s*lsl\s*#?(\d))?/.exec(text.slice(at))
    if (!match || Number(match[2] ?? 0) !== formOf(known["dtype"]!).memory) return []
    return [{ end: at + match[0].length, fields: { Rm: match[1] === "zr" ? 31 : Number(match[1]) } }]
  }
}
const elementsOf = (cpu: Cpu, dtype: number) => {
  const form = formOf(dtype)
  const bits = 8 << form.memory
  return { lane: cpu.unsigned(8 << form.lane), memory: form.signed ? cpu.signed(bits) : cpu.unsigned(bits), shift: form.memory }
}
const contiguousLoad = (name: string, prefix: "ld" | "ldff", opcode: "010" | "011", fault: "precise" | "first") =>
  instruction({
    name,
    encoding: `1010010 dtype:4 Rm:5 ${opcode} Pg:3 Rn:5 Zt:5`,
    where: (f) => fault === "first" || f.Rm !== 31,
    assembly: "<name> <list>, <Pg>/z, [<Xn|SP>, <index>]",
    operands: { name: loadName(prefix), list: loadList, index: scaledIndex },
    ...(fault === "first" ? { aliases: [{ text: "<name> <list>, <Pg>/z, [<Xn|SP>]", fields: { Rm: 31 }, prefer: false }] } : {}),
    feature: fault === "first" ? "SVE" : SVE,
    access: "SVE",
    execute(cpu, { dtype, Rm, Pg, Rn, Zt }) {
      const { lane, memory, shift } = elementsOf(cpu, dtype)
      const A = cpu.unsigned(64)
      const address = A.add(cpu.XSP(Rn), A.shiftLeft(cpu.X(Rm), shift))
      cpu.setZ(Zt, cpu.loadVector(lane, address, { memory, where: cpu.P(Pg, lane), fault }))
    }
  })
export const contiguous = contiguousLoad("LD1B, LD1H, ... (scalar plus scalar)", "ld", "010", "precise")
export const firstFault = contiguousLoad("LDFF1B, LDFF1H, ... (scalar plus scalar)", "ldff", "011", "first")

// ---------------------------------------------------------------- gather
export const gather = instruction({
  name: "LD1B, LDFF1B, ... (vector plus immediate, 64-bit)",
  encoding: "1100010 msz:2 01 imm5:5 1 U first Pg:3 Zn:5 Zt:5",
  where: (f) => f.msz !== 3 || f.U === 1,
  assembly: "<first>1<sign><msz> {<Zt>.d}, <Pg>/z, [<Zn>.d(, #<offset>)?]",
  operands: {
    first: choice("first", "ld ldff"),
    sign: choice("U", ["s", ""]),
    msz: choice("msz", "b h w d"),
    offset: computed<{ imm5: number; msz: number }>({
      print: (f) => f.imm5 << f.msz,
      parse: (bytes, f) => (Number(bytes) % (1 << f.msz) === 0 ? { imm5: Number(bytes) >> f.msz } : undefined),
      byDefault: { imm5: 0 }
    })
  },
  feature: "SVE",
  access: "SVE",
  execute(cpu, { msz, imm5, U, first, Pg, Zn, Zt }) {
    const D = cpu.unsigned(64)
    const memory = U ? cpu.unsigned(8 << msz) : cpu.signed(8 << msz)
    const addresses = cpu.map(D, [cpu.Z(Zn, D)], (base) => D.add(base, D.constant(imm5 << msz)))
    cpu.setZ(Zt, cpu.loadVector(D, addresses, { memory, where: cpu.P(Pg, D), fault: first ? "first" : "precise" }))
  }
})

// ---------------------------------------------------------------- helper on predicates
const bit = (bytes: Uint8Array, index: number): number => (bytes[index >> 3]! >> (index & 7)) & 1
/** The lowest element that is active and beyond all elements of `current`. */
export const nextActive = helper({
  name: "nextActive",
  takes: ["predicate", "predicate", "number"],
  gives: "predicate",
  pure: true,
  run(_host, governing, current, elementBytes) {
    const next = new Uint8Array(governing.length)
    let from = 0
    for (let i = 0; i < governing.length * 8; i += elementBytes) if (bit(current, i)) from = i + elementBytes
    for (let i = from; i < governing.length * 8; i += elementBytes) {
      if (!bit(governing, i)) continue
      next[i >> 3]! |= 1 << (i & 7)
      break
    }
    return next
  }
})
export const predicateNext = instruction({
  name: "PNEXT",
  encoding: "00100101 size:2 011001 1100010 Pv:4 0 Pdn:4",
  assembly: "pnext <Pdn>.<T>, <Pv>, <Pdn>.<T>",
  operands: { T },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pv, Pdn }) {
    const E = cpu.unsigned(8 << size)
    const governing = cpu.P(Pv, E)
    const result = cpu.call(nextActive, governing, cpu.P(Pdn, E), 1 << size)
    cpu.setP(Pdn, result)
    cpu.setFlags(cpu.predicateFlags(governing, result))
  }
})

// ---------------------------------------------------------------- predicate as counter
const counted = (f: { four: number; msz: number }) => registerList("z", "Zt", f.four ? 4 : 2, "bhsd"[f.msz]!, { scale: 2 })
const countedList: Operand<{ four: number; msz: number; Zt: number }> = {
  print: (f, place) => counted(f).print(f, place),
  read: (text, at, known, place) =>
    [0, 1].flatMap((four) =>
      counted({ four, msz: known["msz"]! })
        .read(text, at, known, place)
        .map(({ end, fields }) => ({ end, fields: { ...fields, four } }))
    )
}
export const counterLoad = instruction({
  name: "LD1B, LD1H, LD1W, LD1D (two or four vectors, predicate as counter)",
  encoding: "10100000000 Rm:5 four msz:2 PNg:3 Rn:5 Zt:4 0",
  where: (f) => f.four === 0 || (f.Zt & 1) === 0,
  assembly: "ld1<msz> <list>, <PN>/z, [<Xn|SP>, <Xm><scale>]",
  operands: {
    msz: choice("msz", "b h w d"),
    PN: register("pn", "PNg", { offset: 8, limit: 15 }),
    list: countedList,
    scale: choice("msz", ["", ", lsl #1", ", lsl #2", ", lsl #3"])
  },
  feature: "SVE2p1 or SME2",
  access: "SVE",
  execute(cpu, { Rm, four, msz, PNg, Rn, Zt }) {
    const E = cpu.unsigned(8 << msz)
    const A = cpu.unsigned(64)
    const base = A.add(cpu.XSP(Rn), A.shiftLeft(cpu.X(Rm), msz))
    cpu.counter(8 + PNg, E, four ? 4 : 2).forEach((where, i) => {
      const address = A.add(base, A.constant((i * cpu.vectorBits) / 8))
      cpu.setZ(2 * Zt + i, cpu.loadVector(E, address, { memory: E, where }))
    })
  }
})

export const sveDeclarations = [
  integerBinary,
  integerCompare,
  setFirstFault,
  readFirstFault,
  contiguous,
  firstFault,
  gather,
  predicateNext,
  counterLoad
]
