/** Every system call that is implemented, by number (asm-generic table of arm64). */
import type { CallResult, Process } from "../process.ts"
import { fileCalls } from "./files.ts"
import { memoryCalls } from "./memory.ts"
import { processCalls } from "./process.ts"
import { signalCalls } from "./signals.ts"
import { timeCalls } from "./time.ts"

export interface SystemCall {
  readonly name: string
  readonly run: (process: Process, args: readonly bigint[]) => CallResult
}
export type SystemCalls = Readonly<Record<number, SystemCall>>

export const SYSTEM_CALLS: SystemCalls = { ...fileCalls, ...memoryCalls, ...processCalls, ...signalCalls, ...timeCalls }
