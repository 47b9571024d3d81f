/** Operands only floating-point text has. */
import { computed, type Operand } from "@eltwo/isa"

/** Fraction bits of a fixed-point number, `from` minus a field, 1 to `from`. */
export const fractionBits = <const N extends string>(field: N, from: number): Operand<{ readonly [K in N]: number }> =>
  computed<{ readonly [K in N]: number }>({
    print: (f) => from - f[field],
    parse: (v) => (v < 1n || v > BigInt(from) ? undefined : ({ [field]: from - Number(v) } as { [K in N]: number }))
  })

/** The flags a conditional compare sets when its condition fails. */
export const flagsImmediate: Operand<{ readonly nzcv: number }> = computed<{ readonly nzcv: number }>({
  hex: true,
  print: (f) => f.nzcv,
  parse: (v) => (v < 0n || v > 15n ? undefined : { nzcv: Number(v) })
})
