/** Laws of snapshots over random guests, points, modes and engines. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, isErrno, isVmBusy, vmState } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { pkvm } from "@eltwo/plugin-pkvm"
import { Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { SnapshotError } from "../../src/errors.ts"
import { restoreGuest } from "../../src/Guest.ts"
import { containersOf, flatten } from "../../src/snapshot/chain.ts"
import { consoleOf, difference, guestPath, outcome, restore, saved, start } from "./machines.ts"

const guests = fc.constantFrom("calls", "signals", "syscalls", "self-modifying", "hello-vm", "timer", "exceptions")
const modes = fc.constantFrom("vhe", "nvhe", "hvhe", "pkvm")
const engines = fc.constantFrom("interp", "jit")
const MEMORY = "2M"

describe("a snapshot", () => {
  it("goes on as what it was made of, twice, in either engine, instruction by instruction", async () => {
    const property = fc.asyncProperty(
      guests,
      modes,
      engines,
      engines,
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 400 }),
      async (name, mode, one, other, n, m) => {
        const console = consoleOf()
        // the other base of protected KVM: hyp code without E2H
        const plugin = mode === "pkvm" && n % 2 === 0 ? ["pkvm,base=nvhe"] : []
        const guest = await start({ guest: guestPath(name), mode, plugin, engine: one, mem: MEMORY, streams: console })
        if (guest.run(n) !== undefined) return
        const bytes = saved(guest)
        // each instruction with its address, from the one whole run and from the restored one
        const trace = async () => {
          const lines: string[] = []
          const onEvent = (event: { readonly type: string; readonly pc?: bigint; readonly word?: number }) =>
            lines.push(`${event.type} ${event.pc} ${event.word}`)
          const twin = await restore({ snapshots: [bytes], engine: "interp", trace: ["insn", "exc"], onEvent, streams: consoleOf(console.rest()) })
          const end = twin.run(m)
          return { lines, end, bytes: end === undefined ? saved(twin) : undefined }
        }
        const [first, second] = [await trace(), await trace()]
        expect(second.lines).toEqual(first.lines)
        const twin = await restore({ snapshots: [bytes], engine: other, streams: consoleOf(console.rest()) })
        const end = guest.run(m)
        expect([twin.run(m), first.end, second.end]).toEqual([end, end, end])
        if (end !== undefined) return
        const after = saved(guest)
        expect(difference(after, saved(twin))).toEqual([])
        expect(difference(after, first.bytes!)).toEqual([])
        expect(difference(after, second.bytes!)).toEqual([])
      }
    )
    await fc.assert(property, runs(12))
  })
  it("as a chain of changes is, flattened, the full one", async () => {
    const property = fc.asyncProperty(guests, fc.array(fc.integer({ min: 1, max: 800 }), { minLength: 2, maxLength: 4 }), async (name, pieces) => {
      const guest = await start({ guest: guestPath(name), engine: "interp", mem: MEMORY, streams: consoleOf() })
      const chain: Uint8Array[] = []
      for (const piece of pieces) {
        if (guest.run(piece) !== undefined) break
        chain.push(saved(guest, chain))
      }
      if (chain.length < 2) return
      const containers = containersOf(chain, {})
      expect(containers).not.toBeInstanceOf(SnapshotError)
      const flat = flatten(containers as Exclude<typeof containers, SnapshotError>)
      expect(flat).not.toBeInstanceOf(SnapshotError)
      expect(difference(flat as Uint8Array, saved(await restore({ snapshots: chain, engine: "interp", streams: consoleOf() })))).toEqual([])
    })
    await fc.assert(property, runs(8))
  })
  it("goes on in every mode to the same end", async () => {
    const property = fc.asyncProperty(
      fc.constantFrom("hello", "calls", "signals", "hello-vm"),
      modes,
      modes,
      fc.integer({ min: 1, max: 200 }),
      async (name, from, to, n) => {
        const before = consoleOf()
        const guest = await start({ guest: guestPath(name), mode: from, mem: MEMORY, streams: before })
        if (guest.run(n) !== undefined) return
        const bytes = saved(guest)
        const printed = before.output.length
        const end = guest.run(1_000_000)
        const console = consoleOf()
        const twin = await restore({ snapshots: [bytes], mode: to, streams: console })
        expect([twin.run(1_000_000), console.output]).toEqual([end, before.output.slice(printed)])
      }
    )
    await fc.assert(property, runs(12))
  })
})

describe("a machine that lacks something", () => {
  const refusal = async (snapshot: Uint8Array, cpu: string): Promise<SnapshotError> => {
    const result = await outcome(restoreGuest({ snapshots: [snapshot], cpu, streams: consoleOf() }))
    if (Either.isRight(result) || !(result.left instanceof SnapshotError)) throw new Error("not refused")
    return result.left
  }
  it("is told exactly", async () => {
    const scalable = { guest: guestPath("hello-bare"), mem: MEMORY, plugin: ["sve", "sme"], streams: consoleOf() }
    const guest = await start({ ...scalable, cpu: "max,vl=256,svl=512" })
    const bytes = saved(guest)
    expect((await refusal(bytes, "max,vl=256,svl=256")).message).toBe("needs SVL 512 bits; this machine offers 128, 256")
    expect((await refusal(bytes, "max,vl=128,svl=512")).message).toBe("needs VL 256 bits; this machine offers 128")
    expect((await refusal(bytes, "max,vl=256,svl=1024")).message).toBe(
      "needs SVL of 128, 256, 512 bits only; this machine offers 128, 256, 512, 1024"
    )
    expect((await refusal(bytes, "max,vl=256,svl=512,crc32=off")).code).toBe("SNAPSHOT_FEATURE_MISMATCH")
    expect(difference(saved(await restore({ snapshots: [bytes], cpu: "max,vl=256,svl=512", streams: consoleOf() })), bytes)).toEqual([])
  })
})

describe("a protected VM", () => {
  it("is not saved", () => {
    const isa = composeOrThrow([base, fpsimd])
    const host = createHost({ board: createBoard({ isa, ramBase: 0x4000_0000, ramBytes: 32 << 20 }), mode: pkvm.create({ base: "nvhe" }) })
    const vm = host.createVm({ type: 1n << 31n })
    if (isErrno(vm)) throw new Error(vm)
    const state = vmState(vm)
    expect(isVmBusy(state) && state.protected).toBe(true)
  })
})
