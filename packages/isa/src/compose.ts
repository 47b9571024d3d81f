/**
 * compose(): the plugins of a machine checked against each other and joined into one frozen value. Pure; it reports every problem at once.
 * Nothing after it sees a plugin: decoder, engines, gates and tools read the Machine.
 */
import { systemNamesOf } from "./base/system-register-names.ts"
import { Table } from "./decode.ts"
import { alternatives, type FeatureSelection, featuresIn, implemented, selectFeatures } from "./feature.ts"
import type { ControlPair, ResolvedControl, ResolvedGate } from "./gate.ts"
import { fieldsOf, type Instruction } from "./instruction.ts"
import type { SystemNames } from "./operands.ts"
import { API_VERSION, type Extension } from "./plugin.ts"
import type { Accessor, Register, SystemRegister } from "./register.ts"
import { composeRegisters } from "./registry.ts"
import type { Component } from "./state.ts"

/** What is chosen of the extensions. */
export interface ComposeOptions {
  /** Features switched on or off; names in any case. */
  readonly features?: FeatureSelection
}
/** A composed instruction set: frozen, without a trace of which extension brought what. */
export interface Machine {
  readonly extensions: readonly Extension[]
  readonly features: ReadonlySet<string>
  /** The implemented instructions: to decode, print and read them, with the machine's names of system registers. */
  readonly table: Table
  /** The implemented instruction a word encodes; undefined: UNDEFINED. */
  decode(word: number): Instruction | undefined
  /** Whether the instruction is legal in streaming mode without FA64, as far as its features say (for SIMD and SVE access). */
  legalInStreaming(instruction: Instruction): boolean
  /** Every declared instruction whose feature is implemented, and the others. */
  readonly instructions: readonly Instruction[]
  readonly unimplemented: readonly Instruction[]
  /** In the order of their slots. */
  readonly registers: readonly Register[]
  readonly unimplementedRegisters: readonly SystemRegister[]
  readonly registerByName: ReadonlyMap<string, Register>
  readonly registerByEncoding: ReadonlyMap<number, Accessor>
  /** Lower-case system-register names, _EL12 and _EL02 included, for assembler and disassembler. */
  readonly systemNames: SystemNames
  /** Gate of each access class; a class without an entry is free ("none"). */
  readonly gates: ReadonlyMap<string, ResolvedGate>
  readonly trapControls: readonly ResolvedControl[]
  /** SMCR_ELx.FA64, when the machine has it. */
  readonly fullA64: ControlPair | undefined
  readonly components: ReadonlyMap<string, Component>
}
/** A machine, or everything in which its extensions contradict each other. */
export type Composition =
  | { readonly machine: Machine; readonly problems?: undefined }
  | { readonly machine?: undefined; readonly problems: readonly string[] }

/** Joins extensions to a machine; every conflict is reported at once. Pure: the same extensions give the same machine. */
export const compose = (given: readonly Extension[], options: ComposeOptions = {}): Composition => {
  const extensions = given.filter((e, i) => given.findIndex((other) => other.name === e.name) === i),
    problems: string[] = [...contractProblems(given, extensions)],
    declared = extensions.flatMap((e) => (e.features ?? []).map((feature) => ({ owner: e.name, feature })))
  problems.push(
    ...twice(declared.map(({ owner, feature }) => [feature.name, owner] as const)).map(
      ([name, owners]) => `Feature ${name} has two owners: ${owners.join(" and ")}`
    )
  )
  problems.push(...expressionProblems(extensions))
  if (problems.some((p) => p.startsWith("Feature expression"))) return { problems }

  const selection = selectFeatures(
      declared.map((d) => d.feature),
      options.features ?? {}
    ),
    { features } = selection
  problems.push(...selection.problems)
  const registry = composeRegisters(extensions, features, problems),
    instructions = extensions.flatMap((e) => (e.instructions ?? []).map((instruction) => ({ owner: e.name, instruction }))),
    gates = new Map(registry.gates.map((g) => [g.access, g])),
    components = new Map<string, Component>()
  problems.push(...overlaps(instructions), ...unknownFeatures(extensions), ...unknownGates(instructions, gates, registry.byEncoding))
  for (const e of extensions)
    for (const component of e.components ?? [])
      if (components.has(component.id)) problems.push(`${e.name}: state component ${component.id} is declared twice`)
      else components.set(component.id, component)
  if (problems.length > 0) return { problems }

  const here = instructions.map((i) => i.instruction).filter((i) => implemented(i.declaration.feature, features)),
    systemNames = systemNamesOf(registry.names),
    table = new Table(here, { systemNames }),
    streaming = new WeakMap<Instruction, boolean>()
  const machine: Machine = {
    table,
    extensions: Object.freeze([...extensions]),
    features,
    decode: (word) => table.decode(word),
    legalInStreaming: (instruction) => {
      let legal = streaming.get(instruction)
      if (legal === undefined) streaming.set(instruction, (legal = streamingLegality(instruction, features)))
      return legal
    },
    instructions: Object.freeze(here),
    unimplemented: Object.freeze(instructions.map((i) => i.instruction).filter((i) => !implemented(i.declaration.feature, features))),
    registers: Object.freeze(registry.registers),
    unimplementedRegisters: Object.freeze(registry.absent),
    registerByName: registry.byName,
    registerByEncoding: registry.byEncoding,
    systemNames,
    gates,
    trapControls: Object.freeze(registry.controls),
    fullA64: registry.fullA64,
    components
  }
  return { machine: Object.freeze(machine) }
}

/** compose() for callers whose plugin list is fixed: throws an Error that lists the problems. */
export const composeOrThrow = (extensions: readonly Extension[], options: ComposeOptions = {}): Machine => {
  const { machine, problems } = compose(extensions, options)
  if (machine) return machine
  throw new Error(`The plugins do not fit together:\n${problems.join("\n")}`)
}

/** In streaming mode without FA64 an instruction is legal if an implemented alternative of its features names an SME or SSVE feature. */
const streamingLegality = ({ declaration: { feature } }: Instruction, features: ReadonlySet<string>): boolean =>
  feature !== undefined && alternatives(feature).some((all) => all.every((f) => features.has(f)) && all.some((f) => /^(SME|SSVE)/.test(f)))

const twice = (named: readonly (readonly [string, string])[]): readonly (readonly [string, readonly string[]])[] => {
  const owners = new Map<string, string[]>()
  for (const [name, owner] of named) owners.set(name, [...(owners.get(name) ?? []), owner])
  return [...owners].filter(([, all]) => all.length > 1)
}

/** Names, contract versions, missing and circular requirements. */
const contractProblems = (given: readonly Extension[], extensions: readonly Extension[]): readonly string[] => {
  const problems: string[] = [],
    byName = new Map(extensions.map((e) => [e.name, e]))
  for (const [name, all] of twice(given.map((e) => [e.name, e.name] as const))) problems.push(`Plugin ${name} is given ${all.length} times`)
  for (const { name, apiVersion, requires = [] } of extensions) {
    if (apiVersion !== API_VERSION) problems.push(`Plugin ${name} is written for plugin API ${apiVersion}; this is ${API_VERSION}`)
    for (const r of requires) if (!byName.has(r)) problems.push(`Plugin ${name} requires plugin ${r}, which is not loaded`)
  }
  const done = new Set<string>()
  for (const { name } of extensions) {
    const cycle = cycleFrom(name, byName, [], done)
    if (cycle) problems.push(`Plugins require each other in a circle: ${cycle.join(" -> ")}`)
  }
  return problems
}
const cycleFrom = (
  name: string,
  byName: ReadonlyMap<string, Extension>,
  path: readonly string[],
  done: Set<string>
): readonly string[] | undefined => {
  if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
  if (done.has(name)) return undefined
  for (const next of byName.get(name)?.requires ?? []) {
    const cycle = cycleFrom(next, byName, [...path, name], done)
    if (cycle) {
      for (const n of cycle) done.add(n)
      return cycle
    }
  }
  done.add(name)
  return undefined
}

/** Malformed feature expressions, all of them, so that the rest may parse without care. */
const expressionProblems = (extensions: readonly Extension[]): readonly string[] => {
  const problems: string[] = [],
    check = (expression: string | undefined) => {
      try {
        if (expression !== undefined) featuresIn(expression)
      } catch (error) {
        problems.push((error as Error).message)
      }
    }
  for (const e of extensions) {
    for (const f of e.features ?? []) check(f.requires)
    for (const i of e.instructions ?? []) check(i.declaration.feature)
    for (const r of e.registers ?? []) check(r.feature)
    for (const t of e.traps ?? []) check(t.feature)
    for (const g of e.gates ?? [])
      for (const v of g.variants) {
        check(v.having)
        check(v.lacking)
      }
  }
  return problems
}

/** An instruction none of whose alternatives any plugin declares would never decode: a misspelt name. */
const unknownFeatures = (extensions: readonly Extension[]): readonly string[] => {
  const all = new Set(extensions.flatMap((e) => (e.features ?? []).map((f) => f.name))),
    problems: string[] = []
  for (const e of extensions)
    for (const { name, declaration } of e.instructions ?? [])
      if (declaration.feature !== undefined && !alternatives(declaration.feature).some((a) => a.every((f) => all.has(f))))
        problems.push(`${e.name}: instruction ${name} needs ${declaration.feature}, which no plugin declares`)
  return problems
}

const unknownGates = (
  instructions: readonly { readonly owner: string; readonly instruction: Instruction }[],
  gates: ReadonlyMap<string, ResolvedGate>,
  accessors: ReadonlyMap<number, Accessor>
): readonly string[] => {
  const problems: string[] = []
  for (const { owner, instruction } of instructions) {
    const { access } = instruction.declaration,
      classes = typeof access === "function" ? sampled(instruction).map((w) => access(fieldsOf(instruction, w) as never)) : [access ?? "none"]
    for (const one of new Set(classes))
      if (one !== "none" && !gates.has(one))
        problems.push(`${owner}: instruction ${instruction.name} has access class ${one}, for which there is no gate`)
  }
  for (const a of accessors.values())
    if (a.access !== undefined && !gates.has(a.access)) problems.push(`Register ${a.name} has access class ${a.access}, for which there is no gate`)
  return problems
}

/** A small deterministic source of words: composing the same plugins always looks at the same ones. */
const randomWords = (seed: number) => () => {
  seed = (seed + 0x9e3779b9) | 0
  let t = seed ^ (seed >>> 16)
  t = Math.imul(t, 0x21f0aaad)
  t ^= t >>> 15
  t = Math.imul(t, 0x735a2d97)
  return (t ^ (t >>> 15)) >>> 0
}
const SAMPLES = 32
const allocated = (i: Instruction, word: number): boolean => {
  const { where } = i.declaration
  return where === undefined || where(fieldsOf(i, word) as never) !== false
}
const sampled = (i: Instruction): readonly number[] => {
  const next = randomWords(i.value)
  return Array.from({ length: SAMPLES }, () => ((next() & ~i.mask) | i.value) >>> 0).filter((w) => allocated(i, w))
}

/** Declarations are grouped by bits 31:24 of their words. */
const GROUP_SHIFT = 24
const GROUPS = 2 ** (32 - GROUP_SHIFT)
/** Pairs of declarations that claim a common word. If one has strictly more fixed bits it is the special case of the other, which is allowed. */
const overlaps = (all: readonly { readonly owner: string; readonly instruction: Instruction }[]): readonly string[] => {
  const problems: string[] = []
  const masks = Int32Array.from(all, ({ instruction }) => instruction.mask)
  const values = Int32Array.from(all, ({ instruction }) => instruction.value)
  const groups = Array.from({ length: GROUPS }, (): number[] => [])
  for (let j = 0; j < all.length; j++) {
    const mask = masks[j]!
    const value = values[j]!
    const rivals: number[] = []
    // Words that two declarations share are in a group of both: only the groups that agree with the fixed bits, counting through the free ones.
    const free = ~(mask >>> GROUP_SHIFT) & (GROUPS - 1)
    const fixed = value >>> GROUP_SHIFT
    let choice = 0
    do {
      const group = groups[fixed | choice]!
      for (const i of group) {
        if ((value ^ values[i]!) & mask & masks[i]!) continue
        const both = mask | masks[i]!
        if (mask !== masks[i] && (both === mask || both === masks[i])) continue
        if (!rivals.includes(i)) rivals.push(i)
      }
      group.push(j)
      choice = (choice - free) & free
    } while (choice !== 0)
    for (const i of rivals) {
      const [a, b] = [all[i]!, all[j]!]
      const word = commonWord(a.instruction, b.instruction, (mask | masks[i]!) >>> 0)
      if (word !== undefined)
        problems.push(
          `${a.instruction.name} of ${a.owner} and ${b.instruction.name} of ${b.owner} both claim 0x${word.toString(16).padStart(8, "0")}`
        )
    }
  }
  return problems
}
const commonWord = (a: Instruction, b: Instruction, both: number): number | undefined => {
  const next = randomWords(a.value ^ b.value),
    fixed = (a.value | b.value) >>> 0
  for (let n = 0; n < SAMPLES; n++) {
    const word = ((next() & ~both) | fixed) >>> 0
    if (allocated(a, word) && allocated(b, word)) return word
  }
  return undefined
}
