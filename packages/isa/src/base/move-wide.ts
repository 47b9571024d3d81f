/** Moves of 16 bits at a time, and addresses relative to the PC. */
import { type Instruction, instruction } from "../instruction.ts"
import { addressAt, choice, computed, type Operand, spellAddress, unsigned } from "../operands.ts"
import { signedField } from "./addressing.ts"
import { registerType } from "./integers.ts"

interface MoveWide {
  readonly sf: number
  readonly hw: number
  readonly imm16: number
}
const field = (f: MoveWide): bigint => BigInt(f.imm16) << BigInt(16 * f.hw)
/** The number MOVZ or (inverted) MOVN makes, where MOV is the manual's preferred spelling of it. */
const moved = (inverted: boolean): Operand<MoveWide> =>
  computed<MoveWide>({
    hex: true,
    print(f) {
      if (f.imm16 === 0 && f.hw !== 0) return undefined
      if (!inverted) return field(f)
      return f.sf === 0 && f.imm16 === 0xffff ? undefined : BigInt.asUintN(f.sf ? 64 : 32, ~field(f))
    },
    parse(value, { sf }) {
      const bits = sf ? 64 : 32
      if (value >= 1n << BigInt(bits) || value < -(1n << BigInt(bits - 1))) return undefined
      const pattern = BigInt.asUintN(bits, inverted ? ~value : value)
      for (let hw = 0; hw < bits / 16; hw++) {
        const at = BigInt(16 * hw)
        if ((pattern & ~(0xffffn << at)) === 0n) return { hw, imm16: Number(pattern >> at) }
      }
      return undefined
    }
  })

export const moveWideImmediate = instruction({
  name: "MOVN, MOVZ, MOVK",
  encoding: "sf opc:2 100101 hw:2 imm16:16 Rd:5",
  where: (f) => f.opc !== 1 && (f.sf === 1 || f.hw < 2),
  assembly: "<opc> <Rd>, #<imm16>(, lsl #<hw>)?",
  operands: {
    opc: choice("opc", "movn - movz movk"),
    imm16: unsigned("imm16", { hex: true }),
    hw: unsigned("hw", { scale: 16, default: 0 }),
    zeroed: moved(false),
    inverted: moved(true)
  },
  aliases: [
    { text: "mov <Rd>, #<zeroed>", fields: { opc: 2 } },
    { text: "mov <Rd>, #<inverted>", fields: { opc: 0 } }
  ],
  execute(cpu, { sf, opc, hw, imm16, Rd }) {
    const T = registerType(cpu, sf)
    const bits = field({ sf, hw, imm16 })
    if (opc === 3) cpu.setX(Rd, T.or(T.and(cpu.X(Rd, T), T.constant(~(0xffffn << BigInt(16 * hw)))), T.constant(bits)), T)
    else cpu.setX(Rd, T.constant(opc === 0 ? ~bits : bits), T)
  }
})

interface Relative {
  readonly op: number
  readonly immlo: number
  readonly immhi: number
}
/** Bytes or (ADRP) pages; and where they count from. */
const pageBits = (op: number): bigint => (op ? 12n : 0n)
const origin = (op: number, address: bigint): bigint => (address >> pageBits(op)) << pageBits(op)
const destination = (f: Relative, address: bigint): bigint =>
  origin(f.op, address) + (BigInt(signedField(f.immhi, 19) * 4 + f.immlo) << pageBits(f.op))
const target: Operand<Relative> = {
  print: (f, place) => spellAddress(destination(f, BigInt(place.address))),
  read(text, at, known, place) {
    const op = known["op"] ?? 0
    const here = BigInt(place.address)
    const found = addressAt(text, at, here)
    if (!found) return []
    const distance = BigInt.asIntN(64, found.value - origin(op, here))
    const units = distance >> pageBits(op)
    if (units << pageBits(op) !== distance || BigInt.asIntN(21, units) !== units) return []
    return [{ end: found.end, fields: { immlo: Number(units & 3n), immhi: Number(BigInt.asUintN(19, units >> 2n)) } }]
  }
}
export const addressRelative = instruction({
  name: "ADR, ADRP",
  encoding: "op immlo:2 10000 immhi:19 Rd:5",
  assembly: "<op> <Xd>, <target>",
  operands: { op: choice("op", "adr adrp"), target },
  execute: (cpu, { op, immlo, immhi, Rd }) => cpu.setX(Rd, cpu.unsigned(64).constant(destination({ op, immlo, immhi }, cpu.address)))
})

export const moveWide: readonly Instruction[] = [moveWideImmediate, addressRelative]
