/**
 * The events of a run, as values. A listener sees them as they happen and must not change the machine; without one nothing is made.
 * `step` is virtual time: instructions retired. Text and JSON forms are here too, because they are part of the contract ("eltwo.events/1").
 */
import type { Pe, Trace } from "@eltwo/cpu"
import { EC, type Machine } from "@eltwo/isa"
import { type HostEvent, hostEventText } from "./host-events.ts"
import type { TRACES } from "./options.ts"
import { signalName } from "./signal-schedule.ts"

/** Name and version of the form that events have as JSON lines. */
export const EVENT_SCHEMA = "eltwo.events/1"

/** What happened, and when: `step` counts retired instructions. Addresses and register values are bigints. */
export type TraceEvent = { readonly step: bigint } /** About to be executed. */ & (
  | { readonly type: "insn"; readonly el: number; readonly pc: bigint; readonly word: number; readonly text: string }
  /** About to be entered. */
  | {
      readonly type: "exc"
      readonly kind: "synchronous" | "irq" | "fiq" | "serror"
      readonly from: number
      readonly target: number
      readonly pc: bigint
      readonly ec: number
      readonly iss: number
      readonly far?: bigint
    }
  | { readonly type: "syscall"; readonly name: string; readonly args: readonly bigint[]; readonly result: bigint; readonly implemented: boolean }
  | { readonly type: "signal"; readonly signal: number; readonly code: number; readonly address?: bigint }
  | HostEvent
)
/** Called as an event happens; must not change the machine. */
export type TraceListener = (event: TraceEvent) => void

/** A listener and the kinds of events it wants. */
export interface Tracer {
  readonly emit: TraceListener
  readonly wants: ReadonlySet<(typeof TRACES)[number]>
}
export const tracer = (kinds: readonly (typeof TRACES)[number][], emit: TraceListener | undefined): Tracer | undefined =>
  emit === undefined || kinds.length === 0 ? undefined : { emit, wants: new Set(kinds) }

/** Instructions and exceptions of guests, as events; those of the modelled host's own programs are left out. */
/** `running` gives the processing element that they happen on. */
export const cpuTrace = (running: () => Pe, isa: Machine, { emit, wants }: Tracer): Trace => {
  return {
    ...(wants.has("insn") && {
      instruction: (pc, word) => {
        const pe = running()
        if (pe.controls.host) return
        const text = isa.table.disassemble(word, { address: pc }) ?? `.inst 0x${word.toString(16).padStart(8, "0")}`
        emit({ type: "insn", step: pe.retired, el: pe.el, pc, word, text })
      }
    }),
    ...(wants.has("exc") && {
      exception: ({ kind, target, ec, iss, far }) => {
        const pe = running()
        if (pe.controls.host) return
        emit({ type: "exc", step: pe.retired, kind, from: pe.el, target, pc: pe.pc, ec, iss, ...(far === undefined ? {} : { far }) })
      }
    })
  }
}

const hex = (value: bigint | number, digits = 0): string => `0x${value.toString(16).padStart(digits, "0")}`
/** Small numbers as they are, others in hexadecimal; errors of system calls as -errno. */
const argument = (value: bigint): string => {
  const signed = BigInt.asIntN(64, value)
  return signed > -4096n && signed < 4096n ? signed.toString() : hex(value)
}
const bodyOf = (event: TraceEvent): string => {
  switch (event.type) {
    case "insn":
      return `EL${event.el} ${hex(event.pc, 8)}  ${event.word.toString(16).padStart(8, "0")}  ${event.text}`
    case "exc": {
      const cause = event.kind === "synchronous" ? `${EC[event.ec] ?? "Unknown"} (EC ${hex(event.ec, 2)}) ISS ${hex(event.iss)}` : event.kind
      return `EL${event.from}->EL${event.target} at ${hex(event.pc, 8)}: ${cause}${event.far === undefined ? "" : ` FAR ${hex(event.far)}`}`
    }
    case "syscall":
      return `${event.name}(${event.args.map(argument).join(", ")}) = ${argument(event.result)}${event.implemented ? "" : " (ENOSYS: not implemented)"}`
    case "signal":
      return `${signalName(event.signal)} code ${event.code}${event.address === undefined ? "" : ` at ${hex(event.address)}`}`
    default:
      return hostEventText(event)
  }
}
/** One line, without its end. */
export const traceText = (event: TraceEvent): string => `[${event.step}] ${event.type} ${bodyOf(event)}`

/** One JSON object, without the line's end. 64-bit values are "0x..." strings; `step` is a number, as counts are. */
export const traceJson = (event: TraceEvent): string =>
  JSON.stringify(event, (key, value: unknown) =>
    typeof value !== "bigint" ? value : key === "step" ? Number(value) : hex(BigInt.asUintN(64, value))
  )
