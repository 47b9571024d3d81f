/** Snapshots written to files by the machine itself: the same bytes as those in memory, of the moment at which they were asked for. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { nodePlatform } from "../../src/node.ts"
import { Vm } from "../../src/promise.ts"
import { COUNTER, failureOf, make, PLUGINS } from "./machines.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-save-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const bytesAt = (path: string): Uint8Array => new Uint8Array(readFileSync(path))
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i)

describe.each(["vm", "bare"] as const)("a %s guest", (kind) => {
  const started = async () => {
    const vm = await Vm.make({ guest: { source: COUNTER }, kind, mem: "4M", plugin: PLUGINS, platform: nodePlatform() })
    await vm.run({ maxInstructions: 1000 })
    return vm
  }
  it("is written as it was when it was asked for, though it goes on at once", async () => {
    const vm = await started()
    const path = join(folder, `${kind}.el2`)
    const then = vm.snapshot()
    const saving = vm.save(path)
    vm.writeRegister("X0", 99n)
    await vm.run({ maxInstructions: 5000 })
    await saving
    expect(bytesAt(path)).toEqual(then)
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([])
    vm.close()
  })
  it("is written as changes, and what it wrote meanwhile is in the next ones", async () => {
    const vm = await started()
    const path = (n: number) => join(folder, `${kind}-${n}.el2`)
    const chain: Uint8Array[] = []
    for (let n = 0; n < 4; n++) {
      const saving = vm.save(path(n), { parents: chain })
      await vm.run({ maxInstructions: 500 + n })
      await saving
      chain.push(bytesAt(path(n)))
    }
    const last = await Vm.restore(chain[3]!, { parents: chain.slice(0, 3), plugin: PLUGINS })
    await last.run({ maxInstructions: 503 })
    expect(last.snapshot()).toEqual(vm.snapshot())
    expect(chain[3]!.length).toBeLessThan(30_000)
  })
  it("keeps a file that is there, and can be sealed", async () => {
    const vm = await started()
    const path = join(folder, `${kind}-kept.el2`)
    await vm.save(path, { key: KEY })
    expect(await failureOf(() => vm.save(path))).toMatchObject({ _tag: "SnapshotError", code: "SNAPSHOT_EXISTS" })
    const again = await Vm.restore(bytesAt(path), { key: KEY, plugin: PLUGINS })
    expect(again.snapshot()).toEqual(vm.snapshot())
    await vm.save(path, { force: true })
    expect(bytesAt(path)).toEqual(vm.snapshot())
    expect(await failureOf(() => vm.save(join(folder, "nowhere", "x.el2")))).toMatchObject({ _tag: "FileError", code: "FILE" })
    vm.close()
    expect(await failureOf(() => vm.save(path, { force: true }))).toMatchObject({ reason: "closed" })
  })
})
it("where there are no files, none is written", async () => {
  const { vm } = await make({ guest: { source: COUNTER }, kind: "vm" })
  expect(await failureOf(() => vm.save("x.el2"))).toMatchObject({ _tag: "FileError", message: "x.el2 cannot be written: there are no files here" })
})
