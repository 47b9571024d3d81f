/** How a request ends: nothing when it was done, otherwise one Linux error, and then nothing has changed. */

/** Numbers of the errors that page ownership uses. Hypercalls give them back negated. */
export const PKVM_ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  ERANGE: 34,
  EHWPOISON: 133
} as const
export type PkvmErrno = keyof typeof PKVM_ERRNO

export type Outcome = PkvmErrno | undefined

/** Tells an error from any other result: results are never strings. */
export const isPkvmErrno = (result: unknown): result is PkvmErrno => typeof result === "string"

/** Hyp code met what its own checks rule out: the real one panics, and the machine with it. */
export class HypBug extends Error {
  override readonly name = "HypBug"
}
/** For a step that the checks before it have made infallible. */
export const mustHold = (outcome: Outcome, step: string): void => {
  if (outcome !== undefined) throw new HypBug(`${step}: ${outcome}`)
}
