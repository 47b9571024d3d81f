/** Mutated snapshots given to the reader: for a test and for a longer script. */
import { Either } from "effect"
import { SNAPSHOT_CODES, SnapshotError } from "../../src/errors.ts"
import { restoreGuest } from "../../src/Guest.ts"
import type { Plain } from "../../src/snapshot/codec.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { differences, inspect, valueText, verify } from "../../src/snapshot/inspect.ts"
import { consoleOf, guestPath, outcome, saved, start } from "./machines.ts"
import { mutant, randomOf, sha256 } from "./mutations.ts"

export interface Tally {
  refused: number
  /** Mutants with right checksums whose values are those of another possible machine. */
  accepted: number
  readonly byCode: Map<string, number>
  /** The longest that one took, in milliseconds. */
  slowest: number
  readonly wrong: string[]
}
/** Small snapshots of every kind of guest. */
export const samples = async (): Promise<readonly Uint8Array[]> => {
  const sample = async (name: string, instructions: number, mode = "vhe", pcpus = 1) => {
    const guest = await start({ guest: guestPath(name), mode, mem: "1M", engine: "interp", pcpus, streams: consoleOf() })
    guest.run(instructions)
    return saved(guest)
  }
  return [
    await sample("hello-bare", 40),
    await sample("hello-vm", 60),
    await sample("signals", 400),
    await sample("hello-vm", 60, "pkvm"),
    await sample("hello-vm", 1, "nvhe", 2),
    await sample("hello-vm", 60, "pkvm", 2)
  ]
}
const sectionsOf = (bytes: Uint8Array): readonly string[] => {
  const container = readContainer(bytes, { hash: sha256 })
  return container instanceof SnapshotError ? [] : container.header.sections.map(({ name }) => name)
}
/** Everything a snapshot says but who wrote it, in which version of the format; of sections that a reader may do without only those that `like` has as well. */
const facts = (bytes: Uint8Array, like: Uint8Array): string => {
  const container = readContainer(bytes, { hash: sha256 })
  if (container instanceof SnapshotError) return "nothing"
  const { id: _, writer: __, format: ___, sections, ...rest } = inspect(container)
  const names = sectionsOf(like)
  const compared = sections.filter(({ name, required }) => required || names.includes(name))
  return valueText({ ...rest, sections: compared } as unknown as Plain, Number.POSITIVE_INFINITY)
}
/** Whether the second says what the first says and more: registers that a list did not have, as an older writer's may not. */
const isCompleted = (bytes: Uint8Array, again: Uint8Array): boolean => {
  const [then, now] = [bytes, again].map((file) => readContainer(file, { hash: sha256 }))
  if (then === undefined || now === undefined || then instanceof SnapshotError || now instanceof SnapshotError) return false
  const found = differences(then, now)
  return found.length > 0 && found.every(({ before }) => before === "nothing")
}
const LONGEST_RUN = 300
/** Feeds `count` mutants, from number `first` on. Every one is refused by one typed error, or is the snapshot of a machine that runs. */
export const attack = async (files: readonly Uint8Array[], first: number, count: number, restoreEvery: number): Promise<Tally> => {
  const tally: Tally = { refused: 0, accepted: 0, byCode: new Map(), slowest: 0, wrong: [] }
  const refuse = (error: unknown, name: string) => {
    if (
      !(error instanceof SnapshotError) ||
      !SNAPSHOT_CODES.includes(error.code) ||
      [error.path, error.expected, error.actual, error.hint].includes("")
    )
      tally.wrong.push(`${name}: ${String(error)}`)
    else {
      tally.refused++
      tally.byCode.set(error.code, (tally.byCode.get(error.code) ?? 0) + 1)
    }
  }
  for (let i = first; i < first + count; i++) {
    const random = randomOf(i * 2654435761 + 12345)
    const { name, bytes, sealed } = mutant(files[i % files.length]!, Math.floor(i / files.length), random)
    const label = `mutant ${i}, ${name}`
    const begun = performance.now()
    try {
      const container = readContainer(bytes, { hash: sha256 })
      const problem = container instanceof SnapshotError ? container : verify(container)
      if (problem !== undefined) refuse(problem, label)
      else if (!sealed) tally.wrong.push(`${label}: accepted`)
      else if (randomOf(i + 1)(restoreEvery) !== 0) tally.accepted++
      else {
        const result = await outcome(restoreGuest({ snapshots: [bytes], engine: "interp", streams: consoleOf() }))
        if (Either.isLeft(result)) refuse(result.left, label)
        else {
          tally.accepted++
          const again = saved(result.right)
          if (facts(again, bytes) !== facts(bytes, again) && !isCompleted(bytes, again)) tally.wrong.push(`${label}: restored as another`)
          result.right.run(LONGEST_RUN)
        }
      }
    } catch (error) {
      tally.wrong.push(`${label}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    tally.slowest = Math.max(tally.slowest, performance.now() - begun)
  }
  return tally
}
