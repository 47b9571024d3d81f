/** Errors of the KVM interface: values, never exceptions. */

/** Linux error numbers that the interface uses. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSYS: 38,
  ENXIO: 6
} as const
/** Names of the error numbers a call may give; ERRNO has the numbers. */
export type Errno = keyof typeof ERRNO

/** Whether a call failed: results are never strings otherwise. */
export const isErrno = (result: unknown): result is Errno => typeof result === "string"
