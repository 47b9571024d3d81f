/** Scalable registers between a CPU and an owner's memory, at a vector length that must be the one in force. */
import type { PhysicalCpu } from "./cpu.ts"
import { FPSR_OFFSET, type FpMemory, STATUS_BYTES, sveBytes, ZT_BYTES, ztOffset } from "./fp-memory.ts"

/** How Z, P and FFR are moved. */
export interface VectorLayout {
  /** Vector length in bytes. */
  readonly vl: number
  /** FFR is there. Without it (streaming mode without FEAT_SME_FA64) memory holds zero for it. */
  readonly ffr: boolean
}
const component = ({ ffr }: VectorLayout): string => (ffr ? "sve" : "ssve")
const vectorBytes = ({ vl, ffr }: VectorLayout): number => sveBytes(vl) - (ffr ? 0 : vl / 8)
const bufferOf = (cpu: PhysicalCpu, { name, sve }: FpMemory, { vl }: VectorLayout): Uint8Array => {
  if (!sve || sve.length < sveBytes(vl)) throw cpu.bug(`${name} has no room for vectors of ${vl} bytes`)
  return sve
}
const checkLength = (cpu: PhysicalCpu, vl: number): void => {
  const live = cpu.vectorLength()
  if (live !== vl) throw cpu.bug(`Vectors of ${live} bytes are moved as if they had ${vl}`)
}

/** sve_save_state: Z, P and FFR to `sve`, FPSR and FPCR, which end the component's image, to `fpsimd`. */
export const saveScalable = (cpu: PhysicalCpu, memory: FpMemory, layout: VectorLayout): void => {
  const sve = bufferOf(cpu, memory, layout)
  checkLength(cpu, layout.vl)
  const bytes = vectorBytes(layout)
  const image = new Uint8Array(bytes + STATUS_BYTES)
  cpu.save(component(layout), memory.name, image)
  sve.set(image.subarray(0, bytes))
  sve.fill(0, bytes, sveBytes(layout.vl))
  memory.fpsimd.set(image.subarray(bytes), FPSR_OFFSET)
}
/** sve_load_state. */
export const loadScalable = (cpu: PhysicalCpu, memory: FpMemory, layout: VectorLayout): void => {
  const sve = bufferOf(cpu, memory, layout)
  checkLength(cpu, layout.vl)
  const bytes = vectorBytes(layout)
  const image = new Uint8Array(bytes + STATUS_BYTES)
  image.set(sve.subarray(0, bytes))
  image.set(memory.fpsimd.subarray(FPSR_OFFSET, FPSR_OFFSET + STATUS_BYTES), bytes)
  cpu.load(component(layout), memory.name, image)
}

const arrayOf = (cpu: PhysicalCpu, { name, sme }: FpMemory, vl: number): Uint8Array => {
  if (!sme || sme.length < ztOffset(vl) + ZT_BYTES) throw cpu.bug(`${name} has no room for ZA of ${vl} rows`)
  return sme
}
/** sme_save_state: ZA, and ZT0 where there is one. PSTATE.ZA is 1. */
export const saveArray = (cpu: PhysicalCpu, memory: FpMemory, vl: number, hasTable: boolean): void => {
  const sme = arrayOf(cpu, memory, vl)
  cpu.save("za", memory.name, sme.subarray(0, ztOffset(vl)))
  if (hasTable) cpu.save("zt", memory.name, sme.subarray(ztOffset(vl), ztOffset(vl) + ZT_BYTES))
}
/** za_load and zt_load: ZA at `vl` bytes, and ZT0 where the processor has it. */
export const loadArray = (cpu: PhysicalCpu, memory: FpMemory, vl: number, hasTable: boolean): void => {
  const sme = arrayOf(cpu, memory, vl)
  cpu.load("za", memory.name, sme.subarray(0, ztOffset(vl)))
  if (hasTable) cpu.load("zt", memory.name, sme.subarray(ztOffset(vl), ztOffset(vl) + ZT_BYTES))
}

/** sve_flush_live: zeroes Z above bit 127, P and FFR; V, FPSR and FPCR stay. Not in streaming mode. */
export const flushLiveVectors = (cpu: PhysicalCpu): void => {
  const image = cpu.quietly(() => cpu.port.save("fpsimd"))
  cpu.quietly(() => cpu.port.zero("sve"))
  cpu.quietly(() => cpu.port.load("fpsimd", image))
}
