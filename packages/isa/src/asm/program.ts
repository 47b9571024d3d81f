/** The program being assembled: its sections, symbols and literals, and what has to wait until every address is known. */
import { type AsmProblem, type Cursor, problemAt, type Statement } from "./cursor.ts"
import { type Expression, ExpressionReader, evaluationProblem, isValue, type Names, type Value } from "./expression.ts"
import type { InstructionReader } from "./instruction-reader.ts"
import { LiteralPool, type PoolEntry } from "./literal-pool.ts"
import { type PreparedInstruction, prepareInstruction } from "./operands.ts"
import { Budget, defaultFlags, Section, type SectionFlags } from "./section.ts"
import { Symbols } from "./symbols.ts"

/** How much source is read and how many bytes it may become: sources are hostile input. */
export interface AssembleLimits {
  /** Characters of the source. */
  readonly source: number
  /** Bytes of all sections together. */
  readonly bytes: number
  /** Characters that macros and repetitions may make. */
  readonly expanded: number
  /** Nested macros and repetitions. */
  readonly depth: number
  /** Problems after which assembling stops. */
  readonly problems: number
}
export const DEFAULT_LIMITS: AssembleLimits = { source: 32 << 20, bytes: 256 << 20, expanded: 256 << 20, depth: 100, problems: 100 }

/** Bytes that need addresses. */
type Fixup =
  | {
      readonly kind: "data"
      readonly section: Section
      readonly offset: number
      readonly bytes: number
      readonly expression: Expression
      readonly at: number
      readonly statement: Statement
    }
  | {
      readonly kind: "instruction"
      readonly section: Section
      readonly offset: number
      readonly prepared: PreparedInstruction
      readonly literal: PoolEntry | undefined
      readonly statement: Statement
    }

/** The largest alignment, in bytes: that of a translation table's largest block. */
export const MAXIMUM_ALIGNMENT = 1 << 30
const hex = (n: bigint): string => (n < 0n ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`)

export class Program {
  readonly limits: AssembleLimits
  readonly symbols = new Symbols()
  readonly sections = new Map<string, Section>()
  readonly problems: AsmProblem[] = []
  /** Register names given by `.req`. */
  readonly aliases = new Map<string, string>()
  readonly names: Names
  readonly #instructions: InstructionReader
  readonly #pools = new Map<Section, LiteralPool>()
  readonly #budget: Budget
  #fixups: Fixup[] = []
  /** What is being assembled. */
  statement: Statement = { text: "", line: 1, column: 1, within: [] }
  section: Section
  previous: Section
  readonly pushed: { readonly section: Section; readonly previous: Section }[] = []
  #full = false

  constructor(instructions: InstructionReader, limits: AssembleLimits) {
    this.#instructions = instructions
    this.limits = limits
    this.#budget = new Budget(limits.bytes)
    this.section = this.previous = this.sectionCalled(".text")
    this.sectionCalled(".data")
    this.sectionCalled(".bss")
    this.names = {
      here: () => this.here(),
      numericLabel: (label, direction) => this.symbols.numericReference(label, direction),
      current: (name) => this.symbols.current(name)
    }
  }

  get failed(): boolean {
    return this.problems.length > 0
  }
  /** True when there is no use in going on. */
  get stopped(): boolean {
    return this.#full || this.problems.length >= this.limits.problems
  }
  refuse(message: string, at = 0, statement = this.statement): void {
    if (this.problems.length < this.limits.problems) this.problems.push(problemAt(statement, at, message))
  }
  /** A cursor's failure becomes a problem; true when there is one. */
  refuseFailure(cursor: Cursor): boolean {
    if (cursor.failure) this.refuse(cursor.failure.message, cursor.failure.at)
    return cursor.failure !== undefined
  }

  here(): Value {
    return { section: this.section, offset: BigInt(this.section.length) }
  }
  sectionCalled(name: string, flags?: SectionFlags): Section {
    let section = this.sections.get(name)
    if (!section) this.sections.set(name, (section = new Section(name, flags ?? defaultFlags(name), this.#budget)))
    return section
  }
  enter(section: Section): void {
    this.previous = this.section
    this.section = section
  }

  expression(cursor: Cursor): Expression {
    return new ExpressionReader(cursor, this.names).read()
  }
  /** A number that must be known now, because it decides where things are. 0 when it is not; the cursor then fails. */
  numberNow(cursor: Cursor): bigint {
    const at = cursor.at
    const value = this.symbols.evaluate(this.expression(cursor))
    if (cursor.failure) return 0n
    if (isValue(value) && !value.section) return value.offset
    if (isValue(value)) cursor.fail("expected a number, not an address", at)
    else cursor.fail("wrong" in value ? value.wrong : `'${value.unknown}' must be known here`, at)
    return 0n
  }
  /** As `numberNow`, within bounds. */
  countNow(cursor: Cursor, least: number, most: number): number {
    const at = cursor.at
    const value = this.numberNow(cursor)
    if (cursor.failure) return least
    if (value >= BigInt(least) && value <= BigInt(most)) return Number(value)
    cursor.fail(`${value} is not between ${least} and ${most}`, at)
    return least
  }

  /** Adds bytes to the current section. */
  append(count: number, pattern: ArrayLike<number> = [0]): void {
    const { zeros, allocated } = this.section.flags
    if (zeros && allocated && Array.from(pattern).some((byte) => byte !== 0))
      this.refuse(`section ${this.section.name} starts as zeros and cannot hold other bytes`)
    else this.#check(this.section.append(count, pattern))
  }
  align(alignment: number, fill?: readonly number[]): void {
    const { section } = this
    this.#check(section.align(alignment, { code: section.flags.executable, ...(fill ? { fill } : {}) }))
  }
  #check(added: boolean): void {
    if (added || this.#full) return
    this.#full = true
    this.refuse(`the program takes more than ${this.limits.bytes} bytes`)
  }
  /** Adds the value of an expression, in `bytes` bytes. `at`: where in the statement it is. */
  data(expression: Expression, bytes: number, at: number): void {
    this.#data(this.section, expression, bytes, at)
  }
  #data(section: Section, expression: Expression, bytes: number, at: number): void {
    const offset = section.length
    this.#check(section.append(bytes))
    if (this.#full) return
    const fixup: Fixup = { kind: "data", section, offset, bytes, expression, at, statement: this.statement }
    if (expression.kind === "value" && !expression.value.section) this.#putData(fixup)
    else this.#fixups.push(fixup)
  }

  instruction(text: string, at: number): void {
    const prepared = prepareInstruction(text, this.names, this.aliases)
    if ("problem" in prepared) {
      this.refuse(prepared.problem, at + prepared.at)
      return
    }
    const { section } = this
    if (section.flags.zeros) {
      this.refuse(`section ${section.name} starts as zeros and cannot hold instructions`)
      return
    }
    section.align(4, { code: false })
    const offset = section.length
    this.#check(section.append(4))
    if (this.#full) return
    const literal = prepared.literal && this.#pool(section).add(prepared.literal)
    const fixup: Fixup = { kind: "instruction", section, offset, prepared, literal, statement: this.statement }
    if (!literal && prepared.parts.every((part) => typeof part === "string")) this.#putInstruction(fixup)
    else this.#fixups.push(fixup)
  }
  #pool(section: Section): LiteralPool {
    let pool = this.#pools.get(section)
    if (!pool) this.#pools.set(section, (pool = new LiteralPool()))
    return pool
  }
  /** Puts the literals collected for a section at its end. */
  flushLiterals(section: Section): void {
    this.#pools.get(section)?.flush(section, ({ expression, size }) => this.#data(section, expression, size, 0))
  }

  /** Fills in what had to wait for addresses. */
  resolve(): void {
    for (const fixup of this.#fixups) {
      if (this.stopped) return
      if (fixup.kind === "data") this.#putData(fixup)
      else this.#putInstruction(fixup)
    }
    this.#fixups = []
  }
  #putData(fixup: Extract<Fixup, { kind: "data" }>): void {
    const { section, offset, bytes, statement, at } = fixup
    const value = this.symbols.evaluate(fixup.expression)
    if (!isValue(value)) {
      this.refuse(evaluationProblem(value), at, statement)
      return
    }
    const number = value.section ? value.section.address! + value.offset : value.offset
    const bits = BigInt(8 * bytes)
    if (number >= 1n << bits || number < -(1n << (bits - 1n))) this.refuse(`${hex(number)} does not fit into ${bits} bits`, at, statement)
    else if (section.flags.zeros && section.flags.allocated && number !== 0n)
      this.refuse(`section ${section.name} starts as zeros and cannot hold other bytes`, at, statement)
    else section.put(offset, bytes, number)
  }
  #putInstruction({ section, offset, prepared, literal, statement }: Extract<Fixup, { kind: "instruction" }>): void {
    const base = section.address ?? 0n
    const address = base + BigInt(offset)
    const literalAddress = literal && base + BigInt(literal.offset)
    const reading = this.#instructions.read(prepared, address, (expression) => this.symbols.evaluate(expression), literalAddress)
    if ("problem" in reading) this.refuse(reading.problem, 0, statement)
    else section.putWord(offset, reading.word)
  }
}
