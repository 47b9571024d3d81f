/**
 * Laws of whole hosts over random guests, schedules and points: a host that is saved and restored is the host it was, and goes on as if nothing had happened,
 * event by event, in either engine.
 */
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { attachJit, createBoard, type PageSource } from "@eltwo/cpu"
import { assembleLines } from "@eltwo/isa"
import { type Host, type HostState, hostState, isErrno, type Mode, restoreHost, type Task } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode, tableProblems } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { restoreHostSnapshot, restoreSealedHost, SnapshotError, saveHost, sealHost } from "@eltwo/vmm"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "./property.ts"
import { bootHost, HOST_BOARD, isa, RunningGuest, vmGuest, vmGuests } from "./vm-guests/machine.ts"

interface World {
  readonly host: Host
  readonly guests: readonly RunningGuest[]
}
interface Saved {
  readonly state: HostState
  readonly ram: Uint8Array
  readonly memory: PageSource
  readonly told: readonly Pick<RunningGuest, "reports" | "end">[]
}
const PROGRAM = 0x400000
/** Host programs that use SVE, streaming mode and ZA, at changing vector lengths. */
const PROGRAMS: readonly (readonly string[])[] = [
  [
    "mov x0, #50",
    "mov x1, #64",
    "mov x8, #167",
    "svc #0",
    "again:",
    "index z0.s, #1, #3",
    "add z1.s, z0.s, z1.s",
    "ptrue p3.b",
    "add x20, x20, #1",
    "b again"
  ],
  ["smstart", "again:", "ptrue p0.b", "mov w12, #0", "mov za0h.b[w12, 0], p0/m, z1.b", "add z1.b, z1.b, #3", "add x20, x20, #1", "b again"],
  ["again:", "add v1.4s, v1.4s, v2.4s", "fmov v2.4s, #1.5", "mov x8, #124", "svc #0", "b again"]
]
const spawnProgram = (host: Host, lines: readonly string[]): Task => {
  const { words, problems } = assembleLines(lines, PROGRAM, isa)
  const task = host.createTask()
  if (problems || isErrno(task)) throw new Error(JSON.stringify(problems ?? task))
  host.mapMemory(task, PROGRAM, new Uint8Array(words.buffer), { execute: true })
  task.registers.pc = BigInt(PROGRAM)
  return host.scheduler.spawn(task)
}

interface Plan {
  readonly mode: ModeName
  /** Its VMs are protected ones where the mode has such. */
  readonly isProtected: boolean
  readonly engine: "interp" | "jit"
  readonly cpus: number
  readonly guests: readonly string[]
  readonly programs: readonly number[]
  readonly seed: number
}
const PROTECTED = 1n << 31n
const begin = ({ mode, isProtected, engine, cpus, guests, programs, seed }: Plan): World => {
  const host = bootHost({ mode: MODES[mode], engine, cpus })
  host.scheduler.configure({ seed, slice: 300, quantum: 200, migration: cpus > 1 ? "random" : "affinity" })
  for (const program of programs) spawnProgram(host, PROGRAMS[program]!)
  const type = isProtected && MODES[mode].vms ? PROTECTED : 0n
  return { host, guests: guests.map((name) => new RunningGuest(host, vmGuest(name), type).schedule(host)) }
}
const ramOf = ({ board: { physical, ram } }: Host): Uint8Array => physical.read(ram.base, ram.bytes)!
const save = ({ host, guests }: World): Saved => {
  const state = hostState(host, { sealed: true })
  if ("busy" in state) throw new Error(state.busy)
  return { state, ram: ramOf(host), memory: host.board.physical.contents(), told: guests.map(({ reports, end }) => ({ reports: [...reports], end })) }
}
const restore = ({ state, memory, told }: Saved, mode: Mode, engine: "interp" | "jit"): World => {
  const board = createBoard({ ...HOST_BOARD, isa, pes: state.cpus.length })
  if (engine === "jit") attachJit(board)
  const guests: RunningGuest[] = []
  const host = restoreHost(state, {
    board,
    mode,
    memory,
    onExit: (vcpu) => (exit) => guests[vcpu.vm.id - 1]!.afterRun(exit, vcpu.id)
  })
  if (typeof host === "string") throw new Error(host)
  for (const vm of host.vms.values()) guests.push(new RunningGuest(host, { vm, ...told[vm.id - 1]! }))
  return { host, guests }
}
/** Runs on; every event counts. */
const goOn = ({ host, guests }: World, instructions: number) => {
  const hash = createHash("sha256")
  let events = 0
  const stop = host.subscribe((event) => {
    events++
    hash.update(JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)))
  })
  const end = host.scheduler.run(instructions)
  stop()
  return { end, events, hash: hash.digest("hex"), reports: guests.map(({ reports }) => reports), ends: guests.map(({ end }) => end) }
}

const MODES = { vhe, nvhe, hvhe, "pkvm on hvhe": protectedMode("hvhe"), "pkvm on nvhe": protectedMode("nvhe") } as const
type ModeName = keyof typeof MODES
const engines = fc.constantFrom<"interp" | "jit">("interp", "jit")
const names = vmGuests()
  .map(({ name }) => name)
  .filter((name) => name !== "sme-refused")
const plans = (...modes: readonly ModeName[]): fc.Arbitrary<Plan> =>
  fc.record({
    mode: fc.constantFrom(...modes),
    isProtected: fc.boolean(),
    engine: engines,
    cpus: fc.integer({ min: 1, max: 3 }),
    guests: fc.array(fc.constantFrom(...names, "two-vcpus", "vgic-sgi", "vgic-timer", "sve-sums"), { minLength: 1, maxLength: 2 }),
    programs: fc.array(fc.integer({ min: 0, max: PROGRAMS.length - 1 }), { maxLength: 2 }),
    seed: fc.integer({ min: 0, max: 1000 })
  })

/** Quickly, and with all there is to see when it is not so. */
const mustBeSame = (a: Saved, b: Saved): void => {
  if (!isDeepStrictEqual(a.state, b.state)) expect(a.state).toEqual(b.state)
  expect(Buffer.compare(a.ram, b.ram)).toBe(0)
}
/** More of them when asked for. */
const RUNS = Number(process.env["WHOLE_HOSTS"] ?? 8)

describe("a host", () => {
  it.each([
    ["vhe", "nvhe", "hvhe"],
    ["pkvm on hvhe", "pkvm on nvhe"]
  ] as const)("that is saved and restored is the same, and goes on event by event, in either engine: %s, %s", (...modes) => {
    const law = fc.property(
      plans(...modes),
      engines,
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      (plan, other, n, m) => {
        const world = begin(plan)
        world.host.scheduler.run(n)
        const saved = save(world)
        const twin = restore(saved, MODES[plan.mode], other)
        const again = save(twin)
        mustBeSame(again, saved)
        expect(tableProblems(twin.host)).toEqual([])
        const [here, there] = [goOn(world, m), goOn(twin, m)]
        expect(there).toEqual(here)
        mustBeSame(save(twin), save(world))
        expect(tableProblems(twin.host)).toEqual([])
      }
    )
    fc.assert(law, runs(RUNS))
  })
  it.each(["nvhe", "pkvm on hvhe"] as const)("is a file as well, the same for the same state; what cannot be saved is said: %s", (name) => {
    const mode = MODES[name]
    const world = begin({ mode: name, isProtected: false, engine: "interp", cpus: 2, guests: ["vgic-sgi"], programs: [1], seed: 3 })
    world.host.scheduler.run(5_000)
    const file = saveHost(world.host)
    if (file instanceof SnapshotError) throw file
    const boardOf = (pes: number) => createBoard({ ...HOST_BOARD, isa, pes })
    const again = restoreHostSnapshot(file, { board: boardOf(2), mode })
    if (again instanceof SnapshotError) throw again
    expect(saveHost(again)).toEqual(file)
    expect(restoreHostSnapshot(file, { board: boardOf(1), mode })).toMatchObject({ code: "SNAPSHOT_FEATURE_MISMATCH" })
    expect(restoreHostSnapshot(file, { board: boardOf(2), mode: vhe })).toMatchObject({ code: "SNAPSHOT_FEATURE_MISMATCH" })
    expect(tableProblems(again)).toEqual([])
    if (mode.vms)
      expect(restoreHostSnapshot(file, { board: boardOf(2), mode: protectedMode("nvhe") })).toMatchObject({
        code: "SNAPSHOT_FEATURE_MISMATCH",
        message: "it needs mode pkvm on the base hvhe; this machine is booted in pkvm on nvhe"
      })
    again.vmm.open({ write: () => 0 })
    expect(hostState(again)).toEqual({ busy: "task1 has a file open that has no name" })
    again.cpus[1]!.softirqs.push(() => {})
    expect(saveHost(again)).toMatchObject({ code: "SNAPSHOT_BUSY", actual: "CPU 1 has softirqs pending" })
  })
  it("with a protected VM is a file for the holder of a key", async () => {
    const mode = MODES["pkvm on nvhe"]
    const world = begin({
      mode: "pkvm on nvhe",
      isProtected: true,
      engine: "interp",
      cpus: 2,
      guests: ["two-vcpus", "sve-sums"],
      programs: [0],
      seed: 5
    })
    world.host.scheduler.run(5_000)
    expect(saveHost(world.host)).toMatchObject({ code: "SNAPSHOT_PROTECTED", actual: "VM 1's memory is the guest's alone" })
    expect(hostState(world.host)).toEqual({ busy: "VM 1's memory is the guest's alone", protected: true })
    const key = new Uint8Array(32).fill(7)
    const file = await sealHost(world.host, key)
    if (file instanceof SnapshotError) throw file
    const board = () => createBoard({ ...HOST_BOARD, isa, pes: 2 })
    expect(restoreHostSnapshot(file, { board: board(), mode })).toMatchObject({ code: "SNAPSHOT_KEY" })
    expect(await restoreSealedHost(file, new Uint8Array(32), { board: board(), mode })).toMatchObject({ code: "SNAPSHOT_KEY" })
    const again = await restoreSealedHost(file, key, { board: board(), mode })
    if (again instanceof SnapshotError) throw again
    expect(hostState(again, { sealed: true })).toEqual(hostState(world.host, { sealed: true }))
    expect(tableProblems(again)).toEqual([])
    expect(Buffer.compare(ramOf(again), ramOf(world.host))).toBe(0)
  })
})
