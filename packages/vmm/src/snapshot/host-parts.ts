/**
 * The sections of a whole host, one for each subject: `host`, `sched`, `cpu/0`, `task/1`, `vm/1`, `vcpu/1-0` (vCPU 0 of VM 1), `gic/1`; `host/` and the mode's
 * name where that keeps something. Its memory is `ram`.
 */
import type { Board, Shape } from "@eltwo/cpu"
import {
  CPU_STATE,
  GIC_STATE,
  type Host,
  type HostState,
  hostState,
  isVmBusy,
  KERNEL_STATE,
  MACHINE_VCPU_STATE,
  MACHINE_VM_STATE,
  type Mode,
  SCHEDULER_STATE,
  TASK_STATE
} from "@eltwo/kvm"
import { type Container, checkValues, readKnown, readValues, type Section, valuesSection } from "./container.ts"
import type { Header } from "./header.ts"
import { type Memory, memoryAt } from "./memory.ts"
import { refuse } from "./refusal.ts"
import { decodeKnown } from "./shape-schema.ts"

const VERSION = 1
/** The header lists no more. */
const MOST_SECTIONS = 900
type Subject = Exclude<keyof HostState, "kept">
/** Every subject: how its sections are called, what their values are, and what of a HostState each of them is. */
const SUBJECTS = {
  kernel: { pattern: /^host$/, shape: KERNEL_STATE },
  scheduler: { pattern: /^sched$/, shape: SCHEDULER_STATE },
  cpus: { pattern: /^cpu\/\d{1,5}$/, shape: CPU_STATE },
  tasks: { pattern: /^task\/\d{1,10}$/, shape: TASK_STATE },
  vms: { pattern: /^vm\/\d{1,10}$/, shape: MACHINE_VM_STATE },
  vcpus: { pattern: /^vcpu\/\d{1,10}-\d{1,3}$/, shape: MACHINE_VCPU_STATE },
  gics: { pattern: /^gic\/\d{1,10}$/, shape: GIC_STATE }
} as const satisfies Record<Subject, { readonly pattern: RegExp; readonly shape: Shape }>
const ALL: readonly { readonly pattern: RegExp; readonly shape: Shape }[] = Object.values(SUBJECTS)
type Several = Exclude<Subject, "kernel" | "scheduler">
const NAMES: { readonly [K in Several]: (value: HostState[K][number]) => string } = {
  cpus: ({ pe }) => `cpu/${pe.index}`,
  tasks: ({ id }) => `task/${id}`,
  vms: ({ id }) => `vm/${id}`,
  vcpus: ({ vm, vcpu }) => `vcpu/${vm}-${vcpu.id}`,
  gics: ({ vm }) => `gic/${vm}`
}

/** The shape of a section of a whole host; undefined when it is another's. */
export const hostShape = (name: string): Shape | undefined => ALL.find(({ pattern }) => pattern.test(name))?.shape
/** Checks one of its sections. Throws SnapshotError. */
export const checkHostSection = (container: Container, name: string): void => checkValues(container, name, VERSION, hostShape(name)!)
/** Whether a snapshot holds a whole host, not only its guest. */
export const isWholeHost = ({ sections }: Pick<Header, "sections">): boolean => sections.some(({ name }) => name === "host")

const MODE_SECTION = /^host\/([a-z][a-z0-9-]{0,39})$/
/** The mode whose section of a whole host it is: of values that only its plugin knows. */
export const hostModeOf = (name: string): string | undefined => MODE_SECTION.exec(name)?.[1]
/** What a mode kept of a host; undefined for a mode that keeps nothing. Throws SnapshotError. */
export const keptOf = ({ header, section }: Container, { name, hostState }: Pick<Mode, "name" | "hostState">): unknown => {
  const path = `host/${name}`
  const mismatch = (expected: string, actual: string) =>
    refuse("SNAPSHOT_PLUGIN_MISMATCH", { path: `section ${path}`, expected, actual, hint: "Use the plugin that wrote it, or a later one." })
  if (hostState === undefined)
    return header.sections.some((each) => hostModeOf(each.name)) ? mismatch("a mode that keeps something of a host", `mode ${name}`) : undefined
  const { entry, bytes } = section(path)
  if (entry.version !== hostState.version)
    return mismatch(`a plugin ${name} whose state of hosts has version ${entry.version}`, `version ${hostState.version}`)
  return decodeKnown(hostState.shape, bytes, `section ${path}`)
}

/** RAM of a board, as a memory of a snapshot. */
export const boardRam = (board: Board): Memory => memoryAt(board, "ram", board.ram.base, board.ram.bytes)

/** Who will see what is saved. */
export interface Secrecy {
  /** Only who has a key: what a protected guest keeps from its host may be saved. */
  readonly sealed?: boolean
}
/** The sections of a host between two calls of its interface. Throws SnapshotError when it cannot be saved now. */
export const hostSections = (host: Host, secrecy: Secrecy = {}): readonly Section[] => {
  const state = savedHost(host, secrecy)
  const { name, hostState: mode } = host.mode
  const { kernel, scheduler, cpus, tasks, vms, vcpus, gics } = state
  const section = (name: string, shape: Shape, value: object): Section => valuesSection(name, VERSION, shape, value)
  const sections = [
    section("host", KERNEL_STATE, kernel),
    ...(mode ? [valuesSection(`host/${name}`, mode.version, mode.shape, state.kept as object)] : []),
    section("sched", SCHEDULER_STATE, scheduler),
    ...cpus.map((value) => section(NAMES.cpus(value), CPU_STATE, value)),
    ...tasks.map((value) => section(NAMES.tasks(value), TASK_STATE, value)),
    ...vms.map((value) => section(NAMES.vms(value), MACHINE_VM_STATE, value)),
    ...vcpus.map((value) => section(NAMES.vcpus(value), MACHINE_VCPU_STATE, value)),
    ...gics.map((value) => section(NAMES.gics(value), GIC_STATE, value))
  ]
  return sections.length > MOST_SECTIONS ? busy(`${sections.length} tasks, CPUs, VMs and vCPUs; at most ${MOST_SECTIONS} are kept`) : sections
}
const busy = (why: string): never =>
  refuse("SNAPSHOT_BUSY", { path: "host", expected: "a host between two steps", actual: why, hint: "Save it a little earlier or later." })
const savedHost = (host: Host, secrecy: Secrecy): HostState => {
  const state = hostState(host, secrecy)
  if (!isVmBusy(state)) return state
  return state.protected
    ? refuse("SNAPSHOT_PROTECTED", {
        path: "host",
        expected: "VMs whose memory their host can read",
        actual: state.busy,
        hint: "Give a key that it is sealed with (--key-file)."
      })
    : busy(state.busy)
}

/** The state that sections hold, each under the name it has to have, but for what the mode keeps. Throws SnapshotError. */
export const readHost = (container: Container): HostState => {
  const several = <T>(which: Several, nameOf: (value: T) => string): readonly T[] => {
    const { pattern, shape } = SUBJECTS[which]
    const names = container.header.sections.map(({ name }) => name).filter((name) => pattern.test(name))
    return names.map((name) => {
      const value = readKnown(container, name, VERSION, shape) as T
      if (nameOf(value) !== name)
        refuse("SNAPSHOT_CONTENT", {
          path: `section ${name}`,
          expected: "what its name says",
          actual: nameOf(value),
          hint: "The file was not written by this version of eltwo, or was changed."
        })
      return value
    })
  }
  return {
    kernel: readValues(container, "host", VERSION, KERNEL_STATE),
    scheduler: readValues(container, "sched", VERSION, SCHEDULER_STATE),
    cpus: several("cpus", NAMES.cpus),
    tasks: [...several("tasks", NAMES.tasks)].sort((a, b) => a.id - b.id),
    vms: [...several("vms", NAMES.vms)].sort((a, b) => a.id - b.id),
    vcpus: several("vcpus", NAMES.vcpus),
    gics: several("gics", NAMES.gics)
  }
}
