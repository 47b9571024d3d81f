/** Recorded guests run by a host program at EL0 on the model, compared with what a real kernel did: every trap word, exit, transfer and barrier in order. */

import type { KvmEvent, RunExit } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { boot, DATA, type Guest, guest, ok, program } from "./machine.ts"
import {
  DIFFERENCES,
  expectedLines,
  expectedValues,
  modelLines,
  modelValues,
  type RecordedExit,
  recordedGuest,
  recording,
  registerLists,
  withoutExits
} from "./recorded.ts"

const KVM_RUN_PAGE = 0x600000
const IOCTL = 29
/** V0 and V31 before each KVM_RUN, and what an MMIO read is answered with. */
const D0 = 0xaaaaaaaaaaaaaaaan
const D31 = 0x5555555555555555n
const MMIO_ANSWER = 0x1122334455667788n
const SYSTEM_EVENT = 24

/** Maps kvm_run, then loads V0 and V31, calls KVM_RUN, and writes V0, V31 and the result of the call to descriptor 1; until the guest is off. X20: the vCPU. */
const DRIVER = `
  mov x21, #${DATA}
  mov x0, #${KVM_RUN_PAGE}
  mov x1, #4096
  mov x2, #3
  mov x3, #1
  mov x4, x20
  mov x5, #0
  mov x8, #222
  svc #0
  mov x19, x0
again:
  ldr x9, [x21, #16]
  str x9, [x19, #40]
  ldr d0, [x21]
  ldr d31, [x21, #8]
  mov x0, x20
  mov x1, #0xae80
  mov x2, #0
  mov x8, #${IOCTL}
  svc #0
  str d0, [x21, #64]
  str d31, [x21, #72]
  str x0, [x21, #80]
  mov x0, #1
  add x1, x21, #64
  mov x2, #24
  mov x8, #64
  svc #0
  ldr w9, [x19, #8]
  cmp w9, #${SYSTEM_EVENT}
  b.ne =again
  mov x0, #0
  mov x8, #94
  svc #0`

interface Seen {
  readonly exit: RunExit | string
  readonly d0: bigint
  readonly d31: bigint
  readonly result: bigint
}
interface Run extends Guest {
  readonly seen: readonly Seen[]
  readonly events: readonly KvmEvent[]
  readonly taskName: string
}
/** Runs a recorded guest under the driver. */
const runRecorded = (name: string): Run => {
  const host = boot()
  const machine = guest(recordedGuest(name).bytes, { host })
  const vectors = recordedGuest("vectors")
  machine.vm.write(vectors.address, vectors.bytes)
  const { task } = program(host, DRIVER, new Uint8Array(BigUint64Array.of(D0, D31, MMIO_ANSWER).buffer))
  task.registers.x[20] = BigInt(task.open(machine.vcpu.file))
  const seen: Seen[] = []
  task.files.set(1, {
    write(bytes) {
      const [d0, d31, result] = new BigUint64Array(bytes.slice().buffer)
      seen.push({ exit: machine.vcpu.lastExit, d0: d0!, d31: d31!, result: result! })
      return bytes.length
    }
  })
  const events: KvmEvent[] = []
  const stop = host.subscribe((e) => events.push(e))
  expect(host.runTask(task, 100_000)).toBe("ended")
  stop()
  expect(task.ended).toEqual({ status: 0 })
  return { ...machine, seen, events, taskName: task.name }
}

/** The events of KVM_RUN calls: each from its SVC to the return to EL0. */
const duringRuns = (events: readonly KvmEvent[]): readonly KvmEvent[] => {
  let inside = false
  return events.filter((e) => {
    if (e.what === "exc" && e.from === "host-el0") inside = e.call === IOCTL
    const belongs = inside
    if (e.what === "eret" && e.to === "host-el0") inside = false
    return belongs
  })
}
const userSees = ({ exit, d0, d31 }: Seen): object =>
  typeof exit === "string"
    ? { errno: exit }
    : exit.reason === "mmio"
      ? { exit: "MMIO", write: Number(exit.isWrite), len: exit.bytes, addr: exit.physical, data: exit.isWrite ? exit.value : MMIO_ANSWER, d0, d31 }
      : exit.reason === "systemEvent"
        ? { exit: "SYSTEM_EVENT", type: exit.type, d0, d31 }
        : { exit: exit.reason }
const userSaw = (e: RecordedExit, host: { readonly d0: bigint; readonly d31: bigint }): object =>
  e.exit === "MMIO"
    ? { exit: "MMIO", write: e.write, len: e.len, addr: Number(e.addr), data: BigInt(e.data!), ...host }
    : { exit: "SYSTEM_EVENT", type: e.type, ...host }

const listKey = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")
const used = DIFFERENCES.map(() => 0)
/** Exits of the recording that the machine under test does not have, with the reason. */
const GUESTS: readonly { readonly name: string; readonly inGuest?: { readonly why: string; readonly ec: string; readonly exits: number } }[] = [
  { name: "g1-nofp" },
  { name: "g2-fp" },
  {
    name: "g5-nosve",
    inGuest: {
      why: "PTRUE and MRS ZCR_EL1 are unallocated without SVE: UNDEFINED at the guest's own EL1, not EC 0x19 at EL2 and injected",
      ec: "0x19",
      exits: 2
    }
  }
]

describe.each(GUESTS)("$name", ({ name, inGuest }) => {
  const recorded = recording(`${name}.vhe`)
  const run = runRecorded(name)
  const { kept, dropped } = withoutExits(recorded.events, (e) => e.what === "exc" && e.ec === inGuest?.ec)

  it("gives user space the same exits, data and registers", () => {
    expect(run.seen.map((s) => s.result)).toEqual(recorded.exits.map(() => 0n))
    expect(run.seen.map(userSees)).toEqual(
      recorded.exits.map((e) => userSaw(e, e.host ? { d0: BigInt(e.host.d0), d31: BigInt(e.host.d31) } : { d0: D0, d31: D31 }))
    )
  })

  it("takes the same steps in the same order", () => {
    const { vm, events, taskName } = run
    const names = {
      vectors: new Map([
        [vm.host.vectors, "vectors"],
        [vm.host.guestVectors, "__kvm_hyp_vector"]
      ]),
      memory: new Map([[taskName, "task1"]])
    }
    expect(dropped).toBe(inGuest?.exits ?? 0)
    const model = modelLines(duringRuns(events), names)
    expect(model.lines).toEqual(expectedLines(kept, used))
    // each list of registers moves as often; an exit that is not there would have moved the return state once
    const returnState = ["L5", "L6"]
    const injection = ["L10", "L11", "L12"]
    for (const [list, count] of Object.entries(recorded.lists)) {
      const expected = returnState.includes(list) ? count - dropped : injection.includes(list) && inGuest ? 0 : count
      expect([list, model.lists.get(listKey(list)) ?? 0]).toEqual([list, expected])
    }
  })
  it("writes the same values", () => {
    const valued = Object.keys(recorded.lists).filter((list) => expectedValues(list).length > 0)
    expect(valued.length).toBe(3)
    for (const list of valued) expect([list, ...modelValues(run.events, list)]).toEqual([list, ...expectedValues(list)])
  })
})

describe("the listed differences", () => {
  it.each(DIFFERENCES.map(({ why }, i) => ({ why, i })))("occur: $why", ({ i }) => {
    expect(used[i]).toBeGreaterThan(0)
  })
  it("keep the guest's state of FP in order: the account counts as the recording", () => {
    const { host } = runRecorded("g2-fp")
    const { events } = recording("g2-fp.vhe")
    const count = (what: string) => events.filter((e) => e.what === what).length
    // the VMM thread, which ran before, is saved once; it and the driver are loaded before the first call
    expect(host.account.saves).toBe(count("save") + 1)
    expect(host.account.loads).toBe(count("load") + 2)
    expect(host.account.fpTraps).toBe(events.filter((e) => e.ec === "0x7").length)
    expect(ok(host.account.exits.get("FPAccess"))).toBe(4)
  })
})
