/** Recorded guests on a protected host: the kernel's part. Which calls it makes, when its FP core moves registers, and when it is in and out of user space. */
import type { KvmEvent } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { type RecordedEvent, recording } from "../../vhe/test/recorded.ts"
import { protectedMode } from "../src/index.ts"
import { runRecorded } from "./recorded-run.ts"

const IOCTL = 29
const FIRST_CALL = "call 40"
/** A save whose first store faults at the host's stage 2 is taken for hyp code's by the recorder, and so is its memory from there on. */
const FP_CORE = "fpsimd_save_user_state"
/** KVM_RUN, from its SVC to the return; other system calls of the thread that drives it are its own. */
const inRuns = (steps: readonly string[]): readonly string[] => {
  let inside = false
  return steps.filter((step) => {
    if (step === "svc") inside = true
    const belongs = inside
    if (step === "user") inside = false
    return belongs
  })
}
const recordedSteps = (events: readonly RecordedEvent[]): readonly string[] =>
  events.flatMap((e) => {
    if (e.what === "exc" && e.from === "host-el0") return ["svc"]
    if (e.what === "eret" && e.to === "host-el0") return ["user"]
    if (e.hcall !== undefined) return [`call ${e.hcall}`]
    const byKernel = e.where === "host" || (e.fn ?? "").startsWith(FP_CORE)
    return (e.what === "save" || e.what === "load") && byKernel ? [`${e.what} ${e.mem!.replace(/^hyp-host\d+$/, "task1")}`] : []
  })
const modelSteps = (events: readonly KvmEvent[]): readonly string[] => {
  // the thread that calls KVM_RUN is the only one meanwhile
  return events.flatMap((e) => {
    if (e.what === "exc" && e.from === "host-el0" && e.where === "host") return [e.call === IOCTL ? "svc" : "other"]
    if (e.what === "eret" && e.to === "host-el0" && e.where === "host") return ["user"]
    if (e.what === "exc" && e.hostCall !== undefined) return [`call ${e.hostCall}`]
    return (e.what === "save" || e.what === "load") && e.where === "host" ? [`${e.what} ${e.memory.replace(/^task\d+$/, "task1")}`] : []
  })
}

const RECORDINGS = (["g1-nofp", "g2-fp"] as const).flatMap((name) =>
  (["hvhe", "nvhe"] as const).flatMap((base) => [false, true].map((isProtected) => ({ name, base, isProtected })))
)
describe.each(RECORDINGS)("$name, base $base, protected $isProtected", ({ name, base, isProtected }) => {
  const file = `${name}.protected-${base}${isProtected ? ".pvm" : ""}`
  const recorded = inRuns(recordedSteps(recording(file).events))
  const { events } = runRecorded(name, { mode: protectedMode(base), isProtected, maxVl: 0, hostSve: false })

  it("makes the recorded calls, between the same moves of its own registers", () => {
    expect(recorded.slice(0, 2)).toEqual(["svc", FIRST_CALL])
    expect(inRuns(modelSteps(events))).toEqual(recorded)
  })
  it("never lets the kernel see that the guest owns the registers", () => {
    const owners = events.flatMap((e) => (e.what === "owner" ? [e.owner] : e.what === "eret" && e.to === "host" ? ["back"] : []))
    for (const [i, owner] of owners.entries()) if (owner === "guest") expect(owners[i + 1]).toBe("host")
  })
})
