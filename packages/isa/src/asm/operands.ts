/** Instructions of a source: symbols and expressions in the text become numbers, the rest is the instruction table's to read. */
import { Cursor } from "./cursor.ts"
import { type Evaluation, type Expression, ExpressionReader, evaluationProblem, isValue, type Names, type Value } from "./expression.ts"

/** A piece of operand text: as it stands, or an expression. */
type Part = string | ExpressionPart
interface ExpressionPart {
  readonly expression: Expression
  /** `#` stood before it, so it is a number for certain; otherwise `raw` may be a word of the instruction. */
  readonly immediate: boolean
  readonly raw: string
  /** What is wanted of an address: `lo12`, `abs_g1` ... */
  readonly relocation: string | undefined
}
/** A literal that an instruction loads: `ldr x0, =value`. */
export interface Literal {
  readonly expression: Expression
  /** In bytes. */
  readonly size: 4 | 8 | 16
}
export interface PreparedInstruction {
  readonly mnemonic: string
  readonly parts: readonly Part[]
  readonly literal: Literal | undefined
}
/** Why a statement cannot be read, and where in its text. */
export interface Misread {
  readonly at: number
  readonly problem: string
}

const PUNCTUATION = ",[]{}"
const REGISTER = /^(?:[wx](?:\d|[12]\d|30|zr)|w?sp|lr|fp|ip[01]|[bhsdqvzp](?:\d|[12]\d|3[01])|pn?(?:\d|1[0-5]))(?![\w$])/i
const SHIFT = /^(lsl|lsr|asr|ror|msl|[us]xt[bhwx]|mul)\s+(?=\S)/i
const FLOAT = /^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$/
const RELOCATION = /^:(\w+):\s*/

/** End of the operand text that begins at `at`: the next punctuation outside of parentheses and characters. */
const segmentEnd = (text: string, at: number): number => {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const character = text[i]!
    if (character === "'") i += text[i + 1] === "\\" ? 2 : 1
    else if (character === "(") depth++
    else if (character === ")") depth--
    else if (depth <= 0 && PUNCTUATION.includes(character)) return i
  }
  return text.length
}

/** Reads the text of an instruction. `aliases` are register names given by `.req`. */
export const prepareInstruction = (text: string, names: Names, aliases: ReadonlyMap<string, string>): PreparedInstruction | Misread => {
  const mnemonic = /^\S+/.exec(text)![0]
  const parts: Part[] = []
  let literal: Literal | undefined
  for (let at = mnemonic.length; at < text.length; ) {
    const character = text[at]!
    if (PUNCTUATION.includes(character) || character === "!" || /\s/.test(character)) {
      parts.push(character)
      at++
      continue
    }
    const end = segmentEnd(text, at)
    const segment = text.slice(at, end).trimEnd()
    if (segment[0] === "=") {
      const read = readWhole(segment.slice(1), names)
      const size = literalSize(mnemonic, parts)
      if ("problem" in read) return { at: at + 1 + read.at, problem: read.problem }
      if (size === undefined) return { at, problem: `'${mnemonic}' cannot load a literal into ${parts.join("").replace(/[\s,]/g, "") || "nothing"}` }
      literal = { expression: read.expression, size }
    } else {
      const read = readSegment(segment, names, aliases)
      if ("problem" in read) return { at: at + read.at, problem: read.problem }
      parts.push(...read.parts)
    }
    at = end
  }
  return { mnemonic, parts, literal }
}

const LITERAL_SIZES: Readonly<Record<string, 4 | 8 | 16>> = { w: 4, x: 8, s: 4, d: 8, q: 16 }
const literalSize = (mnemonic: string, parts: readonly Part[]): 4 | 8 | 16 | undefined => {
  const register = parts
    .filter((part) => typeof part === "string")
    .join("")
    .trim()
    .toLowerCase()
  if (mnemonic.toLowerCase() === "ldrsw") return 4
  return mnemonic.toLowerCase() === "ldr" ? LITERAL_SIZES[register[0] ?? ""] : undefined
}

/** Reads text that is one expression from start to end. */
const readWhole = (text: string, names: Names): { readonly expression: Expression } | Misread => {
  const cursor = new Cursor(text)
  const expression = new ExpressionReader(cursor, names).read()
  cursor.end()
  return cursor.failure ? { at: cursor.failure.at, problem: cursor.failure.message } : { expression }
}
const renamed = (text: string, aliases: ReadonlyMap<string, string>): string =>
  aliases.size === 0 ? text : text.replace(/(?<![\w$.])[A-Za-z_][\w$]*/g, (name) => aliases.get(name) ?? name)

const readSegment = (text: string, names: Names, aliases: ReadonlyMap<string, string>): { readonly parts: readonly Part[] } | Misread => {
  const shift = SHIFT.exec(text)
  const before = shift ? shift[0].length : 0
  let rest = text.slice(before)
  const immediate = rest[0] === "#"
  let at = before
  if (immediate) {
    rest = rest.slice(1).trimStart()
    at = text.length - rest.length
  }
  const relocation = RELOCATION.exec(rest)
  if (relocation) {
    rest = rest.slice(relocation[0].length)
    at += relocation[0].length
  }
  const head = shift ? [`${shift[1]} `] : []
  const plain = renamed(text, aliases)
  if (!relocation && !shift && (REGISTER.test(plain) || FLOAT.test(rest))) return { parts: [plain] }
  const read = readWhole(rest, names)
  if ("problem" in read) return immediate || relocation ? { at: at + read.at, problem: read.problem } : { parts: [plain] }
  return {
    parts: [
      ...head,
      { expression: read.expression, immediate: immediate || shift !== null, raw: renamed(rest, aliases), relocation: relocation?.[1] }
    ]
  }
}

/** Instructions whose last operand is a place in the program. */
const RELATIVE =
  /^(?:bl?|b\.?(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al|nv)|b\.\w+|bc\.\w+|cbn?z|tbn?z|adrp?|cb[bh]?(?:eq|ne|gt|ge|hi|hs|lt|lo|le|ls))$/
const LITERAL_LOAD = /^(?:ldr|ldrsw|prfm)$/
const takesPlace = ({ mnemonic, parts, literal }: PreparedInstruction): boolean => {
  const name = mnemonic.toLowerCase()
  return RELATIVE.test(name) || (LITERAL_LOAD.test(name) && (literal !== undefined || !parts.includes("[")))
}

/** For MOV (wide immediate): which 16 bits of the value it takes, and whether the rest must be zero. */
const GROUP = /^abs_g([0-3])(_nc)?$/
const relocated = (relocation: string, value: bigint): string | { readonly problem: string } => {
  if (relocation === "lo12") return `#${value & 0xfffn}`
  const group = GROUP.exec(relocation)
  if (!group) return { problem: `':${relocation}:' is not known; lo12, pg_hi21 and abs_g0 to abs_g3 are` }
  const shift = 16n * BigInt(group[1]!)
  const field = value >> shift
  if (!group[2] && field > 0xffffn) return { problem: `0x${value.toString(16)} does not fit into :${relocation}:` }
  return shift === 0n ? `#${field & 0xffffn}` : `#${field & 0xffffn}, lsl #${shift}`
}

/** Text for the instruction table, as if the instruction stood at address 0. */
export interface Rendering {
  readonly text: string
  /** The same with names of symbols left alone: they may be words of the instruction (a label called `sy`). Undefined when there are none. */
  readonly asWritten: string | undefined
  /** Symbols that are not defined, unless they are words of the instruction: what is wrong, and the text with them as zeros. */
  readonly unresolved: { readonly problem: string; readonly text: string } | undefined
  /** Distance in bytes to the place the instruction refers to. */
  readonly distance: bigint | undefined
}

const relativeText = (distance: bigint): string => (distance < 0n ? `. - ${-distance}` : `. + ${distance}`)
const page = (address: bigint): bigint => (address >> 12n) << 12n

/** `evaluate` gives expressions their final values; `literalAddress` is where the literal lies, if there is one. */
export const render = (
  prepared: PreparedInstruction,
  address: bigint,
  evaluate: (expression: Expression) => Evaluation,
  literalAddress: bigint | undefined
): Rendering | { readonly problem: string } => {
  const mnemonic = prepared.mnemonic.toLowerCase()
  const last = takesPlace(prepared) ? prepared.parts.findLastIndex((part) => typeof part !== "string") : -1
  let text = mnemonic
  let asWritten = mnemonic
  let zeroed = mnemonic
  let problem: string | undefined
  let distance: bigint | undefined
  const addressOf = ({ section, offset }: Value): bigint => (section ? section.address! : 0n) + offset
  const distanceTo = (target: bigint): string => {
    distance = mnemonic === "adrp" ? page(target) - page(address) : target - address
    return relativeText(distance)
  }
  /** The text of an expression with a value. */
  const spell = (part: ExpressionPart, value: Value, isLast: boolean): string | { readonly problem: string } => {
    if (part.relocation?.startsWith("pg_hi21")) return distanceTo(addressOf(value))
    if (part.relocation !== undefined) return relocated(part.relocation, BigInt.asUintN(64, addressOf(value)))
    if (value.section) return distanceTo(addressOf(value))
    if (isLast) return mnemonic === "adrp" ? distanceTo(value.offset) : relativeText(value.offset)
    return part.immediate ? `#${value.offset}` : `${value.offset}`
  }
  for (const [index, part] of prepared.parts.entries()) {
    if (typeof part === "string") {
      text += part
      asWritten += part
      zeroed += part
      continue
    }
    asWritten += part.raw
    const value = evaluate(part.expression)
    if (!isValue(value)) {
      if (part.immediate || part.relocation !== undefined) return { problem: evaluationProblem(value) }
      problem ??= evaluationProblem(value)
      text += part.raw
      zeroed += "0"
      continue
    }
    const spelt = spell(part, value, index === last)
    if (typeof spelt !== "string") return spelt
    text += spelt
    zeroed += spelt
  }
  if (literalAddress !== undefined) text += distanceTo(literalAddress)
  return {
    text,
    asWritten: asWritten === text ? undefined : asWritten,
    unresolved: problem === undefined ? undefined : { problem, text: zeroed },
    distance
  }
}

/** Forms that only assemblers know: the text an instruction stands for when the table cannot read it. */
export const rewritten = (text: string): string | undefined => {
  const clear = /^bic\s+([wx])(.*),\s*#?(-?\d+)$/.exec(text)
  if (clear) return `and ${clear[1]}${clear[2]}, #${BigInt.asUintN(clear[1] === "x" ? 64 : 32, ~BigInt(clear[3]!))}`
  const extend = /^uxtw\s+[wx](\w+),\s*w(\w+)$/.exec(text)
  return extend ? `mov w${extend[1]}, w${extend[2]}` : undefined
}
