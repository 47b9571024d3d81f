/** Exceptions, system registers, maintenance, returns and translations as QEMU has them: thousands of small cases run by one bare-metal program. */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { programOf } from "../../../test/conformance/system/cases.ts"
import { comparable, runProgram } from "../../../test/conformance/system/results.ts"

interface Golden {
  readonly seed: number
  readonly slot: string
  readonly code: string
  readonly lines: readonly string[]
}
const golden = JSON.parse(gunzipSync(readFileSync(new URL("../../../test/golden/system.json.gz", import.meta.url))).toString()) as Golden
const code = new Uint8Array(Buffer.from(golden.code, "base64"))
const program = programOf(golden.seed, BigInt(golden.slot))

describe("the system model", () => {
  it("has a recording of these cases", () => {
    expect(golden.lines.length).toBe(program.cases.length)
    expect(program.cases.length).toBeGreaterThan(7000)
  })
  // translated code leaves almost all of this to the interpreter: a part shows that it does
  it.each([
    ["interp", program.cases.length],
    ["jit", 2000]
  ] as const)("does what the recorded emulator did (%s)", (engine, count) => {
    const cases = program.cases.slice(0, count)
    const lines = runProgram(code, { ...program, cases }, engine)
    expect(lines.length).toBe(count)
    const different = cases.flatMap((test, i) => {
      const ours = comparable(test, lines[i]!)
      return ours === golden.lines[i] ? [] : [{ name: test.name, el: test.el, controls: test.controls, expected: golden.lines[i], ours }]
    })
    expect(different.slice(0, 5)).toEqual([])
  })
  it("was asked about all kinds of outcomes", () => {
    const columns = golden.lines.map((line) => line.split(" ").map((text) => Number.parseInt(text, 16)))
    const classes = new Set(columns.map(([, esr]) => esr! >>> 26))
    for (const ec of [0x00, 0x0e, 0x15, 0x16, 0x18, 0x1a, 0x25, 0x3c]) expect([ec, classes.has(ec)]).toEqual([ec, true])
    const pars = program.cases.flatMap(({ par }, i) => (par ? [columns[i]![8]!] : []))
    const faults = new Set(pars.filter((p) => p & 1).map((p) => (p >> 1) & 0x3f))
    for (const fsc of [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 15]) expect([fsc, faults.has(fsc)]).toEqual([fsc, true])
    expect(pars.filter((p) => !(p & 1)).length).toBeGreaterThan(300)
  })
})
