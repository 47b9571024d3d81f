/** Registers of a vCPU, as KVM_GET_ONE_REG and KVM_SET_ONE_REG give them. */
import { parseEncoding } from "@eltwo/isa"
import { closestLength, isErrno, REG, type Vcpu, vcpuVectors } from "@eltwo/kvm"
import { bank, byUpperCase, numberIn, type RegisterPlace, type Registers } from "./registers.ts"

/** The interface gives the compare value of the virtual timer by the count's id, and the other way round. */
const EXCHANGED: Readonly<Record<string, string>> = { CNTV_CVAL_EL0: "CNTVCT_EL0", CNTVCT_EL0: "CNTV_CVAL_EL0" }
const CORE: Readonly<Record<string, { readonly id: bigint; readonly bits: number }>> = {
  PC: { id: REG.pc, bits: 64 },
  PSTATE: { id: REG.pstate, bits: 32 },
  SP_EL0: { id: REG.sp, bits: 64 },
  SP_EL1: { id: REG.spEl1, bits: 64 },
  ELR_EL1: { id: REG.elrEl1, bits: 64 },
  SPSR_EL1: { id: REG.spsrEl1, bits: 64 },
  FPSR: { id: REG.fpsr, bits: 32 },
  FPCR: { id: REG.fpcr, bits: 32 }
}
/** PSTATE: EL1 with its own stack pointer. */
const EL1H = 5n
const MODE = 0xfn
const LEN = 15n
const GRANULE = 16

export const vcpuRegisters = (vcpu: Vcpu): Registers => {
  const { host } = vcpu.vm
  const systemRegisters = byUpperCase(host.cpus[0]!.pe.controls.machine.registerByName)
  const byId = (id: bigint, bits: number): RegisterPlace | undefined =>
    isErrno(vcpu.getOneReg(id))
      ? undefined
      : {
          bits,
          get: () => vcpu.getOneReg(id) as bigint,
          set: (value) => {
            const errno = vcpu.setOneReg(id, value)
            return errno === undefined ? undefined : `is refused by the kernel: ${errno}`
          }
        }
  const system = (name: string): RegisterPlace | undefined => {
    const register = systemRegisters.get(EXCHANGED[name] ?? name)
    if (register === undefined) return undefined
    const encoding = parseEncoding(register.declaration.encoding)
    return byId(REG.system(encoding >> 14, (encoding >> 11) & 7, (encoding >> 7) & 15, (encoding >> 3) & 15, encoding & 7), 64)
  }
  /** Vector length in force, in bytes: what ZCR_EL1 asks for, of those the vCPU has. */
  const vectorBytes = (): number => {
    const most = vcpu.fp.vl.sve
    const asked = system("ZCR_EL1")?.get() ?? 0n
    const lengths = host.features.sveVls.filter((length) => length <= most)
    return closestLength(lengths, GRANULE * (Number(asked & LEN) + 1))
  }
  /** A register of the vector files: the part of it that the vector length in force leaves. */
  const vector = (letter: "Z" | "P" | "FFR", n: number): RegisterPlace | undefined => {
    const files = vcpuVectors(vcpu)
    const id = files?.[letter === "Z" ? 0 : letter === "P" ? 1 : 2]?.(n)
    if (id === undefined) return undefined
    const bits = letter === "Z" ? vectorBytes() * 8 : vectorBytes()
    const whole = byId(id, bits)
    return whole && { ...whole, get: () => BigInt.asUintN(bits, whole.get()) }
  }
  const named = (name: string): RegisterPlace | undefined => {
    if (name === "SP") return byId((vcpu.registers.pstate & MODE) === EL1H ? REG.spEl1 : REG.sp, 64)
    if (name === "FFR") return vector("FFR", 0)
    const core = Object.hasOwn(CORE, name) ? CORE[name] : undefined
    return core === undefined ? system(name) : byId(core.id, core.bits)
  }
  return {
    names: () => [
      ...bank("X", 31),
      "SP",
      ...Object.keys(CORE),
      ...bank("V", 32),
      ...(vcpuVectors(vcpu) ? [...bank("Z", 32), ...bank("P", 16), "FFR"] : []),
      ...[...systemRegisters.keys()].filter((name) => !Object.hasOwn(CORE, name))
    ],
    place: (name) => {
      const x = numberIn(name, "X", 31)
      if (x !== undefined) return byId(REG.x(x), 64)
      const v = numberIn(name, "V", 32)
      if (v !== undefined) return byId(REG.v(v), 128) ?? lowPart(vector("Z", v))
      const z = numberIn(name, "Z", 32)
      if (z !== undefined) return vector("Z", z)
      const p = numberIn(name, "P", 16)
      if (p !== undefined) return vector("P", p)
      return named(name)
    }
  }
}
/** V is the low 128 bits of Z; the rest of it stays. */
const lowPart = (whole: RegisterPlace | undefined): RegisterPlace | undefined =>
  whole && {
    bits: 128,
    get: () => BigInt.asUintN(128, whole.get()),
    set: (value) => whole.set((whole.get() & ~((1n << 128n) - 1n)) | value)
  }
