/** Conditional select and conditional compare. */
import type { Cpu, Value } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, condition, type Operand, sized, unsigned } from "../operands.ts"
import { registerType, sumWithFlags } from "./integers.ts"

interface Select {
  readonly sf: number
  readonly Rm: number
  readonly cond: number
  readonly Rn: number
}
/** AL and NV have no opposite, so CSET and its like do not take them. */
const hasOpposite = (f: Select): boolean => f.cond < 14
/** Both sources are one register: CINC and its like. Of the zero register it is CSET, which comes first. */
const same: Operand<Select> = {
  print: (f, place) => (f.Rn === f.Rm && hasOpposite(f) ? sized("Rn", "sf").print(f, place) : undefined),
  read: (text, at, known, place) =>
    sized("Rn", "sf")
      .read(text, at, known, place)
      .map(({ end, fields }) => ({ end, fields: { ...fields, Rm: fields["Rn"]! } }))
}
export const conditionalSelect = instruction({
  name: "CSEL, CSINC, CSINV, CSNEG",
  encoding: "sf op 0 11010100 Rm:5 cond:4 0 o2 Rn:5 Rd:5",
  assembly: "<op> <Rd>, <Rn>, <Rm>, <cond>",
  operands: {
    op: choice(["op:1", "o2:1"], "csel csinc csinv csneg"),
    set: choice(["op:1", "o2:1"], "- cset csetm -"),
    change: choice(["op:1", "o2:1"], "- cinc cinv cneg"),
    cond: condition("cond"),
    opposite: condition("cond", true),
    same
  },
  aliases: [{ text: "<set> <Rd>, <opposite>", fields: { Rn: 31, Rm: 31 }, prefer: hasOpposite }, { text: "<change> <Rd>, <same>, <opposite>" }],
  execute(cpu, { sf, op, Rm, cond, o2, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const y = op ? T.not(cpu.X(Rm, T)) : cpu.X(Rm, T)
    cpu.setX(Rd, T.select(cpu.holds(cond), cpu.X(Rn, T), o2 ? T.add(y, T.constant(1)) : y), T)
  }
})

/** Compares, or if the condition does not hold sets the flags to `nzcv`. */
const compareIf = (
  cpu: Cpu,
  f: { readonly sf: number; readonly op: number; readonly cond: number; readonly Rn: number; readonly nzcv: number },
  y: Value
) => {
  const T = registerType(cpu, f.sf)
  const W = cpu.unsigned(32)
  const { flags } = sumWithFlags(cpu, T, f.op, cpu.X(f.Rn, T), y)
  cpu.setFlags(W.select(cpu.holds(f.cond), flags, W.constant(f.nzcv)))
}
const compareOperands = { op: choice("op", "ccmn ccmp"), nzcv: unsigned("nzcv", { hex: true }), cond: condition("cond") }

export const conditionalCompareRegister = instruction({
  name: "CCMN, CCMP (register)",
  encoding: "sf op 1 11010010 Rm:5 cond:4 00 Rn:5 0 nzcv:4",
  assembly: "<op> <Rn>, <Rm>, #<nzcv>, <cond>",
  operands: compareOperands,
  execute: (cpu, f) => compareIf(cpu, f, cpu.X(f.Rm, registerType(cpu, f.sf)))
})
export const conditionalCompareImmediate = instruction({
  name: "CCMN, CCMP (immediate)",
  encoding: "sf op 1 11010010 imm5:5 cond:4 10 Rn:5 0 nzcv:4",
  assembly: "<op> <Rn>, #<imm5>, #<nzcv>, <cond>",
  operands: { ...compareOperands, imm5: unsigned("imm5", { hex: true }) },
  execute: (cpu, f) => compareIf(cpu, f, registerType(cpu, f.sf).constant(f.imm5))
})

export const conditional: readonly Instruction[] = [conditionalSelect, conditionalCompareRegister, conditionalCompareImmediate]
