/** Shapes as @effect/schema: how a section's value is checked. Unknown fields, missing fields and wrong kinds are refused with the place they have. */
import type { Fields, Saved, Shape } from "@eltwo/cpu"
import { issuesOf, Schema } from "../schema.ts"
import { decode, encode, type Plain, sameBytes } from "./codec.ts"
import { refuse } from "./refusal.ts"

const LONGEST_TEXT = 4096
const whole = (most: number, what: string) =>
  Schema.Number.pipe(Schema.filter((value) => (Number.isInteger(value) && value >= 0 && value <= most) || `is not ${what}`))
const U64 = Schema.BigIntFromSelf.pipe(Schema.filter((value) => (value >= 0n && value < 1n << 64n) || "is not a 64-bit number"))
const U32 = whole(2 ** 32 - 1, "a 32-bit number")
const SIZE = whole(Number.MAX_SAFE_INTEGER, "a size")
const TEXT = Schema.String.pipe(Schema.filter((value) => value.length <= LONGEST_TEXT || `has more than ${LONGEST_TEXT} characters`))

type AnySchema = Schema.Schema<unknown>
const made = new WeakMap<object, AnySchema>()

const fieldsOf = (fields: Fields) => Object.fromEntries(Object.entries(fields).map(([name, inner]) => [name, schemaOf(inner)]))
const make = (shape: Exclude<Shape, string>): AnySchema => {
  if ("bytes" in shape)
    return Schema.Uint8ArrayFromSelf.pipe(
      Schema.filter((value) => value.length === shape.bytes || `has ${value.length} bytes, not ${shape.bytes}`)
    ) as unknown as AnySchema
  if ("list" in shape)
    return Schema.Array(schemaOf(shape.list)).pipe(
      Schema.filter((value) => value.length <= shape.most || `has ${value.length} elements; at most ${shape.most} are possible`)
    ) as unknown as AnySchema
  if ("maybe" in shape) return Schema.NullOr(schemaOf(shape.maybe)) as unknown as AnySchema
  if ("oneOf" in shape) return Schema.Literal(...shape.oneOf) as unknown as AnySchema
  if ("kinds" in shape) {
    const members = Object.entries(shape.kinds).map(([kind, fields]) => Schema.Struct({ kind: Schema.Literal(kind), ...fieldsOf(fields) }))
    return Schema.Union(...members) as unknown as AnySchema
  }
  return Schema.Struct(fieldsOf(shape.fields)) as unknown as AnySchema
}
const schemaOf = (shape: Shape): AnySchema => {
  switch (shape) {
    case "u64":
      return U64 as unknown as AnySchema
    case "u32":
      return U32 as unknown as AnySchema
    case "size":
      return SIZE as unknown as AnySchema
    case "flag":
      return Schema.Boolean as unknown as AnySchema
    case "text":
      return TEXT as unknown as AnySchema
    case "bytes":
      return Schema.Uint8ArrayFromSelf as unknown as AnySchema
  }
  const known = made.get(shape)
  if (known !== undefined) return known
  const schema = make(shape)
  made.set(shape, schema)
  return schema
}

/** A value with its fields in the order of its shape. Throws TypeError for fields that are missing or that the shape does not know: one that was forgotten. */
export const arrange = (shape: Shape, value: unknown, path = ""): Plain => {
  if (typeof shape === "string" || "bytes" in shape || "oneOf" in shape) return value as Plain
  if ("list" in shape) return (value as readonly unknown[]).map((element, i) => arrange(shape.list, element, `${path}[${i}]`))
  if ("maybe" in shape) return value === null ? null : arrange(shape.maybe, value, path)
  const given = value as Readonly<Record<string, unknown>>
  const fields: Fields = "kinds" in shape ? { kind: "text", ...shape.kinds[String(given["kind"])] } : shape.fields
  const unknown = Object.keys(given).find((name) => !(name in fields))
  if (unknown !== undefined) throw new TypeError(`${path}.${unknown} is not in its shape`)
  return Object.fromEntries(
    Object.entries(fields).map(([name, inner]) => {
      if (!(name in given)) throw new TypeError(`${path}.${name} is missing`)
      return [name, arrange(inner, given[name], `${path}.${name}`)]
    })
  )
}

/** The value of a stranger's bytes, which must be what `arrange` and `encode` make of it. Throws SnapshotError; `path` says whose value it is. */
export const decodeAs = <S extends Shape>(shape: S, bytes: Uint8Array, path: string): Saved<S> => decodeKnown(shape, bytes, path) as Saved<S>
/** The same for a shape that only a plugin knows. */
export const decodeKnown = (shape: Shape, bytes: Uint8Array, path: string): unknown => {
  const value = checkShape(shape, decode(bytes, path), path)
  if (!sameBytes(encode(arrange(shape, value, path)), bytes))
    refuse("SNAPSHOT_ENCODING", {
      path,
      expected: "the one form in which eltwo writes a value",
      actual: "another form",
      hint: "The file was not written by eltwo, or was changed."
    })
  return value
}

/** The value as its shape describes it. Throws SnapshotError with the first thing that is wrong; `path` says whose value it is. */
export const decodeShape = <S extends Shape>(shape: S, value: unknown, path: string): Saved<S> => checkShape(shape, value, path) as Saved<S>
const checkShape = (shape: Shape, value: unknown, path: string): unknown => {
  const result = Schema.decodeUnknownEither(schemaOf(shape), { errors: "first", onExcessProperty: "error" })(value)
  if (result._tag === "Right") return result.right
  const [issue] = issuesOf(result.left)
  const place = issue === undefined ? "" : issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("")
  return refuse("SNAPSHOT_SCHEMA", {
    path: `${path}${place}`,
    expected: issue?.kind === "unexpected" ? "no such field" : issue?.kind === "missing" ? "the field" : "a value of its kind",
    actual: issue?.kind === "wrong" ? issue.message : issue?.kind === "unexpected" ? "a field nobody knows" : "nothing",
    hint: "The file was not written by this version of eltwo, or was changed."
  })
}
