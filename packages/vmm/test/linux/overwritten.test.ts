/** Programs whose owner has overwritten what their kernel needs come to an end. */
import { describe, expect, it } from "vitest"
import { Vm } from "../../src/promise.ts"
import { failureOf, HELLO, make, PLUGINS } from "../api/machines.ts"

describe.each(["interp", "jit"] as const)("a program without translation tables, %s", (engine) => {
  it("ends, for it would take one exception after the other for ever", async () => {
    const first = (await make({ guest: { source: HELLO }, engine })).vm
    await first.run({ maxInstructions: 3 })
    // one that has translated nothing yet
    const vm = await Vm.restore(first.snapshot(), { plugin: PLUGINS })
    const { base } = vm.memory[0]!
    vm.writeMemory(base + 0x1000, new Uint8Array(0x3000))
    expect(await failureOf(() => vm.run({ maxInstructions: 60 }))).toMatchObject({ _tag: "MachineError" })
    vm.close()
  })
})
