/** The instruction set that tools look at: plugins and CPU model of the command line, composed. */

import { composeMachine, decodeMachineOptions, type MachineModel, Platform, type VmmError } from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect } from "effect"
import { type Context, reported } from "./context.ts"
import { given, type Value } from "./options.ts"

/** Runs a tool's work on the composed machine. */
export const withModel = (
  context: Context,
  { cpu, plugin }: { readonly cpu: Value; readonly plugin: Value },
  work: (model: MachineModel) => Effect.Effect<void, VmmError>
): Promise<void> => {
  return Effect.runPromise(
    reported(
      context,
      decodeMachineOptions(given({ cpu, plugin })).pipe(
        Effect.flatMap(composeMachine),
        Effect.flatMap(work),
        Effect.provideService(Platform, nodePlatform(context.distribution))
      )
    )
  )
}
