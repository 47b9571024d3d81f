/** A processor with SVE (and whatever else a test wants) at a chosen exception level, everything enabled. */
import { Board, type BoardOptions, type Pe, type Port, portOf, registerNamed, startAt, synchronize, writeRegister } from "@eltwo/cpu"
import { base, composeOrThrow, type Extension, type FeatureSelection, type Machine } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sve } from "../src/index.ts"

export const RAM = 0x40000000
const ENABLED: Readonly<Record<string, bigint>> = {
  CPACR_EL1: 0x333_0000n,
  SCTLR_EL1: (1n << 34n) | (1n << 60n),
  ZCR_EL1: 15n,
  SMCR_EL1: 15n | (3n << 30n)
}
const machines = new Map<string, Machine>()
const composed = (others: readonly Extension[], features: FeatureSelection): Machine => {
  const key = JSON.stringify([others.map(({ name }) => name), features])
  const machine = machines.get(key) ?? composeOrThrow([base, fpsimd, sve, ...others], { features })
  machines.set(key, machine)
  return machine
}
export interface Processor {
  readonly board: Board
  readonly pe: Pe
  readonly port: Port
}
export const processor = (
  el: 0 | 1 | 2,
  others: readonly Extension[] = [],
  options: Partial<BoardOptions> & { readonly features?: FeatureSelection } = {}
): Processor => {
  const { features = {}, ...rest } = options
  const isa = composed(others, features)
  const board = new Board({ isa, ramBase: RAM, ramBytes: 1 << 20, memoryWhenOff: "normal", vectorLengths: [128, 256, 512, 1024, 2048], ...rest })
  const pe = board.pes[0]!
  startAt(pe, el, BigInt(RAM))
  pe.modelledEl = 1
  for (const [name, value] of Object.entries(ENABLED)) set(pe, name, value)
  if (el === 2) set(pe, "CPTR_EL2", 0n)
  synchronize(pe)
  return { board, pe, port: portOf(pe) }
}
/** Writes a register without checks, in force after the next synchronisation; names that the machine lacks are left out. */
export const set = (pe: Pe, name: string, value: bigint): void => {
  if (pe.controls.machine.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
}
