/** The thread behind the interface of Vm and Vcpu: at EL0 it is a loop around SVC, and the methods choose what it asks for. */
import { PAGE_BYTES, run } from "@eltwo/cpu"
import type { PhysicalCpu } from "./cpu.ts"
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

/** The VMM thread's ioctl(descriptor, request, 0): from EL0 into the kernel and back. */
export const vmmIoctl = (host: Host, cpu: PhysicalCpu, descriptor: number, request: number): void => {
  preempt(cpu, host.vmm)
  const { pe } = cpu
  // the program's own registers
  pe.x[8] = IOCTL
  pe.x[0] = BigInt(descriptor)
  pe.x[1] = BigInt(request)
  pe.x[2] = 0n
  for (;;) {
    const exit = run(pe, { instructions: LONGEST_STEP, ...host.run })
    if (exit.kind !== "exception") throw cpu.bug(`The VMM thread stopped with ${exit.kind}`)
    if (exceptionFromUser(host, cpu, exit.exception.kind) && exit.exception.kind === "synchronous") return
  }
}
