import type { BitOrder, Comparison } from "@eltwo/isa"

/**
 * A run-time bit pattern, never negative: a number for types of up to 32 bits, a bigint for wider ones. A type gives it its meaning.
 * Every method below takes patterns of its own type unless it names the source type.
 */
export type Bits = number | bigint
/** A shift amount: a field, or a pattern of any type. */
type Amount = Bits

const GROUP: Readonly<Record<BitOrder, number>> = { bits: 1, bytes: 8, halfwords: 16, words: 32 }
/** One doubleword seen as its halves, least significant first. */
const cell = new BigUint64Array(2)
const half = new Uint32Array(cell.buffer)
/** An amount as a number; too large for any type when it does not fit into one. */
const small = (amount: Amount): number => (typeof amount === "number" ? amount : amount > 0xffffn ? 0xffff : Number(amount))
const ones = (x: number): number => {
  x -= (x >>> 1) & 0x55555555
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
const nzcv = (negative: number, zero: boolean, carry: boolean, overflow: number): number =>
  (negative ? 8 : 0) | (zero ? 4 : 0) | (carry ? 2 : 0) | (overflow ? 1 : 0)
const compared = (comparison: Comparison, less: boolean, equal: boolean): boolean => {
  switch (comparison) {
    case "equal":
      return equal
    case "less":
      return less
    case "lessOrEqual":
      return less || equal
    case "greater":
      return !less && !equal
    case "greaterOrEqual":
      return !less
    case "unordered":
      return false
  }
}

/** Integers of up to 32 bits. */
export class NarrowInteger {
  readonly name: string
  readonly #mask: number
  readonly #spare: number
  /** Added to both sides, it makes an unsigned comparison of a signed one. */
  readonly #bias: number
  readonly #least: number
  readonly #most: number

  constructor(
    readonly bits: number,
    readonly signed: boolean
  ) {
    this.name = `${signed ? "int" : "uint"}${bits}`
    this.#mask = bits === 32 ? -1 : (1 << bits) - 1
    this.#spare = 32 - bits
    this.#bias = signed ? 1 << (bits - 1) : 0
    this.#least = signed ? -(2 ** (bits - 1)) : 0
    this.#most = 2 ** (signed ? bits - 1 : bits) - 1
  }

  /** The integer a pattern stands for. */
  value(x: number): number {
    return this.signed ? (x << this.#spare) >> this.#spare : x
  }
  /** The pattern of an integer, modulo 2^bits. */
  wrap(n: Bits): number {
    return typeof n === "number" ? (n & this.#mask) >>> 0 : Number(BigInt.asUintN(this.bits, n))
  }
  constant(n: Bits): number {
    return this.wrap(n)
  }
  add(x: number, y: number): number {
    return ((x + y) & this.#mask) >>> 0
  }
  subtract(x: number, y: number): number {
    return ((x - y) & this.#mask) >>> 0
  }
  multiply(x: number, y: number): number {
    return (Math.imul(x, y) & this.#mask) >>> 0
  }
  multiplyHigh(x: number, y: number): number {
    const a = this.value(x)
    const b = this.value(y)
    if (this.bits <= 16) return this.wrap(Math.floor((a * b) / 2 ** this.bits))
    return this.wrap((BigInt(a) * BigInt(b)) >> BigInt(this.bits))
  }
  divide(x: number, y: number): number {
    return y === 0 ? 0 : this.wrap(Math.trunc(this.value(x) / this.value(y)))
  }
  #less(x: number, y: number): boolean {
    return (x ^ this.#bias) >>> 0 < (y ^ this.#bias) >>> 0
  }
  minimum(x: number, y: number): number {
    return this.#less(y, x) ? y : x
  }
  maximum(x: number, y: number): number {
    return this.#less(x, y) ? y : x
  }
  negate(x: number): number {
    return (-x & this.#mask) >>> 0
  }
  absolute(x: number): number {
    return this.value(x) < 0 ? this.negate(x) : x
  }
  select(condition: boolean, whenTrue: number, whenFalse: number): number {
    return condition ? whenTrue : whenFalse
  }
  test(x: number, comparison: Comparison, y: number): boolean {
    return compared(comparison, this.#less(x, y), x === y)
  }
  from(x: Bits, source: IntegerType): number {
    return this.wrap(typeof x === "number" ? (source as NarrowInteger).value(x) : x)
  }
  part(x: number, index: number, source: NarrowInteger): number {
    return this.wrap(source.value(source.wrap(x >>> (index * source.bits))))
  }
  saturate(x: Bits, source: IntegerType): number {
    if (typeof x === "number") return this.wrap(Math.min(Math.max((source as NarrowInteger).value(x), this.#least), this.#most))
    const n = (source as WideInteger).value(x)
    return n < this.#least ? this.wrap(this.#least) : n > this.#most ? this.wrap(this.#most) : this.wrap(n)
  }
  and(x: number, y: number): number {
    return (x & y) >>> 0
  }
  or(x: number, y: number): number {
    return (x | y) >>> 0
  }
  xor(x: number, y: number): number {
    return (x ^ y) >>> 0
  }
  not(x: number): number {
    return (~x & this.#mask) >>> 0
  }
  shiftLeft(x: number, amount: Amount): number {
    const n = small(amount)
    return n >= this.bits ? 0 : ((x << n) & this.#mask) >>> 0
  }
  shiftRight(x: number, amount: Amount): number {
    const n = small(amount)
    if (this.signed) return this.wrap(this.value(x) >> Math.min(n, 31))
    return n >= this.bits ? 0 : x >>> n
  }
  rotateRight(x: number, amount: Amount): number {
    const n = small(amount) % this.bits
    return n === 0 ? x : (((x >>> n) | (x << (this.bits - n))) & this.#mask) >>> 0
  }
  countLeadingZeros(x: number): number {
    return Math.clz32(x) - this.#spare
  }
  countOnes(x: number): number {
    return ones(x)
  }
  reverse(x: number, order: BitOrder): number {
    const group = GROUP[order]
    if (group >= this.bits) return x
    let out = 0
    for (let i = 0; i < this.bits; i += group) out = (out << group) | ((x >>> i) & ((1 << group) - 1))
    return out >>> 0
  }
  addWithCarry(x: number, y: number, carry: boolean): { readonly result: number; readonly flags: number } {
    const total = x + y + (carry ? 1 : 0)
    const result = this.wrap(total)
    const sign = 1 << (this.bits - 1)
    return { result, flags: nzcv(result & sign, result === 0, total !== result, ~(x ^ y) & (x ^ result) & sign) }
  }
}

/** Integers of more than 32 bits; of 64 unless a subclass says otherwise. */
export class WideInteger {
  readonly name: string

  constructor(
    readonly bits: number,
    readonly signed: boolean
  ) {
    this.name = `${signed ? "int" : "uint"}${bits}`
  }

  /** The integer a pattern stands for. */
  value(x: bigint): bigint {
    return this.signed ? BigInt.asIntN(64, x) : x
  }
  /** The pattern of an integer, modulo 2^bits. */
  wrap(n: Bits): bigint {
    return BigInt.asUintN(64, typeof n === "number" ? BigInt(n) : n)
  }
  constant(n: Bits): bigint {
    return this.wrap(n)
  }
  add(x: bigint, y: bigint): bigint {
    return BigInt.asUintN(64, x + y)
  }
  subtract(x: bigint, y: bigint): bigint {
    return BigInt.asUintN(64, x - y)
  }
  multiply(x: bigint, y: bigint): bigint {
    return BigInt.asUintN(64, x * y)
  }
  multiplyHigh(x: bigint, y: bigint): bigint {
    return this.wrap((this.value(x) * this.value(y)) >> BigInt(this.bits))
  }
  divide(x: bigint, y: bigint): bigint {
    return y === 0n ? 0n : this.wrap(this.value(x) / this.value(y))
  }
  minimum(x: bigint, y: bigint): bigint {
    return this.value(y) < this.value(x) ? y : x
  }
  maximum(x: bigint, y: bigint): bigint {
    return this.value(x) < this.value(y) ? y : x
  }
  negate(x: bigint): bigint {
    return this.wrap(-x)
  }
  absolute(x: bigint): bigint {
    return this.value(x) < 0n ? this.wrap(-x) : x
  }
  select(condition: boolean, whenTrue: bigint, whenFalse: bigint): bigint {
    return condition ? whenTrue : whenFalse
  }
  test(x: bigint, comparison: Comparison, y: bigint): boolean {
    return compared(comparison, this.value(x) < this.value(y), x === y)
  }
  from(x: Bits, source: IntegerType): bigint {
    return this.wrap(typeof x === "number" ? (source as NarrowInteger).value(x) : (source as WideInteger).value(x))
  }
  part(x: bigint, index: number, source: IntegerType): bigint {
    return this.from(source.wrap(x >> BigInt(index * source.bits)), source)
  }
  saturate(x: Bits, source: IntegerType): bigint {
    const n = typeof x === "number" ? BigInt((source as NarrowInteger).value(x)) : (source as WideInteger).value(x)
    const least = this.signed ? -(1n << BigInt(this.bits - 1)) : 0n
    const most = (1n << BigInt(this.signed ? this.bits - 1 : this.bits)) - 1n
    return this.wrap(n < least ? least : n > most ? most : n)
  }
  and(x: bigint, y: bigint): bigint {
    return x & y
  }
  or(x: bigint, y: bigint): bigint {
    return x | y
  }
  xor(x: bigint, y: bigint): bigint {
    return x ^ y
  }
  not(x: bigint): bigint {
    return this.wrap(~x)
  }
  shiftLeft(x: bigint, amount: Amount): bigint {
    const n = small(amount)
    return n >= this.bits ? 0n : this.wrap(x << BigInt(n))
  }
  shiftRight(x: bigint, amount: Amount): bigint {
    const n = Math.min(small(amount), this.bits)
    return this.signed ? this.wrap(this.value(x) >> BigInt(n)) : x >> BigInt(n)
  }
  rotateRight(x: bigint, amount: Amount): bigint {
    const n = small(amount) % this.bits
    return n === 0 ? x : this.wrap((x >> BigInt(n)) | (x << BigInt(this.bits - n)))
  }
  countLeadingZeros(x: bigint): bigint {
    cell[0] = x
    return BigInt(half[1] === 0 ? 32 + Math.clz32(half[0]!) : Math.clz32(half[1]!))
  }
  countOnes(x: bigint): bigint {
    cell[0] = x
    return BigInt(ones(half[0]!) + ones(half[1]!))
  }
  reverse(x: bigint, order: BitOrder): bigint {
    const group = BigInt(GROUP[order])
    const mask = (1n << group) - 1n
    let out = 0n
    for (let i = 0n; i < this.bits; i += group) out = (out << group) | ((x >> i) & mask)
    return out
  }
  addWithCarry(x: bigint, y: bigint, carry: boolean): { readonly result: bigint; readonly flags: number } {
    cell[0] = x
    cell[1] = y
    const low = half[0]! + half[2]! + (carry ? 1 : 0)
    const high = half[1]! + half[3]! + (low > 0xffffffff ? 1 : 0)
    const overflow = ~(half[1]! ^ half[3]!) & (half[1]! ^ high)
    half[0] = low
    half[1] = high
    const flags = nzcv(high & 0x80000000, (half[0]! | half[1]!) === 0, high > 0xffffffff, overflow & 0x80000000)
    return { result: cell[0]!, flags }
  }
}

/** Integers of any number of bits, for intermediates: the operations whose 64-bit form above is a special case. */
export class ExtendedInteger extends WideInteger {
  override value(x: bigint): bigint {
    return this.signed ? BigInt.asIntN(this.bits, x) : x
  }
  override wrap(n: Bits): bigint {
    return BigInt.asUintN(this.bits, BigInt(n))
  }
  override add(x: bigint, y: bigint): bigint {
    return this.wrap(x + y)
  }
  override subtract(x: bigint, y: bigint): bigint {
    return this.wrap(x - y)
  }
  override multiply(x: bigint, y: bigint): bigint {
    return this.wrap(x * y)
  }
  override countLeadingZeros(x: bigint): bigint {
    return BigInt(x === 0n ? this.bits : this.bits - x.toString(2).length)
  }
  override countOnes(x: bigint): bigint {
    let count = 0n
    for (; x !== 0n; x &= x - 1n) count++
    return count
  }
  override addWithCarry(x: bigint, y: bigint, carry: boolean): { readonly result: bigint; readonly flags: number } {
    const total = x + y + (carry ? 1n : 0n)
    const result = this.wrap(total)
    const sign = BigInt(this.bits - 1)
    const overflow = (~(x ^ y) & (x ^ result)) >> sign
    return { result, flags: nzcv(Number(result >> sign), result === 0n, total !== result, Number(overflow & 1n)) }
  }
}

export type IntegerType = NarrowInteger | WideInteger

/** Types by width; signed ones in the second list. */
const types: readonly [(IntegerType | undefined)[], (IntegerType | undefined)[]] = [[], []]
/** The one type of that width and sign. */
export const integerType = (bits: number, signed: boolean): IntegerType => (signed ? types[1] : types[0])[bits] ?? make(bits, signed)
const make = (bits: number, signed: boolean): IntegerType => {
  const made = bits <= 32 ? new NarrowInteger(bits, signed) : bits === 64 ? new WideInteger(64, signed) : new ExtendedInteger(bits, signed)
  types[signed ? 1 : 0][bits] = made
  return made
}
