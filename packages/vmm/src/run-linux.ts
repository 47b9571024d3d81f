/** Runs a static Linux program at EL0 of a VM: each system call and fault is an exit of the modelled KVM. */
import type { Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { GuestImageError, MachineError, type VmmError } from "./errors.ts"
import type { GuestImage } from "./GuestImage.ts"
import { bootHost, switchAccount } from "./KvmHost.ts"
import { startProgram } from "./Program.ts"
import { hostBytes, kvmCpu } from "./personality/linux/kvm-cpu.ts"
import type { Outcome, Prepared } from "./run-result.ts"

export const runLinux = ({ options, model, platform, host, tracer }: Prepared, image: GuestImage, mode: Mode): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    if (image.format !== "elf") return yield* Effect.dieMessage("only ELF images are Linux programs")
    const kvm = yield* bootHost(model, mode, options.mem + hostBytes(options.mem), tracer)
    const cpu = kvmCpu(kvm, options.mem)
    if (typeof cpu === "string") return yield* new MachineError({ message: cpu, hint: "This is the modelled host's answer to creating the machine." })
    const program = startProgram(cpu, model.isa, host, image.elf, { path: options.guest, args: options.args, environment: options.env, tracer })
    if (typeof program === "string")
      return yield* new GuestImageError({
        path: image.path,
        reason: "does-not-fit",
        message: `${image.path}: ${program}`,
        hint: "Give more memory (--mem)."
      })
    const begun = platform.milliseconds()
    const end = yield* Effect.promise((abort) =>
      drive(program, { instructions: options.maxInsns, milliseconds: options.timeout }, options.signal, platform, abort)
    )
    if (end.kind === "dead") return yield* new MachineError({ message: end.message, hint: "--trace exc,syscalls shows what led there." })
    const { systemCalls, unimplemented } = program.process
    return {
      end,
      account: {
        instructions: cpu.retired(),
        milliseconds: platform.milliseconds() - begun,
        kvm: switchAccount(kvm),
        systemCalls,
        unimplemented: Object.fromEntries(unimplemented)
      }
    }
  })
