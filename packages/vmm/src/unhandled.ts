/** Exceptions that nobody handles, as the signals Linux makes of them: for exit codes. */
import { EC } from "@eltwo/isa"
import { SIGNAL } from "./personality/linux/signals.ts"

const DFSC_ALIGNMENT = 0x21
const BY_CLASS: Readonly<Record<number, number>> = {
  [EC.InstructionAbortLower]: SIGNAL.SEGV,
  [EC.InstructionAbort]: SIGNAL.SEGV,
  [EC.DataAbortLower]: SIGNAL.SEGV,
  [EC.DataAbort]: SIGNAL.SEGV,
  [EC.PCAlignment]: SIGNAL.BUS,
  [EC.SPAlignment]: SIGNAL.BUS,
  [EC.FloatingPoint]: SIGNAL.FPE,
  [EC.BRK64]: SIGNAL.TRAP
}
/** By exception class and ISS; SIGILL for whatever is not about memory, arithmetic or debugging. */
export const signalOfException = (ec: number, iss: number): number => {
  const signal = BY_CLASS[ec] ?? SIGNAL.ILL
  return signal === SIGNAL.SEGV && (iss & 0x3f) === DFSC_ALIGNMENT ? SIGNAL.BUS : signal
}
