/** All cryptographic instructions; PMULL is with the widening multiplications. */
import type { Instruction } from "@eltwo/isa"
import { cryptoAes } from "./crypto-aes.ts"
import { cryptoSha } from "./crypto-sha.ts"
import { cryptoSha512 } from "./crypto-sha512.ts"
import { cryptoSm } from "./crypto-sm.ts"

export const cryptoInstructions: readonly Instruction[] = [...cryptoAes, ...cryptoSha, ...cryptoSha512, ...cryptoSm]
