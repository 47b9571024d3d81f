/** Guests with several vCPUs, each of them a thread: locks, messages, time, sleep, power states, and KVM_RUN that is left in the middle. */

import { brokenInvariants, type Mode, REG } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, DATA, GUEST_RAM, guest, ok, program } from "../../../plugins/vhe/test/machine.ts"
import {
  BASE,
  bootSmp,
  CPU_ON,
  counting,
  doubleword,
  type Engine,
  EXCLUSIVE,
  guestWords,
  LOCK,
  LSE,
  locked,
  MODES,
  ROUNDS,
  scheduling,
  settle,
  smpGuest
} from "./smp-machine.ts"

const modes = Object.entries(MODES)
const xorTo = (n: number): bigint => Array.from({ length: n }, (_, i) => BigInt(i + 1)).reduce((x, i) => x ^ i, 0n)

describe.each(modes)("two vCPUs under %s", (_, mode) => {
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
    mov x22, #30
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
  const expected = Array.from({ length: 60 }).reduce<bigint>((value) => BigInt.asUintN(64, 3n * value + 1n), 0n)
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
    // one that waits for the other can be interrupted
    const exits: string[] = []
    vcpu.init({ features: 5 })
    const waiting = [0, 1].map(() =>
      host.scheduler.spawnVcpu(vcpu, (exit) => {
        exits.push(typeof exit === "string" ? exit : exit.reason)
        return "stop"
      })
    )
    host.scheduler.run(1000)
    host.scheduler.signal(waiting.find((task) => task.position?.begun === false)!)
    host.scheduler.run(1000)
    expect(exits).toEqual(["EINTR"])
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

describe.each(modes)("KVM_RUN of a host program under %s", (_, mode) => {
  it("is preempted like anybody's: two programs with a vCPU each, and FP of their own", () => {
    const host = bootSmp({ mode, pcpus: 2, scheduler: { quantum: 150, slice: 200, migration: "random", seed: 9 } })
    const { vm } = smpGuest(
      host,
      `mov x9, #0x300000
       msr cpacr_el1, x9
       isb
       fmov d3, x20
       mov x22, #200
       again:
       fmov x1, d3
       add x1, x1, #3
       fmov d3, x1
       subs x22, x22, #1
       b.ne =again
       fmov x0, d3
       hlt #1`,
      0
    )
    const all = [0, 1].map((id) => {
      const vcpu = ok(vm.createVcpu(id))
      vcpu.init({ features: 4 })
      vcpu.registers.pc = BigInt(GUEST_RAM)
      vcpu.registers.x[20] = BigInt(1000 * (id + 1))
      // opens with a value in D3, has the guest run, and says what the call gave and what D3 holds
      const { task, data } = program(
        host,
        `mov x21, #${DATA}
         fmov d3, x20
         mov x0, x19
         mov x1, #0xae80
         mov x2, #0
         mov x8, #29
         svc #0
         str x0, [x21]
         str d3, [x21, #8]
         mov x8, #93
         svc #0`
      )
      task.registers.x[19] = BigInt(task.open(vcpu.file))
      task.registers.x[20] = BigInt(77 + id)
      host.scheduler.spawn(task)
      return { vcpu, task, data }
    })
    const events = scheduling(host)
    settle(
      host,
      all.map(({ vcpu }) => vcpu)
    )
    expect(all.map(({ data, vcpu, task }) => [doubleword(data), doubleword(data, 1), vcpu.registers.x[0], vcpu.lastExit, task.ended])).toEqual(
      [0, 1].map((id) => [0n, BigInt(77 + id), BigInt(1000 * (id + 1) + 600), { reason: "debug", immediate: 1 }, { status: 0 }])
    )
    expect(events.filter((e) => e.kind === "preempt-in-kvm").length).toBeGreaterThan(4)
  })
})

describe.each(modes)("ONE_REG of a vCPU in KVM_RUN under %s", (_, mode) => {
  const code = `
    mov x0, #0x300000
    msr cpacr_el1, x0
    isb
    mov x0, #1
    msr tpidr_el1, x0
    fmov d9, x0
    again:
    mrs x1, tpidr_el1
    fmov x2, d9
    cmp x1, x2
    b.ne =bad
    cmp x1, #7
    b.lo =again
    hlt #1
    bad:
    hlt #2`
  const LOOP = BigInt(GUEST_RAM + 4 * 6)
  const TPIDR_EL1 = REG.system(3, 0, 13, 0, 4)

  it("is that of one moment, and what is set counts", () => {
    const host = bootSmp({ mode, pcpus: 1, scheduler: { quantum: 100, slice: 1000 } })
    const { vcpus, halts } = smpGuest(host, code, 1)
    const vcpu = vcpus[0]!
    host.scheduler.run(500)
    expect(vcpu.loadedOn).toBe(host.cpus[0])
    expect([vcpu.getOneReg(TPIDR_EL1), vcpu.getOneReg(REG.v(9)), vcpu.loadedOn]).toEqual([1n, 1n, undefined])
    const pc = vcpu.getOneReg(REG.pc) as bigint
    expect(pc >= LOOP && pc < LOOP + 24n).toBe(true)
    expect(brokenInvariants(host, vcpus)).toEqual([])
    host.scheduler.run(500)
    expect(vcpu.loadedOn).toBe(host.cpus[0])
    expect(vcpu.setOneReg(REG.pc, LOOP) ?? vcpu.setOneReg(TPIDR_EL1, 9n) ?? vcpu.setOneReg(REG.v(9), 9n)).toBeUndefined()
    settle(host, vcpus)
    expect(halts).toEqual([[1]])
  })
  it("has done what the guest waits for in its sleep", () => {
    const host = bootSmp({ mode, pcpus: 1 })
    const { vcpus } = smpGuest(host, "mov x1, #5\nwfi\nhlt #1", 1)
    settle(host, vcpus)
    expect(vcpus[0]!.thread?.schedule?.state).toBe("sleeping")
    expect([vcpus[0]!.getOneReg(REG.pc), vcpus[0]!.getOneReg(REG.x(1))]).toEqual([BigInt(GUEST_RAM + 8), 5n])
  })
  it("is not for a listener in the middle of a run", () => {
    const host = bootSmp({ mode, pcpus: 1 })
    const { vcpus } = smpGuest(host, "mov x0, #0\nhvc #0\nhlt #1", 1)
    const answers = new Set<unknown>()
    host.subscribe(({ what }) => {
      if (what === "hypercall") answers.add(vcpus[0]!.getOneReg(REG.pc))
    })
    settle(host, vcpus)
    expect([...answers]).toEqual(["EBUSY"])
  })
})

it.each([0, 1, 5])("a trapped access to the physical timer is one instruction of virtual time, after %i others", (others) => {
  const run = (mode: Mode) => {
    const host = bootSmp({ mode, pcpus: 1 })
    const before = "nop\n".repeat(others)
    const { vcpu } = guest(`again:\n${before}mrs x1, cntp_ctl_el0\nmsr cntp_cval_el0, x2\n${before}mrs x3, cntpct_el0\nb =again`, { host })
    vcpu.run(others)
    // from here: the time of the start is the mode's own
    const begin = host.cpu.pe.retired
    return Array.from({ length: 40 }, () => {
      vcpu.run(7)
      return [host.account.instructions, vcpu.registers.pc, host.cpu.pe.retired - begin]
    })
  }
  const expected = run(MODES.vhe)
  for (const mode of [MODES.nvhe, MODES.hvhe, MODES.pkvm]) expect(run(mode)).toEqual(expected)
})
