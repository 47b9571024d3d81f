/** Machines that are closed while something of them is still under way: what was begun ends with what it was begun on, and nobody else's memory is touched. */
import { describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { Vm } from "../../src/promise.ts"
import { unseal } from "../../src/snapshot/seal.ts"
import { COUNTER, make, PLUGINS } from "./machines.ts"

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1)
const SECRET = new Uint8Array(8192).fill(0x5e)
const clear = async (sealed: Uint8Array): Promise<Uint8Array> => {
  const file = await unseal(sealed, KEY)
  if (file instanceof SnapshotError) throw file
  return file
}

/** Without a list of all their bytes when they differ. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe.each(["vm", "bare"] as const)("a %s guest", (kind) => {
  const started = async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind, mem: "5M" })
    await vm.run({ maxInstructions: 1000 })
    const { base } = vm.memory[0]!
    const [full, sealed] = [vm.snapshot(), await vm.sealed(KEY)]
    vm.writeMemory(base + 0x18_0000, new Uint8Array(5000).fill(7))
    await vm.run({ maxInstructions: 300 })
    return { vm, base, full, sealed, expected: vm.snapshot({ parents: [full] }) }
  }
  it("that is sealed as changes is so as it was then, though it is closed at once and its memory would be another's", async () => {
    const { vm, base, sealed, expected } = await started()
    const sealing = vm.sealed(KEY, { parents: [sealed] })
    vm.close()
    const other = (await make({ guest: { source: COUNTER }, kind, mem: "5M" })).vm
    other.writeMemory(base + 0x20_0000, SECRET)
    expect(same(await clear(await sealing), expected)).toBe(true)
    other.close()
  })
  it("that is sealed as changes is so as it was then, though it goes on at once; so are the next changes", async () => {
    const { vm, base, sealed, expected } = await started()
    const sealing = vm.sealed(KEY, { parents: [sealed] })
    vm.writeMemory(base + 0x18_1000, SECRET)
    await vm.run({ maxInstructions: 100 })
    const second = await sealing
    expect(same(await clear(second), expected)).toBe(true)
    const third = await vm.sealed(KEY, { parents: [sealed, second] })
    const again = await Vm.restore(third, { parents: [sealed, second], key: KEY, plugin: PLUGINS })
    expect(same(again.snapshot(), vm.snapshot())).toBe(true)
  })
  it("can be closed twice, with streams of its events and hooks still there, and they do nothing to the next one", async () => {
    const { vm, base } = await started()
    const events = vm.events(["insn"])[Symbol.asyncIterator]()
    const unhook = vm.observe(["insn"], () => {})
    const waiting = events.next()
    const child = vm.fork()
    vm.close()
    vm.close()
    const next = (await make({ guest: { source: COUNTER }, kind, mem: "5M" })).vm
    const fresh = next.snapshot()
    expect(await waiting).toMatchObject({ done: true })
    unhook()
    await events.return?.(undefined)
    await vm.pause()
    child.readMemory(base, 8)
    child.close()
    expect(same(next.snapshot(), fresh)).toBe(true)
    next.close()
  })
})
