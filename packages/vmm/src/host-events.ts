/** What the modelled host does, as events of a trace: which class each belongs to, and its text. */
import { EC } from "@eltwo/isa"
import { HostCall, type KvmEvent, type Listener } from "@eltwo/kvm"
import type { Tracer } from "./Trace.ts"

/** FP state and what guards it; exceptions, returns and the registers that steer them; pages changing hands; who runs where. */
const CLASSES = ["fp", "trap", "page", "sched"] as const
type EventClass = (typeof CLASSES)[number]
/** `step` instead of the host's `time`. */
type Traced<Event> = Event extends unknown ? Omit<Event, "time"> : never
export type HostEvent = { readonly type: EventClass } & Traced<KvmEvent>

/** Trap words and vector lengths: what opens and closes FP state, or sizes it. */
const FP_REGISTERS: ReadonlySet<string> = new Set([
  "CPACR_EL1",
  "CPTR_EL2",
  "CPACR_EL12",
  "ZCR_EL1",
  "ZCR_EL12",
  "ZCR_EL2",
  "SMCR_EL1",
  "SMCR_EL2",
  "SVCR",
  "FPMR",
  "HCR_EL2"
])
const FP_CLASSES: ReadonlySet<number> = new Set([EC.FPAccess, EC.SVEAccess, EC.SMEAccess])

/** Classes of a kind of event, the narrower one first. */
const CLASSES_OF: Readonly<Record<string, readonly EventClass[]>> = {
  save: ["fp"],
  load: ["fp"],
  owner: ["fp"],
  smstop: ["fp"],
  isb: ["fp", "trap"],
  eret: ["fp", "trap"],
  page: ["page"],
  "host-stage2-fault": ["page"],
  sched: ["sched"]
}
const classesOf = (event: KvmEvent): readonly EventClass[] => {
  const isFp =
    ((event.what === "msr" || event.what === "mrs") && FP_REGISTERS.has(event.physical ?? event.register)) ||
    (event.what === "exc" && FP_CLASSES.has(event.ec))
  return isFp ? ["fp", "trap"] : (CLASSES_OF[event.what] ?? ["trap"])
}

/** The listener that hands on what the tracer wants, or undefined when that is nothing of these. An event of several classes comes once. */
export const hostEvents = ({ emit, wants }: Tracer): Listener | undefined => {
  if (!CLASSES.some((name) => wants.has(name))) return undefined
  return (event) => {
    const type = classesOf(event).find((name) => wants.has(name))
    if (type === undefined) return
    const { time, ...rest } = event
    emit({ type, step: time, ...rest } as { readonly step: bigint } & HostEvent)
  }
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`
const state = (register: string, value: bigint): string => `${register} ${hex(value)}`
/** One event's text after its class: what, where, details. */
export const hostEventText = (event: HostEvent): string => {
  // "sched" is a class of its own, and says what as its kind
  const what = event.what === event.type ? "" : event.what
  return [what, "where" in event ? event.where : "", detailOf(event)].filter((part) => part !== "").join(" ")
}
const detailOf = (event: HostEvent): string => {
  switch (event.what) {
    case "save":
      return `${event.component} to ${event.memory}, ${event.bytes} bytes`
    case "load":
      return `${event.component} from ${event.memory}, ${event.bytes} bytes`
    case "owner":
      return event.owner
    case "smstop":
      return event.which
    case "msr":
    case "mrs":
      return `${event.register}${event.physical === undefined ? "" : ` (${event.physical})`} = ${hex(event.value)}`
    case "exc":
      return [
        `from ${event.from}, EC ${hex(event.ec)} ${EC[event.ec] ?? ""}, ISS ${hex(event.iss)}`,
        event.ipa === undefined ? "" : `IPA ${hex(event.ipa)}`,
        event.x0 === undefined ? "" : `X0 ${hex(event.x0)}`,
        event.call === undefined ? "" : `system call ${event.call}`,
        event.hostCall === undefined ? "" : (HostCall[event.hostCall] ?? `function ${event.hostCall}`)
      ]
        .filter((part) => part !== "")
        .join(", ")
    case "irq":
      return `from ${event.from}, ${event.kind}`
    case "eret":
      return `to ${event.to}, ${state("CPTR_EL2", event.cptr)}, ${state("CPACR_EL1", event.cpacr)}, ${state("HCR_EL2", event.hcr)}`
    case "regs-read":
    case "regs-write":
      return event.list.map((name, i) => `${name} ${hex(event.values[i]!)}`).join(", ")
    case "exit":
      return `${event.vcpu}: ${event.reason}`
    case "hypercall":
      return `${event.vcpu}: ${hex(event.function)} = ${event.result === "user" ? "to user space" : hex(event.result)}`
    case "sched":
      return `${restOf(event)} on CPU ${event.cpu}`
    default:
      return restOf(event)
  }
}
/** Fields of an event that has no text of its own: "name value". */
const restOf = (event: object): string =>
  Object.entries(event)
    .filter(([name]) => !["type", "what", "where", "step", "cpu"].includes(name))
    .map(([name, value]) => `${name === "kind" ? "" : `${name} `}${typeof value === "bigint" ? hex(value) : String(value)}`)
    .join(", ")
