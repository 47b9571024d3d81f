/** Prefetches: hints without effect, whatever they name. */
import { type Instruction, instruction } from "../instruction.ts"
import { label, type Operand, signed, unsigned } from "../operands.ts"
import { indexOperand, scaledOffset } from "./addressing.ts"

const KINDS = ["pld", "pli", "pst"].flatMap((kind) => ["l1", "l2", "l3", "slc"].flatMap((level) => [`${kind}${level}keep`, `${kind}${level}strm`]))

/** A hint by name or, where it has none, by number. */
const hint = <N extends string>(
  names: readonly (string | undefined)[],
  unnamed: (n: number) => string,
  number: Operand<{ readonly [K in N]: number }>
): Operand<{ readonly [K in N]: number }> => ({
  print(fields, place) {
    const n = Number(number.print(fields, place))
    return names[n] ?? unnamed(n)
  },
  read(text, at, known, place) {
    const word = /^\w+/.exec(text.slice(at))?.[0] ?? ""
    const n = names.indexOf(word)
    if (n < 0) return number.read(text, at, known, place)
    return number.read(`${n}`, 0, known, place).map(({ fields }) => ({ end: at + word.length, fields }))
  }
})

const hexadecimal = (n: number) => `#0x${n.toString(16).padStart(2, "0")}`
const operation = hint(KINDS, hexadecimal, unsigned("Rt"))
/** With an immediate offset, 24 is the hint of an intent to read (IR). */
const operationOrIntent = hint([...KINDS, "ir"], hexadecimal, unsigned("Rt"))

export const prefetchImmediate = instruction({
  name: "PRFM (immediate)",
  encoding: "11 111 0 01 10 imm12:12 Rn:5 Rt:5",
  assembly: "prfm <Rt>, [<Xn|SP>(, #<imm12>)?]",
  operands: { Rt: operationOrIntent, imm12: scaledOffset("imm12", 12, "unsigned", () => 3) },
  ignored: ["imm12", "Rn", "Rt"],
  execute() {}
})
export const prefetchUnscaled = instruction({
  name: "PRFUM",
  encoding: "11 111 0 00 10 0 imm9:9 00 Rn:5 Rt:5",
  assembly: "prfum <Rt>, [<Xn|SP>(, #<imm9>)?]",
  aliases: [{ text: "prfm <Rt>, [<Xn|SP>, #<imm9>]", prefer: false }],
  operands: { Rt: operation, imm9: signed("imm9:9", { default: 0 }) },
  ignored: ["imm9", "Rn", "Rt"],
  execute() {}
})
export const prefetchRegister = instruction({
  name: "PRFM (register)",
  encoding: "11 111 0 00 10 1 Rm:5 option:3 S 10 Rn:5 Rt:5",
  where: (f) => (f.option & 2) !== 0 && f.Rt < 24,
  assembly: "prfm <Rt>, [<Xn|SP>, <index>]",
  operands: { Rt: operation, index: indexOperand(() => 3) },
  ignored: ["Rm", "option", "S", "Rn", "Rt"],
  execute() {}
})
export const prefetchLiteral = instruction({
  name: "PRFM (literal)",
  encoding: "11 011 0 00 imm19:19 Rt:5",
  assembly: "prfm <Rt>, <imm19>",
  operands: { Rt: operation, imm19: label("imm19:19") },
  ignored: ["imm19", "Rt"],
  execute() {}
})
const RANGE_KINDS = ["pldkeep", "pstkeep", undefined, undefined, "pldstrm", "pststrm"]
export const prefetchRange = instruction({
  name: "RPRFM",
  encoding: "11 111 0 00 10 1 Rm:5 high:1 1 middle:2 10 Rn:5 11 Rt:3",
  assembly: "rprfm <operation>, <Xm>, [<Xn|SP>]",
  operands: { operation: hint(RANGE_KINDS, (n) => `#${n}`, unsigned(["high:1", "middle:2", "Rt:3"])) },
  ignored: ["Rm", "high", "middle", "Rn", "Rt"],
  execute() {}
})

export const prefetches: readonly Instruction[] = [prefetchImmediate, prefetchUnscaled, prefetchRegister, prefetchLiteral, prefetchRange]
