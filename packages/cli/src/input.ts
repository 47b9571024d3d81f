/** Files and numbers that tools read. */
import { readFileSync, writeFileSync } from "node:fs"
import { FileError, OptionError } from "@eltwo/vmm"
import { Effect } from "effect"

const attempt = <T>(path: string, act: () => T): Effect.Effect<T, FileError> =>
  Effect.try({
    try: act,
    catch: (error) => new FileError({ path, message: `${path}: ${(error as Error).message}`, hint: "Check the path." })
  })
/** All of a file; "-" is standard input. */
export const readInput = (path: string): Effect.Effect<Uint8Array, FileError> => attempt(path, () => readFileSync(path === "-" ? 0 : path))
export const writeOutput = (path: string, bytes: Uint8Array): Effect.Effect<void, FileError> => attempt(path, () => writeFileSync(path, bytes))

/** An address below 2^64 in decimal or 0x hexadecimal. */
export const parseAddress = (option: string, text: string): Effect.Effect<bigint, OptionError> => {
  const value = /^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text) ? BigInt(text) : 1n << 64n
  if (value < 1n << 64n) return Effect.succeed(value)
  return OptionError.of([{ option, message: `'${text}' is not an address below 2^64` }], "Write 0x400000 or 4194304.")
}
