/** The guests that run on the real kernel and in eltwo. */
import { EXCEPTION_GUESTS } from "./guests/exceptions.ts"
import { FIRMWARE_GUESTS } from "./guests/firmware.ts"
import type { RealKernelGuest } from "./guests/guest.ts"
import { MEMORY_GUESTS } from "./guests/memory.ts"
import { MIXTURE_GUESTS } from "./guests/mixtures.ts"
import { REGISTER_GUESTS } from "./guests/registers.ts"
import { TIMER_GUESTS } from "./guests/timers.ts"
import { VECTOR_GUESTS } from "./guests/vectors.ts"

export const GUESTS: readonly RealKernelGuest[] = [
  ...VECTOR_GUESTS,
  ...EXCEPTION_GUESTS,
  ...MEMORY_GUESTS,
  ...TIMER_GUESTS,
  ...FIRMWARE_GUESTS,
  ...REGISTER_GUESTS,
  ...MIXTURE_GUESTS
]
