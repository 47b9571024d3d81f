/** Constants that instructions load relative to themselves (`ldr x0, =value`), collected until `.ltorg` or the end of their section. */
import type { Expression } from "./expression.ts"
import type { Literal } from "./operands.ts"
import type { Section } from "./section.ts"

/** A constant of a pool. Its offset is known once the pool has been put into its section. */
export interface PoolEntry {
  readonly expression: Expression
  readonly size: Literal["size"]
  offset: number
}

/** Equal for expressions that are written the same way. */
const keyOf = (expression: Expression): string => {
  switch (expression.kind) {
    case "value":
      return `${expression.value.section?.name ?? ""}+${expression.value.offset}`
    case "symbol":
      return expression.name
    case "unary":
      return `${expression.operator}(${keyOf(expression.operand)})`
    case "binary":
      return `(${keyOf(expression.left)})${expression.operator}(${keyOf(expression.right)})`
  }
}

/** The pool of one section. */
export class LiteralPool {
  #entries: PoolEntry[] = []
  #byKey = new Map<string, PoolEntry>()

  /** The entry for a literal: an equal one is shared. */
  add({ expression, size }: Literal): PoolEntry {
    const key = `${size} ${keyOf(expression)}`
    const known = this.#byKey.get(key)
    if (known) return known
    const entry = { expression, size, offset: -1 }
    this.#entries.push(entry)
    this.#byKey.set(key, entry)
    return entry
  }
  /** Puts all entries into the section, smallest first; `emit` adds the bytes of one. */
  flush(section: Section, emit: (entry: PoolEntry) => void): void {
    const entries = this.#entries
    this.#entries = []
    this.#byKey = new Map()
    for (const size of [4, 8, 16] as const) {
      const some = entries.filter((entry) => entry.size === size)
      if (some.length > 0) section.align(size, { code: false })
      for (const entry of some) {
        entry.offset = section.length
        emit(entry)
      }
    }
  }
}
