/** The work of `eltwo restore`. */
import { Platform, type RestoreRequest, type RunResult, restoreGuest, type VmmError } from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect } from "effect"
import type { RestoreGiven } from "./commands/restore.ts"
import { type Context, fail, jsonText, reported } from "./context.ts"
import { given } from "./options.ts"
import { usageReport } from "./report.ts"
import { contradiction, runReported } from "./run-guest.ts"
import { naming, readKey, readSnapshot, readSnapshots, snapshotRequests } from "./snapshot-files.ts"

export const restore = (context: Context, options: RestoreGiven): Promise<void> => {
  const { file, parent, resume, incremental, json, quiet, verbose, account, trace, traceFile, snapshotAt, output, keyFile, stop, force, ...rest } =
    options
  const wrong = contradiction(options) ?? (incremental && snapshotAt.length === 0 ? "--incremental needs --snapshot-at" : undefined)
  if (wrong !== undefined) return Promise.resolve(fail(context, usageReport(wrong)))
  const files = Effect.flatMap(readSnapshots(context, parent), (parents) =>
    Effect.map(readSnapshot(context, file), (last): readonly Uint8Array[] => [...parents, last])
  )
  const asked = given(rest) as Partial<RestoreRequest>
  const key = readKey(context, keyFile)
  if (!resume && snapshotAt.length === 0) return paused(context, file, Effect.all({ snapshots: files, key }), asked)
  return runReported(
    context,
    file,
    options,
    (how): Effect.Effect<RunResult, VmmError, Platform> =>
      Effect.gen(function* () {
        const snapshots = yield* files
        const guest = yield* Effect.mapError(
          restoreGuest({ ...asked, ...how, key: yield* key, snapshots, note: incremental } as RestoreRequest),
          naming(file)
        )
        const requests = yield* snapshotRequests(context, options, incremental ? snapshots : [])
        return yield* guest.finish({ snapshots: requests })
      })
  )
}
/** Without --resume: that it can be restored, and where it would go on. */
const paused = (
  context: Context,
  file: string,
  files: Effect.Effect<Pick<RestoreRequest, "snapshots" | "key">, VmmError>,
  asked: Partial<RestoreRequest>
): Promise<void> =>
  Effect.runPromise(
    reported(
      context,
      Effect.gen(function* () {
        const guest = yield* Effect.mapError(restoreGuest({ ...asked, ...(yield* files) } as RestoreRequest), naming(file))
        const executed = guest.executed()
        context.io.out(
          context.json ? jsonText({ restored: true, instructions: executed }) : `restored after ${executed} instructions; --resume goes on\n`
        )
      }).pipe(Effect.provideService(Platform, nodePlatform(context.distribution)))
    )
  )
