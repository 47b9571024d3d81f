/** Runs an image on the processing element alone: no modelled kernel, EL2 or EL1. */
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { GuestImageError, type VmmError } from "./errors.ts"
import type { GuestImage } from "./GuestImage.ts"
import { makeBoard } from "./Machine.ts"
import { BareMachine } from "./personality/bare/machine.ts"
import { blocking } from "./personality/blocking.ts"
import { commandLine, type Outcome, type Prepared } from "./run-result.ts"
import { cpuTrace } from "./Trace.ts"
import { signalOfException } from "./unhandled.ts"

export const runBare = ({ options, model, platform, host, tracer }: Prepared, image: GuestImage): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    const board = yield* makeBoard(model, options.mem)
    const machine = BareMachine.start(board, image, {
      el: options.el ?? image.el ?? 2,
      engine: options.engine,
      host: { ...host, streams: blocking(host.streams) },
      commandLine: commandLine(options),
      ...(tracer && { trace: cpuTrace(board, model.isa, tracer) })
    })
    if (typeof machine === "string")
      return yield* new GuestImageError({
        path: image.path,
        reason: "does-not-fit",
        message: `${image.path}: ${machine}`,
        hint: "Give more memory (--mem)."
      })
    const begun = platform.milliseconds()
    const end = yield* Effect.promise((abort) =>
      drive(machine, { instructions: options.maxInsns, milliseconds: options.timeout }, [], platform, abort)
    )
    const account = { instructions: board.pes[0]!.retired, milliseconds: platform.milliseconds() - begun }
    if (end.kind !== "unhandled") return { end, account }
    const { el, pc, ec, iss, far } = end
    return { end: { kind: "unhandled", signal: signalOfException(ec, iss), el, pc, ec, iss, ...(far === undefined ? {} : { far }) }, account }
  })
