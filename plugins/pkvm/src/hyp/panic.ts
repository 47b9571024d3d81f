/** Hyp code met what its own checks rule out: a panic of EL2, which is the machine's end. */
import type { PhysicalCpu } from "@eltwo/kvm"
import { HypBug } from "../ownership/errno.ts"

export const orPanic = <T>(cpu: PhysicalCpu, act: () => T): T => {
  try {
    return act()
  } catch (error) {
    if (error instanceof HypBug) throw cpu.bug(error.message)
    throw error
  }
}
