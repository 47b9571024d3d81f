/** Records of cases of base and SIMD instructions, as they are kept. */
import type { GoldenRecord } from "../golden-cases.ts"
import { RECORD, writeState } from "./state.ts"

export const GOLDEN: GoldenRecord = {
  record: RECORD,
  fields: [
    ...Array.from({ length: 31 }, (_, n) => ({ at: RECORD.X + 8 * n, bytes: 8 })),
    ...[RECORD.SP, RECORD.NZCV, RECORD.FPCR, RECORD.FPSR].map((at) => ({ at, bytes: 8 })),
    ...Array.from({ length: 32 }, (_, n) => ({ at: RECORD.V + 16 * n, bytes: 16 }))
  ],
  writeState
}
