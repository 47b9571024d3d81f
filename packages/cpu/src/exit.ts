import type { PendingException } from "./exception.ts"
/** Why a slice ended. The PC is the instruction to do next. */
export type Exit =
  /** All instructions asked for have retired. */
  | { readonly kind: "limit" }
  /** An exception was entered whose level belongs to a modelled kernel (`Pe.modelledEl`). */
  | { readonly kind: "exception"; readonly exception: PendingException }
  /** WFI or WFE, which has retired, found nothing to wake up for. `until`: virtual time in retired instructions at which a timer will. */
  | { readonly kind: "wait"; readonly event: "interrupt" | "event"; readonly until?: bigint }
  /** HLT, not yet done: the PC is its address. See `completeHalt` and `refuseHalt`. */
  | { readonly kind: "halt"; readonly immediate: number }
  /** SMC on a processing element whose firmware is the host (`Pe.hostFirmware`), not yet done: the PC is its address. See `completeHalt`. */
  | { readonly kind: "secureMonitorCall"; readonly immediate: number }
