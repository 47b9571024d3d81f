/** A physical CPU as data: its processing element, and the kernel's own data of it. */
import { PE_STATE, peProblem, peState, restorePe, type Saved, shape } from "@eltwo/cpu"
import { CONTEXT, ENTRY, SLOT } from "../guest-context.ts"
import type { PhysicalCpu } from "../host/cpu.ts"
import { type FpMemory, type FpOwner, fpMemory, type ToSave } from "../host/fp-memory.ts"
import type { Host } from "../host/host.ts"
import type { Task } from "../host/task.ts"
import type { CpuSchedule } from "../host/thread.ts"
import { FP_STATE, fpState, restoreFpWithMemory } from "./fp-state.ts"
import { Impossible, refOf, taskAt, Unsaved, VCPU_REF, vcpuAt } from "./references.ts"
import { restoreTask, TASK_STATE, taskState } from "./task-state.ts"

const MOST_TASKS = 4096
const MOST_REGISTERS = 4096
const TASK_REF = { task: "u32" } as const

/** A physical CPU as a snapshot of a whole host has it. */
export const CPU_STATE = shape({
  fields: {
    pe: PE_STATE,
    power: { oneOf: ["on", "off", "suspended"] },
    /** The running task; 0: the idle thread. */
    current: "u32",
    idle: TASK_STATE,
    /** The vCPU between vcpu_load and vcpu_put. */
    loaded: { maybe: { fields: VCPU_REF } },
    /** LAST: whose state the FP registers are, and how it is to be saved. `gone`: that owner's home is no part of the host any more. */
    last: {
      fields: {
        owner: { maybe: { kinds: { task: TASK_REF, neon: TASK_REF, vcpu: VCPU_REF, gone: { name: "text", fp: FP_STATE } } } },
        toSave: { oneOf: ["CURRENT", "FPSIMD", "SVE"] },
        sveBytes: "u32",
        smeBytes: "u32"
      }
    },
    fpOwner: { oneOf: ["free", "host", "guest"] },
    masking: { fields: { irqsOff: "flag", softirqsOff: "u32", preemptionOff: "u32", inSoftirq: "flag", inHardirq: "flag" } },
    /** The host's own values of what a guest replaces, and where a kernel at EL1 goes on after a run. */
    hostContext: { list: { fields: { name: "text", value: "u64" } }, most: MOST_REGISTERS },
    hostReturn: { fields: { pc: "u64", pstate: "u64" } },
    /** Threads that wait for this CPU, first come first, and the scheduler's times. */
    queue: { list: "u32", most: MOST_TASKS },
    sliceEnd: "u64",
    turnEnd: "u64",
    work: "u32",
    needResched: "flag",
    userUntil: "u64",
    /** vCPU that ran here last, by VM; a VM may be gone. */
    lastRan: { list: { fields: VCPU_REF }, most: 1 << 16 },
    failAllocations: "u32"
  }
})
export type CpuState = Saved<typeof CPU_STATE>
type Owner = CpuState["last"]["owner"]

const ownerState = (host: Host, st: FpMemory | null): Owner => {
  if (st === null) return null
  for (const task of host.tasks.values()) {
    if (task.fp === st) return { kind: "task", task: task.id }
    if (task.kernelFpsimd === st) return { kind: "neon", task: task.id }
  }
  for (const vm of host.vms.values()) for (const vcpu of vm.vcpus) if (vcpu?.fp === st) return { kind: "vcpu", vm: vm.id, vcpu: vcpu.id }
  return { kind: "gone", name: st.name, fp: fpState(st) }
}
const currentState = (host: Host, { current, idle, index }: PhysicalCpu): number => {
  if (current === idle) return 0
  if (!current || host.tasks.get(current.id) !== current) throw new Unsaved(`CPU ${index} runs a task that is gone`)
  return current.id
}
/** Throws Unsaved. */
export const cpuState = (host: Host, cpu: PhysicalCpu): CpuState => {
  const { schedule, last, masking, hostContext, loaded, index } = cpu
  if (cpu.softirqs.length > 0) throw new Unsaved(`CPU ${index} has softirqs pending`)
  if (cpu.context !== "host") throw new Unsaved(`CPU ${index} is in hyp code`)
  return {
    pe: peState(cpu.pe),
    power: schedule.power,
    current: currentState(host, cpu),
    idle: taskState(host, cpu.idle, new Map()),
    loaded: loaded ? refOf(host, loaded) : null,
    last: { owner: ownerState(host, last.st), toSave: last.toSave, sveBytes: last.sveVl, smeBytes: last.smeVl },
    fpOwner: cpu.fpOwner,
    masking: { ...masking },
    hostContext: CONTEXT.map((name) => ({ name, value: hostContext[SLOT[name]]! })),
    hostReturn: { pc: hostContext[ENTRY.pc]!, pstate: hostContext[ENTRY.pstate]! },
    queue: schedule.queue.map(({ id }) => id),
    sliceEnd: schedule.sliceEnd,
    turnEnd: schedule.turnEnd,
    // below zero is the end of the turn like zero
    work: Math.max(0, schedule.work),
    needResched: schedule.needResched,
    userUntil: cpu.userUntil,
    lastRan: [...cpu.lastRan].map(([vm, vcpu]) => ({ vm, vcpu })).sort((a, b) => a.vm - b.vm),
    failAllocations: cpu.failAllocations
  }
}

const ownerOf = (host: Host, owner: Owner): FpMemory | null => {
  if (owner === null) return null
  switch (owner.kind) {
    case "task":
      return taskAt(host, owner.task).fp
    case "neon":
      return taskAt(host, owner.task).kernelFpsimd ?? impossible(`task ${owner.task} is in no section of kernel-mode NEON`)
    case "vcpu":
      return vcpuAt(host, owner).fp
    case "gone": {
      const memory = fpMemory(owner.name)
      const problem = restoreFpWithMemory(memory, owner.fp, { sve: host.features.sveVls, sme: host.features.smeVls })
      return problem === undefined ? memory : impossible(`${owner.name}: ${problem}`)
    }
  }
}
const impossible = (problem: string): never => {
  throw new Impossible(problem)
}
/** Puts a state into a CPU of a host whose tasks and VMs are restored. Throws Impossible. */
export const restoreCpu = (host: Host, cpu: PhysicalCpu, state: CpuState): void => {
  const { schedule, last } = cpu
  const problem = peProblem(cpu.pe, state.pe)
  if (problem !== undefined) impossible(`CPU ${cpu.index}: ${problem}`)
  restorePe(cpu.pe, state.pe)
  schedule.power = state.power as CpuSchedule["power"]
  if (state.idle.id !== 0 || state.idle.program) impossible(`CPU ${cpu.index} has an idle thread that is a program's`)
  restoreTask(host, cpu.idle, state.idle, () => undefined)
  cpu.current = state.current === 0 ? cpu.idle : taskAt(host, state.current)
  restoreLoaded(host, cpu, state.loaded)
  last.st = ownerOf(host, state.last.owner)
  last.toSave = state.last.toSave as ToSave
  last.sveVl = state.last.sveBytes
  last.smeVl = state.last.smeBytes
  cpu.fpOwner = state.fpOwner as FpOwner
  Object.assign(cpu.masking, state.masking)
  for (const { name, value } of state.hostContext) {
    if (!Object.hasOwn(SLOT, name)) impossible(`register ${name}, which no context has`)
    cpu.hostContext[SLOT[name as keyof typeof SLOT]] = value
  }
  cpu.hostContext[ENTRY.pc] = state.hostReturn.pc
  cpu.hostContext[ENTRY.pstate] = state.hostReturn.pstate
  const queue: Task[] = state.queue.map((id) => taskAt(host, id))
  if (queue.some((task) => !task.schedule)) impossible(`a task waits for CPU ${cpu.index} that is not scheduled`)
  schedule.queue.splice(0, schedule.queue.length, ...queue)
  schedule.sliceEnd = state.sliceEnd
  schedule.turnEnd = state.turnEnd
  schedule.work = state.work
  schedule.needResched = state.needResched
  cpu.userUntil = state.userUntil
  cpu.lastRan.clear()
  for (const { vm, vcpu } of state.lastRan) cpu.lastRan.set(vm, vcpu)
  cpu.failAllocations = state.failAllocations
}
const restoreLoaded = (host: Host, cpu: PhysicalCpu, ref: CpuState["loaded"]): void => {
  cpu.loaded = ref ? vcpuAt(host, ref) : undefined
  if (!cpu.loaded) return
  if (cpu.loaded.loadedOn) impossible(`${cpu.loaded.name} on two CPUs`)
  cpu.loaded.loadedOn = cpu
}
