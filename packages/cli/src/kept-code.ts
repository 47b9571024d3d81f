/**
 * What V8 compiled of the command in earlier runs, as a file beside it: loading it is much faster than compiling again. There is one for each version of Node
 * and setting of V8's flags. It holds the functions that some kinds of work have called, and names these: work of another kind adds its own.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { cachedDataVersionTag } from "node:v8"

/** Compiled code, and the kinds of work it has seen. */
export interface KeptCode {
  readonly code: Buffer
  readonly kinds: readonly string[]
}

/** The file of what is compiled of `path`. Another build has another one, and so has anything V8 says compiled code depends on. */
export const keptCodeFile = (path: string, { mtimeMs, size }: { readonly mtimeMs: number; readonly size: number }): string =>
  [path, `${process.version}-${process.arch}-${cachedDataVersionTag().toString(36)}-${Math.round(mtimeMs).toString(36)}-${size}`, "v8"].join(".")

/** After the code: the kinds, separated by commas, and how many bytes they have. */
const LENGTH_BYTES = 2
const LONGEST_KINDS = 1000

/** Undefined when there is none, or none that was written whole. */
export const readKeptCode = (file: string): KeptCode | undefined => {
  try {
    const bytes = readFileSync(file)
    const end = bytes.length - LENGTH_BYTES
    const start = end - bytes.readUInt16LE(end)
    return start > 0 ? { code: bytes.subarray(0, start), kinds: bytes.toString("latin1", start, end).split(",") } : undefined
  } catch {
    return undefined
  }
}

/** Whoever reads it sees the old file or the whole new one; of several writers one is the last. Where nobody may write, every start is as slow as the first. */
export const writeKeptCode = (file: string, { code, kinds }: KeptCode): void => {
  const text = Buffer.from(kinds.join(","), "latin1")
  if (text.length > LONGEST_KINDS) return
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt16LE(text.length)
  const unfinished = `${file}.${process.pid}`
  const isWritten = attempt(() => {
    writeFileSync(unfinished, Buffer.concat([code, text, length]))
    renameSync(unfinished, file)
  })
  if (!isWritten) attempt(() => rmSync(unfinished, { force: true }))
}
const attempt = (act: () => void): boolean => {
  try {
    act()
    return true
  } catch {
    return false
  }
}

const SNAPSHOT = "snapshot"
/** The kind of work of a command line; undefined for one that asks for help or the like, which is nothing to keep code for. */
export const kindOf = (argv: readonly string[]): string | undefined => {
  const end = argv.indexOf("--")
  const own = end < 0 ? argv : argv.slice(0, end)
  if (own.some((word) => /^(-h|--(help|version|completions|wizard))\b/.test(word))) return undefined
  const [command = "", verb = ""] = own
  const kind = command === SNAPSHOT ? `${command} ${verb}` : command
  return /^[a-z]+( [a-z]+)?$/.test(kind) ? kind : undefined
}
