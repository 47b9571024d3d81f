/** What hyp code of every mode looks at of an exit before the host kernel does: kvm_hyp_handle_* by exception class. */
import { EC } from "@eltwo/isa"
import type { HypExitTable } from "../mode.ts"
import { handleFpTrap } from "./fpsimd.ts"
import { abortFaultInfo } from "./guest.ts"
import { rewindMemoryCopy } from "./memory-copy.ts"

/** What hyp code does about an exit by exception class, before the kernel gets to see it: true to enter the guest again. */
export const HYP_EXITS: HypExitTable = new Map([
  [EC.FPAccess, handleFpTrap],
  [EC.SVEAccess, handleFpTrap],
  [EC.InstructionAbortLower, abortFaultInfo],
  [EC.DataAbortLower, abortFaultInfo],
  [EC.WatchpointLower, abortFaultInfo],
  [EC.MemoryCopy, rewindMemoryCopy]
])
