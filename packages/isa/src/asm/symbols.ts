/** Names of a program and what they stand for. */
import { constant, type Evaluation, type Expression, evaluate, isValue, numberValue, type Value } from "./expression.ts"

export interface AsmSymbol {
  readonly name: string
  /** Undefined: only referred to, or declared. A label cannot be defined again; what `.set` gives can. */
  definition: { readonly kind: "label" | "variable"; readonly expression: Expression } | undefined
  binding: "local" | "global" | "weak"
  type: "none" | "function" | "object"
  /** In bytes, by `.size`. */
  size: Expression | undefined
}

/** How far one symbol may be defined through others. */
const MAXIMUM_CHAIN = 200

export class Symbols {
  readonly #byName = new Map<string, AsmSymbol>()
  /** How often each numeric label was defined. */
  readonly #instances = new Map<string, number>()
  readonly #evaluating = new Set<string>()
  /** Values for names that are used but not defined. */
  provided: ReadonlyMap<string, bigint> = new Map()

  get(name: string): AsmSymbol | undefined {
    return this.#byName.get(name)
  }
  /** Those with a name of their own, in the order of their first use. */
  *named(): Generator<AsmSymbol, void> {
    for (const symbol of this.#byName.values()) if (!symbol.name.includes("@")) yield symbol
  }
  declare(name: string): AsmSymbol {
    let symbol = this.#byName.get(name)
    if (!symbol) this.#byName.set(name, (symbol = { name, definition: undefined, binding: "local", type: "none", size: undefined }))
    return symbol
  }
  /** A string says why there cannot be such a label. */
  label(name: string, place: Value): string | undefined {
    const symbol = this.declare(name)
    if (symbol.definition) return `'${name}' is already defined`
    symbol.definition = { kind: "label", expression: { kind: "value", value: place } }
    return undefined
  }
  set(name: string, expression: Expression): string | undefined {
    const symbol = this.declare(name)
    if (symbol.definition?.kind === "label") return `'${name}' is already defined as a label`
    symbol.definition = { kind: "variable", expression }
    return undefined
  }
  numericLabel(label: string, place: Value): void {
    const instance = (this.#instances.get(label) ?? 0) + 1
    this.#instances.set(label, instance)
    this.label(`${label}@${instance}`, place)
  }
  /** The symbol of the last (b) or next (f) label of that number. */
  numericReference(label: string, direction: "b" | "f"): string {
    return `${label}@${(this.#instances.get(label) ?? 0) + (direction === "f" ? 1 : 0)}`
  }
  /** The value `.set` gave a name, when it is one already. */
  current(name: string): Value | undefined {
    const definition = this.#byName.get(name)?.definition
    return definition?.kind === "variable" && definition.expression.kind === "value" ? definition.expression.value : undefined
  }

  evaluate(expression: Expression): Evaluation {
    return evaluate(expression, (name) => this.#resolve(name))
  }
  #undefinedSymbol(name: string, symbol: AsmSymbol | undefined): Evaluation {
    const provided = this.provided.get(name)
    if (provided === undefined) return symbol?.binding === "weak" ? numberValue(0n) : { unknown: spoken(name) }
    this.set(name, constant(provided))
    return numberValue(provided)
  }
  #resolve(name: string): Evaluation | undefined {
    const symbol = this.#byName.get(name)
    if (!symbol?.definition) return this.#undefinedSymbol(name, symbol)
    const { expression } = symbol.definition
    if (expression.kind === "value") return expression.value
    if (this.#evaluating.has(name)) return { wrong: `'${name}' is defined by itself` }
    if (this.#evaluating.size >= MAXIMUM_CHAIN) return { wrong: `'${name}' is defined through more than ${MAXIMUM_CHAIN} others` }
    this.#evaluating.add(name)
    const result = this.evaluate(expression)
    this.#evaluating.delete(name)
    // Kept, so that a name used by many others is worked out once.
    if (isValue(result)) symbol.definition = { kind: "variable", expression: { kind: "value", value: result } }
    return result
  }
}

/** A numeric label as the source has it. */
const spoken = (name: string): string => name.replace(/@.*/, "")
