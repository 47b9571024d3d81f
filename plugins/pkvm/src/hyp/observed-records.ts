/** Page records in RAM, that can say which pages changed hands. */
import type { Host, PhysicalCpu } from "@eltwo/kvm"
import { Vmemmap } from "../ownership/page-records.ts"
import { PageState } from "../ownership/page-state.ts"

/** Who has a page: the rows of the table of legal states. */
export type PageOwner = "host" | "hyp" | "host, lent to hyp" | "host, lent to guests" | "host, lent to secure world" | "guest" | "guest, lent to host"

const OWNERS: Readonly<Record<string, PageOwner>> = {
  [`${PageState.OWNED}.${PageState.NOPAGE}`]: "host",
  [`${PageState.NOPAGE}.${PageState.OWNED}`]: "hyp",
  [`${PageState.SHARED_OWNED}.${PageState.SHARED_BORROWED}`]: "host, lent to hyp",
  [`${PageState.NOPAGE}.${PageState.NOPAGE}`]: "guest",
  [`${PageState.SHARED_BORROWED}.${PageState.NOPAGE}`]: "guest, lent to host"
}

export class ObservedRecords extends Vmemmap {
  readonly #events: PhysicalCpu["events"]
  readonly #first: number
  readonly #bytes: Uint8Array
  readonly #pages: Host["pages"]
  /** What each page was before it changed. */
  readonly #before = new Map<number, PageOwner | undefined>()

  constructor(host: Host, first: number, view: DataView) {
    super(first, view)
    this.#events = host.cpus[0]!.events
    this.#first = first
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.#pages = host.pages
  }
  /** Undefined: a combination that is none of the legal ones. */
  owner(pfn: number): PageOwner | undefined {
    const known = OWNERS[`${this.hostState(pfn)}.${this.hypState(pfn)}`]
    if (known !== undefined || this.hostState(pfn) !== PageState.SHARED_OWNED || this.hypState(pfn) !== PageState.NOPAGE) return known
    return this.shareCount(pfn) > 0 ? "host, lent to guests" : "host, lent to secure world"
  }
  override setHostState(pfn: number, state: PageState): void {
    this.#note(pfn)
    super.setHostState(pfn, state)
  }
  override setHypState(pfn: number, state: PageState): void {
    this.#note(pfn)
    super.setHypState(pfn, state)
  }
  override setRefcount(pfn: number, count: number): void {
    this.#writes(pfn)
    super.setRefcount(pfn, count)
  }
  override setShareCount(pfn: number, count: number): void {
    this.#writes(pfn)
    super.setShareCount(pfn, count)
  }
  override setOrder(pfn: number, order: number): void {
    this.#writes(pfn)
    super.setOrder(pfn, order)
  }
  /** Emits an event for each page that has another owner than when this was asked last. */
  report(cpu: PhysicalCpu, actor: string, transition: string): void {
    if (this.#before.size === 0) return
    for (const [pfn, from] of this.#before) {
      const to = this.owner(pfn)
      if (from !== to) cpu.emit({ what: "page", pfn, from: from ?? "unknown", to: to ?? "unknown", actor, transition })
    }
    this.#before.clear()
  }

  /** Who watches RAM is told. */
  #writes(pfn: number): void {
    const at = Vmemmap.bytes(pfn - this.#first)
    this.#pages.writes(this.#bytes.subarray(at, at + Vmemmap.bytes(1)))
  }
  #note(pfn: number): void {
    this.#writes(pfn)
    if (this.#events.listening && !this.#before.has(pfn)) this.#before.set(pfn, this.owner(pfn))
  }
}
