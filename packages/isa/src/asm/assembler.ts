/** Programs in assembly text, in the dialect of GNU as: assembled and linked in one go. */

import { doConditional } from "./conditionals.ts"
import { type AsmProblem, Cursor, type Statement } from "./cursor.ts"
import { assign, directives, isIgnored } from "./directives.ts"
import { isValue } from "./expression.ts"
import { InstructionReader, type ReadableTable } from "./instruction-reader.ts"
import { type AssembledSegment, placeSections, segmentsOf } from "./layout.ts"
import { expandMacro, type Macro, readMacroHead, repeat, splitArguments, times } from "./macros.ts"
import { type AssembleLimits, DEFAULT_LIMITS, Program } from "./program.ts"
import { Reader } from "./reader.ts"
import { statementsOf } from "./scan.ts"
import type { Section } from "./section.ts"

/** How source is assembled. */
export interface AssembleOptions {
  /** Whose instructions and system registers the text names: a composed Machine, or any instruction table. */
  readonly isa: { readonly table: ReadableTable }
  /** Address of the first section, .text. Default: 0x400000. */
  readonly origin?: bigint | number
  /** The symbol to start at. Default: _start, or the start of .text when there is none. */
  readonly entry?: string
  /** Symbols that are defined before the first line. */
  readonly symbols?: Readonly<Record<string, bigint>>
  readonly limits?: Partial<AssembleLimits>
}
/** A symbol of an assembled program. */
export interface AssembledSymbol {
  readonly name: string
  readonly value: bigint
  /** In bytes; 0 when the source does not say. */
  readonly size: number
  readonly binding: "local" | "global" | "weak"
  readonly type: "none" | "function" | "object"
  /** The section it lies in; undefined for a number. */
  readonly section: string | undefined
}
/** A section of an assembled program. */
export interface AssembledSection {
  readonly name: string
  readonly address: bigint
  /** In bytes. */
  readonly length: number
  readonly alignment: number
  /** Empty where memory starts as zeros. */
  readonly bytes: Uint8Array
  readonly writable: boolean
  readonly executable: boolean
  readonly zeros: boolean
}
/** A whole program, every address known. */
export interface Assembly {
  readonly entry: bigint
  /** Sections that are in memory and have a length, by ascending address. */
  readonly sections: readonly AssembledSection[]
  readonly segments: readonly AssembledSegment[]
  /** Those with a name of their own: no numeric labels, none that begin with .L. */
  readonly symbols: readonly AssembledSymbol[]
}
/** The program, or everything that is wrong with the source. */
export type AssembleResult =
  | { readonly assembly: Assembly; readonly problems?: undefined }
  | { readonly assembly?: undefined; readonly problems: readonly AsmProblem[] }

const DEFAULT_ORIGIN = 0x400000n
const LABEL = /([A-Za-z_.$][\w.$]*|\d+)[ \t]*:(?!:)/y
const ASSIGNMENT = /([A-Za-z_.$][\w.$]*)[ \t]*=(?!=)/y
const ALIAS = /([A-Za-z_][\w$]*)[ \t]+\.req[ \t]+(\w+)/iy
const WORD = /[^\s,("]+/y
const REPEATS = /^\.(rept|rep|irpc?)\b/i
const MACRO = { begins: /^\.macro\b/i, ends: /^\.endm\b/i }
const REPETITION = { begins: REPEATS, ends: /^\.endr\b/i }
const MAXIMUM_REPETITIONS = 10_000_000

/** One run of the assembler over a source. */
class Assembler {
  readonly #program: Program
  readonly #reader: Reader
  readonly #macros = new Map<string, Macro>()
  #calls = 0

  constructor(source: string, program: Program) {
    const { depth, expanded } = program.limits
    this.#program = program
    this.#reader = new Reader(statementsOf(source), { depth, characters: expanded + source.length })
  }

  run(): void {
    const program = this.#program
    const reader = this.#reader
    for (let statement = reader.next(); statement && !program.stopped; statement = reader.next()) {
      program.statement = statement
      this.#statement(statement)
    }
    if (reader.exhausted !== undefined) program.refuse(reader.exhausted)
    if (reader.conditionals.length > 0 && !program.failed) program.refuse("'.if' without '.endif'")
    for (const section of program.sections.values()) program.flushLiterals(section)
  }

  #statement({ text }: Statement): void {
    const program = this.#program
    const cursor = new Cursor(text)
    if (this.#reader.active) this.#labels(cursor)
    if (cursor.done) return void program.refuseFailure(cursor)
    const start = cursor.at
    const assignment = this.#reader.active ? cursor.match(ASSIGNMENT) : undefined
    if (assignment) assign(program, cursor, assignment[1]!)
    else {
      const word = cursor.match(WORD)?.[0] ?? ""
      const directive = word.toLowerCase()
      if (doConditional(directive, this.#reader, program, cursor)) {
        // Done; what is left is checked below.
      } else if (!this.#reader.active) return
      else this.#act(cursor, word, directive, start)
    }
    if (!cursor.failure) cursor.end()
    program.refuseFailure(cursor)
  }
  #labels(cursor: Cursor): void {
    const { symbols } = this.#program
    for (;;) {
      const at = cursor.at
      const name = cursor.match(LABEL)?.[1]
      if (name === undefined) return
      const here = this.#program.here()
      if (/^\d/.test(name)) symbols.numericLabel(String(Number(name)), here)
      else {
        const problem = symbols.label(name, here)
        if (problem !== undefined) cursor.fail(problem, at)
      }
    }
  }
  /** A macro call, a directive or an instruction; the cursor stands behind its first word. */
  #act(cursor: Cursor, word: string, directive: string, start: number): void {
    const program = this.#program
    const macro = this.#macros.get(word)
    if (macro) {
      const body = expandMacro(macro, cursor.text.slice(cursor.at), program.statement, this.#calls++)
      this.#push(cursor, body, true)
    } else if (directive[0] === ".") this.#directive(cursor, directive, start)
    else {
      const { text } = cursor
      cursor.at = start
      const alias = cursor.match(ALIAS)
      if (alias) program.aliases.set(alias[1]!, program.aliases.get(alias[2]!) ?? alias[2]!)
      else {
        cursor.at = text.length
        program.instruction(text.slice(start), start)
      }
    }
  }
  #directive(cursor: Cursor, name: string, start: number): void {
    const program = this.#program
    const known = directives.get(name)
    if (known) return known(program, cursor)
    switch (name) {
      case ".macro":
        return this.#define(cursor)
      case ".rept":
      case ".rep":
      case ".irp":
      case ".irpc":
        return this.#repeat(cursor, name)
      case ".exitm":
        if (!this.#reader.exitMacro()) cursor.fail("'.exitm' outside of a macro", start)
        return
      case ".purgem":
        if (!this.#macros.delete(cursor.symbol())) cursor.fail("there is no such macro")
        return
      case ".unreq":
        program.aliases.delete(cursor.symbol())
        return
      case ".end":
        this.#reader.stop()
        return
    }
    if (isIgnored(name)) cursor.at = cursor.text.length
    else cursor.fail(`no directive is called '${name}'`, start)
  }
  /** Statements to go on with; the cursor's statement is done. */
  #push(cursor: Cursor, body: Iterator<Statement, void> | string, isMacro: boolean): void {
    const problem = typeof body === "string" ? body : this.#reader.push(body, isMacro)
    if (problem !== undefined) cursor.fail(problem, 0)
    cursor.at = cursor.text.length
  }
  #define(cursor: Cursor): void {
    const head = readMacroHead(cursor)
    const body = this.#reader.body(MACRO.begins, MACRO.ends)
    if (!body) cursor.fail("'.macro' without '.endm'", 0)
    else if (!cursor.failure) this.#macros.set(head.name, { ...head, body })
  }
  #repeat(cursor: Cursor, name: string): void {
    const reader = this.#reader
    const operands = name === ".irp" || name === ".irpc" ? this.#repetitionTexts(cursor, name) : undefined
    const count = operands ? 0 : this.#program.countNow(cursor, 0, MAXIMUM_REPETITIONS)
    const body = reader.body(REPETITION.begins, REPETITION.ends)
    if (!body) cursor.fail(`'${name}' without '.endr'`, 0)
    else if (!cursor.failure) {
      reader.charge(operands?.texts.length ?? count)
      this.#push(cursor, operands ? repeat(body, operands.parameter, operands.texts) : times(body, count), false)
    }
  }
  #repetitionTexts(cursor: Cursor, name: string): { readonly parameter: string; readonly texts: readonly string[] } {
    const parameter = cursor.symbol()
    cursor.take(",")
    const text = cursor.text.slice(cursor.at).trim()
    cursor.at = cursor.text.length
    const commas = splitArguments(text, false)
    const texts = name === ".irpc" ? [...text] : commas.length === 1 ? splitArguments(text, true) : commas
    return { parameter, texts: texts.length === 0 ? [""] : texts }
  }
}

/** Symbols that linkers provide: ends of code, data and everything, and where zeros begin. */
const providedSymbols = (sections: readonly Section[]): ReadonlyMap<string, bigint> => {
  const all = sections.filter(({ flags }) => flags.allocated)
  const ascending = (values: readonly bigint[]): readonly bigint[] => [...values].sort((a, b) => (a < b ? -1 : 1))
  const endOf = (some: readonly Section[]): bigint => ascending(some.map(({ address, length }) => address! + BigInt(length))).at(-1) ?? 0n
  const zeros = all.filter(({ flags }) => flags.zeros)
  const code = endOf(all.filter(({ flags }) => flags.executable))
  const data = endOf(all.filter(({ flags }) => !flags.zeros))
  const end = endOf(all)
  const start = ascending(zeros.map(({ address }) => address!))[0] ?? data
  return new Map([
    ...["etext", "_etext"].map((name) => [name, code] as const),
    ...["edata", "_edata"].map((name) => [name, data] as const),
    ...["__bss_start", "__bss_start__"].map((name) => [name, start] as const),
    ...["end", "_end", "__end__", "__bss_end__", "_bss_end__"].map((name) => [name, end] as const)
  ])
}

/** Assembles a program. Every problem is reported at once, in the order of the source; nothing is thrown. */
export const assemble = (source: string, options: AssembleOptions): AssembleResult => {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const program = new Program(new InstructionReader(options.isa.table), limits)
  if (source.length > limits.source) program.refuse(`the source has more than ${limits.source} characters`)
  for (const [name, offset] of Object.entries(options.symbols ?? {}))
    program.symbols.set(name, { kind: "value", value: { section: undefined, offset } })
  if (!program.failed) new Assembler(source, program).run()
  const sections = [...program.sections.values()]
  const problem = placeSections(sections, BigInt(options.origin ?? DEFAULT_ORIGIN))
  if (problem !== undefined) program.refuse(problem)
  program.symbols.provided = providedSymbols(sections)
  if (!program.stopped) program.resolve()
  const entry = program.failed ? 0n : entryOf(program, options.entry)
  if (program.failed) return { problems: program.problems.sort((a, b) => a.line - b.line || a.column - b.column) }
  return {
    assembly: {
      entry,
      sections: sections
        .filter(({ flags, length }) => flags.allocated && length > 0)
        .map(({ name, address, length, alignment, bytes, flags }) => ({ name, address: address!, length, alignment, bytes, ...flags }))
        .sort((a, b) => (a.address < b.address ? -1 : 1)),
      segments: segmentsOf(sections),
      symbols: symbolsOf(program)
    }
  }
}

const entryOf = (program: Program, name: string | undefined): bigint => {
  const symbol = program.symbols.get(name ?? "_start")
  const value = symbol?.definition && program.symbols.evaluate(symbol.definition.expression)
  if (value && isValue(value)) return (value.section?.address ?? 0n) + value.offset
  if (name !== undefined) program.refuse(`'${name}' is to be started at but is not defined`)
  return program.sectionCalled(".text").address!
}
const symbolsOf = (program: Program): readonly AssembledSymbol[] => {
  const found: AssembledSymbol[] = []
  for (const { name, definition, binding, type, size } of program.symbols.named()) {
    const value = definition && program.symbols.evaluate(definition.expression)
    if (!value || !isValue(value) || name.startsWith(".L")) continue
    const bytes = size && program.symbols.evaluate(size)
    found.push({
      name,
      value: BigInt.asUintN(64, (value.section?.address ?? 0n) + value.offset),
      size: bytes && isValue(bytes) && !bytes.section ? Number(BigInt.asUintN(32, bytes.offset)) : 0,
      binding,
      type,
      section: value.section?.name
    })
  }
  return found
}

/** The words of a few lines of instructions placed at an address: for code that a program makes itself. */
export const assembleLines = (
  lines: readonly string[],
  address: bigint | number,
  isa: AssembleOptions["isa"]
): { readonly words: Uint32Array; readonly problems?: undefined } | { readonly words?: undefined; readonly problems: readonly AsmProblem[] } => {
  const { assembly, problems } = assemble(lines.join("\n"), { isa, origin: address })
  if (problems) return { problems }
  const bytes = assembly.sections[0]?.bytes ?? new Uint8Array(0)
  return { words: Uint32Array.from({ length: bytes.length >> 2 }, (_, i) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * i, true)) }
}
