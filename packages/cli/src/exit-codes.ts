/** Exit codes of the command: one table, printed by `eltwo help exit-codes`. */
import type { RunEnd } from "@eltwo/vmm"

export const EXIT = {
  ok: 0,
  snapshot: 65,
  internal: 70,
  large: 123,
  limit: 124,
  cannotRun: 125,
  notRunnable: 126,
  notFound: 127,
  signal: 128
} as const

export const EXIT_CODES: readonly { readonly code: string; readonly meaning: string }[] = [
  { code: "0", meaning: "the guest ended with 0; other commands: success" },
  { code: "1-122", meaning: "the guest's own status" },
  { code: "123", meaning: "the guest's status is 123 or more; the true value is on standard error and in --json" },
  { code: "124", meaning: "the limit of --max-insns or --timeout was reached, or an image waits for an interrupt that cannot come" },
  { code: "125", meaning: "eltwo could not do it: usage, options, plugins, files, or the machine stopped" },
  { code: "126", meaning: "the guest is there but cannot be run" },
  { code: "127", meaning: "there is no such guest" },
  {
    code: "128+n",
    meaning: "the guest was killed by signal n (134 SIGABRT, 139 SIGSEGV, 130 ^C), or an image by an exception that means it or by ^C"
  },
  { code: "65", meaning: "a snapshot is refused" },
  { code: "70", meaning: "a defect of eltwo" }
]

/** The guest's status as eltwo's, when it can be that. */
export const exitOfEnd = (end: RunEnd): number => {
  switch (end.kind) {
    case "exited":
      return end.status >= 0 && end.status < EXIT.large ? end.status : EXIT.large
    case "killed":
    case "unhandled":
    case "interrupted":
      return EXIT.signal + end.signal
    case "saved":
      return EXIT.ok
    case "limit":
    case "idle":
      return EXIT.limit
  }
}
/** By the code of an error. */
export const exitOfError = (code: string): number =>
  code.startsWith("SNAPSHOT_")
    ? EXIT.snapshot
    : ({ GUEST_NOT_FOUND: EXIT.notFound, GUEST_IMAGE: EXIT.notRunnable, INTERNAL: EXIT.internal }[code] ?? EXIT.cannotRun)
