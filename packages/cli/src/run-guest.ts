/** The work of `eltwo run`: options to the VMM, events to their places, the end to the exit code. */

import {
  type HostStreams,
  type LostOutput,
  Platform,
  type PlatformService,
  type RunRequest,
  type RunResult,
  run,
  type TraceEvent,
  type VmmError
} from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect, Option } from "effect"
import { accountText, endText, switchText } from "./account.ts"
import type { RunGiven } from "./commands/run.ts"
import { type Context, fail, jsonText, reported } from "./context.ts"
import { consoleEvents, eventText, fileError, fileWriter, helloLine, type LineWriter, lineWriter } from "./events.ts"
import { exitOfEnd } from "./exit-codes.ts"
import { given } from "./options.ts"
import { usageReport } from "./report.ts"
import { type SnapshotGiven, snapshotRequests } from "./snapshot-files.ts"
import { VERSION } from "./version.ts"

export const runGuest = (context: Context, options: RunGiven): Promise<void> => {
  const { json, quiet, verbose, account, bare, trace, traceFile, kind, snapshotAt, output, keyFile, stop, force, ...rest } = options
  const isKeyUseless = Option.isSome(keyFile) && snapshotAt.length === 0
  const isCreation = context.command === "snapshot create"
  const wrong =
    (isCreation && snapshotAt.length === 0 ? "`eltwo snapshot create` needs --snapshot-at and --output" : undefined) ??
    contradiction(options) ??
    (isKeyUseless ? "--key-file needs --snapshot-at" : undefined)
  if (wrong !== undefined) return Promise.resolve(fail(context, usageReport(wrong)))
  return runReported(context, options.guest, options, (how) =>
    Effect.flatMap(snapshotRequests(context, options), (snapshots) =>
      // The VMM's schema checks what the line gave as text.
      run({
        ...given({ ...rest, kind: bare ? Option.some("bare") : kind }),
        args: context.guestArgs,
        ...how,
        snapshots
      } as unknown as RunRequest)
    )
  )
}
/** How a run is shown. */
export type Shown = Pick<RunGiven, "json" | "quiet" | "verbose" | "account" | "trace" | "traceFile" | "output">
/** What of a request comes from how it is shown. */
export type Showing = Pick<RunRequest, "trace" | "onEvent" | "streams">

/** Runs something that is a run, shows its events and its end. */
export const runReported = (
  context: Context,
  name: string,
  shown: Shown,
  act: (how: Showing) => Effect.Effect<RunResult, VmmError, Platform>
): Promise<void> => {
  const { json, trace, traceFile } = shown
  const { io } = context
  const events = json ? lineWriter(io.out) : undefined
  const kinds = Option.map(trace, (text) => text.split(","))
  const path = Option.getOrUndefined(traceFile)
  const work = Effect.gen(function* () {
    const lines =
      path === undefined
        ? (events ?? lineWriter(io.error))
        : yield* Effect.try({ try: () => fileWriter(path), catch: (error) => fileError(path, error as Error) })
    const lost = new Set<LostOutput>()
    const here = flushing(noting(nodePlatform(context.distribution), lost), [lines, events ?? lines])
    events?.line(helloLine(VERSION, name))
    const how = {
      ...(Option.isSome(kinds) && { trace: kinds.value, onEvent: (event: TraceEvent) => lines.line(eventText(event, json)) }),
      ...(events ? { streams: consoleEvents(here.streams, events) } : isStandard(shown.output) && { streams: toErrors(here.streams) })
    } as unknown as Showing
    const result = yield* act(how).pipe(Effect.provideService(Platform, here), Effect.ensuring(Effect.sync(() => lines.flush())))
    const failure = lines.close()
    if (path !== undefined && failure !== undefined) return yield* fileError(path, failure)
    conclude(context, result, events, shown)
    for (const why of lost) io.error(`eltwo: not all output of the guest was written: ${LOST[why]}\n`)
  })
  return Effect.runPromise(reported(context, work))
}
/** A snapshot takes standard output: what the guest prints goes to standard error. */
const isStandard = (output: Option.Option<string>): boolean => Option.isSome(output) && output.value === "-"
const toErrors = (streams: HostStreams): HostStreams => ({ ...streams, writeOutput: (_, bytes) => streams.writeOutput(2, bytes) })
/** What the options of a run say against each other. */
export const contradiction = (options: Shown & SnapshotGiven & Partial<Pick<RunGiven, "bare" | "kind">>): string | undefined => {
  const { bare = false, kind = Option.none(), quiet, verbose, account, trace, traceFile, snapshotAt, output, stop } = options
  if (snapshotAt.length === 0 && Option.isSome(output)) return "--output needs --snapshot-at"
  if (snapshotAt.length > 0 && Option.isNone(output)) return "--snapshot-at needs --output"
  if (options.json && isStandard(output)) return "--json and --output - both want standard output"
  if (stop && snapshotAt.length === 0) return "--stop needs --snapshot-at"
  if (bare && Option.isSome(kind) && kind.value !== "bare") return "--bare and --kind contradict each other"
  if (quiet && account) return "--quiet and --account contradict each other"
  if (quiet && verbose) return "--quiet and --verbose contradict each other"
  if (Option.isSome(traceFile) && Option.isNone(trace)) return "--trace-file needs --trace"
  return undefined
}

const LOST = { "no-space": "there is no space for it", failed: "writing it failed" } as const
/** The platform with a note of why output of the guest was lost. An image does not hear of it. */
const noting = (service: PlatformService, lost: Set<LostOutput>): PlatformService => ({
  ...service,
  streams: {
    ...service.streams,
    writeOutput: (stream, bytes) => {
      const taken = service.streams.writeOutput(stream, bytes)
      if (typeof taken === "string") lost.add(taken)
      return taken
    }
  }
})
/** Lines are written out whenever the guest may be seen waiting. */
const flushing = (service: PlatformService, writers: readonly LineWriter[]): PlatformService => {
  const flush = () => {
    for (const writer of writers) writer.flush()
  }
  return {
    ...service,
    turn: (milliseconds) => {
      flush()
      return service.turn(milliseconds)
    },
    streams: {
      ...service.streams,
      readInput: (bytes) => {
        flush()
        return service.streams.readInput(bytes)
      }
    }
  }
}

const conclude = (context: Context, result: RunResult, events: LineWriter | undefined, { quiet, verbose, account }: Shown): void => {
  const { end } = result
  const { io } = context
  context.exit = exitOfEnd(end)
  if (events !== undefined) {
    events.line(jsonText({ type: "result", exit: context.exit, ...result }).trimEnd())
    events.close()
  } else if (!quiet) io.error(`${accountText(result, verbose)}${account ? switchText(result) : ""}`)
  else if (end.kind !== "exited" || end.status !== context.exit) io.error(`eltwo: ${endText(end)}\n`)
}
