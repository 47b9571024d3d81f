/** Registers of a guest on the processing element alone. */
import { branchAddress, PE, type Pe, PSTATE, readRegister, setState, writeRegister } from "@eltwo/cpu"
import { bank, bytesPlace, byUpperCase, numberIn, type RegisterPlace, type Registers } from "./registers.ts"

/** Reading these changes something, or is about the reader. */
const UNREADABLE = ["RNDR"]
const NZCV = 28n

const place = (bits: number, get: () => bigint, set: (value: bigint) => void): RegisterPlace => ({
  bits,
  get,
  set: (value) => {
    set(value)
    return undefined
  }
})

/** Writes by name take effect at once: as if a context synchronisation event followed. */
export const peRegisters = (pe: Pe): Registers => {
  const { machine } = pe.controls
  const systemRegisters = byUpperCase(machine.registerByName)
  const hasVectors = (): boolean => pe.board.vectorLengths.length + pe.board.streamingVectorLengths.length > 0
  const isStreaming = (): boolean => (pe.svcr & 1) !== 0
  const hasZ = (): boolean => hasVectors() && (pe.board.vectorLengths.length > 0 || isStreaming())
  const system = (name: string): RegisterPlace | undefined => {
    const register = systemRegisters.get(name)
    if (register === undefined || UNREADABLE.includes(register.declaration.storage ?? "")) return undefined
    return {
      bits: 64,
      get: () => readRegister(pe, register),
      set: (value) => {
        if (register.declaration.identification) return "is an ID register: nothing writes it"
        writeRegister(pe, register, value)
        pe.controls.synchronize()
        pe.restored()
        return undefined
      }
    }
  }
  const named = (name: string): RegisterPlace | undefined => {
    switch (name) {
      case "SP":
        return place(
          64,
          () => pe.x[31]!,
          (value) => {
            pe.x[31] = value
          }
        )
      case "PC":
        return place(
          64,
          () => pe.pc,
          (value) => {
            pe.pc = branchAddress(pe, value)
          }
        )
      case "PSTATE":
        return {
          bits: 32,
          get: () => BigInt((pe.pstate | (pe.flags << Number(NZCV))) >>> 0),
          set: (value) => {
            const el = (Number(value) & PSTATE.EL) >> 2
            if (el > 2 || (value & 0x10n) !== 0n || (el === 0 && (value & 1n) !== 0n)) return `cannot be 0x${value.toString(16)}: no such state`
            pe.flags = Number(value >> NZCV)
            setState(pe, Number(value & ((1n << NZCV) - 1n)))
            pe.attention = true
            return undefined
          }
        }
      case "FFR":
        return hasZ() ? bytesPlace(pe.p(16).subarray(0, pe.vectorBits / 64)) : undefined
      case "ZT0":
        return (pe.svcr & 2) !== 0 && machine.features.has("SME2") ? bytesPlace(pe.bytes.subarray(PE.ZT0, PE.ZT0 + 64)) : undefined
      default:
        return system(name)
    }
  }
  /** ZA0..: a row of ZA. */
  const row = (name: string): RegisterPlace | undefined => {
    const n = numberIn(name, "ZA", pe.streamingVectorBits / 8)
    if (n === undefined || (pe.svcr & 2) === 0) return undefined
    return bytesPlace(pe.bytes.subarray(PE.ZA + 256 * n, PE.ZA + 256 * n + pe.streamingVectorBits / 8))
  }
  return {
    names: () => [
      ...bank("X", 31),
      "SP",
      "PC",
      "PSTATE",
      ...bank("V", 32),
      ...(hasZ() ? [...bank("Z", 32), ...bank("P", 16), "FFR"] : []),
      ...((pe.svcr & 2) !== 0 ? [...bank("ZA", pe.streamingVectorBits / 8), "ZT0"] : []),
      ...systemRegisters.keys()
    ],
    place: (name) => {
      const x = numberIn(name, "X", 31)
      if (x !== undefined)
        return place(
          64,
          () => pe.x[x]!,
          (value) => {
            pe.x[x] = value
          }
        )
      const v = numberIn(name, "V", 32)
      if (v !== undefined) return bytesPlace(pe.z(v).subarray(0, 16))
      const z = numberIn(name, "Z", 32)
      if (z !== undefined) return hasZ() ? bytesPlace(pe.z(z).subarray(0, pe.vectorBits / 8)) : undefined
      const p = numberIn(name, "P", 16)
      if (p !== undefined) return hasZ() ? bytesPlace(pe.p(p).subarray(0, pe.vectorBits / 64)) : undefined
      return row(name) ?? named(name)
    }
  }
}
