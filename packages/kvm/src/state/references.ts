/** How saved objects of a host name one another, and where a restored one finds them. */
import type { SavedFields } from "@eltwo/cpu"
import type { Host } from "../host/host.ts"
import type { HostFile, Task } from "../host/task.ts"
import type { Vcpu } from "../vcpu.ts"

/** A vCPU by the number of its VM and its own. */
export const VCPU_REF = { vm: "u32", vcpu: "u32" } as const
export type VcpuRef = SavedFields<typeof VCPU_REF>

/** A state that cannot be saved now: in the middle of something, or with what a snapshot cannot name. Thrown inside this folder only. */
export class Unsaved extends Error {}
/** A state that cannot be: what it says in a sentence. Thrown inside this folder only. */
export class Impossible extends Error {}

export const refOf = (host: Host, vcpu: Vcpu): VcpuRef => {
  const { vm, id } = vcpu
  if (host.vms.get(vm.id) !== vm) throw new Unsaved(`${vcpu.name}, whose VM is gone, is still in use`)
  return { vm: vm.id, vcpu: id }
}
export const vcpuAt = (host: Host, { vm, vcpu }: VcpuRef): Vcpu => {
  const found = host.vms.get(vm)?.vcpus[vcpu]
  if (!found) throw new Impossible(`there is no vCPU ${vcpu} of VM ${vm}`)
  return found
}
export const taskAt = (host: Host, id: number): Task => {
  const found = host.tasks.get(id)
  if (!found) throw new Impossible(`there is no task ${id}`)
  return found
}
export const cpuAt = (host: Host, index: number) => {
  const found = host.cpus[index]
  if (!found) throw new Impossible(`there is no CPU ${index}`)
  return found
}
/** A range of whole pages of the host's RAM, none of which is free: which are is restored before. */
export const mustBeRam = ({ board, pages }: Host, physical: number, bytes: number, what: string): void => {
  const { base, bytes: all } = board.ram
  const inRam = physical >= base && bytes >= 0 && physical + bytes <= base + all
  if (!inRam || physical % 4096 !== 0 || bytes % 4096 !== 0) throw new Impossible(`${what} at 0x${physical.toString(16)}, of ${bytes} bytes`)
  if (pages.hasFree(physical, bytes)) throw new Impossible(`${what} at 0x${physical.toString(16)} in pages that are free`)
}
/** Files of VMs: the vCPU that answers each. */
export const vcpuFiles = (host: Host): ReadonlyMap<HostFile, VcpuRef> =>
  new Map([...host.vms.values()].flatMap(({ id, vcpus }) => vcpus.flatMap((vcpu) => (vcpu ? [[vcpu.file, { vm: id, vcpu: vcpu.id }] as const] : []))))
/** All tasks of a list of numbers. */
export const tasksAt = (host: Host, ids: readonly number[]): Task[] => ids.map((id) => taskAt(host, id))
