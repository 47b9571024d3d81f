/** Runs cases on qemu-aarch64: one static program that loads each record, runs the one instruction and stores the record. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CASE_BYTES, type Case, DATA, DATA_BYTES, TEXT } from "../differential/state.ts"
import { runTool } from "../oracle.ts"
import { PL, PREDICATES, RECORD, SVL, VECTORS, VL, writeState } from "./state.ts"

const RECORDS = 0x60000000
const RESULTS = 0x70000000
const COUNTER = 0x18000000

const movz = (register: string, value: number) => `movz ${register}, #${value & 0xffff}\n movk ${register}, #${value >>> 16}, lsl #16`
const times = (count: number, line: (n: number) => string): string => Array.from({ length: count }, (_, n) => line(n)).join("\n")
const pairs = (operation: "ldp" | "stp") => times(14, (i) => ` ${operation} x${2 * i}, x${2 * i + 1}, [x30, #${16 * i}]`)
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

/** Each case is CASE_BYTES long: four instructions, the slot's two loads, the instruction, and two ways out. */
const text = (cases: readonly Case[]): string => {
  const saver = (label: string, outcome: number) => `${label}:
 msr tpidr_el0, x30
 ${movz("x30", COUNTER)}
 str x29, [x30, #8]
 mov x29, #${outcome}
 str x29, [x30, #16]
 b save`
  return `
 .arch armv9.4-a+sme2+sme-f64f64+sme-i16i64
 .section .cases, "ax"
${cases
  .map(
    ({ word }, i) => ` ${movz("x30", RECORDS + i * RECORD.BYTES)}
 adr x29, 1f
 b load
1: ldr x29, [x30, #${8 * 29}]
 ldr x30, [x30, #${8 * 30}]
 .inst 0x${word.toString(16)}
 b fell_through
 b taken`
  )
  .join("\n")}
 .text
 .globl _start
_start:
 mov x0, #4
 bl handle
 mov x0, #11
 bl handle
 mov x0, #7
 bl handle
 ldr x0, =alternate_stack
 mov x1, #0
 mov x8, #132
 svc #0
 smstart za
 b next
handle:
 ldr x1, =action
 mov x2, #0
 mov x3, #8
 mov x8, #134
 svc #0
 ret
on_signal:
 ldr x3, =faulted
 str x3, [x2, #440]
 ret
restorer:
 mov x8, #139
 svc #0
load:
 clrex
 ldr x0, [x30, #${RECORD.SM}]
 cbz x0, 1f
 smstart sm
 b 2f
1: smstop sm
2:
${scalable("ldr")}
 ldr x0, [x30, #${RECORD.SP}]
 mov sp, x0
 ldr x0, [x30, #${RECORD.NZCV}]
 msr nzcv, x0
 ldr x0, [x30, #${RECORD.FPMR}]
 msr s3_3_c4_c4_2, x0
 ldr x0, [x30, #${RECORD.FPCR}]
 msr fpcr, x0
 ldr x0, [x30, #${RECORD.FPSR}]
 msr fpsr, x0
${pairs("ldp")}
 ldr x28, [x30, #${8 * 28}]
 br x29
${saver("faulted", 2)}
${saver("taken", 1)}
${saver("fell_through", 0)}
save:
 ldr x29, [x30]
 ${movz("x30", RECORD.BYTES)}
 mul x29, x29, x30
 ${movz("x30", RESULTS)}
 add x30, x30, x29
${pairs("stp")}
 str x28, [x30, #${8 * 28}]
 mrs x0, nzcv
 str x0, [x30, #${RECORD.NZCV}]
 mrs x0, fpcr
 str x0, [x30, #${RECORD.FPCR}]
 mrs x0, fpsr
 str x0, [x30, #${RECORD.FPSR}]
 mrs x0, s3_3_c4_c4_2
 str x0, [x30, #${RECORD.FPMR}]
 mrs x0, svcr
 and x0, x0, #1
 str x0, [x30, #${RECORD.SM}]
${scalable("str")}
 mov x0, sp
 str x0, [x30, #${RECORD.SP}]
 mrs x0, tpidr_el0
 str x0, [x30, #${8 * 30}]
 ${movz("x1", COUNTER)}
 ldr x0, [x1, #8]
 str x0, [x30, #${8 * 29}]
 ldr x0, [x1, #16]
 str x0, [x30, #${RECORD.OUTCOME}]
 ldr x0, [x1]
 add x0, x0, #1
 str x0, [x1]
next:
 msr fpcr, xzr
 ${movz("x1", COUNTER)}
 ldr x0, [x1]
 ${movz("x2", cases.length)}
 cmp x0, x2
 b.eq finish
 mov x2, #${CASE_BYTES}
 mul x0, x0, x2
 ${movz("x1", TEXT)}
 add x0, x0, x1
 br x0
finish:
 ${movz("x20", RESULTS)}
 ${movz("x21", cases.length * RECORD.BYTES)}
 bl write_all
 ${movz("x20", DATA)}
 ${movz("x21", DATA_BYTES)}
 bl write_all
 mov x0, #0
 mov x8, #94
 svc #0
write_all:
 mov x0, #1
 mov x1, x20
 mov x2, x21
 mov x8, #64
 svc #0
 add x20, x20, x0
 subs x21, x21, x0
 b.ne write_all
 ret
 .data
 .balign 16
action:
 .quad on_signal, 0x4C000004, restorer, 0
alternate_stack:
 .quad signal_stack, 0, 65536
 .bss
 .balign 16
signal_stack:
 .space 65536
 .section .records, "aw"
 .incbin "records.bin"
 .section .guest, "aw"
 .incbin "data.bin"
 .section .counter, "aw", %nobits
 .space 64
 .section .results, "aw", %nobits
 .space ${cases.length * RECORD.BYTES}
`
}

const SCRIPT = `ENTRY(_start) SECTIONS {
 . = ${TEXT}; .cases : { *(.cases) }
 . = ${TEXT + 0x1000000}; .text : { *(.text) } .data : { *(.data) } .bss : { *(.bss) }
 . = ${DATA}; .guest : { *(.guest) }
 . = ${COUNTER}; .counter : { *(.counter) }
 . = ${RECORDS}; .records : { *(.records) }
 . = ${RESULTS}; .results : { *(.results) }
}`

export interface Outcome {
  /** One record of RECORD.BYTES per case. */
  readonly records: Buffer
  /** The data after all cases. */
  readonly data: Buffer
}

/** Runs all cases in order over one data area that starts as `data`. */
export const runOnQemu = (cases: readonly Case[], data: Uint8Array): Outcome => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-scalable-"))
  const at = (name: string) => join(folder, name)
  try {
    const records = Buffer.alloc(cases.length * RECORD.BYTES)
    cases.forEach((test, i) => writeState(test, new DataView(records.buffer, records.byteOffset + i * RECORD.BYTES, RECORD.BYTES)))
    writeFileSync(at("records.bin"), records)
    writeFileSync(at("data.bin"), data)
    writeFileSync(at("cases.s"), text(cases))
    writeFileSync(at("cases.ld"), SCRIPT)
    runTool("as", ["-I", folder, at("cases.s"), "-o", at("cases.o")])
    runTool("ld", ["--no-warn-rwx-segments", "-T", at("cases.ld"), at("cases.o"), "-o", at("cases.elf")])
    const output = runTool("qemu-aarch64", ["-cpu", "max", at("cases.elf")])
    const bytes = cases.length * RECORD.BYTES
    if (output.length !== bytes + data.length) throw new Error(`QEMU gave ${output.length} bytes, expected ${bytes + data.length}`)
    return { records: output.subarray(0, bytes), data: output.subarray(bytes) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
