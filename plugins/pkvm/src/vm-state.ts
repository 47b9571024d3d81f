/**
 * What protected KVM keeps of a VM between two runs, as data: which guest pages there are and who has them, pages on their way to be tables, and what the
 * VM is called. No physical address is in it: pages have their places by the VM's slots, and everything else is made again by hyp code's own operations, so
 * that what holds for every VM holds for a restored one.
 */
import {
  HCR,
  HostCall,
  type HostCallHandler,
  hostCall,
  type ModeState,
  NO_IPA,
  PageTables,
  type PhysicalCpu,
  type Saved,
  shape,
  type Vcpu,
  type Vm
} from "@eltwo/kvm"
import { asTheyAre } from "./check-tables.ts"
import { errnoIn, type HostSide, hostSideOf, type VmRecord } from "./host/side.ts"
import { topUp, vms } from "./host/vms.ts"
import type { RealGuestStage2 } from "./hyp/guest-stage2.ts"
import { ADDRESS, isYoung, protIn, VALID } from "./hyp/leaves.ts"
import { orPanic } from "./hyp/panic.ts"
import { type HypState, hypStateOf, hypStateOn } from "./hyp/state.ts"
import { GUEST_STATE_MASK, guestStateIn, POISONED_DESCRIPTOR } from "./ownership/descriptors.ts"
import { guestShareHost } from "./ownership/guest-host.ts"
import { hypDonateHost } from "./ownership/host-hyp.ts"
import type { HypVm, HypVcpu as VcpuPages } from "./ownership/hyp-vm.ts"
import { refillMemcache } from "./ownership/memcache.ts"
import { PAGE_BYTES, PageState, POISON, Prot } from "./ownership/page-state.ts"
import { HANDLE_OFFSET, MAX_VMS, vmByHandle, vmidOf } from "./ownership/vm-table.ts"

const START_LEVEL = 0
const BLOCK_PAGES = 512
/** Pages for tables that a vCPU can have waiting, on either side. */
const LIST_PAGES = 3
/** Tables that one VM can have given up and kept. */
const MOST_SPARE = 4096
const MOST_VCPUS = 512
const PROTECTED = 1n << 31n

/** `hpfar` is null when the fault had no intermediate physical address. */
const FAULT = { fields: { esr: "u32", far: "u64", hpfar: { maybe: "u64" }, disr: "u32" } } as const
const SHAPE = shape({
  fields: {
    protected: "flag",
    handle: "u32",
    /** Hyp code knows the VM: one of its vCPUs has run. */
    created: "flag",
    /** What stage 2 has, in the order in which it came: 8 bytes each, little-endian, see `wordOf`. */
    mappings: "bytes",
    /** Pages that were tables of the VM and will be again. */
    spare: "u32",
    /** By number: whether hyp code knows the vCPU; pages that wait to be tables, hyp code's and still the kernel's; the last syndrome that hyp code saw. */
    vcpus: { list: { fields: { id: "u32", made: "flag", hyps: "u32", kernels: "u32", fault: { maybe: FAULT } } }, most: MOST_VCPUS },
    /** Which vCPU ran last on each CPU where one did, whose translations that may still have; and what hyp code left there as the owner of FP registers. */
    ran: { list: { fields: { cpu: "u32", vcpu: "u32", fpOwner: { oneOf: ["free", "host"] } } }, most: 64 }
  }
})
type PkvmState = Saved<typeof SHAPE>

/** A guest page or block: access and state as hyp code's tables have them. */
interface Mapping {
  readonly ipa: number
  readonly pages: number
  readonly prot: number
  readonly young: boolean
  readonly state: PageState | typeof POISON
}
/** Bits 2:0 access, 3 young, 4 a block, 7:5 state, the rest the guest-physical address. */
const wordOf = ({ ipa, pages, prot, young, state }: Mapping): bigint =>
  BigInt(ipa) | BigInt(prot | (young ? 8 : 0) | (pages === 1 ? 0 : 16) | (state << 5))
const STATES = [PageState.OWNED, PageState.SHARED_OWNED, PageState.SHARED_BORROWED, POISON] as const
const mappingOf = (word: bigint): Mapping | undefined => {
  const flags = Number(word & 0xfffn)
  const state = STATES.find((each) => each === flags >> 5)
  if (state === undefined || word >> 52n) return undefined
  return { ipa: Number(word & ADDRESS), pages: flags & 16 ? BLOCK_PAGES : 1, prot: flags & Prot.RWX, young: (flags & 8) !== 0, state }
}

const vcpusOf = ({ vcpus }: Vm): readonly Vcpu[] => vcpus.flatMap((vcpu) => vcpu ?? [])
const busy = (why: string) => ({ busy: why })

const save = (vm: Vm): { readonly state: PkvmState } | { readonly busy: string } => {
  const { host } = vm
  const hyp = hypStateOf(host)
  const side = hostSideOf(host)
  const record = side.vms.get(vm)
  if (!hyp || !record) return busy("a VM that hyp code does not know")
  const isAnother = (slot: unknown, i: number) => slot !== undefined && i !== record.handle - HANDLE_OFFSET
  if (hyp.pkvm.vms.slots.some(isAnother) || hyp.lost.size > 0) return busy("another VM of hyp code's, or pages lost with one")
  const known = vmByHandle(hyp.pkvm.vms, record.handle)
  if (hyp.pkvm.loaded.size > 0) return busy("a vCPU that is loaded")
  if (known?.dying) return busy("a VM that is being taken down")
  const vcpus = vcpusOf(vm)
  if (known && known.vcpus.length !== vcpus.length) return busy("a vCPU that came after the first run")
  const mappings = known ? mappingsOf(vm, record, known) : []
  if (typeof mappings === "string") return busy(mappings)
  return {
    state: {
      protected: vm.protected,
      handle: record.handle,
      created: known !== undefined,
      mappings: new Uint8Array(BigUint64Array.from(mappings, wordOf).buffer),
      spare: known?.pool.available ?? 0,
      vcpus: vcpus.map((vcpu, index) => ({
        id: vcpu.id,
        made: known?.vcpus[index] !== undefined,
        hyps: known?.vcpus[index]?.memcache.length ?? 0,
        kernels: side.memcache(vcpu).length,
        fault: faultOf(hyp, known?.vcpus[index])
      })),
      ran: host.cpus.flatMap((cpu) => {
        const vcpu = known && hyp.lastRan.get(cpu)?.get(known)
        return vcpu === undefined ? [] : [{ cpu: cpu.index, vcpu, fpOwner: cpu.fpOwner === "host" ? "host" : "free" }]
      })
    }
  }
}

const faultOf = ({ vcpus }: HypState, pages: VcpuPages | undefined): PkvmState["vcpus"][number]["fault"] => {
  const fault = pages && vcpus.get(pages)?.state.fault
  return fault ? { ...fault, hpfar: fault.hpfar === NO_IPA ? null : fault.hpfar } : null
}

/** The kernel's list, with what hyp code's tables in memory say of each; a string when the two do not agree. */
const mappingsOf = ({ host, slots }: Vm, { mappings }: VmRecord, { stage2 }: HypVm): readonly Mapping[] | string => {
  const tables = new PageTables(asTheyAre(host), (stage2 as RealGuestStage2).root, START_LEVEL, host.features.physicalBits)
  const found: Mapping[] = []
  for (const [gfn, { pfn, pages }] of mappings) {
    const ipa = gfn * PAGE_BYTES
    const { descriptor, bytes } = tables.entry(ipa)
    const isPoisoned = descriptor === POISONED_DESCRIPTOR
    const isThere = (descriptor & VALID) !== 0n && Number(descriptor & ADDRESS) === pfn * PAGE_BYTES
    if (bytes !== pages * PAGE_BYTES || !(isThere || isPoisoned) || slots.physical(ipa, bytes) !== pfn * PAGE_BYTES)
      return `guest page 0x${gfn.toString(16)}, of which kernel and hyp code say different things`
    found.push(
      isPoisoned
        ? { ipa, pages, prot: 0, young: false, state: POISON }
        : { ipa, pages, prot: protIn(descriptor), young: isYoung(descriptor), state: guestStateIn(descriptor & GUEST_STATE_MASK) }
    )
  }
  const all = [...tables.entries()].length
  return all === found.length ? found : `${all - found.length} guest pages that the kernel does not know of`
}

/** Hyp code that is no answer to any call of a kernel's: it makes again what it once made for guests and kernels that have gone on since. */
const atHyp = (cpu: PhysicalCpu, code: (state: HypState) => string | undefined): string | undefined => {
  let problem: string | undefined
  const handler: HostCallHandler = () => {
    problem = orPanic(cpu, () => code(hypStateOn(cpu)))
    return 0n
  }
  hostCall(cpu, new Map([[0, handler]]), 0)
  return problem
}

const restore = (cpu: PhysicalCpu, vm: Vm, state: PkvmState): string | undefined => {
  const side = hostSideOf(vm.host)
  const wrong = contradiction(vm, state) ?? takeHandle(side, vm, state.handle)
  if (wrong !== undefined || !state.created) return wrong
  const vcpus = vcpusOf(vm)
  for (const [index, { made }] of state.vcpus.entries()) {
    const refused = made ? vms.firstRun(cpu, vcpus[index]!) : undefined
    if (refused !== undefined) return `the first KVM_RUN: ${refused}`
  }
  return mapAgain(cpu, side, vm, state) ?? setListsAside(cpu, side, vm, state) ?? rememberRuns(cpu, vm, state)
}
const contradiction = (vm: Vm, state: PkvmState): string | undefined => {
  const vcpus = vcpusOf(vm)
  if (vm.protected !== state.protected) return "a VM that is protected and is not"
  if (state.mappings.length % 8 !== 0) return `${state.mappings.length} bytes of mappings`
  if (state.vcpus.length !== vcpus.length || state.vcpus.some(({ id }, i) => vcpus[i]!.id !== id)) return "other vCPUs than the VM's"
  const isMade = state.vcpus.some(({ made }) => made)
  if (isMade !== state.created) return "a VM without vCPUs that hyp code knows"
  if (!isMade && (state.mappings.length > 0 || state.spare > 0 || state.ran.length > 0)) return "pages of a VM that hyp code does not know"
  if (state.spare > MOST_SPARE || state.vcpus.some(({ hyps, kernels }) => hyps > LIST_PAGES || kernels > LIST_PAGES))
    return "too many pages for tables"
  const isWhole = ({ made, hyps, kernels, fault }: PkvmState["vcpus"][number]): boolean =>
    made ? fault !== null : fault === null && hyps + kernels === 0
  return state.vcpus.every(isWhole) ? undefined : "something of a vCPU that hyp code does not know"
}
/** The VM gets the handle it had: those before it are taken meanwhile. */
const takeHandle = (side: HostSide, vm: Vm, wanted: number): string | undefined => {
  const record = side.vms.get(vm)!
  if (record.handle === wanted) return undefined
  if (wanted < HANDLE_OFFSET || wanted >= HANDLE_OFFSET + MAX_VMS) return `handle 0x${wanted.toString(16)}`
  const taken = [record.handle]
  while (taken.at(-1) !== wanted) {
    const handle = side.call(HostCall.pkvm_reserve_vm)
    if (errnoIn(handle)) return `handle 0x${wanted.toString(16)}, which is another VM's`
    taken.push(Number(handle))
  }
  for (const handle of taken.slice(0, -1)) side.call(HostCall.pkvm_unreserve_vm, BigInt(handle))
  vm.stage2.vmid = vmidOf(wanted)
  side.vms.set(vm, { ...record, handle: wanted })
  return undefined
}

/** As the faults did it that brought the pages in, in their order. */
const mapAgain = (cpu: PhysicalCpu, side: HostSide, vm: Vm, { handle, mappings, vcpus }: PkvmState): string | undefined => {
  const index = vcpus.findIndex(({ made }) => made)
  const vcpu = vcpusOf(vm)[index]!
  const words = new BigUint64Array(mappings.slice().buffer)
  if (words.length === 0) return undefined
  side.call(HostCall.pkvm_vcpu_load, BigInt(handle), BigInt(index), vcpu.hcr & (HCR.TWI | HCR.TWE))
  let problem: string | undefined
  for (const word of words) {
    problem = mapOne(cpu, side, vm, vcpu, word)
    if (problem !== undefined) break
  }
  side.call(HostCall.pkvm_vcpu_put)
  return problem
}
const mapOne = (cpu: PhysicalCpu, side: HostSide, vm: Vm, vcpu: Vcpu, word: bigint): string | undefined => {
  const mapping = mappingOf(word)
  const wrong = (why: string) => `guest page 0x${(word >> 12n).toString(16)}: ${why}`
  if (!mapping || wordOf(mapping) !== word) return wrong("no mapping")
  const { ipa, pages, prot, young, state } = mapping
  const bytes = pages * PAGE_BYTES
  const physical = vm.slots.physical(ipa, bytes)
  if (physical === undefined || ipa % bytes !== 0 || physical % bytes !== 0) return wrong("not in a slot")
  if (prot & Prot.W && vm.slots.at(ipa)!.readonly) return wrong("writable, in a slot that is not")
  const record = side.vms.get(vm)!
  const [gfn, pfn, handle] = [ipa / PAGE_BYTES, physical / PAGE_BYTES, BigInt(record.handle)]
  if (!topUp(side, vcpu)) return wrong("no memory for tables")
  const refused = (register: bigint): string | undefined => {
    const errno = errnoIn(register)
    return errno && wrong(errno)
  }
  record.mappings.set(gfn, { pfn, pages })
  if (!vm.protected) {
    if (state !== PageState.SHARED_BORROWED) return wrong("a protected VM's")
    return (
      refused(side.call(HostCall.pkvm_host_share_guest, BigInt(pfn), BigInt(gfn), BigInt(pages), BigInt(prot))) ??
      (young ? undefined : refused(side.call(HostCall.pkvm_host_test_clear_young_guest, handle, BigInt(gfn), BigInt(pages), 1n)))
    )
  }
  const isWhole = pages === 1 && (state === POISON ? !prot && !young : prot === Prot.RWX && young)
  if (!isWhole || state === PageState.SHARED_BORROWED) return wrong("an ordinary VM's")
  return (
    refused(side.call(HostCall.pkvm_host_donate_guest, BigInt(pfn), BigInt(gfn))) ??
    (state === POISON ? refused(side.call(HostCall.pkvm_force_reclaim_guest_page, BigInt(physical))) : undefined) ??
    (state === PageState.SHARED_OWNED
      ? atHyp(cpu, ({ pkvm }) => guestShareHost(pkvm, vmByHandle(pkvm.vms, record.handle)!, gfn) && wrong("not shared"))
      : undefined)
  )
}

/** Pages for tables: as many as there were in each list, and in the VM's own pool. */
const setListsAside = (cpu: PhysicalCpu, side: HostSide, vm: Vm, { handle, spare, vcpus }: PkvmState): string | undefined => {
  const known = vmByHandle(hypStateOf(side.host)!.pkvm.vms, handle)!
  if (known.pool.available > spare) return "fewer pages for tables than it needs"
  for (const [index, vcpu] of vcpusOf(vm).entries()) {
    if (!vcpus[index]!.made) continue
    const problem = fillPool(cpu, side, vcpu, known, index, spare) ?? setLists(cpu, side, vcpu, known, index, vcpus[index]!)
    if (problem !== undefined) return problem
  }
  return undefined
}
const NO_MEMORY = "no memory for tables"
/** The kernel's list of a vCPU has as many pages. False: no memory. */
const fill = (side: HostSide, vcpu: Vcpu, count: number): boolean => {
  const list = side.memcache(vcpu)
  while (list.length < count) {
    const page = side.host.pages.allocate(PAGE_BYTES)
    if (page === undefined) return false
    list.push(page / PAGE_BYTES)
  }
  return true
}
/** By way of a vCPU's list, as pages came there that were tables and are not any more. */
const fillPool = (cpu: PhysicalCpu, side: HostSide, vcpu: Vcpu, { pool, vcpus }: HypVm, index: number, spare: number): string | undefined => {
  while (pool.available < spare) {
    if (!fill(side, vcpu, 1)) return NO_MEMORY
    const problem = atHyp(cpu, ({ pkvm }) => {
      const { memcache } = vcpus[index]!
      if (refillMemcache(pkvm, memcache, side.memcache(vcpu), memcache.length + 1)) return NO_MEMORY
      const pfn = memcache.pop()!
      pool.get(pfn)
      pool.put(pfn)
      return undefined
    })
    if (problem !== undefined) return problem
  }
  return undefined
}
const setLists = (
  cpu: PhysicalCpu,
  side: HostSide,
  vcpu: Vcpu,
  { vcpus }: HypVm,
  index: number,
  { hyps, kernels }: Pick<PkvmState["vcpus"][number], "hyps" | "kernels">
): string | undefined => {
  const { pages } = side.host
  const list = side.memcache(vcpu)
  const { memcache } = vcpus[index]!
  if (!fill(side, vcpu, Math.max(0, hyps - memcache.length))) return NO_MEMORY
  const returned: number[] = []
  const problem = atHyp(cpu, ({ pkvm }) => {
    while (memcache.length > hyps) {
      const pfn = memcache.pop()!
      if (hypDonateHost(pkvm, pfn, 1)) return "a page that hyp code does not give back"
      returned.push(pfn)
    }
    return refillMemcache(pkvm, memcache, list, hyps) && NO_MEMORY
  })
  if (problem !== undefined) return problem
  for (const pfn of returned) pages.free(pfn * PAGE_BYTES, PAGE_BYTES)
  while (list.length > kernels) pages.free(list.pop()! * PAGE_BYTES, PAGE_BYTES)
  return fill(side, vcpu, kernels) ? undefined : NO_MEMORY
}
const rememberRuns = (cpu: PhysicalCpu, vm: Vm, { handle, ran, vcpus }: PkvmState): string | undefined => {
  const cpus = new Set(ran.map((each) => each.cpu))
  if (cpus.size !== ran.length || ran.some((each) => !vcpus[each.vcpu]?.made || !vm.host.cpus[each.cpu]))
    return "runs of vCPUs or on CPUs that are not there"
  return atHyp(cpu, (state) => {
    const known = vmByHandle(state.pkvm.vms, handle)!
    for (const place of vm.host.cpus) {
      const last = ran.find((each) => each.cpu === place.index)
      state.lastRan.set(place, last ? new Map([[known, last.vcpu]]) : new Map())
      if (last) place.fpOwner = last.fpOwner as "free" | "host"
    }
    for (const [index, { fault }] of vcpus.entries()) {
      const own = state.vcpus.get(known.vcpus[index]!)
      if (own && fault) Object.assign(own.state.fault, fault, { hpfar: fault.hpfar ?? NO_IPA })
    }
    return undefined
  })
}

/** State of VMs, as the mode gives it. */
export const vmState: ModeState<PkvmState> = {
  version: 1,
  shape: SHAPE,
  save,
  vmType: (state) => (state.protected ? PROTECTED : 0n),
  restore
}
