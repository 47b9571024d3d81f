/** Nodes of the recording machine, and element types whose operations check that widths agree. */
import type { BitOrder, Comparison, Condition, Float, FloatFormat, FloatOperation, Integer, Predicate, Rounding, Value, Vector } from "./builder.ts"

/** Widths are in bits. A constant is known when the declaration wrote it, or arithmetic on such constants. */
export interface ValueNode extends Value {
  readonly bits: number
  readonly constant?: bigint
}
/** Elements of `bits` bits; both are unknown for what a helper gives. */
export interface VectorNode extends Vector {
  readonly bits: number | undefined
  readonly lanes: number | undefined
}
export interface PredicateNode extends Predicate {
  readonly bits: number | undefined
  readonly lanes: number | undefined
}
/** Flags travel as 32-bit values, NZCV in bits 3:0. */
export const FLAGS_BITS = 32

// The brands of the builder's nodes exist in types only: every node is made here.
export const valueNode = (bits: number, constant?: bigint): ValueNode =>
  ({ bits, ...(constant === undefined ? {} : { constant: BigInt.asUintN(bits, constant) }) }) as ValueNode
export const vectorNode = (bits: number | undefined, lanes: number | undefined): VectorNode => ({ bits, lanes }) as VectorNode
export const predicateNode = (bits: number | undefined, lanes: number | undefined): PredicateNode => ({ bits, lanes }) as PredicateNode
export const conditionNode = (): Condition => ({}) as Condition

/** Where a width problem is reported; execution goes on. */
export type Report = (problem: string) => void

export const bitsOf = (value: Value): number => (value as ValueNode).bits
export const constantOf = (value: Value): bigint | undefined => (value as ValueNode).constant

/** Operations of all element types. */
class RecordedElement {
  constructor(
    readonly name: string,
    readonly bits: number,
    protected readonly report: Report
  ) {}

  /** Reports operands that are not as wide as the type. */
  protected take(operation: string, ...operands: readonly Value[]): ValueNode {
    for (const operand of operands)
      if (bitsOf(operand) !== this.bits) this.report(`${operation} of ${this.name} takes a ${bitsOf(operand)}-bit value`)
    return valueNode(this.bits)
  }
  /** A conversion: the operand has the width of another type. */
  protected takeFrom(operation: string, x: Value, source: { readonly bits: number; readonly name: string }): ValueNode {
    if (bitsOf(x) !== source.bits) this.report(`${operation} from ${source.name} takes a ${bitsOf(x)}-bit value`)
    return valueNode(this.bits)
  }
  add(x: Value, y: Value): Value {
    return this.take("add", x, y)
  }
  subtract(x: Value, y: Value): Value {
    return this.take("subtract", x, y)
  }
  multiply(x: Value, y: Value): Value {
    return this.take("multiply", x, y)
  }
  divide(x: Value, y: Value): Value {
    return this.take("divide", x, y)
  }
  minimum(x: Value, y: Value): Value {
    return this.take("minimum", x, y)
  }
  maximum(x: Value, y: Value): Value {
    return this.take("maximum", x, y)
  }
  negate(x: Value): Value {
    return this.take("negate", x)
  }
  absolute(x: Value): Value {
    return this.take("absolute", x)
  }
  select(_condition: Condition, whenTrue: Value, whenFalse: Value): Value {
    return this.take("select", whenTrue, whenFalse)
  }
  test(x: Value, _comparison: Comparison, y: Value): Condition {
    this.take("test", x, y)
    return conditionNode()
  }
}

export class RecordedInteger extends RecordedElement implements Integer {
  constructor(
    bits: number,
    readonly signed: boolean,
    report: Report
  ) {
    super(`${signed ? "signed" : "unsigned"}(${bits})`, bits, report)
  }

  constant(n: number | bigint): Value {
    return valueNode(this.bits, BigInt(n))
  }
  override add(x: Value, y: Value): Value {
    return this.#folded(this.take("add", x, y), x, y, (a, b) => a + b)
  }
  override subtract(x: Value, y: Value): Value {
    return this.#folded(this.take("subtract", x, y), x, y, (a, b) => a - b)
  }
  #folded(node: ValueNode, x: Value, y: Value, combine: (a: bigint, b: bigint) => bigint): Value {
    const a = constantOf(x)
    const b = constantOf(y)
    return a === undefined || b === undefined ? node : valueNode(this.bits, combine(a, b))
  }
  from(x: Value, source: Integer): Value {
    const node = this.takeFrom("from", x, source)
    const constant = constantOf(x)
    if (constant === undefined) return node
    return valueNode(this.bits, source.signed ? BigInt.asIntN(source.bits, constant) : constant)
  }
  part(x: Value, index: number, source: Integer): Value {
    if ((index + 1) * source.bits > this.bits || index < 0) this.report(`part ${index} of ${source.name} does not lie in ${this.name}`)
    return this.take("part", x)
  }
  saturate(x: Value, source: Integer): Value {
    return this.takeFrom("saturate", x, source)
  }
  multiplyHigh(x: Value, y: Value): Value {
    return this.take("multiplyHigh", x, y)
  }
  and(x: Value, y: Value): Value {
    return this.take("and", x, y)
  }
  or(x: Value, y: Value): Value {
    return this.take("or", x, y)
  }
  xor(x: Value, y: Value): Value {
    return this.take("xor", x, y)
  }
  not(x: Value): Value {
    return this.take("not", x)
  }
  /** Amounts are fields or values of any width. */
  shiftLeft(x: Value, _amount: number | Value): Value {
    return this.take("shiftLeft", x)
  }
  shiftRight(x: Value, _amount: number | Value): Value {
    return this.take("shiftRight", x)
  }
  rotateRight(x: Value, _amount: number | Value): Value {
    return this.take("rotateRight", x)
  }
  countLeadingZeros(x: Value): Value {
    return this.take("countLeadingZeros", x)
  }
  countOnes(x: Value): Value {
    return this.take("countOnes", x)
  }
  reverse(x: Value, _order: BitOrder): Value {
    return this.take("reverse", x)
  }
  addWithCarry(x: Value, y: Value, _carry: Condition): { readonly result: Value; readonly flags: Value } {
    return { result: this.take("addWithCarry", x, y), flags: valueNode(FLAGS_BITS) }
  }
}

const widths: Readonly<Record<FloatFormat, number>> = { 16: 16, 32: 32, 64: 64, bfloat16: 16, float8: 8 }
export class RecordedFloat extends RecordedElement implements Float {
  constructor(format: FloatFormat, report: Report) {
    super(`float(${format})`, widths[format], report)
  }

  constant(_n: number | bigint): Value {
    return valueNode(this.bits)
  }
  squareRoot(x: Value): Value {
    return this.take("squareRoot", x)
  }
  multiplyAdd(addend: Value, x: Value, y: Value): Value {
    return this.take("multiplyAdd", addend, x, y)
  }
  minimumNumber(x: Value, y: Value): Value {
    return this.take("minimumNumber", x, y)
  }
  maximumNumber(x: Value, y: Value): Value {
    return this.take("maximumNumber", x, y)
  }
  compare(x: Value, y: Value, _signalAllNaNs: boolean): Value {
    this.take("compare", x, y)
    return valueNode(FLAGS_BITS)
  }
  convert(x: Value, source: Float, _rounding?: Rounding): Value {
    return this.takeFrom("convert", x, source)
  }
  fromInteger(x: Value, source: Integer, _fractionBits: number): Value {
    return this.takeFrom("fromInteger", x, source)
  }
  toInteger(x: Value, target: Integer, _rounding: Rounding, _fractionBits: number): Value {
    this.take("toInteger", x)
    return valueNode(target.bits)
  }
  roundToIntegral(x: Value, _rounding: Rounding, _signalInexact: boolean): Value {
    return this.take("roundToIntegral", x)
  }
  special(operation: FloatOperation, ...operands: readonly Value[]): Value {
    return this.take(operation, ...operands)
  }
}
