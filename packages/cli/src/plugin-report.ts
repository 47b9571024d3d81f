/** The work of `eltwo plugins`. */

import { type LoadedPlugin, loadMode, MODES, Platform } from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect } from "effect"
import type { PluginsGiven } from "./commands/plugins.ts"
import { type Context, jsonText } from "./context.ts"
import { withModel } from "./model.ts"

interface Row {
  readonly kind: string
  readonly name: string
  readonly from: string
  readonly doc: string
  readonly features: number
  readonly instructions: number
  readonly registers: number
}
const rowOf = ({ plugin, from }: LoadedPlugin): Row => {
  const count = (list: "features" | "instructions" | "registers") => (plugin.kind === "extension" ? (plugin[list]?.length ?? 0) : 0)
  return {
    kind: plugin.kind,
    name: plugin.name,
    from,
    doc: plugin.doc ?? "",
    features: count("features"),
    instructions: count("instructions"),
    registers: count("registers")
  }
}
const textOf = ({ kind, name, from, doc, features, instructions, registers }: Row): string => {
  const counts = kind === "extension" ? `  ${features} features, ${instructions} instructions, ${registers} registers\n` : ""
  return `${kind} ${name}${from === name ? "" : ` (${from})`}\n${doc === "" ? "" : `  ${doc}\n`}${counts}`
}

export const reportPlugins = (context: Context, given: PluginsGiven): Promise<void> =>
  withModel(context, given, ({ plugins }) =>
    Effect.gen(function* () {
      const modes = yield* Effect.forEach(MODES, (name) => loadMode(name, plugins)).pipe(
        Effect.provideService(Platform, nodePlatform(context.distribution))
      )
      const rows = [
        ...new Map([...plugins, ...modes.filter((mode) => typeof mode !== "string")].map((loaded) => [loaded.plugin, rowOf(loaded)])).values()
      ]
      context.io.out(given.json ? jsonText(rows) : rows.map(textOf).join(""))
    })
  )
