/** What commands share: where their output goes, what came after `--`, and how they end. */

import type { VmmError } from "@eltwo/vmm"
import type { Distribution } from "@eltwo/vmm/node"
import { Effect } from "effect"
import { exitOfError } from "./exit-codes.ts"
import { type Report, renderReport, reportOf } from "./report.ts"

/** The streams of the process, or a test's. Writes are synchronous. */
export interface Io {
  readonly out: (text: string | Uint8Array) => void
  readonly error: (text: string | Uint8Array) => void
  /** Standard output shows colours. */
  readonly colours: boolean
}
export interface Context {
  readonly io: Io
  /** Everything after the first `--` of the command line. */
  readonly guestArgs: readonly string[]
  readonly json: boolean
  /** Packages and plugins that come along; undefined when run from the sources. */
  readonly distribution: Distribution | undefined
  /** The exit code; commands set it. */
  exit: number
  /** "run", "snapshot show": what the line asks for, once that is known. */
  command?: string | undefined
}

/** Prints an error and makes it the exit code. */
export const fail = (context: Context, report: Report): void => {
  const { command } = context
  const hint = command === undefined ? report.hint : report.hint.replace(/`eltwo (run|COMMAND) --help`/, `\`eltwo ${command} --help\``)
  context.io.error(renderReport({ ...report, hint }, context.json))
  context.exit = exitOfError(report.code)
}
/** A command's work: errors of the VMM end here. */
export const reported = <R>(context: Context, work: Effect.Effect<void, VmmError, R>): Effect.Effect<void, never, R> =>
  Effect.catchAll(work, (error) => Effect.sync(() => fail(context, reportOf(error))))
/** One value as a line of JSON. 64-bit values are "0x..." strings. */
export const jsonText = (value: unknown): string =>
  `${JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}\n`
