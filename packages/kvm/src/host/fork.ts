/** fork and clone: what a new task takes over from its parent. */
import { PAGE_BYTES } from "@eltwo/cpu"
import { type Errno, isErrno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { hasZa, SVCR } from "./fp-memory.ts"
import { flushTaskState, saveAndFlushCurrentState, stopStreaming } from "./fpstate.ts"
import type { Host } from "./host.ts"
import { type Task, TIF } from "./task.ts"
import { allocateArray, allocateVectors, syncFromEffective } from "./task-vectors.ts"

const INHERITED = TIF.SVE_VL_INHERIT | TIF.SME_VL_INHERIT

/**
 * The current task's registers and FP state as a new task has them. A thread (`sharesMemory`) has no ZA and no TPIDR2_EL0: the pair would refer to its
 * parent's stack; a process inherits both. ENOMEM: nothing has become of the child.
 */
export const inheritState = (cpu: PhysicalCpu, parent: Task, child: Task, sharesMemory: boolean): Errno | undefined => {
  saveAndFlushCurrentState(cpu)
  syncFromEffective(parent)
  const { fp } = child
  fp.fpsimd.set(parent.fp.fpsimd)
  fp.fpmr = parent.fp.fpmr
  fp.svcr = parent.fp.svcr
  fp.vl = { ...parent.fp.vl }
  Object.assign(child.vlOnexec, parent.vlOnexec)
  fp.fpType = "FPSIMD"
  child.flags = (parent.flags & INHERITED) | TIF.FOREIGN_FPSTATE
  stopStreaming(child)
  fp.svcr &= ~SVCR.ZA

  const { registers } = child
  registers.general.set(parent.registers.general)
  registers.sp = parent.registers.sp
  registers.pc = parent.registers.pc
  registers.pstate = parent.registers.pstate
  registers.x[0] = 0n
  child.signals.blocked = parent.signals.blocked
  child.tpidr = cpu.read("TPIDR_EL0")
  const tpidr2 = cpu.features.sme ? cpu.read("TPIDR2_EL0") : 0n
  child.tpidr2 = sharesMemory ? 0n : tpidr2
  flushTaskState(child)
  if (sharesMemory || !hasZa(parent.fp)) return undefined
  if (!allocateVectors(cpu, child, true) || !allocateArray(cpu, child, true)) return "ENOMEM"
  fp.sme!.set(parent.fp.sme!)
  fp.svcr |= SVCR.ZA
  child.set(TIF.SME)
  return undefined
}

/** Flags of clone. */
export const CLONE = { VM: 0x100n, SETTLS: 0x80000n } as const
/** Arguments of clone(2). */
export interface CloneRequest {
  readonly flags: bigint
  /** Stack pointer of the child; 0: its parent's. */
  readonly stack: bigint
  /** TPIDR_EL0 of the child, with CLONE.SETTLS. */
  readonly tls: bigint
}
const MOST_TASKS = 4096
/** clone: a thread with CLONE.VM, else a process with a copy of what is the parent's own memory. It runs where its parent does, once it is let. */
export const cloneTask = (host: Host, cpu: PhysicalCpu, parent: Task, { flags, stack, tls }: CloneRequest): Task | Errno => {
  if (host.tasks.size >= MOST_TASKS) return "EAGAIN"
  const sharesMemory = (flags & CLONE.VM) !== 0n
  const child = sharesMemory ? host.createThread(parent) : host.createTask()
  if (isErrno(child)) return child
  const problem = (sharesMemory ? undefined : copyProcess(host, parent, child)) ?? inheritState(cpu, parent, child, sharesMemory)
  if (problem) {
    host.releaseTask(child)
    return problem
  }
  if (stack) child.registers.sp = stack
  if (flags & CLONE.SETTLS) child.tpidr = tls
  if (parent.schedule) host.scheduler.spawn(child)
  return child
}
const copyProcess = (host: Host, parent: Task, child: Task): Errno | undefined => {
  for (const [number, action] of parent.signals.actions) child.signals.actions.set(number, action)
  for (const [descriptor, file] of parent.files) child.files.set(descriptor, file)
  for (const { address, physical, bytes, permissions } of parent.space.regions) {
    const isOwn = parent.pages.some((p) => p.physical === physical)
    const copy = isOwn ? host.pages.allocate(bytes) : physical
    if (copy === undefined) return "ENOMEM"
    if (isOwn) {
      for (let page = physical; page < physical + bytes; page += PAGE_BYTES) host.touch(page)
      host.board.write(copy, host.pages.view(physical, bytes))
      child.pages.push({ physical: copy, bytes })
    }
    const problem = child.space.map(address, copy, bytes, permissions)
    if (problem) return problem
  }
  return undefined
}
