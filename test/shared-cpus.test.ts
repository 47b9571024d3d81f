/**
 * A guest reports the same when it has a machine of its own as when it shares every physical CPU with another VM and with host programs that use SVE, also
 * while it moves between CPUs.
 */
import { assembleLines } from "@eltwo/isa"
import { type Host, isErrno, type Mode, type Task } from "@eltwo/kvm"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootHost, isa, RunningGuest, vmGuest, vmGuests } from "./vm-guests/machine.ts"
import { MODES } from "./vm-guests/modes.ts"

const PROGRAM = 0x400000
const SVE_SET_VL = 50
const PREDICATES = Array.from({ length: 16 }, (_, n) => n).filter((n) => n !== 7)
/** A host program that fills Z0 to Z30 and P0 to P15 but P7, and looks for ever whether they are what they were. Ends with 1 when they are not. */
const sveProgram = (seed: number): readonly string[] => {
  const numbers = Array.from({ length: 32 }, (_, n) => n)
  return [
    `mov x0, #${SVE_SET_VL}`,
    "mov x1, #64",
    "mov x8, #167",
    "svc #0",
    ...numbers.map((n) => `index z${n}.s, #${(seed + n) % 16}, #${(seed * 3 + n) % 15}`),
    ...PREDICATES.map((n) => `${n % 2 ? "pfalse" : "ptrue"} p${n}.b`),
    // X20: what the sum over everything is the first time
    ...sum(numbers),
    "mov x20, x9",
    "mov x21, #0",
    "again:",
    ...sum(numbers),
    "add x21, x21, #1",
    "cmp x9, x20",
    "b.eq again",
    "mov x0, #1",
    "mov x8, #94",
    "svc #0"
  ]
}
/** Into X9. Z31 and P7 are what it works with. */
const sum = (numbers: readonly number[]): readonly string[] => [
  "mov x9, #0",
  "ptrue p7.d",
  ...numbers.slice(0, 31).flatMap((n) => [`uaddv d31, p7, z${n}.d`, "fmov x10, d31", "eor x9, x10, x9, ror #9"]),
  ...PREDICATES.flatMap((n) => [`cntp x10, p${n}, p${n}.b`, "add x9, x10, x9, lsl #3"])
]
const assembled = (lines: readonly string[]): Uint8Array => {
  const { words, problems } = assembleLines(lines, PROGRAM, isa)
  if (problems) throw new Error(problems.map(({ message, text }) => `${message} in '${text}'`).join("; "))
  return new Uint8Array(words.buffer)
}
const hostProgram = (host: Host, seed: number): Task => {
  const task = host.createTask()
  if (isErrno(task)) throw new Error(task)
  host.mapMemory(task, PROGRAM, assembled(sveProgram(seed)), { execute: true })
  task.registers.pc = BigInt(PROGRAM)
  return host.scheduler.spawn(task)
}

/** Runs the guest with company until it ends. */
const inCompany = (name: string, mode: Mode, engine: "interp" | "jit", cpus: number, seed: number) => {
  const host = bootHost({ mode, engine, cpus })
  host.scheduler.configure({ seed, slice: 300, quantum: 200, migration: cpus > 1 ? "random" : "affinity" })
  const programs = Array.from({ length: cpus }, (_, i) => hostProgram(host, seed + i))
  const tested = new RunningGuest(host, vmGuest(name)).schedule(host)
  const other = new RunningGuest(host, vmGuest(seed % 2 ? "sve-predicates" : "fp-registers")).schedule(host)
  for (let turn = 0; turn < 400 && (tested.end === undefined || other.end === undefined); turn++) {
    const stop = host.scheduler.run(20_000)
    if (typeof stop !== "string") throw new Error(stop.message)
  }
  for (const task of programs) {
    expect(task.ended).toBeUndefined()
    expect(host.account.entries).toBeGreaterThan(0)
  }
  return { tested: tested.result(), other: other.result() }
}

/** Every mode with every engine and number of CPUs; a part of them for each guest unless all are asked for. */
const ALL = process.env["SHARED_CPUS"] === "all"
const COMPANIES = MODES.flatMap((mode) => ([1, 2] as const).flatMap((cpus) => (["interp", "jit"] as const).map((engine) => ({ mode, cpus, engine }))))
const PART = 4
const results = new Map<string, ReturnType<RunningGuest["result"]>>()
const alone = (guest: string): ReturnType<RunningGuest["result"]> => {
  let result = results.get(guest)
  if (!result) results.set(guest, (result = new RunningGuest(bootHost({ mode: vhe, engine: "interp" }), vmGuest(guest)).run().result()))
  return result
}

describe.each(vmGuests().map(({ name }, index) => ({ name, index })))("$name", ({ name, index }) => {
  it("reports what it reports alone", () => {
    const expected = alone(name)
    for (const [i, { mode, cpus, engine }] of COMPANIES.entries()) {
      if (!ALL && i % PART !== (index + Math.floor(i / PART)) % PART) continue
      const { tested, other } = inCompany(name, mode, engine, cpus, i + index)
      expect({ mode: mode.name, engine, cpus, ...tested }).toEqual({ mode: mode.name, engine, cpus, ...expected })
      expect(other).toEqual(alone((i + index) % 2 ? "sve-predicates" : "fp-registers"))
    }
  })
})
