/** Runs an image at EL1 of a VM of the modelled KVM. */
import type { Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { GuestImageError, MachineError, type VmmError } from "./errors.ts"
import type { GuestImage } from "./GuestImage.ts"
import { bootHost, switchAccount } from "./KvmHost.ts"
import { RAM_BASE } from "./Machine.ts"
import { blocking } from "./personality/blocking.ts"
import { hostBytes } from "./personality/linux/kvm-cpu.ts"
import { VmMachine } from "./personality/vm/machine.ts"
import { commandLine, type Outcome, type Prepared } from "./run-result.ts"
import { signalOfException } from "./unhandled.ts"

export const runVm = ({ options, model, platform, host, tracer }: Prepared, image: GuestImage, mode: Mode): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    const kvm = yield* bootHost(model, mode, options.mem + hostBytes(options.mem), tracer)
    const machine = VmMachine.start(kvm, image, {
      host: { ...host, streams: blocking(host.streams) },
      ram: { base: RAM_BASE, bytes: options.mem },
      commandLine: commandLine(options)
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
    if (end.kind === "dead") return yield* new MachineError({ message: end.message, hint: "--trace exc shows what led there." })
    return {
      end: end.kind === "unhandled" ? { ...end, signal: signalOfException(end.ec, end.iss) } : end,
      account: { instructions: BigInt(kvm.account.instructions), milliseconds: platform.milliseconds() - begun, kvm: switchAccount(kvm) }
    }
  })
