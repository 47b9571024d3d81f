/** Forks of running machines: cheap, independent, equal; nothing is kept for those that are closed. */
import { describe, expect, it } from "vitest"
import { textOutput } from "../../src/promise.ts"
import { COUNTER, failureOf, HELLO, make } from "./machines.ts"

const KINDS = ["linux", "vm", "bare"] as const
const LOOP = HELLO.replace("_start:", "_start:\nmov x9, sp\nmov x0, #0\nagain: add x0, x0, #1\nstr x0, [x9, #-16]\nb again")
const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!

describe.each(KINDS)("a forked %s guest", (kind) => {
  const started = async () => {
    const { vm } = await make({ guest: { source: kind === "linux" ? LOOP : COUNTER }, kind })
    await vm.run({ maxInstructions: 1000 })
    return vm
  }
  it("is what its parent was, whatever that does before it is first used, and after it is closed", async () => {
    const vm = await started()
    const then = vm.snapshot()
    const [early, late, never] = [vm.fork(), vm.fork(), vm.fork()]
    expect(early.snapshot()).toEqual(then)
    await vm.run({ maxInstructions: 5000 })
    vm.writeMemory(vm.memory[0]!.base + 0x20_0000, new Uint8Array(8192).fill(7))
    never.close()
    const second = vm.fork()
    const later = vm.snapshot()
    vm.close()
    expect(late.snapshot()).toEqual(then)
    expect(second.snapshot()).toEqual(later)
    await early.run({ maxInstructions: 777 })
    await late.run({ maxInstructions: 700 })
    await late.run({ maxInstructions: 77 })
    expect(late.readRegister("X0")).toBe(early.readRegister("X0"))
    expect(await failureOf(() => never.snapshot())).toMatchObject({ reason: "closed" })
  })
  it("and its own forks leave each other alone", async () => {
    const vm = await started()
    const child = vm.fork()
    const grandchild = child.fork()
    child.writeRegister("X0", 5n)
    grandchild.writeRegister("X0", 6n)
    const x0 = vm.readRegister("X0")
    expect([child.readRegister("X0"), grandchild.readRegister("X0")]).toEqual([5n, 6n])
    const again = child.fork()
    child.writeRegister("X0", 50n)
    expect(again.readRegister("X0")).toBe(5n)
    const address = vm.memory[0]!.base + 0x30_0000
    child.writeMemory(address, Uint8Array.of(1))
    for (const other of [vm, grandchild, again]) expect(other.readMemory(address, 1)).toEqual(Uint8Array.of(0))
    expect(vm.readRegister("X0")).toBe(x0)
  })
})

describe("forks", () => {
  it("print where they are told", async () => {
    const { vm, output } = await make({ guest: { source: HELLO } })
    await vm.run({ maxInstructions: 5 })
    const texts: string[] = ["", ""]
    const children = texts.map((_, i) => vm.fork({ streams: textOutput((text) => (texts[i] += text)) }))
    for (const child of children) expect(await child.run()).toEqual({ kind: "exited", status: 7 })
    expect(texts).toEqual(["hello\n", "hello\n"])
    expect(output()).toBe("")
  })
  it("of what cannot be saved are refused", async () => {
    const { vm: ended } = await make({ guest: { source: HELLO } })
    await ended.run()
    expect(await failureOf(() => ended.fork())).toMatchObject({ _tag: "SnapshotError", code: "SNAPSHOT_BUSY" })
    const { vm } = await make({ guest: { source: COUNTER }, kind: "vm", vcpus: 2, mode: "pkvm" })
    await vm.run({ maxInstructions: 1000 })
    expect(await failureOf(() => vm.run({ until: 0n }))).toMatchObject({ reason: "several-cpus" })
  })
  it("of an idle machine of 128 MiB cost under a millisecond", async () => {
    for (const kind of ["vm", "linux"] as const) {
      const { vm } = await make({ guest: { source: kind === "vm" ? COUNTER : LOOP }, kind, mem: "128M" })
      await vm.run({ maxInstructions: 10_000 })
      const moved: number[] = []
      const idle: number[] = []
      const made: number[] = []
      const madeNext: number[] = []
      for (let i = 0; i < 21; i++) {
        await vm.run({ maxInstructions: 10 })
        const [first, child] = [performance.now(), vm.fork()]
        const [second, sibling] = [performance.now(), vm.fork()]
        const third = performance.now()
        moved.push(second - first)
        idle.push(third - second)
        if (i % 7 === 0) {
          const begun = performance.now()
          await sibling.run({ maxInstructions: 1 })
          made.push(performance.now() - begun)
          const next = performance.now()
          await child.run({ maxInstructions: 1 })
          madeNext.push(performance.now() - next)
        }
        for (const each of [child, sibling]) each.close()
      }
      console.log(
        `fork of ${kind}, 128 MiB: ${median(moved).toFixed(3)} ms, again ${median(idle).toFixed(4)} ms; made at its first use: ${median(made).toFixed(1)} ms, another ${median(madeNext).toFixed(1)} ms`
      )
      expect(median(idle)).toBeLessThan(1)
      expect(median(moved)).toBeLessThan(20)
      vm.close()
    }
  })
})
