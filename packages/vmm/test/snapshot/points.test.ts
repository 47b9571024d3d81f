/** Snapshots at something that happens: what is asked for, where it is made, and that the run and the restored one go on from there. */
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import type { SnapshotRequest } from "../../src/run-result.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { sectionValue } from "../../src/snapshot/inspect.ts"
import { parseSnapshotPoint } from "../../src/snapshot-point.ts"
import { type Console, consoleOf, guestPath, outcome, restore, start } from "./machines.ts"

/** A snapshot at a point; `taken` says when: how much the guest had printed, what of its input was not read. */
const at = (text: string, console: Console) => {
  const point = parseSnapshotPoint(text)
  if (typeof point === "string") throw new Error(point)
  const taken: { readonly bytes: Uint8Array; readonly printed: number; readonly rest: string }[] = []
  const request: SnapshotRequest = {
    at: point,
    stop: false,
    take: async (draft) => {
      taken.push({ bytes: draft.finish(), printed: console.output.length, rest: console.rest() })
      return undefined
    }
  }
  return { request, taken }
}
const INPUT = "some\ninput\n"
const plain = async (name: string, engine: "interp" | "jit") => {
  const console = consoleOf(INPUT)
  const guest = await start({ guest: guestPath(name), engine, mem: "2M", streams: console })
  const { end } = await Effect.runPromise(guest.finish())
  return { end, output: console.output }
}
const CASES = [
  ["hello", "syscall:write", "syscall"],
  ["hello", "syscall:write,2", "syscall"],
  ["hello", "trap:fp", "trap"],
  ["hello", "fp:load", "fp"],
  ["syscalls", "syscall:read", "syscall"],
  ["signals", "signal:usr1", "signal"],
  ["calls", "exit:hypercall,2", "exit"],
  ["hello-vm", "exit:mmio,3", "exit"],
  ["hello-vm", "psci:version", "psci"],
  ["hello-vm", "hypercall:0x84000000", "hypercall"],
  ["hello-vm", "trap:dataabortlower,2", "trap"],
  ["exceptions", "exception:hvc64,2", "exception"],
  ["exceptions", "exception,9", "exception"],
  ["timer", "exception:irq,3", "exception"],
  ["semihosting", "semihosting:write0,2", "semihosting"],
  ["semihosting", "semihosting:0x01", "semihosting"]
] as const

describe.each(["jit", "interp"] as const)("in %s", (engine) => {
  it.each(CASES)("%s at %s goes on as if nothing had happened, and so does the restored one", async (name, text) => {
    const whole = await plain(name, engine)
    const console = consoleOf(INPUT)
    const guest = await start({ guest: guestPath(name), engine, mem: "2M", streams: console })
    const { request, taken } = at(text, console)
    expect((await Effect.runPromise(guest.finish({ snapshots: [request] }))).end).toEqual(whole.end)
    expect(console.output).toBe(whole.output)
    expect(taken).toHaveLength(1)
    const { bytes, printed, rest } = taken[0]!
    const twinConsole = consoleOf(rest)
    const twin = await restore({ snapshots: [bytes], engine, streams: twinConsole })
    expect([(await Effect.runPromise(twin.finish())).end, twinConsole.output]).toEqual([whole.end, whole.output.slice(printed)])
  })
})

interface Processor {
  readonly pc: bigint
  readonly system: readonly { readonly name: string; readonly value: bigint }[]
}
describe("several points", () => {
  it("are looked for one after the other", async () => {
    const console = consoleOf()
    const guest = await start({ guest: guestPath("hello-vm"), mem: "2M", streams: console })
    const points = ["exit:mmio", "exit:mmio", "exit:mmio,5", "psci:version"].map((text) => at(text, console))
    await Effect.runPromise(guest.finish({ snapshots: points.map(({ request }) => request) }))
    const printed = points.map(({ taken }) => taken[0]!.printed)
    expect(printed.slice(0, 3)).toEqual([1, 2, 7])
    const times = points.map(({ taken }) => {
      const container = readContainer(taken[0]!.bytes)
      if (container instanceof Error) throw container
      return Number(container.header.instructions)
    })
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })
  it("that do not come are told", async () => {
    const guest = await start({ guest: guestPath("hello"), mem: "2M", streams: consoleOf() })
    const result = await outcome(guest.finish({ snapshots: [at("syscall:write,1000", consoleOf()).request] }))
    expect(result).toMatchObject({
      left: { message: expect.stringMatching(/^snapshotAt: the guest ended after \d+ instructions, before the snapshot at syscall:write,1000$/) }
    })
  })
  it("of a bare image are exceptions and semihosting calls, which no other guest has", async () => {
    const refusal = async (name: string, text: string): Promise<string> => {
      const guest = await start({ guest: guestPath(name), mem: "2M", streams: consoleOf() })
      const result = await outcome(guest.finish({ snapshots: [at(text, consoleOf()).request] }))
      if (Either.isRight(result) || result.left._tag !== "OptionError") throw new Error("not refused")
      expect(guest.executed()).toBe(0)
      return `${result.left.message} ${result.left.hint}`
    }
    expect(await refusal("hello-bare", "trap:fp")).toBe(
      "snapshotAt: a bare image has no modelled kernel whose events could be trap:fp Give a count of instructions, exception or semihosting."
    )
    expect(await refusal("hello-vm", "semihosting")).toBe(
      "snapshotAt: semihosting is of a bare image, and this is a vm guest trap stops at what leaves the guest, exit:debug at its semihosting calls."
    )
    expect(await refusal("hello", "exception:irq")).toBe(
      "snapshotAt: exception:irq is of a bare image, and this is a linux guest trap stops at what leaves the program, syscall and signal at what it sees."
    )
  })
  it.each(["jit", "interp"] as const)("at an exception is at its vector, and at a call behind it, in %s", async (engine) => {
    const pcOf = async (name: string, text: string) => {
      const console = consoleOf(INPUT)
      const guest = await start({ guest: guestPath(name), engine, mem: "2M", streams: console })
      const { request, taken } = at(text, console)
      await Effect.runPromise(guest.finish({ snapshots: [request] }))
      const container = readContainer(taken[0]!.bytes)
      if (container instanceof Error) throw container
      const { pc, system } = sectionValue(container, "pe/0") as unknown as Processor
      const value = (register: string) => BigInt(system.find(({ name }) => name === register)!.value)
      return { pc: BigInt(pc), value, instructions: Number(container.header.instructions) }
    }
    const irq = await pcOf("timer", "exception:irq")
    expect(irq.pc - irq.value("VBAR_EL1")).toBe(0x280n)
    const hvc = await pcOf("exceptions", "exception:hvc64")
    expect([hvc.pc - hvc.value("VBAR_EL2"), hvc.value("ESR_EL2") >> 26n]).toEqual([0x400n, 0x16n])
    const [one, two] = [await pcOf("semihosting", "semihosting"), await pcOf("semihosting", "semihosting,2")]
    expect(two.instructions).toBeGreaterThan(one.instructions)
  })
})

describe("reading a point", () => {
  it.each([
    "exit",
    "trap:sve",
    "trap:DataAbortLower,3",
    "fp:save",
    "hypercall",
    "psci",
    "syscall",
    "signal:SIGUSR1",
    "psci:CPU_ON",
    "exception:SVC64",
    "semihosting:Write0",
    "semihosting:0x5,2"
  ])("knows %s", (text) => {
    expect(parseSnapshotPoint(text)).toMatchObject({ text })
  })
  it("knows counts", () => {
    expect([parseSnapshotPoint("5000"), parseSnapshotPoint("20M")]).toEqual([5000, 20_000_000])
  })
  it.each([
    ["exit:nothing", "there is no exit:nothing"],
    ["syscall:frob", "there is no syscall:frob"],
    ["psci:toString", "there is no psci:toString"],
    ["signal:99", "there is no signal:99"],
    ["exception:toString", "there is no exception:toString"],
    ["semihosting:exit", "there is no semihosting:exit"]
  ])("says of %s: %s", (text, problem) => {
    expect(parseSnapshotPoint(text)).toBe(problem)
  })
  it.each(["", "exit:", "exit,0", "toString", "constructor:x", "exit:mmio,", "exit:mmio,1,2", "-5", "1.5", "page"])("refuses '%s'", (text) => {
    expect(parseSnapshotPoint(text)).toMatch(/ is not a count of instructions, or /)
  })
})
