/** Host programs that use SVE, streaming SVE, ZA, ZT0 and FPMR, switched between at every possible place: each finds its registers as it left them. */
import { TIF } from "@eltwo/kvm"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
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

const hold = (seed: number, uses: readonly Use[], options: MachineOptions): void => {
  const host = bootScalable(options)
  const random = randomOf(seed)
  const programs = uses.map((use) => {
    const bank = randomBank(random, use)
    const data = new Uint8Array(2 * OUT)
    data.set(bank)
    return { use, bank, ...scalableProgram(host, holding(use), data) }
  })
  for (let turn = 0; turn < 3000 && programs.some(({ task }) => !task.ended); turn++) {
    const { task } = programs[random(programs.length)]!
    const stop = host.runTask(task, 1 + random(90))
    if (typeof stop !== "string") throw new Error(JSON.stringify(stop, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v)))
  }
  for (const { task, use, bank, data } of programs) {
    expect(task.ended).toEqual({ status: expect.any(Number) })
    expect(usedParts(data, use, OUT)).toEqual(usedParts(bank, use))
  }
  expect(host.cpus[0]!.warnings).toEqual([])
  // they were switched between, not run one after the other
  expect(host.account.loads).toBeGreaterThan(3 * uses.length)
}

describe.each([
  { engine: "interp", mode: vhe },
  { engine: "jit", mode: vhe },
  { engine: "interp", mode: nvhe }
] as const)("registers survive switches ($engine, $mode.name)", ({ engine, mode }) => {
  it.each([16, 32, 64, 128, 256])("vectors and ZA of %i bytes", (vl) => {
    hold(vl, [{ sve: vl }, { sve: vl, sme: vl }, { sme: vl, streaming: true, fa64: true }, {}, { sve: 4096 / vl, sme: vl }], { engine, mode })
  })
  it("of different lengths", () =>
    hold(99, [{ sve: 16, sme: 256 }, { sve: 256, sme: 16, streaming: true, fa64: true }, { sve: 64 }], { engine, mode }))
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
