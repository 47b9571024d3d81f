/** Directives about sections and symbols, and the table of all. Those that take a body (macros, repetitions) belong to the assembler's loop. */
import { type Cursor, quotedBytes } from "./cursor.ts"
import { dataDirectives } from "./directives-data.ts"
import { isValue } from "./expression.ts"
import type { Program } from "./program.ts"
import { defaultFlags, type Section, type SectionFlags } from "./section.ts"

/** Reads the operands of a directive and does it. What is wrong with them it leaves in the cursor. */
export type Directive = (program: Program, cursor: Cursor) => void

const SECTION_NAME = /"[^"]*"|[\w.$-]+/y
/** Reads `name, "flags", @type, ...`; only name, flags and nobits mean something here. */
const readSection = (program: Program, cursor: Cursor): Section | undefined => {
  const name = cursor.match(SECTION_NAME)?.[0].replaceAll('"', "")
  if (name === undefined || name === "") {
    cursor.fail(`expected the name of a section${cursor.found()}`)
    return undefined
  }
  let flags: SectionFlags = defaultFlags(name)
  if (cursor.take(",") && cursor.peek() === '"') {
    const letters = new TextDecoder().decode(Uint8Array.from(quotedBytes(cursor)))
    const unknown = /[^axwoMSGTRe?0-9]/.exec(letters)
    if (unknown) cursor.fail(`section flag '${unknown[0]}' is not known`)
    flags = { allocated: letters.includes("a"), writable: letters.includes("w"), executable: letters.includes("x"), zeros: flags.zeros }
    if (cursor.take(",")) {
      const type = cursor.match(/[@%]\w+|"[^"]*"/y)?.[0]
      if (type === undefined) cursor.fail(`expected the type of a section${cursor.found()}`)
      else flags = { ...flags, zeros: type.includes("nobits") }
    }
  }
  // Entry size, group and linkage change nothing in a program that is linked whole.
  cursor.at = cursor.text.length
  return cursor.failure ? undefined : program.sectionCalled(name, flags)
}
const section: Directive = (program, cursor) => {
  const entered = readSection(program, cursor)
  if (entered) program.enter(entered)
}
const push: Directive = (program, cursor) => {
  const before = { section: program.section, previous: program.previous }
  const entered = readSection(program, cursor)
  if (!entered) return
  if (program.pushed.length >= program.limits.depth) {
    cursor.fail("too many sections are pushed")
    return
  }
  program.pushed.push(before)
  program.enter(entered)
}
const pop: Directive = (program, cursor) => {
  const before = program.pushed.pop()
  if (!before) cursor.fail("no section was pushed", 0)
  else {
    program.section = before.section
    program.previous = before.previous
  }
}
/** `.text`, `.data`, `.bss`; the number of a subsection is not for us. */
const wellKnown =
  (name: string): Directive =>
  (program, cursor) => {
    if (!cursor.done && program.numberNow(cursor) !== 0n && !cursor.failure) cursor.fail("subsections are not supported")
    program.enter(program.sectionCalled(name))
  }

/** Names separated by commas. */
const eachName =
  (act: (program: Program, name: string) => void): Directive =>
  (program, cursor) => {
    do {
      const name = cursor.symbol()
      if (!cursor.failure) act(program, name)
    } while (cursor.take(","))
  }
const TYPES: Readonly<Record<string, "function" | "object" | "none">> = {
  function: "function",
  gnu_indirect_function: "function",
  func: "function",
  object: "object",
  common: "object",
  notype: "none",
  tls_object: "object",
  gnu_unique_object: "object"
}
/** `.type name, %function` */
const type: Directive = (program, cursor) => {
  const name = cursor.symbol()
  cursor.take(",")
  const word = cursor.match(/[@%#]?"?(?:STT_)?(\w+)"?/iy)?.[1]?.toLowerCase()
  const known = word === undefined ? undefined : TYPES[word]
  if (known === undefined) cursor.fail(`expected %function or %object${cursor.found()}`)
  else program.symbols.declare(name).type = known
}
/** `.size name, expression` */
const size: Directive = (program, cursor) => {
  const name = cursor.symbol()
  cursor.expect(",")
  const expression = program.expression(cursor)
  if (!cursor.failure) program.symbols.declare(name).size = expression
}
/** Gives a name a value, now if it is known. */
export const assign = (program: Program, cursor: Cursor, name: string): void => {
  const at = cursor.at
  const expression = program.expression(cursor)
  if (cursor.failure) return
  const value = program.symbols.evaluate(expression)
  const problem = program.symbols.set(name, isValue(value) ? { kind: "value", value } : expression)
  if (problem !== undefined) cursor.fail(problem, at)
}
const set: Directive = (program, cursor) => {
  const name = cursor.symbol()
  cursor.expect(",")
  if (!cursor.failure) assign(program, cursor, name)
}
/** `.comm name, size, alignment`: room in .bss, unless the name is defined. */
const common: Directive = (program, cursor) => {
  const name = cursor.symbol()
  cursor.expect(",")
  const bytes = program.countNow(cursor, 0, 2 ** 31)
  const alignment = cursor.take(",") ? program.countNow(cursor, 1, 2 ** 16) : Math.min(16, 2 ** Math.floor(Math.log2(Math.max(1, bytes))))
  if (cursor.failure) return
  if ((alignment & (alignment - 1)) !== 0) {
    cursor.fail(`${alignment} is not a power of two`)
    return
  }
  const { section: before } = program
  program.section = program.sectionCalled(".bss")
  program.align(alignment)
  const problem = program.symbols.label(name, program.here())
  program.append(bytes)
  program.section = before
  if (problem !== undefined) cursor.fail(problem, 0)
}

const ignore: Directive = (_program, cursor) => {
  cursor.at = cursor.text.length
}
const message: Directive = (_program, cursor) => {
  const text = cursor.done ? ".error" : new TextDecoder().decode(Uint8Array.from(quotedBytes(cursor)))
  if (!cursor.failure) cursor.fail(text, 0)
}
const otherFile: Directive = (_program, cursor) => cursor.fail("a source cannot take in other files", 0)
const literals: Directive = (program) => program.flushLiterals(program.section)
const previous: Directive = (program) => program.enter(program.previous)
const bind = (binding: "global" | "weak" | "local"): Directive =>
  eachName((program, name) => {
    program.symbols.declare(name).binding = binding
  })

export const directives: ReadonlyMap<string, Directive> = new Map<string, Directive>([
  ...dataDirectives,
  [".section", section],
  [".pushsection", push],
  [".popsection", pop],
  [".previous", previous],
  [".text", wellKnown(".text")],
  [".data", wellKnown(".data")],
  [".bss", wellKnown(".bss")],
  [".rodata", wellKnown(".rodata")],
  [".global", bind("global")],
  [".globl", bind("global")],
  [".weak", bind("weak")],
  [".local", bind("local")],
  [".type", type],
  [".size", size],
  [".set", set],
  [".equ", set],
  [".equiv", set],
  [".comm", common],
  [".lcomm", common],
  [".ltorg", literals],
  [".pool", literals],
  [".error", message],
  [".err", message],
  [".include", otherFile],
  [".incbin", otherFile],
  // About the object file, the processor or debug information: nothing that a linked program has.
  ...".file .loc .ident .arch .arch_extension .cpu .extern .hidden .protected .internal .variant_pcs .print .warning .nolist .list"
    .split(" ")
    .map((name) => [name, ignore] as const)
])
/** Whether a directive does nothing here: call-frame information is for debuggers, object attributes are for linkers. */
export const isIgnored = (name: string): boolean => /^\.(cfi_|aeabi_|addrsig)/.test(name)
