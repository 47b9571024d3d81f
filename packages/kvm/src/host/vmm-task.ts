/** The thread behind the interface of Vm and Vcpu: at EL0 it is a loop around SVC, and the methods choose what it asks for. */
import { PAGE_BYTES, type Pe, run } from "@eltwo/cpu"
import { KVM_RUN } from "../run.ts"
import type { Vcpu } from "../vcpu.ts"
import { exceptionFromUser, preempt } from "./entry.ts"
import type { Host } from "./host.ts"
import { Task } from "./task.ts"

/** svc #0; b .-4 */
const PROGRAM = Uint32Array.of(0xd4000001, 0x17ffffff)
const PROGRAM_ADDRESS = 0x400000
const IOCTL = 29n
/** The branch back, and the call. */
const LONGEST_STEP = 2

export const vmmTask = (host: Host): Task => {
  const task = host.createTask()
  const page = host.pages.allocate(PAGE_BYTES)
  if (!(task instanceof Task) || page === undefined) throw new RangeError("RAM is too small for the host kernel")
  host.board.write(page, new Uint8Array(PROGRAM.buffer))
  task.space.map(PROGRAM_ADDRESS, page, PAGE_BYTES, { execute: true })
  task.registers.pc = BigInt(PROGRAM_ADDRESS)
  return task
}

/** Another thread of the VMM, with the same program. */
export const vmmThread = (host: Host): Task => {
  const task = host.createThread(host.vmm)
  task.registers.pc = BigInt(PROGRAM_ADDRESS)
  return task
}
/** A thread of the VMM is at EL0: what it asks for next. */
const ask = ({ x }: Pe, descriptor: number, request: number): void => {
  x[8] = IOCTL
  x[0] = BigInt(descriptor)
  x[1] = BigInt(request)
  x[2] = 0n
}
export const askForRun = (pe: Pe, { descriptor }: Vcpu): void => ask(pe, descriptor, KVM_RUN)

/** The calling thread's ioctl(descriptor, request, 0): from EL0 into the kernel and back. A VMM that a signal has killed makes no calls. */
export const vmmIoctl = (host: Host, descriptor: number, request: number): void => {
  const { cpu, caller } = host
  if (caller.ended) throw cpu.bug(`${caller.name} has ended: there is no VMM any more`)
  host.takeCpu(caller)
  preempt(cpu, caller)
  const { pe } = cpu
  ask(pe, descriptor, request)
  for (;;) {
    const exit = run(pe, { instructions: LONGEST_STEP, ...host.run })
    if (exit.kind !== "exception") throw cpu.bug(`The VMM thread stopped with ${exit.kind}`)
    if (exceptionFromUser(host, cpu, exit.exception.kind) && exit.exception.kind === "synchronous") return
  }
}
