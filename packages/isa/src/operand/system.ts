/** Operands that name conditions and system registers. */
import { matchAt, type Operand, type SystemAccess, type With } from "./operand.ts"

/** The names of the 4-bit condition codes. */
export const conditions: readonly string[] = "eq ne cs cc mi pl vs vc hi ls ge lt gt le al nv".split(" ")
/** Other names of conditions: the carry as an unsigned comparison, and the manual's SVE names. */
const otherConditions: Readonly<Record<string, number>> = {
  hs: 2,
  lo: 3,
  none: 0,
  any: 1,
  nlast: 2,
  last: 3,
  first: 4,
  nfrst: 5,
  pmore: 8,
  plast: 9,
  tcont: 10,
  tstop: 11
}
const conditionNumbers: ReadonlyMap<string, number> = new Map([
  ...conditions.map((name, number) => [name, number] as const),
  ...Object.entries(otherConditions)
])
const WORD = /[a-z]+/y

/** A condition code; `invert`: the field holds the opposite of what the text says. */
export const condition = <const N extends string>(field: N, invert = false): Operand<With<N>> => {
  const flip = invert ? 1 : 0
  return {
    spellings: [...conditionNumbers.keys()],
    print: (fields) => conditions[fields[field] ^ flip],
    read(text, at) {
      const word = matchAt(WORD, text, at)?.[0]
      const number = word === undefined ? undefined : conditionNumbers.get(word)
      return number === undefined ? [] : [{ end: at + word!.length, fields: { [field]: number ^ flip } }]
    }
  }
}

/** A system register or instruction as one number of 16 bits: op0 op1 CRn CRm op2. */
export const systemEncoding = (op0: number, op1: number, CRn: number, CRm: number, op2: number): number =>
  (op0 << 14) | (op1 << 11) | (CRn << 7) | (CRm << 3) | op2
/** Its spelling without a name: s3_0_c1_c0_0. */
export const systemSpelling = (encoding: number): string => {
  const { op0, op1, CRn, CRm, op2 } = systemFields(encoding)
  return `s${op0}_${op1}_c${CRn}_c${CRm}_${op2}`
}
/** A system register's encoding as the fields of MRS and MSR. */
export const systemFields = (encoding: number) => ({
  op0: encoding >> 14,
  op1: (encoding >> 11) & 7,
  CRn: (encoding >> 7) & 15,
  CRm: (encoding >> 3) & 15,
  op2: encoding & 7
})
const GENERIC = /s([23])_([0-7])_c(1[0-5]|\d)_c(1[0-5]|\d)_([0-7])(?![0-9a-z_])/y
const NAME = /[a-z_][0-9a-z_]*/y

const systemOperand = (access: SystemAccess): Operand<With<"o0" | "op1" | "CRn" | "CRm" | "op2">> => ({
  print({ o0, op1, CRn, CRm, op2 }, { systemNames }) {
    const encoding = systemEncoding(2 + o0, op1, CRn, CRm, op2)
    return systemNames?.name(encoding, access) ?? systemSpelling(encoding)
  },
  read(text, at, _known, { systemNames }) {
    const generic = matchAt(GENERIC, text, at)
    if (generic) {
      const [op0, op1, CRn, CRm, op2] = generic.slice(1).map(Number) as [number, number, number, number, number]
      return [{ end: at + generic[0].length, fields: { o0: op0 - 2, op1, CRn, CRm, op2 } }]
    }
    const name = matchAt(NAME, text, at)?.[0]
    const encoding = name === undefined ? undefined : systemNames?.encoding(name, access)
    if (encoding === undefined) return []
    const { op0, ...fields } = systemFields(encoding)
    return [{ end: at + name!.length, fields: { o0: op0 - 2, ...fields } }]
  }
})
/** A system register that is read (MRS). Names come from the place's `systemNames`. */
export const systemRegister = systemOperand("read")
/** A system register that is written (MSR): a few encodings have another name then. */
export const writtenSystemRegister = systemOperand("write")
