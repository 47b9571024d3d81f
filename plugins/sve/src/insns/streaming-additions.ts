/** Predicate selection and quadword reversal, which came with streaming mode. */
import { type Instruction, instruction, type Operand } from "@eltwo/isa"

const FEATURE = "SVE2p1 or SME"
interface Element {
  readonly i1: number
  readonly tszh: number
  readonly tszl: number
  readonly Rv: number
  readonly Pm: number
}
/** The lowest one of tszh:tszl is the size, what stands above it is part of the index. */
const sizeOf = ({ tszh, tszl }: Pick<Element, "tszh" | "tszl">): number => {
  const tsz = (tszh << 3) | tszl
  return 31 - Math.clz32(tsz & -tsz)
}
const offsetOf = (f: Pick<Element, "i1" | "tszh" | "tszl">): number => ((f.i1 << 4) | (f.tszh << 3) | f.tszl) >> (sizeOf(f) + 1)
const FIRST_INDEX_REGISTER = 12
const element: Operand<Element> = {
  print: (f) => `p${f.Pm}.${"bhsd"[sizeOf(f)]}[w${FIRST_INDEX_REGISTER + f.Rv}, ${offsetOf(f)}]`,
  read(text, at) {
    const match = /^p(1[0-5]|\d)\.([bhsd])\s*\[\s*w(1[2-5])(?:,\s*#?(\d+))?\s*\]/.exec(text.slice(at))
    if (!match) return []
    const size = "bhsd".indexOf(match[2]!)
    const offset = Number(match[4] ?? 0)
    if (offset >= 16 >> size) return []
    const joined = (offset << (size + 1)) | (1 << size)
    const fields = { Pm: Number(match[1]), Rv: Number(match[3]) - FIRST_INDEX_REGISTER, i1: joined >> 4, tszh: (joined >> 3) & 1, tszl: joined & 7 }
    return [{ end: at + match[0].length, fields }]
  }
}
export const predicateSelectElement = instruction({
  name: "PSEL",
  encoding: "00100101 i1 tszh 1 tszl:3 Rv:2 01 Pn:4 0 Pm:4 0 Pd:4",
  where: (f) => f.tszh !== 0 || f.tszl !== 0,
  assembly: "psel <Pd>, <Pn>, <element>",
  operands: { element },
  feature: FEATURE,
  access: "SVE",
  execute(cpu, { i1, tszh, tszl, Rv, Pn, Pm, Pd }) {
    const E = cpu.unsigned(8 << sizeOf({ tszh, tszl }))
    const [B, W] = [cpu.unsigned(8), cpu.unsigned(32)]
    const lanes = cpu.vectorBits / E.bits
    const index = W.and(W.add(cpu.X(FIRST_INDEX_REGISTER + Rv, W), W.constant(offsetOf({ i1, tszh, tszl }))), W.constant(lanes - 1))
    const [tested, source] = [cpu.P(Pm, E), cpu.P(Pn, B)]
    let chosen = cpu.negated(cpu.always)
    for (let i = 0; i < lanes; i++) chosen = cpu.either(chosen, cpu.both(cpu.active(tested, i), W.test(index, "equal", W.constant(i))))
    cpu.setP(
      Pd,
      cpu.predicate(B, (i) => cpu.both(chosen, cpu.active(source, i)))
    )
  }
})
const QUADWORD = 128
export const reverseDoublewords = instruction({
  name: "REVD",
  encoding: "0000010100101110100 Pg:3 Zn:5 Zd:5",
  assembly: "revd <Zd>.q, <Pg>/m, <Zn>.q",
  feature: FEATURE,
  access: "SVE",
  execute(cpu, { Pg, Zn, Zd }) {
    const [D, Q] = [cpu.unsigned(64), cpu.unsigned(QUADWORD)]
    const swapped = cpu.reinterpret(
      cpu.permute(D, [cpu.Z(Zn, D)], (i) => i ^ 1),
      Q
    )
    cpu.setZ(
      Zd,
      cpu.map(Q, [swapped], (x) => x, { where: cpu.P(Pg, Q), otherwise: cpu.Z(Zd, Q) })
    )
  }
})

export const streamingAdditions: readonly Instruction[] = [predicateSelectElement, reverseDoublewords]
