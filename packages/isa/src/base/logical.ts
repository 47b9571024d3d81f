/** AND, OR, exclusive OR and their complements; moves that are OR with zero. */
import type { Cpu, Integer, Value } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { bitmask, bitmaskOperand, choice, isCanonicalBitmask, type Operand, sized } from "../operands.ts"
import { flagsOf, registerType, shift, shiftAmount, shifted } from "./integers.ts"

/** opc of the group: AND, ORR, EOR, ANDS. */
const combine = (cpu: Cpu, T: Integer, opc: number, x: Value, y: Value): Value => {
  const result = opc === 1 ? T.or(x, y) : opc === 2 ? T.xor(x, y) : T.and(x, y)
  if (opc === 3) cpu.setFlags(flagsOf(cpu, T, result))
  return result
}

/** Whether MOVZ or MOVN makes the number, so that MOV to another register than SP means one of them. */
const isMoveWide = (value: bigint, bits: number): boolean =>
  [value, BigInt.asUintN(bits, ~value)].some((n) => {
    for (let at = 0; at < bits; at += 16) if ((n & ~(0xffffn << BigInt(at))) === 0n) return true
    return false
  })
interface Immediate {
  readonly sf: number
  readonly opc: number
  readonly N: number
  readonly immr: number
  readonly imms: number
}
const pattern = (f: Immediate): bigint | undefined => (f.sf === 0 && f.N === 1 ? undefined : bitmask(f.N, f.immr, f.imms, f.sf ? 64 : 32))
const withZero = sized("Rd", "sf")
const withStackPointer = sized("Rd", "sf", true)
/** ANDS writes the zero register where the others write the stack pointer. */
const destination: Operand<Immediate & { readonly Rd: number }> = {
  print: (f, place) => (f.opc === 3 ? withZero : withStackPointer).print(f, place),
  read: (text, at, known, place) => (known["opc"] === 3 ? withZero : withStackPointer).read(text, at, known, place)
}

export const logicalImmediate = instruction({
  name: "AND, ORR, EOR, ANDS (immediate)",
  encoding: "sf opc:2 100100 N immr:6 imms:6 Rn:5 Rd:5",
  where: (f) => pattern(f) !== undefined,
  redundant: (f) => !isCanonicalBitmask(f.N, f.immr, f.imms),
  assembly: "<opc> <destination>, <Rn>, #<mask>",
  operands: { opc: choice("opc", "and orr eor ands"), mask: bitmaskOperand, destination },
  aliases: [
    { text: "tst <Rn>, #<mask>", fields: { opc: 3, Rd: 31 } },
    { text: "mov <Rd|SP>, #<mask>", fields: { opc: 1, Rn: 31 }, prefer: (f) => f.Rd === 31 || !isMoveWide(pattern(f)!, f.sf ? 64 : 32) }
  ],
  execute(cpu, { sf, opc, N, immr, imms, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const result = combine(cpu, T, opc, cpu.X(Rn, T), T.constant(bitmask(N, immr, imms, T.bits)!))
    if (opc === 3) cpu.setX(Rd, result, T)
    else cpu.setXSP(Rd, result, T)
  }
})

export const logicalShifted = instruction({
  name: "AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS (shifted register)",
  encoding: "sf opc:2 01010 shift:2 N Rm:5 imm6:6 Rn:5 Rd:5",
  where: (f) => f.sf === 1 || f.imm6 < 32,
  assembly: "<op> <Rd>, <Rn>, <Rm>(, <shift> #<imm6>)?",
  operands: { op: choice(["opc:2", "N:1"], "and bic orr orn eor eon ands bics"), shift, imm6: shiftAmount },
  aliases: [
    { text: "mov <Rd>, <Rm>", fields: { opc: 1, N: 0, Rn: 31, imm6: 0, shift: 0 } },
    { text: "mvn <Rd>, <Rm>(, <shift> #<imm6>)?", fields: { opc: 1, N: 1, Rn: 31 } },
    { text: "tst <Rn>, <Rm>(, <shift> #<imm6>)?", fields: { opc: 3, N: 0, Rd: 31 } }
  ],
  execute(cpu, { sf, opc, shift, N, Rm, imm6, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const y = shifted(cpu, T, cpu.X(Rm, T), shift, imm6)
    cpu.setX(Rd, combine(cpu, T, opc, cpu.X(Rn, T), N ? T.not(y) : y), T)
  }
})

export const logical: readonly Instruction[] = [logicalImmediate, logicalShifted]
