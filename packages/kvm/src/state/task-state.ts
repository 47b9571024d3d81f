/** A host task as data: registers, FP state, signals, where the scheduler and the kernel have it; with a program's first living thread, the program. */
import { type Saved, shape } from "@eltwo/cpu"
import { AddressSpace } from "../host/address-space.ts"
import { fpMemory } from "../host/fp-memory.ts"
import type { Host } from "../host/host.ts"
import { type HostFile, NR_CPUS, Task, TIF } from "../host/task.ts"
import type { ThreadSchedule } from "../host/thread.ts"
import { FP_STATE, fpState, restoreFpWithMemory } from "./fp-state.ts"
import { cpuAt, Impossible, mustBeRam, refOf, Unsaved, VCPU_REF, type VcpuRef, vcpuAt } from "./references.ts"

const MOST_REGIONS = 1 << 16
const LENGTHS = { fields: { sve: "u32", sme: "u32" } } as const

/** What all threads of a program share. Its memory and tables are in RAM. */
const PROGRAM = {
  fields: {
    asid: "u32",
    root: "size",
    regions: { list: { fields: { address: "size", physical: "size", bytes: "size", write: "flag", execute: "flag" } }, most: MOST_REGIONS },
    pages: { list: { fields: { physical: "size", bytes: "size" } }, most: MOST_REGIONS },
    actions: { list: { fields: { signal: "u32", handler: "u64", flags: "u64", restorer: "u64", mask: "u64" } }, most: 64 },
    files: { list: { fields: { descriptor: "u32", file: { kinds: { vcpu: VCPU_REF, named: { name: "text" } } } } }, most: MOST_REGIONS }
  }
} as const

/** A host task as a snapshot of a whole host has it. */
export const TASK_STATE = shape({
  fields: {
    /** 0: a CPU's idle thread. */
    id: "u32",
    programId: "u32",
    program: { maybe: PROGRAM },
    general: { bytes: 248 },
    sp: "u64",
    pc: "u64",
    pstate: "u64",
    fp: FP_STATE,
    tpidr: "u64",
    tpidr2: "u64",
    /** TIF bits. */
    flags: "u32",
    /** Null: on no CPU. */
    fpsimdCpu: { maybe: "u32" },
    vlOnexec: LENGTHS,
    /** Buffer of its section of kernel-mode NEON. */
    kernelFpsimd: { maybe: { fields: { name: "text", fp: FP_STATE } } },
    kernelFpsimdCpu: { maybe: "u32" },
    isKernelThread: "flag",
    pending: { list: { fields: { signal: "u32", code: "u32", address: "u64", esr: "u64" } }, most: 64 },
    blocked: "u64",
    schedule: {
      maybe: {
        fields: {
          state: { oneOf: ["runnable", "sleeping", "stopped"] },
          cpu: "u32",
          affinity: { maybe: { list: "u32", most: 4096 } },
          wakeAt: { maybe: "u64" },
          notBefore: "u64",
          interrupted: "flag"
        }
      }
    },
    /** In KVM_RUN of a vCPU; null: at user level. */
    position: { maybe: { fields: { ...VCPU_REF, begun: "flag" } } },
    ended: { maybe: { kinds: { exited: { status: "u32" }, killed: { signal: "text", esr: "u64", far: "u64" } } } }
  }
})
export type TaskState = Saved<typeof TASK_STATE>
type ProgramState = Saved<typeof PROGRAM>

const cpuNumber = (cpu: number): number | null => (cpu === NR_CPUS ? null : cpu)

const fileState = (task: Task, file: HostFile, known: ReadonlyMap<HostFile, VcpuRef>): ProgramState["files"][number]["file"] => {
  const ref = known.get(file)
  if (ref) return { kind: "vcpu", ...ref }
  if (file.name === undefined) throw new Unsaved(`${task.name} has a file open that has no name`)
  return { kind: "named", name: file.name }
}
const programState = (task: Task, known: ReadonlyMap<HostFile, VcpuRef>): ProgramState => ({
  asid: task.space.asid,
  root: task.space.tables.root,
  regions: task.space.regions.map(({ address, physical, bytes, permissions: { write = false, execute = false } }) => ({
    address,
    physical,
    bytes,
    write,
    execute
  })),
  pages: task.pages.map(({ physical, bytes }) => ({ physical, bytes })),
  actions: [...task.signals.actions].map(([signal, action]) => ({ signal, ...action })).sort((a, b) => a.signal - b.signal),
  files: [...task.files].sort(([a], [b]) => a - b).map(([descriptor, file]) => ({ descriptor, file: fileState(task, file, known) }))
})
/** `files`: which vCPU answers which file. Throws Unsaved. */
export const taskState = (host: Host, task: Task, files: ReadonlyMap<HostFile, VcpuRef>): TaskState => {
  const { registers, schedule, position, ended, kernelFpsimd, signals } = task
  const isFirst = task.id !== 0 && [...host.tasks.values()].find(({ programId }) => programId === task.programId) === task
  return {
    id: task.id,
    programId: task.programId,
    program: isFirst ? programState(task, files) : null,
    general: registers.general.slice(),
    sp: registers.sp,
    pc: registers.pc,
    pstate: registers.pstate,
    fp: fpState(task.fp),
    tpidr: task.tpidr,
    tpidr2: task.tpidr2,
    flags: task.flags,
    fpsimdCpu: cpuNumber(task.fpsimdCpu),
    vlOnexec: { ...task.vlOnexec },
    kernelFpsimd: kernelFpsimd && { name: kernelFpsimd.name, fp: fpState(kernelFpsimd) },
    kernelFpsimdCpu: cpuNumber(task.kernelFpsimdCpu),
    isKernelThread: task.isKernelThread,
    pending: signals.pending.map(({ number, code, address, esr }) => ({ signal: number, code: code >>> 0, address, esr })),
    blocked: signals.blocked,
    schedule: schedule ? { ...schedule, affinity: schedule.affinity ? [...schedule.affinity] : null, wakeAt: schedule.wakeAt ?? null } : null,
    position: position ? { ...refOf(host, position.vcpu), begun: position.begun } : null,
    ended: ended === undefined ? null : "status" in ended ? { kind: "exited", status: ended.status } : { kind: "killed", ...ended }
  }
}

/** Makes the tasks of a host, the VMM's first thread excepted, which it has: programs and numbers, nothing else. Throws Impossible. */
export const makeTask = (host: Host, state: TaskState): void => {
  const { id, programId, program } = state
  if (id === host.vmm.id) {
    const { space } = host.vmm
    if (program?.asid !== space.asid || program.root !== space.tables.root) throw new Impossible("a VMM whose memory is elsewhere")
    return
  }
  if (id === 0 || host.tasks.has(id)) throw new Impossible(`task ${id} twice`)
  const sibling = [...host.tasks.values()].find((task) => task.programId === programId)
  if ((sibling === undefined) !== (program !== null)) throw new Impossible(`task ${id} of program ${programId}, whose memory is nowhere or twice`)
  const space = sibling?.space ?? new AddressSpace(host.tables, rootOf(host, program!), program!.asid, (physical) => host.touch(physical))
  host.tasks.set(id, new Task(id, space, sibling, undefined, programId))
}
const rootOf = (host: Host, { root, asid }: ProgramState): number => {
  mustBeRam(host, root, 4096, "translation tables")
  if (asid > 0xffff) throw new Impossible(`ASID ${asid}`)
  return root
}
const LAST_FLAG = TIF.KERNEL_FPSTATE
const LAST_SIGNAL = 64
/** Puts a state into a task that was made for it; all tasks and vCPUs of its host exist. Throws Impossible. */
export const restoreTask = (host: Host, task: Task, state: TaskState, fileOf: (name: string) => HostFile | undefined): void => {
  const must = (problem: string | undefined): void => {
    if (problem !== undefined) throw new Impossible(`${task.name}: ${problem}`)
  }
  const { registers, signals } = task
  const lengths = { sve: host.features.sveVls, sme: host.features.smeVls }
  if (state.program) restoreProgram(host, task, state.program, fileOf)
  registers.general.set(state.general)
  registers.sp = state.sp
  registers.pc = state.pc
  registers.pstate = state.pstate
  must(restoreFpWithMemory(task.fp, state.fp, lengths))
  task.tpidr = state.tpidr
  task.tpidr2 = state.tpidr2
  if (state.flags >= LAST_FLAG * 2) must(`flags 0x${state.flags.toString(16)}`)
  task.flags = state.flags
  task.fpsimdCpu = state.fpsimdCpu === null ? NR_CPUS : cpuAt(host, state.fpsimdCpu).index
  Object.assign(task.vlOnexec, state.vlOnexec)
  task.kernelFpsimd = null
  if (state.kernelFpsimd) {
    task.kernelFpsimd = fpMemory(state.kernelFpsimd.name)
    must(restoreFpWithMemory(task.kernelFpsimd, state.kernelFpsimd.fp, lengths))
  }
  task.kernelFpsimdCpu = state.kernelFpsimdCpu === null ? NR_CPUS : cpuAt(host, state.kernelFpsimdCpu).index
  task.isKernelThread = state.isKernelThread
  if (state.pending.some(({ signal }) => signal < 1 || signal > LAST_SIGNAL)) must("a signal that does not exist")
  signals.pending = state.pending.map(({ signal, code, address, esr }) => ({ number: signal, code: code | 0, address, esr }))
  signals.blocked = state.blocked
  const { schedule, position, ended } = state
  if (schedule) cpuAt(host, schedule.cpu)
  task.schedule = schedule
    ? {
        ...schedule,
        state: schedule.state as ThreadSchedule["state"],
        affinity: schedule.affinity ?? undefined,
        wakeAt: schedule.wakeAt ?? undefined
      }
    : undefined
  task.position = position ? { in: "KVM_RUN", vcpu: vcpuAt(host, position), begun: position.begun } : undefined
  if (position && !schedule) must("it is in KVM_RUN without being scheduled")
  if (ended === null) task.ended = undefined
  else if (ended.kind === "exited") task.ended = { status: ended.status }
  else task.ended = { signal: ended.signal, esr: ended.esr, far: ended.far }
}
const restoreProgram = (
  host: Host,
  task: Task,
  { regions, pages, actions, files }: ProgramState,
  fileOf: (name: string) => HostFile | undefined
): void => {
  for (const { physical, bytes } of [...regions, ...pages]) mustBeRam(host, physical, bytes, "memory of a program")
  const { space } = task
  space.regions.splice(0)
  for (const { address, physical, bytes, write, execute } of regions)
    space.regions.push({ address, physical, bytes, permissions: { write, execute } })
  task.pages.splice(0, task.pages.length, ...pages.map((page) => ({ ...page })))
  task.signals.actions.clear()
  for (const { signal, ...action } of actions) task.signals.actions.set(signal, action)
  task.files.clear()
  for (const { descriptor, file } of files) {
    const found = file.kind === "vcpu" ? vcpuAt(host, file).file : fileOf(file.name)
    if (!found) throw new Impossible(`nobody gave the file "${(file as { readonly name: string }).name}", which ${task.name} has open`)
    task.files.set(descriptor, found)
  }
}
