/** A statement of a source being read from left to right. */

/** Where a statement stands in the source, and its text. */
export interface Statement {
  /** Without comments; neither starts nor ends with white space. */
  readonly text: string
  /** 1 is the first line, and the first character of a line. In the body of a macro: of the outermost call. */
  readonly line: number
  readonly column: number
  /** Names of the macros it comes out of, outermost first. */
  readonly within: readonly string[]
}
/** One thing that is wrong with a source. */
export interface AsmProblem {
  readonly line: number
  readonly column: number
  /** The statement. */
  readonly text: string
  readonly message: string
}
export const problemAt = (statement: Statement, at: number, message: string): AsmProblem => {
  const { line, column, text, within } = statement
  const origin = within.length === 0 ? "" : ` (in macro ${within.join(", ")})`
  return { line, column: column + (within.length === 0 ? at : 0), text, message: message + origin }
}

const SYMBOL = /[A-Za-z_.$][\w.$]*/y

/**
 * Reads a statement. The first failure is kept and moves the cursor to the end, so that whoever reads on finds nothing: readers give any value then,
 * and their caller looks at `failure` once.
 */
export class Cursor {
  readonly text: string
  at: number
  failure: { readonly at: number; readonly message: string } | undefined

  constructor(text: string, at = 0) {
    this.text = text
    this.at = at
    this.skipSpace()
  }

  get done(): boolean {
    return this.at >= this.text.length
  }
  fail(message: string, at = this.at): void {
    this.failure ??= { at, message }
    this.at = this.text.length
  }
  skipSpace(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++
  }
  /** The text a sticky pattern matches here, with the white space behind it skipped. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (!match) return undefined
    this.at += match[0].length
    this.skipSpace()
    return match
  }
  /** Whether `text` stands here; if so it is read. */
  take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false
    this.at += text.length
    this.skipSpace()
    return true
  }
  peek(): string {
    return this.text[this.at] ?? ""
  }
  expect(text: string): void {
    if (!this.take(text)) this.fail(`expected '${text}'${this.found()}`)
  }
  end(): void {
    if (!this.done) this.fail(`unexpected '${this.text.slice(this.at, this.at + 20)}'`)
  }
  /** The name of a symbol; "" when there is none. */
  symbol(): string {
    const name = this.match(SYMBOL)?.[0]
    if (name === undefined) this.fail(`expected a name${this.found()}`)
    return name ?? ""
  }
  /** What stands here, for a message. */
  found(): string {
    return this.done ? " at the end" : `, not '${this.text.slice(this.at, this.at + 20)}'`
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12 }
const ESCAPED = /\\([0-7]{1,3}|x[0-9a-fA-F]+|[^\n])/y
const encoder = new TextEncoder()

/** The byte an escape sequence at a backslash stands for. */
export const escapedByte = (cursor: { readonly text: string }, at: number): { readonly byte: number; readonly end: number } | undefined => {
  ESCAPED.lastIndex = at
  const match = ESCAPED.exec(cursor.text)
  if (!match) return undefined
  const code = match[1]!
  const end = at + match[0].length
  if (/^[0-7]/.test(code)) return { byte: Number.parseInt(code, 8) & 0xff, end }
  if (/^x[0-9a-fA-F]/.test(code)) return { byte: Number.parseInt(code.slice(-2), 16), end }
  return { byte: ESCAPES[code] ?? code.charCodeAt(0) & 0xff, end }
}
/** Reads a string in double quotes; its characters as UTF-8 bytes. */
export const quotedBytes = (cursor: Cursor): number[] => {
  const { text } = cursor
  const start = cursor.at
  const bytes: number[] = []
  if (!cursor.take('"')) {
    cursor.fail(`expected a string in double quotes${cursor.found()}`)
    return bytes
  }
  let at = start + 1
  for (;;) {
    const character = text[at]
    if (character === undefined) {
      cursor.fail("the string has no closing quote", start)
      return bytes
    }
    if (character === '"') break
    if (character === "\\") {
      const escaped = escapedByte(cursor, at)
      if (!escaped) {
        cursor.fail("the string has no closing quote", start)
        return bytes
      }
      bytes.push(escaped.byte)
      at = escaped.end
      continue
    }
    const point = String.fromCodePoint(text.codePointAt(at)!)
    bytes.push(...encoder.encode(point))
    at += point.length
  }
  cursor.at = at + 1
  cursor.skipSpace()
  return bytes
}
