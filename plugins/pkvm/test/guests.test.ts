/** While guests run, in protected VMs and beside them, the page tables say what hyp code believes; nothing is left of them at the end. */
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, vmGuest } from "../../../test/vm-guests/machine.ts"
import { hostSideOf } from "../src/host/side.ts"
import { type Base, protectedMode, tableProblems } from "../src/index.ts"
import { PROTECTED } from "./protected-host.ts"

const BASES: readonly Base[] = ["hvhe", "nvhe"]
const alone = (name: string) => new RunningGuest(bootHost({ mode: vhe, engine: "jit" }), vmGuest(name)).run().result()

describe.each(BASES)("base %s", (base) => {
  it.each(["faults", "hypercalls", "stage1", "sve-sums", "two-vcpus"])("%s, in a protected VM and in an ordinary one on the same host", (name) => {
    const host = bootHost({ mode: protectedMode(base), engine: "jit" })
    const running = [0n, PROTECTED].map((type) => new RunningGuest(host, vmGuest(name), type))
    for (const guest of running) {
      guest.run()
      expect([guest.end, ...tableProblems(host)]).toEqual(["systemEvent 1"])
    }
    for (const { vm } of running) {
      vm.destroy()
      expect(tableProblems(host)).toEqual([])
    }
    const { vms, vcpus, shares } = hostSideOf(host)
    expect([vms.size, vcpus.size, [...shares.entries()]]).toEqual([0, 0, []])
    expect(running[0]!.result()).toEqual(alone(name))
  })
  it("two CPUs: an ordinary VM with two vCPUs beside a protected one, moving between them", () => {
    const host = bootHost({ mode: protectedMode(base), engine: "jit", cpus: 2 })
    host.scheduler.configure({ seed: 5, slice: 300, quantum: 200, migration: "random" })
    const ordinary = new RunningGuest(host, vmGuest("two-vcpus")).schedule(host)
    const hidden = new RunningGuest(host, vmGuest("fp-registers"), PROTECTED).schedule(host)
    for (let turn = 0; turn < 400 && (ordinary.end === undefined || hidden.end === undefined); turn++) {
      expect(host.scheduler.run(20_000)).toEqual(expect.any(String))
      expect(tableProblems(host)).toEqual([])
    }
    expect(ordinary.result()).toEqual(alone("two-vcpus"))
    expect(hidden.result()).toEqual(alone("fp-registers"))
  })
})
