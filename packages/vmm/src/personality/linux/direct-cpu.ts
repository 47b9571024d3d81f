/**
 * A GuestCpu over a processing element alone: what is above EL1 is this file instead of a modelled kernel. For tests of the personality and of the engines;
 * programs that users run go through the modelled KVM.
 */
import {
  type Board,
  type Exit,
  passTime,
  readRegister,
  refuseHalt,
  registerNamed,
  run,
  savedState,
  setState,
  synchronize,
  virtualTime,
  writeRegister
} from "@eltwo/cpu"
import type { Machine, Register } from "@eltwo/isa"
import type { GuestCpu, GuestMemory, GuestRegister, GuestStop } from "./guest.ts"

const PSTATE_EL1H_MASKED = 0x3c5
const HCR_RW = 1n << 31n
/** HCRX_EL2.MSCEn: memory copy instructions are allowed at EL0 and EL1. */
const HCRX_MSCEN = 1n << 11n
const EC_HVC64 = 0x16
/** A run of the processor is at most this many instructions. */
const MAX_SLICE = 0x7fff_0000

export interface DirectOptions {
  readonly engine: "interp" | "jit"
}

/** `board` has one processing element and RAM whose start is the personality's. */
export const directCpu = (board: Board, isa: Machine, { engine }: DirectOptions): GuestCpu => {
  const pe = board.pes[0]!
  const registers = new Map<GuestRegister, Register>()
  const register = (name: GuestRegister): Register => {
    let found = registers.get(name)
    if (found === undefined) registers.set(name, (found = registerNamed(pe, name)))
    return found
  }
  pe.modelledEl = 2
  const set = (name: string, value: bigint) => {
    if (isa.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
  }
  set("HCR_EL2", HCR_RW)
  set("HCRX_EL2", HCRX_MSCEN)
  set("CPTR_EL2", 0x33ffn & ~(1n << 10n))
  set("CNTHCTL_EL2", 3n)
  synchronize(pe)
  setState(pe, PSTATE_EL1H_MASKED)

  const memory: GuestMemory = {
    base: board.ram.base,
    bytes: new Uint8Array(board.memory.buffer, board.ram.offset, board.ram.bytes),
    touch: (at, length) => void board.physical.at(board.ram.base + at, length),
    written: (physical, length) => {
      board.physical.at(physical, length)
      board.code.storedRange(physical, length)
    }
  }
  const stopOf = (exit: Exit): GuestStop | "again" => {
    switch (exit.kind) {
      case "limit":
        return { kind: "limit" }
      case "wait":
      case "secureMonitorCall":
        return "again"
      case "halt": {
        const refused = refuseHalt(pe)
        return refused === undefined ? "again" : stopOf(refused)
      }
      case "exception":
        if (exit.exception.ec === EC_HVC64 && exit.exception.kind === "synchronous") {
          // The entry to EL2 is taken back: the stub goes on behind its HVC.
          pe.pc = readRegister(pe, registerNamed(pe, "ELR_EL2"))
          setState(pe, PSTATE_EL1H_MASKED)
          return { kind: "service" }
        }
        return {
          kind: "dead",
          message: `exception class 0x${exit.exception.ec.toString(16)} to EL${exit.exception.target}, syndrome 0x${exit.exception.iss.toString(16)}, at 0x${readRegister(pe, registerNamed(pe, "ELR_EL2")).toString(16)}`
        }
    }
  }
  return {
    memory,
    x: (n) => pe.x[n]!,
    setX: (n, value) => {
      pe.x[n] = value
    },
    pc: () => pe.pc,
    setPc: (value) => {
      pe.pc = value
    },
    pstate: () => BigInt(savedState(pe)),
    setPstate: (value) => {
      pe.flags = Number((value >> 28n) & 15n)
      setState(pe, Number(value & 0x0fff_ffffn))
    },
    system: (name) => readRegister(pe, register(name)),
    setSystem: (name, value) => {
      writeRegister(pe, register(name), value)
      synchronize(pe)
    },
    vectors: () => {
      const out = new Uint8Array(512)
      for (let n = 0; n < 32; n++) out.set(pe.z(n).subarray(0, 16), 16 * n)
      return out
    },
    setVectors: (bytes) => {
      for (let n = 0; n < 32; n++)
        pe.z(n)
          .fill(0)
          .set(bytes.subarray(16 * n, 16 * n + 16))
    },
    idRegister: (encoding) => {
      const accessor = isa.registerByEncoding.get(encoding)
      return accessor === undefined ? undefined : readRegister(pe, accessor.register)
    },
    features: isa.features,
    retired: () => pe.retired,
    nanoseconds: () => virtualTime(pe),
    sleep: (nanoseconds) => passTime(pe, virtualTime(pe) + nanoseconds),
    run: (instructions) => {
      const end = pe.retired + BigInt(Math.min(instructions, MAX_SLICE))
      for (;;) {
        const left = Number(end - pe.retired)
        if (left <= 0) return { kind: "limit" }
        const stop = stopOf(run(pe, { instructions: left, engine }))
        if (stop !== "again") return stop
      }
    }
  }
}
