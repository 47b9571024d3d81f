/** What @effect/cli asks of its surroundings, as far as this command needs it: no prompts and no files, so none of platform-node is loaded. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const unsupported = Effect.die(new Error("eltwo asks no questions"))
const terminal = {
  columns: Effect.succeed(100),
  rows: Effect.succeed(40),
  isTTY: Effect.succeed(false),
  readInput: unsupported,
  readLine: unsupported,
  display: () => Effect.void
} as Terminal.Terminal

export const environment = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(Terminal.Terminal, terminal),
  CliConfig.layer({ isCaseSensitive: true, showBuiltIns: false })
)
