/** Integer comparisons into predicates, with flags. */
import {
  type Condition,
  type Cpu,
  choice,
  type Instruction,
  type Integer,
  instruction,
  type Predicate,
  signed,
  unsigned,
  type Value
} from "@eltwo/isa"
import { SVE, signExtend, T } from "../operands.ts"

type Relation = "greaterOrEqual" | "greater" | "less" | "lessOrEqual" | "equal" | "notEqual"
const test = (cpu: Cpu, I: Integer, x: Value, relation: Relation, y: Value): Condition =>
  relation === "notEqual" ? cpu.negated(I.test(x, "equal", y)) : I.test(x, relation, y)
const finish = (cpu: Cpu, Pd: number, governing: Predicate, result: Predicate): void => {
  cpu.setP(Pd, result)
  cpu.setFlags(cpu.predicateFlags(governing, result))
}

const VECTOR_RELATIONS: readonly Relation[] = [
  "greaterOrEqual",
  "greater",
  "greaterOrEqual",
  "greater",
  "greaterOrEqual",
  "greater",
  "equal",
  "notEqual"
]
export const compareVectors = instruction({
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
    const relation = VECTOR_RELATIONS[op * 4 + o2 * 2 + ne]!
    finish(
      cpu,
      Pd,
      governing,
      cpu.compare(I, [cpu.Z(Zn, I), cpu.Z(Zm, I)], (x, y) => test(cpu, I, x, relation, y), governing)
    )
  }
})
const SIGNED_RELATIONS: readonly Relation[] = ["greaterOrEqual", "greater", "less", "lessOrEqual", "equal", "notEqual"]
export const compareSignedImmediate = instruction({
  name: "CMPGE, CMPGT, CMPLT, CMPLE, CMPEQ, CMPNE (immediate)",
  encoding: "00100101 size:2 0 imm5:5 op 0 o2 Pg:3 Zn:5 ne Pd:4",
  where: (f) => f.op === 0 || f.o2 === 0,
  assembly: "<name> <Pd>.<T>, <Pg>/z, <Zn>.<T>, #<imm5>",
  operands: { T, name: choice(["op:1", "o2:1", "ne:1"], "cmpge cmpgt cmplt cmple cmpeq cmpne - -"), imm5: signed("imm5:5") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm5, op, o2, Pg, Zn, ne, Pd }) {
    const I = cpu.signed(8 << size)
    const governing = cpu.P(Pg, I)
    const relation = SIGNED_RELATIONS[op * 4 + o2 * 2 + ne]!
    const y = I.constant(signExtend(imm5, 5))
    finish(
      cpu,
      Pd,
      governing,
      cpu.compare(I, [cpu.Z(Zn, I)], (x) => test(cpu, I, x, relation, y), governing)
    )
  }
})
const UNSIGNED_RELATIONS: readonly Relation[] = ["greaterOrEqual", "greater", "less", "lessOrEqual"]
export const compareUnsignedImmediate = instruction({
  name: "CMPHS, CMPHI, CMPLO, CMPLS (immediate)",
  encoding: "00100100 size:2 1 imm7:7 lt Pg:3 Zn:5 ne Pd:4",
  assembly: "<name> <Pd>.<T>, <Pg>/z, <Zn>.<T>, #<imm7>",
  operands: { T, name: choice(["lt:1", "ne:1"], "cmphs cmphi cmplo cmpls"), imm7: unsigned("imm7") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm7, lt, Pg, Zn, ne, Pd }) {
    const I = cpu.unsigned(8 << size)
    const governing = cpu.P(Pg, I)
    const relation = UNSIGNED_RELATIONS[lt * 2 + ne]!
    const y = I.constant(imm7)
    finish(
      cpu,
      Pd,
      governing,
      cpu.compare(I, [cpu.Z(Zn, I)], (x) => test(cpu, I, x, relation, y), governing)
    )
  }
})

export const compareInstructions: readonly Instruction[] = [compareVectors, compareSignedImmediate, compareUnsignedImmediate]
