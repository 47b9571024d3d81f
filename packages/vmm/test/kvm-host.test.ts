import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { bootHost, findMode, switchAccount } from "../src/KvmHost.ts"
import { composeMachine } from "../src/Machine.ts"
import { decodeMachineOptions } from "../src/options.ts"
import { attempt, failure, fakePlatform } from "./platform.ts"

const platform = fakePlatform({ modules: { fpsimd: { default: fpsimd }, vhe: { default: vhe }, nvhe: { default: fpsimd } } })
const model = (input: object) => decodeMachineOptions(input).pipe(Effect.flatMap(composeMachine))
const mode = (input: object) => model(input).pipe(Effect.flatMap(findMode))

describe("the mode of a run", () => {
  it("is a plugin of that name", async () => {
    expect(Either.getOrThrow(await attempt(mode({}), platform))).toBe(vhe)
  })
  it("may be given as a plugin", async () => {
    const other = { ...vhe, name: "pkvm" }
    expect(Either.getOrThrow(await attempt(mode({ mode: "pkvm", plugin: [other] }), platform))).toBe(other)
  })
  it("that nobody provides is refused, together with an era that is not modelled", async () => {
    const error = await failure(mode({ mode: "pkvm", era: "B" }), platform)
    expect(error.code).toBe("OPTION_INVALID")
    expect("problems" in error && error.problems).toEqual([
      { option: "mode", message: "no plugin provides pkvm: there is no module pkvm" },
      { option: "era", message: "era B is not modelled; there is H" }
    ])
  })
  it("is no extension of its name", async () => {
    expect((await failure(mode({ mode: "nvhe" }), platform)).message).toBe("mode: no plugin provides nvhe: the plugin of this name is no mode")
  })
})

describe("booting the host", () => {
  it("needs what the mode needs", async () => {
    const machine = Either.getOrThrow(await attempt(model({ cpu: "max,vhe=off" }), platform))
    const error = await failure(bootHost(machine, vhe, 64 << 20, undefined), platform)
    expect(error.problems).toEqual([{ option: "mode", message: "Mode vhe needs FEAT_VHE" }])
  })
  it("needs memory of its own", async () => {
    const machine = Either.getOrThrow(await attempt(model({}), platform))
    expect((await failure(bootHost(machine, vhe, 4096, undefined), platform)).code).toBe("OPTION_INVALID")
  })
  it("starts with an empty account", async () => {
    const machine = Either.getOrThrow(await attempt(model({}), platform))
    const host = Either.getOrThrow(await attempt(bootHost(machine, vhe, 64 << 20, undefined), platform))
    expect(switchAccount(host)).toMatchObject({ exits: {}, fpTraps: 0 })
  })
})
