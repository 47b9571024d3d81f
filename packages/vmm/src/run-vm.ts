/** An image at EL1 of a VM of the modelled KVM. */
import type { Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import type { VmmError } from "./errors.ts"
import { doesNotFit, type GuestImage } from "./GuestImage.ts"
import { bootHost } from "./KvmHost.ts"
import type { Live } from "./live.ts"
import { RAM_BASE } from "./Machine.ts"
import { blocking } from "./personality/blocking.ts"
import { hostBytes } from "./personality/linux/kvm-cpu.ts"
import { VmMachine, type VmOptions } from "./personality/vm/machine.ts"
import { commandLine, type Prepared } from "./run-result.ts"

/** What an image's machine is given beside its VM. */
export const vmOptions = ({ options, host, platform }: Prepared): Omit<VmOptions, "commandLine"> => ({
  host: { ...host, streams: blocking(host.streams, platform) },
  ram: { base: RAM_BASE, bytes: options.mem },
  vcpus: options.vcpus,
  protected: options.protected
})
export const startVm = (prepared: Prepared, image: GuestImage, mode: Mode): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    const { options, model, tracer } = prepared
    const kvm = yield* bootHost(model, mode, options.mem + hostBytes(options.mem), tracer, options)
    const machine = VmMachine.start(kvm, image, { ...vmOptions(prepared), commandLine: commandLine(options) })
    return typeof machine === "string" ? yield* doesNotFit(image, machine) : { kind: "vm", kvm, vm: machine.vm, machine }
  })
