/** Programs that run cases on qemu-aarch64: each loads a case's record, runs its one instruction and stores the record. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CASE_BYTES, type Case, DATA, DATA_BYTES, TEXT } from "./differential/state.ts"
import { runTool } from "./oracle.ts"

/** What the programs of one kind of record have of their own; its parts are assembly text. */
export interface CaseProgram {
  /** Offsets of what every record has, and its size, in bytes. */
  readonly record: Readonly<Record<"BYTES" | "X" | "SP" | "NZCV" | "FPCR" | "FPSR" | "OUTCOME", number>>
  /** -march of the assembler. */
  readonly march: string
  /** Before the first case. */
  readonly start: string
  /** Load and save what only this kind has: X30 is at the record; X0, X1 and X12 may be used, and the flags. */
  readonly load: string
  readonly save: string
  /** More sections, where the linker puts them, and the files they include. */
  readonly sections: string
  readonly placement: string
  readonly files: Readonly<Record<string, Uint8Array>>
  /** Fills the record of a case. */
  readonly writeState: (test: Case, index: number, record: DataView) => void
}

const RECORDS = 0x60000000
const RESULTS = 0x70000000
const COUNTER = 0x18000000

const movz = (register: string, value: number) => `movz ${register}, #${value & 0xffff}\n movk ${register}, #${value >>> 16}, lsl #16`
/** Loads or stores of the first `count` registers, two at a time, from a place in the record at X30. */
export const pairs = (operation: "ldp" | "stp", letter: "x" | "q", count: number, size: number, at: number): string =>
  Array.from({ length: count / 2 }, (_, i) => ` ${operation} ${letter}${2 * i}, ${letter}${2 * i + 1}, [x30, #${at + 2 * i * size}]`).join("\n")

/** Each case is CASE_BYTES long: four instructions, the slot's two loads, the instruction, and two ways out. */
const text = ({ record: RECORD, start, load, save, sections }: CaseProgram, cases: readonly Case[]): string => {
  const saver = (label: string, outcome: number) => `${label}:
 msr tpidr_el0, x30
 ${movz("x30", COUNTER)}
 str x29, [x30, #8]
 mov x29, #${outcome}
 str x29, [x30, #16]
 b save`
  return `
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
${start}
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
${load}
 ldr x0, [x30, #${RECORD.SP}]
 mov sp, x0
 ldr x0, [x30, #${RECORD.NZCV}]
 msr nzcv, x0
 ldr x0, [x30, #${RECORD.FPCR}]
 msr fpcr, x0
 ldr x0, [x30, #${RECORD.FPSR}]
 msr fpsr, x0
${pairs("ldp", "x", 28, 8, RECORD.X)}
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
${pairs("stp", "x", 28, 8, RECORD.X)}
 str x28, [x30, #${8 * 28}]
 mrs x0, nzcv
 str x0, [x30, #${RECORD.NZCV}]
 mrs x0, fpcr
 str x0, [x30, #${RECORD.FPCR}]
 mrs x0, fpsr
 str x0, [x30, #${RECORD.FPSR}]
${save}
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
${sections}
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

const script = (placement: string): string => `ENTRY(_start) SECTIONS {
 ${placement}
 . = ${TEXT}; .cases : { *(.cases) }
 . = ${TEXT + 0x1000000}; .text : { *(.text) } .data : { *(.data) } .bss : { *(.bss) }
 . = ${DATA}; .guest : { *(.guest) }
 . = ${COUNTER}; .counter : { *(.counter) }
 . = ${RECORDS}; .records : { *(.records) }
 . = ${RESULTS}; .results : { *(.results) }
}`

export interface Outcome {
  /** One record per case. */
  readonly records: Buffer
  /** The data after all cases. */
  readonly data: Buffer
}

/** Runs all cases in order over one data area that starts as `data`. `cpu` is QEMU's -cpu. */
export const runCases = (program: CaseProgram, cases: readonly Case[], data: Uint8Array, cpu = "max"): Outcome => {
  const { BYTES } = program.record
  const folder = mkdtempSync(join(tmpdir(), "eltwo-cases-"))
  const at = (name: string) => join(folder, name)
  try {
    const records = Buffer.alloc(cases.length * BYTES)
    cases.forEach((test, i) => program.writeState(test, i, new DataView(records.buffer, records.byteOffset + i * BYTES, BYTES)))
    const files = {
      ...program.files,
      "records.bin": records,
      "data.bin": data,
      "cases.s": text(program, cases),
      "cases.ld": script(program.placement)
    }
    for (const [name, contents] of Object.entries(files)) writeFileSync(at(name), contents)
    runTool("as", [`-march=${program.march}`, "-I", folder, at("cases.s"), "-o", at("cases.o")])
    runTool("ld", ["--no-warn-rwx-segments", "-T", at("cases.ld"), at("cases.o"), "-o", at("cases.elf")])
    const output = runTool("qemu-aarch64", ["-cpu", cpu, at("cases.elf")])
    if (output.length !== records.length + data.length) throw new Error(`QEMU gave ${output.length} bytes, expected ${records.length + data.length}`)
    return { records: output.subarray(0, records.length), data: output.subarray(records.length) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
