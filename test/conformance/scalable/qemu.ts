/** Runs cases with scalable registers on qemu-aarch64. */
import type { Case } from "../differential/state.ts"
import { type CaseProgram, type Outcome, runCases } from "../qemu-cases.ts"
import { PL, PREDICATES, RECORD, SVL, VECTORS, VL, writeState } from "./state.ts"

const times = (count: number, line: (n: number) => string): string => Array.from({ length: count }, (_, n) => line(n)).join("\n")
/** Z, P and FFR, ZA and ZT0 with X30 at the record; X0, X1 and W12 are used. */
const scalable = (operation: "ldr" | "str"): string => `
 add x1, x30, #${RECORD.Z}
${times(VECTORS, (n) => ` ${operation} z${n}, [x1]\n add x1, x1, #${VL}`)}
${operation === "ldr" ? ` add x1, x30, #${RECORD.P + 16 * PL}\n ldr p0, [x1]\n wrffr p0.b` : ""}
 add x1, x30, #${RECORD.P}
${times(PREDICATES - 1, (n) => ` ${operation} p${n}, [x1]\n add x1, x1, #${PL}`)}
${operation === "str" ? " rdffr p0.b\n str p0, [x1]" : ""}
 add x1, x30, #${RECORD.ZA}
 mov w12, #0
1: ${operation} za[w12, 0], [x1]
 add x1, x1, #${SVL}
 add w12, w12, #1
 cmp w12, #${SVL}
 b.ne 1b
 add x1, x30, #${RECORD.ZT0}
 ${operation} zt0, [x1]`

const PROGRAM: CaseProgram = {
  record: RECORD,
  march: "armv9.4-a+sme2+sme-f64f64+sme-i16i64",
  start: " smstart za",
  load: ` ldr x0, [x30, #${RECORD.SM}]
 cbz x0, 1f
 smstart sm
 b 2f
1: smstop sm
2:
${scalable("ldr")}
 ldr x0, [x30, #${RECORD.FPMR}]
 msr s3_3_c4_c4_2, x0`,
  save: ` mrs x0, s3_3_c4_c4_2
 str x0, [x30, #${RECORD.FPMR}]
 mrs x0, svcr
 and x0, x0, #1
 str x0, [x30, #${RECORD.SM}]
${scalable("str")}`,
  sections: "",
  placement: "",
  files: {},
  writeState: (test, _, record) => writeState(test, record)
}
/** Runs all cases in order over one data area that starts as `data`. */
export const runOnQemu = (cases: readonly Case[], data: Uint8Array): Outcome => runCases(PROGRAM, cases, data)
