/** Structure loads and stores of AdvSIMD: LD1 to LD4 and ST1 to ST4 of whole registers and of one lane, and the replicating loads. */
import { type Cpu, choice, computed, displaced, type Instruction, instruction, type Operand, register, registerList, type Value } from "@eltwo/isa"

interface Post {
  readonly Rm: number
}
/** What a post-indexed form adds to its base: a register, or with Rm = 31 the bytes it has moved. */
const step = <F>(bytes: (fields: F) => number): Operand<F & Post> => {
  const index = register("x", "Rm", { zero: "xzr" })
  const immediate = computed<F & Post>({
    print: bytes,
    parse: (value, known) => (Number(value) === bytes(known) ? ({ Rm: 31 } as F & Post) : undefined)
  })
  return {
    print: (f, place) => (f.Rm === 31 ? `#${immediate.print(f, place)}` : index.print(f, place)),
    read: (text, at, known, place) => [
      ...immediate.read(text, at, known, place),
      ...index.read(text, at, known, place).filter((c) => c.fields["Rm"] !== 31)
    ]
  }
}
const writeBack = (cpu: Cpu, Rn: number, Rm: number, base: Value, bytes: number): void => {
  cpu.setXSP(Rn, Rm === 31 ? displaced(cpu, base, bytes) : cpu.unsigned(64).add(base, cpu.X(Rm)))
}
/** A list of one to four registers; the mnemonic must settle how many. */
const list = <F, S>(count: (fields: F) => number, suffix: Operand<S>): Operand<F & S & { readonly Rt: number }> => {
  const lists = [1, 2, 3, 4].map((n) => registerList("v", "Rt", n, suffix))
  return {
    print: (f, place) => lists[count(f) - 1]!.print(f, place),
    read: (text, at, known, place) => lists[count(known as F) - 1]!.read(text, at, known, place)
  }
}
const arrangement = choice(["size:2", "Q:1"], "8b 16b 4h 8h 2s 4s 1d 2d")
const simd = { access: "SIMD", feature: "AdvSIMD" } as const

// ---- multiple structures

/** By opcode: how many registers, and how many elements a structure has. */
const SHAPES: Readonly<Record<number, readonly [registers: number, elements: number]>> = {
  0: [4, 4],
  2: [4, 1],
  4: [3, 3],
  6: [3, 1],
  7: [1, 1],
  8: [2, 2],
  10: [2, 1]
}
interface Multiple {
  readonly Q: number
  readonly opcode: number
  readonly size: number
}
const allocated = (f: Multiple): boolean => SHAPES[f.opcode] !== undefined && !(f.size === 3 && f.Q === 0 && SHAPES[f.opcode]![1] > 1)
const registersOf = (f: Pick<Multiple, "opcode">): number => SHAPES[f.opcode]![0]
const multipleNames = ["st", "ld"].flatMap((stem) =>
  Array.from({ length: 16 }, (_, opcode) => (SHAPES[opcode] ? `${stem}${SHAPES[opcode][1]}` : "-"))
)
const multipleOperands = { op: choice(["L:1", "opcode:4"], multipleNames), list: list(registersOf, arrangement) }
const multipleBytes = (f: Multiple): number => registersOf(f) * (f.Q ? 16 : 8)

const transferMultiple = (cpu: Cpu, f: Multiple & { readonly L: number; readonly Rt: number }, base: Value): void => {
  const [registers, elements] = SHAPES[f.opcode]!
  const T = cpu.unsigned(8 << f.size)
  const bits = f.Q ? 128 : 64
  const apart = elements === 1 ? bits / 8 : T.bits / 8
  for (let r = 0; r < registers; r++) {
    const n = (f.Rt + r) % 32
    const address = displaced(cpu, base, r * apart)
    if (f.L) cpu.setV(n, cpu.loadVector(T, address, { memory: T, lanes: bits / T.bits, stride: elements }))
    else cpu.storeVector(cpu.V(n, T, bits), address, { memory: T, stride: elements })
  }
}
export const multipleStructures = instruction({
  name: "LD1, LD2, LD3, LD4, ST1, ST2, ST3, ST4 (multiple structures)",
  encoding: "0 Q 0011000 L 000000 opcode:4 size:2 Rn:5 Rt:5",
  ...simd,
  where: allocated,
  assembly: "<op> <list>, [<Xn|SP>]",
  operands: multipleOperands,
  execute(cpu, f) {
    transferMultiple(cpu, f, cpu.XSP(f.Rn))
  }
})
export const multipleStructuresPost = instruction({
  name: "LD1, LD2, LD3, LD4, ST1, ST2, ST3, ST4 (multiple structures, post-indexed)",
  encoding: "0 Q 0011001 L 0 Rm:5 opcode:4 size:2 Rn:5 Rt:5",
  ...simd,
  where: allocated,
  assembly: "<op> <list>, [<Xn|SP>], <step>",
  operands: { ...multipleOperands, step: step(multipleBytes) },
  execute(cpu, f) {
    const base = cpu.XSP(f.Rn)
    transferMultiple(cpu, f, base)
    writeBack(cpu, f.Rn, f.Rm, base, multipleBytes(f))
  }
})

// ---- single structures

interface Count {
  readonly R: number
  readonly more: number
}
const elementsOf = (f: Count): number => 2 * f.more + f.R + 1
interface Lane {
  readonly Q: number
  readonly scale: number
  readonly S: number
  readonly size: number
}
/** Where a lane is: log2 of its bytes and its number; undefined where not allocated. The narrower the lane, the more of Q:S:size counts. */
const laneOf = (f: Lane): readonly [scale: number, index: number] | undefined => {
  const index = (f.Q << 3) | (f.S << 2) | f.size
  if (f.scale === 0) return [0, index]
  if (f.scale === 1) return f.size & 1 ? undefined : [1, index >> 1]
  if (f.scale === 2 && f.size === 0) return [2, index >> 2]
  return f.scale === 2 && f.size === 1 && f.S === 0 ? [3, f.Q] : undefined
}
/** The fields of lane `index`, the inverse of `laneOf`; nothing if the register has no such lane. */
const fieldsOfLane = (scale: number, index: number): Lane | undefined => {
  if (index < 0 || index >= 16 >> scale) return undefined
  const joined = index << scale
  if (scale === 3) return { Q: index, scale: 2, S: 0, size: 1 }
  return { Q: joined >> 3, scale, S: (joined >> 2) & 1, size: joined & 3 }
}
const LETTERS = "bhsd"
/** The letter of the element; reading leaves log2 of its bytes to the lane number. */
const laneLetter: Operand<Lane> = {
  print: (f) => LETTERS[laneOf(f)?.[0] ?? -1],
  read: (text, at) => [...LETTERS].flatMap((letter, scale) => (text[at] === letter ? [{ end: at + 1, fields: { "lane scale": scale } }] : []))
}
const laneNumber = computed<Lane>({
  print: (f) => laneOf(f)?.[1],
  parse: (value, known) => fieldsOfLane((known as unknown as Readonly<Record<string, number>>)["lane scale"]!, Number(value))
})
const singleOperands = {
  op: choice(["L:1", "R:1", "more:1"], "st1 st3 st2 st4 ld1 ld3 ld2 ld4"),
  list: list(elementsOf, laneLetter),
  index: laneNumber
}
const singleBytes = (f: Lane & Count): number => elementsOf(f) << laneOf(f)![0]

const transferSingle = (cpu: Cpu, f: Lane & Count & { readonly L: number; readonly Rt: number }, base: Value): void => {
  const [scale, index] = laneOf(f)!
  const T = cpu.unsigned(8 << scale)
  for (let r = 0; r < elementsOf(f); r++) {
    const n = (f.Rt + r) % 32
    const address = displaced(cpu, base, r << scale)
    if (f.L) cpu.setV(n, cpu.withLane(cpu.V(n, T), index, cpu.load(T, address)))
    else cpu.store(T, address, cpu.lane(cpu.V(n, T), index))
  }
}
export const singleStructure = instruction({
  name: "LD1, LD2, LD3, LD4, ST1, ST2, ST3, ST4 (single structure)",
  encoding: "0 Q 0011010 L R 00000 scale:2 more S size:2 Rn:5 Rt:5",
  ...simd,
  where: (f) => laneOf(f) !== undefined,
  assembly: "<op> <list>[<index>], [<Xn|SP>]",
  operands: singleOperands,
  execute(cpu, f) {
    transferSingle(cpu, f, cpu.XSP(f.Rn))
  }
})
export const singleStructurePost = instruction({
  name: "LD1, LD2, LD3, LD4, ST1, ST2, ST3, ST4 (single structure, post-indexed)",
  encoding: "0 Q 0011011 L R Rm:5 scale:2 more S size:2 Rn:5 Rt:5",
  ...simd,
  where: (f) => laneOf(f) !== undefined,
  assembly: "<op> <list>[<index>], [<Xn|SP>], <step>",
  operands: { ...singleOperands, step: step(singleBytes) },
  execute(cpu, f) {
    const base = cpu.XSP(f.Rn)
    transferSingle(cpu, f, base)
    writeBack(cpu, f.Rn, f.Rm, base, singleBytes(f))
  }
})

// ---- replicating loads

const replicateOperands = { op: choice(["R:1", "more:1"], "ld1r ld3r ld2r ld4r"), list: list(elementsOf, arrangement) }
const replicateBytes = (f: Count & { readonly size: number }): number => elementsOf(f) << f.size

const replicate = (cpu: Cpu, f: Count & { readonly Q: number; readonly size: number; readonly Rt: number }, base: Value): void => {
  const T = cpu.unsigned(8 << f.size)
  for (let r = 0; r < elementsOf(f); r++) {
    const value = cpu.load(T, displaced(cpu, base, r << f.size))
    cpu.setV((f.Rt + r) % 32, cpu.splat(T, value, f.Q ? 128 : 64))
  }
}
export const replicateStructure = instruction({
  name: "LD1R, LD2R, LD3R, LD4R",
  encoding: "0 Q 0011010 1 R 00000 11 more 0 size:2 Rn:5 Rt:5",
  ...simd,
  assembly: "<op> <list>, [<Xn|SP>]",
  operands: replicateOperands,
  execute(cpu, f) {
    replicate(cpu, f, cpu.XSP(f.Rn))
  }
})
export const replicateStructurePost = instruction({
  name: "LD1R, LD2R, LD3R, LD4R (post-indexed)",
  encoding: "0 Q 0011011 1 R Rm:5 11 more 0 size:2 Rn:5 Rt:5",
  ...simd,
  assembly: "<op> <list>, [<Xn|SP>], <step>",
  operands: { ...replicateOperands, step: step(replicateBytes) },
  execute(cpu, f) {
    const base = cpu.XSP(f.Rn)
    replicate(cpu, f, base)
    writeBack(cpu, f.Rn, f.Rm, base, replicateBytes(f))
  }
})

export const structureInstructions: readonly Instruction[] = [
  multipleStructures,
  multipleStructuresPost,
  singleStructure,
  singleStructurePost,
  replicateStructure,
  replicateStructurePost
]
