/** Delivery of signals to host programs: struct rt_sigframe on the program's stack, and rt_sigreturn. */
import type { PhysicalCpu } from "./cpu.ts"
import { SVCR } from "./fp-memory.ts"
import { saveAndFlushCurrentState, stopStreaming } from "./fpstate.ts"
import { HEAD_BYTES, knownRecords, MAGIC, recordsOf, restoreRecords, type SignalRecord } from "./signal-records.ts"
import { bitOf, forceSignal, type PendingSignal, SIGNAL, type SignalAction, signalName, takeSignal, UNSTOPPABLE } from "./signal-state.ts"
import type { Task, UserRegisters } from "./task.ts"
import { syncFromEffective } from "./task-vectors.ts"
import { readUser, round16, writeUser } from "./user-memory.ts"

/** Byte offsets in struct rt_sigframe: siginfo, ucontext with its mask, registers, and the space for records. */
const FRAME = { info: 0, context: 128, mask: 168, fault: 304, x: 312, sp: 560, pc: 568, pstate: 576, records: 592 } as const
const INFO = { number: 0, code: 8, address: 16 } as const
const RECORD_SPACE = 4096
const FRAME_BYTES = FRAME.records + RECORD_SPACE
const LARGEST_FRAME = 256 * 1024
const TERMINATOR_BYTES = 16
const EXTRA_BYTES = 32
/** Of struct extra_context: where the other records are, and how many bytes of them. */
const EXTRA = { address: 8, bytes: 16 } as const
/** A frame record for unwinding lies above the frame: FP and LR. */
const FRAME_RECORD_BYTES = 16

/** sa_flags. */
const SA = { NODEFER: 0x40000000n, RESETHAND: 0x80000000n } as const
const NZCV = 0xf000_0000n

/** What the records need: those in the frame's own space, and those beyond it. */
const layOut = (records: readonly SignalRecord[]): { readonly own: readonly SignalRecord[]; readonly extra: readonly SignalRecord[] } => {
  const limit = RECORD_SPACE - TERMINATOR_BYTES - EXTRA_BYTES
  let used = 0
  const first = records.findIndex(({ bytes }) => (used += bytes.length) > limit)
  return first < 0 ? { own: records, extra: [] } : { own: records.slice(0, first), extra: records.slice(first) }
}
const sizeOf = (records: readonly SignalRecord[]): number => records.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** The bytes of a frame that begins at `address`; undefined when it would be too large. */
const frameOf = (address: (bytes: number) => bigint, records: readonly SignalRecord[]): Uint8Array | undefined => {
  const { own, extra } = layOut(records)
  // the records beyond follow the terminator of the frame's own
  const extraAt = FRAME.records + sizeOf(own) + EXTRA_BYTES + TERMINATOR_BYTES
  const extraBytes = extra.length > 0 ? sizeOf(extra) + TERMINATOR_BYTES : 0
  const bytes = new Uint8Array(Math.max(FRAME_BYTES, round16(extraBytes ? extraAt + extraBytes : 0)))
  if (bytes.length > LARGEST_FRAME) return undefined
  const put = (at: number, list: readonly SignalRecord[]): number =>
    list.reduce((place, record) => {
      bytes.set(record.bytes, place)
      return place + record.bytes.length
    }, at)
  const end = put(FRAME.records, own)
  if (extraBytes === 0) return bytes
  const view = new DataView(bytes.buffer)
  view.setUint32(end, MAGIC.EXTRA, true)
  view.setUint32(end + 4, EXTRA_BYTES, true)
  view.setBigUint64(end + EXTRA.address, address(bytes.length) + BigInt(extraAt), true)
  view.setUint32(end + EXTRA.bytes, extraBytes, true)
  put(extraAt, extra)
  return bytes
}

/** Puts the frame of a handler on the current task's stack and makes the task go on there. False: the stack does not take it. */
const enterHandler = (cpu: PhysicalCpu, task: Task, signal: PendingSignal, action: SignalAction): boolean => {
  const { registers, fp, signals } = task
  saveAndFlushCurrentState(cpu)
  syncFromEffective(task)
  const tpidr2 = cpu.features.sme ? cpu.read("TPIDR2_EL0") : 0n
  const linkAt = (registers.sp & ~15n) - BigInt(FRAME_RECORD_BYTES)
  const place = (bytes: number): bigint => linkAt - BigInt(bytes)
  const frame = frameOf(place, recordsOf(cpu, task, tpidr2))
  if (!frame) return false
  const at = place(frame.length)
  writeContext(frame, registers, signal, signals.blocked)
  const link = new Uint8Array(BigUint64Array.of(registers.x[29]!, registers.x[30]!).buffer)
  const { board } = cpu.pe
  if (!writeUser(board, task.space, linkAt, link) || !writeUser(board, task.space, at, frame)) return false

  registers.x[0] = BigInt(signal.number)
  registers.x[1] = at + BigInt(FRAME.info)
  registers.x[2] = at + BigInt(FRAME.context)
  registers.x[29] = linkAt
  registers.x[30] = action.restorer
  registers.sp = at
  registers.pc = action.handler
  registers.pstate &= NZCV
  signals.blocked |= (action.mask | (action.flags & SA.NODEFER ? 0n : bitOf(signal.number))) & ~UNSTOPPABLE
  if (action.flags & SA.RESETHAND) signals.actions.delete(signal.number)
  // a handler begins outside streaming mode and without ZA
  stopStreaming(task)
  fp.svcr &= ~SVCR.ZA
  if (cpu.features.sme) cpu.write("TPIDR2_EL0", 0n)
  return true
}
const writeContext = (
  frame: Uint8Array,
  { general, sp, pc, pstate }: UserRegisters,
  { number, code, address }: PendingSignal,
  mask: bigint
): void => {
  const view = new DataView(frame.buffer)
  view.setInt32(FRAME.info + INFO.number, number, true)
  view.setInt32(FRAME.info + INFO.code, code, true)
  view.setBigUint64(FRAME.info + INFO.address, address, true)
  view.setBigUint64(FRAME.mask, mask, true)
  view.setBigUint64(FRAME.fault, address, true)
  frame.set(general, FRAME.x)
  view.setBigUint64(FRAME.sp, sp, true)
  view.setBigUint64(FRAME.pc, pc, true)
  view.setBigUint64(FRAME.pstate, pstate, true)
}

/** Acts upon what is pending for the current task, on its way to user level: a handler is entered, or its program ends. */
export const deliverSignals = (cpu: PhysicalCpu, task: Task): void => {
  for (let signal = takeSignal(task); signal && !task.ended; signal = takeSignal(task)) {
    const action = task.signals.actions.get(signal.number)
    const handled = action !== undefined && action.handler > 1n && signal.number !== SIGNAL.SIGKILL
    if (cpu.events.listening) cpu.emit({ what: "signal", task: task.name, signal: signalName(signal.number), handler: handled })
    if (!handled) task.endProgram({ signal: signalName(signal.number), esr: signal.esr, far: signal.address })
    // no room on the stack: a second failure has no handler
    else if (!enterHandler(cpu, task, signal, action)) {
      if (signal.number === SIGNAL.SIGSEGV) task.signals.actions.delete(SIGNAL.SIGSEGV)
      forceSignal(task, SIGNAL.SIGSEGV, { esr: signal.esr, address: task.registers.sp })
    }
  }
}

/** Records of a frame by their magic; undefined: the frame is not valid. A record twice, an unknown one or a length that is none makes it so. */
const readRecords = (cpu: PhysicalCpu, task: Task, frame: Uint8Array, at: bigint): ReadonlyMap<number, Uint8Array> | undefined => {
  const known = knownRecords(cpu.features)
  const found = new Map<number, Uint8Array>()
  let space = frame.subarray(FRAME.records, FRAME_BYTES)
  let base = at + BigInt(FRAME.records)
  let isExtra = false
  for (let place = 0; ; ) {
    if (place + HEAD_BYTES > space.length) return undefined
    const view = new DataView(space.buffer, space.byteOffset, space.length)
    const magic = view.getUint32(place, true)
    const size = view.getUint32(place + 4, true)
    if (magic === 0) {
      if (size !== 0) return undefined
      return found
    }
    if (size < HEAD_BYTES || size % 16 || size > space.length - place) return undefined
    if (magic === MAGIC.EXTRA) {
      if (isExtra || size !== EXTRA_BYTES) return undefined
      const address = view.getBigUint64(place + EXTRA.address, true)
      const bytes = view.getUint32(place + EXTRA.bytes, true)
      // they lie right behind the terminator of the frame's own records
      if (address !== base + BigInt(place + EXTRA_BYTES + TERMINATOR_BYTES) || bytes > LARGEST_FRAME || bytes % 16) return undefined
      const more = readUser(cpu.pe.board, task.space, address, bytes)
      if (!more) return undefined
      space = more
      base = address
      isExtra = true
      place = 0
      continue
    }
    if (!known.has(magic) || found.has(magic)) return undefined
    found.set(magic, space.subarray(place, place + size))
    place += size
  }
}
/** EL0 of AArch64 with nothing masked. */
const isUserState = (pstate: bigint): boolean => (pstate & 0x3dfn) === 0n

/** rt_sigreturn of the current task: everything comes from the frame at its stack pointer. A frame that is not valid means SIGSEGV. */
export const signalReturn = (cpu: PhysicalCpu, task: Task): void => {
  const { registers, signals, space } = task
  const at = registers.sp
  const frame = at % 16n === 0n ? readUser(cpu.pe.board, space, at, FRAME_BYTES) : undefined
  const records = frame && readRecords(cpu, task, frame, at)
  if (frame && records && restore(cpu, task, frame, records)) return
  forceSignal(task, SIGNAL.SIGSEGV, { address: at, esr: 1n })
  signals.blocked &= ~bitOf(SIGNAL.SIGSEGV)
}
const restore = (cpu: PhysicalCpu, task: Task, frame: Uint8Array, records: ReadonlyMap<number, Uint8Array>): boolean => {
  const { registers, signals } = task
  const view = new DataView(frame.buffer)
  signals.blocked = view.getBigUint64(FRAME.mask, true) & ~UNSTOPPABLE
  registers.general.set(frame.subarray(FRAME.x, FRAME.x + registers.general.length))
  registers.sp = view.getBigUint64(FRAME.sp, true)
  registers.pc = view.getBigUint64(FRAME.pc, true)
  registers.pstate = view.getBigUint64(FRAME.pstate, true)
  if (!isUserState(registers.pstate)) {
    registers.pstate &= NZCV
    return false
  }
  saveAndFlushCurrentState(cpu)
  return restoreRecords(cpu, task, records, (value) => cpu.write("TPIDR2_EL0", value))
}
