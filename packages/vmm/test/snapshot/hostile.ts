/** Mutated snapshots given to the reader: for a test and for a longer script. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect, Either } from "effect"
import { SNAPSHOT_CODES, SnapshotError } from "../../src/errors.ts"
import { type Guest, restoreGuest } from "../../src/Guest.ts"
import type { RunRequest } from "../../src/run.ts"
import { checkChain, containersOf, flatten } from "../../src/snapshot/chain.ts"
import type { Plain } from "../../src/snapshot/codec.ts"
import { type Container, readContainer } from "../../src/snapshot/container.ts"
import { differences, inspect, valueText, verify } from "../../src/snapshot/inspect.ts"
import { reading } from "../../src/snapshot/refusal.ts"
import { unseal } from "../../src/snapshot/seal.ts"
import { type Mutant, randomOf, type Sample, sha256 } from "./apart.ts"
import { consoleOf, guestPath, outcome, saved, start } from "./machines.ts"
import { mutant } from "./mutations.ts"

export interface Tally {
  refused: number
  /** Mutants with right checksums whose values are those of another possible machine, as far as they were looked at; those that were restored and run. */
  accepted: number
  restored: number
  readonly byCode: Map<string, number>
  /** The longest that one took, in milliseconds of the processor, and the most that memory grew meanwhile, in bytes; and which. */
  slowest: readonly [number, string]
  largest: readonly [number, string]
  readonly wrong: string[]
}
const GOLDEN = new URL("../../../../test/golden/snapshots/", import.meta.url)
const READER = fileURLToPath(new URL("reader.s", import.meta.url))
const SEVERAL = fileURLToPath(new URL("../several-vcpus.s", import.meta.url))
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1)
/** Small snapshots of every kind of guest: alone, as changes to another, of older formats, sealed. */
export const samples = async (): Promise<readonly Sample[]> => {
  const later: Sample[] = []
  const sample = async (name: string, instructions: number, mode = "vhe", pcpus = 1, more: Partial<RunRequest> = {}) => {
    const guest = await start({ guest: guestPath(name), mode, mem: "1M", engine: "interp", pcpus, streams: consoleOf(), ...more })
    guest.run(instructions)
    const file = saved(guest)
    guest.run(100)
    later.push({ name: `${name} ${mode} later`, file: saved(guest, [file]), parents: [file], others: [saved(guest)] })
    return { name: `${name} ${mode} ${pcpus}`, file, parents: [] }
  }
  const alone = [
    await sample("hello-bare", 40),
    await sample("hello-vm", 60),
    await sample("signals", 400),
    await sample("hello-vm", 60, "pkvm"),
    await sample("hello-vm", 1, "nvhe", 2),
    await sample("hello-vm", 60, "pkvm", 2),
    await sample("sve-vm", 90, "hvhe", 1, { plugin: ["sve"], cpu: "max,vl=512" }),
    await sample("two vCPUs", 3000, "vhe", 2, { guest: SEVERAL, kind: "vm", vcpus: 2 })
  ]
  const old = ["1.0-linux", "1.0-vm", "1.1-vm", "1.2-vm"].map((name) => ({
    name,
    file: new Uint8Array(readFileSync(new URL(`${name}.el2`, GOLDEN))),
    parents: []
  }))
  const secret = await start({ guest: guestPath("hello-vm"), mode: "pkvm", protected: true, mem: "1M", engine: "interp", streams: consoleOf() })
  secret.run(60)
  const closed = await Effect.runPromise(secret.sealed(KEY))
  const open = await unseal(closed, KEY)
  if (open instanceof SnapshotError) throw open
  const reader = await start({ guest: READER, kind: "linux", mem: "1M", engine: "interp", streams: { ...consoleOf(), readInput: () => undefined } })
  reader.run(1000)
  const waiting = { name: "waiting", file: saved(reader), parents: [] }
  const files = [...alone, ...old, waiting].map(({ file }) => file)
  return [
    ...alone.map((each, i) => ({ ...each, others: [...later[i]!.others, ...files.filter((file) => file !== each.file)] })),
    ...later,
    ...old.map((each) => ({ ...each, others: files.filter((file) => file !== each.file) })),
    { ...waiting, others: files.slice(0, 3) },
    { name: "protected", file: open, parents: [], others: [files[3]!] },
    { name: "sealed", file: closed, parents: [], others: [open], key: KEY }
  ]
}
/**
 * Everything a snapshot says but who wrote it, in which version of the format; of features, plugins, and sections that a reader may do without, only those that
 * `like` has as well: a machine may have more.
 */
const facts = (bytes: Uint8Array, like: Uint8Array): string => {
  const [container, other] = [readContainer(bytes, { hash: sha256 }), readContainer(like, { hash: sha256 })]
  if (container instanceof SnapshotError || other instanceof SnapshotError) return "nothing"
  const { id: _, writer: __, format: ___, sections, machine, ...rest } = inspect(container)
  const names = other.header.sections.map(({ name }) => name)
  const compared = sections.filter(({ name, required }) => required || names.includes(name))
  const features = machine.features.filter((feature) => other.header.machine.features.includes(feature))
  const plugins = machine.plugins.filter(({ name }) => other.header.machine.plugins.some((plugin) => plugin.name === name))
  return valueText({ ...rest, machine: { ...machine, features, plugins }, sections: compared } as unknown as Plain, Number.POSITIVE_INFINITY)
}
/** Whether the second says what the first says and more: registers that a list did not have, as an older writer's may not. */
const isCompleted = (bytes: Uint8Array, again: Uint8Array): boolean => {
  const [then, now] = [bytes, again].map((file) => readContainer(file, { hash: sha256 }))
  if (then === undefined || now === undefined || then instanceof SnapshotError || now instanceof SnapshotError) return false
  const found = differences(then, now)
  return found.length > 0 && found.every(({ before }) => before === "nothing")
}
const LONGEST_RUN = 300
/** Most that memory may grow while one is read, and longest that may take on the processor. */
const MOST_BYTES = 100 << 20
const LONGEST_MS = 5000

/** What attack is asked for. */
export interface Attack {
  /** Number of the first mutant, and how many there are. */
  readonly first: number
  readonly count: number
  /** One in so many of those that the reader takes is restored, and its machine run. */
  readonly restoreEvery: number
  /** Told of each before it is read. */
  readonly onMutant?: (number: number) => void
  readonly onWrong?: (line: string) => void
}
/** What is wrong with an error as a refusal. */
const untyped = (error: unknown): boolean =>
  !(error instanceof SnapshotError) || !SNAPSHOT_CODES.includes(error.code) || [error.path, error.expected, error.actual, error.hint].includes("")

/** The snapshot of a guest, of a protected one too. */
const savedInClear = async (guest: Guest): Promise<Uint8Array> => {
  const file = guest.snapshot()
  if (!(file instanceof SnapshotError)) return file
  if (file.code !== "SNAPSHOT_PROTECTED") throw file
  const clear = await unseal(await Effect.runPromise(guest.sealed(KEY)), KEY)
  if (clear instanceof SnapshotError) throw clear
  return clear
}
/** A machine whose memory is anything may come to an end that the model knows, as a crash of its kernel: Guest.run says that itself. */
const isEnd = (error: unknown): boolean =>
  error instanceof Error &&
  error.constructor === Error &&
  /^ +at Guest\.run /.test(error.stack?.split("\n").find((line) => /^ +at /.test(line)) ?? "")

/** What became of a mutant: refused, or the snapshot of a machine that was restored or not. A string says what is wrong. */
const judge = async (
  sample: Sample,
  { bytes, sealed, parents = sample.parents }: Mutant,
  isRestored: boolean
): Promise<SnapshotError | string | undefined> => {
  const read = readContainer(bytes, { hash: sha256 })
  const problem = read instanceof SnapshotError ? read : verify(read)
  if (problem !== undefined) return problem
  if (!sealed) return "accepted"
  const clear = sample.key === undefined ? bytes : await unseal(bytes, sample.key, sha256)
  if (clear instanceof SnapshotError) return clear
  const files = [...parents, clear]
  const before = containersOf(parents, { sha256 })
  if (before instanceof SnapshotError) return before
  const last = clear === bytes ? read : readContainer(clear, { hash: sha256 })
  if (last instanceof SnapshotError) return last
  const containers = [...before, last as Container]
  const unlinked = reading(() => checkChain(containers))
  if (unlinked instanceof SnapshotError) return unlinked
  if (!isRestored) return undefined
  const flat = flatten(containers, sha256)
  const result = await outcome(restoreGuest({ snapshots: files, engine: "interp", streams: consoleOf() }))
  if (Either.isLeft(result)) return untyped(result.left) ? String(result.left) : (result.left as SnapshotError)
  if (flat instanceof SnapshotError) return `restored, though flatten says ${flat.message}`
  const again = await savedInClear(result.right)
  const isSame = facts(again, flat) === facts(flat, again) || isCompleted(flat, again)
  try {
    result.right.run(LONGEST_RUN)
  } catch (error) {
    if (!isEnd(error)) throw error
  }
  return isSame ? undefined : "restored as another"
}

/** Feeds mutants. Every one is refused by one typed error within bounds of time and memory, or is the snapshot of a machine that runs. */
export const attack = async (files: readonly Sample[], { first, count, restoreEvery, onMutant, onWrong }: Attack): Promise<Tally> => {
  const tally: Tally = { refused: 0, accepted: 0, restored: 0, byCode: new Map(), slowest: [0, ""], largest: [0, ""], wrong: [] }
  for (let i = first; i < first + count; i++) {
    onMutant?.(i)
    const random = randomOf(i)
    const sample = files[i % files.length]!
    const made = mutant(sample, Math.floor(i / files.length), random)
    const label = `mutant ${i}, ${made.name} of ${sample.name}`
    const wrong = (what: string) => {
      tally.wrong.push(`${label}: ${what}`)
      onWrong?.(`${label}: ${what}`)
    }
    const isRestored = randomOf(~i)(restoreEvery) === 0
    const begun = process.cpuUsage()
    const bytesBefore = process.memoryUsage.rss()
    const peakBefore = process.resourceUsage().maxRSS
    const verdict = await judge(sample, made, isRestored).catch((error: unknown) =>
      error instanceof Error ? (error.stack ?? error.message) : String(error)
    )
    if (verdict instanceof SnapshotError) {
      if (untyped(verdict)) wrong(String(verdict))
      tally.refused++
      tally.byCode.set(verdict.code, (tally.byCode.get(verdict.code) ?? 0) + 1)
    } else if (verdict !== undefined) wrong(verdict)
    else {
      tally.accepted++
      if (isRestored) tally.restored++
    }
    const { user, system } = process.cpuUsage(begun)
    const took = (user + system) / 1000
    const peak = process.resourceUsage().maxRSS
    const grown = peak > peakBefore ? peak * 1024 - bytesBefore : 0
    if (took > tally.slowest[0]) tally.slowest = [took, label]
    if (grown > tally.largest[0]) tally.largest = [grown, label]
    if (took > LONGEST_MS) wrong(`took ${took.toFixed(0)} ms`)
    if (grown > MOST_BYTES) wrong(`took ${grown >> 20} MiB`)
  }
  return tally
}
