import type { KvmEvent } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { hostEvents } from "../src/host-events.ts"
import type { TRACES } from "../src/options.ts"
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
    { type: "fp", step: 3n, cpu: 0, what: "save", where: "host", memory: "task1", component: "fpsimd", bytes: 528 },
    "[3] fp save host fpsimd to task1, 528 bytes",
    { type: "fp", step: 3, cpu: 0, what: "save", where: "host", memory: "task1", component: "fpsimd", bytes: 528 }
  ],
  [
    { type: "trap", step: 4n, cpu: 1, what: "exc", from: "guest-el1", where: "hyp", ec: 0x16, iss: 0, x0: 0x84000000n },
    "[4] trap exc hyp from guest-el1, EC 0x16 HVC64, ISS 0x0, X0 0x84000000",
    { type: "trap", step: 4, cpu: 1, what: "exc", from: "guest-el1", where: "hyp", ec: 0x16, iss: 0, x0: "0x84000000" }
  ],
  [
    { type: "trap", step: 5n, cpu: 0, what: "msr", where: "hyp", register: "CPACR_EL1", physical: "CPTR_EL2", value: 0x50000000n },
    "[5] trap msr hyp CPACR_EL1 (CPTR_EL2) = 0x50000000",
    { type: "trap", step: 5, cpu: 0, what: "msr", where: "hyp", register: "CPACR_EL1", physical: "CPTR_EL2", value: "0x50000000" }
  ],
  [
    { type: "trap", step: 6n, cpu: 0, what: "hypercall", vcpu: "vcpu1", function: 0x84000000, result: 0x10003n },
    "[6] trap hypercall vcpu1: 0x84000000 = 0x10003",
    { type: "trap", step: 6, cpu: 0, what: "hypercall", vcpu: "vcpu1", function: 0x84000000, result: "0x10003" }
  ]
]

describe("events", () => {
  it.each(events)("%o as text and JSON", (event, text, json) => {
    expect(traceText(event)).toBe(text)
    expect(JSON.parse(traceJson(event))).toEqual(json)
  })
})

describe("events of the host", () => {
  const save: KvmEvent = { time: 1n, cpu: 0, what: "save", where: "host", memory: "task1", component: "fpsimd", bytes: 528 }
  const fpTrap: KvmEvent = { time: 2n, cpu: 0, what: "exc", from: "guest-el1", where: "hyp", ec: 7, iss: 0 }
  const call: KvmEvent = { time: 3n, cpu: 0, what: "exc", from: "guest-el1", where: "hyp", ec: 0x16, iss: 0 }
  const typesOf = (...wanted: readonly (typeof TRACES)[number][]): readonly string[] => {
    const seen: string[] = []
    const listener = hostEvents({ emit: ({ type }) => void seen.push(type), wants: new Set(wanted) })
    for (const event of [save, fpTrap, call]) listener?.(event)
    return seen
  }
  it("come once each, in the narrowest class that was asked for", () => {
    expect(typesOf("fp")).toEqual(["fp", "fp"])
    expect(typesOf("trap")).toEqual(["trap", "trap"])
    expect(typesOf("fp", "trap")).toEqual(["fp", "fp", "trap"])
    expect(typesOf("page", "sched")).toEqual([])
  })
  it("are not listened to when none is wanted", () => {
    expect(hostEvents({ emit: () => {}, wants: new Set(["insn", "syscalls"]) })).toBeUndefined()
  })
})
