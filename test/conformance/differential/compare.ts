/** Compares two records of one case and says in words what differs. */
import { OUTCOME, RECORD } from "./state.ts"

const names = ["next", "taken", "fault"]
const hex = (value: bigint, digits = 16) => `0x${value.toString(16).padStart(digits, "0")}`

/** Differences between what was expected and what came. After a fault only the outcome is compared: the handler's entry is the other side's own. */
export const differences = (expected: DataView, actual: DataView): string[] => {
  const out: string[] = []
  const wanted = Number(expected.getBigUint64(RECORD.OUTCOME, true))
  const came = Number(actual.getBigUint64(RECORD.OUTCOME, true))
  if (wanted !== came) return [`outcome ${names[came] ?? "elsewhere"}, expected ${names[wanted] ?? wanted}`]
  if (wanted === OUTCOME.fault) return out
  const check = (name: string, at: number) => {
    const a = expected.getBigUint64(at, true)
    const b = actual.getBigUint64(at, true)
    if (a !== b) out.push(`${name} ${hex(b)}, expected ${hex(a)}`)
  }
  for (let n = 0; n < 31; n++) check(`X${n}`, RECORD.X + 8 * n)
  check("SP", RECORD.SP)
  check("NZCV", RECORD.NZCV)
  check("FPCR", RECORD.FPCR)
  check("FPSR", RECORD.FPSR)
  for (let n = 0; n < 32; n++) {
    check(`V${n} low`, RECORD.V + 16 * n)
    check(`V${n} high`, RECORD.V + 16 * n + 8)
  }
  return out
}
