/** Host programs that use SVE, streaming SVE, ZA, ZT0 and FPMR, switched between at every possible place: each finds its registers as it left them. */
import { type Host, type Task, TIF } from "@eltwo/kvm"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { brokenInvariants } from "../src/host/invariants.ts"
import {
  bootScalable,
  EXIT,
  type MachineOptions,
  moveAll,
  OUT,
  pointTo,
  prepare,
  randomBank,
  randomOf,
  scalableProgram,
  type Use,
  usedParts
} from "./scalable-machine.ts"

const SPINS = 120
/** Fills its registers, waits, and stores them. */
const holding = (use: Use): string =>
  `${prepare(use)}
   ${pointTo(0)}
   ${moveAll(use, "load")}
   mov x9, #${SPINS}
   spin:
   sub x9, x9, #1
   cbnz x9, =spin
   ${pointTo(OUT)}
   ${moveAll(use, "store")}
   ${EXIT}`

interface Started {
  readonly use: Use
  readonly bank: Uint8Array
  readonly task: Task
  readonly data: Uint8Array
}
const started = (host: Host, seed: number, uses: readonly Use[]): readonly Started[] => {
  const random = randomOf(seed)
  return uses.map((use) => {
    const bank = randomBank(random, use)
    const data = new Uint8Array(2 * OUT)
    data.set(bank)
    return { use, bank, ...scalableProgram(host, holding(use), data) }
  })
}
/** All have ended, with their registers. */
const compare = (host: Host, programs: readonly Started[]): void => {
  for (const { task, use, bank, data } of programs) {
    expect(task.ended).toEqual({ status: expect.any(Number) })
    expect(Buffer.compare(usedParts(data, use, OUT), usedParts(bank, use))).toBe(0)
  }
  for (const { warnings } of host.cpus) expect(warnings).toEqual([])
  // they were switched between, not run one after the other
  expect(host.account.loads).toBeGreaterThan(3 * programs.length)
}
const hold = (seed: number, uses: readonly Use[], options: MachineOptions): void => {
  const host = bootScalable(options)
  const random = randomOf(seed)
  const programs = started(host, seed, uses)
  for (let turn = 0; turn < 3000 && programs.some(({ task }) => !task.ended); turn++) {
    const { task } = programs[random(programs.length)]!
    const stop = host.runTask(task, 1 + random(90))
    if (typeof stop !== "string") throw new Error(stop.message)
  }
  compare(host, programs)
}

const LENGTHS = [16, 32, 64, 128, 256]
describe.each([
  { engine: "interp", mode: vhe, lengths: LENGTHS },
  { engine: "jit", mode: vhe, lengths: LENGTHS },
  { engine: "interp", mode: nvhe, lengths: [64] },
  { engine: "jit", mode: protectedMode("nvhe"), lengths: [128] },
  { engine: "interp", mode: protectedMode("hvhe"), lengths: [32] }
] as const)("registers survive switches ($engine, $mode.name)", ({ engine, mode, lengths }) => {
  it.each(lengths)("vectors and ZA of %i bytes", (vl) => {
    hold(vl, [{ sve: vl }, { sve: vl, sme: vl }, { sme: vl, streaming: true, fa64: true }, {}, { sve: 4096 / vl, sme: vl }], { engine, mode })
  })
  it("of different lengths", () =>
    hold(99, [{ sve: 16, sme: 256 }, { sve: 256, sme: 16, streaming: true, fa64: true }, { sve: 64 }], { engine, mode }))
})

describe("under the scheduler", () => {
  it.each(["interp", "jit"] as const)("on three CPUs, with random migration (%s)", (engine) => {
    const uses: readonly Use[] = [
      { sve: 64 },
      { sve: 256, sme: 16 },
      { sve: 16, sme: 128, streaming: true, fa64: true },
      {},
      { sme: 64 },
      { sve: 128, sme: 64, streaming: true, fa64: true }
    ]
    const host = bootScalable({ engine, pes: 3 })
    host.scheduler.configure({ seed: 7, slice: 40, quantum: 60, migration: "random" })
    const programs = started(host, 7, uses)
    for (const { task } of programs) host.scheduler.spawn(task)
    for (let turn = 0; turn < 400 && programs.some(({ task }) => !task.ended); turn++) {
      const stop = host.scheduler.run(100)
      if (typeof stop !== "string") throw new Error(stop.message)
      expect(brokenInvariants(host, [])).toEqual([])
    }
    compare(host, programs)
  })
})

describe("what a machine lacks", () => {
  it("costs nothing: SVE without SME", () => hold(5, [{ sve: 64 }, { sve: 32 }, {}], { smeVls: [] }))
})

it("EL0 may use SVE and SME only after the first trap", () => {
  const host = bootScalable()
  const { task } = scalableProgram(host, "ptrue p0.b\nsmstart za\nagain:\nb =again")
  expect(host.runTask(task, 0)).toBe("limit")
  expect(task.flags & (TIF.SVE | TIF.SME)).toBe(0)
  host.runTask(task, 1)
  expect(task.flags & (TIF.SVE | TIF.SME)).toBe(TIF.SVE)
  host.runTask(task, 1)
  expect(task.flags & (TIF.SVE | TIF.SME)).toBe(TIF.SVE | TIF.SME)
})
