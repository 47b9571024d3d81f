/** A snapshot loaded into a machine that is used makes it what a new machine is. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { Vm } from "../../src/promise.ts"
import { COUNTER, failureOf, HELLO, make, PLUGINS } from "./machines.ts"

const KINDS = ["linux", "vm", "bare"] as const
const MODES = ["vhe", "nvhe", "hvhe", "pkvm"] as const
const ENGINES = ["interp", "jit"] as const
const LOOP = HELLO.replace("_start:", "_start:\nmov x9, sp\nmov x0, #0\nagain: add x0, x0, #1\nstr x0, [x9, #-16]!\nb again")
const sourceOf = (kind: (typeof KINDS)[number]) => (kind === "linux" ? LOOP : COUNTER)
const machine = fc.record({
  kind: fc.constantFrom(...KINDS),
  mode: fc.constantFrom(...MODES),
  engine: fc.constantFrom(...ENGINES),
  vcpus: fc.constantFrom(1, 1, 2),
  instructions: fc.integer({ min: 1, max: 3000 })
})
const started = async ({ kind, mode, engine, vcpus, instructions }: typeof machine extends fc.Arbitrary<infer T> ? T : never): Promise<Vm> => {
  const { vm } = await make({ guest: { source: sourceOf(kind) }, kind, mode, engine, mem: "2M", ...(kind === "vm" && { vcpus, pcpus: vcpus }) })
  await vm.run({ maxInstructions: instructions })
  return vm
}

describe("a snapshot", () => {
  it("in a used machine goes on as in a new one, whatever both were", async () => {
    const property = fc.asyncProperty(machine, machine, fc.integer({ min: 1, max: 2000 }), async (saved, used, more) => {
      const [origin, other] = [await started(saved), await started(used)]
      const snapshot = origin.snapshot()
      const fresh = await Vm.restore(snapshot, { plugin: PLUGINS, engine: used.engine })
      const fork = other.fork()
      const before = other.snapshot()
      await other.load(snapshot)
      expect(other.snapshot()).toEqual(fresh.snapshot())
      expect([other.machine, other.executed]).toEqual([fresh.machine, fresh.executed])
      expect(await other.run({ maxInstructions: more })).toEqual(await fresh.run({ maxInstructions: more }))
      expect(other.snapshot()).toEqual(fresh.snapshot())
      // what was forked from it before is what it was then
      expect(fork.snapshot()).toEqual(before)
      for (const vm of [origin, other, fresh, fork]) vm.close()
    })
    await fc.assert(property, runs(8))
  })
  it.each(KINDS)("that is refused leaves a %s guest as it was", async (kind) => {
    const vm = await started({ kind, mode: "vhe", engine: "jit", vcpus: 1, instructions: 700 })
    const before = vm.snapshot()
    const broken = before.slice()
    broken[broken.length - 100]! ^= 1
    expect(await failureOf(() => vm.load(broken))).toMatchObject({ _tag: "SnapshotError", code: "SNAPSHOT_CHECKSUM" })
    expect(await failureOf(() => vm.load(before, { plugin: [] }))).toMatchObject({ _tag: "PluginLoadError" })
    expect(vm.snapshot()).toEqual(before)
  })
  it("is heard by whoever listened before", async () => {
    const vm = await started({ kind: "vm", mode: "vhe", engine: "jit", vcpus: 1, instructions: 100 })
    const before = vm.snapshot()
    let heard = 0
    const stop = vm.observe(["insn"], () => void heard++)
    await vm.run({ maxInstructions: 10 })
    await vm.load(before)
    await vm.run({ maxInstructions: 7 })
    expect(heard).toBe(17)
    stop()
    await vm.run({ maxInstructions: 5 })
    expect(heard).toBe(17)
    expect(vm.executed).toBe(112)
  })
  it("goes on after an end, and on changes too", async () => {
    const { vm, output } = await make({ guest: { source: HELLO } })
    await vm.run({ maxInstructions: 3 })
    const full = vm.snapshot()
    await vm.run({ maxInstructions: 1 })
    const changes = vm.snapshot({ parents: [full] })
    expect(await vm.run()).toEqual({ kind: "exited", status: 7 })
    await vm.load(changes, { parents: [full] })
    expect(vm.executed).toBe(4)
    expect(await vm.run()).toEqual({ kind: "exited", status: 7 })
    expect(output()).toBe("hello\nhello\n")
  })
  it("is not loaded while the machine runs, nor after it was closed", async () => {
    const vm = await started({ kind: "bare", mode: "vhe", engine: "jit", vcpus: 1, instructions: 100 })
    const before = vm.snapshot()
    const running = vm.run()
    expect(await failureOf(() => vm.load(before))).toMatchObject({ reason: "running" })
    const loading = vm.pause().then(() => vm.load(before))
    expect(await running).toEqual({ kind: "paused" })
    await loading
    expect(vm.executed).toBe(100)
    vm.close()
    expect(await failureOf(() => vm.load(before))).toMatchObject({ reason: "closed" })
  })
})
