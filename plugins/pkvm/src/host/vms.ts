/** The host kernel's side of VMs whose stage 2 is hyp code's: what it shares and donates for them, and how it gets all of it back. */
import {
  BLOCK_BYTES,
  ERRNO,
  type Errno,
  type GuestFault,
  HCR,
  type Host,
  HostCall,
  linear,
  type PhysicalCpu,
  type Vcpu,
  type Vm,
  type VmServices
} from "@eltwo/kvm"
import { hypStateOf } from "../hyp/state.ts"
import { hypVcpuBytes, hypVmBytes, STRUCTURE_BYTES, VCPU_FIELD, VM_FIELD } from "../hyp/structures.ts"
import type { Outcome, PkvmErrno } from "../ownership/errno.ts"
import { PAGE_BYTES, PageState, Prot } from "../ownership/page-state.ts"
import { vmidOf } from "../ownership/vm-table.ts"
import { errnoIn, type HostSide, hostSideOf, type VmRecord } from "./side.ts"

/** Table pages that mapping one guest page can need; the list is filled to this before each fault is resolved. */
const LIST_PAGES = 3
const PAGES_PER_BLOCK = BLOCK_BYTES / PAGE_BYTES

/** The interface's name of an error of hyp code. */
const errnoOf = (errno: PkvmErrno): Errno => (errno in ERRNO ? (errno as Errno) : "EFAULT")
const outcome = (register: bigint): Errno | undefined => {
  const errno = errnoIn(register)
  return errno && errnoOf(errno)
}
const recordOf = (side: HostSide, vm: Vm): VmRecord => {
  const record = side.vms.get(vm)
  if (!record) throw side.cpu.bug("A VM that the kernel does not know")
  return record
}
const range = (structure: number): readonly [number, number] => [structure, structure + STRUCTURE_BYTES]
/** A structure shared with hyp code; undefined, and nothing kept: no memory, or hyp code refuses. */
const shareStructure = (side: HostSide): number | Errno => {
  const structure = side.allocateStructure()
  if (structure === undefined) return "ENOMEM"
  const refused: Outcome = side.shares.share(...range(structure))
  if (refused === undefined) return structure
  side.freeStructure(structure)
  return errnoOf(refused)
}
const unshareStructure = (side: HostSide, structure: number): void => {
  const leaks = side.shares.unshare(...range(structure))
  // a page that hyp code still uses stays shared, and is never used for anything else
  if (leaks.length === 0) side.freeStructure(structure)
}

/** kvm_share_hyp for the VM's structure, a handle, and the VMID that follows from it. */
const createVm = (cpu: PhysicalCpu, vm: Vm): Errno | undefined => {
  const side = hostSideOf(cpu)
  const structure = shareStructure(side)
  if (typeof structure === "string") return structure
  const reserved = side.call(HostCall.pkvm_reserve_vm)
  const refused = outcome(reserved)
  if (refused) {
    unshareStructure(side, structure)
    return refused
  }
  const handle = Number(reserved)
  vm.stage2.vmid = vmidOf(handle)
  side.vms.set(vm, { handle, structure, mappings: new Map(), created: false })
  return undefined
}
const createVcpu = (cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined => {
  const side = hostSideOf(cpu)
  const structure = shareStructure(side)
  if (typeof structure === "string") return structure
  side.keepVcpu(vcpu, structure)
  return undefined
}

/** The first run of any vCPU makes hyp code's VM, the first of each its vCPU: of memory that is donated. */
const firstRun = (cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined => {
  const side = hostSideOf(cpu)
  const record = recordOf(side, vcpu.vm)
  return (record.created ? undefined : makeHypVm(side, vcpu.vm, record)) ?? makeHypVcpu(side, vcpu, record)
}
const makeHypVm = (side: HostSide, vm: Vm, record: VmRecord): Errno | undefined => {
  const { pages } = side.host
  const createdVcpus = vm.vcpus.filter(Boolean).length
  side.fill(record.structure, [
    [VM_FIELD.handle, BigInt(record.handle)],
    [VM_FIELD.createdVcpus, BigInt(createdVcpus)],
    [VM_FIELD.isProtected, vm.protected ? 1n : 0n]
  ])
  const bytes = hypVmBytes(createdVcpus)
  const area = pages.allocate(bytes)
  if (area === undefined) return "ENOMEM"
  const refused = outcome(side.call(HostCall.pkvm_init_vm, linear(record.structure), linear(area), linear(vm.stage2.tables.root)))
  if (refused) pages.free(area, bytes)
  else record.created = true
  return refused
}
const makeHypVcpu = (side: HostSide, vcpu: Vcpu, record: VmRecord): Errno | undefined => {
  const { pages } = side.host
  const { structure } = side.vcpus.get(vcpu)!
  side.fill(structure, [[VCPU_FIELD.index, BigInt(vcpu.vm.vcpus.filter(Boolean).indexOf(vcpu))]])
  const area = pages.allocate(hypVcpuBytes)
  if (area === undefined) return "ENOMEM"
  const refused = outcome(side.call(HostCall.pkvm_init_vcpu, BigInt(record.handle), linear(structure), linear(area)))
  if (refused) pages.free(area, hypVcpuBytes)
  return refused
}
/** The buffer for SVE registers moves into memory that hyp code can share. */
const shareSve = (side: HostSide, vcpu: Vcpu): Errno | undefined => {
  const record = side.vcpus.get(vcpu)!
  const buffer = vcpu.fp.sve
  if (!buffer || record.sve) return undefined
  const bytes = Math.ceil(buffer.length / PAGE_BYTES) * PAGE_BYTES
  const address = side.host.pages.allocate(bytes)
  if (address === undefined) return "ENOMEM"
  const refused = side.shares.share(address, address + bytes)
  if (refused) {
    side.host.pages.free(address, bytes)
    return errnoOf(refused)
  }
  const shared = side.host.pages.view(address, buffer.length)
  shared.set(buffer)
  vcpu.fp.sve = shared
  record.sve = { address, bytes }
  side.fill(record.structure, [
    [VCPU_FIELD.sveBuffer, BigInt(address)],
    [VCPU_FIELD.sveBytes, BigInt(bytes)]
  ])
  return undefined
}

/** Every thread that runs a vCPU is alone on its CPU here, so waits are not trapped for others' sake; TWI stays what KVM made it. */
const load = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const side = hostSideOf(cpu)
  const { handle } = recordOf(side, vcpu.vm)
  side.call(HostCall.pkvm_vcpu_load, BigInt(handle), BigInt(vcpu.vm.vcpus.filter(Boolean).indexOf(vcpu)), vcpu.hcr & (HCR.TWI | HCR.TWE))
  side.call(HostCall.vgic_v3_restore_vmcr_aprs)
}
const put = (cpu: PhysicalCpu): void => {
  const side = hostSideOf(cpu)
  side.call(HostCall.vgic_v3_save_aprs)
  side.call(HostCall.pkvm_vcpu_put)
}

/** Fills the kernel's list of pages for a vCPU's tables to what mapping one page can need. False: no memory. */
export const topUp = (side: HostSide, vcpu: Vcpu): boolean => {
  const { memcache } = side.vcpus.get(vcpu)!
  while (memcache.length < LIST_PAGES) {
    const page = side.host.pages.allocate(PAGE_BYTES)
    if (page === undefined) return false
    memcache.push(page / PAGE_BYTES)
  }
  return true
}
/** kvm_handle_guest_abort's part for memory: pages one by one for a protected VM, and blocks where both sides have one for an ordinary one. */
const mapPage = (cpu: PhysicalCpu, vcpu: Vcpu, fault: GuestFault): Errno | undefined => {
  const side = hostSideOf(cpu)
  const record = recordOf(side, vcpu.vm)
  const { slot, ipa, type } = fault
  const gfn = Math.floor(ipa / PAGE_BYTES)
  const prot = BigInt(slot.readonly ? Prot.R | Prot.X : Prot.RWX)
  if (!vcpu.vm.protected && type !== "translation") {
    if (type === "accessFlag") side.call(HostCall.pkvm_host_mkyoung_guest, BigInt(gfn))
    const refused = type === "permission" ? errnoIn(side.call(HostCall.pkvm_host_relax_perms_guest, BigInt(gfn), prot)) : undefined
    return refused === undefined || refused === "EAGAIN" ? undefined : errnoOf(refused)
  }
  // the host's list says the guest has the page: it may have been taken by force
  if (record.mappings.has(gfn)) return side.call(HostCall.pkvm_vcpu_in_poison_fault) === 0n ? undefined : "EFAULT"
  if (!topUp(side, vcpu)) return "ENOMEM"
  const pfn = (slot.hostPhysical + ipa - (ipa % PAGE_BYTES) - slot.guestPhysical) / PAGE_BYTES
  if (!vcpu.vm.protected) return shareWith(side, record, gfn, pfn, prot, inBlock(fault))
  const refused = errnoIn(side.call(HostCall.pkvm_host_donate_guest, BigInt(pfn), BigInt(gfn)))
  if (refused) return refused === "EAGAIN" ? undefined : errnoOf(refused)
  record.mappings.set(gfn, { pfn, pages: 1 })
  return undefined
}
/** Whether the slot has the whole block around an address, at the same offset within a block on both sides. */
const inBlock = ({ slot, ipa }: GuestFault): boolean => {
  const block = ipa - (ipa % BLOCK_BYTES)
  const inSlot = block >= slot.guestPhysical && block + BLOCK_BYTES <= slot.guestPhysical + slot.length
  return inSlot && (slot.hostPhysical - slot.guestPhysical) % BLOCK_BYTES === 0
}
const shareWith = (side: HostSide, record: VmRecord, gfn: number, pfn: number, prot: bigint, block: boolean): Errno | undefined => {
  const pages = block ? PAGES_PER_BLOCK : 1
  const [fromGfn, fromPfn] = [gfn - (gfn % pages), pfn - (gfn % pages)]
  const refused = errnoIn(side.call(HostCall.pkvm_host_share_guest, BigInt(fromPfn), BigInt(fromGfn), BigInt(pages), prot))
  if (refused === undefined) record.mappings.set(fromGfn, { pfn: fromPfn, pages })
  if (refused === undefined || refused === "EAGAIN") return undefined
  // something of the block is in other use: the page alone may do
  return block ? shareWith(side, record, gfn, pfn, prot, false) : errnoOf(refused)
}

/** Ordinary VMs give up pages one by one, with the whole block of each. Protected ones never do while they live. */
const unmap = (cpu: PhysicalCpu, vm: Vm, guestPhysical: number, bytes: number): void => {
  const side = hostSideOf(cpu)
  const record = side.vms.get(vm)
  if (!record) return
  const [from, to] = [guestPhysical / PAGE_BYTES, (guestPhysical + bytes) / PAGE_BYTES]
  for (const [gfn, { pages }] of record.mappings) if (gfn < to && gfn + pages > from) release(side, vm, record, gfn)
}
const release = (side: HostSide, vm: Vm, record: VmRecord, gfn: number): void => {
  const { pages } = record.mappings.get(gfn)!
  const handle = BigInt(record.handle)
  const refused = errnoIn(
    vm.protected
      ? side.call(HostCall.pkvm_reclaim_dying_guest_page, handle, BigInt(gfn))
      : side.call(HostCall.pkvm_host_unshare_guest, handle, BigInt(gfn), BigInt(pages))
  )
  if (refused) throw side.cpu.bug(`Hyp code does not give back guest page 0x${gfn.toString(16)}: ${refused}`)
  record.mappings.delete(gfn)
}

/** pkvm_destroy_hyp_vm: teardown starts, the guest's pages come back one by one, then all that hyp code had for the VM. */
const destroyVm = (cpu: PhysicalCpu, vm: Vm): void => {
  const side = hostSideOf(cpu)
  const record = side.vms.get(vm)
  if (!record) return
  const { pages } = side.host
  const handle = BigInt(record.handle)
  const must = (register: bigint, what: string): void => {
    const refused = errnoIn(register)
    if (refused) throw side.cpu.bug(`${what} of a VM: ${refused}`)
  }
  if (record.created) {
    must(side.call(HostCall.pkvm_start_teardown_vm, handle), "Teardown")
    for (const gfn of [...record.mappings.keys()]) release(side, vm, record, gfn)
    must(side.call(HostCall.pkvm_finalize_teardown_vm, handle), "End")
    const root = vm.stage2.tables.root / PAGE_BYTES
    for (const pfn of side.returned.splice(0)) if (pfn !== root) pages.free(pfn * PAGE_BYTES, PAGE_BYTES)
  } else side.call(HostCall.pkvm_unreserve_vm, handle)
  for (const vcpu of vm.vcpus) if (vcpu) destroyVcpu(side, vcpu)
  unshareStructure(side, record.structure)
  side.vms.delete(vm)
}
const destroyVcpu = (side: HostSide, vcpu: Vcpu): void => {
  const record = side.vcpus.get(vcpu)
  if (!record) return
  const { pages } = side.host
  for (let pfn = record.memcache.pop(); pfn !== undefined; pfn = record.memcache.pop()) pages.free(pfn * PAGE_BYTES, PAGE_BYTES)
  if (record.sve) {
    side.shares.unshare(record.sve.address, record.sve.address + record.sve.bytes)
    vcpu.fp.sve = vcpu.fp.sve?.slice() ?? null
    pages.free(record.sve.address, record.sve.bytes)
  }
  unshareStructure(side, record.structure)
  side.forgetVcpu(vcpu)
}

/** What of memory the host has: also what it shares. */
const isHosts = (host: Host, physical: number, bytes: number): boolean => {
  const records = hypStateOf(host)?.pkvm.records
  for (let pfn = Math.floor(physical / PAGE_BYTES); pfn * PAGE_BYTES < physical + bytes; pfn++)
    if (records?.hostState(pfn) === PageState.NOPAGE) return false
  return true
}

export const vms: VmServices = {
  protectedVms: true,
  ipaBits: ({ features }) => features.physicalBits,
  createVm,
  createVcpu,
  finalizeVcpu: (cpu, vcpu) => shareSve(hostSideOf(cpu), vcpu),
  firstRun,
  load,
  put,
  mapPage,
  checkSlot: (vm, { kind, readonly }) => {
    if (!vm.protected) return undefined
    const created = hostSideOf(vm.host).vms.get(vm)?.created ?? false
    return readonly || (kind !== "create" && created) ? "EPERM" : undefined
  },
  unmap,
  destroyVm,
  isHosts
}
/** The kernel touched a page that hyp code does not let it have: it takes it from the guest by force. False: hyp code refuses. */
export const reclaimPage = (cpu: PhysicalCpu, address: bigint): boolean => {
  cpu.sys("at s1e1r", address)
  cpu.isb()
  const par = cpu.read("PAR_EL1")
  const refused = errnoIn(hostSideOf(cpu).call(HostCall.pkvm_force_reclaim_guest_page, par & PAR_PAGE))
  return !(par & 1n) && (refused === undefined || refused === "EAGAIN")
}
const PAR_PAGE = 0x0000_ffff_ffff_f000n
