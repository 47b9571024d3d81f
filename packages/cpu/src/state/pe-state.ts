/** The state of a processing element as data: what it keeps between two instructions. Translations, decoded code and the trap key are derived anew. */

import { IN_FORCE } from "../controls.ts"
import { PE, PSTATE } from "../layout.ts"
import { type Pe, VECTOR_BYTES } from "../pe.ts"
import { type Saved, shape } from "./shape.ts"

const Z_BYTES = 256
const P_BYTES = 32
const Z_COUNT = 32
/** P0 to P15 and FFR. */
const P_COUNT = 17
const ZT0_BYTES = 64
const MOST_REGISTERS = 4096

/** What a processing element keeps between two instructions, as a snapshot has it. */
export const PE_STATE = shape({
  fields: {
    index: "u32",
    /** X0..X30 and the current stack pointer, little-endian. */
    x: { bytes: 256 },
    pc: "u64",
    nzcv: "u32",
    /** As in layout.ts. */
    pstate: "u32",
    fpcr: "u32",
    fpsr: "u32",
    svcr: "u32",
    fpmr: "u64",
    /** Bytes of each Z register in `z`: the longest vector this machine has. P registers have an eighth of it. */
    vectorBytes: "u32",
    z: "bytes",
    /** P0..P15, FFR; empty on a machine without them. */
    p: "bytes",
    /** ZA by rows of the streaming length in force, and ZT0; null while PSTATE.ZA is 0. */
    za: { maybe: "bytes" },
    zt0: { maybe: { bytes: ZT0_BYTES } },
    /** All system registers by name; `inForce` is null unless a write still waits for a context synchronisation event. */
    system: { list: { fields: { name: "text", value: "u64", inForce: { maybe: "u64" } } }, most: MOST_REGISTERS },
    synchronization: { oneOf: ["strict", "chaos"] },
    /** State of the coin that chaos tosses. */
    coin: "u32",
    retired: "u64",
    idle: "u64",
    monitor: { fields: { size: "u32", address: "u64", value: { bytes: 16 } } },
    eventRegister: "flag",
    lines: {
      fields: {
        irq: "flag",
        fiq: "flag",
        serror: { maybe: "u32" },
        virtualIrq: "flag",
        virtualFiq: "flag",
        timersAssertIrq: "flag",
        maintenanceAssertsIrq: "flag",
        active: { list: "u32", most: 1024 }
      }
    },
    modelledEl: "u32",
    hostFirmware: "flag"
  }
})
/** A value of PE_STATE. */
export type PeState = Saved<typeof PE_STATE>

/** The longest vector of a machine in bytes: that much of each Z register can be other than zero. */
const longestVector = ({ board: { vectorLengths, streamingVectorLengths } }: Pe): number =>
  Math.max(128, ...vectorLengths, ...streamingVectorLengths) / 8
const hasPredicates = ({ board: { vectorLengths, streamingVectorLengths } }: Pe): boolean => vectorLengths.length + streamingVectorLengths.length > 0

/** `count` registers of `stride` bytes at `at`, `bytes` of each. */
const gather = (pe: Pe, at: number, stride: number, count: number, bytes: number): Uint8Array => {
  const out = new Uint8Array(count * bytes)
  for (let n = 0; n < count; n++) out.set(pe.bytes.subarray(at + n * stride, at + n * stride + bytes), n * bytes)
  return out
}
const scatter = (pe: Pe, at: number, stride: number, count: number, from: Uint8Array): void => {
  const bytes = from.length / count
  for (let n = 0; n < count; n++) {
    const to = at + n * stride
    pe.bytes.fill(0, to, to + stride)
    pe.bytes.set(from.subarray(n * bytes, (n + 1) * bytes), to)
  }
}
const zaBytes = (pe: Pe): number => (pe.streamingVectorBits / 8) ** 2

/** The state of a processing element, copied. */
export const peState = (pe: Pe): PeState => {
  const { controls, lines, words, doublewords } = pe
  const vectorBytes = longestVector(pe)
  const hasZa = (pe.svcr & 2) !== 0
  const slice = (at: number, bytes: number) => pe.bytes.slice(at, at + bytes)
  return {
    index: pe.index,
    x: slice(PE.X, 256),
    pc: pe.pc,
    nzcv: pe.flags,
    pstate: pe.pstate,
    fpcr: pe.fpcr,
    fpsr: pe.fpsr,
    svcr: pe.svcr,
    fpmr: doublewords[PE.FPMR >> 3]!,
    vectorBytes,
    z: gather(pe, PE.Z, Z_BYTES, Z_COUNT, vectorBytes),
    p: hasPredicates(pe) ? gather(pe, PE.P, P_BYTES, P_COUNT, vectorBytes / 8) : new Uint8Array(0),
    za: hasZa ? slice(PE.ZA, zaBytes(pe)) : null,
    zt0: hasZa ? slice(PE.ZT0, ZT0_BYTES) : null,
    system: controls.machine.registers.map(({ name, slot, control }) => {
      const [value, inForce] = [pe.system[slot]!, pe.system[slot + IN_FORCE]!]
      return { name, value, inForce: !control || inForce === value ? null : inForce }
    }),
    synchronization: controls.mode,
    coin: controls.coin >>> 0,
    retired: pe.retired,
    idle: doublewords[PE.IDLE >> 3]!,
    monitor: { size: words[PE.MONITOR_SIZE >> 2]!, address: doublewords[PE.MONITOR_ADDRESS >> 3]!, value: slice(PE.MONITOR_VALUE, 16) },
    eventRegister: pe.eventRegister,
    lines: { ...lines, serror: lines.serror ?? null, active: [...lines.active].sort((a, b) => a - b) },
    modelledEl: pe.modelledEl,
    hostFirmware: pe.hostFirmware
  }
}

/** Why a state does not fit a processing element; undefined when it does. */
export const peProblem = (pe: Pe, state: PeState): string | undefined => {
  const { machine } = pe.controls
  const vectorBytes = longestVector(pe)
  if (state.index !== pe.index) return `processing element ${state.index} in the place of ${pe.index}`
  if (state.vectorBytes !== vectorBytes) return `vectors of ${state.vectorBytes} bytes; this machine's have ${vectorBytes}`
  if (state.z.length !== Z_COUNT * vectorBytes) return `${state.z.length} bytes of Z registers instead of ${Z_COUNT * vectorBytes}`
  const predicates = hasPredicates(pe) ? (P_COUNT * vectorBytes) / 8 : 0
  if (state.p.length !== predicates) return `${state.p.length} bytes of predicates instead of ${predicates}`
  if ((state.pstate & ~KNOWN_PSTATE) !== 0 || (state.pstate & PSTATE.EL) >> 2 > 2) return `PSTATE 0x${state.pstate.toString(16)}`
  if (state.nzcv > 15 || state.svcr > 3) return `NZCV ${state.nzcv}, SVCR ${state.svcr}`
  if (state.svcr !== 0 && pe.board.streamingVectorLengths.length === 0) return `SVCR ${state.svcr}, which this machine does not have`
  const hasZa = (state.svcr & 2) !== 0
  if ((state.za !== null) !== hasZa || (state.zt0 !== null) !== hasZa) return `PSTATE.ZA ${hasZa ? 1 : 0}, which ZA and ZT0 contradict`
  const rows = state.za === null ? 0 : Math.sqrt(state.za.length)
  if (state.za !== null && !pe.board.streamingVectorLengths.includes(rows * 8)) return `ZA of ${state.za.length} bytes`
  if (![0, 1, 2, 4, 8, 16].includes(state.monitor.size)) return `an exclusive monitor of ${state.monitor.size} bytes`
  if (state.modelledEl < 1 || state.modelledEl > 3) return `a modelled exception level ${state.modelledEl}`
  if (state.retired >> 63n || state.idle >> 63n) return "a virtual time beyond all ages"
  const missing = state.system.find(({ name }) => !machine.registerByName.has(name))
  if (missing !== undefined) return `register ${missing.name}, which this machine does not have`
  if (new Set(state.system.map(({ name }) => name)).size !== state.system.length) return "a register twice"
  const waiting = state.system.find(({ name, inForce }) => inForce !== null && !machine.registerByName.get(name)!.control)
  if (waiting !== undefined) return `a write to ${waiting.name} that waits, though nothing would`
  return undefined
}
const KNOWN_PSTATE = Object.values(PSTATE).reduce((all, bits) => all | bits, 0)

/** Puts a state that fits into a processing element, whatever was in it before. */
export const restorePe = (pe: Pe, state: PeState): void => {
  const { controls, lines, words, doublewords } = pe
  // registers that the writer did not know yet have their reset values
  controls.reset()
  for (const { name, value, inForce } of state.system) {
    const { slot } = controls.machine.registerByName.get(name)!
    pe.system[slot] = value
    pe.system[slot + IN_FORCE] = inForce ?? value
  }
  controls.mode = state.synchronization as "strict" | "chaos"
  controls.coin = state.coin | 0
  pe.bytes.set(state.x, PE.X)
  pe.pc = state.pc
  pe.flags = state.nzcv
  pe.pstate = state.pstate
  pe.fpcr = state.fpcr
  pe.fpsr = state.fpsr
  pe.svcr = state.svcr
  doublewords[PE.FPMR >> 3] = state.fpmr
  doublewords[PE.RETIRED >> 3] = state.retired
  doublewords[PE.IDLE >> 3] = state.idle
  words[PE.MONITOR_SIZE >> 2] = state.monitor.size
  doublewords[PE.MONITOR_ADDRESS >> 3] = state.monitor.address
  pe.bytes.set(state.monitor.value, PE.MONITOR_VALUE)
  pe.eventRegister = state.eventRegister
  Object.assign(lines, { ...state.lines, serror: state.lines.serror ?? undefined, active: lines.active })
  lines.active.clear()
  for (const interrupt of state.lines.active) lines.active.add(interrupt)
  pe.modelledEl = state.modelledEl as 1 | 2 | 3
  pe.hostFirmware = state.hostFirmware
  pe.restored()
  // Lengths are derived now: what the registers hold comes behind them, so that nothing is cut off.
  scatter(pe, PE.Z, Z_BYTES, Z_COUNT, state.z)
  pe.vectorsZeroFrom = VECTOR_BYTES
  if (state.p.length > 0) scatter(pe, PE.P, P_BYTES, P_COUNT, state.p)
  else pe.bytes.fill(0, PE.P, PE.P + P_COUNT * P_BYTES)
  pe.bytes.fill(0, PE.ZA, PE.ZA + Z_BYTES * Z_BYTES)
  pe.bytes.fill(0, PE.ZT0, PE.ZT0 + ZT0_BYTES)
  if (state.za !== null) pe.bytes.set(state.za, PE.ZA)
  if (state.zt0 !== null) pe.bytes.set(state.zt0, PE.ZT0)
}
