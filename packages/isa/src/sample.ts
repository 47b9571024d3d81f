/** Random legal words: for lint, conformance checks and differential tests. */
import type { Table } from "./decode.ts"
import { encode, type FieldValues, type Instruction } from "./instruction.ts"

/** Unsigned 32-bit numbers, the same ones for the same seed. */
export type Random = () => number
/** A repeatable source of 32-bit numbers. */
export const randomFrom = (seed: number): Random => {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/**
 * Random values of all fields, legal or not. Zero, all ones (the zero register, the stack pointer) and the value of the field before it are
 * more frequent than chance has them: many aliases and exceptions of the manual are about these.
 */
export const randomFields = (instruction: Instruction, random: Random): FieldValues => {
  const fields: FieldValues = {}
  let before: number | undefined
  for (const { name, width } of instruction.fields) {
    const choice = random() >>> 28
    const uniform = random() % 2 ** width
    const value = choice === 0 ? 0 : choice === 1 ? 2 ** width - 1 : choice === 2 && before !== undefined ? before % 2 ** width : uniform
    fields[name] = value
    before = value
  }
  return fields
}
/** Words tried before an instruction counts as having no more of them. */
const PATIENCE = 20_000

/** Up to `count` random words that the table decodes as this instruction, should-be bits as they should be. */
export const legalWords = (table: Table, instruction: Instruction, count: number, random: Random): readonly number[] => {
  const words: number[] = []
  for (let tries = 0; words.length < count && tries < PATIENCE + count * 100; tries++) {
    const word = encode(instruction, randomFields(instruction, random))
    if (table.decode(word) === instruction) words.push(word)
    if (words.length === 0 && tries > PATIENCE) break
  }
  return words
}
