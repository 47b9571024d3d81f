/** From a place in guest memory to a callable function: fetches the code, translates it, compiles the module. */
import type { Board } from "../board.ts"
import type { CodePage, Operation } from "../decode-cache.ts"
import { Abort } from "../exception.ts"
import { checkAccess } from "../gates.ts"
import { PSTATE } from "../layout.ts"
import { PAGE_BYTES } from "../memory.ts"
import { translate } from "../mmu.ts"
import type { Pe } from "../pe.ts"
import { floatClass } from "../trap-key.ts"
import type { Code } from "./discover.ts"
import { DYNAMIC, type Exit } from "./exits.ts"
import type { HelperTable } from "./helpers.ts"
import { encodeModule, HOST } from "./module.ts"
import { hasFusedMultiplyAdd } from "./probe.ts"
import { type Failure, REGION_SIGNATURE, type Region, translateRegion } from "./region.ts"
import type { RegionPage, TranslatedRegion } from "./region-cache.ts"
import { createRuntime, type RuntimeFunctions } from "./runtime.ts"
import { systemReadOf } from "./system-reads.ts"
import type { TranslationState } from "./wasm-cpu.ts"

const WASM_PAGE = 65536
const WORD = 2 ** 32
/** A region spans so many pages to either side at most: its offsets fit the keys of blocks. */
const PAGES_AROUND = 16
/** By the float class of a key: the default FPCR without and with FPSR.IXC set. */
const FLOATS = ["exact", "inexact"] as const

/** Why an instruction was left to the interpreter, and how many words. */
export interface Gap {
  readonly name: string
  readonly reason: string
  words: number
}

/** Where to translate, and how much. */
export interface Place {
  readonly low: number
  readonly high: number
  /** Most instructions. */
  readonly limit: number
  /** Code that other regions begin with belongs to it too; otherwise it ends there. */
  readonly whole: boolean
}
interface Translation {
  readonly place: Place
  readonly region: Region
  readonly pages: readonly RegionPage[]
}

export class Translator {
  readonly #board: Board
  readonly #helpers: HelperTable
  #runtime: RuntimeFunctions | undefined
  /** Words without lowering, by trap key. */
  readonly #stops = new Map<number, Set<number>>()
  /** Low halves of the addresses of instructions that look up their accesses one by one. */
  readonly #apart = new Set<number>()
  /** Where indirect branches mostly go, by the low halves of addresses. */
  readonly #targets = new Map<number, readonly number[]>()
  readonly gaps = new Map<string, Gap>()

  constructor(board: Board, helpers: HelperTable) {
    this.#board = board
    this.#helpers = helpers
  }
  /** From now on regions follow the indirect branch at an address to these targets; all are low halves. False when some are known already. */
  setTargets(address: number, targets: readonly number[]): boolean {
    if (this.#targets.has(address)) return false
    this.#targets.set(address, targets)
    return true
  }
  /** False when it was so already. */
  setApart(address: number): boolean {
    if (this.#apart.has(address)) return false
    this.#apart.add(address)
    return true
  }

  /**
   * Translates at each of some places, into one module: modules are what costs time, and places become hot in swarms. A place whose first
   * instruction is the interpreter's gives nothing.
   */
  translate(pe: Pe, key: number, places: readonly Place[], isEntry: (low: number) => boolean): TranslatedRegion[] {
    if (pe.pstate & PSTATE.IL) return []
    const done: Translation[] = []
    const covered = new Set<number>()
    for (const place of places) {
      // The blocks of a path become hot together: what follows a place that was translated just now is in its region.
      if (place.low & 3 || (covered.has(place.low) && !place.whole)) continue
      const view = new CodeView(pe, place, this.#stopsOf(key), (low) => !place.whole && isEntry(low), this.#targets)
      const region = this.#translateOne(pe, key, place, view)
      if (!region) continue
      done.push({ place, region, pages: view.pages() })
      for (const offset of region.offsets) covered.add(place.low + offset)
    }
    return done.length === 0 ? [] : this.#compile(pe, key, done)
  }
  #translateOne(pe: Pe, key: number, place: Place, code: Code): Region | undefined {
    const options = {
      code,
      state: stateOf(pe, key, place),
      helpers: this.#helpers,
      limit: place.limit,
      apart: (offset: number) => this.#apart.has((place.low + offset) % WORD)
    }
    let region = translateRegion(options)
    while (region && "reason" in region) {
      this.#note(region, key)
      region = translateRegion(options)
    }
    return region
  }
  #stopsOf(key: number): Set<number> {
    let stops = this.#stops.get(key)
    if (!stops) this.#stops.set(key, (stops = new Set()))
    return stops
  }
  #note({ word, name, reason }: Failure, key: number): void {
    this.#stopsOf(key).add(word)
    const gap = this.gaps.get(`${name}: ${reason}`)
    if (gap) gap.words++
    else this.gaps.set(`${name}: ${reason}`, { name, reason, words: 1 })
  }

  #compile(pe: Pe, key: number, done: readonly Translation[]): TranslatedRegion[] {
    this.#runtime ??= createRuntime()
    const { memory } = this.#board
    const limits = { pages: memory.buffer.byteLength / WASM_PAGE }
    const functions = done.map(({ region }, i) => ({ name: `f${i}`, signature: REGION_SIGNATURE, code: region.code }))
    const bytes = encodeModule(this.#helpers.imports, functions, limits)
    const host = { ...this.#runtime, ...this.#helpers.functions(), m: memory }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { [HOST]: host as WebAssembly.ModuleImports })
    return done.map(({ place, region, pages }, i) => ({
      low: place.low,
      high: place.high,
      key,
      run: instance.exports[`f${i}`] as TranslatedRegion["run"],
      least: region.least,
      instructions: region.instructions,
      whole: place.whole,
      addresses: region.offsets.map((offset) => place.low + offset),
      pages,
      ...exitTables(region.exits),
      done: 0,
      seen: new Map(),
      epoch: pe.fetchEpoch
    }))
  }
}
const NOWHERE: readonly number[] = []
const exitTables = (exits: readonly Exit[]) => ({
  offsets: Int32Array.from(exits, (e) => e.offset ?? DYNAMIC),
  from: Int32Array.from(exits, (e) => e.from),
  leaves: Uint8Array.from(exits, (e) => e.leave),
  refunds: Int32Array.from(exits, (e) => e.refund),
  counts: new Uint32Array(exits.length)
})
const addressOf = ({ low, high }: Place): bigint => (BigInt(high) << 32n) | BigInt(low)
const stateOf = (pe: Pe, key: number, place: Place): TranslationState => ({
  start: addressOf(place),
  vectorBits: pe.vectorBits,
  streamingVectorBits: pe.streamingVectorBits,
  el: pe.el,
  alignmentCheck: pe.alignmentCheck,
  stackAlignmentCheck: pe.stackAlignmentCheck,
  floats: FLOATS[floatClass(key)] ?? "none",
  get fusedMultiplyAdd() {
    return hasFusedMultiplyAdd()
  },
  systemRead: (encoding) => systemReadOf(pe, encoding)
})

/** Guest code around a place, as this processing element would fetch it now. */
class CodeView implements Code {
  readonly #pe: Pe
  readonly #stops: ReadonlySet<number>
  readonly #low: number
  readonly #start: bigint
  readonly #isEntry: (low: number) => boolean
  readonly #targets: ReadonlyMap<number, readonly number[]>
  /** By distance in pages from the one of the place. */
  readonly #pages = new Map<number, CodePage | undefined>()

  constructor(pe: Pe, place: Place, stops: ReadonlySet<number>, isEntry: (low: number) => boolean, targets: ReadonlyMap<number, readonly number[]>) {
    this.#pe = pe
    this.#stops = stops
    this.#low = place.low
    this.#start = addressOf(place)
    this.#isEntry = isEntry
    this.#targets = targets
  }
  targets(offset: number): readonly number[] {
    return this.#targets.get(this.#low + offset)?.map((low) => low - this.#low) ?? NOWHERE
  }
  isEntry(offset: number): boolean {
    return offset !== 0 && this.#isEntry(this.#low + offset)
  }
  at(offset: number): Operation | undefined {
    const low = this.#low + offset
    if (low < 0 || low >= WORD) return undefined
    const page = Math.floor(low / PAGE_BYTES) - Math.floor(this.#low / PAGE_BYTES)
    if (Math.abs(page) > PAGES_AROUND) return undefined
    if (!this.#pages.has(page)) this.#pages.set(page, this.#fetch(page))
    const code = this.#pages.get(page)
    if (!code) return undefined
    const index = (low >>> 2) & (PAGE_BYTES / 4 - 1)
    return code.operations[index] ?? this.#pe.board.code.decode(code, index)
  }
  #address(page: number): bigint {
    return (this.#start & ~BigInt(PAGE_BYTES - 1)) + BigInt(page * PAGE_BYTES)
  }
  #fetch(page: number): CodePage | undefined {
    const { physical: memory, code } = this.#pe.board
    try {
      const { physical } = translate(this.#pe, this.#address(page), "execute", { bytes: 4 })
      return memory.at(physical, 4) < 0 ? undefined : code.page(memory.pageOf(physical))
    } catch (error) {
      if (error instanceof Abort) return undefined
      throw error
    }
  }
  pages(): readonly RegionPage[] {
    return [...this.#pages].flatMap(([page, code]) => (code ? [{ address: this.#address(page), code }] : []))
  }
  stops(operation: Operation): boolean {
    const { instruction, access, word } = operation
    if (!instruction || this.#stops.has(word)) return true
    return access !== "none" && checkAccess(this.#pe, access, instruction, word) !== undefined
  }
}
