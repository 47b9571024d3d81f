/** The one place Schema is imported from: values of @effect/schema and of effect/Schema do not mix. */
export * as Schema from "@effect/schema/Schema"
export { TreeFormatter } from "@effect/schema"
