/**
 * The frame on the user's stack while a signal handler runs: Linux's rt_sigframe. From SP upwards: siginfo (128 bytes), ucontext (stack, mask, machine
 * context with its records), then a frame record for unwinders.
 */
import type { AddressSpace } from "./address-space.ts"
import type { GuestCpu } from "./guest.ts"
import { type Action, CODE, SA, SIGNAL, type SignalInfo, type Signals } from "./signals.ts"
import { SIGNAL_RETURN_ADDRESS } from "./stub.ts"

const USER = 1000
const INFO_BYTES = 128
const CONTEXT = INFO_BYTES
/** Offsets in ucontext. */
const UCONTEXT = { STACK: 16, MASK: 40, MACHINE: 176 } as const
const MACHINE_AT = CONTEXT + UCONTEXT.MACHINE
/** Offsets in the machine context (sigcontext): fault address, X0..X30, SP, PC, PSTATE, then 16-aligned records in 4096 bytes. */
const MACHINE = { FAULT: 0, X: 8, SP: 256, PC: 264, PSTATE: 272, RECORDS: 288, BYTES: 288 + 4096 } as const
const FRAME_BYTES = MACHINE_AT + MACHINE.BYTES
const FRAME_RECORD_BYTES = 16
/** What a stack needs for one frame, alignment included: AT_MINSIGSTKSZ. */
export const SIGNAL_STACK_BYTES = FRAME_BYTES + FRAME_RECORD_BYTES + 16
/** Records by their magic numbers. Each begins with the number and its size, 4 bytes each. */
const RECORD = { END: 0, FPSIMD: 0x46508001, ESR: 0x45535201 } as const
const FPSIMD_BYTES = 528
const ESR_BYTES = 16

/** PSTATE as programs see it: NZCV, TCO, DIT, SSBS, BTYPE. Exception masks and the execution state must be those of EL0. */
const PSTATE_OF_USER = 0xf000_0000n | (1n << 25n) | (1n << 24n) | (1n << 12n) | (3n << 10n)
const PSTATE_FIXED = 0x3dfn
const PSTATE_TCO = 1n << 25n
const PSTATE_BTYPE = 3n << 10n

/** An address as Linux reports it: without its tag. */
const untagged = (address: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(56, address))
const infoBytes = (view: DataView, info: SignalInfo, action: Action): void => {
  view.setInt32(0, info.signal, true)
  view.setInt32(8, info.code, true)
  if (info.address !== undefined) {
    const exposed = (action.flags & SA.EXPOSE_TAGBITS) !== 0 || info.signal === SIGNAL.TRAP
    view.setBigUint64(16, exposed ? info.address : untagged(info.address), true)
  } else if (info.code !== CODE.kernel) {
    view.setInt32(16, info.process ?? 0, true)
    view.setInt32(20, USER, true)
    if (info.value !== undefined) view.setBigUint64(24, info.value, true)
  }
}
/** siginfo as sigtimedwait(2) gives it. */
export const signalInfoBytes = (info: SignalInfo): Uint8Array => {
  const bytes = new Uint8Array(INFO_BYTES)
  infoBytes(new DataView(bytes.buffer), info, { handler: 0n, flags: 0, restorer: 0n, mask: 0n })
  return bytes
}

/** The machine context with its records; `cpu` is at EL1 and its exception registers hold the interrupted state of EL0. */
const machineBytes = (view: DataView, cpu: GuestCpu, fault: SignalInfo["fault"]): void => {
  view.setBigUint64(MACHINE.FAULT, fault === undefined ? 0n : untagged(fault.address), true)
  for (let n = 0; n < 31; n++) view.setBigUint64(MACHINE.X + 8 * n, cpu.x(n), true)
  view.setBigUint64(MACHINE.SP, cpu.system("SP_EL0"), true)
  view.setBigUint64(MACHINE.PC, cpu.system("ELR_EL1"), true)
  view.setBigUint64(MACHINE.PSTATE, cpu.system("SPSR_EL1"), true)
  let at: number = MACHINE.RECORDS
  view.setUint32(at, RECORD.FPSIMD, true)
  view.setUint32(at + 4, FPSIMD_BYTES, true)
  view.setUint32(at + 8, Number(cpu.system("FPSR")), true)
  view.setUint32(at + 12, Number(cpu.system("FPCR")), true)
  new Uint8Array(view.buffer, view.byteOffset + at + 16, 512).set(cpu.vectors())
  at += FPSIMD_BYTES
  if (fault === undefined) return
  view.setUint32(at, RECORD.ESR, true)
  view.setUint32(at + 4, ESR_BYTES, true)
  view.setBigUint64(at + 8, fault.syndrome, true)
}

/**
 * Builds the frame for a signal and lets EL0 go on in its handler. The state of EL0 is in X0..X30, SP_EL0, ELR_EL1, SPSR_EL1 and the FP registers.
 * False, and nothing changed: the stack cannot take it.
 */
export const enterHandler = (cpu: GuestCpu, space: AddressSpace, signals: Signals, info: SignalInfo, action: Action): boolean => {
  const sp = cpu.system("SP_EL0")
  const { stack } = signals
  const alternate = (action.flags & SA.ONSTACK) !== 0 && stack.bytes !== 0n && !signals.isOnStack(sp)
  const record = ((alternate ? stack.base + stack.bytes : sp) - BigInt(FRAME_RECORD_BYTES)) & ~15n
  const frame = record - BigInt(FRAME_BYTES)
  if (frame < 0n || record >= 1n << 48n) return false
  const bytes = new Uint8Array(FRAME_BYTES + FRAME_RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  infoBytes(view, info, action)
  view.setBigUint64(CONTEXT + UCONTEXT.STACK, stack.base, true)
  view.setUint32(CONTEXT + UCONTEXT.STACK + 8, stack.flags, true)
  view.setBigUint64(CONTEXT + UCONTEXT.STACK + 16, stack.bytes, true)
  view.setBigUint64(CONTEXT + UCONTEXT.MASK, signals.frameMask, true)
  machineBytes(new DataView(bytes.buffer, MACHINE_AT, MACHINE.BYTES), cpu, info.fault)
  view.setBigUint64(FRAME_BYTES, cpu.x(29), true)
  view.setBigUint64(FRAME_BYTES + 8, cpu.x(30), true)
  if (space.write(Number(frame), bytes) !== bytes.length) return false
  cpu.setX(0, BigInt(info.signal))
  if ((action.flags & SA.SIGINFO) !== 0) {
    cpu.setX(1, frame)
    cpu.setX(2, frame + BigInt(CONTEXT))
  }
  cpu.setX(29, record)
  cpu.setX(30, (action.flags & SA.RESTORER) !== 0 ? action.restorer : BigInt(SIGNAL_RETURN_ADDRESS))
  cpu.setSystem("SP_EL0", frame)
  cpu.setSystem("ELR_EL1", action.handler)
  cpu.setSystem("SPSR_EL1", cpu.system("SPSR_EL1") & ~(PSTATE_TCO | PSTATE_BTYPE))
  signals.entered(info.signal, action)
  return true
}

/** Offset of the FPSIMD record; undefined when the list of records is malformed or has none, as the kernel refuses it. */
const findFpsimd = (view: DataView): number | undefined => {
  let found: number | undefined
  for (let at: number = MACHINE.RECORDS; at + 8 <= view.byteLength; ) {
    const magic = view.getUint32(at, true)
    const bytes = view.getUint32(at + 4, true)
    if (magic === RECORD.END) return bytes === 0 ? found : undefined
    if (bytes < 8 || bytes % 16 !== 0 || at + bytes > view.byteLength) return undefined
    if (magic === RECORD.FPSIMD) {
      if (found !== undefined || bytes !== FPSIMD_BYTES) return undefined
      found = at
    } else if (magic !== RECORD.ESR) return undefined
    at += bytes
  }
  return undefined
}

/** rt_sigreturn: takes the state back from the frame at SP. False: the frame cannot be read or is malformed, and nothing was changed. */
export const leaveHandler = (cpu: GuestCpu, space: AddressSpace, signals: Signals): boolean => {
  const sp = cpu.system("SP_EL0")
  if ((sp & 15n) !== 0n || sp >= 1n << 48n) return false
  const bytes = space.read(Number(sp), FRAME_BYTES)
  if (bytes === undefined) return false
  const view = new DataView(bytes.buffer)
  const machine = new DataView(bytes.buffer, MACHINE_AT, MACHINE.BYTES)
  const fp = findFpsimd(machine)
  const pstate = machine.getBigUint64(MACHINE.PSTATE, true)
  if (fp === undefined || (pstate & PSTATE_FIXED) !== 0n) return false
  for (let n = 0; n < 31; n++) cpu.setX(n, machine.getBigUint64(MACHINE.X + 8 * n, true))
  cpu.setSystem("SP_EL0", machine.getBigUint64(MACHINE.SP, true))
  cpu.setSystem("ELR_EL1", machine.getBigUint64(MACHINE.PC, true))
  cpu.setSystem("SPSR_EL1", pstate & PSTATE_OF_USER)
  cpu.setSystem("FPSR", BigInt(machine.getUint32(fp + 8, true)))
  cpu.setSystem("FPCR", BigInt(machine.getUint32(fp + 12, true)))
  cpu.setVectors(new Uint8Array(machine.buffer, machine.byteOffset + fp + 16, 512))
  signals.mask = view.getBigUint64(CONTEXT + UCONTEXT.MASK, true)
  const stack = {
    base: view.getBigUint64(CONTEXT + UCONTEXT.STACK, true),
    flags: view.getUint32(CONTEXT + UCONTEXT.STACK + 8, true),
    bytes: view.getBigUint64(CONTEXT + UCONTEXT.STACK + 16, true)
  }
  // What sigaltstack would refuse is ignored here.
  signals.setStack(stack, cpu.system("SP_EL0"))
  return true
}
