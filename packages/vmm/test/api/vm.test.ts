/** The programmatic API, as promises: every verb, on guests and plugins that are values. */
import { assemble, base, composeOrThrow, toElf } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { type TraceEvent, Vm } from "../../src/promise.ts"
import { COUNTER, failureOf, HELLO, make, PLUGINS } from "./machines.ts"

const KINDS = ["linux", "vm", "bare"] as const
const RAM = 0x4000_0000

describe("guests in hand", () => {
  it("runs source, an ELF file and a flat image without any file", async () => {
    const source = await make({ guest: { source: HELLO, name: "greeting" } })
    expect(await source.vm.run()).toEqual({ kind: "exited", status: 7 })
    expect(source.output()).toBe("hello\n")
    expect(source.vm.machine).toMatchObject({ kind: "linux", mode: "vhe", memory: 4 << 20 })
    const { assembly } = assemble(HELLO.replaceAll("d3", "x3").replace(/f(mov|add) .*/g, "nop"), {
      isa: composeOrThrow([base]),
      limits: { source: 1e6, bytes: 1e6 }
    })
    const elf = await make({ guest: { bytes: toElf(assembly!) } })
    expect(await elf.vm.run()).toEqual({ kind: "exited", status: 7 })
    expect(elf.output()).toBe("hello\n")
    // mov x0, #5; b .
    const flat = await make({ guest: { bytes: new Uint8Array(Uint32Array.of(0xd28000a0, 0x14000000).buffer) }, kind: "bare" })
    expect(await flat.vm.run({ maxInstructions: 10 })).toEqual({ kind: "limit" })
    expect(flat.vm.readRegister("x0")).toBe(5n)
  })
  it("takes what it needs from values alone, and says what is missing", async () => {
    const error = await failureOf(() => Vm.make({ guest: { source: HELLO } }))
    expect(error).toMatchObject({ _tag: "PluginLoadError", code: "PLUGIN_LOAD" })
    expect(await failureOf(() => Vm.make({ guest: { source: "nonsense" }, plugin: PLUGINS }))).toMatchObject({
      code: "GUEST_IMAGE",
      reason: "assembly"
    })
    expect(await failureOf(() => Vm.make({ guest: "elsewhere", plugin: PLUGINS }))).toMatchObject({ code: "GUEST_NOT_FOUND" })
    expect(await failureOf(() => Vm.make({ guest: { source: HELLO }, plugin: PLUGINS, mem: "3" }))).toMatchObject({ code: "OPTION_INVALID" })
  })
})

describe.each(KINDS)("a %s guest", (kind) => {
  const counter = async () =>
    (
      await make({
        guest: { source: kind === "linux" ? HELLO.replace("_start:", "_start:\nmov x0, #0\nagain: add x0, x0, #1\nb again") : COUNTER },
        kind
      })
    ).vm

  it("retires exactly as many instructions as it is given", async () => {
    const vm = await counter()
    for (const count of [1, 2, 7, 1000, 3]) {
      const before = vm.executed
      expect(await vm.run({ maxInstructions: count })).toEqual({ kind: "limit" })
      expect(vm.executed - before).toBe(count)
    }
    expect(await vm.step()).toEqual({ kind: "limit" })
    expect(await vm.step(5)).toEqual({ kind: "limit" })
    expect(vm.executed).toBe(1 + 2 + 7 + 1000 + 3 + 6)
  })
  it("stops before an address, again and again, in the same state as by counting", async () => {
    const vm = await counter()
    await vm.run({ maxInstructions: 100 })
    const pc = vm.readRegister("PC")
    for (const _ of [1, 2, 3]) {
      const [before, x0] = [vm.executed, vm.readRegister("X0")]
      expect(await vm.run({ until: pc, maxInstructions: 50 })).toEqual({ kind: "reached", pc })
      expect(vm.readRegister("X0")).toBe(x0 + 1n)
      expect(vm.executed - before).toBe(kind === "linux" ? 2 : 3)
    }
    const counted = await counter()
    await counted.run({ maxInstructions: vm.executed })
    expect(counted.readRegister("PC")).toBe(pc)
    expect(counted.readRegister("X0")).toBe(vm.readRegister("X0"))
    expect(await vm.run({ until: 0xdead0000n, maxInstructions: 50 })).toEqual({ kind: "limit" })
    // the addresses are forgotten with the run
    expect(await vm.run({ maxInstructions: 50 })).toEqual({ kind: "limit" })
  })
  it("pauses, refuses to run twice at once, and ends with close", async () => {
    const vm = await counter()
    const running = vm.run()
    expect(await failureOf(() => vm.run())).toMatchObject({ _tag: "VmStateError", reason: "running" })
    setTimeout(() => void vm.pause(), 30)
    expect(await running).toEqual({ kind: "paused" })
    const executed = vm.executed
    expect(executed).toBeGreaterThan(1000)
    await vm.pause()
    expect(await vm.run({ maxInstructions: 10 })).toEqual({ kind: "limit" })
    const last = vm.run()
    setTimeout(() => vm.close(), 30)
    expect(await last).toEqual({ kind: "paused" })
    for (const call of [
      () => vm.run(),
      () => vm.step(),
      () => vm.snapshot(),
      () => vm.readRegister("X0"),
      () => vm.memory,
      () => vm.observe(["exc"], () => {})
    ])
      expect(await failureOf(call)).toMatchObject({ _tag: "VmStateError", reason: "closed" })
    vm.close()
  })
  it("goes on from its snapshot as if nothing had happened", async () => {
    const vm = await counter()
    await vm.run({ maxInstructions: 1234 })
    const snapshot = vm.snapshot()
    expect(vm.snapshot()).toEqual(snapshot)
    const twin = await Vm.restore(snapshot, { plugin: PLUGINS, engine: "interp" })
    await vm.run({ maxInstructions: 500 })
    await twin.run({ maxInstructions: 500 })
    expect(twin.executed).toBe(vm.executed)
    expect(twin.snapshot()).toEqual(vm.snapshot())
    expect(await failureOf(() => Vm.restore(snapshot.subarray(5), { plugin: PLUGINS }))).toMatchObject({
      _tag: "SnapshotError",
      code: "SNAPSHOT_MAGIC"
    })
    const changes = vm.snapshot({ parents: [snapshot] })
    expect(changes.length).toBeLessThan(vm.snapshot().length + 200)
    const third = await Vm.restore(changes, { parents: [snapshot], plugin: PLUGINS })
    expect(third.snapshot()).toEqual(vm.snapshot())
  })
  it("reads and writes memory within its bounds", async () => {
    const vm = await counter()
    const [{ base, bytes }] = vm.memory as [{ base: number; bytes: number }]
    expect({ base, bytes }).toEqual({ base: RAM, bytes: 4 << 20 })
    vm.writeMemory(base + bytes - 3, Uint8Array.of(1, 2, 3))
    expect(vm.readMemory(base + bytes - 4, 4)).toEqual(Uint8Array.of(0, 1, 2, 3))
    for (const [at, count] of [
      [base + bytes - 2, 3],
      [base - 1, 1],
      [-1, 1],
      [0.5, 1],
      [base, -1],
      [base, 2 ** 53],
      [Number.NaN, 1]
    ] as const)
      expect(await failureOf(() => vm.readMemory(at, count))).toMatchObject({ _tag: "AccessError", reason: "outside-memory" })
    expect(await failureOf(() => vm.writeMemory(base + bytes - 2, Uint8Array.of(9, 9, 9)))).toMatchObject({ reason: "outside-memory" })
    expect(vm.readMemory(base + bytes - 3, 3)).toEqual(Uint8Array.of(1, 2, 3))
  })
  it("has the registers it lists, and keeps what is written", async () => {
    const vm = await counter()
    await vm.run({ maxInstructions: 20 })
    const all = vm.registers()
    expect(all.length).toBeGreaterThan(150)
    for (const { name, bits } of all) expect(vm.readRegister(name) >> BigInt(bits), name).toBe(0n)
    const wanted = ["X0", "X30", "SP", "PC", "PSTATE", "V0", "V31", "FPSR", "FPCR", "TTBR0_EL1", "SCTLR_EL1", "SP_EL0"]
    expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining(wanted))
    for (const [name, value] of [
      ["X7", 0x1234_5678_9abc_def0n],
      ["V3", (7n << 64n) | 5n],
      ["FPSR", 1n],
      ["TPIDR_EL0", 99n]
    ] as const) {
      vm.writeRegister(name, value)
      expect(vm.readRegister(name.toLowerCase())).toBe(value)
    }
    expect(await failureOf(() => vm.readRegister("X31"))).toMatchObject({ reason: "no-register" })
    expect(await failureOf(() => vm.readRegister("x01"))).toMatchObject({ reason: "no-register" })
    expect(await failureOf(() => vm.writeRegister("X1", 1n << 64n))).toMatchObject({ reason: "refused-value" })
    expect(await failureOf(() => vm.writeRegister("FPSR", -1n))).toMatchObject({ reason: "refused-value" })
    expect(await failureOf(() => vm.readRegister("X0", 1))).toMatchObject({ reason: "no-vcpu" })
  })
  it("tells its events while somebody listens, and runs the same", async () => {
    const [vm, other] = [await counter(), await counter()]
    const seen: TraceEvent[] = []
    const remove = vm.observe(["insn"], (event) => seen.push(event))
    await vm.run({ maxInstructions: 10 })
    expect(seen.filter(({ type }) => type === "insn")).toHaveLength(10)
    remove()
    await vm.run({ maxInstructions: 10 })
    expect(seen).toHaveLength(10)
    const read: TraceEvent[] = []
    const reading = (async () => {
      for await (const event of vm.events(["insn"])) if (read.push(event) === 25_000) break
    })()
    await vm.run({ maxInstructions: 30_000 })
    await reading
    expect(read).toHaveLength(25_000)
    await other.run({ maxInstructions: 30_020 })
    expect(vm.readRegister("X0")).toBe(other.readRegister("X0"))
    expect(vm.executed).toBe(other.executed)
  })
})

describe("hooks", () => {
  it.each(KINDS)("have the event and nothing else (%s)", async (kind) => {
    const { vm } = await make({ guest: { source: kind === "linux" ? HELLO : COUNTER }, kind })
    const refusals: unknown[] = []
    const calls = [
      () => vm.readRegister("X0"),
      () => vm.readMemory(RAM, 4),
      () => vm.snapshot(),
      () => vm.fork(),
      () => vm.writeRegister("X0", 1n),
      () => vm.executed
    ]
    vm.observe(["insn"], () => {
      for (const call of calls.splice(0))
        try {
          call()
        } catch (error) {
          refusals.push(error)
        }
    })
    await vm.run({ maxInstructions: 10 })
    expect(refusals).toHaveLength(6)
    for (const refusal of refusals) expect(refusal).toMatchObject({ _tag: "VmStateError", reason: "running" })
    expect(vm.executed).toBe(10)
  })
  it("that throw end the run with what they threw; the machine is whole", async () => {
    const [{ vm }, other] = [await make({ guest: { source: COUNTER }, kind: "vm" }), await make({ guest: { source: COUNTER }, kind: "vm" })]
    const remove = vm.observe(["insn"], () => {
      throw new Error("mine")
    })
    await expect(vm.run({ maxInstructions: 10 })).rejects.toThrow("mine")
    remove()
    expect(vm.executed).toBe(10)
    await vm.run({ maxInstructions: 90 })
    await other.vm.run({ maxInstructions: 100 })
    expect(vm.readRegister("X0")).toBe(other.vm.readRegister("X0"))
  })
  it("may close the machine they are of", async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind: "vm" })
    vm.observe(["insn"], () => vm.close())
    expect(await vm.run({ maxInstructions: 10 })).toMatchObject({ kind: expect.stringMatching("paused|limit") })
    expect(await failureOf(() => vm.executed)).toMatchObject({ reason: "closed" })
  })
})

describe("several CPUs", () => {
  it("run, stop and are looked at one by one", async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind: "vm", vcpus: 2, pcpus: 2 })
    expect(await vm.run({ maxInstructions: 1000 })).toEqual({ kind: "limit" })
    expect(vm.executed).toBeGreaterThanOrEqual(1000)
    expect(vm.readRegister("X0", 0)).toBeGreaterThan(100n)
    expect(vm.readRegister("X0", 1)).toBe(0n)
    expect(await failureOf(() => vm.readRegister("X0", 2))).toMatchObject({ reason: "no-vcpu" })
    const running = vm.run()
    setTimeout(() => void vm.pause(), 20)
    expect(await running).toEqual({ kind: "paused" })
  })
})

describe("limits", () => {
  it("are counts", async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind: "vm" })
    for (const count of [-1, 0.5, Number.NaN, 2 ** 60, Number.NEGATIVE_INFINITY]) {
      expect(await failureOf(() => vm.run({ maxInstructions: count }))).toMatchObject({ code: "OPTION_INVALID" })
      expect(await failureOf(() => vm.step(count))).toMatchObject({ code: "OPTION_INVALID" })
    }
    expect(await vm.run({ maxInstructions: 0 })).toEqual({ kind: "limit" })
    expect(await vm.step(0)).toEqual({ kind: "limit" })
    expect(vm.executed).toBe(0)
  })
})

describe("programs", () => {
  it("tell of calls, traps and FP state in the order in which they happen", async () => {
    const { vm } = await make({ guest: { source: HELLO } })
    const calls: string[] = []
    const fp: string[] = []
    vm.observe(["syscalls"], (event) => calls.push(event.type === "syscall" ? event.name : event.type))
    vm.observe(["fp", "trap"], (event) => fp.push(event.type))
    expect(await vm.run()).toEqual({ kind: "exited", status: 7 })
    expect(calls).toEqual(["write", "exit"])
    expect(new Set(fp)).toEqual(new Set(["fp", "trap"]))
    // it has ended for good
    expect(await vm.run()).toEqual({ kind: "exited", status: 7 })
    expect(await vm.step()).toEqual({ kind: "exited", status: 7 })
  })
  it("can be stepped through from the first instruction to the last", async () => {
    const { vm, output } = await make({ guest: { source: HELLO } })
    const whole = await make({ guest: { source: HELLO } })
    await whole.vm.run()
    let steps = 0
    while ((await vm.step()).kind === "limit" && steps < 1000) steps++
    expect(output()).toBe("hello\n")
    expect(vm.executed).toBe(whole.vm.executed)
    expect(vm.readRegister("V3")).toBe(0x4008_0000_0000_0000n)
  })
  it("wait for signals and get them", async () => {
    const { vm } = await make({
      guest: { source: ".globl _start\n_start:\nmov x8, #73\nmov x0, #0\nmov x1, #0\nmov x2, #0\nmov x3, #0\nsvc #0\nb ." }
    })
    expect(await vm.run()).toEqual({ kind: "waiting", for: "signal" })
    expect(await vm.run()).toEqual({ kind: "waiting", for: "signal" })
    vm.signal(15)
    expect(await vm.run()).toMatchObject({ kind: "killed", signal: 15 })
  })
})

describe("vectors of the length in force", () => {
  it("follow ZCR_EL2 on the processing element alone", async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind: "bare", cpu: "max,vl=512" })
    const bitsOf = (name: string) => vm.registers().find((register) => register.name === name)?.bits
    expect([bitsOf("Z5"), bitsOf("P1"), bitsOf("FFR"), bitsOf("V5")]).toEqual([128, 16, 16, 128])
    vm.writeRegister("ZCR_EL2", 15n)
    expect([bitsOf("Z5"), bitsOf("P1"), bitsOf("FFR"), bitsOf("V5")]).toEqual([512, 64, 64, 128])
    vm.writeRegister("Z5", (3n << 500n) | 1n)
    vm.writeRegister("P1", 0xffff_ffff_ffff_ffffn)
    expect(vm.readRegister("V5")).toBe(1n)
    vm.writeRegister("ZCR_EL2", 1n)
    expect(vm.readRegister("ZCR_EL2")).toBe(1n)
    expect([bitsOf("Z5"), bitsOf("P1")]).toEqual([256, 32])
    expect(vm.readRegister("Z5")).toBe(1n)
    expect(vm.readRegister("P1")).toBe(0xffff_ffffn)
    expect(await failureOf(() => vm.writeRegister("Z5", 1n << 256n))).toMatchObject({ reason: "refused-value" })
  })
  it("are not there on a processor without SVE", async () => {
    const { vm } = await make({ guest: { source: COUNTER }, kind: "bare", plugin: PLUGINS.filter(({ name }) => name !== "sve") })
    expect(await failureOf(() => vm.readRegister("Z5"))).toMatchObject({ reason: "no-register" })
    expect(vm.readRegister("V5")).toBe(0n)
  })
})

describe("steps", () => {
  /** FP loads and stores on pages nobody has touched, so that stage 2 faults and FP traps come together. */
  const TOUCHING = `
.globl _start
_start:
    mov x0, #0x300000
    msr cpacr_el1, x0
    isb
    mov x1, #0x40100000
again:
    ldr q1, [x1]
    fadd v1.2d, v1.2d, v1.2d
    str q1, [x1, #8]
    add x1, x1, #4096
    b again
`
  it.each(["vhe", "nvhe", "hvhe", "pkvm"])("are single instructions, whatever the kernel traps on the way (%s)", async (mode) => {
    const { vm } = await make({ guest: { source: TOUCHING }, kind: "vm", mode })
    for (let i = 1; i <= 60; i++) {
      expect(await vm.step()).toEqual({ kind: "limit" })
      expect(vm.executed).toBe(i)
    }
    for (let i = 61; i <= 100; i++) {
      await vm.run({ maxInstructions: 1 })
      expect(vm.executed).toBe(i)
    }
    const whole = await make({ guest: { source: TOUCHING }, kind: "vm", mode })
    await whole.vm.run({ maxInstructions: 100 })
    for (const name of ["X1", "PC", "V1"]) expect(vm.readRegister(name)).toBe(whole.vm.readRegister(name))
  })
})

describe("names of guests in hand", () => {
  it("are what the guest is told, and part of its state", async () => {
    const named = await make({ guest: { source: COUNTER, name: "one" }, kind: "vm" })
    const other = await make({ guest: { source: COUNTER, name: "two.s" }, kind: "vm" })
    expect(named.vm.snapshot()).not.toEqual(other.vm.snapshot())
    expect((await make({ guest: { source: COUNTER, name: "one" }, kind: "vm" })).vm.snapshot()).toEqual(named.vm.snapshot())
    expect(await failureOf(() => make({ guest: { source: COUNTER, name: "a\0b" } }))).toMatchObject({ code: "OPTION_INVALID" })
    expect(await failureOf(() => make({ guest: { bytes: new Uint8Array(2) }, kind: "vm" }))).toMatchObject({
      code: "GUEST_IMAGE",
      reason: "too-small"
    })
  })
})
