/** Snapshots that nobody wrote: valid ones, changed in every way a file can be, with and without their checksums made right again. */
import { encode, type Plain } from "../../src/snapshot/codec.ts"
import { assemble, flipped, join, type Kind, type Mutant, partsOf, pick, type Random, resealed, type Sample, valueIn } from "./apart.ts"
import { FORGERIES } from "./forgeries.ts"

const nested = (depth: number, token: number): Uint8Array => new Uint8Array(depth + 1).fill(token, 0, depth).fill(0xc0, depth)
const word = (value: number): number[] => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
/** Bytes that decoders choke on: depth, extensions, records, aliases, counts of what is not there, keys twice. */
const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ["depth", nested(5000, 0x91)],
  ["depth of maps", join(Array.from({ length: 3000 }, () => Uint8Array.of(0x81, 0xa1, 0x61)).concat([Uint8Array.of(0xc0)]))],
  ["extension", Uint8Array.of(0xd4, 0x72, 0x40)],
  ["record", Uint8Array.of(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01)],
  ["alias", Uint8Array.of(0xd6, 0x69, 0, 0, 0, 1, 0x90)],
  ["set", Uint8Array.of(0xd4, 0x73, 0, 0x90)],
  ["regular expression", Uint8Array.of(0xc7, 0, 0x78, 0x92, 0xa7, ...new TextEncoder().encode("(a+)+$x"), 0xa0)],
  ["error", Uint8Array.of(0xc7, 0, 0x65, 0x92, 0xab, ...new TextEncoder().encode("constructor"), 0xa0)],
  ["timestamp", Uint8Array.of(0xd6, 0xff, 0, 0, 0, 0)],
  ["bundled strings", Uint8Array.of(0xd6, 0x62, 0, 0, 0, 4)],
  ["unused token", Uint8Array.of(0xc1)],
  ["huge array", Uint8Array.of(0xdd, ...word(0xffff_ffff))],
  ["huge map", Uint8Array.of(0xdf, ...word(0xffff_fff0))],
  ["huge bytes", Uint8Array.of(0xc6, ...word(0xffff_ff00))],
  ["huge text", Uint8Array.of(0xdb, ...word(0x7fff_ffff))],
  ["huge extension", Uint8Array.of(0xc9, ...word(0x7fff_ffff), 0x01)],
  ["many empty maps", join([Uint8Array.of(0xdd, ...word(3_000_000)), new Uint8Array(3_000_000).fill(0x80)])],
  ["key twice", Uint8Array.of(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2)],
  ["key that is none", Uint8Array.of(0x81, 0x01, 0x02)],
  ["__proto__", join([Uint8Array.of(0x81, 0xa9), new TextEncoder().encode("__proto__"), Uint8Array.of(0x80)])],
  ["more than a value", Uint8Array.of(0xc0, 0xc0)],
  ["nothing", new Uint8Array(0)],
  ["not a number", Uint8Array.of(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1)],
  ["minus zero", Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)],
  ["long form", Uint8Array.of(0xcd, 0, 5)],
  ["broken text", Uint8Array.of(0xa2, 0xc3, 0x28)]
]

const unsealed =
  (name: string, change: (file: Uint8Array, random: Random) => Uint8Array): Kind =>
  ({ file }, random) => ({ name, bytes: change(file, random), sealed: false })
/** Replaces a random part of a value by something else. */
const disturbed = (value: Plain, random: Random): Plain => {
  if (Array.isArray(value) && value.length > 0 && random(4) > 0) {
    const list = [...(value as readonly Plain[])]
    const at = random(list.length)
    const how = random(6)
    if (how === 0) list.splice(at, 1)
    else if (how === 1) list.splice(at, 0, list[random(list.length)]!)
    else list[at] = disturbed(list[at]!, random)
    return list
  }
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)) {
    const entries = Object.entries(value as Record<string, Plain>)
    if (entries.length === 0) return 1
    const at = random(entries.length)
    const [key, inner] = entries[at]!
    const how = random(12)
    if (how === 0) entries.splice(at, 1)
    else if (how === 1) entries[at] = [`${key}x`, inner]
    else if (how === 2) entries.push(["more", 1])
    else if (how === 3) entries.reverse()
    else entries[at] = [key, disturbed(inner, random)]
    return Object.fromEntries(entries)
  }
  if (value instanceof Uint8Array && value.length > 0 && random(3) > 0) return random(4) === 0 ? value.slice(1) : flipped(value, random)
  if (typeof value === "bigint") return pick([value ^ (1n << BigInt(random(64))), 0n, (1n << 64n) - 1n, 1n << 63n, 5], random)
  if (typeof value === "number") return pick([value ^ (1 << random(30)), 0, value + 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, "5", null], random)
  if (typeof value === "boolean") return pick<Plain>([!value, 1, null], random)
  return pick<Plain>([null, 0, "", "other", new Uint8Array(3), [], {}, 1n, "../../x", "x".repeat(5000)], random)
}

const KINDS: readonly Kind[] = [
  ...FORGERIES,
  unsealed("bit flip", (file, random) => flipped(file, random)),
  unsealed("some bits", (file, random) => flipped(file, random, 2 + random(20))),
  unsealed("cut off", (file, random) => file.slice(0, random(file.length))),
  unsealed("something behind", (file, random) => join([file, new Uint8Array(1 + random(100))])),
  unsealed("a piece twice", (file, random) => {
    const at = random(file.length)
    return join([file.subarray(0, at), file.subarray(Math.max(0, at - random(500) - 1))])
  }),
  unsealed("header length", (file, random) => {
    const out = file.slice()
    new DataView(out.buffer).setUint32(8, pick([0, 1, 0xffff_ffff, 1 << 20, (1 << 20) + 1, random(1 << 16), file.length], random), true)
    return out
  }),
  unsealed("magic", (file, random) => {
    const out = file.slice()
    out[random(8)] = random(256)
    return out
  }),
  ({ file }, random) => {
    // lengths that lie, with the header's checksum and the file's right
    const parts = partsOf(file)
    const { entry } = pick(parts.sections, random)
    entry[pick(["length", "rawLength"], random)] = pick([0, 1, 2 ** 31, 2 ** 32, 2 ** 52, random(100_000), Number(entry["length"]) + 1], random)
    const head = encode({ ...parts.header, sections: parts.sections.map((section) => section.entry) } as Plain)
    return {
      name: "section length",
      bytes: assemble(
        file,
        head,
        parts.sections.map(({ bytes }) => bytes)
      ),
      sealed: true
    }
  },
  resealed("sections swapped", ({ sections }, random) => {
    const [a, b] = [pick(sections, random), pick(sections, random)]
    ;[a.bytes, b.bytes] = [b.bytes, a.bytes]
  }),
  resealed("names swapped", ({ sections }, random) => {
    const [a, b] = [pick(sections, random), pick(sections, random)]
    ;[a.entry["name"], b.entry["name"]] = [b.entry["name"]!, a.entry["name"]!]
  }),
  resealed("a section less", ({ sections }, random) => void sections.splice(random(sections.length), 1)),
  resealed("a section twice", ({ sections }, random) => void sections.push(pick(sections, random))),
  resealed("a section nobody knows", ({ sections }, random) => {
    const { entry, bytes } = pick(sections, random)
    sections.push({ entry: { ...entry, name: "unknown", codec: "none" }, bytes })
  }),
  resealed("versions", ({ sections, header }, random) => {
    if (random(2) === 0) pick(sections, random).entry["version"] = random(5)
    else header["format"] = { major: 1 + random(2), minor: random(5) }
  }),
  resealed("hostile section", ({ sections }, random) => {
    pick(sections, random).bytes = pick(HOSTILE, random)[1]
  }),
  ({ file }, random) => {
    const [name, head] = pick(HOSTILE, random)
    return { name: `hostile header: ${name}`, bytes: assemble(file, head, []), sealed: true }
  },
  resealed("bits of a section", ({ sections }, random) => {
    const section = pick(sections, random)
    if (section.bytes.length > 0) section.bytes = flipped(section.bytes, random, 1 + random(3))
  }),
  resealed("codec", ({ sections }, random) => {
    const { entry } = pick(sections, random)
    entry["codec"] = pick(["none", "lines", "br", "deflate"], random)
    entry["rawLength"] = pick([0, 4096, 2 ** 31, 2 ** 50], random)
  }),
  resealed("a bomb of lines", ({ sections }, random) => {
    const section = sections.find(({ entry }) => entry["codec"] === "lines")
    if (section === undefined) return
    section.bytes = new Uint8Array(72 * (1 + random(2000))).fill(random(2))
    section.entry["rawLength"] = pick([2 ** 40, 4096 * (section.bytes.length / 72), 2 ** 31], random)
  }),
  resealed("a value of a section", ({ sections }, random) => {
    const values = sections.filter(({ entry }) => entry["codec"] === "none")
    const section = pick(values, random)
    section.bytes = encode(disturbed(valueIn(section), random))
  }),
  ({ file }, random) => {
    const parts = partsOf(file)
    const header = disturbed({ ...parts.header, sections: parts.sections.map(({ entry }) => entry) } as Plain, random)
    return {
      name: "a value of the header",
      bytes: assemble(
        file,
        encode(header),
        parts.sections.map(({ bytes }) => bytes)
      ),
      sealed: true
    }
  }
]
/** Mutant number `index` of a sample: the kinds come in turn. Never the file itself. */
export const mutant = (sample: Sample, index: number, random: Random): Mutant => {
  const { file } = sample
  const made = KINDS[index % KINDS.length]!(sample, random)
  const same = made.parents === undefined && made.bytes.length === file.length && made.bytes.every((byte, i) => byte === file[i])
  return same ? { name: "bit flip", bytes: flipped(file, random), sealed: false } : made
}
