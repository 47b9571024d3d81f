/** What loads and stores share: addresses, transfers of general registers, and the operands that spell them. */
import type { Cpu, MemoryAttributes, Value } from "../builder.ts"
import { computed, matchAt, type Operand, register } from "../operands.ts"

type Field<N extends string> = { readonly [K in N]: number }

/** How a form uses its offset: added for the access only, or also kept in the base register, before or after the access. */
export type Indexing = "offset" | "pre" | "post"

/** A field read as a two's complement number of that many bits. */
export const signedField = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits)

/** An address moved by a number of bytes that the word itself gives. */
export const displaced = (cpu: Cpu, base: Value, bytes: number): Value => {
  if (bytes === 0) return base
  const A = cpu.unsigned(64)
  return A.add(base, A.constant(bytes))
}

/** The index register of a register-offset form, extended by `option` and, if `S`, shifted by `scale` bits. */
export const extendedIndex = (cpu: Cpu, f: { readonly Rm: number; readonly option: number; readonly S: number }, scale: number): Value => {
  const A = cpu.unsigned(64)
  const W = f.option & 4 ? cpu.signed(32) : cpu.unsigned(32)
  const index = f.option & 1 ? cpu.X(f.Rm) : A.from(cpu.X(f.Rm, W), W)
  return f.S === 1 && scale > 0 ? A.shiftLeft(index, scale) : index
}

/** A general register as X where the other fields say so, else as W; the mnemonic before it must settle those fields. */
export const generalRegister = <F, N extends string>(field: N, wide: (fields: F) => boolean): Operand<F & Field<N>> => {
  const x = register("x", field, { zero: "xzr" })
  const w = register("w", field, { zero: "wzr" })
  return {
    print: (f, place) => (wide(f) ? x : w).print(f, place),
    read: (text, at, known, place) => (wide(known as F) ? x : w).read(text, at, known, place)
  }
}

/** A byte offset kept in units of `2 ** scale` bytes, as imm12 is, or as imm7 is with `signed`; an omitted one is zero. */
export const scaledOffset = <F, N extends string>(
  field: N,
  bits: number,
  sign: "signed" | "unsigned",
  scale: (fields: F) => number
): Operand<F & Field<N>> => {
  const limit = 2 ** (sign === "signed" ? bits - 1 : bits)
  const least = sign === "signed" ? -limit : 0
  return computed<F & Field<N>>({
    print: (f) => (sign === "signed" ? signedField(f[field], bits) : f[field]) * 2 ** scale(f),
    parse: (bytes, f) => {
      const units = Number(bytes) / 2 ** scale(f)
      if (!Number.isInteger(units) || units < least || units >= limit) return undefined
      return { [field]: units & (2 ** bits - 1) } as F & Field<N>
    },
    byDefault: { [field]: 0 } as Partial<F & Field<N>>
  })
}

const OPTIONS: Readonly<Record<string, number>> = { uxtw: 2, lsl: 3, sxtw: 6, sxtx: 7 }
const EXTENSION = /\s*,\s*(uxtw|lsl|sxtw|sxtx)(?:\s*#?\s*(\d+))?(?!\w)/y
const index = { x: register("x", "Rm", { zero: "xzr" }), w: register("w", "Rm", { zero: "wzr" }) }

/** The index register with its extension: `x5`, `x5, lsl #3`, `w5, sxtw`. A shift by `scale` is a set S, even where that is 0. */
export const indexOperand = <F>(scale: (fields: F) => number): Operand<F & Field<"Rm" | "option" | "S">> => ({
  print(f, place) {
    const extension = Object.keys(OPTIONS).find((word) => OPTIONS[word] === f.option)
    const name = (f.option & 1 ? index.x : index.w).print(f, place)
    if (extension === undefined || (extension === "lsl" && f.S === 0)) return extension && name
    return `${name}, ${extension}${f.S ? ` #${scale(f)}` : ""}`
  },
  read(text, at, known, place) {
    const shift = scale(known as F)
    return [...index.x.read(text, at, known, place), ...index.w.read(text, at, known, place)].flatMap(({ end, fields }) => {
      const [all = "", extension = "lsl", amount = all === "" ? "0" : undefined] = matchAt(EXTENSION, text, end) ?? []
      const option = OPTIONS[extension]!
      const wide = (option & 1) === 1
      if (wide !== (text[at] === "x") || (extension === "lsl" && amount === undefined)) return []
      if (amount !== undefined && Number(amount) !== 0 && Number(amount) !== shift) return []
      const S = all !== "" && amount !== undefined && Number(amount) === shift ? 1 : 0
      return [{ end: end + all.length, fields: { ...fields, option, S } }]
    })
  }
})

/** Mnemonics by size and opc of the forms that move one general register; `-` where nothing or a prefetch is allocated. */
export const transferNames = (store: string, load: string): readonly string[] =>
  ["b", "h", "", ""].flatMap((suffix, size) => {
    const signed = ["b", "h", "w"][size]
    return [`${store}${suffix}`, `${load}${suffix}`, signed ? `${load}s${signed}` : "-", size < 2 ? `${load}s${signed}` : "-"]
  })
/** Whether size and opc name a transfer of a general register. */
export const transferAllowed = (f: { readonly size: number; readonly opc: number }): boolean => f.opc < 2 || f.size + f.opc < 5
/** Whether the general register of such a transfer is named X. */
export const transferWide = (f: { readonly size: number; readonly opc: number }): boolean => f.size === 3 || f.opc === 2

/** Attributes of an access with acquire or release semantics; its alignment rules are those of FEAT_LSE2. */
export const ordering = (acquire: boolean, release: boolean): MemoryAttributes => ORDERINGS[(acquire ? 2 : 0) + (release ? 1 : 0)]!
const ORDERINGS = [false, true].flatMap((acquire) => [false, true].map((release) => ({ acquire, release, aligned: "quadword" as const })))

/** Moves between memory and a general register: opc 0 stores, 1 loads, 2 loads a signed value into X and 3 into W. `size` is log2 of the bytes. */
export const transfer = (
  cpu: Cpu,
  f: { readonly size: number; readonly opc: number; readonly Rt: number },
  address: Value,
  attributes?: MemoryAttributes
): void => {
  const U = cpu.unsigned(8 << f.size)
  if (f.opc === 0) {
    cpu.store(U, address, cpu.X(f.Rt, U), attributes)
    return
  }
  const loaded = cpu.load(U, address, attributes)
  const T = f.opc === 1 ? U : cpu.unsigned(f.opc === 2 ? 64 : 32)
  cpu.setX(f.Rt, f.opc === 1 ? loaded : T.from(loaded, cpu.signed(U.bits)), T)
}

/** Two registers side by side in memory: the first is the lower half. */
export const joined = (cpu: Cpu, low: Value, high: Value, half: number): Value => {
  const T = cpu.unsigned(half)
  const Pair = cpu.unsigned(2 * half)
  return Pair.or(Pair.from(low, T), Pair.shiftLeft(Pair.from(high, T), half))
}
/** One of the two registers of such a pair: 0 is the lower half. */
export const halfOf = (cpu: Cpu, pair: Value, index: 0 | 1, half: number): Value => {
  const Pair = cpu.unsigned(2 * half)
  return cpu.unsigned(half).from(index === 0 ? pair : Pair.shiftRight(pair, half), Pair)
}
