/** What hyp code looks at of a guest's exits before the host kernel does, for protected VMs. Ordinary ones beside them have HYP_EXITS. */
import { EC } from "@eltwo/isa"
import { HYP_EXITS, type HypExitTable } from "@eltwo/kvm"
import { protectedHypercall } from "../guest/hypercalls.ts"
import { undefinedNow } from "./inject.ts"
import { protectedSystemAccess } from "./system-access.ts"

/** No SVE, its own hypercalls, and system registers by hyp code's table. What is not here goes to the host. */
export const protectedExit: HypExitTable = new Map([
  ...HYP_EXITS,
  [EC.HVC64, protectedHypercall],
  [EC.SystemRegister, protectedSystemAccess],
  [EC.SVEAccess, undefinedNow]
])
