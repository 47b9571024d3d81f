/** Bit-field moves with all their aliases, and extraction from a pair of registers. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice, computed, type Operand, sized, unsigned } from "../operands.ts"
import { registerType } from "./integers.ts"

interface BitField {
  readonly sf: number
  readonly immr: number
  readonly imms: number
}
const width = (f: { readonly sf: number }): number => (f.sf ? 64 : 32)
/** Text counts from the least significant bit; immr counts rotations to the right. */
const rotation = (f: { readonly sf: number }, lsb: bigint): number => (width(f) - Number(lsb)) % width(f)
const fits = (f: { readonly sf: number }, value: bigint): boolean => value >= 0n && value < BigInt(width(f))

const extractLsb = computed<BitField>({
  print: (f) => (f.imms >= f.immr ? f.immr : undefined),
  parse: (lsb) => ({ immr: Number(lsb) })
})
const extractWidth = computed<BitField>({
  print: (f) => f.imms - f.immr + 1,
  parse: (bits, f) => (bits > 0n ? { imms: f.immr + Number(bits) - 1 } : undefined)
})
const insertLsb = computed<BitField>({
  print: (f) => (f.imms < f.immr ? width(f) - f.immr : undefined),
  parse: (lsb, f) => (fits(f, lsb) ? { immr: rotation(f, lsb) } : undefined)
})
const insertWidth = computed<BitField>({
  print: (f) => f.imms + 1,
  parse: (bits, f) => (bits > 0n && Number(bits) <= (f.immr === 0 ? width(f) : f.immr) ? { imms: Number(bits) - 1 } : undefined)
})
const leftShift = computed<BitField>({
  print: (f) => (f.imms + 1 === f.immr && f.imms !== width(f) - 1 ? width(f) - f.immr : undefined),
  parse: (n, f) => (fits(f, n) ? { immr: rotation(f, n), imms: width(f) - 1 - Number(n) } : undefined)
})
const rightShift = computed<BitField>({
  print: (f) => (f.imms === width(f) - 1 ? f.immr : undefined),
  parse: (n, f) => (fits(f, n) ? { immr: Number(n), imms: width(f) - 1 } : undefined)
})

export const bitField = instruction({
  name: "SBFM, BFM, UBFM",
  encoding: "sf opc:2 100110 N immr:6 imms:6 Rn:5 Rd:5",
  where: (f) => f.opc !== 3 && f.N === f.sf && (f.sf === 1 || (f.immr < 32 && f.imms < 32)),
  assembly: "<opc> <Rd>, <Rn>, #<immr>, #<imms><N>",
  operands: {
    opc: choice("opc", "sbfm bfm ubfm -"),
    immr: unsigned("immr"),
    imms: unsigned("imms"),
    right: choice("opc", "asr - lsr -"),
    extract: choice("opc", "sbfx bfxil ubfx -"),
    insert: choice("opc", "sbfiz bfi ubfiz -"),
    /** Shows nothing and makes N equal to sf. */
    N: choice(["sf:1", "N:1"], ["", "-", "-", ""]),
    extractLsb,
    extractWidth,
    insertLsb,
    insertWidth,
    leftShift,
    rightShift
  },
  aliases: [
    { text: "<right> <Rd>, <Rn>, #<rightShift><N>" },
    { text: "lsl <Rd>, <Rn>, #<leftShift><N>", fields: { opc: 2 } },
    { text: "sxtb <Rd>, <Wn><N>", fields: { opc: 0, immr: 0, imms: 7 } },
    { text: "sxth <Rd>, <Wn><N>", fields: { opc: 0, immr: 0, imms: 15 } },
    { text: "sxtw <Xd>, <Wn>", fields: { opc: 0, sf: 1, N: 1, immr: 0, imms: 31 } },
    { text: "uxtb <Wd>, <Wn>", fields: { opc: 2, sf: 0, N: 0, immr: 0, imms: 7 } },
    { text: "uxth <Wd>, <Wn>", fields: { opc: 2, sf: 0, N: 0, immr: 0, imms: 15 } },
    { text: "bfc <Rd>, #<insertLsb>, #<insertWidth><N>", fields: { opc: 1, Rn: 31 } },
    { text: "<insert> <Rd>, <Rn>, #<insertLsb>, #<insertWidth><N>" },
    { text: "<extract> <Rd>, <Rn>, #<extractLsb>, #<extractWidth><N>" }
  ],
  execute(cpu, { sf, opc, immr, imms, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const S = opc === 0 ? cpu.signed(T.bits) : T
    const source = cpu.X(Rn, T)
    const extracts = imms >= immr
    const length = extracts ? imms - immr + 1 : imms + 1
    const from = extracts ? immr : 0
    const to = extracts ? 0 : T.bits - immr
    const aligned = S.shiftRight(T.shiftLeft(source, T.bits - length - from), T.bits - length)
    const placed = T.shiftLeft(aligned, to)
    if (opc !== 1) return cpu.setX(Rd, placed, T)
    const mask = ((1n << BigInt(length)) - 1n) << BigInt(to)
    cpu.setX(Rd, T.or(T.and(cpu.X(Rd, T), T.constant(~mask)), T.and(placed, T.constant(mask))), T)
  }
})

/** ROR of one register is EXTR of it twice. */
const twice: Operand<{ readonly sf: number; readonly Rm: number; readonly Rn: number }> = {
  print: (f, place) => (f.Rn === f.Rm ? sized("Rn", "sf").print(f, place) : undefined),
  read: (text, at, known, place) =>
    sized("Rn", "sf")
      .read(text, at, known, place)
      .map(({ end, fields }) => ({ end, fields: { ...fields, Rm: fields["Rn"]! } }))
}
export const extract = instruction({
  name: "EXTR",
  encoding: "sf 00 100111 N 0 Rm:5 imms:6 Rn:5 Rd:5",
  where: (f) => f.N === f.sf && (f.sf === 1 || f.imms < 32),
  assembly: "extr <Rd>, <Rn>, <Rm>, #<imms><N>",
  operands: { imms: unsigned("imms"), N: choice(["sf:1", "N:1"], ["", "-", "-", ""]), twice },
  aliases: [{ text: "ror <Rd>, <twice>, #<imms><N>" }],
  execute(cpu, { sf, Rm, imms, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const low = cpu.X(Rm, T)
    if (Rm === Rn) return cpu.setX(Rd, T.rotateRight(low, imms), T)
    cpu.setX(Rd, imms === 0 ? low : T.or(T.shiftRight(low, imms), T.shiftLeft(cpu.X(Rn, T), T.bits - imms)), T)
  }
})

export const bitFields: readonly Instruction[] = [bitField, extract]
