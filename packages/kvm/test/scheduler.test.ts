/** Threads on one and several CPUs: guests with several vCPUs, host programs between them, and that the same seed gives the same run. */
import { virtualTime } from "@eltwo/cpu"
import { brokenInvariants, type Host, type KvmEvent, offlineCpu, onlineCpu, resumeCpu, suspendCpu, type Vcpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, DATA, GUEST_RAM, guest, ok, program } from "../../../plugins/vhe/test/machine.ts"
import { bootSmp, type Engine, eventHash, guestWords, MODES, smpGuest } from "./smp-machine.ts"

/** X0 := SMC64 CPU_ON of vCPU 1 at `secondary`. */
const CPU_ON = "movz x0, #0xc400, lsl #16\nmovk x0, #3\nmov x1, #1\nadr x2, =secondary\nmov x3, #77\nhvc #0"
const LOCK = 0x8000
const BASE = "movz x20, #0x4000, lsl #16\nadd x20, x20, #8, lsl #12"
const EXCLUSIVE = "ldaxr w1, [x20]\ncbnz w1, =again\nmov w2, #1\nstxr w3, w2, [x20]\ncbnz w3, =again"
const LSE = "mov w1, #0\nmov w2, #1\ncasa w1, w2, [x20]\ncbnz w1, =again"
const ROUNDS = 300
const locked = (acquire: string) => `
  ${CPU_ON}
  mov x19, x0
  mov x26, #0
  b =begin
  secondary:
  mov x26, x0
  begin:
  ${BASE}
  mov x22, #${ROUNDS}
  again:
  ${acquire}
  ldr x4, [x20, #8]
  add x4, x4, #1
  str x4, [x20, #8]
  ldr x5, [x20, #16]
  eor x5, x5, x4
  str x5, [x20, #16]
  stlr wzr, [x20]
  subs x22, x22, #1
  b.ne =again
  hlt #9`
const xorTo = (n: number): bigint => Array.from({ length: n }, (_, i) => BigInt(i + 1)).reduce((x, i) => x ^ i, 0n)

describe.each(Object.entries(MODES))("two vCPUs under %s", (_, mode) => {
  describe.each([1, 2])("on %i CPUs", (pcpus) => {
    it.each([
      ["LDAXR and STXR", EXCLUSIVE, "interp"],
      ["LDAXR and STXR", EXCLUSIVE, "jit"],
      ["CAS", LSE, "interp"],
      ["CAS", LSE, "jit"]
    ] as const)("share a lock of %s", (_, acquire, engine: Engine) => {
      const host = bootSmp({ mode, pcpus, engine, scheduler: { quantum: 333, slice: 700 } })
      const { vm, vcpus, halts } = smpGuest(host, locked(acquire))
      expect(host.scheduler.run(10_000_000)).toBe("idle")
      expect(halts).toEqual([[9], [9]])
      expect(guestWords(vm, LOCK, 3)).toEqual([0n, BigInt(2 * ROUNDS), xorTo(2 * ROUNDS)])
      expect([vcpus[0]!.registers.x[19], vcpus[1]!.registers.x[26]]).toEqual([0n, 77n])
    })
  })
})

const OTHER = 0x600000
const modes = Object.entries(MODES)
/** Runs until nothing happens any more; nothing is broken after any round. */
const settle = (host: Host, vcpus: readonly Vcpu[], rounds = 20_000): void => {
  for (let i = 0; i < rounds; i++) {
    const stop = host.scheduler.run(1)
    expect(brokenInvariants(host, vcpus)).toEqual([])
    if (stop === "limit") continue
    expect(stop).toBe("idle")
    return
  }
  throw new Error("It never ends")
}
const scheduling = (host: Host): (KvmEvent & { readonly what: "sched" })[] => {
  const seen: (KvmEvent & { readonly what: "sched" })[] = []
  host.subscribe((event) => {
    if (event.what === "sched") seen.push(event)
  })
  return seen
}
const doubleword = (data: Uint8Array, index = 0): bigint => new BigUint64Array(data.slice(8 * index, 8 * index + 8).buffer)[0]!

describe.each(modes)("messages between vCPUs under %s", (_, mode) => {
  const pass = `
    ${CPU_ON}
    mov x24, #0
    mov x25, #1
    b =begin
    secondary:
    mov x24, #1
    mov x25, #0
    begin:
    ${BASE}
    mov x22, #100
    ; whose turn it is, and what has come so far
    wait:
    ldar x1, [x20]
    cmp x1, x24
    b.eq =mine
    wfe
    b =wait
    mine:
    ldr x2, [x20, #8]
    add x3, x2, x2, lsl #1
    add x2, x3, #1
    str x2, [x20, #8]
    stlr x25, [x20]
    sev
    subs x22, x22, #1
    b.ne =wait
    hlt #3`
  const expected = Array.from({ length: 200 }).reduce<bigint>((value) => BigInt.asUintN(64, 3n * value + 1n), 0n)
  it.each([1, 2, 3])("on %i CPUs", (pcpus) => {
    const host = bootSmp({ mode, pcpus, scheduler: { quantum: 1000, slice: 100_000 } })
    const { vm, vcpus } = smpGuest(host, pass)
    settle(host, vcpus)
    expect(guestWords(vm, LOCK, 2)[1]).toBe(expected)
    // a vCPU that waits for the other by WFE does not use up its time slice
    expect(host.scheduler.time).toBeLessThan(1_000_000n)
  })
})

describe.each(modes)("time under %s", (_, mode) => {
  it("never goes back for a vCPU that moves", () => {
    const host = bootSmp({ mode, pcpus: 3, scheduler: { quantum: 2000, slice: 700, migration: "random", seed: 5 } })
    const events = scheduling(host)
    const { vm, vcpus } = smpGuest(
      host,
      `${BASE}
       mov x22, #3000
       mrs x1, cntvct_el0
       again:
       mrs x2, cntvct_el0
       cmp x2, x1
       b.lo =back
       mov x1, x2
       subs x22, x22, #1
       b.ne =again
       hlt #1
       back:
       sub x3, x1, x2
       str x3, [x20]
       hlt #2`,
      1
    )
    settle(host, vcpus)
    expect(guestWords(vm, LOCK, 1)).toEqual([0n])
    expect(events.filter((e) => e.kind === "migrate").length).toBeGreaterThan(10)
  })
})

describe.each(modes)("vCPUs that sleep under %s", (_, mode) => {
  const timer = `
    mrs x0, cntvct_el0
    add x1, x0, #625
    msr cntv_cval_el0, x1
    mov x2, #1
    msr cntv_ctl_el0, x2
    wait:
    wfi
    mrs x3, cntv_ctl_el0
    tbz x3, #2, =wait
    mrs x4, cntvct_el0
    msr cntv_ctl_el0, xzr
    hlt #5`
  it.each([1, 2])("are woken by their timers while a program has the CPU: %i CPUs", (pcpus) => {
    const host = bootSmp({ mode, pcpus, scheduler: { quantum: 500, slice: 1000 } })
    const events = scheduling(host)
    const busy = program(host, `mov x21, #${DATA}\nagain:\nadd x1, x1, #1\nstr x1, [x21]\nb =again`)
    host.scheduler.spawn(busy.task)
    const vm = ok(host.createVm())
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x10000 }))
    vm.write(GUEST_RAM, assemble(timer))
    const vcpu = ok(vm.createVcpu(0))
    vcpu.init({ features: 4 })
    vcpu.registers.pc = BigInt(GUEST_RAM)
    const exits: string[] = []
    host.scheduler.spawnVcpu(vcpu, (exit) => {
      if (typeof exit === "string") throw new Error(exit)
      exits.push(exit.reason)
      return exit.reason === "debug" ? "stop" : "run"
    })
    for (let i = 0; i < 60; i++) {
      expect(host.scheduler.run(500)).toBe("limit")
      expect(brokenInvariants(host, [vcpu])).toEqual([])
    }
    expect(exits.at(-1)).toBe("debug")
    const [, until, , , now] = vcpu.registers.x
    expect(now! - until!).toBeGreaterThanOrEqual(0n)
    // at most a slice and a round late: 1,500 instructions are 94 ticks
    expect(now! - until!).toBeLessThan(94n)
    // the first two are the threads' beginning
    expect(events.filter((e) => e.kind === "sleep" || e.kind === "wake").map((e) => e.kind)).toEqual(["wake", "wake", "sleep", "wake"])
    // the program had most of the 10,000 instructions
    expect(doubleword(busy.data)).toBeGreaterThan(3000n)
  })
  it("go off and on by PSCI", () => {
    const host = bootSmp({ mode, pcpus: 2, scheduler: { quantum: 300 } })
    const power = `
      ${BASE}
      mov x22, #5
      again:
      movz x0, #0xc400, lsl #16
      movk x0, #3
      mov x1, #1
      adr x2, =secondary
      mov x3, x22
      hvc #0
      cbnz x0, =bad
      poll:
      movz x0, #0xc400, lsl #16
      movk x0, #4
      mov x1, #1
      mov x2, #0
      hvc #0
      cbz x0, =poll
      subs x22, x22, #1
      b.ne =again
      hlt #1
      bad:
      hlt #2
      secondary:
      ${BASE}
      ldr x4, [x20]
      add x4, x4, x0
      str x4, [x20]
      ldr x4, [x20, #8]
      add x4, x4, x19
      add x4, x4, #1
      mov x19, #100
      str x4, [x20, #8]
      movz x0, #0x8400, lsl #16
      movk x0, #2
      hvc #0
      hlt #3`
    const { vm, vcpus, halts } = smpGuest(host, power)
    settle(host, vcpus)
    // contexts 5 + 4 + 3 + 2 + 1; registers are reset each time
    expect([halts, guestWords(vm, LOCK, 2)]).toEqual([
      [[1], []],
      [15n, 5n]
    ])
  })
})

describe("threads of host programs", () => {
  it.each(["interp", "jit"] as const)("share memory and files, on two CPUs at once: %s", (engine) => {
    const host = bootSmp({ engine, scheduler: { quantum: 101, slice: 300 } })
    const { task, data } = program(
      host,
      `mov x20, #${DATA}
       mov x22, #400
       again:
       ldaxr w1, [x20]
       cbnz w1, =again
       mov w2, #1
       stxr w3, w2, [x20]
       cbnz w3, =again
       ldr x4, [x20, #8]
       add x4, x4, #1
       str x4, [x20, #8]
       stlr wzr, [x20]
       subs x22, x22, #1
       b.ne =again
       mov x8, #93
       mov x0, #0
       svc #0`
    )
    const threads = [task, host.createThread(task), host.createThread(task)]
    for (const thread of threads) {
      thread.registers.pc = task.registers.pc
      host.scheduler.spawn(thread)
    }
    task.open({})
    expect(threads[2]!.files.size).toBe(1)
    settle(host, [])
    expect([doubleword(data, 1), threads.map(({ ended }) => ended)]).toEqual([1200n, [{ status: 0 }, { status: 0 }, { status: 0 }]])
    const before = host.pages.available
    for (const thread of threads) {
      expect(host.pages.available).toBe(before)
      expect(host.destroyTask(thread)).toBeUndefined()
    }
    expect(host.pages.available).toBeGreaterThan(before)
    expect(host.scheduler.threads).toEqual([])
  })
  it("lose their exclusive monitor while others run: a value that came back is not the old one", () => {
    const host = bootSmp({ scheduler: { quantum: 61 } })
    const { task, data } = program(
      host,
      `mov x20, #${DATA}
       mov x22, #200
       again:
       ldxr x1, [x20]
       ldr x5, [x20, #8]
       mov x6, x23
       delay:
       subs x6, x6, #1
       b.ne =delay
       ldr x7, [x20, #8]
       stxr w3, x1, [x20]
       add x24, x24, #1
       cbnz w3, =again
       eor x7, x7, x5
       orr x25, x25, x7
       str x25, [x20, #16]
       subs x22, x22, #1
       b.ne =again
       str x24, [x20, #24]
       mov x8, #93
       svc #0`
    )
    task.registers.x[23] = 10n
    host.scheduler.spawn(task)
    // changes the value and changes it back, for ever
    const thread = host.createThread(task)
    thread.registers.pc = BigInt(OTHER)
    const toggle = `mov x20, #${DATA}\nagain:\nmov x1, #1\nstr x1, [x20]\nstr xzr, [x20]\nldr x1, [x20, #8]\nadd x1, x1, #1\nstr x1, [x20, #8]\nb =again`
    ok(host.mapMemory(task, OTHER, assemble(toggle, OTHER), { execute: true }))
    host.scheduler.spawn(thread)
    for (let i = 0; i < 4000 && !task.ended; i++) host.scheduler.run(1)
    expect(task.ended).toEqual({ status: 0 })
    expect(doubleword(data, 2)).toBe(0n)
    // and some had to be done again
    expect(doubleword(data, 3)).toBeGreaterThan(250n)
  })
})

const counting = `mov x21, #${DATA}\nagain:\nadd x1, x1, #1\nstr x1, [x21]\nb =again`
const onCpus = (host: Host): readonly (string | undefined)[] => host.cpus.map(({ current }) => current?.name)

describe("threads and CPUs", () => {
  it("have equal parts of a CPU", () => {
    const host = bootSmp({ pcpus: 1, scheduler: { quantum: 1000, slice: 500 } })
    const all = [program(host, counting), program(host, counting), program(host, counting)]
    for (const { task } of all) host.scheduler.spawn(task)
    expect(host.scheduler.run(90_000)).toBe("limit")
    const turns = all.map(({ data }) => Number(doubleword(data)))
    expect(Math.max(...turns) - Math.min(...turns)).toBeLessThan(500)
    expect(turns.reduce((a, b) => a + b)).toBeGreaterThan(29_000)
  })
  it("stay on their CPU, and go to one that has nothing to do", () => {
    const host = bootSmp({ pcpus: 2, scheduler: { quantum: 1000, slice: 1000 } })
    const events = scheduling(host)
    const [a, b, c] = [program(host, counting), program(host, counting), program(host, counting)]
    host.scheduler.spawn(a.task, { affinity: [0] })
    host.scheduler.spawn(b.task)
    host.scheduler.run(20_000)
    // B was meant for CPU 0 first, and CPU 1 took it
    expect([onCpus(host), events.filter((e) => e.kind === "migrate")]).toMatchObject([
      [a.task.name, b.task.name],
      [{ thread: b.task.name, from: 0, to: 1, cpu: 1 }]
    ])
    host.scheduler.spawn(c.task, { affinity: [0] })
    host.scheduler.run(20_000)
    expect(events.filter((e) => e.kind === "migrate").length).toBe(1)
    expect(Math.abs(Number(doubleword(a.data) - doubleword(b.data)) + Number(doubleword(c.data)))).toBeLessThan(2000)
  })
  it("move when they are told to", () => {
    const host = bootSmp({ pcpus: 3, scheduler: { quantum: 1000, slice: 10_000 } })
    const { task } = program(host, counting)
    host.scheduler.spawn(task)
    for (const cpu of [2, 0, 1]) {
      expect(host.scheduler.setAffinity(task, [cpu])).toBeUndefined()
      host.scheduler.run(3000)
      expect([onCpus(host)[cpu], task.schedule!.cpu]).toEqual([task.name, cpu])
      expect(brokenInvariants(host, [])).toEqual([])
    }
    expect(host.scheduler.setAffinity(task, [7])).toBe("EINVAL")
    expect(host.scheduler.setAffinity(task, [])).toBe("EINVAL")
  })
  it("are no business of the calls without a scheduler, which take a CPU between two rounds", () => {
    const host = bootSmp({ pcpus: 2, scheduler: { quantum: 1000 } })
    const { task, data } = program(host, counting)
    host.scheduler.spawn(task)
    const { vcpu } = guest("again:\nmov x1, #0x300000\nmsr cpacr_el1, x1\nisb\nfmov d1, x1\nhlt #3\nb =again", { host })
    for (let i = 0; i < 6; i++) {
      host.useCpu(i % 2)
      const before = doubleword(data)
      expect(host.scheduler.run(5000)).toBe("limit")
      expect(doubleword(data)).toBeGreaterThan(before)
      vcpu.completeHalt()
      expect(vcpu.run(100)).toEqual({ reason: "debug", immediate: 3 })
      expect([host.vmm, host.cpus[i % 2]!.current]).toEqual([host.cpus[i % 2]!.current, host.vmm])
      expect(brokenInvariants(host, [vcpu])).toEqual([])
    }
    expect(() => host.runTask(task, 10)).toThrow(RangeError)
    expect(() => host.scheduler.spawn(task)).toThrow(RangeError)
    expect(() => host.useCpu(2)).toThrow(RangeError)
    host.scheduler.forget(task)
    expect(host.runTask(task, 1000)).toBe("limit")
  })
  it("do the same however often the scheduler is asked to go on", () => {
    const outcome = (pieces: readonly number[], interrupted: boolean) => {
      const host = bootSmp({ pcpus: 2, scheduler: { quantum: 400, slice: 700, migration: "random", seed: 3 } })
      smpGuest(host, locked(EXCLUSIVE))
      const { task } = program(host, counting)
      host.scheduler.spawn(task)
      let count = 0
      const hash = eventHash(host, () => {
        if (interrupted && ++count % 50 === 0) host.scheduler.interrupt()
      })
      const until = host.scheduler.time + 40_000n
      for (let i = 0; host.scheduler.time < until; i++) host.scheduler.run(Math.min(pieces[i % pieces.length]!, Number(until - host.scheduler.time)))
      return hash
    }
    const reference = outcome([40_000], false)
    expect(reference.count).toBeGreaterThan(1000)
    expect(outcome([1], false)).toEqual(reference)
    expect(outcome([777, 4001, 13], true)).toEqual(reference)
  })
})

describe.each(modes)("KVM_RUN in threads under %s", (_, mode) => {
  it("comes back when a signal is sent, also to one that sleeps", () => {
    const host = bootSmp({ mode, scheduler: { quantum: 300 } })
    const { vm } = smpGuest(host, "again:\nb =again", 0)
    const exits: string[][] = [[], []]
    const threads = [0, 1].map((id) => {
      const vcpu = ok(vm.createVcpu(id))
      // the second one is powered off
      vcpu.init({ features: 4 + id })
      vcpu.registers.pc = BigInt(GUEST_RAM)
      return host.scheduler.spawnVcpu(vcpu, (exit) => {
        exits[id]!.push(typeof exit === "string" ? exit : exit.reason)
        return "stop"
      })
    })
    expect(host.scheduler.run(3000)).toBe("limit")
    expect(exits).toEqual([[], []])
    for (const thread of threads) host.scheduler.signal(thread)
    expect(host.scheduler.run(3000)).toBe("idle")
    expect(exits).toEqual([["intr"], ["intr"]])
    for (const thread of threads) host.scheduler.resume(thread)
    expect(host.scheduler.run(3000)).toBe("limit")
    expect(vm.destroy()).toBeUndefined()
    expect(host.scheduler.run(3000)).toBe("idle")
    expect(exits).toEqual([
      ["intr", "EIO"],
      ["intr", "EIO"]
    ])
    expect(brokenInvariants(host, [])).toEqual([])
  })
  it("of one vCPU is for one thread at a time", () => {
    const host = bootSmp({ mode, scheduler: { quantum: 300 } })
    const { vm } = smpGuest(host, "mov x0, #1\nhlt #1\nmov x0, #2\nhlt #2\nmov x0, #3\nhlt #3", 0)
    const vcpu = ok(vm.createVcpu(0))
    vcpu.init({ features: 4 })
    vcpu.registers.pc = BigInt(GUEST_RAM)
    const seen: [number, number][] = []
    for (const id of [0, 1])
      host.scheduler.spawnVcpu(vcpu, (exit) => {
        if (typeof exit === "string" || exit.reason !== "debug") throw new Error(JSON.stringify(exit))
        seen.push([id, exit.immediate])
        if (exit.immediate === 3) return "stop"
        vcpu.completeHalt()
        return id === 1 ? "stop" : "run"
      })
    host.scheduler.run(3000)
    expect(seen.map(([, immediate]) => immediate)).toEqual([1, 2, 3, 3].slice(0, seen.length))
    expect(new Set(seen.map(([id]) => id)).size).toBe(2)
    // nobody else may call while it runs
    expect(brokenInvariants(host, [vcpu])).toEqual([])
  })
  it("of a guest that gives nothing but exits does not stop the others", () => {
    const host = bootSmp({ mode, pcpus: 1, scheduler: { quantum: 300, slice: 300 } })
    // its vector cannot be read: exceptions for ever
    smpGuest(host, "movz x0, #0x0900, lsl #16\nmsr vbar_el1, x0\nisb\n.word 0", 1)
    const { task, data } = program(host, counting)
    host.scheduler.spawn(task)
    expect(host.scheduler.run(6000)).toBe("limit")
    expect(doubleword(data)).toBeGreaterThan(500n)
  })
})

describe.each(modes)("power of CPUs under %s", (_, mode) => {
  const alive = (host: Host) => {
    const machine = smpGuest(host, locked(EXCLUSIVE))
    return { ...machine, check: () => expect(brokenInvariants(host, machine.vcpus)).toEqual([]) }
  }
  it("goes and comes: registers are lost, and nobody notices", () => {
    const host = bootSmp({ mode, pcpus: 2, scheduler: { quantum: 400, slice: 900 } })
    const before = (["HCR_EL2", "VTTBR_EL2", "TTBR0_EL2", "SCTLR_EL1", "SCTLR_EL2", "TPIDR_EL2", "CNTHCTL_EL2", "VMPIDR_EL2"] as const).map(
      (name) => name
    )
    const values = () => before.map((name) => host.cpus[1]!.pe.controls.inForce(host.cpus[1]!.pe.controls.machine.registerByName.get(name)!.slot))
    const atBoot = values()
    const events = scheduling(host)
    const { vm, check, halts } = alive(host)
    for (let round = 0; host.scheduler.run(300) === "limit"; round++) {
      const { pe } = host.cpus[1]!
      const time = virtualTime(pe)
      expect((round % 2 ? suspendCpu : offlineCpu)(host, 1)).toBeUndefined()
      check()
      expect([host.cpus[1]!.current, pe.el, pe.v(3), pe.x[9], virtualTime(pe)]).toEqual([
        host.cpus[1]!.idle,
        2,
        0xa5a5_a5a5_a5a5_a5a5_a5a5_a5a5_a5a5_a5a5n,
        0xa5a5_a5a5_a5a5_a5a5n,
        time
      ])
      host.scheduler.run(300)
      check()
      expect(virtualTime(pe)).toBe(time)
      expect((round % 2 ? resumeCpu : onlineCpu)(host, 1)).toBeUndefined()
      check()
      expect(values()).toEqual(atBoot)
      expect(virtualTime(pe)).toBeGreaterThanOrEqual(host.scheduler.time)
    }
    expect([halts, guestWords(vm, LOCK, 2)]).toEqual([
      [[9], [9]],
      [0n, BigInt(2 * ROUNDS)]
    ])
    expect(new Set(events.map((e) => e.kind))).toEqual(
      new Set(["wake", "switch", "migrate", "preempt-in-kvm", "offline", "online", "suspend", "resume"])
    )
  })
  it("of the only CPU can be suspended, while time passes", () => {
    const host = bootSmp({ mode, pcpus: 1, scheduler: { quantum: 400 } })
    const { vm, check, halts } = alive(host)
    host.scheduler.run(2000)
    const time = host.scheduler.time
    expect(suspendCpu(host, 0)).toBeUndefined()
    check()
    expect(host.scheduler.run(1000)).toBe("idle")
    expect(resumeCpu(host, 0, 1_000_000)).toBeUndefined()
    check()
    expect(host.scheduler.time - time).toBe(1_000_000n)
    expect(host.scheduler.run(10_000_000)).toBe("idle")
    expect([halts, guestWords(vm, LOCK, 2)]).toEqual([
      [[9], [9]],
      [0n, BigInt(2 * ROUNDS)]
    ])
  })
  it("takes even those along that had no right to be elsewhere", () => {
    const host = bootSmp({ mode, pcpus: 2, scheduler: { quantum: 400 } })
    const { task, data } = program(host, counting)
    host.scheduler.spawn(task, { affinity: [1] })
    host.scheduler.run(2000)
    expect(offlineCpu(host, 1)).toBeUndefined()
    const before = doubleword(data)
    host.scheduler.run(2000)
    expect(doubleword(data)).toBeGreaterThan(before)
    expect(onCpus(host)[0]).toBe(task.name)
    expect(onlineCpu(host, 1)).toBeUndefined()
    host.scheduler.run(2000)
    expect(onCpus(host)[1]).toBe(task.name)
  })
  it("is refused where it cannot be", () => {
    const host = bootSmp({ mode, pcpus: 2 })
    expect([offlineCpu(host, 2), onlineCpu(host, 0), resumeCpu(host, 0), offlineCpu(host, -1)]).toEqual(["EINVAL", "EINVAL", "EINVAL", "EINVAL"])
    expect(offlineCpu(host, 0)).toBeUndefined()
    expect([offlineCpu(host, 1), offlineCpu(host, 0), suspendCpu(host, 0)]).toEqual(["EBUSY", "EINVAL", "EINVAL"])
    // the calls of the interface are made on the other one now
    expect(guest("hlt #5", { host }).vcpu.run(10)).toEqual({ reason: "debug", immediate: 5 })
    expect(onCpus(host)[1]).toBe(host.vmm.name)
  })
})
