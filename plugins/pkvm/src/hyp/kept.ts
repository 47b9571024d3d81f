/** What hyp code keeps of a host outside of memory, as data: its VMs, what pages are free in its pools, and who ran where. Its tables and records are in RAM. */
import { NO_IPA, type Saved, shape, type Vcpu } from "@eltwo/kvm"
import { memoryProblems } from "../check-tables.ts"
import { newHypVcpu } from "../hyp-vcpu.ts"
import { HypPool } from "../ownership/hyp-pool.ts"
import type { HypVm, HypVcpu as VcpuPages } from "../ownership/hyp-vm.ts"
import { PageStack } from "../ownership/memcache.ts"
import { Vmemmap } from "../ownership/page-records.ts"
import { type ByteRange, PAGE_BYTES, PageState } from "../ownership/page-state.ts"
import { HANDLE_OFFSET, MAX_VMS, vmByHandle, vmidOf } from "../ownership/vm-table.ts"
import { initHypVcpu } from "../vcpu/vcpu.ts"
import { type Claim, claimTables } from "./claim-tables.ts"
import { RealGuestStage2 } from "./guest-stage2.ts"
import type { HypState } from "./state.ts"
import { hypVcpuBytes, hypVmBytes, STRUCTURE_BYTES } from "./structures.ts"
import { forgetGuest } from "./tlb.ts"

const MOST_PAGES = 1 << 20
const MOST_ORDERS = 16
export const MOST_VCPUS = 512
/** Page numbers. */
export const PAGES = { list: "size", most: MOST_PAGES } as const
/** First pages of free blocks, by order. */
const POOL = { list: PAGES, most: MOST_ORDERS } as const
/** A vCPU of the kernel's. */
export const VCPU_REF = { vm: "u32", vcpu: "u32" } as const
/** A physical address, and bytes. */
export const RANGE = { fields: { address: "size", bytes: "size" } } as const
/** `hpfar` is null when the fault had no intermediate physical address. */
export const FAULT = { fields: { esr: "u32", far: "u64", hpfar: { maybe: "u64" }, disr: "u32" } } as const

export const HYP_STATE = shape({
  fields: {
    /** Where boot put what stays in its place: the pool, first tables of hyp code and of the host, text. Page numbers. */
    boot: { fields: { pool: "size", stage1: "size", stage2: "size", text: "size" } },
    stage1: POOL,
    stage2: POOL,
    /** Handles that have no VM yet. */
    reserved: { list: "u32", most: MAX_VMS },
    vms: {
      list: {
        fields: {
          handle: "u32",
          protected: "flag",
          dying: "flag",
          /** Physical addresses of the kernel's structure, of hyp code's own, and of the first table. */
          structure: "size",
          area: "size",
          root: "size",
          pool: POOL,
          vcpus: {
            list: {
              maybe: {
                fields: {
                  ...VCPU_REF,
                  structure: "size",
                  sve: { maybe: RANGE },
                  area: "size",
                  memcache: PAGES,
                  /** The CPU that has it loaded. */
                  loadedOn: { maybe: "u32" },
                  fault: FAULT
                }
              }
            },
            most: MOST_VCPUS
          }
        }
      },
      most: MAX_VMS
    },
    /** Uses of pages that ended with their VM before the host took them back. */
    lost: { list: { fields: { page: "size", uses: "u32" } }, most: MOST_PAGES },
    /** Which vCPU of each VM ran last on each CPU. */
    ran: { list: { fields: { cpu: "u32", handle: "u32", vcpu: "u32" } }, most: MOST_PAGES }
  }
})
export type KeptHyp = Saved<typeof HYP_STATE>
type KeptVm = KeptHyp["vms"][number]
type KeptVcpu = NonNullable<KeptVm["vcpus"][number]>

/** Says why a state cannot be; thrown where one is restored. */
export class Contradiction extends Error {}
export const must = (holds: boolean, problem: string): void => {
  if (!holds) throw new Contradiction(problem)
}

const poolOf = ({ free }: HypPool): readonly (readonly number[])[] => free.map((blocks) => [...blocks])
const bootOf = ({ pool, pkvm, text }: HypState): KeptHyp["boot"] => ({
  pool: pool.pfn,
  stage1: pkvm.hypStage1.root / PAGE_BYTES,
  stage2: Number(pkvm.hostStage2.vttbr) / PAGE_BYTES,
  text: text.pfn
})
const knownVms = ({ pkvm }: HypState): readonly HypVm[] => pkvm.vms.slots.filter((slot) => typeof slot === "object")

/** Throws Contradiction for what has no name. */
export const keptHyp = (state: HypState): KeptHyp => {
  const { host, pkvm, tablePools, lost, lastRan } = state
  const vms = knownVms(state)
  return {
    boot: bootOf(state),
    stage1: poolOf(tablePools.stage1),
    stage2: poolOf(tablePools.stage2),
    reserved: pkvm.vms.slots.flatMap((slot, i) => (slot === "reserved" ? [HANDLE_OFFSET + i] : [])),
    vms: vms.map((vm) => ({
      handle: vm.handle,
      protected: vm.protected,
      dying: vm.dying,
      structure: vm.hostVm.address,
      area: vm.area.address,
      root: (vm.stage2 as RealGuestStage2).root,
      pool: poolOf(vm.pool),
      vcpus: vm.vcpus.map((vcpu) => (vcpu ? keptVcpu(state, vcpu) : null))
    })),
    lost: [...lost].map(([page, uses]) => ({ page, uses })).sort((a, b) => a.page - b.page),
    ran: host.cpus.flatMap((cpu) =>
      vms.flatMap((vm) => {
        const vcpu = lastRan.get(cpu)?.get(vm)
        return vcpu === undefined ? [] : [{ cpu: cpu.index, handle: vm.handle, vcpu }]
      })
    )
  }
}
const keptVcpu = ({ host, vcpus }: HypState, pages: VcpuPages): KeptVcpu => {
  const { hostVcpu, state } = vcpus.get(pages)!
  const { fault } = state
  must(host.vms.get(hostVcpu.vm.id)?.vcpus[hostVcpu.id] === hostVcpu, `hyp code's ${hostVcpu.name}, which the kernel does not know any more`)
  return {
    vm: hostVcpu.vm.id,
    vcpu: hostVcpu.id,
    structure: pages.hostVcpu.address,
    sve: pages.sve ? { ...pages.sve } : null,
    area: pages.area.address,
    memcache: [...pages.memcache.pages],
    loadedOn: pages.loadedOn ?? null,
    fault: { ...fault, hpfar: fault.hpfar === NO_IPA ? null : fault.hpfar }
  }
}

/** Restores hyp code's part on a host that just booted, when all else but its CPUs is there. Throws Contradiction. */
export const restoreHyp = (state: HypState, kept: KeptHyp): void => {
  const { host, pkvm, tablePools, lost, lastRan } = state
  const boot = bootOf(state)
  must(
    (Object.keys(boot) as (keyof typeof boot)[]).every((each) => boot[each] === kept.boot[each]),
    "its hyp code has its own pages elsewhere than this one"
  )
  const claim = claimer(state)
  for (const which of ["stage1", "stage2"] as const) fill(tablePools[which], kept[which], claim)
  for (const handle of kept.reserved) pkvm.vms.slots[freeSlot(state, handle)] = "reserved"
  for (const vm of kept.vms) restoreVm(state, vm, claim)
  const tables = claimTables(
    state,
    kept.vms.map(({ root }) => root),
    (pfn) => claim(pfn) && pkvm.records.refcount(pfn) > 0
  )
  if (tables !== undefined) throw new Contradiction(tables)
  for (const { page, uses } of kept.lost) {
    must(pkvm.memoryMap.isMemory(page) && !lost.has(page) && uses > 0, `page 0x${page.toString(16)}, lost ${uses} times`)
    lost.set(page, uses)
  }
  for (const cpu of host.cpus) lastRan.set(cpu, new Map())
  for (const { cpu: index, handle, vcpu } of kept.ran) {
    const [cpu, vm] = [host.cpus[index], vmByHandle(pkvm.vms, handle)]
    const ran = cpu && lastRan.get(cpu)
    must(ran !== undefined && vm?.vcpus[vcpu] !== undefined && !ran.has(vm), `a run of vCPU ${vcpu} of VM 0x${handle.toString(16)} on CPU ${index}`)
    ran!.set(vm!, vcpu)
  }
  const [problem] = memoryProblems(state)
  if (problem !== undefined) throw new Contradiction(problem)
}
/** Every page that is hyp code's is in one use. */
const claimer = ({ host, pool, pkvm: { records } }: HypState): Claim => {
  // the records themselves
  const recorded = Math.ceil(Vmemmap.bytes(host.board.ram.bytes / PAGE_BYTES) / PAGE_BYTES)
  const claimed = new Set<number>(Array.from({ length: recorded }, (_, i) => pool.pfn + i))
  return (pfn) => {
    const isFree = records.hypState(pfn) === PageState.OWNED && !claimed.has(pfn)
    claimed.add(pfn)
    return isFree
  }
}
const fill = (pool: HypPool, free: readonly (readonly number[])[], claim: Claim): void => {
  const problem = pool.restore(free, claim)
  if (problem !== undefined) throw new Contradiction(problem)
}
const freeSlot = ({ pkvm }: HypState, handle: number): number => {
  const slot = handle - HANDLE_OFFSET
  must(slot >= 0 && slot < MAX_VMS && pkvm.vms.slots[slot] === undefined, `handle 0x${handle.toString(16)}`)
  return slot
}
/** Pages of hyp code's from an address. */
const claimRange = (address: number, bytes: number, claim: Claim): ByteRange => {
  must(address % PAGE_BYTES === 0, `memory of hyp code at 0x${address.toString(16)}`)
  for (let at = address; at < address + bytes; at += PAGE_BYTES)
    must(claim(at / PAGE_BYTES), `hyp code's page at 0x${at.toString(16)}, which is not its own, or twice`)
  return { address, bytes }
}
/** A range of RAM that the kernel lends and hyp code has pinned. */
const pinned = ({ host, pkvm: { records } }: HypState, { address, bytes }: ByteRange): ByteRange => {
  const end = address + bytes
  must(bytes > 0 && bytes <= host.board.ram.bytes && Number.isSafeInteger(end), `${bytes} bytes at 0x${address.toString(16)}`)
  for (let pfn = Math.floor(address / PAGE_BYTES); pfn * PAGE_BYTES < end; pfn++)
    must(
      records.hypState(pfn) === PageState.SHARED_BORROWED && records.refcount(pfn) > 0,
      `page 0x${pfn.toString(16)}, which hyp code does not have pinned`
    )
  return { address, bytes }
}
const restoreVm = (state: HypState, kept: KeptVm, claim: Claim): void => {
  const { host, pkvm } = state
  const { handle, root } = kept
  const slot = freeSlot(state, handle)
  const pool = new HypPool(pkvm.records, pkvm.memory, claimRange(root, PAGE_BYTES, claim).address / PAGE_BYTES, 1, "recorded")
  const stage2 = RealGuestStage2.restored(state, host, pool, root, (guest) => forgetGuest(state.cpu, pkvm.hostStage2.vtcr, guest))
  stage2.vmid = vmidOf(handle)
  fill(pool, kept.pool, claim)
  const vm: HypVm = {
    handle,
    protected: kept.protected,
    dying: kept.dying,
    hostVm: pinned(state, { address: kept.structure, bytes: STRUCTURE_BYTES }),
    area: claimRange(kept.area, hypVmBytes(kept.vcpus.length), claim),
    pool,
    stage2,
    vcpus: []
  }
  must(kept.vcpus.length > 0, "a VM of hyp code's without room for vCPUs")
  for (const [index, vcpu] of kept.vcpus.entries()) vm.vcpus.push(vcpu ? restoreVcpu(state, vm, index, vcpu, claim) : undefined)
  const loaded = vm.vcpus.filter((vcpu) => vcpu?.loadedOn !== undefined).length
  must(pkvm.records.refcount(vm.area.address / PAGE_BYTES) === loaded, `${loaded} loaded vCPUs of VM 0x${handle.toString(16)}`)
  pkvm.vms.slots[slot] = vm
}
const restoreVcpu = (state: HypState, vm: HypVm, index: number, kept: KeptVcpu, claim: Claim): VcpuPages => {
  const { host, pkvm, vcpus } = state
  const hostVcpu: Vcpu | undefined = host.vms.get(kept.vm)?.vcpus[kept.vcpu]
  if (hostVcpu?.features === undefined) throw new Contradiction(`there is no vCPU ${kept.vcpu} of VM ${kept.vm} that is initialised`)
  const pages: VcpuPages = {
    vm,
    index,
    hostVcpu: pinned(state, { address: kept.structure, bytes: STRUCTURE_BYTES }),
    sve: kept.sve ? pinned(state, kept.sve) : undefined,
    area: claimRange(kept.area, hypVcpuBytes, claim),
    memcache: new PageStack(),
    loadedOn: undefined
  }
  for (const pfn of kept.memcache) {
    must(claim(pfn) && pkvm.records.refcount(pfn) === 0, `page 0x${pfn.toString(16)} for tables`)
    pages.memcache.push(pfn)
  }
  const made = newHypVcpu(hostVcpu, index, vm.protected)
  const refused = initHypVcpu((name) => state.idRegisters.get(name)!, made)
  must(refused === undefined && (made.state.fp.sve !== null) === (pages.sve !== undefined), `${hostVcpu.name}, which hyp code would not have made`)
  Object.assign(made.state.fault, kept.fault, { hpfar: kept.fault.hpfar ?? NO_IPA })
  vcpus.set(pages, { ...made, pages })
  if (kept.loadedOn === null) return pages
  must(
    host.cpus[kept.loadedOn] !== undefined && !pkvm.loaded.has(kept.loadedOn) && !vm.dying,
    `CPU ${kept.loadedOn}, which has ${hostVcpu.name} loaded`
  )
  pages.loadedOn = kept.loadedOn
  pkvm.loaded.set(kept.loadedOn, pages)
  return pages
}
