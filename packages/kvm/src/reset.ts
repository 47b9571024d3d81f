/** The state a vCPU has after VCPU_INIT or PSCI CPU_ON. ID registers stay as they are configured. */
import { SLOT } from "./guest-context.ts"
import { clearFpMemory } from "./host/fp-memory.ts"
import { initialGuestHcr } from "./hyp/controls.ts"
import type { Vcpu } from "./vcpu.ts"

/** EL1h, DAIF masked. */
const RESET_PSTATE = 0x3c5n

const MPIDR_RES1 = 0x8000_0000n
/** MPIDR_EL1 by the id: Aff0 4 bits, Aff1 and Aff2 8 bits. */
const mpidrOf = (id: number): bigint => BigInt((((id >> 12) & 0xff) << 16) | (((id >> 4) & 0xff) << 8) | (id & 15)) | MPIDR_RES1

export const resetVcpu = (vcpu: Vcpu): void => {
  const { registers, system, vm, pendingReset } = vcpu
  registers.x.fill(0n)
  registers.sp = 0n
  registers.pc = 0n
  registers.pstate = RESET_PSTATE
  system.fill(0n)
  for (const register of vm.host.systemRegisters.values()) if (register.kind === "context") system[SLOT[register.context]] = register.reset
  system[SLOT.MPIDR_EL1] = mpidrOf(vcpu.id)
  clearFpMemory(vcpu.fp)
  vcpu.debugPoints.clear()
  vcpu.pending = undefined
  vcpu.mmio = undefined
  vcpu.halt = undefined
  if (!vcpu.hasRun) vcpu.hcr = initialGuestHcr(vm.host.features)
  vcpu.pendingReset = undefined
  if (pendingReset) {
    registers.pc = pendingReset.pc
    registers.x[0] = pendingReset.context
  }
}
