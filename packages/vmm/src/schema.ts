/** The one place Schema is imported from: values of @effect/schema and of effect/Schema do not mix. */
import * as ArrayFormatter from "@effect/schema/ArrayFormatter"
import type { ParseError } from "@effect/schema/ParseResult"
import * as Schema from "@effect/schema/Schema"

export * as ParseResult from "@effect/schema/ParseResult"
export * as TreeFormatter from "@effect/schema/TreeFormatter"
export { Schema }

/** A field that may be left out. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: A) => Schema.optionalWith(schema, { default: () => value })

export interface Issue {
  readonly kind: "unexpected" | "missing" | "wrong"
  readonly path: readonly PropertyKey[]
  readonly message: string
}
/** What is wrong, once for each place, and not for a list or record whose element is wrong: unions report every alternative. */
export const issuesOf = (error: ParseError): readonly Issue[] => {
  const byPlace = new Map<string, Issue>()
  for (const { _tag, path, message } of ArrayFormatter.formatErrorSync(error)) {
    const kind = _tag === "Unexpected" ? "unexpected" : _tag === "Missing" ? "missing" : "wrong"
    const place = path.map(String).join("\0")
    if (!byPlace.has(place)) byPlace.set(place, { kind, path, message })
  }
  const places = [...byPlace.keys()]
  return [...byPlace].filter(([place]) => !places.some((other) => other.startsWith(`${place}\0`))).map(([, issue]) => issue)
}
