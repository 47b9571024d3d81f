/** A host program that runs a recorded guest until it is off, and what it saw; in any mode. */

import type { KvmEvent, Mode, RunExit } from "@eltwo/kvm"
import { expect } from "vitest"
import { boot, DATA, type Guest, guest, program } from "./machine.ts"
import { type RecordedExit, recordedGuest } from "./recorded.ts"

const KVM_RUN_PAGE = 0x600000
const IOCTL = 29
/** V0 and V31 before each KVM_RUN, and what an MMIO read is answered with. */
export const D0 = 0xaaaaaaaaaaaaaaaan
export const D31 = 0x5555555555555555n
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

export interface Seen {
  readonly exit: RunExit | string
  readonly d0: bigint
  readonly d31: bigint
  readonly result: bigint
}
export interface Run extends Guest {
  readonly seen: readonly Seen[]
  readonly events: readonly KvmEvent[]
  readonly taskName: string
}
/** Runs a recorded guest under the driver; under VHE unless said otherwise. */
export const runRecorded = (name: string, mode?: Mode): Run => {
  const host = boot(mode)
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
export const duringRuns = (events: readonly KvmEvent[]): readonly KvmEvent[] => {
  let inside = false
  return events.filter((e) => {
    if (e.what === "exc" && e.from === "host-el0") inside = e.call === IOCTL
    const belongs = inside
    if (e.what === "eret" && e.to === "host-el0") inside = false
    return belongs
  })
}
export const userSees = ({ exit, d0, d31 }: Seen): object =>
  typeof exit === "string"
    ? { errno: exit }
    : exit.reason === "mmio"
      ? { exit: "MMIO", write: Number(exit.isWrite), len: exit.bytes, addr: exit.physical, data: exit.isWrite ? exit.value : MMIO_ANSWER, d0, d31 }
      : exit.reason === "systemEvent"
        ? { exit: "SYSTEM_EVENT", type: exit.type, d0, d31 }
        : { exit: exit.reason }
export const userSaw = (e: RecordedExit, host: { readonly d0: bigint; readonly d31: bigint }): object =>
  e.exit === "MMIO"
    ? { exit: "MMIO", write: e.write, len: e.len, addr: Number(e.addr), data: BigInt(e.data!), ...host }
    : { exit: "SYSTEM_EVENT", type: e.type, ...host }
