/** Runs cases of base and SIMD instructions on qemu-aarch64. */
import { type CaseProgram, type Outcome, pairs, runCases } from "../qemu-cases.ts"
import { type Case, POOL, poolContents, RECORD, writeState } from "./state.ts"

const program = (): CaseProgram => ({
  record: RECORD,
  march: "armv9.4-a",
  start: "",
  load: pairs("ldp", "q", 32, 16, RECORD.V),
  save: pairs("stp", "q", 32, 16, RECORD.V),
  sections: ' .section .pool, "a"\n .incbin "pool.bin"',
  placement: `. = ${POOL}; .pool : { *(.pool) }`,
  files: { "pool.bin": poolContents() },
  writeState
})
/** Runs all cases in order over one data area that starts as `data`. `cpu` is QEMU's -cpu. */
export const runOnQemu = (cases: readonly Case[], data: Uint8Array, cpu?: string): Outcome => runCases(program(), cases, data, cpu)
