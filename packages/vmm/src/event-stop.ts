/** Ends a guest's run at something that happens in it. */
import { hostEvents } from "./host-events.ts"
import type { Live } from "./live.ts"
import { listenersOf } from "./Program.ts"
import type { BareMachine } from "./personality/bare/machine.ts"
import type { EventPoint, PointEvent } from "./snapshot-point.ts"
import type { TraceEvent, Tracer } from "./Trace.ts"

/** From now on the guest runs to the event, as far as its kind says. `met` is called once. The result ends it, and has to be called. */
export const stopAtEvent = (live: Live, point: EventPoint, met: () => void): (() => void) =>
  live.kind === "bare" ? stopBare(live.machine, point, met) : stopModelled(live, point, met)

/** To the first instruction of the exception's vector, or the one behind the semihosting call. */
const stopBare = (machine: BareMachine, { count, matches }: EventPoint, met: () => void): (() => void) => {
  let seen = 0
  const see = (event: PointEvent) => {
    if (seen < count && matches(event) && ++seen === count) met()
  }
  const [pe] = machine.board.pes
  machine.stopAt({
    exception: ({ kind, target, ec, iss }) => see({ type: "exc", step: pe!.retired, kind, from: pe!.el, target, pc: pe!.pc, ec, iss }),
    call: (operation) => see({ type: "semihosting", operation }),
    stopped: () => seen >= count
  })
  return () => machine.stopAt(undefined)
}

/**
 * From now on the guest runs to the event and then to the first place where it is with its user space: its call is answered then, and what the kernel deals with by
 * itself is followed by one more instruction at most.
 */
const stopModelled = (live: Exclude<Live, { kind: "bare" }>, { count, matches }: EventPoint, met: () => void): (() => void) => {
  const { kvm, vm } = live
  let seen = 0
  const see = (event: TraceEvent) => {
    if (seen >= count || !matches(event) || ++seen < count) return
    for (const vcpu of vm.vcpus) if (vcpu) vcpu.slice.left = 0
    met()
  }
  const tracer: Tracer = { emit: see, wants: new Set(["fp", "trap", "syscalls"]) }
  const { run } = kvm
  kvm.run = { ...run, trace: { ...run.trace, stopped: () => seen >= count || (run.trace?.stopped?.() ?? false) } }
  const unsubscribe = kvm.subscribe(hostEvents(tracer)!)
  const quiet = live.kind === "linux" ? listenToCalls(live, tracer) : () => {}
  return () => {
    unsubscribe()
    quiet()
    kvm.run = run
  }
}
/** Beside whoever listens already. */
const listenToCalls = ({ cpu, program: { process } }: Extract<Live, { kind: "linux" }>, tracer: Tracer): (() => void) => {
  const { options } = process
  const { onSystemCall, onSignal } = listenersOf(cpu, tracer)
  process.options = {
    ...options,
    onSystemCall: (call) => {
      options.onSystemCall?.(call)
      onSystemCall?.(call)
    },
    onSignal: (info) => {
      options.onSignal?.(info)
      onSignal?.(info)
    }
  }
  return () => {
    process.options = options
  }
}
