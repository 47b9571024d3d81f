/** Looking into snapshots without a machine: what a file says of itself, the values of its sections, how two differ. */

import { SnapshotError } from "../errors.ts"
import { decode, encode, type Plain, sameBytes } from "./codec.ts"
import { type Container, checkValues, hex } from "./container.ts"
import { checkHostSection, hostModeOf, hostShape, isWholeHost } from "./host-parts.ts"
import { readPages } from "./pages.ts"
import { modeOfSection, SECTIONS } from "./parts.ts"
import { reading, refuse } from "./refusal.ts"
import { checkSealed, isSealed } from "./seal.ts"

/** What a file says of itself, without its contents. */
export const inspect = ({ header, id }: Container) => {
  const { parent, sections, ...rest } = header
  return {
    id: hex(id),
    ...rest,
    parent: parent === null ? null : hex(parent),
    sections: sections.map(({ sha256, ...section }) => ({ ...section, sha256: hex(sha256) }))
  }
}
/** The values of a section; undefined when it is memory. */
export const sectionValue = (container: Container, name: string): Plain | undefined => {
  const { entry, bytes } = container.section(name)
  return entry.codec === "none" ? decode(bytes, `section ${name}`) : undefined
}
/** Names of the elements that lists of registers and the like consist of. */
const nameOf = (value: Plain, index: number): string => {
  if (typeof value === "object" && value !== null && "name" in value) return String((value as { readonly name: Plain }).name)
  return `[${index}]`
}
/** A value as text: bytes in hexadecimal, at most `most` of them. */
export const valueText = (value: Plain | undefined, most = 32): string => {
  if (value === undefined) return "nothing"
  if (value instanceof Uint8Array) return value.length <= most ? `0x${hex(value)}` : `${value.length} bytes 0x${hex(value.subarray(0, most))}...`
  if (typeof value === "bigint") return `0x${value.toString(16)}`
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "bigint" ? `0x${inner.toString(16)}` : inner instanceof Uint8Array ? valueText(inner, most) : inner
  )
}

/** A place in which two snapshots differ, and what is there in each. */
export interface Difference {
  /** Section, field, offset. */
  readonly path: string
  /** What the first has there, as text. */
  readonly before: string
  /** What the second has there, as text. */
  readonly after: string
}
/** What two snapshots have different, at most `most` places; memory by page. */
export const differences = (before: Container, after: Container, most = 100): readonly Difference[] => {
  const found: Difference[] = []
  const add = (path: string, a: string, b: string) => found.length < most && found.push({ path, before: a, after: b })
  const compare = (path: string, a: Plain | undefined, b: Plain | undefined): void => {
    if (found.length >= most || valueText(a, Number.POSITIVE_INFINITY) === valueText(b, Number.POSITIVE_INFINITY)) return
    if (isTree(a) && isTree(b)) {
      const [left, right] = [partsOf(a), partsOf(b)]
      for (const key of new Set([...left.keys(), ...right.keys()])) compare(`${path}.${key}`, left.get(key), right.get(key))
    } else if (a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length) {
      const at = a.findIndex((byte, i) => byte !== b[i])
      add(`${path}+${at}`, valueText(a.subarray(at, at + 8)), valueText(b.subarray(at, at + 8)))
    } else add(path, valueText(a), valueText(b))
  }
  const names = new Set([...before.header.sections, ...after.header.sections].map(({ name }) => name))
  for (const name of names) {
    const has = (container: Container) => container.header.sections.some((section) => section.name === name)
    if (!has(before) || !has(after)) {
      add(`section ${name}`, has(before) ? "there" : "nothing", has(after) ? "there" : "nothing")
      continue
    }
    if (before.section(name).entry.codec !== "none") {
      const [a, b] = [before.section(name).bytes, after.section(name).bytes]
      if (valueText(a, Number.POSITIVE_INFINITY) !== valueText(b, Number.POSITIVE_INFINITY)) add(name, `${a.length} bytes`, `${b.length} other bytes`)
    } else compare(name, sectionValue(before, name), sectionValue(after, name))
  }
  return found
}
type Tree = readonly Plain[] | { readonly [key: string]: Plain }
const isTree = (value: Plain | undefined): value is Tree => typeof value === "object" && value !== null && !(value instanceof Uint8Array)
const partsOf = (tree: Tree): ReadonlyMap<string, Plain> =>
  new Map(Array.isArray(tree) ? (tree as readonly Plain[]).map((value, i) => [nameOf(value, i), value] as const) : Object.entries(tree))

/** Checks all of a file that can be checked without a machine: every section against its shape, every page. */
export const verify = (container: Container): SnapshotError | undefined => {
  const result = reading(() => {
    if (isSealed(container)) return void checkSealed(container)
    const known = new Map<string, (typeof SECTIONS)[keyof typeof SECTIONS]>(Object.values(SECTIONS).map((section) => [section.name, section]))
    const memories = new Set<string>()
    for (const { name, version, required } of container.header.sections) {
      const memory = /^(ram|slot-\d{1,5})\/(index|pages)$/.exec(name)?.[1]
      const section = known.get(name)
      if (!required && (section ?? memory ?? hostShape(name) ?? hostModeOf(name)) !== undefined)
        refuse("SNAPSHOT_SECTION", {
          path: `section ${name}`,
          expected: "a section that is not to be left out",
          actual: "one that is marked so",
          hint: "The file was not written by eltwo, or was changed."
        })
      if (section !== undefined) checkValues(container, name, section.version, section.shape)
      else if (memory !== undefined) memories.add(memory)
      // what its values mean, the plugin knows
      else if (modeOfSection(name) !== undefined) checkMode(container, name, modeOfSection(name)!)
      else if (hostModeOf(name) !== undefined && isWholeHost(container.header)) checkMode(container, name, hostModeOf(name)!)
      else if (hostShape(name) !== undefined) checkHostSection(container, name)
      else if (required)
        refuse("SNAPSHOT_SECTION", {
          path: `section ${name}`,
          expected: "a section this version knows",
          actual: `version ${version} of another`,
          hint: "Use the eltwo that wrote it, or a later one."
        })
    }
    for (const section of sectionsOf(container)) container.section(section)
    for (const memory of memories) readPages(container, memory)
  })
  return result instanceof SnapshotError ? result : undefined
}
/** The mode's own section, of values of any shape, in the form in which they are written. */
const checkMode = (container: Container, name: string, whose: string): void => {
  const { bytes } = container.section(name)
  const { mode } = container.header.machine
  if (whose !== mode)
    refuse("SNAPSHOT_SECTION", {
      path: `section ${name}`,
      expected: mode === "" ? "no mode of a guest without a modelled kernel" : `nothing but mode ${mode}`,
      actual: "another mode",
      hint: "The file was not written by eltwo, or was changed."
    })
  const value = sectionValue(container, name)
  if (value === undefined || !sameBytes(encode(value), bytes))
    refuse("SNAPSHOT_ENCODING", {
      path: `section ${name}`,
      expected: "the one form in which eltwo writes a value",
      actual: "another form",
      hint: "The file was not written by eltwo, or was changed."
    })
}
/** Sections that must be there. */
const sectionsOf = ({ header }: Container): readonly string[] => {
  const kind = header.kind as keyof typeof SECTIONS_OF
  if (kind === "vm" && isWholeHost(header)) return [...SECTIONS_OF.host, "run", "image"]
  return SECTIONS_OF[kind]
}
/** What a guest of each kind has. */
const SECTIONS_OF = {
  bare: ["run", "pe/0", "bare"],
  vm: ["run", "vm", "image"],
  linux: ["run", "vm", "process"],
  host: ["host", "sched", "ram/index"]
} as const
