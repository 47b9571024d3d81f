/** Who listens to a guest. Nothing is observed, and nothing costs, while nobody does. */
import type { Pe, Trace } from "@eltwo/cpu"
import type { Machine } from "@eltwo/isa"
import { hostEvents } from "../host-events.ts"
import { boardOf, type Live } from "../live.ts"
import type { TRACES } from "../options.ts"
import { listenersOf } from "../Program.ts"
import { cpuTrace, type TraceListener, type Tracer } from "../Trace.ts"

/**
 * Kinds of events: executed instructions, exceptions of the guest, FP state and its guards, traps and returns, pages changing hands, scheduling,
 * system calls.
 */
export type EventKind = (typeof TRACES)[number]

const together = (hooks: readonly (((pc: bigint, word: number) => unknown) | undefined)[]) => {
  const there = hooks.flatMap((hook) => (hook ? [hook] : []))
  if (there.length === 0) return undefined
  // all of them see it, whichever says that the run is to end
  return (pc: bigint, word: number) => there.map((hook) => hook(pc, word)).includes(true)
}

export class Observers {
  #live: Live
  #isa: Machine
  readonly #tracers = new Set<Tracer>()
  #breakpoints: Trace | undefined
  #unsubscribe: (() => void)[] = []

  constructor(live: Live, isa: Machine) {
    this.#live = live
    this.#isa = isa
  }
  /** From now on the events are another guest's. */
  moveTo(live: Live, isa: Machine): void {
    for (const remove of this.#unsubscribe.splice(0)) remove()
    this.#live = live
    this.#isa = isa
    if (this.#tracers.size > 0) this.#install()
  }
  /** A breakpoint has ended the run. */
  get isStopped(): boolean {
    return this.#breakpoints?.stopped?.() ?? false
  }
  /** Events of these kinds go to `emit`, as they happen, until the result is called. */
  add(kinds: readonly EventKind[], emit: TraceListener): () => void {
    const tracer = { emit, wants: new Set(kinds) }
    this.#tracers.add(tracer)
    this.#install()
    return () => {
      if (this.#tracers.delete(tracer)) this.#install()
    }
  }
  /** While `act` runs, the guest stops before an instruction at one of these addresses, but not before the first it executes. True: it did. */
  async stoppingAt<T>(addresses: ReadonlySet<bigint>, act: () => Promise<T>): Promise<{ readonly result: T; readonly stopped: boolean }> {
    if (addresses.size === 0) return { result: await act(), stopped: false }
    const running = this.#running()
    let first = true
    let stopped = false
    this.#breakpoints = {
      instruction: (pc) => {
        if (running().controls.host) return false
        const passes = first || !addresses.has(pc)
        first = false
        stopped ||= !passes
        return stopped
      },
      stopped: () => stopped
    }
    this.#install()
    try {
      return { result: await act(), stopped }
    } finally {
      this.#breakpoints = undefined
      this.#install()
    }
  }

  #running(): () => Pe {
    const live = this.#live
    const [pe] = boardOf(live).pes
    return live.kind === "bare" ? () => pe! : () => live.kvm.cpu.pe
  }
  #install(): void {
    const live = this.#live
    for (const remove of this.#unsubscribe.splice(0)) remove()
    const traces = [...this.#tracers].map((tracer) => cpuTrace(this.#running(), this.#isa, tracer))
    if (this.#breakpoints) traces.push(this.#breakpoints)
    const trace = joined(traces)
    if (live.kind === "bare") return live.machine.observe(trace)
    const { trace: _, ...plain } = live.kvm.run
    live.kvm.run = trace === undefined ? plain : { ...plain, trace }
    for (const tracer of this.#tracers) {
      const listener = hostEvents(tracer)
      if (listener) this.#unsubscribe.push(live.kvm.subscribe(listener))
    }
    if (live.kind === "linux") this.#listenToCalls(live)
  }
  #listenToCalls({ cpu, program: { process } }: Extract<Live, { kind: "linux" }>): void {
    const { path, args, environment } = process.options
    const each = [...this.#tracers].map((tracer) => listenersOf(cpu, tracer))
    const calls = each.flatMap(({ onSystemCall }) => (onSystemCall ? [onSystemCall] : []))
    const signals = each.flatMap(({ onSignal }) => (onSignal ? [onSignal] : []))
    process.options = {
      path,
      args,
      environment,
      ...(calls.length > 0 && {
        onSystemCall: (call) => {
          for (const listener of calls) listener(call)
        }
      }),
      ...(signals.length > 0 && {
        onSignal: (info) => {
          for (const listener of signals) listener(info)
        }
      })
    }
  }
}
const joined = (traces: readonly Trace[]): Trace | undefined => {
  const instruction = together(traces.map((trace) => trace.instruction))
  const exceptions = traces.flatMap(({ exception }) => (exception ? [exception] : []))
  const stopped = traces.find((trace) => trace.stopped)?.stopped
  if (instruction === undefined && exceptions.length === 0) return undefined
  return {
    ...(instruction && { instruction }),
    ...(exceptions.length > 0 && {
      exception: (exception) => {
        for (const listener of exceptions) listener(exception)
      }
    }),
    ...(stopped && { stopped })
  }
}
