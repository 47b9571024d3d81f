/** Plugins from outside of plugins/: one that adds something, one that fits nothing. */
import { fileURLToPath } from "node:url"
import { Platform, type PluginConflictError, type RunRequest, run } from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const guest = path("average-guest")

const attempt = async (request: RunRequest) => {
  let output = ""
  const platform = nodePlatform()
  const streams = {
    readInput: () => new Uint8Array(0),
    writeOutput: (_: 1 | 2, bytes: Uint8Array) => {
      output += Buffer.from(bytes).toString()
      return true
    },
    isTerminal: () => false
  }
  const result = await Effect.runPromise(Effect.either(run({ ...request, streams }).pipe(Effect.provideService(Platform, platform))))
  return { result, output }
}

describe("a plugin from outside", () => {
  it.each([
    ["interp", "", "8f\n", 8 + 15],
    ["jit", "", "8f\n", 8 + 15],
    ["interp", ",rounding=up", "9f\n", 9 + 15],
    ["jit", ",rounding=up", "9f\n", 9 + 15]
  ] as const)("adds an instruction and a register (%s%s)", async (engine, options, text, status) => {
    const { result, output } = await attempt({ guest, engine, plugin: [`${path("average.js")}${options}`] })
    const { end, machine } = Either.getOrThrow(result)
    expect(end).toEqual({ kind: "exited", status })
    expect(output).toBe(text)
    expect(machine.plugins).toEqual(["base", "fpsimd", "average"])
    expect(machine.features).toContain("AVERAGE")
  })
  it("can be switched off like any feature: its instruction is UNDEFINED then", async () => {
    const { result } = await attempt({ guest, cpu: "max,average=off", plugin: [path("average.js")] })
    expect(Either.isLeft(result) && result.left.code).toBe("GUEST_IMAGE")
  })
  it("is needed by its guest", async () => {
    const { result } = await attempt({ guest })
    expect(Either.isLeft(result) && result.left._tag === "GuestImageError" && result.left.problems).toHaveLength(4)
  })
})

describe("a plugin that fits nothing", () => {
  it("is refused with all its conflicts at once", async () => {
    const { result } = await attempt({ guest, plugin: [path("conflicts.js")] })
    const error = Either.isLeft(result) ? (result.left as PluginConflictError) : undefined
    expect(error?.code).toBe("PLUGIN_CONFLICT")
    const text = error?.problems.join("\n")
    expect(text).toMatch(/^Plugin conflicts requires plugin teleporter, which is not loaded$/m)
    expect(text).toMatch(/^Register SCTLR_EL1 has two owners: base and conflicts$/m)
    expect(text).toMatch(/^ADD, ADDS, SUB, SUBS \(shifted register\) of base and ANOTHER ADD of conflicts both claim 0x[0-9a-f]{8}$/m)
  })
})
