/** System calls of host programs: what a program needs to drive a VM and say what it saw. Results are as the kernel's: negative error numbers. */
import { PAGE_BYTES } from "@eltwo/cpu"
import type { PhysicalCpu } from "./cpu.ts"
import { saveUserState } from "./fpstate.ts"
import type { Host } from "./host.ts"
import { withFpContext } from "./masking.ts"
import { PROCESS_CALLS } from "./process-calls.ts"
import { type Call, failed } from "./syscall.ts"
import type { Task } from "./task.ts"
import { readUser } from "./user-memory.ts"

const descriptor = ({ arguments: [fd] }: Call): number => Number(fd! & 0xffff_ffffn)

const statusOf = ({ arguments: [status] }: Call): { readonly status: number } => ({ status: Number(status! & 0xffn) })
const LONGEST_WRITE = 0x10000
const SHARED = 1n

const TABLE: ReadonlyMap<number, (call: Call) => bigint> = new Map<number, (call: Call) => bigint>([
  ...PROCESS_CALLS,
  [
    29, // ioctl
    (call) => {
      const file = call.task.files.get(descriptor(call))
      if (!file) return failed("EBADF")
      return file.ioctl ? BigInt(file.ioctl(Number(call.arguments[1]! & 0xffff_ffffn), call.arguments[2]!)) : failed("ENOTTY")
    }
  ],
  [
    64, // write
    (call) => {
      const file = call.task.files.get(descriptor(call))
      if (!file?.write) return failed("EBADF")
      const length = Number(call.arguments[2]! < LONGEST_WRITE ? call.arguments[2]! : BigInt(LONGEST_WRITE))
      const bytes = readUser(call.cpu.pe.board, call.task.space, call.arguments[1]!, length)
      return bytes ? BigInt(file.write(bytes)) : failed("EFAULT")
    }
  ],
  [
    222, // mmap: of a file, at an address the program chooses
    (call) => {
      const [address, length, , flags, fd] = call.arguments
      const page = call.task.files.get(Number(fd! & 0xffff_ffffn))?.page?.()
      if (page === undefined || !(flags! & SHARED) || length! !== BigInt(PAGE_BYTES) || address! >= 1n << 47n) return failed("EINVAL")
      const problem = call.task.space.map(Number(address!), page, PAGE_BYTES, { write: true })
      return problem ? failed(problem) : address!
    }
  ],
  [
    93, // exit
    (call) => {
      call.task.ended = statusOf(call)
      return 0n
    }
  ],
  [
    94, // exit_group
    (call) => {
      call.task.endProgram(statusOf(call))
      return 0n
    }
  ],
  [172, ({ task }) => BigInt(task.programId)], // getpid
  [
    124, // sched_yield: without a scheduler nobody else runs, but the registers go through memory as if somebody had
    ({ cpu, task }) => {
      if (task.schedule) cpu.schedule.needResched = true
      else withFpContext(cpu, () => saveUserState(cpu))
      return 0n
    }
  ]
])

/** Does the system call of a task whose registers are stored. Gives the new X0. */
export const systemCall = (host: Host, cpu: PhysicalCpu, task: Task, number: number): bigint => {
  const call = TABLE.get(number)
  return BigInt.asUintN(64, call ? call({ host, cpu, task, arguments: task.registers.x.subarray(0, 6) }) : failed("ENOSYS"))
}
