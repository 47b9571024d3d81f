/** eltwo restore FILE [--resume] */
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

const options = {
  ...shared.machine,
  mode: shared.text("mode", "MODE", "vhe|nvhe|hvhe: another hypervisor mode than the saved one."),
  engine: shared.text("engine", "ENGINE", "jit|interp (default jit)"),
  root: shared.text("root", "DIR", "Folder a Linux program sees as /; files it had open must be there."),
  rootWritable: shared.flag("root-writable", "The program may change what is under --root."),
  maxInsns: shared.text("max-insns", "N", "Stop after N instructions, those before the snapshot counted: exit code 124."),
  timeout: shared.text("timeout", "TIME", "Stop after that time (5s, 200ms, 1m): exit code 124."),
  trace: shared.text("trace", "KINDS", "As for eltwo run."),
  traceFile: shared.text("trace-file", "FILE", "Where the trace goes."),
  parent: shared.many("parent", "FILE", "A snapshot this one builds on, the full one first; may be repeated."),
  resume: shared.flag("resume", "Go on. Without it, say only whether and where the guest would."),
  ...shared.snapshot,
  incremental: shared.flag("incremental", "The snapshot of --snapshot-at holds only what has changed since the restored one."),
  json: shared.flag("json", "Standard output is JSON lines: the guest's output, the trace and the result as events."),
  quiet: shared.flag("quiet", "No account after the run.", "q"),
  account: shared.flag("account", "The whole account."),
  verbose: shared.flag("verbose", "A longer account.", "v"),
  file: shared.argument("file", "A snapshot; - is standard input")
}
export const restore = (context: Context) =>
  command("restore", options, (given) =>
    shared.later(
      () => import("../restore-guest.ts"),
      (module) => module.restore(context, given)
    )
  ).pipe(
    Command.withDescription(`Restores a guest from a snapshot, on the machine it was saved on unless another is asked for.

  eltwo restore --resume at-boot.el2
  eltwo restore --resume --mode nvhe --engine interp at-boot.el2
  eltwo restore --snapshot-at 20M --incremental -o later.el2 at-boot.el2`)
  )
export type RestoreGiven = Command.Command.ParseConfig<typeof options>
