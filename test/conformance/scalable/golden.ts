/** Records of cases with scalable registers, as they are kept. */
import type { GoldenRecord } from "../golden-cases.ts"
import { FIELDS } from "./compare.ts"
import { RECORD, writeState } from "./state.ts"

export const GOLDEN: GoldenRecord = {
  record: RECORD,
  fields: FIELDS.map(([, at, bytes]) => ({ at, bytes })),
  writeState: (test, _, record) => writeState(test, record)
}
