import { API_VERSION, defineExtension, instruction } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { composeMachine, makeBoard } from "../src/Machine.ts"
import { decodeMachineOptions } from "../src/options.ts"
import { attempt, failure, fakePlatform } from "./platform.ts"

const platform = fakePlatform({ modules: { fpsimd: { default: fpsimd } } })
const machine = (input: object) => decodeMachineOptions(input).pipe(Effect.flatMap(composeMachine))

describe("composing a machine", () => {
  it("joins base and fpsimd", async () => {
    const model = Either.getOrThrow(await attempt(machine({}), platform))
    expect(model.isa.features.has("AdvSIMD")).toBe(true)
    expect(model.isa.features.has("LSE")).toBe(true)
    expect(model.lengths.vector).toEqual([])
  })
  it("switches features off", async () => {
    const model = Either.getOrThrow(await attempt(machine({ cpu: "max,lse=off,aes=off" }), platform))
    expect(["LSE", "LSE128", "AES", "PMULL"].filter((f) => model.isa.features.has(f))).toEqual([])
  })
  it.each([
    ["max,nosuch=on", "cpu: Feature nosuch is not known to any plugin"],
    ["max,lse=off,lse128=on", "cpu: Feature LSE128 is asked for, but what it requires is off: LSE"],
    ["max,vl=256", "cpu: vl=256 needs SVE, which this machine does not have"]
  ])("refuses %s as an option", async (cpu, line) => {
    const error = await failure(machine({ cpu }), platform)
    expect(error.code).toBe("OPTION_INVALID")
    expect(error.message).toBe(line)
  })
  it("tells every conflict of plugins at once", async () => {
    const stolen = instruction({
      name: "STOLEN",
      encoding: "sf op S 0101 x 00 0 Rm:5 imm6:6 Rn:5 Rd:5",
      assembly: "stolen <Rd>, <Rn>, <Rm>, <imm6>, <sf>, <op>, <S>, <x>",
      execute: () => {}
    })
    const one = defineExtension({ name: "one", requires: ["two"], instructions: [stolen], registers: [{ name: "SCTLR_EL1", encoding: "3 0 1 0 0" }] })
    const error = await failure(machine({ plugin: [one] }), platform)
    if (error._tag !== "PluginConflictError") throw error
    expect(error.code).toBe("PLUGIN_CONFLICT")
    const text = error.problems.join("\n")
    expect(text).toMatch(/one requires plugin two, which is not loaded/)
    expect(text).toMatch(/STOLEN.*both claim 0x/)
    expect(text).toMatch(/SCTLR_EL1/)
  })
  it("reports a plugin of another API version and one that cannot be read", async () => {
    const old = { ...defineExtension({ name: "old" }), apiVersion: API_VERSION + 1 }
    const broken = defineExtension({ name: "broken", instructions: [{}] as never })
    expect((await failure(machine({ plugin: [old] }), platform)).message).toContain("old is written for plugin API")
    expect((await failure(machine({ plugin: [broken] }), platform)).code).toBe("PLUGIN_CONFLICT")
  })
  it("makes a board with as much RAM as asked for, and an engine", async () => {
    const model = Either.getOrThrow(await attempt(machine({ mem: "2M" }), platform))
    const board = Either.getOrThrow(await attempt(makeBoard(model, model.options.mem), platform))
    expect(board.ram.bytes).toBe(2 << 20)
    expect(board.regions).toBeDefined()
    const slow = Either.getOrThrow(await attempt(machine({ engine: "interp" }), platform))
    expect(Either.getOrThrow(await attempt(makeBoard(slow, 1 << 20), platform)).regions).toBeUndefined()
  })
  it("says when the host has not enough memory", async () => {
    const model = Either.getOrThrow(await attempt(machine({}), platform))
    const error = await failure(makeBoard(model, 2 ** 34), platform)
    expect(error.problems[0]?.option).toBe("mem")
  })
})
