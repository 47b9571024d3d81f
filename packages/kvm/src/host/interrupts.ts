/** The host's interrupts: there is no interrupt controller here, so what is asked is which source asserts the line. */
import type { PhysicalCpu } from "./cpu.ts"
import { serveSoftirqs } from "./masking.ts"

/**
 * The kernel unmasks interrupts: what is pending is taken and acknowledged, and softirqs run. A guest timer stays masked at its source until its vCPU looks
 * at it.
 */
export const serviceInterrupts = (cpu: PhysicalCpu): void => {
  const { pe } = cpu
  if (pe.lines.irq) {
    pe.lines.irq = false
    pe.attention = true
  }
  serveSoftirqs(cpu)
}
