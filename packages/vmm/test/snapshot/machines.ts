/** Guests to save and restore: those of the repository, piece by piece, with what they printed. */
import { fileURLToPath } from "node:url"
import { Effect, type Either } from "effect"
import { SnapshotError } from "../../src/errors.ts"
import { type Guest, type RestoreRequest, restoreGuest, startGuest } from "../../src/Guest.ts"
import { nodePlatform } from "../../src/node.ts"
import type { HostStreams } from "../../src/personality/linux/host.ts"
import { Platform } from "../../src/platform.ts"
import type { RunRequest } from "../../src/run.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { differences } from "../../src/snapshot/inspect.ts"

export const guestPath = (name: string): string => fileURLToPath(new URL(`../../../../guests/${name}`, import.meta.url))
const platform = nodePlatform()
export const perform = <A, E>(effect: Effect.Effect<A, E, Platform>): Promise<A> =>
  Effect.runPromise(Effect.provideService(effect, Platform, platform))

/** Streams that keep what was written and read from a text. */
export interface Console extends HostStreams {
  output: string
  /** Input that nobody has read yet. */
  rest(): string
}
export const consoleOf = (text = ""): Console => {
  let input: Uint8Array = new TextEncoder().encode(text)
  const console: Console = {
    output: "",
    rest: () => new TextDecoder().decode(input),
    readInput: (bytes) => {
      const piece = input.subarray(0, bytes)
      input = input.subarray(piece.length)
      return piece
    },
    writeOutput: (_, bytes) => {
      console.output += new TextDecoder().decode(bytes)
      return true
    },
    isTerminal: () => false
  }
  return console
}

export const start = (request: RunRequest): Promise<Guest> => perform(startGuest(request))
export const restore = (request: RestoreRequest): Promise<Guest> => perform(restoreGuest(request))
export const saved = (guest: Guest, parents: readonly Uint8Array[] = [], note?: boolean): Uint8Array => {
  const bytes = guest.snapshot({ parents, note })
  if (bytes instanceof SnapshotError) throw bytes
  return bytes
}

/** How two snapshots differ, in a few lines; empty when they are the same bytes. */
export const difference = (a: Uint8Array, b: Uint8Array): readonly string[] => {
  if (Buffer.compare(a, b) === 0) return []
  const [left, right] = [readContainer(a), readContainer(b)]
  if (left instanceof SnapshotError || right instanceof SnapshotError) return ["not readable"]
  return [...differences(left, right, 8).map(({ path, before, after }) => `${path}: ${before} ${after}`), "other bytes"]
}
/** The result of an effect, or its failure. */
export const outcome = <A, E>(effect: Effect.Effect<A, E, Platform>): Promise<Either.Either<A, E>> => perform(Effect.either(effect))
