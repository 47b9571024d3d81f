/** What hyp code looks at of a guest's exits before the host kernel does, for protected VMs and for ordinary ones beside them. */
import { EC } from "@eltwo/isa"
import { abortFaultInfo, type HypExitTable, handleFpTrap, rewindMemoryCopy } from "@eltwo/kvm"
import { protectedHypercall } from "../guest/hypercalls.ts"
import { undefinedNow } from "./inject.ts"
import { protectedSystemAccess } from "./system-access.ts"

/** A protected VM: no SVE, its own hypercalls, and system registers by hyp code's table. What is not here goes to the host. */
export const protectedExit: HypExitTable = new Map([
  [EC.HVC64, protectedHypercall],
  [EC.SystemRegister, protectedSystemAccess],
  [EC.SVEAccess, undefinedNow],
  [EC.FPAccess, handleFpTrap],
  [EC.InstructionAbortLower, abortFaultInfo],
  [EC.DataAbortLower, abortFaultInfo],
  [EC.WatchpointLower, abortFaultInfo],
  [EC.MemoryCopy, rewindMemoryCopy]
])
/** An ordinary VM: as without protection. */
export const ordinaryExit: HypExitTable = new Map([
  [EC.FPAccess, handleFpTrap],
  [EC.SVEAccess, handleFpTrap],
  [EC.InstructionAbortLower, abortFaultInfo],
  [EC.DataAbortLower, abortFaultInfo],
  [EC.WatchpointLower, abortFaultInfo],
  [EC.MemoryCopy, rewindMemoryCopy]
])
