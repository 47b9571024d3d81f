/** Every load, store, atomic, prefetch and memory-copy instruction of the base. */
import type { Instruction } from "../instruction.ts"
import { atomics } from "./atomics.ts"
import { exclusives } from "./exclusives.ts"
import { loadStoreImmediate } from "./load-store-immediate.ts"
import { loadStoreOrdered } from "./load-store-ordered.ts"
import { loadStorePair } from "./load-store-pair.ts"
import { loadStoreRegister } from "./load-store-register.ts"
import { memoryOperations } from "./memory-copy.ts"
import { prefetches } from "./prefetch.ts"

/** Loads and stores of the base architecture. */
export const loadStoreInstructions: readonly Instruction[] = [
  ...loadStoreImmediate,
  ...loadStoreRegister,
  ...loadStorePair,
  ...prefetches,
  ...exclusives,
  ...loadStoreOrdered,
  ...atomics,
  ...memoryOperations
]
