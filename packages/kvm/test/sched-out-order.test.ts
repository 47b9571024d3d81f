/** The order of a switch away from a thread in KVM_RUN: vcpu_put, then the FP core's switch. Registers come out the same either way; the steps do not. */
import type { KvmEvent } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { program } from "../../../plugins/vhe/test/machine.ts"
import { bootSmp, MODES, smpGuest } from "./smp-machine.ts"

describe.each(Object.values(MODES))("under $name", (mode) => {
  it("vcpu_put stores the guest's registers before the FP core looks at them", () => {
    const host = bootSmp({ mode, pcpus: 1, scheduler: { slice: 500, quantum: 400 } })
    smpGuest(host, "mov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nagain:\nfmov d0, x0\nb =again", 1)
    host.scheduler.spawn(program(host, "again:\nb =again").task)
    const events: KvmEvent[] = []
    const stop = host.subscribe((event) => void events.push(event))
    expect(host.scheduler.run(20_000)).toBe("limit")
    stop()
    const isFp = ({ what }: KvmEvent): boolean => what === "save" || what === "load"
    let puts = 0
    for (const [i, event] of events.entries()) {
      if (event.what !== "sched" || event.kind !== "preempt-in-kvm") continue
      const from = events.slice(0, i).findLastIndex((other) => other.what === "sched" && other.kind === "switch")
      expect(events.slice(from, i).filter(isFp)).toEqual([])
      // under pKVM hyp has put the guest's registers away long before
      if (mode.name !== "pkvm") expect(events.slice(i).find(isFp)).toMatchObject({ what: "save", memory: "vcpu1" })
      puts++
    }
    expect(puts).toBeGreaterThan(5)
  })
})
