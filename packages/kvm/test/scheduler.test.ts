/** Threads of host programs on one and several CPUs, and that the same seed gives the same run. */
import { brokenInvariants } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, DATA, guest, ok, program } from "../../../plugins/vhe/test/machine.ts"
import { bootSmp, counting, doubleword, EXCLUSIVE, eventHash, locked, onCpus, scheduling, settle, smpGuest } from "./smp-machine.ts"

const OTHER = 0x600000
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
  it.each(["waiting", "on another CPU"] as const)("end together by a fatal signal of one, the other one %s", (where) => {
    const host = bootSmp({ scheduler: { quantum: 101, slice: 150 } })
    const { task } = program(host, "cbz x19, =ever\nmov x1, #300\nagain:\nsubs x1, x1, #1\nb.ne =again\nstr x1, [x1]\never:\nb =ever")
    const other = host.createThread(task)
    const alone = program(host, "ever:\nb =ever").task
    other.registers.pc = task.registers.pc
    task.registers.x[19] = 1n
    host.scheduler.spawn(task, { affinity: [0] })
    host.scheduler.spawn(other, { affinity: [where === "on another CPU" ? 1 : 0] })
    host.scheduler.spawn(alone)
    for (let i = 0; i < 20; i++) {
      host.scheduler.run(101)
      expect(brokenInvariants(host, [])).toEqual([])
    }
    const killed = { signal: "SIGSEGV", far: 0n }
    expect([task.ended, other.ended, alone.ended]).toMatchObject([killed, killed, undefined])
    expect(onCpus(host)).not.toContain(other.name)
    expect(host.destroyTask(task) ?? host.destroyTask(other)).toBeUndefined()
  })
  it("end together by exit_group, and know themselves by gettid", () => {
    const host = bootSmp({ scheduler: { quantum: 101, slice: 150 } })
    const { task, data } = program(
      host,
      `mov x21, #${DATA}
       mov x8, #178
       svc #0
       str x0, [x21, x19, lsl #3]
       mov x8, #172
       svc #0
       add x1, x19, #4
       str x0, [x21, x1, lsl #3]
       cbz x19, =last
       again:
       mov x8, #124
       svc #0
       b =again
       last:
       mov x2, #2000
       wait:
       subs x2, x2, #1
       b.ne =wait
       mov x0, #6
       mov x8, #94
       svc #0`
    )
    const threads = [task, host.createThread(task), host.createThread(task)]
    for (const [i, thread] of threads.entries()) {
      thread.registers.pc = task.registers.pc
      thread.registers.x[19] = BigInt(i)
      host.scheduler.spawn(thread)
    }
    settle(host, [])
    expect(threads.map(({ ended }) => ended)).toEqual([{ status: 6 }, { status: 6 }, { status: 6 }])
    expect([0, 1, 2].map((i) => doubleword(data, i))).toEqual(threads.map(({ id }) => BigInt(id)))
    expect([4, 5, 6].map((i) => doubleword(data, i))).toEqual(threads.map(() => BigInt(task.id)))
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

it("a program can be taken away while it is at EL0 of another CPU", () => {
  const host = bootSmp({ pcpus: 2 })
  const before = host.pages.available
  const { task } = program(host, "again:\nb =again")
  host.useCpu(1)
  expect([host.runTask(task, 100), onCpus(host)[1], host.cpus[1]!.pe.el]).toEqual(["limit", task.name, 0])
  host.useCpu(0)
  expect(host.destroyTask(task)).toBeUndefined()
  expect([onCpus(host)[1], host.pages.available]).toEqual(["swapper/1", before])
  expect(brokenInvariants(host, [])).toEqual([])
  host.useCpu(1)
  expect(guest("hlt #5", { host }).vcpu.run(10)).toEqual({ reason: "debug", immediate: 5 })
})
