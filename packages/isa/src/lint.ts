/**
 * What a wrong declaration looks like: every instruction is printed, read back and run on the recording machine, and what its
 * declaration says is compared with what was seen. Random legal words, so a clean report is evidence and not proof.
 */
import { disassemble } from "./assembly.ts"
import { Table } from "./decode.ts"
import { allocates, encode, type FieldValues, fieldsOf, type Instruction } from "./instruction.ts"
import { type Effect, type GuardedFile, record } from "./recorder.ts"
import { legalWords, type Random, randomFrom } from "./sample.ts"
import { templatesOf } from "./template.ts"

/** What is looked at. */
export type Check =
  | "name" // two instructions have one name
  | "encoding" // no word is allocated
  | "overlap" // two instructions claim one word, and neither is the special case of the other
  | "operands" // a line names an operand that is not declared
  | "spelling" // a legal word that no line can show, or whose text reads back as another word
  | "text" // a field that does not show in the text
  | "field" // a field that `execute` does not use, or an ignored one that it does
  | "width" // widths that do not agree
  | "order" // a register read after it was written
  | "access" // register files that the access class does not cover
  | "endsBlock" // branches or control writes without endsBlock, or the other way round
  | "execute" // `execute` fails
/** Something that is wrong with a declaration. */
export interface Problem {
  readonly instruction: string
  readonly check: Check
  readonly message: string
}
/** How long it looks, and where it begins. */
export interface LintOptions {
  /** Words per instruction. */
  readonly words?: number
  readonly seed?: number
}
const PLACE = { address: 0x100000n }
/** Words tried to find one that two instructions share. */
const OVERLAP_TRIES = 1000

/** Everything that is found wrong with declarations. */
export const lint = (instructions: readonly Instruction[], options: LintOptions = {}): readonly Problem[] => {
  const random = randomFrom(options.seed ?? 1)
  const problems = [...sameNames(instructions), ...overlaps(instructions, random)]
  const table = new Table(instructions)
  for (const instruction of table.rows) {
    const found = new Map<string, Problem>()
    const say = (check: Check, message: string): void => {
      const key = `${check} ${message.replace(/\b(0x)?[0-9a-f]{8}\b.*/, "")}`
      if (!found.has(key)) found.set(key, { instruction: instruction.name, check, message })
    }
    try {
      for (const template of templatesOf(instruction)) void template.line
    } catch (error) {
      say("operands", (error as Error).message)
    }
    const words = legalWords(table, instruction, options.words ?? 60, random)
    if (words.length === 0) say("encoding", "no word is allocated")
    else if (found.size === 0) {
      checkText(table, instruction, words, say)
      checkFields(table, instruction, words, random, say)
      checkMeaning(instruction, words, say)
    }
    problems.push(...found.values())
  }
  return problems
}

type Say = (check: Check, message: string) => void
const hex = (word: number): string => word.toString(16).padStart(8, "0")

const sameNames = (instructions: readonly Instruction[]): readonly Problem[] => {
  const seen = new Set<string>()
  return instructions.flatMap(({ name }) => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ instruction: name, check: "name" as const, message: "another instruction has this name" }]
  })
}

/** A word that both allocate, if one of `tries` random ones is. */
export const commonWord = (a: Instruction, b: Instruction, random: Random, tries: number): number | undefined => {
  if ((a.mask & b.mask & (a.value ^ b.value)) !== 0) return undefined
  for (let n = 0; n < tries; n++) {
    const word = ((random() & ~(a.mask | b.mask)) | a.value | b.value) >>> 0
    if (allocates(a, fieldsOf(a, word)) && allocates(b, fieldsOf(b, word))) return word
  }
  return undefined
}
/** Whether one of the two has all fixed bits of the other and more: where they meet, it is meant. */
const isSpecialCase = (a: Instruction, b: Instruction): boolean => {
  const both = (a.mask & b.mask) >>> 0
  return a.mask !== b.mask && (both === a.mask || both === b.mask)
}
const overlaps = (instructions: readonly Instruction[], random: Random): readonly Problem[] =>
  instructions.flatMap((a, i) =>
    instructions.slice(0, i).flatMap((b) => {
      if (isSpecialCase(a, b)) return []
      const word = commonWord(a, b, random, OVERLAP_TRIES)
      return word === undefined ? [] : [{ instruction: a.name, check: "overlap" as const, message: `claims ${hex(word)}, which is ${b.name}` }]
    })
  )

/** Every legal word has a spelling, and it reads back as the same word. */
const checkText = (table: Table, instruction: Instruction, words: readonly number[], say: Say): void => {
  for (const word of words) {
    const text = textOf(instruction, word)
    if (text === undefined) {
      say("spelling", `no line can show ${hex(word)}`)
      continue
    }
    const back = table.assemble(text, PLACE)
    const redundant = instruction.declaration.redundant?.(fieldsOf(instruction, word)) ?? false
    if (back === word) continue
    if (back === undefined) say("spelling", `its text is not read: ${hex(word)} '${text}'`)
    else if (!redundant) say("spelling", `its text means another word: ${hex(word)} '${text}' reads as ${hex(back)}`)
    else if (textOf(instruction, back) !== text) say("spelling", `a redundant word reads as one of another text: ${hex(word)} '${text}'`)
  }
}
const textOf = (instruction: Instruction, word: number): string | undefined => {
  try {
    return disassemble(instruction, word, PLACE)
  } catch {
    return undefined
  }
}

/** Legal words that differ from `word` in one field only. */
const neighbours = (table: Table, instruction: Instruction, word: number, field: string, width: number, random: Random): readonly number[] => {
  const fields = fieldsOf(instruction, word)
  const values = width <= 4 ? Array.from({ length: 2 ** width }, (_, i) => i) : Array.from({ length: 12 }, () => random() % 2 ** width)
  return values
    .filter((value) => value !== fields[field])
    .map((value) => encode(instruction, { ...fields, [field]: value }))
    .filter((other) => table.decode(other) === instruction)
}
/** Every field shows in the text and is used, unless the other fields determine it (N = sf) or it is declared as ignored. */
const checkFields = (table: Table, instruction: Instruction, words: readonly number[], random: Random, say: Say): void => {
  const used = new Set<string>()
  for (const word of words) record(instruction, word, { fields: watched(fieldsOf(instruction, word), used) })
  const ignored: readonly string[] = instruction.declaration.ignored ?? []
  for (const { name, width } of instruction.fields) {
    const pairs = words.flatMap((word) => neighbours(table, instruction, word, name, width, random).map((other) => [word, other] as const))
    if (ignored.includes(name)) {
      if (used.has(name)) say("field", `field ${name} is declared as ignored but used`)
    } else if (!used.has(name) && pairs.length > 0) say("field", `field ${name} is never used`)
    const shows = pairs.some(([word, other]) => textOf(instruction, word) !== textOf(instruction, other))
    if (pairs.length > 0 && !shows) say("text", `field ${name} does not show in the text`)
  }
}
const watched = (fields: FieldValues, used: Set<string>): FieldValues =>
  new Proxy(fields, {
    get(target, name) {
      used.add(String(name))
      return target[String(name)]
    }
  })

const VECTORS: readonly GuardedFile[] = ["scalar", "V"]
const SVE: readonly GuardedFile[] = [...VECTORS, "Z", "P"]
/** Register files that an instruction of each access class may touch; all may touch the general registers. */
const guarded: Readonly<Record<string, readonly GuardedFile[]>> = {
  FP: VECTORS,
  SIMD: VECTORS,
  "FPMR+SIMD": VECTORS,
  SVE,
  SM: SVE,
  ZA: ["ZA"],
  "SM+ZA": [...SVE, "ZA"],
  ZT0: ["ZT0"],
  "SM+ZA+ZT0": [...SVE, "ZA", "ZT0"]
}
const free: readonly GuardedFile[] = ["X", "flags", "system"]

/** DC ZVA and its like only write memory; other maintenance changes what code or translations mean. */
const onlyStores = (encoding: number | undefined): boolean => encoding !== undefined && ((encoding >> 3) & 0xff) === 0x74
const endsBlock = (effect: Effect): boolean => {
  switch (effect.kind) {
    case "branch":
    case "exception":
      return true
    case "write":
      return effect.file === "system"
    case "system":
      if (effect.operation === "maintain") return !onlyStores(effect.encoding)
      return !["sendEvent", "sendEventLocal", "barrier", "errorBarrier", "clearExclusive"].includes(effect.operation)
    default:
      return false
  }
}
/** Runs the words on the recording machine and compares what it saw with the declaration. */
const checkMeaning = (instruction: Instruction, words: readonly number[], say: Say): void => {
  const { declaration } = instruction
  let ends = false
  for (const word of words) {
    const { effects, problems, failure } = record(instruction, word)
    if (failure !== undefined) say("execute", `fails: ${(failure as Error).message} (${hex(word)})`)
    for (const problem of problems) {
      const isOrder = / after writing it$/.test(problem)
      say(isOrder ? "order" : "width", `${isOrder ? problem.replace(/\d+/, "n") : problem} (${hex(word)})`)
    }
    const access = typeof declaration.access === "function" ? declaration.access(fieldsOf(instruction, word)) : (declaration.access ?? "none")
    const allowed = guarded[access] ?? []
    for (const effect of effects) {
      if (effect.kind !== "read" && effect.kind !== "write") continue
      if (!free.includes(effect.file) && !allowed.includes(effect.file)) say("access", `touches ${effect.file} with access class ${access}`)
    }
    ends ||= effects.some(endsBlock)
  }
  if (ends && !declaration.endsBlock) say("endsBlock", "branches or changes control state, but does not say endsBlock")
  if (!ends && declaration.endsBlock) say("endsBlock", "says endsBlock, but neither branches nor changes control state")
}
