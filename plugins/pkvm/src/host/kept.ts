/** What the kernel keeps about hyp code, as data: structures, pages shared with hyp code and given to guests, pages on their way to be tables. */
import { type Host, type Saved, shape, type Vcpu, type Vm } from "@eltwo/kvm"
import { MOST_VCPUS, must, PAGES, RANGE, VCPU_REF } from "../hyp/kept.ts"
import { STRUCTURE_BYTES } from "../hyp/structures.ts"
import { PAGE_BYTES } from "../ownership/page-state.ts"
import { HANDLE_OFFSET, MAX_VMS, vmidOf } from "../ownership/vm-table.ts"
import type { HostSide } from "./side.ts"

const BLOCK_PAGES = 512
const WORD_BYTES = 8
const IS_BLOCK = 1n

export const KERNEL_STATE = shape({
  fields: {
    vms: {
      list: {
        fields: {
          vm: "u32",
          protected: "flag",
          handle: "u32",
          structure: "size",
          /** Guest-physical addresses of what the guest has, in the order in which it came, 8 bytes each, little-endian; bit 0: a block. */
          mappings: "bytes",
          /** Hyp code knows the VM. */
          created: "flag"
        }
      },
      most: 1 << 16
    },
    vcpus: { list: { fields: { ...VCPU_REF, structure: "size", memcache: PAGES, sve: { maybe: RANGE } } }, most: MOST_VCPUS * MAX_VMS },
    shares: { list: { fields: { page: "size", count: "u32" } }, most: 1 << 20 },
    /** Places for structures that are free; the last is used first. */
    structures: { list: "size", most: 1 << 20 },
    returned: PAGES
  }
})
export type KeptKernel = Saved<typeof KERNEL_STATE>

const vmsOf = ({ vms }: Host): readonly Vm[] => [...vms.values()]
const vcpusOf = (host: Host): readonly Vcpu[] => vmsOf(host).flatMap(({ vcpus }) => vcpus.flatMap((vcpu) => vcpu ?? []))

/** Throws Contradiction for a VM that it does not know. */
export const keptKernel = (side: HostSide): KeptKernel => ({
  vms: vmsOf(side.host).map((vm) => {
    const record = side.vms.get(vm)
    must(record !== undefined, `VM ${vm.id}, of which hyp code was never told`)
    const { handle, structure, mappings, created } = record!
    const words = BigUint64Array.from(mappings, ([gfn, { pages }]) => BigInt(gfn * PAGE_BYTES) | (pages === 1 ? 0n : IS_BLOCK))
    return { vm: vm.id, protected: vm.protected, handle, structure, mappings: new Uint8Array(words.buffer), created }
  }),
  vcpus: vcpusOf(side.host).map((vcpu) => {
    const record = side.vcpus.get(vcpu)
    must(record !== undefined, `${vcpu.name}, of which hyp code was never told`)
    const { structure, memcache, sve } = record!
    return { vm: vcpu.vm.id, vcpu: vcpu.id, structure, memcache: [...memcache.pages], sve: sve ? { ...sve } : null }
  }),
  shares: [...side.shares.entries()].map(([page, count]) => ({ page, count })).sort((a, b) => a.page - b.page),
  structures: [...side.freeStructures],
  returned: [...side.returned]
})

/** Restores it on a host that has its VMs and vCPUs. Throws Contradiction. */
export const restoreKernel = (side: HostSide, kept: KeptKernel): void => {
  const { host } = side
  const { base, bytes: ramBytes } = host.board.ram
  const isRam = (address: number, bytes: number): boolean => address >= base && bytes >= 0 && address + bytes <= base + ramBytes
  const structures = new Set<number>()
  const structure = (address: number): number => {
    must(isRam(address, STRUCTURE_BYTES) && address % STRUCTURE_BYTES === 0 && !structures.has(address), `a structure at 0x${address.toString(16)}`)
    structures.add(address)
    return address
  }
  const page = (pfn: number): number => {
    must(isRam(pfn * PAGE_BYTES, PAGE_BYTES), `page 0x${pfn.toString(16)}, which is no RAM`)
    return pfn
  }
  for (const { vm: id, handle, structure: address, mappings, created } of kept.vms) {
    const vm = host.vms.get(id)
    const isNew = vm !== undefined && !side.vms.has(vm)
    must(
      isNew && handle >= HANDLE_OFFSET && handle < HANDLE_OFFSET + MAX_VMS && vm.stage2.vmid === vmidOf(handle),
      `VM ${id} of handle 0x${handle.toString(16)}`
    )
    side.vms.set(vm!, { handle, structure: structure(address), mappings: mappingsOf(vm!, mappings), created })
  }
  for (const { vm, vcpu: id, structure: address, memcache, sve } of kept.vcpus) {
    const vcpu = host.vms.get(vm)?.vcpus[id]
    if (!vcpu || side.vcpus.has(vcpu)) return must(false, `vCPU ${id} of VM ${vm}`)
    side.keepVcpu(vcpu, structure(address))
    const record = side.vcpus.get(vcpu)!
    for (const pfn of memcache) record.memcache.push(page(pfn))
    restoreSve(side, vcpu, sve, isRam)
  }
  must(side.vms.size === host.vms.size && side.vcpus.size === vcpusOf(host).length, "VMs or vCPUs of which hyp code was never told")
  must(
    kept.shares.every(({ page: pfn, count }, i) => page(pfn) > (kept.shares[i - 1]?.page ?? 0) && count > 0),
    "shared pages that are not"
  )
  side.shares.restore(kept.shares.map(({ page: pfn, count }) => [pfn, count]))
  side.restoreFreeStructures(kept.structures.map(structure))
  side.returned.splice(0, side.returned.length, ...kept.returned.map(page))
}
const mappingsOf = (vm: Vm, bytes: Uint8Array): Map<number, { pfn: number; pages: number }> => {
  must(bytes.length % WORD_BYTES === 0, `${bytes.length} bytes of mappings`)
  const mappings = new Map<number, { pfn: number; pages: number }>()
  for (const word of new BigUint64Array(bytes.slice().buffer)) {
    const [ipa, pages] = [Number(word & ~IS_BLOCK), word & IS_BLOCK ? BLOCK_PAGES : 1]
    const [gfn, size] = [ipa / PAGE_BYTES, pages * PAGE_BYTES]
    const physical = word >> 52n ? undefined : vm.slots.physical(ipa, size)
    must(
      physical !== undefined && ipa % size === 0 && physical % size === 0 && !mappings.has(gfn),
      `guest page at 0x${word.toString(16)} of VM ${vm.id}`
    )
    mappings.set(gfn, { pfn: physical! / PAGE_BYTES, pages })
  }
  return mappings
}
/** The vCPU's vectors are in memory that is shared. */
const restoreSve = (
  side: HostSide,
  vcpu: Vcpu,
  sve: KeptKernel["vcpus"][number]["sve"],
  isRam: (address: number, bytes: number) => boolean
): void => {
  const { fp } = vcpu
  must((sve === null) === (fp.sve === null), `the vectors of ${vcpu.name}, which are nowhere`)
  if (!sve || !fp.sve) return
  const { address, bytes } = sve
  const isWhole = address % PAGE_BYTES === 0 && bytes === Math.ceil(fp.sve.length / PAGE_BYTES) * PAGE_BYTES
  must(isWhole && isRam(address, bytes), `the vectors of ${vcpu.name} at 0x${address.toString(16)}`)
  fp.sve = side.host.pages.view(address, fp.sve.length)
  side.vcpus.get(vcpu)!.sve = { address, bytes }
}
