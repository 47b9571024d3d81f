/** Predicates: constants, logic, tests, counts. */
import { type Condition, type Cpu, choice, helper, type Instruction, instruction, type Predicate } from "@eltwo/isa"
import { pattern, patternCount, SVE, sameRegister, T } from "../operands.ts"

/** All elements of that size. */
export const allTrue = (cpu: Cpu, bits: number): Predicate => cpu.predicate(cpu.unsigned(bits), () => cpu.always)

export const predicateTrue = instruction({
  name: "PTRUE, PTRUES",
  encoding: "00100101 size:2 01100 S 111000 pattern:5 0 Pd:4",
  assembly: "<S> <Pd>.<T>(, <pattern>)?",
  operands: { T, S: choice("S", "ptrue ptrues"), pattern },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, S, pattern, Pd }) {
    const E = cpu.unsigned(8 << size)
    const count = patternCount(pattern, cpu.vectorBits / E.bits)
    const never = cpu.negated(cpu.always)
    const result = cpu.predicate(E, (i) => (i < count ? cpu.always : never))
    cpu.setP(Pd, result)
    if (S) cpu.setFlags(cpu.predicateFlags(result, result))
  }
})
export const predicateFalse = instruction({
  name: "PFALSE",
  encoding: "0010010100011000111001000000 Pd:4",
  assembly: "pfalse <Pd>.b",
  feature: SVE,
  access: "SVE",
  execute: (cpu, { Pd }) =>
    cpu.setP(
      Pd,
      cpu.predicate(cpu.unsigned(8), () => cpu.negated(cpu.always))
    )
})

type Logic = (cpu: Cpu, n: Condition, m: Condition) => Condition
const or: Logic = (cpu, n, m) => cpu.either(n, m)
const and: Logic = (cpu, n, m) => cpu.both(n, m)
const exclusiveOr: Logic = (cpu, n, m) => cpu.either(cpu.both(n, cpu.negated(m)), cpu.both(cpu.negated(n), m))
const inverted =
  (logic: Logic): Logic =>
  (cpu, n, m) =>
    cpu.negated(logic(cpu, n, m))
const withInverted =
  (logic: Logic): Logic =>
  (cpu, n, m) =>
    logic(cpu, n, cpu.negated(m))
/** By op, o2, o3; 3 is SEL. */
const LOGIC: readonly Logic[] = [and, withInverted(and), exclusiveOr, and, or, withInverted(or), inverted(or), inverted(and)]

export const predicateLogic = instruction({
  name: "AND, BIC, EOR, ORR, ORN, NOR, NAND and flag-setting forms (predicates)",
  encoding: "00100101 op S 00 Pm:4 01 Pg:4 o2 Pn:4 o3 Pd:4",
  where: (f) => f.op === 1 || f.o2 === 0 || f.o3 === 0,
  assembly: "<name><s> <Pd>.b, <Pg>/z, <Pn>.b, <Pm>.b",
  operands: {
    name: choice(["op:1", "o2:1", "o3:1"], "and bic eor - orr orn nor nand"),
    s: choice("S", ["", "s"]),
    source: sameRegister("p", "Pn", "Pm"),
    governedSource: sameRegister("p", "Pn", "Pm", "Pg"),
    inverting: sameRegister("p", "Pg", "Pm")
  },
  aliases: [
    { text: "mov<s> <Pd>.b, <governedSource>.b", fields: { op: 1, o2: 0, o3: 0 } },
    { text: "mov<s> <Pd>.b, <Pg>/z, <source>.b", fields: { op: 0, o2: 0, o3: 0 } },
    { text: "not<s> <Pd>.b, <inverting>/z, <Pn>.b", fields: { op: 0, o2: 1, o3: 0 } }
  ],
  feature: SVE,
  access: "SVE",
  execute(cpu, { op, S, Pm, Pg, o2, Pn, o3, Pd }) {
    const B = cpu.unsigned(8)
    const [governing, n, m] = [cpu.P(Pg, B), cpu.P(Pn, B), cpu.P(Pm, B)]
    const logic = LOGIC[op * 4 + o2 * 2 + o3]!
    const result = cpu.predicate(B, (i) => cpu.both(cpu.active(governing, i), logic(cpu, cpu.active(n, i), cpu.active(m, i))))
    cpu.setP(Pd, result)
    if (S) cpu.setFlags(cpu.predicateFlags(governing, result))
  }
})
export const predicateSelect = instruction({
  name: "SEL (predicates)",
  encoding: "001001010000 Pm:4 01 Pg:4 1 Pn:4 1 Pd:4",
  assembly: "sel <Pd>.b, <Pg>, <Pn>.b, <Pm>.b",
  operands: { merged: sameRegister("p", "Pd", "Pm") },
  aliases: [{ text: "mov <merged>.b, <Pg>/m, <Pn>.b" }],
  feature: SVE,
  access: "SVE",
  execute(cpu, { Pm, Pg, Pn, Pd }) {
    const B = cpu.unsigned(8)
    const [governing, n, m] = [cpu.P(Pg, B), cpu.P(Pn, B), cpu.P(Pm, B)]
    const chosen = (i: number) => cpu.both(cpu.active(governing, i), cpu.active(n, i))
    const other = (i: number) => cpu.both(cpu.negated(cpu.active(governing, i)), cpu.active(m, i))
    cpu.setP(
      Pd,
      cpu.predicate(B, (i) => cpu.either(chosen(i), other(i)))
    )
  }
})
export const predicateTest = instruction({
  name: "PTEST",
  encoding: "001001010101000011 Pg:4 0 Pn:4 00000",
  assembly: "ptest <Pg>, <Pn>.b",
  feature: SVE,
  access: "SVE",
  execute(cpu, { Pg, Pn }) {
    const B = cpu.unsigned(8)
    cpu.setFlags(cpu.predicateFlags(cpu.P(Pg, B), cpu.P(Pn, B)))
  }
})

// ---------------------------------------------------------------- one element at a time
const bit = (bytes: Uint8Array, index: number): number => (bytes[index >> 3]! >> (index & 7)) & 1
/** The first active element is added to `current`. */
const firstActive = helper({
  name: "firstActive",
  takes: ["predicate", "predicate"],
  gives: "predicate",
  pure: true,
  run(_host, governing, current) {
    const result = Uint8Array.from(current)
    for (let i = 0; i < governing.length * 8; i++)
      if (bit(governing, i)) {
        result[i >> 3]! |= 1 << (i & 7)
        break
      }
    return result
  }
})
/** The lowest element that is active and beyond all elements of `current`. */
const nextActive = helper({
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
export const predicateFirst = instruction({
  name: "PFIRST",
  encoding: "00100101010110001100000 Pg:4 0 Pdn:4",
  assembly: "pfirst <Pdn>.b, <Pg>, <Pdn>.b",
  feature: SVE,
  access: "SVE",
  execute(cpu, { Pg, Pdn }) {
    const B = cpu.unsigned(8)
    const governing = cpu.P(Pg, B)
    const result = cpu.call(firstActive, governing, cpu.P(Pdn, B))
    cpu.setP(Pdn, result)
    cpu.setFlags(cpu.predicateFlags(governing, result))
  }
})
export const predicateNext = instruction({
  name: "PNEXT",
  encoding: "00100101 size:2 0110011100010 Pv:4 0 Pdn:4",
  assembly: "pnext <Pdn>.<T>, <Pv>, <Pdn>.<T>",
  operands: { T },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pv, Pdn }) {
    const E = cpu.unsigned(8 << size)
    const B = cpu.unsigned(8)
    const governing = cpu.P(Pv, E)
    const result = cpu.call(nextActive, cpu.P(Pv, B), cpu.P(Pdn, B), 1 << size)
    cpu.setP(Pdn, result)
    const sized = cpu.predicate(E, (i) => cpu.active(result, i << size))
    cpu.setFlags(cpu.predicateFlags(governing, sized))
  }
})

// ---------------------------------------------------------------- counts
export const countPredicate = instruction({
  name: "CNTP (predicate)",
  encoding: "00100101 size:2 10000010 Pg:4 0 Pn:4 Rd:5",
  assembly: "cntp <Xd>, <Pg>, <Pn>.<T>",
  operands: { T },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pg, Pn, Rd }) {
    const E = cpu.unsigned(8 << size)
    const [governing, n] = [cpu.P(Pg, E), cpu.P(Pn, E)]
    cpu.setX(Rd, cpu.countActive(cpu.predicate(E, (i) => cpu.both(cpu.active(governing, i), cpu.active(n, i)))))
  }
})
export const incrementByActive = instruction({
  name: "INCP, DECP (scalar)",
  encoding: "00100101 size:2 10110 D 1000100 Pm:4 Rdn:5",
  assembly: "<D> <Xdn>, <Pm>.<T>",
  operands: { T, D: choice("D", "incp decp") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, D, Pm, Rdn }) {
    const I = cpu.unsigned(64)
    const count = cpu.countActive(cpu.P(Pm, cpu.unsigned(8 << size)))
    cpu.setX(Rdn, D ? I.subtract(cpu.X(Rdn), count) : I.add(cpu.X(Rdn), count))
  }
})
export const incrementVectorByActive = instruction({
  name: "INCP, DECP (vector)",
  encoding: "00100101 size:2 10110 D 1000000 Pm:4 Zdn:5",
  where: (f) => f.size !== 0,
  assembly: "<D> <Zdn>.<T>, <Pm>.<T>",
  operands: { T, D: choice("D", "incp decp") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, D, Pm, Zdn }) {
    const I = cpu.unsigned(8 << size)
    const count = I.from(cpu.countActive(cpu.P(Pm, I)), cpu.unsigned(64))
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => (D ? I.subtract(x, count) : I.add(x, count)))
    )
  }
})

export const predicateInstructions: readonly Instruction[] = [
  predicateTrue,
  predicateFalse,
  predicateLogic,
  predicateSelect,
  predicateTest,
  predicateFirst,
  predicateNext,
  countPredicate,
  incrementByActive,
  incrementVectorByActive
]
