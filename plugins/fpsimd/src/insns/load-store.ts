/** Loads and stores of one or two FP registers. */
import {
  type Cpu,
  choice,
  displaced,
  extendedIndex,
  type Indexing,
  type Instruction,
  indexOperand,
  instruction,
  label,
  type Operand,
  register,
  scaledOffset,
  signed,
  signedField,
  type Value
} from "@eltwo/isa"
import { structureInstructions } from "./load-store-structures.ts"

/** Moves between memory and an FP register of 2 to the power of `scale` bytes. A load zeroes the rest of the register. */
const transfer = (cpu: Cpu, load: boolean, scale: number, register: number, address: Value): void => {
  if (scale === 4) {
    const D = cpu.unsigned(64)
    if (load) cpu.setV(register, cpu.loadVector(D, address, { memory: D, lanes: 2 }))
    else cpu.storeVector(cpu.V(register, D, 128), address, { memory: D })
    return
  }
  const T = cpu.unsigned(8 << scale)
  if (load) cpu.setScalar(register, cpu.load(T, address), T)
  else cpu.store(T, address, cpu.scalar(register, T))
}

const LETTERS = ["b", "h", "s", "d", "q"]

/** A register named by its size: the fields that keep the size, and log2 of the bytes they say. */
const sizedRegister = <F extends object, N extends string>(
  field: N,
  scale: (fields: F) => number,
  fieldsOf: (scale: number) => Readonly<Record<string, number>> | undefined
): Operand<F & { readonly [K in N]: number }> => {
  const registers = LETTERS.map((letter) => register(letter, field))
  return {
    print: (f, place) => registers[scale(f)]!.print(f, place),
    read: (text, at, known, place) =>
      registers.flatMap((named, size) => {
        const own = fieldsOf(size)
        if (!own) return []
        return named.read(text, at, known, place).map((c) => ({ end: c.end, fields: { ...c.fields, ...own } }))
      })
  }
}

interface Size {
  readonly size: number
  readonly Q: number
}
const scaleOf = (f: Size): number => (f.Q ? 4 : f.size)
const allocated = (f: Size): boolean => f.Q === 0 || f.size === 0
const Rt = sizedRegister("Rt", scaleOf, (scale) => (scale === 4 ? { Q: 1, size: 0 } : { Q: 0, size: scale }))
const common = { where: allocated, access: "FP", feature: "FP" } as const

export const unsignedImmediate = instruction({
  name: "LDR, STR (immediate, SIMD&FP, unsigned offset)",
  encoding: "size:2 111 1 01 Q L imm12:12 Rn:5 Rt:5",
  ...common,
  assembly: "<op> <Rt>, [<Xn|SP>(, #<imm12>)?]",
  operands: { op: choice("L", "str ldr"), Rt, imm12: scaledOffset("imm12", 12, "unsigned", scaleOf) },
  execute(cpu, f) {
    const scale = scaleOf(f)
    transfer(cpu, f.L === 1, scale, f.Rt, displaced(cpu, cpu.XSP(f.Rn), f.imm12 * 2 ** scale))
  }
})

const indexed = (indexing: Indexing, mode: "01" | "11", address: string) =>
  instruction({
    name: `LDR, STR (immediate, SIMD&FP, ${indexing}-indexed)`,
    encoding: `size:2 111 1 00 Q L 0 imm9:9 ${mode} Rn:5 Rt:5`,
    ...common,
    assembly: `<op> <Rt>, ${address}`,
    operands: { op: choice("L", "str ldr"), Rt, imm9: signed("imm9:9") },
    execute(cpu, f) {
      const base = cpu.XSP(f.Rn)
      const moved = displaced(cpu, base, signedField(f.imm9, 9))
      transfer(cpu, f.L === 1, scaleOf(f), f.Rt, indexing === "post" ? base : moved)
      cpu.setXSP(f.Rn, moved)
    }
  })
export const postIndexed = indexed("post", "01", "[<Xn|SP>], #<imm9>")
export const preIndexed = indexed("pre", "11", "[<Xn|SP>, #<imm9>]!")

export const unscaledImmediate = instruction({
  name: "LDUR, STUR (SIMD&FP)",
  encoding: "size:2 111 1 00 Q L 0 imm9:9 00 Rn:5 Rt:5",
  ...common,
  assembly: "<op> <Rt>, [<Xn|SP>(, #<imm9>)?]",
  aliases: [{ text: "<scaled> <Rt>, [<Xn|SP>, #<imm9>]", prefer: false }],
  operands: { op: choice("L", "stur ldur"), scaled: choice("L", "str ldr"), Rt, imm9: signed("imm9:9", { default: 0 }) },
  execute(cpu, f) {
    transfer(cpu, f.L === 1, scaleOf(f), f.Rt, displaced(cpu, cpu.XSP(f.Rn), signedField(f.imm9, 9)))
  }
})

export const registerOffset = instruction({
  name: "LDR, STR (register, SIMD&FP)",
  encoding: "size:2 111 1 00 Q L 1 Rm:5 option:3 S 10 Rn:5 Rt:5",
  ...common,
  where: (f) => allocated(f) && (f.option & 2) !== 0,
  assembly: "<op> <Rt>, [<Xn|SP>, <index>]",
  operands: { op: choice("L", "str ldr"), Rt, index: indexOperand(scaleOf) },
  execute(cpu, f) {
    const scale = scaleOf(f)
    transfer(cpu, f.L === 1, scale, f.Rt, cpu.unsigned(64).add(cpu.XSP(f.Rn), extendedIndex(cpu, f, scale)))
  }
})

interface Opc {
  readonly opc: number
}
/** Pairs and literals have S, D and Q registers: opc 0, 1, 2. */
const wordScale = (f: Opc): number => f.opc + 2
const wordRegister = <const N extends string>(field: N) => sizedRegister(field, wordScale, (scale) => (scale >= 2 ? { opc: scale - 2 } : undefined))
const words = { where: (f: Opc) => f.opc !== 3, access: "FP", feature: "FP" } as const

export const loadLiteral = instruction({
  name: "LDR (literal, SIMD&FP)",
  encoding: "opc:2 011 1 00 imm19:19 Rt:5",
  ...words,
  assembly: "ldr <Rt>, <imm19>",
  operands: { Rt: wordRegister("Rt"), imm19: label("imm19:19") },
  execute(cpu, { opc, imm19, Rt }) {
    const address = cpu.unsigned(64).constant(cpu.address + BigInt(signedField(imm19, 19) * 4))
    transfer(cpu, true, wordScale({ opc }), Rt, address)
  }
})

const pair = (name: string, mode: "000" | "001" | "010" | "011", indexing: Indexing, mnemonics: string, address: string) =>
  instruction({
    name,
    encoding: `opc:2 101 1 ${mode} L imm7:7 Rt2:5 Rn:5 Rt:5`,
    ...words,
    assembly: `<op> <Rt>, <Rt2>, ${address}`,
    operands: {
      op: choice("L", mnemonics),
      Rt: wordRegister("Rt"),
      Rt2: wordRegister("Rt2"),
      imm7: scaledOffset("imm7", 7, "signed", wordScale)
    },
    execute(cpu, { opc, L, imm7, Rt2, Rn, Rt }) {
      const scale = wordScale({ opc })
      const base = cpu.XSP(Rn)
      const moved = displaced(cpu, base, signedField(imm7, 7) * 2 ** scale)
      const first = indexing === "post" ? base : moved
      transfer(cpu, L === 1, scale, Rt, first)
      transfer(cpu, L === 1, scale, Rt2, displaced(cpu, first, 2 ** scale))
      if (indexing !== "offset") cpu.setXSP(Rn, moved)
    }
  })
const OFFSET = "[<Xn|SP>(, #<imm7>)?]"
export const noAllocatePair = pair("LDNP, STNP (SIMD&FP)", "000", "offset", "stnp ldnp", OFFSET)
export const pairPostIndexed = pair("LDP, STP (SIMD&FP, post-indexed)", "001", "post", "stp ldp", "[<Xn|SP>], #<imm7>")
export const pairOffset = pair("LDP, STP (SIMD&FP, signed offset)", "010", "offset", "stp ldp", OFFSET)
export const pairPreIndexed = pair("LDP, STP (SIMD&FP, pre-indexed)", "011", "pre", "stp ldp", "[<Xn|SP>, #<imm7>]!")

/** Every load and store of FP and AdvSIMD registers. */
export const simdLoadStoreInstructions: readonly Instruction[] = [
  unsignedImmediate,
  postIndexed,
  preIndexed,
  unscaledImmediate,
  registerOffset,
  loadLiteral,
  noAllocatePair,
  pairPostIndexed,
  pairOffset,
  pairPreIndexed,
  ...structureInstructions
]
