/** Directives that add bytes to a section. */
import { type Cursor, quotedBytes } from "./cursor.ts"
import type { Directive } from "./directives.ts"
import { MAXIMUM_ALIGNMENT, type Program } from "./program.ts"

const MAXIMUM_COUNT = 2 ** 31

/** Expressions separated by commas, `bytes` bytes each. */
const integers =
  (bytes: number): Directive =>
  (program, cursor) => {
    if (cursor.done) return
    do {
      const at = cursor.at
      const expression = program.expression(cursor)
      if (!cursor.failure) program.data(expression, bytes, at)
    } while (cursor.take(","))
  }

const strings =
  (end: readonly number[]): Directive =>
  (program, cursor) => {
    if (cursor.done) return
    do {
      do {
        const bytes = quotedBytes(cursor)
        if (cursor.failure) return
        if (bytes.length > 0) program.append(bytes.length, bytes)
      } while (cursor.peek() === '"')
      if (end.length > 0) program.append(end.length, end)
    } while (cursor.take(","))
  }

const FLOAT = /[-+]?(?:0[fFdDrRsS])?[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf(?:inity)?|nan)(?!\w)/iy
const floats =
  (bytes: 4 | 8): Directive =>
  (program, cursor) => {
    const view = new DataView(new ArrayBuffer(8))
    if (cursor.done) return
    do {
      const text = cursor.match(FLOAT)?.[0]
      if (text === undefined) {
        cursor.fail(`expected a floating-point number${cursor.found()}`)
        return
      }
      const value = Number(
        text
          .toLowerCase()
          .replace(/0[fdrs]/, "")
          .replace(/inf.*/, "Infinity")
          .replace("nan", "NaN")
      )
      if (bytes === 4) view.setFloat32(0, value, true)
      else view.setFloat64(0, value, true)
      program.append(
        bytes,
        Array.from({ length: bytes }, (_, i) => view.getUint8(i))
      )
    } while (cursor.take(","))
  }

/** `.skip count, byte` */
const skip: Directive = (program, cursor) => {
  const count = program.countNow(cursor, 0, MAXIMUM_COUNT)
  const fill = cursor.take(",") ? program.numberNow(cursor) : 0n
  if (!cursor.failure) program.append(count, [Number(fill & 0xffn)])
}
/** `.fill count, size, value`: sizes above 8 count as 8, and only the low 4 bytes of a value are used. */
const fill: Directive = (program, cursor) => {
  const count = program.countNow(cursor, 0, MAXIMUM_COUNT)
  const size = cursor.take(",") ? Math.min(8, program.countNow(cursor, 0, MAXIMUM_COUNT)) : 1
  const value = cursor.take(",") ? program.numberNow(cursor) : 0n
  const pattern = Array.from({ length: size }, (_, i) => (i < 4 ? Number((value >> BigInt(8 * i)) & 0xffn) : 0))
  if (!cursor.failure && count * size > 0) program.append(count * size, pattern)
}

/** Alignment to `bytesOf(operand)`, with an optional fill byte and an optional limit of how far to go. */
const alignment =
  (bytesOf: (operand: number) => number, most: number): Directive =>
  (program, cursor) => {
    const at = cursor.at
    const bytes = cursor.done || cursor.peek() === "," ? 1 : bytesOf(program.countNow(cursor, 0, most))
    let pattern: number[] | undefined
    if (cursor.take(",") && cursor.peek() !== "," && !cursor.done) pattern = [Number(program.numberNow(cursor) & 0xffn)]
    const limit = cursor.take(",") ? program.countNow(cursor, 0, MAXIMUM_ALIGNMENT) : 0
    if (cursor.failure) return
    if (bytes > 0 && (bytes & (bytes - 1)) !== 0) cursor.fail(`${bytes} is not a power of two`, at)
    else if (limit === 0 || (bytes - (program.section.length % bytes)) % bytes <= limit) program.align(Math.max(1, bytes), pattern)
  }
const powers = alignment((power) => 2 ** power, Math.log2(MAXIMUM_ALIGNMENT))
const multiples = alignment((bytes) => bytes, MAXIMUM_ALIGNMENT)

/** `.org place, byte`: forward only. */
const origin: Directive = (program, cursor) => {
  const at = cursor.at
  const target = placeNow(program, cursor)
  const byte = cursor.take(",") ? program.numberNow(cursor) : 0n
  if (cursor.failure) return
  const distance = target - program.section.length
  if (distance < 0) cursor.fail(`the section has ${program.section.length} bytes already`, at)
  else program.append(distance, [Number(byte & 0xffn)])
}
/** An offset in the current section, as a number or as a place in it. */
const placeNow = (program: Program, cursor: Cursor): number => {
  const at = cursor.at
  const value = program.symbols.evaluate(program.expression(cursor))
  if (cursor.failure) return 0
  if (!("offset" in value)) cursor.fail("wrong" in value ? value.wrong : `'${value.unknown}' must be known here`, at)
  else if (value.section && value.section !== program.section) cursor.fail("expected a place in this section", at)
  else if (value.offset < 0n || value.offset > BigInt(MAXIMUM_COUNT)) cursor.fail(`${value.offset} is not an offset in a section`, at)
  else return Number(value.offset)
  return 0
}

/** Words of instructions. */
const words: Directive = (program, cursor) => {
  program.section.align(4, { code: false })
  integers(4)(program, cursor)
}

/** LEB128 numbers, which must be known. */
const leb128 =
  (isSigned: boolean): Directive =>
  (program, cursor) => {
    do {
      const at = cursor.at
      let value = program.numberNow(cursor)
      if (cursor.failure) return
      if (value < 0n && !isSigned) cursor.fail(`${value} is negative`, at)
      const bytes: number[] = []
      for (;;) {
        const low = Number(value & 0x7fn)
        value >>= 7n
        const last = isSigned ? value === (low & 0x40 ? -1n : 0n) : value === 0n
        bytes.push(last ? low : low | 0x80)
        if (last || bytes.length > 20) break
      }
      program.append(bytes.length, bytes)
    } while (cursor.take(","))
  }

const named = (names: string, directive: Directive): readonly (readonly [string, Directive])[] =>
  names.split(" ").map((name) => [name, directive] as const)

export const dataDirectives: ReadonlyMap<string, Directive> = new Map([
  ...named(".byte .1byte", integers(1)),
  ...named(".hword .short .2byte .half", integers(2)),
  ...named(".word .long .int .4byte", integers(4)),
  ...named(".quad .xword .dword .8byte", integers(8)),
  ...named(".octa", integers(16)),
  ...named(".inst", words),
  ...named(".ascii", strings([])),
  ...named(".asciz .string", strings([0])),
  ...named(".float .single", floats(4)),
  ...named(".double", floats(8)),
  ...named(".space .skip .zero", skip),
  ...named(".fill", fill),
  ...named(".align .p2align", powers),
  ...named(".balign", multiples),
  ...named(".org", origin),
  ...named(".uleb128", leb128(false)),
  ...named(".sleb128", leb128(true))
])
