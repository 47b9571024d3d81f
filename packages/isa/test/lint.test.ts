/** Each check of lint is proved by a declaration that it must refuse. */
import { describe, expect, it } from "vitest"
import { base } from "../src/base/index.ts"
import { helper } from "../src/builder.ts"
import { type Declaration, type Instruction, instruction } from "../src/instruction.ts"
import { type Check, lint } from "../src/lint.ts"
import { choice, type Operand, unsigned } from "../src/operands.ts"

const checks = (...instructions: readonly Instruction[]): readonly Check[] => [...new Set(lint(instructions).map((problem) => problem.check))]
const messages = (...instructions: readonly Instruction[]): string =>
  lint(instructions)
    .map((problem) => problem.message)
    .join("; ")

const PICTURE = "1111111100000000000000 Rn:5 Rd:5"
/** A declaration without fault, with something changed. */
const variant = (change: Partial<Declaration<typeof PICTURE>>): Instruction =>
  instruction<typeof PICTURE>({
    name: "good",
    encoding: PICTURE,
    assembly: "good <Xd>, <Xn>",
    execute: (cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.X(Rn)),
    ...change
  })
const interrupt = helper({ name: "interrupt", takes: [], gives: "none", run: (host) => host.system("waitForInterrupt", -1n) })

describe("lint", () => {
  it("accepts a declaration without fault", () => expect(lint([variant({})])).toEqual([]))
  it("finds nothing in the base", () => expect(lint(base.instructions!)).toEqual([]))

  it("refuses two declarations of one name", () => {
    const other = instruction({
      name: "good",
      encoding: "1111111100000000000001 Rn:5 Rd:5",
      assembly: "bad <Xd>, <Xn>",
      execute: variant({}).declaration.execute
    })
    expect(checks(variant({}), other)).toEqual(["name"])
  })
  it("refuses a declaration that allocates nothing", () => expect(checks(variant({ where: () => false }))).toEqual(["encoding"]))
  it("refuses two declarations that claim one word", () => {
    const other = instruction({
      name: "other",
      encoding: "111111110000000000000 a Rn:5 0 Rd:4",
      assembly: "bad <Xd>, <Xn>, #<a>",
      operands: { a: unsigned("a") },
      execute() {}
    })
    expect(checks(variant({}), other)).toContain("overlap")
  })
  it("accepts the special case of another declaration", () => {
    const special = instruction({
      name: "special",
      encoding: "1111111100000000000000 Rn:5 00001",
      assembly: "special <Xn>",
      execute: (cpu, { Rn }) => cpu.setX(1, cpu.X(Rn))
    })
    expect(lint([variant({}), special])).toEqual([])
  })
  it("refuses a line with an unknown operand", () => {
    expect(checks(variant({ assembly: "bad <Xd>, <Xm>" }))).toEqual(["operands"])
    expect(messages(variant({ assembly: "bad <Xd>(, <Xn>" }))).toMatch(/group without/)
  })
  it("refuses a legal word without a spelling", () => {
    const few: Operand<{ readonly Rn: number }> = choice("Rn", [...Array.from({ length: 31 }, (_, i) => `r${i}`), "-"])
    expect(messages(variant({ assembly: "bad <Xd>, <few>", operands: { few } }))).toMatch(/no line can show/)
  })
  it("refuses a text that reads as another word", () => {
    const halved: Operand<{ readonly Rn: number }> = {
      print: (f) => `r${f.Rn >> 1}`,
      read: (text, at) => [{ end: text.length, fields: { Rn: Number(text.slice(at + 1)) * 2 } }]
    }
    expect(messages(variant({ assembly: "bad <Xd>, <halved>", operands: { halved } }))).toMatch(/means another word/)
    const even = variant({ assembly: "bad <Xd>, <halved>", operands: { halved }, redundant: (f) => f.Rn % 2 === 1 })
    expect(lint([even])).toEqual([])
  })
  it("refuses a text that is not read", () => {
    const silent: Operand<{ readonly Rn: number }> = { print: (f) => `r${f.Rn}`, read: () => [] }
    expect(messages(variant({ assembly: "bad <Xd>, <silent>", operands: { silent } }))).toMatch(/is not read/)
  })
  it("refuses a field that does not show in the text", () => {
    const hidden: Operand<{ readonly Rn: number }> = { print: () => "", read: (_text, at) => [{ end: at, fields: { Rn: 0 } }] }
    expect(checks(variant({ assembly: "bad <Xd><hidden>", operands: { hidden } }))).toContain("text")
  })
  it("does not ask for a field that the others determine", () => {
    const twin: Operand<{ readonly Rn: number; readonly Rd: number }> = {
      print: (f) => `x${f.Rn}, x${f.Rd}`,
      read(text, at) {
        const [, Rn, Rd] = /^x(\d+), x(\d+)/.exec(text.slice(at)) ?? []
        return [{ end: text.length, fields: { Rn: Number(Rn), Rd: Number(Rd) } }]
      }
    }
    const same = variant({
      where: (f) => f.Rn === f.Rd,
      assembly: "good <twin>",
      operands: { twin },
      execute: (cpu, { Rn }) => cpu.setX(Rn, cpu.X(Rn))
    })
    expect(lint([same])).toEqual([])
  })
  it("refuses a field that is never used, unless it is declared as ignored", () => {
    const execute = variant({ execute: (cpu, { Rn }) => cpu.setX(1, cpu.X(Rn)) }).declaration.execute
    expect(messages(variant({ execute }))).toBe("field Rd is never used")
    expect(lint([variant({ execute, ignored: ["Rd"] })])).toEqual([])
    expect(messages(variant({ ignored: ["Rd"] }))).toBe("field Rd is declared as ignored but used")
  })
  it("refuses widths that do not agree", () => {
    const width = (execute: Declaration<typeof PICTURE>["execute"]) => messages(variant({ execute }))
    expect(width((cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.unsigned(64).add(cpu.X(Rn), cpu.X(Rd, cpu.unsigned(32)))))).toMatch(
      /add of unsigned\(64\) takes a 32-bit value/
    )
    expect(width((cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.X(Rn, cpu.unsigned(32))))).toMatch(/setX takes a 32-bit value for 64 bits/)
    expect(width((cpu, { Rn, Rd }) => cpu.store(cpu.unsigned(8), cpu.X(Rn), cpu.X(Rd)))).toMatch(/store takes a 64-bit value for 8 bits/)
    expect(width((cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.unsigned(64).from(cpu.X(Rn), cpu.signed(16))))).toMatch(
      /from from signed\(16\) takes a 64-bit value/
    )
    expect(width((cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.unsigned(64).part(cpu.X(Rn), 2, cpu.unsigned(32))))).toMatch(/does not lie in/)
  })
  it("refuses vectors whose elements do not fit together", () => {
    const width = (execute: Declaration<typeof PICTURE>["execute"]) => messages(variant({ access: "SVE", execute }))
    expect(
      width((cpu, { Rn, Rd }) =>
        cpu.setZ(
          Rd,
          cpu.map(cpu.unsigned(8), [cpu.Z(Rn, cpu.unsigned(8)), cpu.Z(Rd, cpu.unsigned(16))], (x) => x)
        )
      )
    ).toMatch(/elements together/)
    expect(width((cpu, { Rn, Rd }) => cpu.setZ(Rd, cpu.V(Rn, cpu.unsigned(8))))).toMatch(/setZ takes 16 elements of 8 bits/)
    expect(
      width((cpu, { Rn, Rd }) =>
        cpu.setZ(
          Rd,
          cpu.permute(cpu.unsigned(8), [cpu.Z(Rn, cpu.unsigned(8))], (i) => i + 1)
        )
      )
    ).toMatch(/permute takes element 32 of 32/)
    expect(
      width((cpu, { Rn, Rd }) =>
        cpu.setZ(
          Rd,
          cpu.map(cpu.unsigned(8), [cpu.Z(Rn, cpu.unsigned(16))], (x) => x)
        )
      )
    ).toMatch(/map takes a 16-bit value for 8 bits/)
  })
  it("refuses operands that a helper does not take", () => {
    const narrow = helper({ name: "narrow", takes: ["word"], gives: "word", pure: true, run: (_host, x) => x })
    expect(messages(variant({ execute: (cpu, { Rn, Rd }) => cpu.setX(Rd, cpu.call(narrow, cpu.X(Rn)), cpu.unsigned(32)) }))).toMatch(
      /narrow \(operand 1\) is a word of 64 bits/
    )
  })
  it("refuses a register that is read after it was written", () => {
    const swap = variant({
      execute(cpu, { Rn, Rd }) {
        cpu.setX(Rd, cpu.X(Rn))
        cpu.setX(Rn, cpu.X(Rd))
      }
    })
    expect(checks(swap)).toEqual(["order"])
    const either = variant({
      execute(cpu, { Rn, Rd }) {
        const x = cpu.X(Rn)
        cpu.when(
          cpu.holds(0),
          () => cpu.setX(Rd, x),
          () => cpu.setX(Rd, cpu.unsigned(64).add(x, cpu.X(Rd)))
        )
      }
    })
    expect(lint([either])).toEqual([])
  })
  it("refuses register files that the access class does not cover", () => {
    const vector = (access: "none" | "FP" | "SIMD" | "SVE") =>
      variant({ access, execute: (cpu, { Rn, Rd }) => cpu.setZ(Rd, cpu.Z(Rn, cpu.unsigned(8))) })
    expect(messages(vector("none"))).toBe("touches Z with access class none")
    expect(checks(vector("SIMD"))).toEqual(["access"])
    expect(lint([vector("SVE")])).toEqual([])
    const tile = variant({ access: "SVE", execute: (cpu, { Rn, Rd }) => cpu.setZA(cpu.X(Rn, cpu.unsigned(32)), cpu.Z(Rd, cpu.unsigned(8))) })
    expect(messages(tile)).toBe("touches ZA with access class SVE")
  })
  it.each<[string, Declaration<typeof PICTURE>["execute"]]>([
    ["branches", (cpu, { Rn, Rd }) => (Rd ? cpu.branch(cpu.X(Rn)) : cpu.branch(cpu.X(Rn)))],
    ["raises an exception", (cpu, { Rn, Rd }) => cpu.raise("supervisorCall", Rn + Rd)],
    ["writes a system register", (cpu, { Rn, Rd }) => cpu.setSystemRegister(Rd, cpu.X(Rn))],
    ["waits, in a helper", (cpu, { Rn, Rd }) => (Rn + Rd < 0 ? undefined : cpu.call(interrupt))]
  ])("refuses one that %s without endsBlock", (_what, execute) => {
    expect(checks(variant({ execute }))).toEqual(["endsBlock"])
    expect(lint([variant({ execute, endsBlock: true })])).toEqual([])
  })
  it("refuses endsBlock without a reason", () => expect(messages(variant({ endsBlock: true }))).toMatch(/neither branches/))
  it("refuses one whose meaning fails", () => {
    const fails = variant({
      execute(_cpu, { Rn, Rd }) {
        throw new Error(`no ${typeof Rn} ${typeof Rd}`)
      }
    })
    expect(messages(fails)).toMatch(/fails: no number number/)
  })
})

describe("an encoding picture", () => {
  const make = (encoding: string) => () => instruction({ name: "bad", encoding, assembly: "bad", execute() {} })
  it("has 32 bits", () => expect(make("1010 Rn:5")).toThrow("bad: encoding has 9 bits"))
  it("names a field once", () => expect(make("1111111100000000000000 Rn:5 Rn:5")).toThrow("bad: field Rn twice"))
  it("consists of digits and fields", () => expect(make("1111111100000000000000 Rn:5 2xx Rd:5")).toThrow("bad: cannot read '2xx' in the encoding"))
  it("has no field without bits", () => expect(make("1111111100000000000000 Rn:0 Rd:10")).toThrow("bad: field Rn has no bits"))
})
