/** Guests with an interrupt controller report what they report with QEMU's, and what the interface of KVM adds to it. */
import { readFileSync } from "node:fs"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, vmGuest } from "./vm-guests/machine.ts"
import { MODES } from "./vm-guests/modes.ts"

const recorded = JSON.parse(readFileSync(new URL("golden/vgic-guests.json", import.meta.url), "utf8")) as Record<string, readonly string[]>
const reportsOf = (name: string): readonly string[] => new RunningGuest(bootHost({ mode: vhe, engine: "jit" }), vmGuest(name)).run().result().reports
const values = (reports: readonly string[], tag: string): readonly number[] =>
  reports.flatMap((line) => (line.startsWith(`${tag} `) ? [Number(line.split(" ")[1])] : []))

describe("guests with an interrupt controller", () => {
  it.each(Object.keys(recorded))("%s reports what was recorded", (name) => {
    expect(recorded[name]!.length).toBeGreaterThan(6)
    expect(reportsOf(name)).toEqual(recorded[name])
  })
  it("are interrupted by lines of user space: levels until they fall, events once, by IROUTER at the other vCPU", () => {
    const reports = reportsOf("vgic-spi")
    expect(values(reports, "0:16")).toEqual([40, 40, 40, 41, 41])
    expect(values(reports, "1:16")).toEqual([42])
    expect(values(reports, "0:17")).toEqual([0xa0, 0xa0, 0xa0, 0, 0])
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((tag) => values(reports, `0:${tag}`)[0])).toEqual([
      0, 0x700, 0xa0, 0x80000, 1, 3, 0, 4, 0x100, 0, 5, 5
    ])
  })
  it("see the kernel's distributor and redistributors", () => {
    const reports = reportsOf("vgic-registers")
    expect([0, 1, 2, 3, 4, 5].map((tag) => values(reports, `0:${tag}`)[0])).toEqual([1, 7, 7, 0x8c00, 1023, 0xff])
    expect(values(reports, "0:6")).toEqual([0x50, 0x480007, 0x4b00343b, 0, 0, 0, 0, 0, 0])
    expect(values(reports, "0:7")).toEqual([0x3b])
    expect(values(reports, "0:9")).toEqual([0, 0x4b00043b, 0])
    expect([10, 11, 12].map((tag) => values(reports, `0:${tag}`)[0])).toEqual([0, 0, 0x1_0000_0110])
    expect(values(reports, "0:13")).toEqual([0xffffffff, 0xffff, 0, 0, 0, 0, 0xaaaaaaaa, 0, 0])
    expect([14, 15, 16, 17, 18, 19, 20, 21].map((tag) => values(reports, `0:${tag}`)[0])).toEqual([0, 0, 0xf8000000, 0, 0, 0, 0x10, 0])
  })
  it.each(["vgic-sgi", "vgic-spi"])("%s is the same with a thread for each vCPU, on one CPU and on two, in every mode", (name) => {
    const reference = reportsOf(name).filter((line) => !line.startsWith("0:100") && !line.startsWith("1:100"))
    for (const mode of MODES)
      for (const cpus of [1, 2]) {
        const host = bootHost({ mode, engine: "jit", cpus })
        const guest = new RunningGuest(host, vmGuest(name)).schedule(host)
        for (let turn = 0; turn < 1000 && guest.end === undefined; turn++) host.scheduler.run(100_000)
        const { end, reports } = guest.result()
        expect([mode.name, cpus, end]).toEqual([mode.name, cpus, "systemEvent 1"])
        expect(reports.filter((line) => !line.startsWith("0:100") && !line.startsWith("1:100"))).toEqual(reference)
      }
  })
})
