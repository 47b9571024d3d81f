/**
 * Features: FEAT_ names without their prefix ("LSE", "SVE2p1"), expressions over them, and how the ID registers show them.
 * A feature is *implemented* (this file, decided once per machine); whether it is *enabled* just now is the business of gates.
 */

/** A place in an ID register. Its value is the largest that an implemented feature asks for, else what the register's declaration says. */
export interface IdField {
  /** Name of the ID register, "ID_AA64PFR0_EL1". */
  readonly register: string
  readonly low: number
  /** Bits; 4 unless said. */
  readonly width?: number
  readonly value: number
}
/** An architectural feature: its name without FEAT_, what it needs, and the ID register fields that say so. */
export interface Feature {
  readonly name: string
  /** A feature expression that must hold for this feature to be there. */
  readonly requires?: string
  readonly id?: readonly IdField[]
  /** False: only on request (`--cpu max,NAME=on`). */
  readonly byDefault?: boolean
  readonly doc?: string
}

/** Features joined by and, or, not; read from text by parseFeature. */
export type FeatureExpression =
  | { readonly kind: "feature"; readonly name: string }
  | { readonly kind: "and" | "or"; readonly parts: readonly FeatureExpression[] }

/** Reads "SVE2p1 or SME2", "FP16 and (AdvSIMD or SVE)"; `and` binds tighter. Throws a SyntaxError that quotes the text. */
export const parseFeatures = (text: string): FeatureExpression => {
  const known = parsed.get(text)
  if (known) return known
  const tokens = text.match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const fail = (): never => {
    throw new SyntaxError(`Feature expression '${text}' is malformed at word ${at + 1}`)
  }
  const primary = (): FeatureExpression => {
    const token = tokens[at]
    if (token === "(") {
      at++
      const inside = either()
      if (tokens[at] !== ")") return fail()
      at++
      return inside
    }
    if (token === undefined || !/^[A-Za-z]\w*$/.test(token) || token === "and" || token === "or") return fail()
    at++
    return { kind: "feature", name: token }
  }
  const series = (kind: "and" | "or", part: () => FeatureExpression): FeatureExpression => {
    const parts = [part()]
    while (tokens[at] === kind) {
      at++
      parts.push(part())
    }
    return parts.length === 1 ? parts[0]! : { kind, parts }
  }
  const both = (): FeatureExpression => series("and", primary)
  const either = (): FeatureExpression => series("or", both)
  const expression = either()
  if (at !== tokens.length) fail()
  parsed.set(text, expression)
  return expression
}
const parsed = new Map<string, FeatureExpression>()

/** Whether `expression` holds; an omitted one is the Armv8.0 base, which always does. */
export const implemented = (expression: string | undefined, features: ReadonlySet<string>): boolean =>
  expression === undefined || holds(parseFeatures(expression), features)

const holds = (e: FeatureExpression, features: ReadonlySet<string>): boolean =>
  e.kind === "feature" ? features.has(e.name) : e.kind === "and" ? e.parts.every((p) => holds(p, features)) : e.parts.some((p) => holds(p, features))

/** Every feature an expression names, each once. */
export const featuresIn = (expression: string): readonly string[] => [...new Set(alternatives(expression).flat())]

/** The expression as alternatives, each a list of features needed together. */
export const alternatives = (expression: string): readonly (readonly string[])[] => expand(parseFeatures(expression))

const expand = (e: FeatureExpression): readonly (readonly string[])[] => {
  if (e.kind === "feature") return [[e.name]]
  if (e.kind === "or") return e.parts.flatMap(expand)
  return e.parts.map(expand).reduce((all, next) => all.flatMap((a) => next.map((b) => [...a, ...b])), [[]] as readonly (readonly string[])[])
}

/** What `--cpu` says: a base model and features switched on or off. */
export interface FeatureSelection {
  readonly [feature: string]: boolean
}

/** What `--cpu` text asks for: features, and numbers by name (vector lengths in bits). */
export interface CpuModel {
  readonly features: FeatureSelection
  readonly numbers: Readonly<Record<string, number>>
  readonly problems: readonly string[]
}
/** Reads "max,sve=off,vl=256": the model `max` has every feature; `NAME=on|off` switches one; a number is left to whoever knows the name. */
export const parseCpu = (text: string): CpuModel => {
  const [model, ...settings] = text.split(","),
    features: Record<string, boolean> = {},
    numbers: Record<string, number> = {},
    problems = model === "max" ? [] : [`CPU model '${model}' is not known; there is 'max'`]
  for (const setting of settings) {
    const [, name, value] = /^(\w+)=(on|off|\d{1,9})$/.exec(setting) ?? []
    if (name === undefined || value === undefined) problems.push(`CPU setting '${setting}' is not NAME=on, NAME=off or NAME=NUMBER`)
    else if (name.toLowerCase() in features || name.toLowerCase() in numbers) problems.push(`CPU setting ${name} is given twice`)
    else if (value === "on" || value === "off") features[name.toLowerCase()] = value === "on"
    else numbers[name.toLowerCase()] = Number(value)
  }
  return { features, numbers, problems }
}

/** Features of the declarations that the selection leaves, or one problem line for each thing wrong with it. */
export const selectFeatures = (
  declared: readonly Feature[],
  selection: FeatureSelection
): { features: ReadonlySet<string>; problems: readonly string[] } => {
  const problems: string[] = [],
    byName = new Map(declared.map((f) => [f.name, f])),
    byLowerCase = new Map(declared.map((f) => [f.name.toLowerCase(), f.name])),
    wanted = new Map<string, boolean>()
  for (const [spelt, on] of Object.entries(selection)) {
    const name = byLowerCase.get(spelt.toLowerCase())
    if (name === undefined) problems.push(`Feature ${spelt} is not known to any plugin`)
    else wanted.set(name, on)
  }
  for (const f of declared)
    for (const name of f.requires === undefined ? [] : featuresIn(f.requires))
      if (!byName.has(name) && !implemented(f.requires, new Set([...byName.keys()])))
        problems.push(`Feature ${f.name} requires ${name}, which no plugin declares`)
  const features = new Set(declared.filter((f) => wanted.get(f.name) ?? f.byDefault !== false).map((f) => f.name))
  for (let before = -1; before !== features.size; ) {
    before = features.size
    for (const name of [...features]) if (!implemented(byName.get(name)!.requires, features)) features.delete(name)
  }
  for (const [name, on] of wanted)
    if (on && !features.has(name)) problems.push(`Feature ${name} is asked for, but what it requires is off: ${byName.get(name)!.requires}`)
  return { features, problems }
}
