/** compose(): what it makes of plugins that fit, and everything it says about those that do not. */
import { describe, expect, it } from "vitest"
import { base, compose, composeOrThrow, defineExtension, type Extension, instruction, parseCpu } from "../src/index.ts"

const op = (name: string, encoding: string, more: object = {}) =>
  instruction({ name, encoding, assembly: `${name} <Xd>`, execute: (cpu, { Rd }) => cpu.setX(Rd!, cpu.unsigned(64).constant(1)), ...more })
/** Unallocated in A64. */
const FREE = "00000001 0000000000000000000"
const extension = (name: string, more: Partial<Extension>) => defineExtension({ name, ...more })

describe("features", () => {
  const idValueOf = (name: string, features: Record<string, boolean> = {}) => composeOrThrow([base], { features }).registerByName.get(name)!.reset
  it("show in ID registers as the largest implemented value of a field", () => {
    expect(idValueOf("ID_AA64ISAR0_EL1") & (0xfn << 52n)).toBe(2n << 52n)
    expect(idValueOf("ID_AA64ISAR0_EL1", { FlagM2: false }) & (0xfn << 52n)).toBe(1n << 52n)
    expect(idValueOf("ID_AA64ISAR0_EL1", { flagm: false }) & (0xfn << 52n)).toBe(0n)
    expect(idValueOf("ID_AA64PFR0_EL1") & (0xffn << 16n)).toBe(0xffn << 16n)
  })
  it("that are off take those along that need them", () => {
    const { features } = composeOrThrow([base], { features: { PAN: false } })
    expect(["PAN", "PAN2", "PAN3"].filter((f) => features.has(f))).toEqual([])
  })
  it("that are off make instructions UNDEFINED and registers disappear", () => {
    const machine = composeOrThrow([base], { features: { LSE: false, S1PIE: false } })
    const ldadd = 0xb8200000
    expect(composeOrThrow([base]).decode(ldadd)).toBeDefined()
    expect(machine.decode(ldadd)).toBeUndefined()
    expect(machine.unimplemented.length).toBeGreaterThan(0)
    expect(machine.registerByName.has("PIR_EL1")).toBe(false)
    expect(machine.registerByName.get("TCR2_EL1")!.layout.writable).toBe(0n)
  })
  it("of a bad selection are all named", () => {
    const { problems } = compose([base], { features: { Nonsense: true, PAN: false, PAN3: true } })
    expect(problems).toEqual(["Feature Nonsense is not known to any plugin", "Feature PAN3 is asked for, but what it requires is off: PAN2"])
  })
})

describe("a CPU model as text", () => {
  it("gives features and numbers", () => {
    expect(parseCpu("max,LSE=off,fp16=on,vl=256")).toEqual({ features: { lse: false, fp16: true }, numbers: { vl: 256 }, problems: [] })
    expect(parseCpu("max").problems).toEqual([])
  })
  it("is refused with every reason", () => {
    expect(parseCpu("cortex-a57,lse,pan=maybe,sb=on,SB=off,vl=-1").problems).toEqual([
      "CPU model 'cortex-a57' is not known; there is 'max'",
      "CPU setting 'lse' is not NAME=on, NAME=off or NAME=NUMBER",
      "CPU setting 'pan=maybe' is not NAME=on, NAME=off or NAME=NUMBER",
      "CPU setting SB is given twice",
      "CPU setting 'vl=-1' is not NAME=on, NAME=off or NAME=NUMBER"
    ])
  })
})

describe("conflicts", () => {
  it("are all reported at once", () => {
    const one = extension("one", {
      requires: ["absent"],
      registers: [{ name: "THING_EL1", encoding: "3 0 11 0 0" }],
      instructions: [op("one", `${FREE} Rd:5`)],
      features: [{ name: "Fancy", requires: "Missing" }]
    })
    const two = extension("two", {
      apiVersion: 99,
      registers: [
        { name: "THING_EL1", encoding: "3 0 11 0 1" },
        { name: "OTHER_EL1", encoding: "3 0 11 0 0" },
        { name: "WRONG_EL1", encoding: "3 9 11 0 0" },
        { name: "TRAPPED_EL1", encoding: "3 0 11 0 3", traps: [{ control: "HCR_EL2.NONE", from: [1] }] },
        { name: "GATED_EL1", encoding: "3 0 11 0 4", access: "nowhere" }
      ],
      instructions: [
        op("two", `${FREE} Rd:5`),
        op("three", "00000001 0000000000000000001 Rd:5", { feature: "Unheard" }),
        op("four", "00000001 0000000000000000010 Rd:5", { access: "SVE" })
      ],
      fields: [{ register: "CPACR_EL1", fields: { MINE: "28:27" } }],
      gates: [{ access: "mine", variants: [{ controls: ["nothing"] }] }]
    })
    expect(compose([base, one, two, two]).problems!.toSorted()).toEqual(
      [
        "Plugin two is given 2 times",
        "Plugin one requires plugin absent, which is not loaded",
        "Plugin two is written for plugin API 99; this is 1",
        "Feature Fancy requires Missing, which no plugin declares",
        "Register THING_EL1 has two owners: one and two",
        "Registers THING_EL1 of one and OTHER_EL1 of two have the same encoding 3 0 11 0 0",
        `two: WRONG_EL1: Register encoding '3 9 11 0 0' is not "op0 op1 CRn CRm op2"`,
        "TRAPPED_EL1 refers to HCR_EL2.NONE, which HCR_EL2 does not have",
        "Register GATED_EL1 has access class nowhere, for which there is no gate",
        "two: field CPACR_EL1.MINE overlaps a field that is there already",
        "two: gate mine uses trap control nothing, which no plugin declares",
        "one of one and two of two both claim 0x01000012",
        "two: instruction three needs Unheard, which no plugin declares",
        "two: instruction four has access class SVE, for which there is no gate"
      ].toSorted()
    )
  })
  it("include plugins that require each other", () => {
    const a = extension("a", { requires: ["b"] }),
      b = extension("b", { requires: ["c"] }),
      c = extension("c", { requires: ["a"] })
    expect(compose([base, a, b, c]).problems).toEqual(["Plugins require each other in a circle: a -> b -> c -> a"])
  })
  it("do not include special cases with more fixed bits, nor pictures that `where` keeps apart", () => {
    const general = extension("general", {
        instructions: [op("general", "00000001 00000000000000000 kind:2 Rd:5", { where: (f: { kind: number }) => f.kind < 2 })]
      }),
      special = extension("special", {
        instructions: [
          op("special", `${FREE} Rd:5`),
          op("apart", "00000001 00000000000000000 kind:2 Rd:5", { where: (f: { kind: number }) => f.kind === 3 })
        ]
      })
    const { machine, problems } = compose([base, general, special])
    expect(problems).toBeUndefined()
    expect([0x01000000, 0x01000020, 0x01000040, 0x01000060].map((w) => machine!.decode(w)?.name)).toEqual(["special", "general", undefined, "apart"])
  })
  it("of malformed feature expressions name the text", () => {
    const bad = extension("bad", { registers: [{ name: "BAD_EL1", encoding: "3 0 11 0 0", feature: "SVE or (SME" }] })
    expect(compose([base, bad]).problems).toEqual(["Feature expression 'SVE or (SME' is malformed at word 5"])
  })
})

describe("a composed machine", () => {
  const machine = composeOrThrow([base])
  it("is frozen", () => {
    expect(Object.isFrozen(machine) && Object.isFrozen(machine.registers) && Object.isFrozen(machine.instructions)).toBe(true)
  })
  it("has one slot for each register", () => {
    expect(machine.registers.map((r) => r.slot)).toEqual(machine.registers.map((_, i) => i))
  })
  it("takes a register, a field and an instruction from a plugin", () => {
    const plugin = extension("counter", {
      features: [{ name: "Counter", id: [{ register: "ID_AA64ISAR3_EL1", low: 60, value: 3 }] }],
      registers: [
        {
          name: "COUNTER_EL0",
          encoding: "3 3 11 7 0",
          feature: "Counter",
          fields: { count: "15:0", on: "31 if Counter", off: "30 if LSE and not_here or CRC32" }
        }
      ],
      instructions: [op("count", `${FREE} Rd:5`, { feature: "Counter" })]
    })
    const composed = composeOrThrow([base, plugin])
    expect(composed.registerByName.get("COUNTER_EL0")!.layout.writable).toBe(0xc000ffffn)
    expect(composed.registerByName.get("ID_AA64ISAR3_EL1")!.reset).toBe(3n << 60n)
    expect(composed.decode(0x01000005)?.name).toBe("count")
    expect(composeOrThrow([base, plugin], { features: { counter: false } }).decode(0x01000005)).toBeUndefined()
  })
})
