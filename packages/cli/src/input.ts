/** Files and numbers that tools read. */
import { readFileSync, writeFileSync } from "node:fs"
import { FileError, OptionError } from "@eltwo/vmm"
import { Effect } from "effect"
import { reasonOf } from "./failure.ts"

const attempt = <T>(path: string, hint: string, act: () => T): Effect.Effect<T, FileError> =>
  Effect.try({
    try: act,
    catch: (error) => new FileError({ path, message: failureText(path, error as NodeJS.ErrnoException), hint })
  })
/** "there is no x.s"; "x.s: permission denied" of "EACCES: permission denied, open 'x.s'". */
export const failureText = (path: string, { code, message }: NodeJS.ErrnoException): string =>
  code === "ENOENT" ? `there is no ${path}` : `${path}: ${reasonOf(message)}`

/** All of a file; "-" is standard input. */
export const readInput = (path: string, hint = "Check the path."): Effect.Effect<Uint8Array, FileError> =>
  attempt(path, hint, () => readFileSync(path === "-" ? 0 : path))
export const writeOutput = (path: string, bytes: Uint8Array): Effect.Effect<void, FileError> =>
  attempt(path, "Check the folder.", () => writeFileSync(path, bytes))

/** An address below 2^64 in decimal or 0x hexadecimal. */
export const parseAddress = (option: string, text: string): Effect.Effect<bigint, OptionError> => {
  const value = /^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text) ? BigInt(text) : 1n << 64n
  if (value < 1n << 64n) return Effect.succeed(value)
  return OptionError.of([{ option, message: `'${text}' is not an address below 2^64` }], "Write 0x400000 or 4194304.")
}
