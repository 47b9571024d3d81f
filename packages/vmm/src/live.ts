/** A guest on its machine, between two slices: what runs, is saved, and is restored. */
import type { Board } from "@eltwo/cpu"
import type { Host as KvmHost, Vm } from "@eltwo/kvm"
import type { Runnable } from "./drive.ts"
import { switchAccount } from "./KvmHost.ts"
import type { Program } from "./Program.ts"
import type { BareEnd, BareMachine } from "./personality/bare/machine.ts"
import type { KvmCpu } from "./personality/linux/kvm-cpu.ts"
import type { ProcessEnd } from "./personality/linux/process.ts"
import type { VmEnd, VmMachine } from "./personality/vm/machine.ts"
import type { RunAccount, RunEnd } from "./run-result.ts"
import { signalOfException } from "./unhandled.ts"

export type Live =
  | { readonly kind: "bare"; readonly board: Board; readonly machine: BareMachine }
  | { readonly kind: "vm"; readonly kvm: KvmHost; readonly vm: Vm; readonly machine: VmMachine }
  | { readonly kind: "linux"; readonly kvm: KvmHost; readonly vm: Vm; readonly cpu: KvmCpu; readonly program: Program }
export type LiveEnd = BareEnd | VmEnd | ProcessEnd

/** Guests that execute at this moment: whoever asks is a listener of theirs. */
const running = new WeakSet<Live>()
/** Whether somebody looks at a guest in the middle of a step: a listener, or a stream it reads from or writes to. */
export const isRunning = (live: Live): boolean => running.has(live)
const runnables = new WeakMap<Live, Runnable<LiveEnd>>()
/** What drive() runs. Its `run` throws RangeError when a listener of the same guest calls it. */
export const runnableOf = (live: Live): Runnable<LiveEnd> => {
  const known = runnables.get(live)
  if (known !== undefined) return known
  const guest: Runnable<LiveEnd> = live.kind === "linux" ? live.program : live.machine
  const made: Runnable<LiveEnd> = {
    ...(guest.signal && { signal: guest.signal }),
    executed: () => guest.executed(),
    run: (instructions) => {
      if (running.has(live)) throw new RangeError("A listener does not run the guest that it listens to")
      running.add(live)
      try {
        return guest.run(instructions)
      } finally {
        running.delete(live)
      }
    }
  }
  runnables.set(live, made)
  return made
}
/** The processing elements and memory under it. */
export const boardOf = (live: Live): Board => (live.kind === "bare" ? live.board : live.kvm.board)

/** An end as the run's; a string is what the machine stopped with, which no guest can cause. */
export const endOf = (end: LiveEnd): RunEnd | string => {
  if (end.kind === "dead") return end.message
  if (end.kind !== "unhandled") return end
  const { el, pc, ec, iss, far } = end
  return { kind: "unhandled", signal: signalOfException(ec, iss), el, pc, ec, iss, ...(far === undefined ? {} : { far }) }
}
/** What it did so far. */
export const accountOf = (live: Live): Omit<RunAccount, "milliseconds"> => {
  switch (live.kind) {
    case "bare":
      return { instructions: live.board.pes[0]!.retired }
    case "vm":
      return { instructions: BigInt(live.kvm.account.instructions), kvm: switchAccount(live.kvm) }
    case "linux": {
      const { systemCalls, unimplemented } = live.program.process
      return {
        instructions: live.cpu.retired(),
        kvm: switchAccount(live.kvm),
        systemCalls,
        unimplemented: Object.fromEntries(unimplemented)
      }
    }
  }
}
