/** Resource limits. The number of descriptors is enforced; others are what they are. */
import { ERRNO } from "../errno.ts"
import type { Process } from "../process.ts"
import { giveWords, view } from "./arguments.ts"

export const RLIMIT = { STACK: 3, NOFILE: 7 } as const
export const RESOURCES = 16
const INFINITY = (1n << 64n) - 1n

export type Limit = readonly [soft: bigint, hard: bigint]
export const defaultLimits = (stackBytes: number, files: number): Limit[] =>
  Array.from({ length: RESOURCES }, (_, resource) =>
    resource === RLIMIT.STACK ? [BigInt(stackBytes), INFINITY] : resource === RLIMIT.NOFILE ? [BigInt(files), BigInt(files)] : [INFINITY, INFINITY]
  )

export const limits = (process: Process, resource: number, at: bigint): number => {
  const limit = process.limits[resource]
  return limit === undefined ? -ERRNO.EINVAL : giveWords(process, at, ...limit)
}
export const setLimit = (process: Process, resource: number, at: bigint): number => {
  const before = process.limits[resource]
  if (before === undefined) return -ERRNO.EINVAL
  const data = view(process, at, 16)
  if (data === undefined) return -ERRNO.EFAULT
  const [soft, hard] = [data.getBigUint64(0, true), data.getBigUint64(8, true)]
  if (soft > hard) return -ERRNO.EINVAL
  if (hard > before[1]) return -ERRNO.EPERM
  process.limits[resource] = [soft, hard]
  if (resource === RLIMIT.NOFILE) process.files.limit = Number(soft)
  return 0
}
