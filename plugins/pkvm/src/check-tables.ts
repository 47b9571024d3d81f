/**
 * Whether the page tables in memory say what hyp code believes: every table of the host's stage 2, of hyp code's stage 1 and of the guests' is walked, and
 * what each page is mapped for is compared with its record. For tests and for whoever wants to know at any time; nothing is changed, and no CPU is used.
 */
import { HCR, type Host, HYP_INPUT_BITS, PageTables, type TableMemory } from "@eltwo/kvm"
import type { RealGuestStage2 } from "./hyp/guest-stage2.ts"
import { ADDRESS, accessBits, VALID } from "./hyp/leaves.ts"
import { type HypState, hypStateOf } from "./hyp/state.ts"
import { GUEST_STATE_MASK, guestStateIn, ownerIn, POISONED_DESCRIPTOR } from "./ownership/descriptors.ts"
import { type Owner, PAGE_BYTES, PageState, Prot } from "./ownership/page-state.ts"

/** A page of one guest. */
interface GuestUse {
  readonly handle: number
  readonly gfn: number
  readonly state: PageState
  readonly protected: boolean
}
type HostUse =
  | { readonly kind: "empty" }
  | { readonly kind: "mapped"; readonly writable: boolean }
  | { readonly kind: "note"; readonly owner: Owner | undefined }

const START_LEVEL = 0
const WRITABLE = accessBits(Prot.W, false) & ~accessBits(0, false)
const EMPTY: HostUse = { kind: "empty" }
const hex = (pfn: number): string => `0x${pfn.toString(16)}`

/** Reads tables as they are in RAM. */
export const asTheyAre = ({ board }: Host): TableMemory => {
  const refuse = (): never => {
    throw new RangeError("the check changes nothing")
  }
  return {
    allocate: refuse,
    free: refuse,
    write: refuse,
    read: (address) => board.physical.doubleword(address) ?? 0n
  }
}

/** The host's stage 2 and hyp code's stage 1 as they lie in RAM, for reading. */
export const tablesInMemory = ({ host, pkvm }: HypState): { readonly host: PageTables; readonly hyp: PageTables } => ({
  host: new PageTables(asTheyAre(host), Number(pkvm.hostStage2.vttbr), START_LEVEL, host.features.physicalBits),
  hyp: new PageTables(asTheyAre(host), pkvm.hypStage1.root, START_LEVEL, HYP_INPUT_BITS)
})
/** What is wrong, one line each; none when all agrees. Empty as well for a host without protection. */
export const tableProblems = (host: Host): readonly string[] => {
  const state = hypStateOf(host)
  return state ? new Check(state).problems() : []
}
/** The same but for what is in force on CPUs. */
export const memoryProblems = (state: HypState): readonly string[] => new Check(state).inMemory()

class Check {
  readonly #state: HypState
  readonly #memory: TableMemory
  readonly #found: string[] = []

  constructor(state: HypState) {
    this.#state = state
    this.#memory = asTheyAre(state.host)
  }
  problems(): readonly string[] {
    this.inMemory()
    this.#registers()
    return this.#found
  }
  inMemory(): readonly string[] {
    const { host, pkvm } = this.#state
    const { physicalBits } = host.features
    const { host: host2, hyp: hyp1 } = tablesInMemory(this.#state)
    const hypPages = this.#hypPages(hyp1)
    const guestPages = new Map<number, GuestUse[]>()
    const tablePages = [...host2.tablePages(), ...hyp1.tablePages()]
    for (const vm of pkvm.vms.slots) {
      if (typeof vm !== "object") continue
      const tables = new PageTables(this.#memory, (vm.stage2 as RealGuestStage2).root, START_LEVEL, physicalBits)
      tablePages.push(...tables.tablePages())
      this.#guestPages(tables, vm.handle, vm.protected, guestPages)
    }
    const hostPages = this.#hostPages(host2)
    const { base, bytes } = host.board.ram
    for (let pfn = base / PAGE_BYTES; pfn < (base + bytes) / PAGE_BYTES; pfn++)
      this.#page(pfn, hostPages.get(pfn) ?? EMPTY, hypPages.has(pfn), guestPages.get(pfn) ?? [])
    for (const page of tablePages)
      this.#expect(pkvm.records.hypState(page / PAGE_BYTES) === PageState.OWNED, `page ${hex(page / PAGE_BYTES)} holds tables and is not hyp code's`)
    return this.#found
  }

  #expect(holds: boolean, problem: string): void {
    if (!holds) this.#found.push(problem)
  }
  #hypPages(tables: PageTables): ReadonlySet<number> {
    const pages = new Set<number>()
    for (const { descriptor } of tables.entries()) {
      const pfn = Number(descriptor & ADDRESS) / PAGE_BYTES
      this.#expect((descriptor & VALID) !== 0n && !pages.has(pfn), `hyp code maps page ${hex(pfn)} twice, or notes something`)
      pages.add(pfn)
    }
    return pages
  }
  #hostPages(tables: PageTables): ReadonlyMap<number, HostUse> {
    const uses = new Map<number, HostUse>()
    for (const { input, descriptor, bytes } of tables.entries()) {
      const valid = (descriptor & VALID) !== 0n
      this.#expect(!valid || Number(descriptor & ADDRESS) === input, `the host's page ${hex(input / PAGE_BYTES)} is mapped elsewhere`)
      const use: HostUse = valid ? { kind: "mapped", writable: (descriptor & WRITABLE) !== 0n } : { kind: "note", owner: ownerIn(descriptor) }
      for (let at = input; at < input + bytes && this.#state.pkvm.memoryMap.isMemory(at / PAGE_BYTES); at += PAGE_BYTES)
        uses.set(at / PAGE_BYTES, use)
    }
    return uses
  }
  #guestPages(tables: PageTables, handle: number, isProtected: boolean, into: Map<number, GuestUse[]>): void {
    for (const { input, descriptor, bytes } of tables.entries()) {
      const gfn = input / PAGE_BYTES
      if (!(descriptor & VALID)) {
        this.#expect(descriptor === POISONED_DESCRIPTOR && isProtected, `guest page ${hex(gfn)} of VM ${hex(handle)} is neither mapped nor poisoned`)
        continue
      }
      const first = Number(descriptor & ADDRESS) / PAGE_BYTES
      const use = { handle, state: guestStateIn(descriptor & GUEST_STATE_MASK), protected: isProtected }
      for (let i = 0; i < bytes / PAGE_BYTES; i++) into.set(first + i, [...(into.get(first + i) ?? []), { ...use, gfn: gfn + i }])
    }
  }
  /** One page: who has it by the tables, and by its record. */
  #page(pfn: number, hostUse: HostUse, hypMaps: boolean, guests: readonly GuestUse[]): void {
    const { records } = this.#state.pkvm
    const [hostState, hypState] = [records.hostState(pfn), records.hypState(pfn)]
    const lost = this.#state.lost.get(pfn) ?? 0
    const expect = (holds: boolean, problem: string): void => this.#expect(holds, `page ${hex(pfn)} ${problem}`)
    const hostHas = hostUse.kind !== "note"
    expect(hostHas || hostState === PageState.NOPAGE, "is the host's by its record and not by the host's tables")
    switch (hostState) {
      case PageState.OWNED:
        expect(hypState === PageState.NOPAGE && !hypMaps, "is the host's alone, and hyp code has it")
        expect(guests.length === 0, "is the host's alone, and a guest has it")
        return
      case PageState.SHARED_OWNED:
        if (hypState === PageState.SHARED_BORROWED) {
          expect(
            hypMaps === records.refcount(pfn) > 0,
            "is lent to hyp code, which maps it without having it pinned or has it pinned without mapping it"
          )
          expect(guests.length === 0, "is lent to hyp code, and a guest has it")
          return
        }
        expect(hypState === PageState.NOPAGE && !hypMaps, "is lent to guests, and hyp code has it")
        expect(guests.length + lost === records.shareCount(pfn), `is lent ${records.shareCount(pfn)} times, and ${guests.length} guests have it`)
        expect(
          guests.every((g) => g.state === PageState.SHARED_BORROWED && !g.protected),
          "is lent, and a guest has it as its own"
        )
        return
      case PageState.SHARED_BORROWED:
        expect(
          hostUse.kind === "mapped" && !hypMaps && hypState === PageState.NOPAGE,
          "is lent to the host, which does not have it, or hyp code does"
        )
        expect(
          guests.length + lost === 1 && guests.every((g) => g.state === PageState.SHARED_OWNED && g.protected),
          "is lent to the host, and not by one guest"
        )
        return
      default:
        this.#notTheHosts(pfn, hostUse, hypMaps, guests)
    }
  }
  #notTheHosts(pfn: number, hostUse: HostUse, hypMaps: boolean, guests: readonly GuestUse[]): void {
    const { text, pkvm, lost } = this.#state
    const expect = (holds: boolean, problem: string): void => this.#expect(holds, `page ${hex(pfn)} ${problem}`)
    const isText = pfn >= text.pfn && pfn < text.pfn + text.pages
    if (isText) {
      expect(hostUse.kind === "mapped" && !hostUse.writable && hypMaps && guests.length === 0, "is hyp code's text, and more than readable")
      return
    }
    const owner = hostUse.kind === "note" ? hostUse.owner : undefined
    expect(owner !== undefined, "is not the host's, and its tables say nothing of it")
    if (owner?.kind === "hyp") {
      expect(pkvm.records.hypState(pfn) === PageState.OWNED && hypMaps, "is noted as hyp code's, which does not have it")
      expect(guests.length === 0, "is hyp code's alone, and a guest has it")
    }
    if (owner?.kind !== "guest") return
    expect(pkvm.records.hypState(pfn) === PageState.NOPAGE && !hypMaps, "is a guest's alone, and hyp code has it")
    const [guest] = guests
    const isNoted =
      guests.length === 1 && guest!.handle === owner.handle && guest!.gfn === owner.gfn && guest!.state === PageState.OWNED && guest!.protected
    // of a VM that is gone nothing is left but the note
    expect(isNoted || (lost.has(pfn) && guests.length === 0), "is noted as a guest's, and other guests have it, or none")
  }
  /** What is in force while the host runs. */
  #registers(): void {
    const { host, pkvm, finalized } = this.#state
    for (const cpu of host.cpus) {
      const { controls } = cpu.pe
      const { slot } = controls
      this.#expect(controls.inForce(slot.TTBR0_EL2) === BigInt(pkvm.hypStage1.root), `CPU ${cpu.index} has other tables of hyp code in force`)
      if (!finalized.has(cpu) || cpu.place().startsWith("guest")) continue
      const { vttbr, vtcr } = pkvm.hostStage2
      const behind =
        controls.inForce(slot.VTTBR_EL2) === vttbr && controls.inForce(slot.VTCR_EL2) === vtcr && (controls.inForce(slot.HCR_EL2) & HCR.VM) !== 0n
      this.#expect(behind, `CPU ${cpu.index} does not have the host's stage 2 in force`)
    }
  }
}
