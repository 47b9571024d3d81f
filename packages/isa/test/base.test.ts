/** What base instructions do, as far as the recording machine sees it: branches, exceptions, system operations. Results are tested with an engine. */
import { describe, expect, it } from "vitest"
import { crc32Word } from "../src/base/data-processing.ts"
import { base } from "../src/base/index.ts"
import { Table } from "../src/decode.ts"
import { type Effect, record } from "../src/recorder.ts"

const table = new Table(base.instructions!)
const HERE = 0xffff_8000_0000_1000n
const effectsOf = (text: string): readonly Effect[] => {
  const word = table.assemble(text, { address: HERE })
  if (word === undefined) throw new Error(`cannot assemble '${text}'`)
  const { effects, problems, failure } = record(table.decode(word)!, word, { address: HERE })
  expect(problems).toEqual([])
  expect(failure).toBeUndefined()
  return effects
}
const branch = (target: bigint | undefined, conditional: boolean): Effect => ({ kind: "branch", target, conditional })
const X = (kind: "read" | "write", index: number): Effect => ({ kind, file: "X", index })
const flags: Effect = { kind: "read", file: "flags", index: 0 }

describe("branches", () => {
  it.each<[string, readonly Effect[]]>([
    ["b . + 8", [branch(HERE + 8n, false)]],
    ["b . - 4", [branch(HERE - 4n, false)]],
    ["bl . + 0x100", [X("write", 30), branch(HERE + 0x100n, false)]],
    ["b.ne . - 8", [flags, branch(HERE - 8n, true)]],
    ["bc.eq . + 8", [flags, branch(HERE + 8n, true)]],
    ["cbz w3, . + 4", [X("read", 3), branch(HERE + 4n, true)]],
    ["tbnz x4, #40, . - 32", [X("read", 4), branch(HERE - 32n, true)]],
    ["br x5", [X("read", 5), branch(undefined, false)]],
    ["blr x30", [X("read", 30), X("write", 30), branch(undefined, false)]],
    ["ret", [X("read", 30), branch(undefined, false)]]
  ])("%s", (text, effects) => expect(effectsOf(text)).toEqual(effects))

  it("wraps at the ends of the address space", () => {
    const word = table.assemble("b . - 4", { address: 0 })!
    expect(record(table.decode(word)!, word, { address: 0n }).effects).toEqual([branch(0xffff_ffff_ffff_fffcn, false)])
  })
})

describe("exceptions", () => {
  it.each([
    ["svc #1", "supervisorCall"],
    ["hvc #1", "hypervisorCall"],
    ["smc #1", "secureMonitorCall"],
    ["brk #1", "breakpoint"],
    ["hlt #1", "halt"],
    ["udf #1", "undefined"],
    ["dcps1", "undefined"],
    ["drps", "undefined"]
  ] as const)("%s", (text, exception) => expect(effectsOf(text)).toEqual([{ kind: "exception", exception }]))
})

describe("system operations", () => {
  const operations = (text: string) => effectsOf(text).flatMap((effect) => (effect.kind === "system" ? [effect.operation] : []))
  it.each([
    ["eret", ["returnFromException"]],
    ["wfi", ["waitForInterrupt"]],
    ["wfe", ["waitForEvent"]],
    ["wfit x1", ["waitForInterrupt"]],
    ["wfet x1", ["waitForEvent"]],
    ["yield", ["yield"]],
    ["sev", ["sendEvent"]],
    ["sevl", ["sendEventLocal"]],
    ["isb", ["synchronize"]],
    ["dsb sy", ["barrier"]],
    ["sb", ["barrier"]],
    ["clrex", ["clearExclusive"]],
    ["dmb ish", []],
    ["nop", []],
    ["paciasp", []],
    ["bti c", []],
    ["msr daifset, #2", ["writePstate"]],
    ["tlbi vmalle1is", ["maintain"]],
    ["dc zva, x0", ["maintain"]],
    ["sysl x0, #0, c7, c1, #0", ["maintain"]]
  ])("%s", (text, expected) => expect(operations(text)).toEqual(expected))

  it("tells maintenance apart by encoding", () => {
    const encodings = effectsOf("dc civac, x0").flatMap((effect) => (effect.kind === "system" ? [effect.encoding] : []))
    expect(encodings).toEqual([0x5bf1])
  })
  it("reads and writes system registers by encoding", () => {
    expect(effectsOf("mrs x1, s3_0_c1_c0_0")).toEqual([{ kind: "read", file: "system", index: 0xc080 }, X("write", 1)])
    expect(effectsOf("msr s3_3_c13_c0_2, x2")).toEqual([X("read", 2), { kind: "write", file: "system", index: 0xde82 }])
  })
})

describe("checksums", () => {
  const sum = (castagnoli: number) => {
    let crc = 0xffff_ffff
    for (const byte of new TextEncoder().encode("123456789")) crc = crc32Word.run(undefined as never, crc, byte, 1, castagnoli)
    return ~crc >>> 0
  }
  it("have the well-known check values", () => expect([sum(0), sum(1)]).toEqual([0xcbf43926, 0xe3069283]))
  it("take bytes from the lowest up", () => {
    const words = crc32Word.run(undefined as never, 5, 0x04030201, 4, 0)
    const bytes = [1, 2, 3, 4].reduce((crc, byte) => crc32Word.run(undefined as never, crc, byte, 1, 0), 5)
    expect(words).toBe(bytes)
  })
})
