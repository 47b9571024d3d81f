/** Where in a run a snapshot is made: after a count of instructions, or at something that happens. */
import { EC } from "@eltwo/isa"
import { EXIT_NUMBER, PSCI_FUNCTION, type RunExit } from "@eltwo/kvm"
import { SEMIHOSTING_OPERATION } from "./personality/bare/semihosting.ts"
import { SYSTEM_CALLS } from "./personality/linux/calls/table.ts"
import { parseCount } from "./quantities.ts"
import { signalNumber } from "./signal-schedule.ts"
import type { TraceEvent } from "./Trace.ts"

/** What a point can be at: what a trace shows, and a semihosting call of a bare image. */
export type PointEvent = TraceEvent | { readonly type: "semihosting"; readonly operation: number }
/** The `count`th time from now that `matches` says yes to an event. */
export interface EventPoint {
  /** What was asked for. */
  readonly text: string
  /** 1 is the first. */
  readonly count: number
  /** Whether such events are a bare image's, or those of a guest with a modelled kernel. */
  readonly of: "bare" | "modelled"
  /** Whether it is such an event. */
  readonly matches: (event: PointEvent) => boolean
}
/** Instructions of the guest since its start, or an event. */
export type SnapshotPoint = number | EventPoint

/** What may follow the colon: one of some names, or a rule of its own. Undefined: there is no such thing. */
type Which = (what: string) => ((event: PointEvent) => boolean) | undefined
interface EventKind {
  /** Only a bare image has them, and no others. */
  readonly isBare?: true
  /** Without anything after it. */
  readonly any: (event: PointEvent) => boolean
  readonly which: Which
}

const FP_CLASSES: Readonly<Record<string, EC>> = { fp: EC.FPAccess, sve: EC.SVEAccess, sme: EC.SMEAccess }
const classOf = (name: string): number | undefined => {
  const found = Object.entries(EC).find(([key, value]) => typeof value === "number" && key.toLowerCase() === name)
  return FP_CLASSES[name] ?? (found?.[1] as number | undefined)
}
const REASONS = [...Object.keys(EXIT_NUMBER), "crash"] as readonly RunExit["reason"][]
const FILES = ["save", "load", "owner", "smstop"]
const isTrap = (event: PointEvent): event is Extract<TraceEvent, { what: "exc" }> =>
  "what" in event && event.what === "exc" && event.from.startsWith("guest")
/** Bit 30 of a function's number is its 64-bit form. */
const WIDE = 0x4000_0000
const PSCI_BASE = 0x8400_0000
const isPsci = (id: number): boolean => (id & ~WIDE & ~31) >>> 0 === PSCI_BASE

const KINDS: Readonly<Record<string, EventKind>> = {
  exit: {
    any: (event) => "what" in event && event.what === "exit",
    which: (what) => {
      const reason = REASONS.find((name) => name.toLowerCase() === what)
      return reason && ((event) => "what" in event && event.what === "exit" && event.reason === reason)
    }
  },
  trap: {
    any: isTrap,
    which: (what) => {
      const ec = classOf(what)
      return ec === undefined ? undefined : (event) => isTrap(event) && event.ec === ec
    }
  },
  fp: {
    any: (event) => "what" in event && FILES.includes(event.what),
    which: (what) => (FILES.includes(what) ? (event) => "what" in event && event.what === what : undefined)
  },
  hypercall: {
    any: (event) => "what" in event && event.what === "hypercall",
    which: (what) =>
      /^0x[0-9a-f]{1,8}$/.test(what) ? (event) => "what" in event && event.what === "hypercall" && event.function === Number(what) : undefined
  },
  psci: {
    any: (event) => "what" in event && event.what === "hypercall" && isPsci(event.function),
    which: (what) => {
      const number = (PSCI_FUNCTION as Readonly<Record<string, number>>)[what.toUpperCase()]
      return number === undefined
        ? undefined
        : (event) => "what" in event && event.what === "hypercall" && isPsci(event.function) && (event.function & 31) === number
    }
  },
  syscall: {
    any: (event) => event.type === "syscall",
    which: (what) =>
      Object.values(SYSTEM_CALLS).some(({ name }) => name === what) ? (event) => event.type === "syscall" && event.name === what : undefined
  },
  exception: {
    isBare: true,
    any: (event) => event.type === "exc",
    which: (what) => {
      if (what === "irq" || what === "fiq" || what === "serror") return (event) => event.type === "exc" && event.kind === what
      const ec = classOf(what)
      return ec === undefined ? undefined : (event) => event.type === "exc" && event.kind === "synchronous" && event.ec === ec
    }
  },
  semihosting: {
    isBare: true,
    any: (event) => event.type === "semihosting",
    which: (what) => {
      const named = Object.hasOwn(SEMIHOSTING_OPERATION, what) ? (SEMIHOSTING_OPERATION as Readonly<Record<string, number>>)[what] : undefined
      const operation = /^0x[0-9a-f]{1,8}$/.test(what) ? Number(what) : named
      return operation === undefined ? undefined : (event) => event.type === "semihosting" && event.operation === operation
    }
  },
  signal: {
    any: (event) => event.type === "signal",
    which: (what) => {
      const number = signalNumber(what)
      return number === undefined ? undefined : (event) => event.type === "signal" && event.signal === number
    }
  }
}
/** The forms there are, for help and errors. */
export const POINT_FORMS =
  "a count of instructions, or exit, trap, fp, hypercall, psci, syscall, signal, of a bare image exception, semihosting, with :WHAT and ,N (exit:mmio, trap:fp, psci:cpu_on, syscall:write,3, exception:irq, semihosting:write0)"

/** Reads "5000", "20M", "syscall", "exit:mmio", "trap:fp,3". A string says what is wrong. */
export const parseSnapshotPoint = (text: string): SnapshotPoint | string => {
  const instructions = parseCount(text)
  if (instructions !== undefined) return instructions
  const [, name = "", what, times] = /^([a-z]{1,16})(?::([\w.]{1,40}))?(?:,(\d{1,9}))?$/i.exec(text) ?? []
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  const count = times === undefined ? 1 : Number(times)
  if (kind === undefined || count < 1) return `'${text}' is not ${POINT_FORMS}`
  const matches = what === undefined ? kind.any : kind.which(what.toLowerCase())
  return matches === undefined ? `there is no ${name}:${what}` : { text, count, of: kind.isBare ? "bare" : "modelled", matches }
}
