/** Every system call that is implemented, by number (asm-generic table of arm64). */
import type { CallResult, Pause, Process } from "../process.ts"
import { descriptorCalls } from "./descriptors.ts"
import { identityCalls } from "./identity.ts"
import { memoryCalls } from "./memory.ts"
import { nameCalls } from "./names.ts"
import { processCalls } from "./process.ts"
import { signalCalls } from "./signals.ts"
import { statusCalls } from "./status.ts"
import { timeCalls } from "./time.ts"
import { transferCalls } from "./transfer.ts"
import { waitingCalls } from "./waiting.ts"

export interface SystemCall {
  readonly name: string
  readonly run: (process: Process, args: readonly bigint[]) => CallResult
  /**
   * The pause of a call that was found to wait for ever, when the program is restored: nothing is done a second time. `again`: what waits for input is simply tried
   * again. A call without it that waits cannot be saved. A number: these arguments cannot have led to a pause.
   */
  readonly resume?: "again" | ((process: Process, args: readonly bigint[]) => Pause | number)
}
export type SystemCalls = Readonly<Record<number, SystemCall>>

export const SYSTEM_CALLS: SystemCalls = {
  ...descriptorCalls,
  ...identityCalls,
  ...memoryCalls,
  ...nameCalls,
  ...processCalls,
  ...signalCalls,
  ...statusCalls,
  ...timeCalls,
  ...transferCalls,
  ...waitingCalls
}
