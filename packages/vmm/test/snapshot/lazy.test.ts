/** A restored guest whose pages get their contents when they are first used is the one that had all of them from the start, whatever is done with both. */

import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { ramOf, rangesOf } from "../../src/api/memory.ts"
import { SnapshotError } from "../../src/errors.ts"
import { beginRestored, Guest } from "../../src/Guest.ts"
import { boardOf, type Live } from "../../src/live.ts"
import { flatten } from "../../src/snapshot/chain.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { boardRam } from "../../src/snapshot/host-parts.ts"
import { written } from "../../src/snapshot/lines.ts"
import { pagesOf } from "../../src/snapshot/pages.ts"
import { sha256 } from "./apart.ts"
import { consoleOf, difference, guestPath, perform, saved, start } from "./machines.ts"

interface Twin {
  readonly live: Live
  guest: Guest
  /** What snapshots of it build on. */
  chain: readonly Uint8Array[]
}
const useAll = ({ physical, ram }: ReturnType<typeof boardOf>): void => void physical.at(ram.base, ram.bytes)
const INPUT = "some\ninput\n"
const twin = async (chain: readonly Uint8Array[], engine: "interp" | "jit", isLazy: boolean, note: boolean): Promise<Twin> => {
  const { live, prepared, clock } = await perform(beginRestored({ snapshots: chain, engine, note, streams: consoleOf(INPUT) }))
  if (!isLazy) useAll(boardOf(live))
  return { live, guest: new Guest({ prepared, live }, clock), chain }
}
const usedPages = (live: Live): number => boardOf(live).physical.usedBytes / 4096

/** Something done with a twin; `at` and `n` say where and how much of it. What comes out is the same for both. */
type Act = (twin: Twin, at: number, n: number) => unknown
const placed = ({ live }: Twin, at: number): number => {
  const { base, bytes } = rangesOf(live)[0]!
  return base + Math.floor(at * (bytes - 0x3000))
}
/** Programs go on with what is there: anything else might be their kernel's tables. */
const put = ({ live }: Twin, address: number, bytes: Uint8Array): unknown => {
  const ram = ramOf(live)
  const there = ram.read(address, bytes.length)
  return there instanceof Uint8Array ? [there, ram.write(address, live.kind === "linux" ? there : bytes)] : there
}
const ACTS: Readonly<Record<string, Act>> = {
  run: ({ guest }, _, n) => guest.run(n),
  read: (one, at, n) => ramOf(one.live).read(placed(one, at), 1 + (n % 9000)),
  write: (one, at, n) => put(one, placed(one, at), new Uint8Array(n % 300).fill(n)),
  wipe: (one, at, n) => put(one, placed(one, at), new Uint8Array(4096 + (n % 5000))),
  save: ({ guest, chain }, _, n) => saved(guest, n % 2 ? chain : []),
  build: (one, _, n) => {
    const file = saved(one.guest, one.chain, n % 2 === 0)
    one.chain = [...one.chain, file]
    return file
  },
  keep: ({ guest }) => void guest.keep(),
  fork: async ({ guest }, _, n) => {
    const moment = guest.keep()
    if (moment instanceof SnapshotError) throw moment
    guest.run(n)
    const child = await Effect.runPromise(guest.forked(moment, consoleOf(INPUT)))
    const then = saved(child)
    const again = child.keep()
    if (again instanceof SnapshotError) throw again
    child.run(n >> 1)
    return [then, saved(child), saved(await Effect.runPromise(child.forked(again, consoleOf(INPUT))))]
  },
  log: ({ live, guest }, _, n) => {
    if (live.kind === "bare") return undefined
    const { vm } = live
    const { guestPhysical, length } = [...vm.slots][0]!
    const set = (logDirty: boolean) => typeof vm.setMemoryRegion({ slot: 0, guestPhysical, bytes: length, logDirty })
    return [set(true), guest.run(n >> 1), vm.getDirtyLog(0), guest.run(n >> 1), vm.getDirtyLog(0), set(false)]
  },
  slot: ({ live }, at, n) => {
    if (live.kind === "bare") return undefined
    const where = (page: number) => 0x2_0000_0000 + page * 4096
    const region = live.vm.setMemoryRegion({ slot: 7, guestPhysical: where(0), bytes: 0x4000 })
    if (typeof region === "string") return region
    const first = [live.vm.read(where(0), 0x4000), live.vm.write(where(Math.floor(at * 4)), new Uint8Array(100).fill(n))]
    const moved = live.vm.setMemoryRegion({ slot: 7, guestPhysical: where(16), bytes: 0x4000 })
    const then = live.vm.read(where(16), 0x4000)
    const gone = live.vm.setMemoryRegion({ slot: 7, guestPhysical: where(16), bytes: 0 })
    return [first, then, [moved, gone].map((each) => typeof each)]
  }
}
/** Bytes are told by their hash: comparing long lists of them takes a while. */
const told = (result: unknown): unknown =>
  result instanceof Uint8Array ? Buffer.from(sha256(result)).toString("hex") : Array.isArray(result) ? result.map(told) : result
/** What comes out, or what it fails with: a guest that has ended is not forked. */
const outcomeOf = async (act: string, ...[one, at, n]: Parameters<Act>): Promise<unknown> => {
  try {
    return told(await ACTS[act]!(one, at, n))
  } catch (error) {
    return String(error)
  }
}
const NAMES = Object.keys(ACTS)
const flat = (chain: readonly Uint8Array[]): Uint8Array => {
  const file = flatten(
    chain.map((bytes) => {
      const container = readContainer(bytes, { hash: sha256 })
      if (container instanceof SnapshotError) throw container
      return container
    }),
    sha256
  )
  if (file instanceof SnapshotError) throw file
  return file
}

describe("a restored guest", () => {
  it("is the same whether its pages are there from the start or come when they are used", async () => {
    let lazily = 0
    const property = fc.asyncProperty(
      fc.constantFrom(
        "calls",
        "signals",
        "syscalls",
        "syscalls",
        "self-modifying",
        "hello-bare",
        "hello-vm",
        "hello-vm",
        "hello-vm",
        "timer",
        "exceptions"
      ),
      fc.constantFrom("vhe", "nvhe", "hvhe", "pkvm"),
      fc.constantFrom("interp", "jit"),
      fc.constantFrom(1, 2),
      fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1200 })), { maxLength: 12 }),
      async (name, mode, engine, cpus, pieces, acts) => {
        // with several, the whole host is saved
        const pcpus = name === "hello-vm" ? cpus : 1
        const guest = await start({ guest: guestPath(name), mode, engine, pcpus, mem: "2M", streams: consoleOf(INPUT) })
        const chain: Uint8Array[] = []
        for (const piece of pieces) {
          if (guest.run(piece) !== undefined) return
          chain.push(saved(guest, chain))
        }
        const [lazy, eager] = [await twin(chain, engine, true, acts.length % 2 === 0), await twin(chain, engine, false, false)]
        const full = flat(chain)
        expect(difference(saved(lazy.guest), full)).toEqual([])
        expect(difference(saved(eager.guest), full)).toEqual([])
        lazily += usedPages(eager.live) - usedPages(lazy.live)
        for (const [act, at, n] of acts) {
          const [one, other] = [await outcomeOf(act, lazy, at, n), await outcomeOf(act, eager, at, n)]
          expect(one, act).toEqual(other)
        }
        if (!(lazy.guest.snapshot() instanceof SnapshotError)) {
          expect(difference(saved(lazy.guest), saved(eager.guest))).toEqual([])
          useAll(boardOf(lazy.live))
          expect(difference(saved(lazy.guest), saved(eager.guest))).toEqual([])
        }
        // what was written without being noted as used would be seen by the next machine
        const board = boardOf(lazy.live)
        board.dispose()
        expect(Buffer.from(board.memory.buffer).equals(Buffer.alloc(board.memory.buffer.byteLength))).toBe(true)
      }
    )
    await fc.assert(property, runs(14, 7))
    expect(lazily).toBeGreaterThan(0)
  })
  it("is saved as it was when its memory came from another machine's, page by page as that had it", () => {
    const boards = [0, 1].map(() => createBoard({ isa: composeOrThrow([base]), ramBase: 0x4000_0000, ramBytes: 0x10000 }))
    const [one, other] = boards as [(typeof boards)[0], (typeof boards)[0]]
    for (const page of [1, 3, 4]) one.write(0x4000_0000 + page * 4096 + 70, Uint8Array.of(page, 9))
    one.write(0x4000_4000, new Uint8Array(4096))
    other.physical.supply(one.physical.contents())
    const [then, now] = [one, other].map((board) => {
      const { stored, ...rest } = pagesOf(boardRam(board))
      return { ...rest, stored: written(stored) }
    })
    expect(JSON.stringify([now!.data, now!.zero])).toBe(JSON.stringify([then!.data, then!.zero]))
    expect(Buffer.compare(now!.stored, then!.stored)).toBe(0)
    expect([...now!.data]).toEqual([1, 3])
  })
})
