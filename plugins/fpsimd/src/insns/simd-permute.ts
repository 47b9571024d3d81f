/** AdvSIMD permutes, extraction and table lookup. */
import { choice, instruction, type Operand, registerList, unsigned } from "@eltwo/isa"
import { arrangement, byteArrangement, fitsVector } from "../operands.ts"

export const permuteElements = instruction({
  name: "UZP1, UZP2, TRN1, TRN2, ZIP1, ZIP2",
  encoding: "0 Q 001110 size:2 0 Rm:5 0 second kind:2 10 Rn:5 Rd:5",
  where: (f) => f.kind !== 0 && fitsVector(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: { op: choice(["second:1", "kind:2"], "- uzp1 trn1 zip1 - uzp2 trn2 zip2"), T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, size, Rm, second, kind, Rn, Rd }) {
    const T = cpu.unsigned(8 << size)
    const bits = Q ? 128 : 64
    const count = bits / T.bits
    const pick = [
      (i: number) => i,
      (i: number) => 2 * i + second,
      (i: number) => (i & 1) * count + (i & ~1) + second,
      (i: number) => (i & 1) * count + (i >> 1) + (second * count) / 2
    ][kind]!
    cpu.setV(Rd, cpu.permute(T, [cpu.V(Rn, T, bits), cpu.V(Rm, T, bits)], pick))
  }
})
export const extractBytes = instruction({
  name: "EXT",
  encoding: "0 Q 101110 00 0 Rm:5 0 imm4:4 0 Rn:5 Rd:5",
  where: (f) => f.Q === 1 || f.imm4 < 8,
  assembly: "ext <Vd>.<T>, <Vn>.<T>, <Vm>.<T>, #<imm4>",
  operands: { T: byteArrangement, imm4: unsigned("imm4") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, Rm, imm4, Rn, Rd }) {
    const B = cpu.unsigned(8)
    const bits = Q ? 128 : 64
    cpu.setV(
      Rd,
      cpu.permute(B, [cpu.V(Rn, B, bits), cpu.V(Rm, B, bits)], (i) => i + imm4)
    )
  }
})

const tables = [1, 2, 3, 4].map((count) => registerList("v", "Rn", count, "16b"))
/** One to four consecutive registers; `len` is one less than their number. */
const tableList: Operand<{ readonly Rn: number; readonly len: number }> = {
  print: (f, place) => tables[f.len]!.print(f, place),
  read: (text, at, known, place) =>
    tables.flatMap((table, len) => table.read(text, at, known, place).map(({ end, fields }) => ({ end, fields: { ...fields, len } })))
}
export const tableLookup = instruction({
  name: "TBL, TBX",
  encoding: "0 Q 001110 00 0 Rm:5 0 len:2 keeps 00 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<T>, <table>, <Vm>.<T>",
  operands: { op: choice("keeps", "tbl tbx"), T: byteArrangement, table: tableList },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, Rm, len, keeps, Rn, Rd }) {
    const B = cpu.unsigned(8)
    const bits = Q ? 128 : 64
    const table = Array.from({ length: len + 1 }, (_, i) => cpu.V((Rn + i) % 32, B))
    cpu.setV(Rd, cpu.lookup(B, table, cpu.V(Rm, B, bits), keeps ? cpu.V(Rd, B, bits) : "zero"))
  }
})

export const simdPermute = [permuteElements, extractBytes, tableLookup]
