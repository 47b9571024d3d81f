/** Memory of machines that are closed goes to later ones: nothing of it may be seen there, and nobody may lose his. */
import { describe, expect, it } from "vitest"
import { COUNTER, failureOf, make } from "./machines.ts"

const SECRET = new Uint8Array(3 * 4096).fill(0x5e)
const KINDS = ["vm", "bare"] as const

describe.each(KINDS)("a %s guest's memory", (kind) => {
  const config = { guest: { source: COUNTER }, kind, mem: "6M" } as const
  it("is zero for the next machine, and its run is that of any other", async () => {
    const first = await make(config)
    await first.vm.run({ maxInstructions: 20_000 })
    const expected = first.vm.snapshot()
    const { base, bytes } = first.vm.memory[0]!
    for (const at of [base + 0x20_0000, base + bytes - SECRET.length]) first.vm.writeMemory(at, SECRET)
    first.vm.close()
    const { vm } = await make(config)
    expect(vm.readMemory(base + 0x20_0000, SECRET.length)).toEqual(new Uint8Array(SECRET.length))
    await vm.run({ maxInstructions: 20_000 })
    expect(vm.snapshot()).toEqual(expected)
    expect(vm.readMemory(base + bytes - SECRET.length, SECRET.length)).toEqual(new Uint8Array(SECRET.length))
  })
  it("stays while machines forked from it are still to be made, in whatever order they are closed", async () => {
    const { vm } = await make(config)
    await vm.run({ maxInstructions: 1000 })
    const { base } = vm.memory[0]!
    vm.writeMemory(base + 0x20_0000, SECRET)
    const then = vm.snapshot()
    const [child, other] = [vm.fork(), vm.fork()]
    vm.writeMemory(base + 0x20_0000, new Uint8Array(SECRET.length).fill(1))
    vm.close()
    const unrelated = await make(config)
    unrelated.vm.writeMemory(base + 0x20_0000, new Uint8Array(SECRET.length).fill(9))
    expect(child.snapshot()).toEqual(then)
    child.close()
    expect(other.readMemory(base + 0x20_0000, SECRET.length)).toEqual(SECRET)
    expect(unrelated.vm.readMemory(base + 0x20_0000, 1)).toEqual(Uint8Array.of(9))
  })
  it("stays with a run that has not come to rest when its machine is closed", async () => {
    const { vm } = await make(config)
    const running = vm.run({ maxInstructions: 200_000_000 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    vm.close()
    const next = await make(config)
    await next.vm.run({ maxInstructions: 1000 })
    expect(await running).toMatchObject({ kind: "paused" })
    expect(next.vm.readRegister("X0")).toBeLessThan(1000n)
    expect(await failureOf(() => vm.snapshot())).toMatchObject({ reason: "closed" })
  })
  it("stays with the step in which a hook closes its machine", async () => {
    const { vm } = await make(config)
    const seen: string[] = []
    vm.observe(["insn"], (event) => {
      seen.push(event.type)
      if (seen.length === 20) vm.close()
    })
    expect(await vm.run({ maxInstructions: 2000 })).toMatchObject({ kind: expect.stringMatching(/paused|limit/) })
    // the step is done to its end, on its own memory
    expect(seen.length).toBe(2000)
    const next = await make(config)
    expect(next.vm.readMemory(0x4010_0000, 8)).toEqual(new Uint8Array(8))
  })
})
