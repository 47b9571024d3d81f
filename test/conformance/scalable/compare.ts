/** Compares two records of one case with scalable registers and says in words what differs. */
import { OUTCOME } from "../differential/state.ts"
import { bytesAt } from "../golden-cases.ts"
import { PL, PREDICATES, RECORD, SVL, VECTORS, VL } from "./state.ts"

/** Fields of a record that a case can change: name, offset and bytes. The index is the field's number in the golden file. */
export const FIELDS: readonly (readonly [name: string, offset: number, bytes: number])[] = [
  ...Array.from({ length: 31 }, (_, n) => [`X${n}`, RECORD.X + 8 * n, 8] as const),
  ["SP", RECORD.SP, 8],
  ["NZCV", RECORD.NZCV, 8],
  ["FPCR", RECORD.FPCR, 8],
  ["FPSR", RECORD.FPSR, 8],
  ["FPMR", RECORD.FPMR, 8],
  ["SM", RECORD.SM, 8],
  ...Array.from({ length: VECTORS }, (_, n) => [`Z${n}`, RECORD.Z + VL * n, VL] as const),
  ...Array.from({ length: PREDICATES }, (_, n) => [n === 16 ? "FFR" : `P${n}`, RECORD.P + PL * n, PL] as const),
  ...Array.from({ length: SVL }, (_, n) => [`ZA[${n}]`, RECORD.ZA + SVL * n, SVL] as const),
  ["ZT0", RECORD.ZT0, 64]
]
const OUTCOMES = ["next", "taken", "fault"]
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, "0"))
    .reverse()
    .join("")

/** After a fault only the outcome is compared: the handler's entry is the other side's own. */
export const differences = (expected: DataView, actual: DataView): readonly string[] => {
  const [wanted, came] = [expected, actual].map((record) => Number(record.getBigUint64(RECORD.OUTCOME, true)))
  if (wanted !== came) return [`outcome ${OUTCOMES[came!] ?? "elsewhere"}, expected ${OUTCOMES[wanted!] ?? wanted}`]
  if (wanted === OUTCOME.fault) return []
  return FIELDS.flatMap(([name, at, bytes]) => {
    const [a, b] = [bytesAt(expected, at, bytes), bytesAt(actual, at, bytes)]
    return a.every((byte, i) => byte === b[i]) ? [] : [`${name} ${hex(b)}, expected ${hex(a)}`]
  })
}
