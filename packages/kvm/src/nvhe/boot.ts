/** Hyp code takes EL2 and the kernel goes on at EL1: what kvm_hyp_init programs, and the ERET. */
import { MAIR } from "../host/address-space.ts"
import { initialiseEl2 } from "../host/boot.ts"
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Host } from "../host/host.ts"
import { hostNvheHcr } from "../hyp/controls.ts"
import { trapWords } from "../hyp/trap-words.ts"
import { returnToHost } from "./host-call.ts"
import type { HypMemory } from "./hyp-memory.ts"

/** Input of 48 bits, 4 KiB granule, inner-shareable write-back walks. */
const TCR_RANGE = 16n | (5n << 8n) | (3n << 12n)
const TCR_RES1 = (1n << 31n) | (1n << 23n)
const PS_48_BITS = 5n
/** In the layout of TCR_EL1: no upper range. */
const EPD1 = 1n << 23n
const tcr = (e2h: boolean): bigint => (e2h ? TCR_RANGE | EPD1 | (2n << 30n) | (PS_48_BITS << 32n) : TCR_RANGE | TCR_RES1 | (PS_48_BITS << 16n))

const SCTLR_RES1 = 0x30c50830n
/** MMU, caches, stack alignment. */
const SCTLR_ON = (1n << 0n) | (1n << 2n) | (1n << 3n) | (1n << 12n)

const EL1H_MASKED = 0x3c5n

/**
 * kvm_hyp_init: a processor at EL2 in its initial state becomes one with hyp code at EL2 and the kernel at EL1. `last` is what hyp code does before it lets the
 * kernel go on.
 */
export const startHyp = (cpu: PhysicalCpu, host: Host, memory: HypMemory, last?: (cpu: PhysicalCpu, host: Host) => void): void => {
  const { mode, features, vectors } = host
  const { e2h } = mode
  cpu.context = "hyp"
  cpu.write("MAIR_EL2", MAIR)
  cpu.write("HCR_EL2", hostNvheHcr(features, e2h))
  cpu.isb()
  if (e2h) initialiseEl2(cpu, features, e2h)
  cpu.write("TPIDR_EL2", memory.perCpu(cpu))
  cpu.write("VTTBR_EL2", 0n)
  cpu.write("VTCR_EL2", 0n)
  cpu.write("TTBR0_EL2", BigInt(memory.root))
  cpu.write("TCR_EL2", tcr(e2h))
  cpu.isb()
  cpu.sys("tlbi alle2")
  cpu.sys("tlbi alle1")
  cpu.write("SCTLR_EL2", SCTLR_RES1 | SCTLR_ON)
  cpu.isb()
  cpu.write("VBAR_EL2", memory.hostVectors)
  last?.(cpu, host)
  cpu.write("SPSR_EL2", EL1H_MASKED)
  cpu.write("ELR_EL2", vectors)
  returnToHost(cpu)
  // the kernel uses FP itself, at its own level
  cpu.write("CPACR_EL1", trapWords(cpu.pe.controls.machine, "cpacr").rest)
  cpu.isb()
}
