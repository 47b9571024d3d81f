/** Contiguous loads and stores: elements next to each other, or structures of two to four, under a predicate. */
import { type Cpu, choice, type Instruction, type Integer, instruction, type Operand, registerList, signed, type Value } from "@eltwo/isa"
import { SVE, signExtend } from "../operands.ts"

// ---------------------------------------------------------------- addresses
/** Scalar plus scalar: the index counts elements as they lie in memory. */
const scaledIndex = <const Size extends string>(
  size: (f: Readonly<Record<Size, number>>) => number
): Operand<Readonly<Record<Size | "Rm", number>>> => ({
  print: (f) => `x${f.Rm}${size(f) ? `, lsl #${size(f)}` : ""}`,
  read(text, at, known) {
    const match = /^x(30|[12]?\d)(?:,\s*lsl\s*#?(\d))?(?![\w.])/.exec(text.slice(at))
    if (!match || Number(match[2] ?? 0) !== size(known as Readonly<Record<Size, number>>)) return []
    return [{ end: at + match[0].length, fields: { Rm: Number(match[1]) } }]
  }
})
const scalarPlusScalar = (cpu: Cpu, Rn: number, Rm: number, size: number): Value => {
  const A = cpu.unsigned(64)
  return A.add(cpu.XSP(Rn), A.shiftLeft(cpu.X(Rm), size))
}
/** Scalar plus immediate: the immediate counts `bytes`, what the whole access takes. */
const scalarPlusImmediate = (cpu: Cpu, Rn: number, imm4: number, bytes: number): Value => {
  const A = cpu.unsigned(64)
  return A.add(cpu.XSP(Rn), A.constant(signExtend(imm4, 4) * bytes))
}
const isIndex = (f: { readonly Rm: number }): boolean => f.Rm !== 31

// ---------------------------------------------------------------- one vector, widening loads and narrowing stores
/** Sizes in memory and in the lane as log2 of bytes, and whether the load extends by the sign. */
const formOf = (dtype: number) => {
  const memory = dtype >> 2
  const lane = dtype & 3
  return memory <= lane ? { memory, lane, signed: false } : { memory: 3 - memory, lane: 3 - lane, signed: true }
}
type Loaded = { readonly dtype: number }
const loadNames = Array.from({ length: 16 }, (_, dtype) => `ld1${formOf(dtype).signed ? "s" : ""}${"bhwd"[formOf(dtype).memory]}`)
const loadName = choice("dtype", loadNames)
/** LD1B of different lane sizes is one mnemonic: the list says which it is. */
const loadList: Operand<Loaded & { readonly Zt: number }> = {
  print: (f, place) => registerList("z", "Zt", 1, "bhsd"[formOf(f.dtype).lane]!).print(f, place),
  read: (text, at, known, place) => registerList("z", "Zt", 1, "bhsd"[formOf(known["dtype"]!).lane]!).read(text, at, known, place)
}
/** Reads the mnemonic as every dtype it may be; the list then drops those that do not fit. */
const loadMnemonic: Operand<Loaded> = {
  spellings: loadNames,
  print: loadName.print,
  read: (text, at) =>
    loadNames.flatMap((name, dtype) =>
      text.startsWith(name, at) && !/\w/.test(text[at + name.length] ?? " ") ? [{ end: at + name.length, fields: { dtype } }] : []
    )
}
const loaded = (cpu: Cpu, dtype: number): { readonly lane: Integer; readonly memory: Integer } => {
  const form = formOf(dtype)
  return { lane: cpu.unsigned(8 << form.lane), memory: form.signed ? cpu.signed(8 << form.memory) : cpu.unsigned(8 << form.memory) }
}
export const loadIndexed = instruction({
  name: "LD1B, LD1SB, LD1H, ... (scalar plus scalar)",
  encoding: "1010010 dtype:4 Rm:5 010 Pg:3 Rn:5 Zt:5",
  where: isIndex,
  assembly: "<name> <list>, <Pg>/z, [<Xn|SP>, <index>]",
  operands: { name: loadMnemonic, list: loadList, index: scaledIndex<"dtype">((f) => formOf(f.dtype).memory) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { dtype, Rm, Pg, Rn, Zt }) {
    const { lane, memory } = loaded(cpu, dtype)
    cpu.setZ(Zt, cpu.loadVector(lane, scalarPlusScalar(cpu, Rn, Rm, formOf(dtype).memory), { memory, where: cpu.P(Pg, lane) }))
  }
})
export const loadImmediate = instruction({
  name: "LD1B, LD1SB, LD1H, ... (scalar plus immediate)",
  encoding: "1010010 dtype:4 0 imm4:4 101 Pg:3 Rn:5 Zt:5",
  assembly: "<name> <list>, <Pg>/z, [<Xn|SP>(, #<imm4>, mul vl)?]",
  operands: { name: loadMnemonic, list: loadList, imm4: signed("imm4:4", { default: 0 }) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { dtype, imm4, Pg, Rn, Zt }) {
    const { lane, memory } = loaded(cpu, dtype)
    const bytes = ((cpu.vectorBits / lane.bits) * memory.bits) / 8
    cpu.setZ(Zt, cpu.loadVector(lane, scalarPlusImmediate(cpu, Rn, imm4, bytes), { memory, where: cpu.P(Pg, lane) }))
  }
})
const narrows = (f: { readonly msz: number; readonly size: number }): boolean => f.size >= f.msz
const storeName = choice("msz", "st1b st1h st1w st1d")
const storeList = registerList("z", "Zt", 1, choice("size", "b h s d"))
export const storeIndexed = instruction({
  name: "ST1B, ST1H, ST1W, ST1D (scalar plus scalar)",
  encoding: "1110010 msz:2 size:2 Rm:5 010 Pg:3 Rn:5 Zt:5",
  where: (f) => isIndex(f) && narrows(f),
  assembly: "<msz> <list>, <Pg>, [<Xn|SP>, <index>]",
  operands: { msz: storeName, list: storeList, index: scaledIndex<"msz">((f) => f.msz) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { msz, size, Rm, Pg, Rn, Zt }) {
    const E = cpu.unsigned(8 << size)
    cpu.storeVector(cpu.Z(Zt, E), scalarPlusScalar(cpu, Rn, Rm, msz), { memory: cpu.unsigned(8 << msz), where: cpu.P(Pg, E) })
  }
})
export const storeImmediate = instruction({
  name: "ST1B, ST1H, ST1W, ST1D (scalar plus immediate)",
  encoding: "1110010 msz:2 size:2 0 imm4:4 111 Pg:3 Rn:5 Zt:5",
  where: narrows,
  assembly: "<msz> <list>, <Pg>, [<Xn|SP>(, #<imm4>, mul vl)?]",
  operands: { msz: storeName, list: storeList, imm4: signed("imm4:4", { default: 0 }) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { msz, size, imm4, Pg, Rn, Zt }) {
    const E = cpu.unsigned(8 << size)
    const bytes = (cpu.vectorBits / E.bits) << msz
    cpu.storeVector(cpu.Z(Zt, E), scalarPlusImmediate(cpu, Rn, imm4, bytes), { memory: cpu.unsigned(8 << msz), where: cpu.P(Pg, E) })
  }
})

// ---------------------------------------------------------------- structures
/** `num` is one less than the number of vectors; a structure of one is the non-temporal form. */
interface Structure {
  readonly msz: number
  readonly num: number
}
const structureName = (prefix: "ld" | "st") =>
  choice(
    ["num:2", "msz:2"],
    Array.from({ length: 16 }, (_, i) => `${prefix}${i < 4 ? "nt1" : (i >> 2) + 1}${"bhwd"[i & 3]}`)
  )
const lists = [1, 2, 3, 4].map((count) => registerList("z", "Zt", count, choice("msz", "b h s d")))
const structureList: Operand<Structure & { readonly Zt: number }> = {
  print: (f, place) => lists[f.num]!.print(f, place),
  read: (text, at, known, place) => lists[known["num"]!]!.read(text, at, known, place)
}
/** Counts vectors, so it is a multiple of the number in the structure. */
const structureOffset: Operand<Structure & { readonly imm4: number }> = {
  print: (f) => `${signExtend(f.imm4, 4) * (f.num + 1)}`,
  read(text, at, known) {
    const match = /^#?\s*(-?\d+)(?!\w)/.exec(text.slice(at))
    const value = match ? Number(match[1]) / (known["num"]! + 1) : Number.NaN
    return Number.isInteger(value) && value >= -8 && value < 8 ? [{ end: at + match![0].length, fields: { imm4: value & 15 } }] : []
  },
  byDefault: { imm4: 0 }
}
const loadStructure = (cpu: Cpu, { msz, num }: Structure, Zt: number, Pg: number, base: Value): void => {
  const [E, A] = [cpu.unsigned(8 << msz), cpu.unsigned(64)]
  const where = cpu.P(Pg, E)
  const registers = Array.from({ length: num + 1 }, (_, i) => i)
  const vectors = registers.map((i) => cpu.loadVector(E, A.add(base, A.constant(i << msz)), { memory: E, where, stride: num + 1 }))
  for (const i of registers) cpu.setZ((Zt + i) % 32, vectors[i]!)
}
const storeStructure = (cpu: Cpu, { msz, num }: Structure, Zt: number, Pg: number, base: Value): void => {
  const [E, A] = [cpu.unsigned(8 << msz), cpu.unsigned(64)]
  const where = cpu.P(Pg, E)
  for (let i = 0; i <= num; i++) cpu.storeVector(cpu.Z((Zt + i) % 32, E), A.add(base, A.constant(i << msz)), { memory: E, where, stride: num + 1 })
}
const structureBytes = (cpu: Cpu, num: number): number => (cpu.vectorBits / 8) * (num + 1)

export const loadStructureIndexed = instruction({
  name: "LDNT1B, LD2B, LD3B, LD4B, ... (scalar plus scalar)",
  encoding: "1010010 msz:2 num:2 Rm:5 110 Pg:3 Rn:5 Zt:5",
  where: isIndex,
  assembly: "<name> <list>, <Pg>/z, [<Xn|SP>, <index>]",
  operands: { name: structureName("ld"), list: structureList, index: scaledIndex<"msz">((f) => f.msz) },
  feature: SVE,
  access: "SVE",
  execute: (cpu, { msz, num, Rm, Pg, Rn, Zt }) => loadStructure(cpu, { msz, num }, Zt, Pg, scalarPlusScalar(cpu, Rn, Rm, msz))
})
export const loadStructureImmediate = instruction({
  name: "LDNT1B, LD2B, LD3B, LD4B, ... (scalar plus immediate)",
  encoding: "1010010 msz:2 num:2 0 imm4:4 111 Pg:3 Rn:5 Zt:5",
  assembly: "<name> <list>, <Pg>/z, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands: { name: structureName("ld"), list: structureList, offset: structureOffset },
  feature: SVE,
  access: "SVE",
  execute: (cpu, { msz, num, imm4, Pg, Rn, Zt }) =>
    loadStructure(cpu, { msz, num }, Zt, Pg, scalarPlusImmediate(cpu, Rn, imm4, structureBytes(cpu, num)))
})
export const storeStructureIndexed = instruction({
  name: "STNT1B, ST2B, ST3B, ST4B, ... (scalar plus scalar)",
  encoding: "1110010 msz:2 num:2 Rm:5 011 Pg:3 Rn:5 Zt:5",
  where: isIndex,
  assembly: "<name> <list>, <Pg>, [<Xn|SP>, <index>]",
  operands: { name: structureName("st"), list: structureList, index: scaledIndex<"msz">((f) => f.msz) },
  feature: SVE,
  access: "SVE",
  execute: (cpu, { msz, num, Rm, Pg, Rn, Zt }) => storeStructure(cpu, { msz, num }, Zt, Pg, scalarPlusScalar(cpu, Rn, Rm, msz))
})
export const storeStructureImmediate = instruction({
  name: "STNT1B, ST2B, ST3B, ST4B, ... (scalar plus immediate)",
  encoding: "1110010 msz:2 num:2 1 imm4:4 111 Pg:3 Rn:5 Zt:5",
  assembly: "<name> <list>, <Pg>, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands: { name: structureName("st"), list: structureList, offset: structureOffset },
  feature: SVE,
  access: "SVE",
  execute: (cpu, { msz, num, imm4, Pg, Rn, Zt }) =>
    storeStructure(cpu, { msz, num }, Zt, Pg, scalarPlusImmediate(cpu, Rn, imm4, structureBytes(cpu, num)))
})

export const contiguousInstructions: readonly Instruction[] = [
  loadIndexed,
  loadImmediate,
  storeIndexed,
  storeImmediate,
  loadStructureIndexed,
  loadStructureImmediate,
  storeStructureIndexed,
  storeStructureImmediate
]
