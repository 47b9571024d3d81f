/** eltwo isa */
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

const options = {
  ...shared.machine,
  coverage: shared.flag("coverage", "Per feature: encodings declared and known."),
  feature: shared.text("feature", "NAME", "Only this feature's instructions and registers."),
  json: shared.json
}
export const isa = (context: Context) =>
  command("isa", options, (given) =>
    shared.later(
      () => import("../isa-report.ts"),
      ({ reportIsa }) => reportIsa(context, given)
    )
  ).pipe(Command.withDescription("Lists features, instructions and registers of a machine; with --coverage, how much of the architecture is there."))
export type IsaGiven = Command.Command.ParseConfig<typeof options>
