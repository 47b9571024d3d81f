/** What the host's structures hold that hyp code is given pointers to. The kernel keeps it; hyp code believes nothing of it. */
import type { Host, PhysicalCpu, Vcpu } from "@eltwo/kvm"
import type { PageList } from "../ownership/memcache.ts"
import type { TeardownPages } from "../ownership/teardown.ts"

export interface HostData {
  readonly host: Host
  /** The vCPU whose structure is at a physical address, if that is what is there. */
  vcpuAt(physical: number): Vcpu | undefined
  /** A vCPU's list of pages for tables. */
  memcache(vcpu: Vcpu): PageList
  /** Where the kernel finds the pages of a VM that ended. */
  handBack(pages: TeardownPages): void
}
const known = new WeakMap<Host | PhysicalCpu, HostData>()
export const keepHostData = (data: HostData): void => {
  for (const of of [data.host, ...data.host.cpus]) known.set(of, data)
}
/** Of a host, or of a CPU of it. */
export const hostDataOf = (of: Host | PhysicalCpu): HostData => {
  const data = known.get(of)
  if (!data) throw new RangeError("This host was not started by protected KVM")
  return data
}
