/** The engine for hot code: counts how often places are reached, translates regions there, runs them one after the other. */
import type { Board, RegionEngine } from "../board.ts"
import { LEAVE, PE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { branchAddress } from "../processor-state.ts"
import { onTrapKeysReset } from "../trap-key.ts"
import { DYNAMIC } from "./exits.ts"
import { HelperTable } from "./helpers.ts"
import { laneCounts } from "./integer.ts"
import { RegionCache, type TranslatedRegion } from "./region-cache.ts"
import { type Gap, Translator } from "./translator.ts"

const PC_LOW = PE.PC >> 2
const PC_HIGH = PC_LOW + 1
const BUDGET = PE.BUDGET >> 2
const FPCR = PE.FPCR >> 2
const FPSR = PE.FPSR >> 2
const IXC = 1 << 4
/** A place is translated when it was reached so often. */
const HOT = 60
/** So much hotter must be what lies within a region already: as a rule that region is reached soon. */
const COVERED = 4
/** Hot places wait for others, so that one module serves many: until there are so many, or one of them is so much hotter. */
const SWARM = 8
const PATIENCE = 3
/** Going on after an instruction that left a region counts so often: it is in hot code. */
const RESUMED = 8
/** Most instructions of a region: at first, and when it was found to lead to other regions all the time. */
const FIRST_LIMIT = 200
const LATER_LIMIT = 400
/** A region is translated again with more code after one of its exits led on so often. */
const MANY_CONTINUATIONS = 4000
const HEAT_SLOTS = 1 << 14
/** A region returns to its start after so many instructions: the host exchanges a function for a faster version only between calls. */
const QUANTUM = 1 << 20
/** After so many it returns from wherever it is: it is in a loop that does not come back to its start. */
const LONG_QUANTUM = 1 << 24
/** What one call may do at most: the budget is a signed number there. */
const MAXIMUM_BUDGET = 2 ** 31 - 1
/** When an instruction leaves so often, with so few instructions done in between, it gets TLB lookups of its own. */
const MANY_EXITS = 64
const FEW_INSTRUCTIONS = 500
/** Indirect branches that were taken so often are watched, up to so often; so many targets are told apart. */
const WATCHED_FROM = 1000
const WATCHED_TO = 3000
const WATCHED_TARGETS = 16
/** Targets of more than one in so many branches are followed, but no more than that many. */
const OFTEN = 8
const FOLLOWED_TARGETS = 6
const WORD = 2 ** 32

/** How the engine translates. */
export interface JitOptions {
  /** How often a place must be reached before it is translated. 1, for tests: everything is translated at once. */
  readonly hot?: number
  /** Most instructions of a region, at first and later. */
  readonly limits?: readonly [first: number, later: number]
}
/** What the engine did so far. */
export interface JitCounters {
  /** Regions translated, and their instructions. */
  regions: number
  instructions: number
  /** How often generated code was entered, and how often it left for an instruction of the interpreter. */
  entries: number
  interpreted: number
}
export interface JitReport extends JitCounters {
  /** Operations on groups of lanes that had a vector instruction, and those that went lane by lane; of the whole process. */
  readonly lanes: { readonly vector: number; readonly lanes: number }
  /** Instructions without lowering, the most frequent words first. */
  readonly gaps: readonly Gap[]
}

/** The engine that translates hot code to WebAssembly; see attachJit. */
export class Jit implements RegionEngine {
  readonly counters: JitCounters = { regions: 0, instructions: 0, entries: 0, interpreted: 0 }
  readonly translator: Translator
  readonly #pes: readonly PeRegions[]

  constructor(board: Board, options: JitOptions = {}) {
    const helpers = new HelperTable(board.memory)
    this.translator = new Translator(board, helpers)
    this.#pes = board.pes.map((pe) => new PeRegions(pe, this.translator, this.counters, options))
    board.code.onWritten((page) => {
      for (const regions of this.#pes) regions.cache.dropPage(page)
    })
    onTrapKeysReset(board, () => {
      for (const regions of this.#pes) regions.forgetKeys()
    })
  }
  /** What happened so far, and what the interpreter had to do because nothing else can. */
  report(): JitReport {
    return { ...this.counters, lanes: { ...laneCounts }, gaps: [...this.translator.gaps.values()].sort((a, b) => b.words - a.words) }
  }
  /** Every region there is now. */
  regions(): readonly TranslatedRegion[] {
    return this.#pes.flatMap((regions) => regions.cache.all())
  }
  enter(pe: Pe): LEAVE {
    return this.#pes[pe.index]!.run()
  }
}
/** Attaches an engine for hot code to a board. */
export const attachJit = (board: Board, options?: JitOptions): Jit => {
  const jit = new Jit(board, options)
  board.regions = jit
  return jit
}

interface WaitingPlace {
  readonly low: number
  readonly high: number
  readonly key: number
}
/** Hot places that are not translated yet. */
class WaitingPlaces {
  #places: WaitingPlace[] = []

  /** Adds one unless it is there; gives how many of its key there are. */
  note(low: number, high: number, key: number): number {
    if (!this.#places.some((p) => p.low === low && p.high === high && p.key === key)) this.#places.push({ low, high, key })
    return this.#places.reduce((count, p) => count + (p.key === key ? 1 : 0), 0)
  }
  clear(): void {
    this.#places = []
  }
  /** Removes those of a key. */
  take(key: number): WaitingPlace[] {
    const taken = this.#places.filter((p) => p.key === key)
    this.#places = this.#places.filter((p) => p.key !== key)
    return taken
  }
}

/** The regions of one processing element. */
class PeRegions {
  readonly cache: RegionCache
  readonly #pe: Pe
  readonly #translator: Translator
  readonly #counters: JitCounters
  readonly #hot: number
  readonly #limits: readonly [first: number, later: number]
  readonly #heat = new Uint16Array(HEAT_SLOTS)
  readonly #waiting = new WaitingPlaces()
  /** The last region left because the interpreter had to do an instruction. */
  #resumed = false
  #key = 0
  #keyFpcr = -1
  #keyInexact = -1

  constructor(pe: Pe, translator: Translator, counters: JitCounters, options: JitOptions) {
    this.#pe = pe
    this.#translator = translator
    this.#counters = counters
    this.#hot = options.hot ?? HOT
    this.#limits = options.limits ?? [FIRST_LIMIT, LATER_LIMIT]
    this.cache = new RegionCache(pe)
  }
  forgetKeys(): void {
    this.cache.clear()
    this.#waiting.clear()
    this.#keyFpcr = -1
  }
  #trapKey(): number {
    const { words, trapKeys } = this.#pe
    const fpcr = words[FPCR]!
    const inexact = words[FPSR]! & IXC
    if (!trapKeys.stale && fpcr === this.#keyFpcr && inexact === this.#keyInexact) return this.#key
    this.#key = trapKeys.key()
    this.#keyFpcr = fpcr
    this.#keyInexact = inexact
    return this.#key
  }

  /** Runs regions from the PC until one leaves for another reason than that its code ends, or nothing is translated there. */
  run(): LEAVE {
    const { words, signedWords, base } = this.#pe
    const key = this.#trapKey()
    let left = words[BUDGET]!
    for (;;) {
      const region = this.cache.find(words[PC_LOW]!, words[PC_HIGH]!, key) ?? this.#warm(key)
      if (!region) return this.#stop(left, LEAVE.interpret)
      if (left < region.least) return this.#stop(left, LEAVE.budget)
      const { least } = region
      const budget = Math.min(left, MAXIMUM_BUDGET)
      signedWords[BUDGET] = budget
      const exit = region.run(base, Math.max(budget - QUANTUM, least), Math.max(budget - LONG_QUANTUM, least))
      this.#counters.entries++
      const done = budget - signedWords[BUDGET]! - region.refunds[exit]!
      left -= done
      region.done += done
      const count = ++region.counts[exit]!
      const offset = region.offsets[exit]!
      if (offset === DYNAMIC) this.#branched()
      else this.#goto(region, offset)
      switch (region.leaves[exit]) {
        case LEAVE.interpret:
          this.#counters.interpreted++
          this.#resumed = true
          if (count % MANY_EXITS === 0) this.#separate(region, exit)
          return this.#stop(left, LEAVE.interpret)
        case LEAVE.budget:
          // the place is a loop, and certainly hot
          if (left >= least) this.#translate(key)
          break
        case LEAVE.next:
          if (offset === DYNAMIC && count > WATCHED_FROM && count <= WATCHED_TO) this.#watch(region, exit, count)
          else if (count === MANY_CONTINUATIONS && offset !== DYNAMIC) this.#extend(region)
      }
    }
  }
  #stop(left: number, leave: LEAVE): LEAVE {
    this.#pe.words[BUDGET] = left
    return leave
  }
  #goto(region: TranslatedRegion, offset: number): void {
    const { words } = this.#pe
    words[PC_LOW] = region.low + offset
    words[PC_HIGH] = region.high
  }
  /** The PC came from a register: where the top byte is ignored it must become a plain address. */
  #branched(): void {
    const pe = this.#pe
    const top = pe.words[PC_HIGH]! >>> 23
    if (top !== 0 && top !== 0x1ff) pe.pc = branchAddress(pe, pe.pc)
  }

  /** Counts that the PC was reached without a region; gives one when it is time. */
  #warm(key: number): TranslatedRegion | undefined {
    const low = this.#pe.words[PC_LOW]!
    const slot = ((low >>> 2) ^ Math.imul(key, 0x9e3779b1)) & (HEAT_SLOTS - 1)
    const heat = (this.#heat[slot]! += this.#resumed ? RESUMED : 1)
    this.#resumed = false
    if (heat < this.#hot || (this.#hot > 1 && heat < this.#hot * COVERED && this.cache.isCovered(low))) return undefined
    const waiting = this.#waiting.note(low, this.#pe.words[PC_HIGH]!, key)
    if (this.#hot > 1 && waiting < SWARM && heat < this.#hot * PATIENCE) return undefined
    this.#heat[slot] = 0
    return this.#translate(key)
  }
  /** Translates here, and wherever else is waiting for it. */
  #translate(key: number): TranslatedRegion | undefined {
    const { pcLow, pcHigh } = this.#pe
    const known = this.cache.find(pcLow, pcHigh, key)
    if (known) return known
    this.#waiting.note(pcLow, pcHigh, key)
    const places = this.#waiting.take(key).map(({ low, high }) => {
      const whole = this.cache.wantsMore(low)
      return { low, high, whole, limit: this.#limits[whole ? 1 : 0] }
    })
    for (const region of this.#translator.translate(this.#pe, key, places, (low) => this.cache.isEntry(low))) {
      this.#counters.regions++
      this.#counters.instructions += region.instructions
      this.cache.add(region)
    }
    return this.cache.find(pcLow, pcHigh, key)
  }
  /** A region that leads to other code all the time shall contain it, the next time it is reached. */
  #extend(region: TranslatedRegion): void {
    if (!region.whole) this.cache.wantMore(region)
  }
  /** Notes where an indirect branch goes; in the end, regions follow it to where it went often. */
  #watch(region: TranslatedRegion, exit: number, count: number): void {
    const low = this.#pe.words[PC_LOW]!
    let seen = region.seen.get(exit)
    if (!seen) region.seen.set(exit, (seen = []))
    const known = seen.find((target) => target.low === low)
    if (known) known.count++
    else if (seen.length < WATCHED_TARGETS) seen.push({ low, count: 1 })
    if (count < WATCHED_TO) return
    const often = seen.filter((target) => target.count * OFTEN > WATCHED_TO - WATCHED_FROM).sort((x, y) => y.count - x.count)
    const address = (region.low + region.from[exit]!) % WORD
    const lows = often.map((target) => target.low).slice(0, FOLLOWED_TARGETS)
    if (lows.length === 0 || !this.#translator.setTargets(address, lows)) return
    this.cache.wantMore(region)
  }
  /**
   * An instruction that leaves each time shall not share its TLB lookup: near the end of a page the shared one may fail where its own does not.
   * One that leaves now and then only meets new pages.
   */
  #separate(region: TranslatedRegion, exit: number): void {
    const done = region.done
    region.done = 0
    if (done > MANY_EXITS * FEW_INSTRUCTIONS) return
    const address = (region.low + region.offsets[exit]!) % WORD
    if (this.#translator.setApart(address)) this.cache.drop(region)
  }
}
