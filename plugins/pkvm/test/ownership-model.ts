/**
 * Who has which page, told a second time: every page has one owner and a list of borrowers, every VM a list of what it maps. No page states, no
 * tables; what the library stores is worked out from that.
 */
import { type Answer, NOBODY, type Requests } from "./ownership-requests.ts"

interface Page {
  /** "host", "hyp", or who: VM and guest page. */
  owner: string
  /** "hyp", "secure", "host", or VM and guest page. */
  borrowers: string[]
  pins: number
}
export interface Mapping {
  readonly gfn: number
  readonly pages: number
  readonly pfn: number
  access: number
  young: boolean
}
export interface ModelVcpu {
  readonly host: number
  list: number
}
export interface ModelVm {
  readonly id: string
  readonly handle: number
  readonly secret: boolean
  dying: boolean
  mappings: Mapping[]
  readonly poisoned: Set<number>
  /** Host pages that hyp keeps pinned for it, and pages that were donated for it. */
  readonly pinned: number[]
  readonly donated: Set<number>
  readonly vcpus: (ModelVcpu | undefined)[]
  /** Tables that were used before and are free now. */
  spare: number
}
export interface ModelMemory {
  readonly first: number
  /** One letter a page: pages with the same letter are one region; "-" is none, "n" must not be mapped. */
  readonly regions: string
}
const who = (vm: ModelVm, gfn: number): string => `${vm.id}@${gfn}`

export class Model implements Requests {
  readonly pages = new Map<number, Page>()
  readonly handles = new Map<number, ModelVm | "reserved">()
  readonly loaded = new Map<number, { readonly vm: ModelVm; readonly index: number }>()
  readonly #memory: ModelMemory
  readonly #block: number
  readonly #guestPages: number
  readonly #everyVm = new Map<string, ModelVm>()

  constructor(memory: ModelMemory, block: number, guestPages: number) {
    this.#memory = memory
    this.#block = block
    this.#guestPages = guestPages
    for (let i = 0; i < memory.regions.length; i++) this.pages.set(memory.first + i, { owner: "host", borrowers: [], pins: 0 })
  }
  page(pfn: number): Page {
    return this.pages.get(pfn)!
  }
  vm(handle: number): ModelVm | undefined {
    const vm = this.handles.get(handle)
    return vm === "reserved" ? undefined : vm
  }
  vms(): readonly ModelVm[] {
    return [...this.handles.values()].filter((vm) => vm !== "reserved")
  }
  isLoaded(vm: ModelVm): boolean {
    return [...this.loaded.values()].some((loaded) => loaded.vm === vm)
  }
  /** Pages of hyp's that VMs are made of, and others. */
  isUsedHypPage(pfn: number): boolean {
    return this.vms().some((vm) => vm.donated.has(pfn))
  }
  isSpareHypPage(pfn: number): boolean {
    return this.pages.get(pfn)?.owner === "hyp" && !this.isUsedHypPage(pfn)
  }

  // host and hyp
  shareHyp(pfn: number): Answer {
    return this.#range(pfn, 1) ?? this.#unless(this.#hostAlone(pfn), () => this.page(pfn).borrowers.push("hyp"))
  }
  unshareHyp(pfn: number): Answer {
    const refusal = this.#range(pfn, 1) ?? (this.#lentToHyp(pfn) ? undefined : "EPERM")
    if (refusal) return refusal
    if (this.page(pfn).pins > 0) return "EBUSY"
    this.page(pfn).borrowers = []
    return undefined
  }
  pin(pfn: number, count: number): Answer {
    const pages = this.#pages(pfn, count)
    return (
      this.#range(pfn, count) ??
      this.#unless(
        pages.every((p) => this.#lentToHyp(p)),
        () => pages.forEach((p) => this.page(p).pins++)
      )
    )
  }
  unpin(pfn: number, count: number): Answer {
    for (const p of this.#pages(pfn, count)) this.page(p).pins--
    return undefined
  }
  donateHyp(pfn: number, count: number): Answer {
    const pages = this.#pages(pfn, count)
    return (
      this.#range(pfn, count) ??
      this.#unless(
        pages.every((p) => this.#hostAlone(p)),
        () => pages.forEach((p) => (this.page(p).owner = "hyp"))
      )
    )
  }
  hypDonate(pfn: number, count: number): Answer {
    const pages = this.#pages(pfn, count)
    return (
      this.#range(pfn, count) ??
      this.#unless(
        pages.every((p) => this.page(p).owner === "hyp"),
        () => pages.forEach((p) => (this.page(p).owner = "host"))
      )
    )
  }
  shareSecure(pfn: number, count: number): Answer {
    const pages = this.#pages(pfn, count)
    return (
      this.#range(pfn, count) ??
      this.#unless(
        pages.every((p) => this.#hostAlone(p)),
        () => pages.forEach((p) => this.page(p).borrowers.push("secure"))
      )
    )
  }
  unshareSecure(pfn: number, count: number): Answer {
    const pages = this.#pages(pfn, count)
    return (
      this.#range(pfn, count) ??
      this.#unless(
        pages.every((p) => this.page(p).borrowers.includes("secure")),
        () => pages.forEach((p) => (this.page(p).borrowers = []))
      )
    )
  }

  // guests
  donateGuest(cpu: number, pfn: number, gfn: number): Answer {
    const loaded = this.#running(cpu, true)
    if (!loaded) return "EINVAL"
    const { vm, vcpu } = loaded
    const refusal = this.#range(pfn, 1) ?? (this.#hostAlone(pfn) ? undefined : "EPERM") ?? this.#nothingAt(vm, gfn, 1) ?? this.#list(vcpu)
    if (refusal) return refusal
    this.page(pfn).owner = who(vm, gfn)
    this.#tables(vm, vcpu, () => vm.mappings.push({ gfn, pages: 1, pfn, access: 7, young: true }))
    return undefined
  }
  shareGuest(cpu: number, pfn: number, gfn: number, count: number, access: number): Answer {
    const loaded = this.#running(cpu, false)
    if (!loaded || access > 7 || !this.#size(pfn, gfn, count)) return "EINVAL"
    const { vm, vcpu } = loaded
    const pages = this.#pages(pfn, count)
    const lendable = (p: number) => this.page(p).owner === "host" && this.page(p).borrowers.every((b) => b.includes("@"))
    const refusal = this.#range(pfn, count) ?? this.#nothingAt(vm, gfn, count) ?? (pages.every(lendable) ? undefined : "EPERM") ?? this.#list(vcpu)
    if (refusal) return refusal
    for (const p of pages) this.page(p).borrowers.push(who(vm, gfn))
    this.#tables(vm, vcpu, () => vm.mappings.push({ gfn, pages: count, pfn, access, young: true }))
    return undefined
  }
  unshareGuest(handle: number, gfn: number, count: number): Answer {
    const vm = this.vm(handle)
    if (!vm || vm.secret || !this.#size(0, gfn, count)) return "EINVAL"
    const mapping = this.#mappingAt(vm, gfn)
    if (gfn >= this.#guestPages) return "ERANGE"
    if (!mapping) return "ENOENT"
    if (mapping.pages !== count) return "E2BIG"
    for (const p of this.#pages(mapping.pfn, count)) {
      const { borrowers } = this.page(p)
      borrowers.splice(borrowers.indexOf(who(vm, gfn)), 1)
    }
    this.#remove(vm, mapping)
    return undefined
  }
  relax(cpu: number, gfn: number, access: number): Answer {
    const loaded = this.#running(cpu, false)
    if (!loaded || access > 7) return "EINVAL"
    if (gfn >= this.#guestPages) return "ERANGE"
    const mapping = this.#mappingAt(loaded.vm, gfn)
    if (!mapping) return "EAGAIN"
    mapping.access |= access
    return undefined
  }
  writeProtect(handle: number, gfn: number, count: number): Answer {
    return this.#visit(handle, gfn, count, (mapping) => (mapping.access &= 5))
  }
  young(handle: number, gfn: number, count: number, makeOld: number): Answer {
    let young = false
    const refusal = this.#visit(handle, gfn, count, (mapping) => {
      young ||= mapping.young
      if (makeOld === 1) mapping.young = false
    })
    return refusal ?? young
  }
  makeYoung(cpu: number, gfn: number): Answer {
    const loaded = this.#running(cpu, false)
    if (!loaded) return "EINVAL"
    const mapping = this.#mappingAt(loaded.vm, gfn)
    if (mapping) mapping.young = true
    return undefined
  }
  guestShare(handle: number, gfn: number): Answer {
    return this.#own(handle, gfn, false, (page) => page.borrowers.push("host"))
  }
  guestUnshare(handle: number, gfn: number): Answer {
    return this.#own(handle, gfn, true, (page) => (page.borrowers = []))
  }

  // back to the host
  forceReclaim(pfn: number): Answer {
    const page = this.pages.get(pfn)
    if (!page || this.#letter(pfn) === "-") return "EFAULT"
    if (page.owner === "hyp") return "EPERM"
    if (page.owner === "host" || page.borrowers.includes("host")) return "EAGAIN"
    const [id, gfn] = page.owner.split("@") as [string, string]
    const vm = this.vm(this.#everyVm.get(id)!.handle)
    if (!vm) return "EAGAIN"
    const mapping = this.#mappingAt(vm, Number(gfn))
    if (vm.id !== id) return this.#onePage(vm, Number(gfn)) ?? "EAGAIN"
    page.owner = "host"
    vm.mappings.splice(vm.mappings.indexOf(mapping!), 1)
    vm.poisoned.add(Number(gfn))
    return undefined
  }
  reclaim(handle: number, gfn: number): Answer {
    const vm = this.vm(handle)
    if (!vm?.dying) return "EINVAL"
    const refusal = this.#onePage(vm, gfn)
    if (refusal === "EHWPOISON") return undefined
    if (refusal) return refusal
    const mapping = this.#mappingAt(vm, gfn)!
    if (!vm.secret) return "EPERM"
    Object.assign(this.page(mapping.pfn), { owner: "host", borrowers: [] })
    this.#remove(vm, mapping)
    return undefined
  }

  // VMs
  reserve(): Answer {
    for (let handle = 0x1000; ; handle++) {
      if (this.handles.has(handle)) continue
      this.handles.set(handle, "reserved")
      return handle
    }
  }
  unreserve(handle: number): Answer {
    if (this.handles.get(handle) === "reserved") this.handles.delete(handle)
    return undefined
  }
  initVm(handle: number, secret: number, hostVm: number, area: number, tables: number, vcpus: number): Answer {
    const refusal = this.#range(hostVm, 1) ?? (this.#lentToHyp(hostVm) ? undefined : "EPERM")
    if (refusal) return refusal
    if (vcpus < 1) return "EINVAL"
    if (!this.#donatable(area) || !this.#donatable(tables) || area === tables) return "ENOMEM"
    if (this.handles.get(handle) !== "reserved") return "EINVAL"
    const vm: ModelVm = {
      id: `vm${this.#everyVm.size}`,
      handle,
      secret: secret === 1,
      dying: false,
      mappings: [],
      poisoned: new Set(),
      pinned: [hostVm],
      donated: new Set([area, tables]),
      vcpus: new Array<ModelVcpu | undefined>(vcpus).fill(undefined),
      spare: 0
    }
    this.page(hostVm).pins++
    for (const pfn of vm.donated) this.page(pfn).owner = "hyp"
    this.handles.set(handle, vm)
    this.#everyVm.set(vm.id, vm)
    return undefined
  }
  initVcpu(handle: number, host: number, index: number, area: number): Answer {
    if (!this.#donatable(area)) return "ENOMEM"
    const vm = this.vm(handle)
    if (!vm) return "ENOENT"
    if (this.#range(host, 1) || !this.#lentToHyp(host)) return "EBUSY"
    if (index >= vm.vcpus.length || vm.vcpus[index]) return "EINVAL"
    this.page(host).pins++
    this.page(area).owner = "hyp"
    vm.pinned.push(host)
    vm.donated.add(area)
    vm.vcpus[index] = { host, list: 0 }
    return undefined
  }
  /** Pages accepted before the first that is refused stay accepted. */
  refill(handle: number, first: number, second: number, least: number): Answer {
    const vm = this.vm(handle)
    const vcpu = vm?.vcpus[0]
    if (!vm || !vcpu) return NOBODY
    for (const pfn of [first, second]) {
      if (vcpu.list >= least) return undefined
      if (!this.#donatable(pfn)) return "ENOMEM"
      this.page(pfn).owner = "hyp"
      vm.donated.add(pfn)
      vcpu.list++
    }
    return vcpu.list >= least ? undefined : "ENOMEM"
  }
  load(cpu: number, handle: number, index: number): Answer {
    const vm = this.vm(handle)
    const busy = [...this.loaded.values()].some((other) => other.vm === vm && other.index === index)
    if (this.loaded.has(cpu) || !vm || vm.dying || !vm.vcpus[index] || busy) return false
    this.loaded.set(cpu, { vm, index })
    return true
  }
  put(cpu: number): Answer {
    this.loaded.delete(cpu)
    return undefined
  }
  startTeardown(handle: number): Answer {
    const vm = this.vm(handle)
    if (!vm || vm.dying || this.isLoaded(vm)) return "EINVAL"
    vm.dying = true
    return undefined
  }
  finalize(handle: number): Answer {
    const vm = this.vm(handle)
    if (!vm?.dying || this.isLoaded(vm)) return "EINVAL"
    this.handles.delete(handle)
    for (const pfn of vm.donated) this.page(pfn).owner = "host"
    for (const pfn of vm.pinned) this.page(pfn).pins--
    const returned = vm.donated.size
    vm.donated.clear()
    return returned
  }

  #letter(pfn: number): string {
    return this.#memory.regions[pfn - this.#memory.first] ?? "-"
  }
  #pages(pfn: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => pfn + i)
  }
  #range(pfn: number, count: number): Answer {
    const letters = new Set(this.#pages(pfn, count).map((p) => this.#letter(p)))
    if (letters.size > 1) return "EINVAL"
    return letters.has("-") || letters.has("n") ? "EPERM" : undefined
  }
  #unless(fine: boolean, act: () => void): Answer {
    if (!fine) return "EPERM"
    act()
    return undefined
  }
  #hostAlone(pfn: number): boolean {
    return this.page(pfn).owner === "host" && this.page(pfn).borrowers.length === 0
  }
  #donatable(pfn: number): boolean {
    return !this.#range(pfn, 1) && this.#hostAlone(pfn)
  }
  #lentToHyp(pfn: number): boolean {
    return this.page(pfn).borrowers.includes("hyp")
  }
  #running(cpu: number, secret: boolean): { readonly vm: ModelVm; readonly vcpu: ModelVcpu } | undefined {
    const loaded = this.loaded.get(cpu)
    return loaded && loaded.vm.secret === secret ? { vm: loaded.vm, vcpu: loaded.vm.vcpus[loaded.index]! } : undefined
  }
  #size(pfn: number, gfn: number, count: number): boolean {
    return count === 1 || (count === this.#block && pfn % count === 0 && gfn % count === 0)
  }
  #mappingAt(vm: ModelVm, gfn: number): Mapping | undefined {
    return vm.mappings.find((m) => gfn >= m.gfn && gfn < m.gfn + m.pages)
  }
  #nothingAt(vm: ModelVm, gfn: number, count: number): Answer {
    if (gfn + count > this.#guestPages) return "ERANGE"
    return this.#pages(gfn, count).some((g) => this.#mappingAt(vm, g) || vm.poisoned.has(g)) ? "EPERM" : undefined
  }
  #list(vcpu: ModelVcpu): Answer {
    return vcpu.list < 1 ? "ENOMEM" : undefined
  }
  /** One exact page mapped there? */
  #onePage(vm: ModelVm, gfn: number): Answer {
    if (gfn >= this.#guestPages) return "ERANGE"
    if (vm.poisoned.has(gfn)) return "EHWPOISON"
    const mapping = this.#mappingAt(vm, gfn)
    return mapping ? (mapping.pages === 1 ? undefined : "E2BIG") : "ENOENT"
  }
  #own(handle: number, gfn: number, shared: boolean, act: (page: Page) => void): Answer {
    const vm = this.vm(handle)
    if (!vm) return NOBODY
    const refusal = this.#onePage(vm, gfn)
    if (refusal) return refusal
    const mapping = this.#mappingAt(vm, gfn)!
    const page = this.page(mapping.pfn)
    if (page.owner !== who(vm, gfn) || page.borrowers.includes("host") !== shared) return "EPERM"
    mapping.young = true
    act(page)
    return undefined
  }
  #visit(handle: number, gfn: number, count: number, act: (mapping: Mapping) => void): Answer {
    const vm = this.vm(handle)
    if (!vm || vm.secret || !this.#size(0, gfn, count)) return "EINVAL"
    if (gfn + count > this.#guestPages) return "ERANGE"
    for (const mapping of vm.mappings) if (mapping.gfn < gfn + count && gfn < mapping.gfn + mapping.pages) act(mapping)
    return undefined
  }
  /** Parts of the guest that need a table for single pages. */
  #tableCount(vm: ModelVm): number {
    const singles = [...vm.mappings.filter((m) => m.pages === 1).map((m) => m.gfn), ...vm.poisoned]
    return new Set(singles.map((gfn) => Math.floor(gfn / this.#block))).size
  }
  #tables(vm: ModelVm, vcpu: ModelVcpu, act: () => void): void {
    const before = this.#tableCount(vm)
    act()
    if (this.#tableCount(vm) === before) return
    if (vm.spare > 0) vm.spare--
    else vcpu.list--
  }
  #remove(vm: ModelVm, mapping: Mapping): void {
    const before = this.#tableCount(vm)
    vm.mappings.splice(vm.mappings.indexOf(mapping), 1)
    vm.spare += before - this.#tableCount(vm)
  }
}
