/** A static Linux program at EL0 of a VM: each system call and fault is an exit of the modelled KVM. */
import type { Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import { MachineError, type VmmError } from "./errors.ts"
import { doesNotFit, type GuestImage } from "./GuestImage.ts"
import { bootHost } from "./KvmHost.ts"
import type { Live } from "./live.ts"
import { startProgram } from "./Program.ts"
import { hostBytes, kvmCpu } from "./personality/linux/kvm-cpu.ts"
import type { Prepared } from "./run-result.ts"

export const startLinux = ({ options, model, host, tracer }: Prepared, image: GuestImage, mode: Mode): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    if (image.format !== "elf") return yield* Effect.dieMessage("only ELF images are Linux programs")
    const kvm = yield* bootHost(model, mode, options.mem + hostBytes(options.mem), tracer)
    const cpu = kvmCpu(kvm, options.mem)
    if (typeof cpu === "string") return yield* new MachineError({ message: cpu, hint: "This is the modelled host's answer to creating the machine." })
    const program = startProgram(cpu, model.isa, host, image.elf, { path: options.guest, args: options.args, environment: options.env, tracer })
    return typeof program === "string" ? yield* doesNotFit(image, program) : { kind: "linux", kvm, vm: cpu.vm, cpu, program }
  })
