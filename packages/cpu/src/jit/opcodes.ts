/** The parts of WebAssembly's binary format that generated code uses. */

/** Value types. */
export const I32 = 0x7f
export const I64 = 0x7e
export const F32 = 0x7d
export const F64 = 0x7c
export const V128 = 0x7b

/** Opcodes behind a prefix byte carry it as an addend. */
export const MISC = 0x800
export const SIMD = 0x1000

const from = <const Names extends string>(base: number, names: string) =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name, i) => [name, base + i])
      .filter(([name]) => name !== "-")
  ) as Record<Names, number>

type Compare = "eq" | "ne" | "lt_s" | "lt_u" | "gt_s" | "gt_u" | "le_s" | "le_u" | "ge_s" | "ge_u"
type IntegerNames =
  | "eqz"
  | Compare
  | "clz"
  | "ctz"
  | "popcnt"
  | "add"
  | "sub"
  | "mul"
  | "div_s"
  | "div_u"
  | "rem_s"
  | "rem_u"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr_s"
  | "shr_u"
  | "rotl"
  | "rotr"
const COMPARES = "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"
const ARITHMETIC = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"
const integer = (compares: number, arithmetic: number) =>
  ({ ...from(compares, COMPARES), ...from(arithmetic, ARITHMETIC) }) as Record<IntegerNames, number>
/** Integer instructions by name, for 32 and 64 bits. */
export const i32 = integer(0x45, 0x67)
export const i64 = integer(0x50, 0x79)

type FloatNames =
  | "eq"
  | "ne"
  | "lt"
  | "gt"
  | "le"
  | "ge"
  | "abs"
  | "neg"
  | "ceil"
  | "floor"
  | "trunc"
  | "nearest"
  | "sqrt"
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "copysign"
const FLOATS = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"
const floating = (compares: number, arithmetic: number) =>
  ({ ...from(compares, "eq ne lt gt le ge"), ...from(arithmetic, FLOATS) }) as Record<FloatNames, number>
export const f32 = floating(0x5b, 0x8b)
export const f64 = floating(0x61, 0x99)

export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store32: 0x3e,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Wrap: 0xa7,
  i32TruncF32S: 0xa8,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f32ConvertI32S: 0xb2,
  f32ConvertI32U: 0xb3,
  f32ConvertI64S: 0xb4,
  f32ConvertI64U: 0xb5,
  f32Demote: 0xb6,
  f64ConvertI32S: 0xb7,
  f64ConvertI32U: 0xb8,
  f64ConvertI64S: 0xb9,
  f64ConvertI64U: 0xba,
  f64Promote: 0xbb,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  f32ReinterpretI32: 0xbe,
  f64ReinterpretI64: 0xbf,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend32S: 0xc4,
  /** i32.trunc_sat_f32_s and the seven that follow: i32 then i64, of f32 then f64, signed then unsigned. */
  truncSat: MISC + 0
} as const

/** Vector instructions that have no form per lane width. */
export const v128 = {
  load: SIMD + 0,
  load8Splat: SIMD + 7,
  store: SIMD + 11,
  const: SIMD + 12,
  shuffle: SIMD + 13,
  swizzle: SIMD + 14,
  not: SIMD + 77,
  and: SIMD + 78,
  andnot: SIMD + 79,
  or: SIMD + 80,
  xor: SIMD + 81,
  bitselect: SIMD + 82,
  anyTrue: SIMD + 83,
  load8Lane: SIMD + 84,
  store8Lane: SIMD + 88,
  load32Zero: SIMD + 92,
  load64Zero: SIMD + 93,
  demote: SIMD + 94,
  promoteLow: SIMD + 95,
  popcnt8: SIMD + 98,
  dot16: SIMD + 186,
  i32x4TruncSatS: SIMD + 248,
  i32x4TruncSatU: SIMD + 249,
  f32x4ConvertS: SIMD + 250,
  f32x4ConvertU: SIMD + 251,
  f32x4RelaxedMadd: SIMD + 0x105,
  f64x2RelaxedMadd: SIMD + 0x107
} as const

/** A row of the pattern table: opcodes for lanes of 8, 16, 32 and 64 bits; 0 where WebAssembly has none. */
export type LaneRow = readonly [number, number, number, number]
const row = (a: number, b: number, c: number, d: number): LaneRow => [a && SIMD + a, b && SIMD + b, c && SIMD + c, d && SIMD + d]
/**
 * The pattern table: operation x lane width. What is 0 here is built from other rows (lanes.ts) or goes lane by lane.
 * Names end in `S` or `U` where the sign matters.
 */
export const lanePattern = {
  splat: row(15, 16, 17, 18),
  extractS: row(21, 24, 27, 29),
  extractU: row(22, 25, 27, 29),
  replace: row(23, 26, 28, 30),
  equal: row(35, 45, 55, 214),
  notEqual: row(36, 46, 56, 215),
  lessS: row(37, 47, 57, 216),
  lessU: row(38, 48, 58, 0),
  greaterS: row(39, 49, 59, 217),
  greaterU: row(40, 50, 60, 0),
  lessOrEqualS: row(41, 51, 61, 218),
  lessOrEqualU: row(42, 52, 62, 0),
  greaterOrEqualS: row(43, 53, 63, 219),
  greaterOrEqualU: row(44, 54, 64, 0),
  absolute: row(96, 128, 160, 192),
  negate: row(97, 129, 161, 193),
  allTrue: row(99, 131, 163, 195),
  bitmask: row(100, 132, 164, 196),
  shiftLeft: row(107, 139, 171, 203),
  shiftRightS: row(108, 140, 172, 204),
  shiftRightU: row(109, 141, 173, 205),
  add: row(110, 142, 174, 206),
  subtract: row(113, 145, 177, 209),
  multiply: row(0, 149, 181, 213),
  minimumS: row(118, 150, 182, 0),
  minimumU: row(119, 151, 183, 0),
  maximumS: row(120, 152, 184, 0),
  maximumU: row(121, 153, 185, 0),
  /** To lanes of this width, from the lower or upper half of lanes of half the width. */
  extendLowS: row(0, 135, 167, 199),
  extendHighS: row(0, 136, 168, 200),
  extendLowU: row(0, 137, 169, 201),
  extendHighU: row(0, 138, 170, 202),
  /** To lanes of this width, clamping signed lanes of twice the width: two vectors into one. */
  narrowS: row(101, 133, 0, 0),
  narrowU: row(102, 134, 0, 0)
} as const
export type LanePattern = keyof typeof lanePattern

type FloatRow = readonly [single: number, double: number]
const pair = (single: number, double: number): FloatRow => [SIMD + single, SIMD + double]
/** Floating-point lanes: opcodes for 32 and 64 bits. */
export const floatPattern = {
  splat: pair(19, 20),
  extract: pair(31, 33),
  replace: pair(32, 34),
  equal: pair(65, 71),
  notEqual: pair(66, 72),
  less: pair(67, 73),
  greater: pair(68, 74),
  lessOrEqual: pair(69, 75),
  greaterOrEqual: pair(70, 76),
  ceil: pair(103, 116),
  floor: pair(104, 117),
  trunc: pair(105, 122),
  nearest: pair(106, 148),
  absolute: pair(224, 236),
  negate: pair(225, 237),
  squareRoot: pair(227, 239),
  add: pair(228, 240),
  subtract: pair(229, 241),
  multiply: pair(230, 242),
  divide: pair(231, 243),
  minimum: pair(232, 244),
  maximum: pair(233, 245)
} as const
export type FloatPattern = keyof typeof floatPattern
