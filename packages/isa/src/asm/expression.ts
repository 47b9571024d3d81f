/** Expressions of assembly text: read into a tree, and evaluated as GNU as does, in 64 bits. */
import { type Cursor, escapedByte } from "./cursor.ts"
import type { Section } from "./section.ts"

/** A number, or an address within a section. Offsets and numbers are exact; results of operators wrap to 64 bits, signed. */
export interface Value {
  readonly section: Section | undefined
  readonly offset: bigint
}
export type Expression =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }

/** What an expression is worth: a value, a name that has none (yet), or a reason why it has none. */
export type Evaluation = Value | { readonly unknown: string } | { readonly wrong: string }
export const isValue = (evaluation: Evaluation): evaluation is Value => "offset" in evaluation
/** What is wrong with an expression that has no value. */
export const evaluationProblem = (evaluation: Exclude<Evaluation, Value>): string =>
  "wrong" in evaluation ? evaluation.wrong : `'${evaluation.unknown}' is not defined`

export const numberValue = (offset: bigint): Value => ({ section: undefined, offset })
export const constant = (offset: bigint): Expression => ({ kind: "value", value: numberValue(offset) })

/** What a reader of expressions needs to know about names. */
export interface Names {
  /** The place that `.` means. */
  readonly here: () => Value
  /** The name a numeric label like 1b or 2f stands for. */
  readonly numericLabel: (label: string, direction: "b" | "f") => string
  /** The value that a symbol set by `.set` has at this point of the source. */
  readonly current: (name: string) => Value | undefined
}

/** Binary operators by binding strength, weakest first. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!=", "<>", "<=", ">=", "<", ">"],
  ["+", "-"],
  ["|", "&", "^", "!"],
  ["*", "/", "%", "<<", ">>"]
]
const OPERATOR = /\|\||&&|==|!=|<>|<=|>=|<<|>>|[<>+\-|&^!*/%]/y
const levelOf = new Map(LEVELS.flatMap((operators, level) => operators.map((operator) => [operator, level] as const)))
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+(?![\w])|\d+(?![\w.])/y
const NUMERIC_LABEL = /(\d+)([bf])(?![\w$.])/y
const NAME = /[A-Za-z_.$][\w.$]*/y

const MAXIMUM_DEPTH = 100
const MAXIMUM_TERMS = 1000
const MAXIMUM_DIGITS = 100

/** Reads one expression; a failure is left in the cursor. */
export class ExpressionReader {
  readonly #cursor: Cursor
  readonly #names: Names
  #depth = 0
  #terms = 0

  constructor(cursor: Cursor, names: Names) {
    this.#cursor = cursor
    this.#names = names
  }

  read(): Expression {
    return this.#binary(0)
  }

  #binary(level: number): Expression {
    if (level === LEVELS.length) return this.#unary()
    let left = this.#binary(level + 1)
    for (;;) {
      const operator = this.#operatorAt(level)
      if (operator === undefined) return left
      left = fold({ kind: "binary", operator, left, right: this.#binary(level + 1) })
      if (left.kind === "binary" && ++this.#terms > MAXIMUM_TERMS) this.#cursor.fail(`an expression has at most ${MAXIMUM_TERMS} terms`)
    }
  }
  #operatorAt(level: number): string | undefined {
    const cursor = this.#cursor
    OPERATOR.lastIndex = cursor.at
    const operator = OPERATOR.exec(cursor.text)?.[0]
    if (operator === undefined || levelOf.get(operator) !== level) return undefined
    cursor.take(operator)
    return operator
  }
  #unary(): Expression {
    const cursor = this.#cursor
    if (++this.#depth > MAXIMUM_DEPTH) {
      cursor.fail(`an expression nests at most ${MAXIMUM_DEPTH} levels`)
      return constant(0n)
    }
    const operator = cursor.match(/[-+~!]/y)?.[0]
    const result = operator === undefined ? this.#primary() : fold({ kind: "unary", operator, operand: this.#unary() })
    this.#depth--
    return result
  }
  #primary(): Expression {
    const cursor = this.#cursor
    if (cursor.take("(")) {
      const inside = this.#binary(0)
      cursor.expect(")")
      return inside
    }
    const label = cursor.match(NUMERIC_LABEL)
    if (label) return { kind: "symbol", name: this.#names.numericLabel(label[1]!, label[2] as "b" | "f") }
    const at = cursor.at
    const number = cursor.match(NUMBER)?.[0]
    if (number !== undefined) return this.#number(number, at)
    if (cursor.peek() === "'") return this.#character()
    const name = cursor.match(NAME)?.[0]
    if (name === ".") return { kind: "value", value: this.#names.here() }
    if (name !== undefined) {
      const value = this.#names.current(name)
      return value ? { kind: "value", value } : { kind: "symbol", name }
    }
    cursor.fail(`expected a number or a name${cursor.found()}`)
    return constant(0n)
  }
  #number(text: string, at: number): Expression {
    if (text.length > MAXIMUM_DIGITS) this.#cursor.fail(`a number has at most ${MAXIMUM_DIGITS} digits`, at)
    else if (/^0\d*[89]/.test(text)) this.#cursor.fail(`'${text}' is not an octal number`, at)
    else return constant(BigInt(/^0\d/.test(text) ? `0o${text.slice(1)}` : text.toLowerCase()))
    return constant(0n)
  }
  /** A character in single quotes, of which the second one may be missing. */
  #character(): Expression {
    const cursor = this.#cursor
    const { text, at } = cursor
    const character = text[at + 1]
    const escaped = character === "\\" ? escapedByte(cursor, at + 1) : undefined
    if (character === undefined || (character === "\\" && !escaped)) {
      cursor.fail("expected a character after the quote")
      return constant(0n)
    }
    const point = text.codePointAt(at + 1)!
    cursor.at = escaped?.end ?? at + 1 + String.fromCodePoint(point).length
    cursor.take("'")
    cursor.skipSpace()
    return constant(BigInt(escaped?.byte ?? point))
  }
}

/** An operator over known numbers is the number; what is wrong with it shows when it is evaluated. */
const fold = (expression: Expression): Expression => {
  const operands = expression.kind === "unary" ? [expression.operand] : expression.kind === "binary" ? [expression.left, expression.right] : []
  if (operands.some((operand) => operand.kind !== "value")) return expression
  const result = evaluate(expression, () => undefined)
  return isValue(result) ? { kind: "value", value: result } : expression
}

const truth = (condition: boolean): bigint => (condition ? -1n : 0n)
const UNARY: Readonly<Record<string, (n: bigint) => bigint>> = {
  "+": (n) => n,
  "-": (n) => -n,
  "~": (n) => ~n,
  "!": (n) => (n === 0n ? 1n : 0n)
}
/** Comparisons and division are signed, a right shift is logical. */
const BINARY: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  "||": (a, b) => (a !== 0n || b !== 0n ? 1n : 0n),
  "&&": (a, b) => (a !== 0n && b !== 0n ? 1n : 0n),
  "==": (a, b) => truth(a === b),
  "!=": (a, b) => truth(a !== b),
  "<>": (a, b) => truth(a !== b),
  "<=": (a, b) => truth(a <= b),
  ">=": (a, b) => truth(a >= b),
  "<": (a, b) => truth(a < b),
  ">": (a, b) => truth(a > b),
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "|": (a, b) => a | b,
  "&": (a, b) => a & b,
  "^": (a, b) => a ^ b,
  "!": (a, b) => a | ~b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "<<": (a, b) => (b < 0n || b > 63n ? 0n : a << b),
  ">>": (a, b) => (b < 0n || b > 63n ? 0n : BigInt.asUintN(64, a) >> b)
}
const wrap = (n: bigint): bigint => BigInt.asIntN(64, n)

/** What an expression is worth; `resolve` says what a symbol is. */
export const evaluate = (expression: Expression, resolve: (name: string) => Evaluation | undefined): Evaluation => {
  switch (expression.kind) {
    case "value":
      return expression.value
    case "symbol":
      return resolve(expression.name) ?? { unknown: expression.name }
    case "unary": {
      const operand = evaluate(expression.operand, resolve)
      if (!isValue(operand)) return operand
      if (operand.section && expression.operator !== "+") return { wrong: `'${expression.operator}' needs a number, not an address` }
      return expression.operator === "+" ? operand : numberValue(wrap(UNARY[expression.operator]!(wrap(operand.offset))))
    }
    case "binary": {
      const left = evaluate(expression.left, resolve)
      if (!isValue(left)) return left
      const right = evaluate(expression.right, resolve)
      return isValue(right) ? combine(expression.operator, left, right) : right
    }
  }
}
const combine = (operator: string, left: Value, right: Value): Evaluation => {
  const { section } = left
  if (section || right.section) {
    if (operator === "+" && !(section && right.section)) return { section: section ?? right.section, offset: wrap(left.offset + right.offset) }
    if (operator === "-" && section && !right.section) return { section, offset: wrap(left.offset - right.offset) }
    if (operator === "-" && section && right.section && section !== right.section) return distance(left, right)
    const comparable = operator === "-" || levelOf.get(operator) === 2
    if (!comparable || section !== right.section) return { wrong: `'${operator}' needs numbers, not addresses` }
  }
  if ((operator === "/" || operator === "%") && right.offset === 0n) return { wrong: "division by zero" }
  return numberValue(wrap(BINARY[operator]!(wrap(left.offset), wrap(right.offset))))
}
/** Addresses in two sections can be subtracted once these have a place. */
const distance = (left: Value, right: Value): Evaluation => {
  const [from, to] = [left.section!, right.section!]
  if (from.address === undefined || to.address === undefined) return { unknown: `distance of ${from.name} and ${to.name}` }
  return numberValue(wrap(from.address + left.offset - to.address - right.offset))
}
