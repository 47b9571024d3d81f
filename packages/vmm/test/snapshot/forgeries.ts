/** Mutants of someone who knows the format: several values changed so that they agree, sections of other snapshots, chains that are none. */
import { encode, type Plain } from "../../src/snapshot/codec.ts"
import { idAtEnd } from "../../src/snapshot/container.ts"
import { type Kind, type Parts, partsOf, pick, type Random, resealed, type Sample, sealed, valueIn, withSections } from "./apart.ts"

type Section = Parts["sections"][number]
type Tree = Record<string, Plain>
const isTree = (value: Plain): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
const isNumber = (value: Plain): value is number | bigint => typeof value === "number" || typeof value === "bigint"
const valueSections = ({ sections }: Parts): readonly Section[] => sections.filter(({ entry }) => entry["codec"] === "none")
/** A value with each of its parts, itself last, replaced by what `change` makes of it. */
const mapped = (value: Plain, change: (part: Plain) => Plain): Plain => {
  if (Array.isArray(value)) return change((value as readonly Plain[]).map((part) => mapped(part, change)))
  if (isTree(value)) return change(Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mapped(part, change)])))
  return change(value)
}
/** All parts of a value that are of a kind. */
const partsLike = <T extends Plain>(value: Plain, isLike: (part: Plain) => part is T): readonly T[] => {
  const found: T[] = []
  mapped(value, (part) => {
    if (isLike(part)) found.push(part)
    return part
  })
  return found
}
/** Replaces the `index`th part that is of a kind. */
const withPart = <T extends Plain>(value: Plain, isLike: (part: Plain) => part is T, index: number, change: (part: T) => Plain): Plain => {
  let left = index
  return mapped(value, (part) => (isLike(part) && left-- === 0 ? change(part) : part))
}
/** Changes one part that is of a kind, in some section of values that has one. */
const disturb = <T extends Plain>(parts: Parts, random: Random, isLike: (part: Plain) => part is T, change: (part: T) => Plain): void => {
  const sections = valueSections(parts).filter((section) => partsLike(valueIn(section), isLike).length > 0)
  if (sections.length === 0) return
  const section = pick(sections, random)
  const value = valueIn(section)
  const count = partsLike(value, isLike).length
  section.bytes = encode(withPart(value, isLike, random(count), change))
}
const isList = (value: Plain): value is readonly Plain[] => Array.isArray(value) && value.length > 0
const isTable = (value: Plain): value is readonly Tree[] => Array.isArray(value) && value.length > 1 && (value as readonly Plain[]).every(isTree)
const PAGE = 4096
const isAddress = (value: Plain): value is number | bigint => isNumber(value) && value >= 0x1000_0000 && Number(value) % PAGE === 0
const isText = (value: Plain): value is string => typeof value === "string" && value !== ""
const safe = (value: number): number => (Number.isSafeInteger(value) ? value : Number.MAX_SAFE_INTEGER)
/** A number in the form of another one. */
const like = (form: number | bigint, value: number): number | bigint =>
  typeof form === "bigint" ? BigInt.asUintN(64, BigInt(safe(value))) : safe(value)

const LISTS = ["data", "zero"] as const
const numbersOf = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(4 * i, true))
}
const bytesOf = (numbers: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(numbers).buffer)
const pagesOf = (stored: Uint8Array): Uint8Array[] => {
  const pages: Uint8Array[] = []
  for (let at = 0; at < stored.length; ) {
    const lines = Array.from(stored.subarray(at, at + 8), (byte) => byte.toString(2).replaceAll("0", "").length).reduce((sum, n) => sum + n, 0)
    pages.push(stored.slice(at, at + 8 + 64 * lines))
    at += 8 + 64 * lines
  }
  return pages
}
/** The index of a memory and its pages, changed together. */
const ofMemory = (
  name: string,
  change: (memory: { total: number; data: number[]; zero: number[]; pages: Uint8Array[] }, random: Random) => void
): Kind =>
  resealed(name, ({ sections }, random) => {
    const indexes = sections.filter(({ entry }) => String(entry["name"]).endsWith("/index"))
    if (indexes.length === 0) return
    const index = pick(indexes, random)
    const stored = sections.find(({ entry }) => entry["name"] === String(index.entry["name"]).replace(/index$/, "pages"))!
    const { total, ...lists } = valueIn(index) as Tree
    const memory = {
      total: Number(total),
      data: numbersOf(lists["data"] as Uint8Array),
      zero: numbersOf(lists["zero"] as Uint8Array),
      pages: pagesOf(stored.bytes)
    }
    change(memory, random)
    index.bytes = encode({ total: memory.total, ...Object.fromEntries(LISTS.map((list) => [list, bytesOf(memory[list])])) })
    stored.bytes = new Uint8Array(Buffer.concat(memory.pages))
    stored.entry["rawLength"] = PAGE * memory.data.length
  })

/** Facts of a header, each as some other machine or guest would have it. */
const FACTS: readonly ((header: Tree & { machine: Tree }, random: Random, sample: Sample) => void)[] = [
  (header, random) => void (header["kind"] = pick(["linux", "vm", "bare", "host"], random)),
  ({ machine }, random) => void (machine["mode"] = pick(["vhe", "nvhe", "hvhe", "pkvm", "", "constructor"], random)),
  ({ machine }, random) => void (machine["era"] = pick(["A", "B", "C", "D", "E", "F", "G", "H", "I", ""], random)),
  ({ machine }, random) => void (machine["memory"] = pick([0, PAGE, 1 << 20, 2 << 20, 2 ** 31, 2 ** 40, 2 ** 53 - 1, 12345], random)),
  ({ machine }, random) => void (machine["seed"] = random(2 ** 32)),
  ({ machine }, random) => void (machine["features"] = (machine["features"] as string[]).filter(() => random(20) > 0)),
  ({ machine }) => void (machine["features"] = [...(machine["features"] as string[]), "ZZZ"]),
  ({ machine }, random) => void (machine["vectorLengths"] = pick<readonly number[]>([[], [128], [256, 128], [128, 2048], [0], [4096]], random)),
  ({ machine }, random) => void (machine["streamingVectorLengths"] = pick<readonly number[]>([[], [128], [512], [1, 2]], random)),
  ({ machine }) => void (machine["plugins"] = (machine["plugins"] as Plain[]).slice(1)),
  ({ machine }) => void (machine["plugins"] = [...(machine["plugins"] as Plain[]), { name: "nobody", apiVersion: 1 }]),
  (header, random) => void (header["guest"] = pick(["", "../x", "a/b", "x".repeat(300), "-", "\0"], random)),
  (header, random) => void (header["time"] = pick([0n, 1n << 63n, (1n << 64n) - 1n, 77n], random)),
  (header, random) => void (header["instructions"] = pick([0n, 1n << 63n, (1n << 64n) - 1n, 77n], random)),
  (header, _, { file }) => void (header["parent"] = idAtEnd(file)),
  (header, random) => void (header["parent"] = new Uint8Array(32).fill(random(256))),
  (header) => void (header["parent"] = null)
]
const NAMES = ["constructor", "__proto__", "toString", "hasOwnProperty", "", "\0", "x".repeat(70_000)] as const
const childOf = (file: Uint8Array, parent: Uint8Array | null): Uint8Array => {
  const parts = partsOf(file)
  parts.header["parent"] = parent
  return sealed(file, parts)
}
/** Chains that are none: [what the last one builds on, the last one]. */
const CHAINS: readonly ((sample: Sample, random: Random) => readonly [readonly Uint8Array[], Uint8Array])[] = [
  ({ file, parents }) => [[...parents, file], file],
  ({ file, parents }) => [[...parents, ...parents, file], file],
  ({ file, parents }) => [[], childOf(parents[0] ?? file, idAtEnd(file))],
  ({ file, others }, random) => [[pick(others, random)], file],
  ({ file, others }, random) => {
    const other = pick(others, random)
    return [[other], childOf(file, idAtEnd(other))]
  },
  ({ file }) => {
    // each is said to build on the other: only one of the ids can be right
    const first = childOf(file, idAtEnd(file))
    const second = childOf(file, idAtEnd(first))
    return [[childOf(first, idAtEnd(second)), second], childOf(file, idAtEnd(second))]
  },
  ({ file }) => {
    // a chain that holds together, of the same changes twenty times
    const chain = [childOf(file, null)]
    for (let i = 0; i < 20; i++) chain.push(childOf(file, idAtEnd(chain.at(-1)!)))
    return [chain.slice(0, -1), chain.at(-1)!]
  },
  ({ file, parents }) => [[file], parents[0] ?? childOf(file, idAtEnd(file))]
]

export const FORGERIES: readonly Kind[] = [
  resealed("a number everywhere", (parts, random) => {
    const sections = valueSections(parts)
    const values = sections.map(valueIn)
    const numbers = partsLike(pick(values, random), isNumber)
    if (numbers.length === 0) return
    const old = pick(numbers, random)
    const value = pick([Number(old) + 1, 0, 1, Number(old) + PAGE, Number(pick(numbers, random)), 2 ** 32 - 1, 511], random)
    for (const [i, section] of sections.entries())
      section.bytes = encode(mapped(values[i]!, (part) => (isNumber(part) && BigInt(part) === BigInt(old) ? like(part, value) : part)))
  }),
  resealed("a place like another", (parts, random) =>
    disturb(parts, random, isTable, (table) => {
      const [from, to] = [pick(table, random), random(table.length)]
      const key = pick(Object.keys(from), random)
      return table.map((row, i) => (i === to ? (random(3) === 0 ? from : { ...row, [key]: from[key]! }) : row))
    })
  ),
  resealed("an address of something else", (parts, random) => {
    const addresses = valueSections(parts).flatMap((section) => partsLike(valueIn(section), isAddress))
    if (addresses.length > 0) disturb(parts, random, isAddress, (old) => like(old, Number(pick(addresses, random)) + PAGE * random(2)))
  }),
  resealed("all pages free", (parts, random) =>
    disturb(parts, random, isTable, (table) =>
      "pages" in table[0]! && "from" in table[0]
        ? pick<readonly Tree[]>(
            [[{ from: 0, pages: 64 + random(1000) }], table.map((row) => ({ ...row, from: Math.max(0, Number(row["from"]) - 1 - random(3)) }))],
            random
          )
        : table.toReversed()
    )
  ),
  resealed("a list at its limit", (parts, random) =>
    disturb(parts, random, isList, (list) => {
      const length = pick([list.length * 2, list.length * 2, 5, 17, 17, 65, 65, 101, 513, 1025, 4097, 10_001], random)
      const step = random(2)
      const moved = (value: Plain, by: number): Plain => mapped(value, (part) => (typeof part === "number" ? safe(part + by) : part))
      return Array.from({ length }, (_, i) => moved(list[i % list.length]!, step * Math.floor(i / list.length)))
    })
  ),
  resealed("a name", (parts, random) => disturb(parts, random, isText, () => pick(NAMES, random))),
  resealed("a number of its kind", (parts, random) => {
    // of every number of a section one that another field of it has
    const section = pick(valueSections(parts), random)
    const numbers = partsLike(valueIn(section), isNumber)
    if (numbers.length > 0)
      section.bytes = encode(withPart(valueIn(section), isNumber, random(numbers.length), (old) => like(old, Number(pick(numbers, random)))))
  }),
  resealed("facts of the header", ({ header }, random, sample) => {
    header["machine"] = { ...(header["machine"] as Tree) }
    for (let i = 0; i <= random(2); i++) pick(FACTS, random)(header as Tree & { machine: Tree }, random, sample)
  }),
  (sample, random) => {
    const other = pick([...sample.others, ...sample.parents], random)
    const names = partsOf(other).sections.map(({ entry }) => String(entry["name"]))
    const first = pick(names, random)
    const one = random(2) === 0
    return {
      name: "sections of another",
      bytes: withSections(sample.file, other, one ? [first] : names.filter((name) => name === first || random(2) === 0)),
      sealed: true
    }
  },
  (sample, random) => {
    const other = pick(sample.others, random)
    const { header } = partsOf(other)
    return { name: "header of another", bytes: sealed(sample.file, { ...partsOf(sample.file), header }), sealed: true }
  },
  (sample, random) => {
    const [parents, bytes] = pick(CHAINS, random)(sample, random)
    return { name: "a chain", bytes, sealed: true, parents }
  },
  ofMemory("pages less", (memory, random) => {
    if (memory.data.length === 0) return
    const at = random(memory.data.length)
    memory.data.splice(at, 1)
    memory.pages.splice(at, 1)
  }),
  ofMemory("pages elsewhere", (memory, random) => {
    if (memory.pages.length > 0 && random(2) === 0) memory.pages.push(...memory.pages.splice(random(memory.pages.length), 1))
    else memory.data = memory.data.map((page) => (page + 1 + random(3)) % memory.total).sort((a, b) => a - b)
  }),
  ofMemory("pages listed", (memory, random) => {
    const how = random(4)
    if (how === 0) memory.total = pick([0, memory.total * 2, memory.total - 1, 2 ** 32 - 1], random)
    else if (how === 1) memory.zero = pick<number[]>([[0], [...memory.data], [memory.total - 1], [memory.total], [3, 2]], random)
    else if (how === 2) memory.data.push(...memory.data.slice(0, 1 + random(3)))
    else if (memory.pages.length > 0) {
      memory.data = Array.from({ length: memory.total }, (_, page) => page)
      memory.pages = memory.data.map((page) => memory.pages[page % memory.pages.length]!)
    }
  }),
  resealed("another wait", ({ sections }, random) => {
    const wait = sections.find(({ entry }) => entry["name"] === "wait")
    const bytes = encode({ for: pick(["signal", "input", "nothing", ""], random) })
    if (wait !== undefined) wait.bytes = bytes
    else sections.push({ entry: { name: "wait", version: 1, required: true, codec: "none", rawLength: 0 }, bytes })
  }),
  resealed("what the mode keeps", (parts, random) => {
    const kept = parts.sections.filter(({ entry }) => /^(mode|host)\//.test(String(entry["name"])))
    if (kept.length === 0) return
    const one = { ...parts, sections: [pick(kept, random)] }
    if (random(2) === 0)
      disturb(one, random, isNumber, (old) => like(old, pick([Number(old) + 1, 0, 1, 0x40000, Number(BigInt(old) ^ 1n), 2 ** 32 - 1], random)))
    else
      disturb(one, random, isList, (old) => {
        const list = [...old]
        if (random(2) === 0) list.splice(random(list.length), 1)
        else list.splice(random(list.length), 0, pick(list, random))
        return list
      })
  })
]
