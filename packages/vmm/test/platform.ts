/** A platform of values: files, modules and a clock that tests set. */
import { Effect, Either } from "effect"
import { Platform, type PlatformService, type PluginPlace } from "../src/platform.ts"

export interface FakePlatform extends PlatformService {
  /** What the guest wrote, by stream. */
  readonly written: { 1: number[]; 2: number[] }
  /** A signal arrives. */
  readonly signal: (signal: number) => void
  time: number
}
export const fakePlatform = (options: {
  readonly files?: Readonly<Record<string, Uint8Array | string>>
  readonly modules?: Readonly<Record<string, object>>
  /** Called whenever the event loop turns. */
  readonly onTurn?: (milliseconds: number | undefined) => void
}): FakePlatform => {
  const { files = {}, modules = {} } = options
  const listeners = new Set<(signal: number) => void>()
  const bytesOf = (content: Uint8Array | string) => (typeof content === "string" ? new TextEncoder().encode(content) : content)
  const platform: FakePlatform = {
    written: { 1: [], 2: [] },
    signal: (signal) => {
      for (const listener of listeners) listener(signal)
    },
    time: 0,
    readFile: (path, limit) => {
      const content = files[path]
      if (content === undefined) return { problem: "missing", message: `there is no ${path}` }
      const bytes = bytesOf(content)
      return bytes.length > limit ? { problem: "too-large", message: "too large" } : bytes
    },
    isFolder: (path) => Object.keys(files).some((file) => file.startsWith(`${path.replace(/\/$/, "")}/`)),
    openTree: () => ({ problem: "missing", message: "no trees here" }),
    streams: {
      readInput: () => new Uint8Array(0),
      writeOutput: (stream, bytes) => {
        platform.written[stream].push(...bytes)
        return true
      },
      isTerminal: () => false
    },
    importPlugin: ({ specifier }: PluginPlace) => {
      const module = modules[specifier]
      return module === undefined ? Promise.reject(new Error(`there is no module ${specifier}`)) : Promise.resolve(module)
    },
    milliseconds: () => platform.time,
    now: () => 0n,
    turn: async (milliseconds) => {
      options.onTurn?.(milliseconds)
    },
    onSignal: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
  return platform
}

/** Runs an effect on a platform; gives its value or its error. */
export const attempt = async <A, E>(effect: Effect.Effect<A, E, Platform>, platform: PlatformService): Promise<Either.Either<A, E>> =>
  Effect.runPromise(Effect.either(effect).pipe(Effect.provideService(Platform, platform)))
export const failure = async <A, E>(effect: Effect.Effect<A, E, Platform>, platform: PlatformService): Promise<E> => {
  const result = await attempt(effect, platform)
  if (Either.isRight(result)) throw new Error("it did not fail")
  return result.left
}
