/** eltwo plugins */
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

const options = { ...shared.machine, json: shared.json }
export const plugins = (context: Context) =>
  command("plugins", options, (given) =>
    shared.later(
      () => import("../plugin-report.ts"),
      ({ reportPlugins }) => reportPlugins(context, given)
    )
  ).pipe(Command.withDescription("Lists the plugins of a machine, and the modes there are."))
export type PluginsGiven = Command.Command.ParseConfig<typeof options>
