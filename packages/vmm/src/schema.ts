/** The one place Schema is imported from: values of @effect/schema and of effect/Schema do not mix. */
import * as Schema from "@effect/schema/Schema"

export * as ArrayFormatter from "@effect/schema/ArrayFormatter"
export * as ParseResult from "@effect/schema/ParseResult"
export * as TreeFormatter from "@effect/schema/TreeFormatter"
export { Schema }

/** A field that may be left out. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: A) => Schema.optionalWith(schema, { default: () => value })
