/** A host program that runs a recorded guest until it is off, and what it saw; in any mode, on the processor of the recordings. */

import { registerNamed, writeRegister } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import type { Host, Mode, RunExit, Task, Vcpu } from "@eltwo/kvm"
import { expect } from "vitest"
import { vhe } from "../src/index.ts"
import { bootScalable, DATA, type Guest, guest, program } from "./machine.ts"
import { type RecordedExit, recordedGuest, type Timed } from "./recorded.ts"

const KVM_RUN_PAGE = 0x600000
const IOCTL = 29
/** V0 and V31 before each KVM_RUN, and what an MMIO read is answered with. */
const D0 = 0xaaaaaaaaaaaaaaaan
const D31 = 0x5555555555555555n
const MMIO_ANSWER = 0x1122334455667788n
const SYSTEM_EVENT = 24

/** What the program does with its registers before and after each KVM_RUN; X21: DATA. Results go to [x21, #64] and behind. */
interface Habit {
  readonly before: string
  readonly after: string
}
/** Uses V0 and V31. */
const FPSIMD: Habit = {
  before: `
  ldr d0, [x21]
  ldr d31, [x21, #8]`,
  after: `
  str d0, [x21, #64]
  str d31, [x21, #72]`
}
/** Uses SVE: every byte of Z0 is 1 and of Z31 2, then the sums of their bytes, and the vector length. */
const SVE: Habit = {
  before: `
  mov z0.b, #1
  mov z31.b, #2`,
  after: `
  str d0, [x21, #64]
  ptrue p0.b
  uaddv d1, p0, z0.b
  uaddv d2, p0, z31.b
  str d1, [x21, #72]
  str d2, [x21, #80]
  rdvl x9, #1
  str x9, [x21, #88]`
}
/** Maps kvm_run, then calls KVM_RUN, and writes what it finds and the result of the call to descriptor 1; until the guest is off. X20: the vCPU. */
const driver = ({ before, after }: Habit): string => `
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
  ${before}
  mov x0, x20
  mov x1, #0xae80
  mov x2, #0
  mov x8, #${IOCTL}
  svc #0
  str x0, [x21, #96]
  ${after}
  mov x0, #1
  add x1, x21, #64
  mov x2, #40
  mov x8, #64
  svc #0
  ldr w9, [x19, #8]
  cmp w9, #${SYSTEM_EVENT}
  b.ne =again
  mov x0, #0
  mov x8, #94
  svc #0`

/** The program's own registers after a KVM_RUN, by their names in a recording. */
export type HostRegisters = Readonly<Record<string, bigint>>
export interface Seen {
  readonly exit: RunExit | string
  readonly host: HostRegisters
  readonly result: bigint
}
export interface Run extends Guest {
  readonly seen: readonly Seen[]
  readonly events: readonly Timed[]
  readonly taskName: string
}
export interface Before {
  readonly host?: Host
  /** ZCR_EL1 by the host kernel's name for it: a register nobody cares for while no program uses SVE. */
  readonly zcr?: bigint
}
/** The driver as a host program, ready to run a vCPU; `seen` grows with each exit. */
export const startDriver = (host: Host, vcpu: Vcpu, hostUsesSve: boolean): { readonly task: Task; readonly seen: readonly Seen[] } => {
  const { task } = program(host, driver(hostUsesSve ? SVE : FPSIMD), new Uint8Array(BigUint64Array.of(D0, D31, MMIO_ANSWER).buffer))
  task.registers.x[20] = BigInt(task.open(vcpu.file))
  const seen: Seen[] = []
  task.files.set(1, {
    write(written) {
      const [d0, first, second, vl, result] = new BigUint64Array(written.slice().buffer)
      seen.push({
        exit: vcpu.lastExit,
        host: hostUsesSve ? { d0: d0!, z0sum: first!, z31sum: second!, vl: vl! } : { d0: d0!, d31: first! },
        result: result!
      })
      return written.length
    }
  })
  return { task, seen }
}
/** Runs a recorded guest under the driver. */
export const runRecorded = (name: string, mode: Mode = vhe, { host = bootScalable(mode), zcr }: Before = {}): Run => {
  const { bytes, sveMaxVl, hostUsesSve } = recordedGuest(name)
  const machine = guest(bytes, { host, sveMaxVl })
  const vectors = recordedGuest("vectors")
  machine.vm.write(vectors.address, vectors.bytes)
  const { task, seen } = startDriver(host, machine.vcpu, hostUsesSve)
  const { pe } = host.cpus[0]!
  const { controls } = pe
  if (zcr !== undefined) writeRegister(pe, registerNamed(pe, mode.hostEl === 2 ? "ZCR_EL2" : "ZCR_EL1"), zcr)
  const lengths = () => ({ zcrEl1: controls.inForce(controls.slot.ZCR_EL1), zcrEl2: controls.inForce(controls.slot.ZCR_EL2), svcr: pe.svcr })
  const events: Timed[] = []
  const stop = host.subscribe((e) => events.push(e.what === "eret" ? { ...e, ...lengths() } : e))
  expect(host.runTask(task, 100_000)).toBe("ended")
  stop()
  expect(task.ended).toEqual({ status: 0 })
  return { ...machine, seen, events, taskName: task.name }
}

/** The events of KVM_RUN calls and of traps of the program: each from the exception to the return to EL0. */
export const duringRuns = (events: readonly Timed[]): readonly Timed[] => {
  let inside = false
  return events.filter((e) => {
    if (e.what === "exc" && e.from === "host-el0") inside = e.call === IOCTL || e.ec === EC.SVEAccess
    const belongs = inside
    if (e.what === "eret" && e.to === "host-el0") inside = false
    return belongs
  })
}
export const userSees = ({ exit, host }: Seen): object =>
  typeof exit === "string"
    ? { errno: exit }
    : exit.reason === "mmio"
      ? { exit: "MMIO", write: Number(exit.isWrite), len: exit.bytes, addr: exit.physical, data: exit.isWrite ? exit.value : MMIO_ANSWER, host }
      : exit.reason === "systemEvent"
        ? { exit: "SYSTEM_EVENT", type: exit.type, host }
        : { exit: exit.reason }
/** The same of a recording; where it does not say what the program found, it is what the program had. */
export const userSaw = (e: RecordedExit): object => {
  const host = e.host ? Object.fromEntries(Object.entries(e.host).map(([name, value]) => [name, BigInt(value)])) : { d0: D0, d31: D31 }
  return e.exit === "MMIO"
    ? { exit: "MMIO", write: e.write, len: e.len, addr: Number(e.addr), data: BigInt(e.data!), host }
    : { exit: "SYSTEM_EVENT", type: e.type, host }
}
