/** Physical CPUs that go and come: their registers are lost, threads go elsewhere, and hyp code is there again before anything else. */
import { virtualTime } from "@eltwo/cpu"
import { brokenInvariants, type Host, offlineCpu, onlineCpu, resumeCpu, suspendCpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { guest, program } from "../../../plugins/vhe/test/machine.ts"
import { bootSmp, counting, doubleword, EXCLUSIVE, guestWords, LOCK, locked, MODES, onCpus, ROUNDS, scheduling, smpGuest } from "./smp-machine.ts"

const modes = Object.entries(MODES)
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
