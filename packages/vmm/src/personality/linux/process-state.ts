/** A Linux process as data: what the personality keeps of it outside of the guest's memory. */
import { type Saved, shape } from "@eltwo/cpu"
import { AddressSpace, HIGHEST } from "./address-space.ts"
import { RESOURCES } from "./calls/limits.ts"
import { FILES_STATE, filesProblem, filesState, restoreFiles } from "./files-state.ts"
import type { GuestCpu } from "./guest.ts"
import type { Host } from "./host.ts"
import { TIMERS } from "./interval-timers.ts"
import { PAGE, PageAllocator, PageTables } from "./page-tables.ts"
import { Process, type ProcessOptions } from "./process.ts"
import { SIGNALS, type SignalInfo } from "./signals.ts"

const MOST_AREAS = 65_536
const MOST_PENDING = 2048
const SIGNAL_INFO = shape({
  fields: {
    signal: "u32",
    /** si_code as 32 bits of two's complement. */
    code: "u32",
    address: { maybe: "u64" },
    process: { maybe: "u32" },
    value: { maybe: "u64" },
    fault: { maybe: { fields: { address: "u64", syndrome: "u64" } } }
  }
})
export const PROCESS_STATE = shape({
  fields: {
    path: "text",
    name: "bytes",
    systemCalls: "size",
    faults: "size",
    unimplemented: { list: { fields: { number: "u32", count: "size" } }, most: 1024 },
    limits: { list: { fields: { soft: "u64", hard: "u64" } }, most: RESOURCES },
    files: FILES_STATE,
    signals: {
      fields: {
        /** From signal 0, which nobody has, to 64. */
        actions: { list: { fields: { handler: "u64", flags: "u32", restorer: "u64", mask: "u64" } }, most: SIGNALS + 1 },
        pending: { list: SIGNAL_INFO, most: MOST_PENDING },
        mask: "u64",
        saved: { maybe: "u64" },
        stopped: "flag",
        stack: { fields: { base: "u64", bytes: "u64", flags: "u32" } }
      }
    },
    timers: { list: { maybe: { fields: { at: "u64", interval: "u64" } } }, most: TIMERS },
    areas: { list: { fields: { start: "size", end: "size", protection: "u32", anonymous: "flag" } }, most: MOST_AREAS },
    brkStart: "size",
    brk: "size",
    /** IPA of the first translation table, and whether the TLB is behind. */
    root: "size",
    stale: "flag",
    /** IPAs of free pages, 8 bytes each, the next one to be used last; and the first page never used. */
    free: "bytes",
    nextPage: "size"
  }
})
export type ProcessState = Saved<typeof PROCESS_STATE>
/** What it waits for in a system call, which its registers tell. Time passes at once for who waits for that. */
export const WAIT_STATE = shape({ fields: { for: { oneOf: ["signal", "input"] } } })

const infoState = (info: SignalInfo): Saved<typeof SIGNAL_INFO> => ({
  signal: info.signal,
  code: info.code >>> 0,
  address: info.address ?? null,
  process: info.process ?? null,
  value: info.value ?? null,
  fault: info.fault === undefined ? null : { ...info.fault }
})
const infoOf = ({ signal, code, address, process, value, fault }: Saved<typeof SIGNAL_INFO>): SignalInfo => ({
  signal,
  code: code | 0,
  ...(address === null ? {} : { address }),
  ...(process === null ? {} : { process }),
  ...(value === null ? {} : { value }),
  ...(fault === null ? {} : { fault })
})

/** Its state while it is not `busy`. */
export const processState = (process: Process): ProcessState => {
  const { signals, space, timers } = process
  const { actions, pending, mask, saved } = signals.state
  const { free, next } = space.pages.state
  return {
    path: process.options.path,
    name: process.name.slice(),
    systemCalls: process.systemCalls,
    faults: process.faults,
    unimplemented: [...process.unimplemented].map(([number, count]) => ({ number, count })).sort((a, b) => a.number - b.number),
    limits: process.limits.map(([soft, hard]) => ({ soft, hard })),
    files: filesState(process.files),
    signals: {
      actions: actions.map(({ handler, flags, restorer, mask }) => ({ handler, flags, restorer, mask })),
      pending: pending.map(infoState),
      mask,
      saved: saved ?? null,
      stopped: signals.stopped,
      stack: { ...signals.stack }
    },
    timers: Array.from({ length: TIMERS }, (_, which) => {
      const timer = timers.get(which)
      return timer === undefined ? null : { ...timer }
    }),
    areas: [...space.areas].map(({ start, end, protection, anonymous }) => ({ start, end, protection, anonymous })),
    brkStart: space.brkStart,
    brk: space.brk,
    root: space.tables.root,
    stale: space.tables.stale,
    free: new Uint8Array(BigUint64Array.from(free, BigInt).buffer),
    nextPage: next
  }
}

/** A page of RAM that the process may have. */
const isPage = ({ memory: { base, bytes } }: GuestCpu, page: number): boolean => page % PAGE === 0 && page >= base && page < base + bytes.length
const TABLE_ENTRIES = 512
/**
 * The tables in guest memory, which the program could not have written: every page in them once, in RAM, and none of them free. Gives the entries in use by
 * table; a string says what is wrong.
 */
const tablesOf = (cpu: GuestCpu, root: number, taken: Set<number>): ReadonlyMap<number, number> | string => {
  const { memory } = cpu
  const { base, bytes } = memory
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const used = new Map<number, number>()
  const waiting: { readonly table: number; readonly level: number }[] = [{ table: root, level: 0 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { table, level } = next
    if (!isPage(cpu, table) || taken.has(table)) return `a translation table at 0x${table.toString(16)}`
    taken.add(table)
    let count = 0
    memory.touch(table - base, PAGE)
    for (let i = 0; i < TABLE_ENTRIES; i++) {
      const entry = view.getBigUint64(table - base + 8 * i, true)
      if (entry === 0n) continue
      count++
      const page = Number(entry & 0x0000_ffff_ffff_f000n)
      if (level < 3) waiting.push({ table: page, level: level + 1 })
      else if (!isPage(cpu, page) || (page !== base && taken.has(page))) return `a page at 0x${page.toString(16)}`
      else taken.add(page)
    }
    used.set(table, count)
  }
  return used
}
const MOST_TIME = 1n << 62n
/** What the fields contradict in one another, apart from memory. */
const contradiction = (cpu: GuestCpu, state: ProcessState): string | undefined => {
  const { signals, areas, limits, timers, brk, brkStart, name } = state
  if (signals.actions.length !== SIGNALS + 1) return `${signals.actions.length} signal actions`
  if (signals.pending.some(({ signal }) => signal < 1 || signal > SIGNALS)) return "a signal that does not exist"
  if (limits.length !== RESOURCES || timers.length !== TIMERS) return "limits or timers that do not exist"
  if (timers.some((timer) => timer !== null && (timer.at > MOST_TIME || timer.interval > MOST_TIME))) return "a timer beyond all ages"
  if (name.length > 15) return `a name of ${name.length} bytes`
  let behind = 0
  for (const { start, end, protection } of areas) {
    if (start % PAGE !== 0 || end % PAGE !== 0 || start < behind || end <= start || end > 2 ** 48 || protection > 7)
      return `an area from 0x${start.toString(16)} to 0x${end.toString(16)}`
    behind = end
  }
  if (brk < brkStart || brk > HIGHEST) return `a break at 0x${brk.toString(16)}`
  if (state.free.length % 8 !== 0 || state.nextPage % PAGE !== 0) return "free memory that is none"
  return state.nextPage < cpu.memory.base || state.nextPage > cpu.memory.base + cpu.memory.bytes.length ? "free memory outside of RAM" : undefined
}

/** The process on a processor whose memory and registers are restored; a string says what is wrong with it. */
export const restoreProcess = (
  cpu: GuestCpu,
  host: Host,
  state: ProcessState,
  listeners: Pick<ProcessOptions, "onSystemCall" | "onSignal">
): Process | string => {
  const wrong = contradiction(cpu, state)
  if (wrong !== undefined) return wrong
  const free = Array.from(new BigUint64Array(state.free.slice().buffer), Number)
  const taken = new Set<number>()
  for (const page of free) {
    if (!isPage(cpu, page) || page >= state.nextPage || taken.has(page)) return `a free page at 0x${page.toString(16)}`
    taken.add(page)
  }
  const used = tablesOf(cpu, state.root, taken)
  if (typeof used === "string") return used
  const pages = new PageAllocator(cpu.memory, state.nextPage)
  pages.restore({ free, next: state.nextPage })
  if ([...taken].some((page) => page >= state.nextPage)) return "a page in use that was never given out"
  const tables = new PageTables(cpu.memory, pages, { root: state.root, used })
  tables.stale = state.stale
  const space = new AddressSpace(cpu.memory, tables, pages)
  for (const { start, end, protection, anonymous } of state.areas) space.areas.set(start, end, { protection, anonymous })
  space.brkStart = state.brkStart
  space.brk = state.brk
  const process = Process.restored(cpu, host, { path: state.path, args: [], environment: [], ...listeners }, space)
  const missing = filesProblem(process.files, state.files)
  if (missing !== undefined) return missing
  restoreFiles(process.files, state.files)
  process.name = state.name.slice()
  process.systemCalls = state.systemCalls
  process.faults = state.faults
  for (const { number, count } of state.unimplemented) process.unimplemented.set(number, count)
  process.limits.splice(0, RESOURCES, ...state.limits.map(({ soft, hard }) => [soft, hard] as const))
  const { signals } = state
  process.signals.restore({ actions: signals.actions, pending: signals.pending.map(infoOf), mask: signals.mask, saved: signals.saved ?? undefined })
  process.signals.stopped = signals.stopped
  process.signals.stack = { ...signals.stack }
  for (const [which, timer] of state.timers.entries()) process.timers.set(which, timer ?? undefined)
  return process
}
