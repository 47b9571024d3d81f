/**
 * A whole host as data: its CPUs, tasks, VMs and scheduler between any two of its steps; with its RAM, everything there is. Boot is deterministic: a host is
 * restored by booting one of the same kind and putting RAM, processing elements and objects in place.
 */
import { PAGE_BYTES, type PageSource, type Saved, shape } from "@eltwo/cpu"
import { createHost, type Host, type HostOptions } from "../host/host.ts"
import type { ExitHandler } from "../host/scheduler.ts"
import type { HostFile } from "../host/task.ts"
import type { Vcpu } from "../vcpu.ts"
import { ACCOUNT_STATE, accountState, restoreAccount } from "./account-state.ts"
import { CPU_STATE, type CpuState, cpuState, restoreCpu } from "./cpu-state.ts"
import { GIC_STATE, type GicState, gicState, restoreGic } from "./gic-state.ts"
import {
  finishVcpu,
  finishVm,
  MACHINE_VCPU_STATE,
  MACHINE_VM_STATE,
  type MachineVcpuState,
  type MachineVmState,
  machineVcpuState,
  machineVmState,
  makeVcpu,
  makeVm
} from "./machine-vm-state.ts"
import { Impossible, Unsaved, vcpuFiles } from "./references.ts"
import { restoreScheduler, SCHEDULER_STATE, type SchedulerState, schedulerState } from "./scheduler-state.ts"
import { makeTask, restoreTask, TASK_STATE, type TaskState, taskState } from "./task-state.ts"
import type { VmBusy } from "./vm-state.ts"

export { CPU_STATE, GIC_STATE, MACHINE_VCPU_STATE, MACHINE_VM_STATE, SCHEDULER_STATE, TASK_STATE }

/** What a host has once. */
export const KERNEL_STATE = shape({
  fields: {
    mode: "text",
    seed: "u64",
    ramBase: "size",
    ramBytes: "size",
    cpus: "u32",
    /** Where its kernel put its first pages: boot puts them there again, or the snapshot is of another kernel. */
    kernel: { fields: { root: "size", emptyRoot: "size", vectors: "size" } },
    /** Free physical memory, in pages from the start of RAM. */
    free: { list: { fields: { from: "u32", pages: "u32" } }, most: 1 << 18 },
    next: { fields: { task: "u32", vm: "u32", vmid: "u32", asid: "u32" } },
    /** The CPU in use by the calls of the interface. */
    cpu: "u32",
    account: ACCOUNT_STATE
  }
})
/** A host without its RAM. Each subject by itself, in the order of its numbers. */
export interface HostState {
  readonly kernel: Saved<typeof KERNEL_STATE>
  readonly cpus: readonly CpuState[]
  readonly tasks: readonly TaskState[]
  readonly vms: readonly MachineVmState[]
  readonly vcpus: readonly MachineVcpuState[]
  readonly gics: readonly GicState[]
  readonly scheduler: SchedulerState
  /** What the mode keeps of the host, as its shape says; absent where it keeps nothing. */
  readonly kept?: unknown
}

/**
 * The state of a host between two calls of its interface; looking at it changes nothing. VmBusy says what cannot be saved. `sealed`: nobody but the holder of a
 * key will see it, so that VMs may be protected ones.
 */
export const hostState = (host: Host, { sealed = false }: { readonly sealed?: boolean } = {}): HostState | VmBusy => {
  const secret = sealed ? undefined : secretOf(host)
  if (secret !== undefined) return { busy: secret, protected: true }
  const busy = busyWith(host)
  if (busy !== undefined) return { busy }
  const kept = host.mode.hostState?.save(host)
  if (kept && "busy" in kept) return kept
  try {
    return { ...stateOf(host), ...(kept && { kept: kept.state }) }
  } catch (error) {
    if (error instanceof Unsaved) return { busy: error.message }
    throw error
  }
}
const secretOf = (host: Host): string | undefined => {
  const protectedVm = [...host.vms.values()].find((vm) => vm.protected)
  return protectedVm ? `VM ${protectedVm.id}'s memory is the guest's alone` : host.mode.hostState?.secret(host)
}
const busyWith = (host: Host): string | undefined => {
  if (host.crash) return "the host kernel has crashed"
  if (host.mode.vms && !host.mode.hostState) return `mode ${host.mode.name} keeps stage 2 in hyp code, whose own state is not among what is kept`
  return host.busy
}
const stateOf = (host: Host): HostState => {
  const { board, mode, pages, numbers, account } = host
  const files = vcpuFiles(host)
  const vms = [...host.vms.values()]
  const vcpus = vms.flatMap((vm) => vm.vcpus.flatMap((vcpu) => vcpu ?? []))
  return {
    kernel: {
      mode: mode.name,
      seed: board.seed,
      ramBase: board.ram.base,
      ramBytes: board.ram.bytes,
      cpus: host.cpus.length,
      kernel: { ...host.kernel },
      free: pages.runs.map(({ from, pages: count }) => ({ from, pages: count })),
      next: { ...numbers },
      cpu: host.cpu.index,
      account: accountState(account)
    },
    cpus: host.cpus.map((cpu) => cpuState(host, cpu)),
    tasks: [...host.tasks.values()].map((task) => taskState(host, task, files)),
    vms: vms.map(machineVmState),
    vcpus: vcpus.map((vcpu) => machineVcpuState(host, vcpu)),
    gics: vms.flatMap(({ vgic }) => (vgic ? [gicState(vgic)] : [])),
    scheduler: schedulerState(host)
  }
}

/** What a restored host is made with. `board`, mode and engine as createHost takes them: the board is new, and as large as the saved one. */
export interface RestoreHostOptions extends Omit<HostOptions, "scheduler"> {
  /** What RAM holds. */
  readonly memory: PageSource
  /** What user space of a vCPU's thread does when KVM_RUN comes back: as it was given to `spawnVcpu`. */
  readonly onExit?: (vcpu: Vcpu) => ExitHandler
  /** Files that host programs have open, by their names. */
  readonly files?: (name: string) => HostFile | undefined
}
const runAgain: ExitHandler = () => "run"

/** The host that goes on as the saved one, or why the state cannot be one's: the board is not to be used then. */
export const restoreHost = (state: HostState, options: RestoreHostOptions): Host | string => {
  const misfit = hostMisfit(state, options)
  if (misfit !== undefined) return misfit
  try {
    return restored(state, options)
  } catch (error) {
    if (error instanceof Impossible || error instanceof RangeError) return error.message
    throw error
  }
}
/** What a machine lacks to go on as a saved host: another mode, number of CPUs, RAM or seed; undefined when it is as large and of the same kind. */
export const hostMisfit = (
  { kernel: { mode, seed, ramBase, ramBytes, cpus }, kept }: Pick<HostState, "kernel" | "kept">,
  { board, mode: here }: Pick<HostOptions, "board" | "mode">
): string | undefined => {
  const { ram, pes } = board
  if (here.name !== mode) return `it needs mode ${mode}; this machine is booted in mode ${here.name}`
  if (pes.length !== cpus) return `it needs ${cpus} CPUs; this machine has ${pes.length}`
  if (ram.base !== ramBase || ram.bytes !== ramBytes)
    return `it needs ${ramBytes} bytes of RAM at 0x${ramBase.toString(16)}; this machine has ${ram.bytes}`
  if (board.seed !== seed) return `it needs seed ${seed}; this machine has ${board.seed}`
  return kept === undefined ? undefined : here.hostState?.misfit(kept)
}
const restored = (state: HostState, { memory, onExit = () => runAgain, files = () => undefined, ...options }: RestoreHostOptions): Host => {
  const { kernel, cpus, tasks, vms, vcpus, gics, kept } = state
  const { hostState: mode } = options.mode
  if ((mode === undefined) !== (kept === undefined)) throw new Impossible("a host without what its mode keeps, or with what it does not")
  const host = createHost(options)
  const { board } = host
  const { root, emptyRoot, vectors } = host.kernel
  if (root !== kernel.kernel.root || emptyRoot !== kernel.kernel.emptyRoot || vectors !== kernel.kernel.vectors)
    throw new Impossible("its kernel has its own pages elsewhere than this one")
  if (cpus.length !== host.cpus.length || tasks[0]?.id !== host.vmm.id) throw new Impossible("a host without all of its CPUs, or without its VMM")
  board.code.storedRange(board.ram.base, board.ram.bytes)
  board.physical.clear(board.ram.base, board.ram.bytes)
  board.physical.supply(memory)
  const unlikely = host.pages.restore(kernel.free)
  if (unlikely !== undefined) throw new Impossible(unlikely)
  mustBeZero(host, memory)
  for (const task of tasks) makeTask(host, task)
  for (const vm of vms) makeVm(host, vm, mode?.isProtected(kept, vm.id) ?? false)
  for (const vcpu of vcpus) makeVcpu(host, vcpu)
  for (const gic of gics) {
    const vm = host.vms.get(gic.vm)
    if (!vm || vm.vgic) throw new Impossible(`an interrupt controller of VM ${gic.vm}, which has one or is none`)
    restoreGic(vm, gic)
  }
  for (const vm of vms) finishVm(host.vms.get(vm.id)!, vm)
  const problem = mode?.restore(host, kept)
  if (problem !== undefined) throw new Impossible(problem)
  for (const task of tasks) restoreTask(host, host.tasks.get(task.id)!, task, files)
  for (const [i, cpu] of cpus.entries()) restoreCpu(host, host.cpus[i]!, cpu)
  for (const vcpu of vcpus) finishVcpu(host, vcpu)
  restoreScheduler(host, state.scheduler, onExit)
  restoreAccount(host.account, kernel.account)
  const { next } = kernel
  const isUsed =
    tasks.some(({ id, program }) => id >= next.task || (program?.asid ?? 0) >= next.asid) ||
    // hyp code that keeps stage 2 has VMIDs of its own
    vms.some(({ id, vmid }) => id >= next.vm || (vmid >= next.vmid && !host.mode.vms))
  if (isUsed) throw new Impossible("numbers that are in use are given out again")
  host.restoreNumbers(next)
  host.cpu = host.cpus[kernel.cpu] ?? impossible(`there is no CPU ${kernel.cpu}`)
  return host
}
/** Whoever gets a free page takes it for one of zeroes. Throws Impossible. */
const mustBeZero = ({ pages, board: { ram } }: Host, { pieces, unpack }: PageSource): void => {
  for (const [page, piece] of pieces) {
    if (!pages.hasFree(ram.base + page * PAGE_BYTES, PAGE_BYTES)) continue
    const bytes = new Uint8Array(PAGE_BYTES)
    unpack(piece, bytes)
    if (bytes.some((byte) => byte !== 0)) throw new Impossible(`page ${page} is free and holds something`)
  }
}
const impossible = (problem: string): never => {
  throw new Impossible(problem)
}
