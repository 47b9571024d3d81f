/** Vector lengths of a machine, in bytes: which there are, and which one a request gets. */
import { PortTrap } from "@eltwo/cpu"
import { trapWords } from "../hyp/trap-words.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { VectorLengths } from "./fp-memory.ts"

/** Largest length the kernel's interfaces give. */
const LARGEST = 256
const GRANULE = 16
const DEFAULT = { sve: 64, sme: 32 } as const

/** What a machine has, ascending; empty where it lacks the extension. */
export interface SupportedLengths {
  readonly sveVls: readonly number[]
  readonly smeVls: readonly number[]
}
/** Finds the lengths as a kernel does: asks for each and reads what it gets. The processor is at EL2 with HCR_EL2.E2H = 0. */
export const probeVectorLengths = (cpu: PhysicalCpu): SupportedLengths => {
  const { machine } = cpu.pe.controls
  const { register, rest } = trapWords(machine, "classic")
  cpu.write(register, rest)
  cpu.isb()
  const probe = (control: string, read: () => number | PortTrap): readonly number[] => {
    if (!machine.registerByName.has(control)) return []
    const found = new Set<number>()
    for (let length = LARGEST; length >= GRANULE; length -= GRANULE) {
      cpu.write(control, BigInt(length / GRANULE - 1))
      const got = read()
      if (got instanceof PortTrap) throw cpu.bug(got.message)
      found.add(got)
    }
    return [...found].sort((a, b) => a - b)
  }
  return { sveVls: probe("ZCR_EL2", () => cpu.port.rdvl()), smeVls: probe("SMCR_EL2", () => cpu.port.rdsvl()) }
}

/** The largest of `supported` that is not above `request`; the smallest if there is none. 0 when none is supported. */
export const closestLength = (supported: readonly number[], request: number): number =>
  supported.findLast((length) => length <= request) ?? supported[0] ?? 0
/** Lengths of a program that asked for none. */
export const defaultLengths = ({ sveVls, smeVls }: SupportedLengths): VectorLengths => ({
  sve: closestLength(sveVls, DEFAULT.sve),
  sme: closestLength(smeVls, DEFAULT.sme)
})
/** LEN of ZCR_ELx or SMCR_ELx for a length. */
export const lengthField = (vl: number): bigint => BigInt(vl / GRANULE - 1)
