/** Protected VMs on several CPUs: vCPUs that hyp code makes and runs wherever the host's threads are, two VMs at a time. */
import { describe, expect, it } from "vitest"
import { GUEST, SECRET, World } from "../../../test/attacks/world.ts"

describe.each(["hvhe", "nvhe"] as const)("base %s", (base) => {
  it("a vCPU whose thread may only run on the second CPU is made, run and put there, and the victim runs beside it", () => {
    const w = new World(base, 2)
    const guest = w.newVm(`movz x9, #0x900, lsl #16\nmov x11, #0\nagain:\nadd x11, x11, #1\nstr x11, [x9]\nmrs x12, id_aa64pfr0_el1\nb =again`)
    const seen: bigint[] = []
    const reports: bigint[] = []
    const { scheduler } = w.host
    scheduler.spawnVcpu(
      guest.vcpu,
      (exit) => {
        if (typeof exit !== "string" && exit.reason === "mmio") seen.push(exit.value)
        return seen.length < 40 ? "run" : "stop"
      },
      { affinity: [1] }
    )
    scheduler.spawnVcpu(
      w.victim.vcpu,
      (exit) => {
        if (typeof exit !== "string" && exit.reason === "mmio" && exit.physical === GUEST.device + 8) reports.push(exit.value)
        return reports.length < 40 ? "run" : "stop"
      },
      { affinity: [0] }
    )
    scheduler.run(2_000_000)
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => BigInt(i + 1)))
    expect(reports).toEqual(Array.from({ length: 40 }, () => SECRET))
    expect([...w.state.pkvm.loaded.keys()]).toEqual([])
    expect(w.host.crash).toBeUndefined()
  })
})
