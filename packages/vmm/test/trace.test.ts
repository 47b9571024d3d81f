import { describe, expect, it } from "vitest"
import { type TraceEvent, traceJson, traceText } from "../src/Trace.ts"

const events: readonly (readonly [TraceEvent, string, object])[] = [
  [
    { type: "insn", step: 12n, el: 0, pc: 0x400000n, word: 0xd503201f, text: "nop" },
    "[12] insn EL0 0x00400000  d503201f  nop",
    { type: "insn", step: 12, el: 0, pc: "0x400000", word: 0xd503201f, text: "nop" }
  ],
  [
    { type: "exc", step: 7n, kind: "synchronous", from: 0, target: 1, pc: 0x400004n, ec: 0x24, iss: 0x46, far: 0xffff_0000_0000_0000n },
    "[7] exc EL0->EL1 at 0x00400004: DataAbortLower (EC 0x24) ISS 0x46 FAR 0xffff000000000000",
    { type: "exc", step: 7, kind: "synchronous", from: 0, target: 1, pc: "0x400004", ec: 0x24, iss: 0x46, far: "0xffff000000000000" }
  ],
  [
    { type: "exc", step: 8n, kind: "irq", from: 1, target: 1, pc: 4n, ec: 0, iss: 0 },
    "[8] exc EL1->EL1 at 0x00000004: irq",
    { type: "exc", step: 8, kind: "irq", from: 1, target: 1, pc: "0x4", ec: 0, iss: 0 }
  ],
  [
    { type: "syscall", step: 1n, name: "write", args: [1n, 0x7fff0000n], result: -14n, implemented: true },
    "[1] syscall write(1, 0x7fff0000) = -14",
    { type: "syscall", step: 1, name: "write", args: ["0x1", "0x7fff0000"], result: "0xfffffffffffffff2", implemented: true }
  ],
  [
    { type: "syscall", step: 1n, name: "syscall_999", args: [], result: -38n, implemented: false },
    "[1] syscall syscall_999() = -38 (ENOSYS: not implemented)",
    { type: "syscall", step: 1, name: "syscall_999", args: [], result: "0xffffffffffffffda", implemented: false }
  ],
  [
    { type: "signal", step: 3n, signal: 11, code: 1, address: 16n },
    "[3] signal SIGSEGV code 1 at 0x10",
    { type: "signal", step: 3, signal: 11, code: 1, address: "0x10" }
  ],
  [
    { type: "fp", step: 3n, what: "save", where: "host", detail: "fpsimd to task1, 528 bytes" },
    "[3] fp save host fpsimd to task1, 528 bytes",
    { type: "fp", step: 3, what: "save", where: "host", detail: "fpsimd to task1, 528 bytes" }
  ]
]

describe("events", () => {
  it.each(events)("%o as text and JSON", (event, text, json) => {
    expect(traceText(event)).toBe(text)
    expect(JSON.parse(traceJson(event))).toEqual(json)
  })
})
