/** The sections of a whole host, one for each subject: `host`, `sched`, `cpu/0`, `task/1`, `vm/1`, `vcpu/1-0` (vCPU 0 of VM 1), `gic/1`. Its memory is `ram`. */
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
  SCHEDULER_STATE,
  TASK_STATE
} from "@eltwo/kvm"
import { type Container, readKnown, readValues, type Section, valuesSection } from "./container.ts"
import type { Header } from "./header.ts"
import { refuse } from "./refusal.ts"

const VERSION = 1
/** The header lists no more. */
const MOST_SECTIONS = 900
/** Every subject: how its sections are called, what their values are, and what of a HostState each of them is. */
const SUBJECTS = {
  kernel: { pattern: /^host$/, shape: KERNEL_STATE },
  scheduler: { pattern: /^sched$/, shape: SCHEDULER_STATE },
  cpus: { pattern: /^cpu\/\d{1,5}$/, shape: CPU_STATE },
  tasks: { pattern: /^task\/\d{1,10}$/, shape: TASK_STATE },
  vms: { pattern: /^vm\/\d{1,10}$/, shape: MACHINE_VM_STATE },
  vcpus: { pattern: /^vcpu\/\d{1,10}-\d{1,3}$/, shape: MACHINE_VCPU_STATE },
  gics: { pattern: /^gic\/\d{1,10}$/, shape: GIC_STATE }
} as const satisfies Record<keyof HostState, { readonly pattern: RegExp; readonly shape: Shape }>
const ALL: readonly { readonly pattern: RegExp; readonly shape: Shape }[] = Object.values(SUBJECTS)
type Several = Exclude<keyof HostState, "kernel" | "scheduler">
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
export const checkHostSection = (container: Container, name: string): void => void readKnown(container, name, VERSION, hostShape(name)!)
/** Whether a snapshot holds a whole host, not only its guest. */
export const isWholeHost = ({ sections }: Pick<Header, "sections">): boolean => sections.some(({ name }) => name === "host")

/** RAM of a board, as a memory of a snapshot. */
export const boardRam = ({ physical, ram }: Board) => ({ name: "ram", bytes: physical.bytes.subarray(ram.offset, ram.offset + ram.bytes) }) as const

/** The sections of a host between two calls of its interface. Throws SnapshotError when it cannot be saved now. */
export const hostSections = (host: Host): readonly Section[] => {
  const state = savedHost(host)
  const { kernel, scheduler, cpus, tasks, vms, vcpus, gics } = state
  const section = (name: string, shape: Shape, value: object): Section => valuesSection(name, VERSION, shape, value)
  const sections = [
    section("host", KERNEL_STATE, kernel),
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
const savedHost = (host: Host): HostState => {
  const state = hostState(host)
  if (!isVmBusy(state)) return state
  return state.protected
    ? refuse("SNAPSHOT_PROTECTED", {
        path: "host",
        expected: "VMs whose memory their host can read",
        actual: state.busy,
        hint: "A protected guest is saved by nobody but itself."
      })
    : busy(state.busy)
}

/** The state that sections hold, each under the name it has to have. Throws SnapshotError. */
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
