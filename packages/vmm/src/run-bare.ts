/** An image on the processing element alone: no modelled kernel, EL2 or EL1. */
import { Effect } from "effect"
import type { VmmError } from "./errors.ts"
import { doesNotFit, type GuestImage } from "./GuestImage.ts"
import type { Live } from "./live.ts"
import { makeBoard } from "./Machine.ts"
import { BareMachine, type BareOptions } from "./personality/bare/machine.ts"
import { blocking } from "./personality/blocking.ts"
import { commandLine, type Prepared } from "./run-result.ts"
import { cpuTrace } from "./Trace.ts"

/** What a bare machine is given beside its board and image. */
export const bareOptions = ({ options, host, platform }: Prepared): Omit<BareOptions, "el" | "commandLine" | "trace"> => ({
  engine: options.engine,
  host: { ...host, streams: blocking(host.streams, platform) }
})
export const startBare = (prepared: Prepared, image: GuestImage): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    const { options, model, tracer } = prepared
    const board = yield* makeBoard(model, options.mem)
    const machine = BareMachine.start(board, image, {
      ...bareOptions(prepared),
      el: options.el ?? image.el ?? 2,
      commandLine: commandLine(options),
      ...(tracer && { trace: cpuTrace(() => board.pes[0]!, model.isa, tracer) })
    })
    return typeof machine === "string" ? yield* doesNotFit(image, machine) : { kind: "bare", board, machine }
  })
