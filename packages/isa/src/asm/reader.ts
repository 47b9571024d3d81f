/** Where statements come from: the source, and on top of it the bodies of macros and repetitions. */
import type { Statement } from "./cursor.ts"

interface Frame {
  readonly statements: Iterator<Statement, void>
  /** Conditionals that were open when the frame began: `.exitm` closes those it opened itself. */
  readonly conditionals: number
  readonly isMacro: boolean
}
/** One `.if`. */
interface Conditional {
  /** The statements here are assembled. */
  active: boolean
  /** One of its branches has been assembled, or none may be. */
  taken: boolean
  sawElse: boolean
}
export interface ReaderLimits {
  /** Bodies within bodies. */
  readonly depth: number
  /** Characters of statements read altogether, bodies counted each time. */
  readonly characters: number
}

export class Reader {
  readonly #frames: Frame[]
  readonly #limits: ReaderLimits
  #characters = 0
  readonly conditionals: Conditional[] = []
  /** Set when a limit ended the reading. */
  exhausted: string | undefined

  constructor(source: Iterator<Statement, void>, limits: ReaderLimits) {
    this.#frames = [{ statements: source, conditionals: 0, isMacro: false }]
    this.#limits = limits
  }

  next(): Statement | undefined {
    for (;;) {
      const frame = this.#frames.at(-1)
      if (!frame || this.exhausted !== undefined) return undefined
      const { value } = frame.statements.next()
      if (!value) {
        this.#frames.pop()
        continue
      }
      this.charge(value.text.length + 1)
      return value
    }
  }
  /** Counts against the limit of characters. */
  charge(characters: number): void {
    this.#characters += characters
    if (this.#characters > this.#limits.characters) this.exhausted = `macros and repetitions make more than ${this.#limits.characters} characters`
  }
  /** Statements to read before what follows here. A string says why not. */
  push(statements: Iterator<Statement, void>, isMacro: boolean): string | undefined {
    if (this.#frames.length > this.#limits.depth) return `macros and repetitions nest at most ${this.#limits.depth} levels`
    this.#frames.push({ statements, conditionals: this.conditionals.length, isMacro })
    return undefined
  }
  /** Leaves the innermost macro; false when there is none. */
  exitMacro(): boolean {
    const at = this.#frames.findLastIndex((frame) => frame.isMacro)
    if (at < 0) return false
    this.conditionals.length = Math.min(this.conditionals.length, this.#frames[at]!.conditionals)
    this.#frames.length = at
    return true
  }
  /** Stops at the end of this statement. */
  stop(): void {
    this.#frames.length = 0
  }
  /** Whether statements are assembled here, or left out by a conditional. */
  get active(): boolean {
    return this.conditionals.at(-1)?.active ?? true
  }

  /** The statements up to the end of a body, which is read too; undefined when there is no end. */
  body(begins: RegExp, ends: RegExp): Statement[] | undefined {
    const statements: Statement[] = []
    for (let depth = 1; ; ) {
      const statement = this.next()
      if (!statement) return undefined
      if (ends.test(statement.text) && --depth === 0) return statements
      if (begins.test(statement.text)) depth++
      statements.push(statement)
    }
  }
}
