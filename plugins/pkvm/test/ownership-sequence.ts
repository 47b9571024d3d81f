/** Random sequences: where they start, and which request comes next. Requests are mostly about something that is there, and mostly by who may. */
import { loadVcpu } from "../src/ownership/hyp-vm.ts"
import { type InMemoryPkvm, inMemoryPkvm } from "./in-memory.ts"
import { Model, type ModelVm } from "./ownership-model.ts"
import { Library, type Requests } from "./ownership-requests.ts"
import { BAD_HANDLE, makeVm, pagesPerVm } from "./world.ts"

const BLOCK = 4
const LEVELS = 2
const GUEST_PAGES = BLOCK ** LEVELS
const LIST_PAGES = 2
const VMS = 4
const LOOSE_PAGES = 8
export const FIRST = 0x100
/** Before it, pages that VMs are made of at the start. */
const FREE = FIRST + VMS * pagesPerVm(LIST_PAGES)
const REGIONS = [
  { pfn: FIRST, pages: FREE + LOOSE_PAGES - FIRST },
  { pfn: FREE + LOOSE_PAGES, pages: 4 },
  { pfn: FREE + LOOSE_PAGES + 4, pages: 1, noMap: true },
  { pfn: FREE + LOOSE_PAGES + 6, pages: 1 }
]
/** The same regions for the model. */
const LETTERS = `${"a".repeat(FREE + LOOSE_PAGES - FIRST)}bbbbn-c`
export const END = FIRST + LETTERS.length
const LOOSE = Array.from({ length: LOOSE_PAGES }, (_, i) => FREE + i)

type Random = (below: number) => number
/** A small generator of whole numbers; the same seed gives the same numbers everywhere. */
export const randomOf = (seed: number): Random => {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

export interface Pair {
  readonly pkvm: InMemoryPkvm
  readonly library: Library
  readonly model: Model
  /** What is pinned by requests, and not for a VM. */
  readonly pins: (readonly [number, number])[]
}
export type Request = { [Name in keyof Requests]: readonly [Name, ...Parameters<Requests[Name]>] }[keyof Requests]

/** Four VMs, the first two ordinary; one of each kind is on a CPU. */
export const start = (): Pair => {
  const pkvm = inMemoryPkvm({ regions: REGIONS, fanout: BLOCK, levels: LEVELS })
  const model = new Model({ first: FIRST, regions: LETTERS }, BLOCK, GUEST_PAGES)
  for (let i = 0; i < VMS; i++) {
    const at = FIRST + i * pagesPerVm(LIST_PAGES)
    const { handle } = makeVm(pkvm, at, i >= 2, LIST_PAGES)
    model.reserve()
    model.shareHyp(at)
    model.shareHyp(at + 1)
    model.initVm(handle, i >= 2 ? 1 : 0, at, at + 2, at + 3, 1)
    model.initVcpu(handle, at + 1, 0, at + 4)
    model.refill(handle, at + 5, at + 6, LIST_PAGES)
  }
  for (const [cpu, handle] of [0x1000, 0x1002].entries()) {
    loadVcpu(pkvm, cpu, handle, 0)
    model.load(cpu, handle, 0)
  }
  return { pkvm, library: new Library(pkvm), model, pins: [] }
}

export const nextRequest = ({ model, pins }: Pair, random: Random): Request => {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)]!
  const mostly = <T>(items: readonly T[], other: () => T): T => (items.length > 0 && random(4) > 0 ? pick(items) : other())
  const vms = model.vms()
  const some = pick([1, 1, 1, 2, 3])
  const access = pick([4, 6, 7, 7, 5, 8])
  const anyPage = () => (random(12) === 0 ? FIRST + random(LETTERS.length + 1) : pick(LOOSE))
  const anyHandle = () => (random(12) === 0 ? BAD_HANDLE : 0x1000 + random(VMS + 1))
  const pageWith = (test: (pfn: number) => boolean) => mostly(LOOSE.filter(test), anyPage)
  const borrowedBy = (borrower: string) => pageWith((pfn) => model.page(pfn).borrowers.includes(borrower))
  const free = () => pageWith((pfn) => model.page(pfn).owner === "host" && model.page(pfn).borrowers.length === 0)
  const cpuWith = (secret: boolean) =>
    mostly(
      [0, 1].filter((cpu) => model.loaded.get(cpu)?.vm.secret === secret),
      () => random(2)
    )
  const anyGfn = () => (random(20) === 0 ? GUEST_PAGES + random(3) : 4 + random(6))
  /** Something that a VM maps, or a guess. */
  const mappingOf = (secret: boolean, test: (pfn: number) => boolean = () => true) => {
    const there = vms.flatMap((vm) => (vm.secret === secret ? vm.mappings.filter((m) => test(m.pfn)).map((m) => ({ ...m, handle: vm.handle })) : []))
    const { handle, gfn, pages, pfn } = mostly(there, () => ({ handle: anyHandle(), gfn: anyGfn(), pages: 1, pfn: anyPage(), access, young: true }))
    const inside = random(6) === 0 ? random(BLOCK) : 0
    return { handle, gfn: gfn + inside, pages: random(8) === 0 ? pick([BLOCK, 2]) : pages, pfn }
  }
  const ordinary = () => mappingOf(false)
  const secret = () => mappingOf(true)
  const sharedBack = () => mappingOf(true, (pfn) => model.page(pfn).borrowers.includes("host"))
  const dying = () =>
    mostly(
      vms.filter((vm) => vm.dying).map((vm) => vm.handle),
      anyHandle
    )
  const idle = (test: (vm: ModelVm) => boolean) =>
    mostly(
      vms.filter((vm) => !vm.dying && !model.isLoaded(vm) && test(vm)).map((vm) => vm.handle),
      anyHandle
    )
  const usesPages = (vm: ModelVm) => vm.mappings.length > 0
  const hasRoom = (vm: ModelVm) => vm.vcpus.includes(undefined)
  const idleCpu = () =>
    mostly(
      [0, 1].filter((cpu) => !model.loaded.has(cpu)),
      () => random(2)
    )
  const poisoned = () => vms.flatMap((vm) => [...vm.poisoned].map((gfn) => ({ handle: vm.handle, gfn })))
  const guestPage = (usual: () => { readonly handle: number; readonly gfn: number }) =>
    random(8) === 0 ? ordinary() : random(8) === 0 ? mostly(poisoned(), usual) : usual()
  const reserved = () =>
    mostly(
      [...model.handles].filter(([, vm]) => vm === "reserved").map(([handle]) => handle),
      anyHandle
    )

  const shareGuest = (): Request => {
    const lendable = pageWith((pfn) => model.page(pfn).owner === "host" && model.page(pfn).borrowers.every((b) => b.includes("@")))
    if (random(4) > 0) return ["shareGuest", cpuWith(false), lendable, anyGfn(), random(20) === 0 ? 2 : 1, access]
    const skew = random(5) === 0 ? 1 : 0
    return ["shareGuest", cpuWith(false), lendable - (lendable % BLOCK) + skew, 4 + BLOCK * random(2), BLOCK, access]
  }
  const makers: readonly (() => Request)[] = [
    () => ["shareHyp", free()],
    () => ["unshareHyp", borrowedBy("hyp")],
    () => ["pin", borrowedBy("hyp"), some],
    () => (pins.length > 0 ? ["unpin", ...pick(pins)] : ["shareHyp", free()]),
    () => ["donateHyp", free(), some],
    () => {
      // hyp gives back only what it does not use itself
      const pfn = pageWith((p) => model.isSpareHypPage(p))
      const used = Array.from({ length: some }, (_, i) => pfn + i).some((p) => model.isUsedHypPage(p))
      return used ? ["donateHyp", pfn, some] : ["hypDonate", pfn, some]
    },
    () => ["shareSecure", free(), some],
    () => ["unshareSecure", borrowedBy("secure"), some],
    () => ["donateGuest", cpuWith(true), free(), anyGfn()],
    () => ["donateGuest", cpuWith(true), free(), anyGfn()],
    () => ["donateGuest", cpuWith(true), anyPage(), secret().gfn],
    shareGuest,
    shareGuest,
    shareGuest,
    () => {
      const { handle, gfn, pages } = ordinary()
      return ["unshareGuest", handle, gfn, pages]
    },
    () => ["relax", cpuWith(false), ordinary().gfn, access],
    () => {
      const { handle, gfn, pages } = ordinary()
      return ["writeProtect", handle, gfn, pages]
    },
    () => {
      const { handle, gfn, pages } = ordinary()
      return ["young", handle, gfn, pages, random(2)]
    },
    () => ["makeYoung", cpuWith(false), ordinary().gfn],
    () => {
      const { handle, gfn } = guestPage(secret)
      return ["guestShare", handle, gfn]
    },
    () => {
      const { handle, gfn } = guestPage(sharedBack)
      return ["guestUnshare", handle, gfn]
    },
    () => ["forceReclaim", secret().pfn],
    () => {
      const handle = dying()
      const mapped = model.vm(handle)?.mappings.map((m) => m.gfn) ?? []
      return ["reclaim", handle, mostly([...mapped, ...(model.vm(handle)?.poisoned ?? [])], anyGfn)]
    },
    () => ["load", idleCpu(), idle(usesPages), random(8) === 0 ? 1 : 0],
    () => ["load", idleCpu(), idle(() => true), 0],
    () => ["put", random(2)],
    () => ["startTeardown", random(3) > 0 ? idle(usesPages) : anyHandle()],
    () => ["finalize", dying()],
    () => (model.handles.size < VMS + 2 ? ["reserve"] : ["unreserve", anyHandle()]),
    () => ["initVm", reserved(), random(2), borrowedBy("hyp"), free(), free(), random(4)],
    () => ["initVcpu", idle(hasRoom), borrowedBy("hyp"), random(2), free()],
    () => ["refill", anyHandle(), free(), anyPage(), 1 + random(4)]
  ]
  return pick(makers)()
}

/** A page range that requests pin or unpin; both sides must agree about it before. */
export const notePins = ({ pins }: Pair, [name, ...numbers]: Request, answer: unknown): void => {
  if (answer !== undefined || (name !== "pin" && name !== "unpin")) return
  const [pfn, pages] = numbers as [number, number]
  if (name === "pin") pins.push([pfn, pages])
  else
    pins.splice(
      pins.findIndex(([p, n]) => p === pfn && n === pages),
      1
    )
}
