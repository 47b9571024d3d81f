/**
 * Recordings of a real kernel's switch path (test/golden/kvm-traces) and what the model does, brought to one form: lines that can be compared.
 * What the recorded processor has and the machine of these tests has not is listed here, with the reason.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { KvmEvent } from "@eltwo/kvm"

const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../../../test/golden/kvm-traces/${name}`, import.meta.url)), "utf8")
const lines = (name: string): readonly Record<string, never>[] =>
  read(name)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))

/** An event of a recording; see the notes in test/golden/kvm-traces/README.md. */
export interface RecordedEvent {
  readonly n: number
  readonly what: string
  readonly where: string
  readonly fn?: string
  readonly from?: string
  readonly to?: string
  readonly ec?: string
  readonly iss?: string
  readonly ipa?: string
  readonly x0?: string
  readonly hcall?: number
  readonly reg?: string
  readonly phys?: string
  readonly value?: string
  readonly mem?: string
  readonly q?: number
  readonly z?: number
  readonly p?: number
  readonly fpmr?: string
  readonly svcr?: string
  readonly which?: string
  readonly list?: string
  readonly cptr?: string
  readonly cpacr_el1?: string
  readonly zcr_el1?: string
  readonly zcr_el2?: string
}
export interface RecordedExit {
  readonly exit: "MMIO" | "SYSTEM_EVENT"
  readonly write?: number
  readonly len?: number
  readonly addr?: string
  readonly data?: string
  readonly type?: number
  readonly host?: Readonly<Record<string, string | number>>
}
export interface Recording {
  readonly exits: readonly RecordedExit[]
  readonly events: readonly RecordedEvent[]
  /** How often each register list moved, by the list's id. */
  readonly lists: Readonly<Record<string, number>>
}
export const recording = (name: string): Recording => {
  const [header, ...rest] = lines(`${name}.jsonl`) as unknown as [{ lists: Record<string, number> }, ...Record<string, unknown>[]]
  return {
    lists: header.lists,
    exits: rest.filter((l) => "user" in l).map((l) => l["user"] as RecordedExit),
    events: rest.filter((l) => "n" in l) as unknown as RecordedEvent[]
  }
}
/** ZCR of the host kernel when a recording begins: what the programs and guests before it have left. */
export const firstZcr = ({ events }: Recording, kernel: string): bigint => {
  const own = kernel.startsWith("vhe") ? "zcr_el2" : "zcr_el1"
  for (const e of events) {
    if (e.what === "mrs" && e.reg === "ZCR_EL1" && e.where === "host") return BigInt(e.value!)
    const inForce = e.what === "eret" && e.to !== "guest-el1" ? e[own] : undefined
    if (e.what === "eret" && inForce !== undefined) return BigInt(inForce)
    if (e.what === "eret" && e.to === "guest-el1" && e[own] !== undefined) return BigInt(e[own])
  }
  return 0n
}
export const registerLists: Readonly<Record<string, readonly string[]>> = JSON.parse(read("lists.json"))
interface GuestLine {
  readonly guest: string
  readonly load: string
  readonly words: readonly string[]
  readonly sveMaxVl?: readonly number[]
}
const guests = lines("guests.jsonl") as unknown as readonly GuestLine[]
/** Guests whose host thread uses SVE before and after each KVM_RUN; the others' uses V0 and V31. */
const WITH_SVE_HOST = /^g3-|^g5b-/
export interface RecordedGuest {
  readonly address: number
  readonly bytes: Uint8Array
  /** Of its first vCPU, in bytes; 0: no SVE. */
  readonly sveMaxVl: number
  readonly hostUsesSve: boolean
}
/** Code of a recorded guest, or "vectors", and where it lies. */
export const recordedGuest = (name: string): RecordedGuest => {
  const { load, words, sveMaxVl } = guests.find((g) => g.guest === name)!
  const bytes = new Uint8Array(Uint32Array.from(words, (w) => Number.parseInt(w, 16)).buffer)
  return { address: Number(load), bytes, sveMaxVl: sveMaxVl?.[0] ?? 0, hostUsesSve: WITH_SVE_HOST.test(name) }
}

/** A difference of the machine under test: events of the recording that it does not have, or has otherwise. */
export interface Difference {
  readonly why: string
  readonly drops?: (e: RecordedEvent) => boolean
  readonly changes?: (e: RecordedEvent) => RecordedEvent
}
export const GUEST_EVENTS: Difference = {
  why: "The recorder also saw the guest's own register accesses and marks; events are of host and hyp",
  drops: (e) => e.where === "guest-el1"
}
/** HCR_EL2.TWE. */
const TWE = 1n << 14n
export const ALONE: Difference = {
  why: "HCR_EL2.TWE goes away while the recorded thread is alone on its CPU",
  changes: (e) => (e.reg === "HCR_EL2" && BigInt(e.value!) & VM ? { ...e, value: hex(BigInt(e.value!) | TWE) } : e)
}
const VM = 1n
const hex = (value: bigint | number): string => `0x${value.toString(16)}`
const moved = (list: readonly string[]): string => list.map((entry) => entry.replace(/=.*/, "")).join(" ")
/** Bits of the values in a list that both machines have. */
const COMPARED: Readonly<Record<string, { readonly mask: bigint; readonly why: string }>> = {
  MDCR_EL2: { mask: ~31n, why: "HPMN: no performance monitors" },
  SCTLR_EL1: { mask: ~0n, why: "all" },
  VPIDR_EL2: { mask: ~0n, why: "all" },
  VMPIDR_EL2: { mask: ~0n, why: "all" },
  SCTLR_EL12: { mask: ~0n, why: "all" },
  HSTR_EL2: { mask: ~0n, why: "all" },
  HCRX_EL2: { mask: ~(1n << 22n), why: "GCSEn belongs to a feature that is not there" },
  HFGRTR_EL2: { mask: (3n << 57n) | (3n << 54n), why: "of the traps for what a VM lacks, only those of S1PIE and SME exist" },
  HFGWTR_EL2: { mask: 3n << 57n, why: "as HFGRTR_EL2" },
  HFGITR_EL2: { mask: 0n, why: "no SPE and no SPECRES2 to be trapped" },
  HDFGRTR_EL2: { mask: 0n, why: "no performance monitors, SPE or trace" },
  HDFGWTR_EL2: { mask: 0n, why: "as HDFGRTR_EL2" },
  VTCR_EL2: { mask: ~((7n << 16n) | (1n << 21n) | (1n << 32n)), why: "48-bit physical addresses, no hardware access flag, no LPA2" }
}
const compared = (register: string, value: bigint): string => `${register}=${hex(value & COMPARED[register]!.mask)}`
/** nSMPRI_EL1 and nTPIDR2_EL0. A kernel that is told not to use SME leaves them alone on a processor that has it. */
const FINE_SME = 3n << 54n
export const withoutSme = (value: string): string => value.replace(/(?<=HFG[RW]TR_EL2=)0x\w+/, (bits) => hex(BigInt(bits) & ~FINE_SME))
/** Values that the recording gives for the registers of a list, as far as both machines have them. */
export const expectedValues = (list: string): readonly string[] =>
  registerLists[list]!.filter((entry) => entry.includes("=")).map((entry) => {
    const [register, value] = entry.split("=")
    return compared(register!, BigInt(value!))
  })
/** The same of the first list of these registers that the model moved. */
export const modelValues = (events: readonly KvmEvent[], list: string): readonly string[] => {
  const wanted = registerLists[list]!
  const found = events.find((e) => (e.what === "regs-write" || e.what === "regs-read") && moved(e.list) === moved(wanted) && hasValuesOf(e, wanted))
  if (found?.what !== "regs-write") return []
  return found.list.flatMap((register, i) => (wanted[i]!.includes("=") ? [compared(register, found.values[i]!)] : []))
}
/** Lists of the same names are told apart by their first value (guest and host values of the common traps). */
const hasValuesOf = (e: Extract<KvmEvent, { list: readonly string[] }>, wanted: readonly string[]): boolean => {
  const [register, value] = wanted[0]!.split("=")
  return value === undefined || compared(register!, BigInt(value)) === compared(register!, e.values[0]!)
}

/** Applies the differences; counts in `used` how often each made one. */
export const expectedLines = (events: readonly RecordedEvent[], used: number[], differences: readonly Difference[]): readonly string[] => {
  const inForce = new Map<string, RecordedEvent>()
  return events.flatMap((event) => {
    let e = event
    for (const [i, { drops, changes }] of differences.entries()) {
      if (drops?.(e)) {
        used[i]!++
        return []
      }
      const changed = changes?.(e) ?? e
      if (JSON.stringify(changed) !== JSON.stringify(e)) used[i]!++
      e = changed
    }
    if (e.what === "eret") {
      // what does not change between two returns to the same place is not said again
      e = { ...inForce.get(e.to!), ...e }
      inForce.set(e.to!, e)
    }
    return [lineOf(e)]
  })
}
/** What a recording says of the state in force after an exception return, beside CPTR_EL2; not from the first one on. */
const IN_FORCE = ["zcr_el2", "zcr_el1", "cpacr_el1", "svcr"] as const
type InForce = (typeof IN_FORCE)[number]
/** For each exception return of a recording, in order, what it says. */
export const knownReturns = (expected: readonly string[]): readonly (readonly InForce[])[] =>
  expected.filter((line) => line.startsWith("eret")).map((line) => IN_FORCE.filter((register) => line.includes(` ${register}=`)))
const optional = (name: string, value: string | number | undefined): string => (value === undefined ? "" : ` ${name}=${value}`)
const lineOf = (e: RecordedEvent): string => {
  switch (e.what) {
    case "exc":
      return `exc ${e.from}>${e.where} ec=${e.ec} iss=${e.iss}${optional("ipa", e.ipa)}${optional("x0", e.x0)}${optional("call", e.hcall)}`
    case "eret":
      return `eret ${e.where}>${e.to} cptr=${e.cptr}${IN_FORCE.map((register) => optional(register, e[register])).join("")}`
    case "msr":
    case "mrs":
      return `${e.what} ${e.where} ${e.reg}${e.phys ? `>${e.phys}` : ""} ${e.value}`
    case "isb":
      return `isb ${e.where}`
    case "smstop":
      return `smstop ${e.where} ${e.which}`
    case "save":
    case "load":
      return `${e.what} ${e.where} ${e.mem}${optional("q", e.q)}${optional("z", e.z)}${optional("p", e.p)}${optional("svcr", e.svcr)}${optional("fpmr", e.fpmr)}`
    case "regs-write":
    case "regs-read":
      return `${e.what} ${e.where} ${moved(registerLists[e.list!]!)}`
    default:
      return `${e.what} ${e.where}`
  }
}

/** An event of the model; an exception return with the vector lengths and SVCR in force. */
export type Timed = KvmEvent & { readonly zcrEl1?: bigint; readonly zcrEl2?: bigint; readonly svcr?: number }
/** Names of what the recording shows as symbols, and of memory: "task2" of the model may be its "task1". */
export interface Names {
  readonly vectors: ReadonlyMap<bigint, string>
  readonly memory: ReadonlyMap<string, string>
}
export interface ModelLines {
  readonly lines: readonly string[]
  /** How often each list of registers moved. */
  readonly lists: ReadonlyMap<string, number>
}
/** Registers moved with a component, as recordings count them. */
const MOVED: Readonly<Record<string, string>> = { fpsimd: " q=32", sve: " z=32 p=17", ssve: " z=32 p=16" }
/** Registers that the FP core reads or writes with a transfer; a recording shows them as part of it. */
const WITH_TRANSFER = ["SVCR", "FPMR"]
/** Whether an access belongs to the transfer that follows it: of the host's FP core, with nothing else between. */
const withTransfer = (events: readonly Timed[], from: number): Timed | undefined => {
  for (let at = from; at < events.length; at++) {
    const e = events[at]!
    if (e.what === "save" || e.what === "load") return e.where === "host" ? e : undefined
    if ((e.what !== "mrs" && e.what !== "msr") || !WITH_TRANSFER.includes(e.register)) return undefined
  }
  return undefined
}
/** The model's events in the same form. As in a recording, a list is shown the first time only. */
export const modelLines = (events: readonly Timed[], names: Names, returns: readonly (readonly InForce[])[] = []): ModelLines => {
  const lists = new Map<string, number>()
  // traps of guest and host are one list of names, and two in a recording
  const seen = new Set<string>()
  const transferred = new Map<string, string>()
  let returned = 0
  const text = events.flatMap((e, at): readonly string[] => {
    switch (e.what) {
      case "exc":
        return [
          `exc ${e.from}>${e.where} ec=${hex(e.ec)} iss=${hex(e.iss)}${e.ipa === undefined ? "" : ` ipa=${hex(e.ipa)}`}${e.x0 === undefined ? "" : ` x0=${hex(e.x0)}`}${e.hostCall === undefined ? "" : ` call=${e.hostCall}`}`
        ]
      case "eret": {
        const said = returns[returned++] ?? []
        const values: Readonly<Record<InForce, bigint | number | undefined>> = {
          zcr_el2: e.zcrEl2,
          zcr_el1: e.zcrEl1,
          cpacr_el1: e.cpacr,
          svcr: e.svcr
        }
        return [`eret ${e.where}>${e.to} cptr=${hex(e.cptr)}${said.map((register) => ` ${register}=${hex(values[register] ?? 0)}`).join("")}`]
      }
      case "msr":
      case "mrs": {
        if (withTransfer(events, at)) {
          transferred.set(e.register, hex(e.value))
          return []
        }
        const value =
          e.register === "VTTBR_EL2" && e.value !== 0n
            ? "set"
            : (e.physical ?? e.register) === "VBAR_EL2"
              ? (names.vectors.get(e.value) ?? "set")
              : hex(e.value)
        return [`${e.what} ${e.where} ${e.register}${e.physical ? `>${e.physical}` : ""} ${value}`]
      }
      case "isb":
        return [`isb ${e.where}`]
      case "smstop":
        return [`smstop ${e.where} ${e.which}`]
      case "save":
      case "load": {
        const values = WITH_TRANSFER.map((register) => optional(register.toLowerCase(), transferred.get(register))).join("")
        transferred.clear()
        return [`${e.what} ${e.where} ${names.memory.get(e.memory) ?? e.memory}${MOVED[e.component] ?? ` ${e.component}`}${values}`]
      }
      case "regs-write":
      case "regs-read": {
        const key = moved(e.list)
        lists.set(key, (lists.get(key) ?? 0) + 1)
        const shown = `${key} ${e.values[e.list.indexOf("HSTR_EL2")]}`
        const first = !seen.has(shown)
        seen.add(shown)
        return first ? [`${e.what} ${e.where} ${key}`] : []
      }
      default:
        return []
    }
  })
  return { lines: text, lists }
}
