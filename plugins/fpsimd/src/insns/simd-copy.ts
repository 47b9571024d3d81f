/** AdvSIMD copies: elements to vectors, to elements and to general registers. One declaration per element size, as `imm5` has it. */
import { choice, instruction, sized, unsigned } from "@eltwo/isa"

type Size = 0 | 1 | 2 | 3
const SIZES = [0, 1, 2, 3] as const
const letters = "bhsd"
const elements = ["8-bit", "16-bit", "32-bit", "64-bit"] as const
/** `imm5`: an index, then a one at the bit that names the size. */
const indexed = ["index:4 1", "index:3 10", "index:2 100", "index:1 1000"] as const
/** `imm5` where the index means nothing. */
const unindexed = ["(0000) 1", "(000) 10", "(00) 100", "(0) 1000"] as const
/** `imm4` of an element move: the index of the source, then bits without meaning. */
const fromIndex = ["from:4", "from:3 (0)", "from:2 (00)", "from:1 (000)"] as const
const index = { index: unsigned("index") }
/** 64-bit elements exist only in 128-bit vectors. */
const arrangements = ["8b 16b", "4h 8h", "2s 4s", "- 2d"] as const
const generalName = (size: Size): string => (size === 3 ? "<Xn>" : "<Wn>")

const duplicateElement = (size: Size) =>
  instruction({
    name: `DUP (element to vector, ${elements[size]})`,
    encoding: `0 Q 0 01110000 ${indexed[size]} 0 0000 1 Rn:5 Rd:5`,
    where: (f) => size !== 3 || f.Q === 1,
    assembly: `dup <Vd>.<T>, <Vn>.${letters[size]}[<index>]`,
    operands: { ...index, T: choice("Q", arrangements[size]) },
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { Q, index, Rn, Rd }) {
      const T = cpu.unsigned(8 << size)
      cpu.setV(Rd, cpu.splat(T, cpu.lane(cpu.V(Rn, T), index), Q ? 128 : 64))
    }
  })
const duplicateGeneral = (size: Size) =>
  instruction({
    name: `DUP (general, ${elements[size]})`,
    encoding: `0 Q 0 01110000 ${unindexed[size]} 0 0001 1 Rn:5 Rd:5`,
    where: (f) => size !== 3 || f.Q === 1,
    assembly: `dup <Vd>.<T>, ${generalName(size)}`,
    operands: { T: choice("Q", arrangements[size]) },
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { Q, Rn, Rd }) {
      const T = cpu.unsigned(8 << size)
      cpu.setV(Rd, cpu.splat(T, cpu.X(Rn, T), Q ? 128 : 64))
    }
  })
const duplicateScalar = (size: Size) => {
  const letter = letters[size]!
  return instruction({
    name: `DUP (element to scalar, ${elements[size]})`,
    encoding: `01 0 11110000 ${indexed[size]} 0 0000 1 Rn:5 Rd:5`,
    assembly: `mov <${letter.toUpperCase()}d>, <Vn>.${letter}[<index>]`,
    aliases: [{ text: `dup <${letter.toUpperCase()}d>, <Vn>.${letter}[<index>]`, prefer: false }],
    operands: index,
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { index, Rn, Rd }) {
      const T = cpu.unsigned(8 << size)
      cpu.setScalar(Rd, cpu.lane(cpu.V(Rn, T), index), T)
    }
  })
}
const insertGeneral = (size: Size) => {
  const operands = `<Vd>.${letters[size]}[<index>], ${generalName(size)}`
  return instruction({
    name: `INS (general, ${elements[size]})`,
    encoding: `0 1 0 01110000 ${indexed[size]} 0 0011 1 Rn:5 Rd:5`,
    assembly: `mov ${operands}`,
    aliases: [{ text: `ins ${operands}`, prefer: false }],
    operands: index,
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { index, Rn, Rd }) {
      const T = cpu.unsigned(8 << size)
      cpu.setV(Rd, cpu.withLane(cpu.V(Rd, T), index, cpu.X(Rn, T)))
    }
  })
}
const insertElement = (size: Size) => {
  const letter = letters[size]!
  const operands = `<Vd>.${letter}[<index>], <Vn>.${letter}[<from>]`
  return instruction({
    name: `INS (element, ${elements[size]})`,
    encoding: `0 1 1 01110000 ${indexed[size]} 0 ${fromIndex[size]} 1 Rn:5 Rd:5`,
    assembly: `mov ${operands}`,
    aliases: [{ text: `ins ${operands}`, prefer: false }],
    operands: { ...index, from: unsigned("from") },
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { index, from, Rn, Rd }) {
      const T = cpu.unsigned(8 << size)
      cpu.setV(Rd, cpu.withLane(cpu.V(Rd, T), index, cpu.lane(cpu.V(Rn, T), from)))
    }
  })
}

/** Element 0 may be read even where the rest of AdvSIMD may not. */
const accessTo = (f: { readonly index: number }) => (f.index === 0 ? "FP" : "SIMD")
const moveSigned = (size: Exclude<Size, 3>) =>
  instruction({
    name: `SMOV (${elements[size]})`,
    encoding: `0 Q 0 01110000 ${indexed[size]} 0 0101 1 Rn:5 Rd:5`,
    where: (f) => size !== 2 || f.Q === 1,
    assembly: `smov <d>, <Vn>.${letters[size]}[<index>]`,
    operands: { ...index, d: sized("Rd", "Q") },
    feature: "AdvSIMD",
    access: accessTo,
    execute(cpu, { Q, index, Rn, Rd }) {
      const E = cpu.signed(8 << size)
      const T = cpu.signed(Q ? 64 : 32)
      cpu.setX(Rd, T.from(cpu.lane(cpu.V(Rn, E), index), E), T)
    }
  })
const moveUnsigned = (size: Size) => {
  const operands = `<${size === 3 ? "X" : "W"}d>, <Vn>.${letters[size]}[<index>]`
  return instruction({
    name: `UMOV (${elements[size]})`,
    encoding: `0 ${size === 3 ? 1 : 0} 0 01110000 ${indexed[size]} 0 0111 1 Rn:5 Rd:5`,
    assembly: `${size < 2 ? "umov" : "mov"} ${operands}`,
    aliases: size < 2 ? [] : [{ text: `umov ${operands}`, prefer: false }],
    operands: index,
    feature: "AdvSIMD",
    access: accessTo,
    execute(cpu, { index, Rn, Rd }) {
      const E = cpu.unsigned(8 << size)
      const T = cpu.unsigned(size === 3 ? 64 : 32)
      cpu.setX(Rd, T.from(cpu.lane(cpu.V(Rn, E), index), E), T)
    }
  })
}

export const simdCopy = [
  ...SIZES.flatMap((size) => [
    duplicateElement(size),
    duplicateGeneral(size),
    duplicateScalar(size),
    insertGeneral(size),
    insertElement(size),
    moveUnsigned(size)
  ]),
  moveSigned(0),
  moveSigned(1),
  moveSigned(2)
]
