/**
 * Recordings of a real kernel's switch path (test/golden/kvm-traces) and what the model does, brought to one form: lines that can be compared.
 * The recorded processor has SVE, SME, FPMR and CNTPOFF; the machine of these tests has FPSIMD only. What follows from that is listed here, with the reason.
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
  readonly list?: string
  readonly cptr?: string
  readonly cpacr_el1?: string
}
export interface RecordedExit {
  readonly exit: "MMIO" | "SYSTEM_EVENT"
  readonly write?: number
  readonly len?: number
  readonly addr?: string
  readonly data?: string
  readonly type?: number
  readonly host?: { readonly d0: string; readonly d31: string }
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
export const registerLists: Readonly<Record<string, readonly string[]>> = JSON.parse(read("lists.json"))
const guests = lines("guests.jsonl") as unknown as readonly { guest: string; load: string; words: readonly string[] }[]
/** Code of a recorded guest, or "vectors", and where it lies. */
export const recordedGuest = (name: string): { readonly address: number; readonly bytes: Uint8Array } => {
  const { load, words } = guests.find((g) => g.guest === name)!
  return { address: Number(load), bytes: new Uint8Array(Uint32Array.from(words, (w) => Number.parseInt(w, 16)).buffer) }
}

/** ZEN and SMEN, which a machine without SVE and SME does not have. */
const SCALABLE = 0x3000000n | 0x30000n
const without = (value: string): string => `0x${(BigInt(value) & ~SCALABLE).toString(16)}`
const isTrapWord = (e: RecordedEvent): boolean =>
  e.what === "msr" && (e.phys === "CPTR_EL2" || e.reg === "CPTR_EL2" || (e.reg ?? "").startsWith("CPACR_EL"))

/** A difference of the machine under test: events of the recording that it does not have, or has otherwise. */
export interface Difference {
  readonly why: string
  readonly drops?: (e: RecordedEvent) => boolean
  readonly changes?: (e: RecordedEvent) => RecordedEvent
}
export const DIFFERENCES: readonly Difference[] = [
  { why: "The recorder also saw the guest's own register accesses and marks; events are of host and hyp", drops: (e) => e.where === "guest-el1" },
  { why: "No SME: streaming mode is never left by SMSTOP, and SVCR is not looked at", drops: (e) => e.what === "smstop" || e.reg === "SVCR" },
  { why: "No FPMR", drops: (e) => e.reg === "FPMR" },
  { why: "No SVE and SME: binding a task programs no EL0 traps", drops: (e) => e.fn === "fpsimd_bind_task_to_cpu" },
  { why: "No CNTPOFF_EL2: no ISB after CNTP_CVAL between HCR and CPTR", drops: (e) => e.what === "isb" && e.fn === "__activate_traps" },
  {
    why: "No SVE and SME: ZEN and SMEN do not exist in trap words",
    changes: (e) => (isTrapWord(e) && e.value !== undefined ? { ...e, value: without(e.value) } : e)
  },
  {
    why: "The same in the word in force at an exception return, and in the guest's CPACR_EL1",
    changes: (e) =>
      e.what === "eret" ? { ...e, ...(e.cptr ? { cptr: without(e.cptr) } : {}), ...(e.cpacr_el1 ? { cpacr_el1: without(e.cpacr_el1) } : {}) } : e
  }
]
/** Events from one that `starts` says to the next ERET into the guest, both included, are not there: the guest's own EL1 answers instead of the host. */
export const withoutExits = (
  events: readonly RecordedEvent[],
  starts: (e: RecordedEvent) => boolean
): { readonly kept: readonly RecordedEvent[]; readonly dropped: number } => {
  const kept: RecordedEvent[] = []
  let dropped = 0
  let inside = false
  for (const e of events) {
    if (starts(e)) {
      inside = true
      dropped++
    }
    if (!inside) kept.push(e)
    else if (e.what === "eret" && e.to === "guest-el1") inside = false
  }
  return { kept, dropped }
}

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
  HCRX_EL2: { mask: ~((1n << 23n) | (1n << 22n)), why: "EnFPM and GCSEn belong to features that are not there" },
  HFGRTR_EL2: { mask: 3n << 57n, why: "of the traps for what a VM lacks, only S1PIE exists" },
  HFGWTR_EL2: { mask: 3n << 57n, why: "as HFGRTR_EL2" },
  HFGITR_EL2: { mask: 0n, why: "no SPE and no SPECRES2 to be trapped" },
  HDFGRTR_EL2: { mask: 0n, why: "no performance monitors, SPE or trace" },
  HDFGWTR_EL2: { mask: 0n, why: "as HDFGRTR_EL2" },
  VTCR_EL2: { mask: ~((7n << 16n) | (1n << 21n) | (1n << 32n)), why: "48-bit physical addresses, no hardware access flag, no LPA2" }
}
const compared = (register: string, value: bigint): string => `${register}=${hex(value & COMPARED[register]!.mask)}`
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
export const expectedLines = (
  events: readonly RecordedEvent[],
  used: number[],
  differences: readonly Difference[] = DIFFERENCES
): readonly string[] =>
  events.flatMap((event) => {
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
    return [lineOf(e)]
  })
const lineOf = (e: RecordedEvent): string => {
  switch (e.what) {
    case "exc":
      return `exc ${e.from}>${e.where} ec=${e.ec} iss=${e.iss}${e.ipa ? ` ipa=${e.ipa}` : ""}${e.x0 ? ` x0=${e.x0}` : ""}${e.hcall === undefined ? "" : ` call=${e.hcall}`}`
    case "eret":
      return `eret ${e.where}>${e.to} cptr=${e.cptr}`
    case "msr":
      return `msr ${e.where} ${e.reg}${e.phys ? `>${e.phys}` : ""} ${e.value}`
    case "isb":
      return `isb ${e.where}`
    case "save":
    case "load":
      return `${e.what} ${e.where} ${e.mem} q=${e.q}`
    case "regs-write":
    case "regs-read":
      return `${e.what} ${e.where} ${moved(registerLists[e.list!]!)}`
    default:
      return `${e.what} ${e.where}`
  }
}

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
/** The model's events in the same form. As in a recording, a list is shown the first time only. */
export const modelLines = (events: readonly KvmEvent[], names: Names): ModelLines => {
  const lists = new Map<string, number>()
  // traps of guest and host are one list of names, and two in a recording
  const seen = new Set<string>()
  const text = events.flatMap((e): readonly string[] => {
    switch (e.what) {
      case "exc":
        return [
          `exc ${e.from}>${e.where} ec=${hex(e.ec)} iss=${hex(e.iss)}${e.ipa === undefined ? "" : ` ipa=${hex(e.ipa)}`}${e.x0 === undefined ? "" : ` x0=${hex(e.x0)}`}${e.hostCall === undefined ? "" : ` call=${e.hostCall}`}`
        ]
      case "eret":
        return [`eret ${e.where}>${e.to} cptr=${hex(e.cptr)}`]
      case "msr": {
        const value =
          e.register === "VTTBR_EL2" && e.value !== 0n
            ? "set"
            : (e.physical ?? e.register) === "VBAR_EL2"
              ? (names.vectors.get(e.value) ?? "set")
              : hex(e.value)
        return [`msr ${e.where} ${e.register}${e.physical ? `>${e.physical}` : ""} ${value}`]
      }
      case "isb":
        return [`isb ${e.where}`]
      case "save":
      case "load":
        return [`${e.what} ${e.where} ${names.memory.get(e.memory) ?? e.memory} q=${e.component === "fpsimd" ? 32 : 0}`]
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
