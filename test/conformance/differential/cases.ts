/** Draws cases from declarations: a declaration first, so that rare families are as frequent as common ones, then random legal fields. */
import { encode, type FieldValues, type Instruction } from "@eltwo/isa"
import { Random } from "./random.ts"
import { type Case, excluded, tame } from "./state.ts"

export interface Source {
  readonly instructions: readonly Instruction[]
  decode(word: number): Instruction | undefined
}

export const drawCases = (source: Source, count: number, seed: number): Case[] => {
  const r = new Random(seed)
  const usable = source.instructions.filter((i) => !excluded(i.value))
  const cases: Case[] = []
  for (let attempts = 0; cases.length < count && attempts < count * 200; attempts++) {
    const instruction = r.pick(usable)
    const fields: FieldValues = {}
    for (const { name, width } of instruction.fields) fields[name] = r.word() % 2 ** width
    const word = tame(encode(instruction, fields), cases.length, r)
    if (excluded(word) || ((word ^ instruction.value) & instruction.mask) !== 0 || source.decode(word) !== instruction) continue
    cases.push({ word, seed: r.word() })
  }
  return cases
}
