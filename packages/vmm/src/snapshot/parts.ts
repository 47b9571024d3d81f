/** The sections a guest of each kind has beside its memory, with their versions. A changed shape is a new version. */
import { PE_STATE, peState, type Saved } from "@eltwo/cpu"
import { isVmBusy, VM_STATE, type Vm, type VmState, vmState } from "@eltwo/kvm"
import { isRunning, type Live } from "../live.ts"
import { BARE_STATE } from "../personality/bare/machine.ts"
import { PROCESS_STATE, processState, WAIT_STATE } from "../personality/linux/process-state.ts"
import { VM_MACHINE_STATE } from "../personality/vm/machine.ts"
import { type Section, valuesSection } from "./container.ts"
import { boardRam, hostSections, type Secrecy } from "./host-parts.ts"
import { type Memory, memoryAt } from "./memory.ts"
import { refuse } from "./refusal.ts"
import { RUN_STATE } from "./run-state.ts"

export const SECTIONS = {
  run: { name: "run", version: 1, shape: RUN_STATE },
  /** One processing element; the number is its own. */
  pe: { name: "pe/0", version: 1, shape: PE_STATE },
  bare: { name: "bare", version: 1, shape: BARE_STATE },
  vm: { name: "vm", version: 1, shape: VM_STATE },
  image: { name: "image", version: 1, shape: VM_MACHINE_STATE },
  process: { name: "process", version: 1, shape: PROCESS_STATE },
  /** Only of a program that waits in a system call. */
  wait: { name: "wait", version: 1, shape: WAIT_STATE }
} as const
export const section = <K extends keyof typeof SECTIONS>(which: K, value: Saved<(typeof SECTIONS)[K]["shape"]>): Section => {
  const { name, version, shape } = SECTIONS[which]
  return valuesSection(name, version, shape, value as object)
}

/** A VM's memory slots. */
export const slotsOf = ({ slots, host: { board } }: Vm): readonly Memory[] =>
  [...slots].map(({ slot, hostPhysical, length }) => memoryAt(board, `slot-${slot}`, hostPhysical, length))

/** The state of a guest. Throws SnapshotError when it cannot be saved now. */
export const partsOf = (live: Live, secrecy: Secrecy = {}): { readonly sections: readonly Section[]; readonly memories: readonly Memory[] } => {
  if (isRunning(live)) notNow("guest", "one in the middle of a step, which a listener or a stream looks at")
  if (live.kind === "bare") {
    const [pe] = live.board.pes
    return { sections: [section("pe", peState(pe!)), section("bare", live.machine.state)], memories: [boardRam(live.board)] }
  }
  if (live.kind === "vm" && live.machine.isThreaded)
    return { sections: [...hostSections(live.kvm, secrecy), section("image", live.machine.state)], memories: [boardRam(live.kvm.board)] }
  const vm = [section("vm", savedVm(live.vm, secrecy)), ...keptByMode(live.vm)]
  const memories = slotsOf(live.vm)
  if (live.kind === "vm") return { sections: [...vm, section("image", live.machine.state)], memories }
  const { process } = live.program
  const { busy } = process
  if (busy !== undefined) notNow("process", busy)
  const { waiting } = process
  const wait = waiting === undefined ? [] : [section("wait", { for: waiting })]
  return { sections: [...vm, section("process", processState(process)), ...wait], memories }
}
const notNow = (path: string, why: string): never =>
  refuse("SNAPSHOT_BUSY", { path, expected: "a guest between two instructions", actual: why, hint: "Save it a little earlier or later." })
/** Sections that a mode's plugin knows what to do with. */
const MODE_SECTION = /^mode\/([a-z][a-z0-9-]{0,39})$/
/** The mode whose section it is. */
export const modeOfSection = (name: string): string | undefined => MODE_SECTION.exec(name)?.[1]
/** Another mode can do without it, unless the guest is one of this mode's only: a protected one. */
const keptByMode = (vm: Vm): readonly Section[] => {
  const { name, state } = vm.host.mode
  if (!state) return []
  const path = `mode/${name}`
  const kept = state.save(vm)
  if ("busy" in kept) return notNow(path, kept.busy)
  return [{ ...valuesSection(path, state.version, state.shape, kept.state as object), required: vm.protected }]
}
const savedVm = (vm: Vm, secrecy: Secrecy): VmState => {
  const state = vmState(vm, secrecy)
  if (!isVmBusy(state)) return state
  return state.protected
    ? refuse("SNAPSHOT_PROTECTED", {
        path: "vm",
        expected: "a VM whose memory its host can read",
        actual: state.busy,
        hint: "Give a key that it is sealed with (--key-file)."
      })
    : notNow("vm", state.busy)
}
