/** What a system call of a host program is. */
import { ERRNO, type Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { Host } from "./host.ts"
import type { Task } from "./task.ts"

/** What a system call may look at. Arguments are X0..X5. */
export interface Call {
  readonly host: Host
  readonly cpu: PhysicalCpu
  readonly task: Task
  readonly arguments: BigUint64Array
}
/** System calls by their number; the result is the new X0. */
export type CallTable = readonly (readonly [number, (call: Call) => bigint])[]
/** X0 of a call that failed. */
export const failed = (errno: Errno): bigint => BigInt(-ERRNO[errno])
