/** A host with four VMs for tests of ownership: A and B ordinary, P and Q protected, one vCPU each; and everything about its pages as text. */

import { hostDonateHyp, hostShareHyp } from "../src/ownership/host-hyp.ts"
import { type HypVcpu, type HypVm, initVcpu, initVm } from "../src/ownership/hyp-vm.ts"
import { PageStack, refillMemcache } from "../src/ownership/memcache.ts"
import { type Owner, PAGE_BYTES, PageState, Prot } from "../src/ownership/page-state.ts"
import { reserveVm, vmByHandle } from "../src/ownership/vm-table.ts"
import { type InMemoryOptions, type InMemoryPkvm, inMemoryPkvm, TableGuestStage2 } from "./in-memory.ts"

export type VmName = "A" | "B" | "P" | "Q"
export const VM_NAMES: readonly VmName[] = ["A", "B", "P", "Q"]
export const isProtected = (name: VmName): boolean => name === "P" || name === "Q"
/** Never a VM. */
export const BAD_HANDLE = 0x10f0

export interface TestVm {
  readonly handle: number
  readonly vm: HypVm
  readonly vcpu: HypVcpu
  /** Pages that were donated for it, one after the other: hyp's VM and vCPU, first tables, list for tables. */
  readonly donated: readonly number[]
}
export interface World {
  readonly pkvm: InMemoryPkvm
  readonly vms: Readonly<Record<VmName, TestVm>>
  /** The first page that nothing was done to. */
  readonly firstFree: number
}
export const bytesOf = (pfn: number, pages = 1) => ({ address: pfn * PAGE_BYTES, bytes: pages * PAGE_BYTES })
export const must = (outcome: unknown, what: string): void => {
  if (outcome !== undefined) throw new Error(`${what}: ${String(outcome)}`)
}

/** Makes a VM with one vCPU out of host pages from `pfn`: kvm, vcpu (shared, pinned), VM, tables, vCPU, then the list. */
export const makeVm = (pkvm: InMemoryPkvm, pfn: number, protectedVm: boolean, listPages: number): TestVm => {
  const handle = reserveVm(pkvm.vms)
  if (typeof handle === "string") throw new Error(handle)
  must(hostShareHyp(pkvm, pfn), "share kvm")
  must(hostShareHyp(pkvm, pfn + 1), "share vcpu")
  const request = { hostVm: bytesOf(pfn), createdVcpus: 1, handle, protected: protectedVm, area: bytesOf(pfn + 2), tables: bytesOf(pfn + 3) }
  must(initVm(pkvm, request), "init_vm")
  must(initVcpu(pkvm, { handle, hostVcpu: bytesOf(pfn + 1), index: 0, area: bytesOf(pfn + 4) }), "init_vcpu")
  const vm = vmByHandle(pkvm.vms, handle)!
  const vcpu = vm.vcpus[0]!
  const list = new PageStack()
  for (let i = 0; i < listPages; i++) list.push(pfn + 5 + i)
  must(refillMemcache(pkvm, vcpu.memcache, list, listPages), "refill")
  return { handle, vm, vcpu, donated: [pfn + 2, pfn + 3, pfn + 4, ...Array.from({ length: listPages }, (_, i) => pfn + 5 + i)] }
}
export const pagesPerVm = (listPages: number): number => 5 + listPages

export const makeWorld = (options: InMemoryOptions, listPages: number): World => {
  const pkvm = inMemoryPkvm(options)
  let at = pkvm.memoryMap.regions[0]!.pfn
  const next = (name: VmName): TestVm => {
    const made = makeVm(pkvm, at, isProtected(name), listPages)
    at += pagesPerVm(listPages)
    return made
  }
  const vms = { A: next("A"), B: next("B"), P: next("P"), Q: next("Q") }
  pkvm.memory.takeCleared()
  return { pkvm, vms, firstFree: at }
}
/** A page of hyp's own, beside the VMs'. */
export const giveHyp = (pkvm: InMemoryPkvm, pfn: number): void => must(hostDonateHyp(pkvm, pfn, 1), "donate")

const HOST_STATES = { [PageState.OWNED]: "OWNED", [PageState.SHARED_OWNED]: "SO", [PageState.SHARED_BORROWED]: "SB", [PageState.NOPAGE]: "NOPAGE" }
export const stateName = (state: PageState): string => HOST_STATES[state]
export const ownerName = (owner: Owner | undefined): string =>
  owner === undefined ? "-" : owner.kind === "hyp" ? "hyp" : `${owner.handle.toString(16)}.${owner.gfn}`
export const protName = (prot: number): string => `${prot & Prot.R ? "r" : "-"}${prot & Prot.W ? "w" : "-"}${prot & Prot.X ? "x" : "-"}`

/** Everything about the pages from `pfn`, and every leaf of every VM, each fact under its own key. */
export const describeWorld = ({ pkvm, vms }: Pick<World, "pkvm" | "vms">, pfn: number, pages: number): Map<string, string> => {
  const { records, hostStage2, hypStage1 } = pkvm
  const facts = new Map<string, string>()
  for (let page = pfn; page < pfn + pages; page++) {
    facts.set(`${page}.host`, stateName(records.hostState(page)))
    facts.set(`${page}.hyp`, stateName(records.hypState(page)))
    facts.set(`${page}.pins`, String(records.refcount(page)))
    facts.set(`${page}.count`, String(records.shareCount(page)))
    facts.set(`${page}.owner`, ownerName(hostStage2.owner(page)))
    facts.set(`${page}.hypmap`, String(hypStage1.mapped.has(page)))
  }
  for (const name of VM_NAMES) {
    const { stage2, dying } = vms[name].vm
    if (!(stage2 instanceof TableGuestStage2)) continue
    facts.set(`${name}.dying`, String(dying))
    for (const [gfn, entry] of stage2.leaves()) {
      const text =
        entry.kind === "leaf"
          ? `${stateName(entry.state)}:${protName(entry.prot)}:${entry.young ? "young" : "old"}:${entry.pfn}+${entry.pages}`
          : "POISON"
      facts.set(`${name}.${gfn}`, text)
    }
  }
  return facts
}
