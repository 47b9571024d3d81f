/** The engine for hot code: counts how often places are reached, translates regions there, runs them one after the other. */
import type { Board, RegionEngine } from "../board.ts"
import { LEAVE, PE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { branchAddress } from "../processor-state.ts"
import { onTrapKeysReset } from "../trap-key.ts"
import { DYNAMIC } from "./exits.ts"
import { HelperTable } from "./helpers.ts"
import { probe } from "./probe.ts"
import { RegionCache, type TranslatedRegion } from "./region-cache.ts"
import { Translator } from "./translator.ts"

const PC_LOW = PE.PC >> 2
const PC_HIGH = PC_LOW + 1
const BUDGET = PE.BUDGET >> 2
const FPCR = PE.FPCR >> 2
const FPSR = PE.FPSR >> 2
const IXC = 1 << 4
/** A place is translated when it was reached so often. */
const HOT = 60
const HEAT_SLOTS = 1 << 14
/** Generated code returns after so many instructions at the latest: the host exchanges a function for a faster version only between calls. */
const MAXIMUM_QUANTUM = 1 << 20
/** After so many early exits of one instruction it gets TLB lookups of its own. */
const MANY_EXITS = 64
const WORD = 2 ** 32

export interface JitOptions {
  /** How often a place must be reached before it is translated; tests set 1. */
  readonly hot?: number
  /** Most instructions of a region. */
  readonly regionLimit?: number
}
/** What happened so far, for reports and tuning. */
export interface JitCounters {
  regions: number
  instructions: number
  entries: number
  interpreted: number
}

export class Jit implements RegionEngine {
  readonly counters: JitCounters = { regions: 0, instructions: 0, entries: 0, interpreted: 0 }
  readonly translator: Translator
  readonly #pes: readonly PeRegions[]

  constructor(board: Board, options: JitOptions = {}) {
    const helpers = new HelperTable(board.memory)
    this.translator = new Translator(board, helpers, probe(), options.regionLimit)
    this.#pes = board.pes.map((pe) => new PeRegions(pe, this.translator, this.counters, options.hot ?? HOT))
    board.code.onWritten((page) => {
      for (const regions of this.#pes) regions.cache.dropPage(page)
    })
    onTrapKeysReset(board, () => {
      for (const regions of this.#pes) regions.forgetKeys()
    })
  }
  debugRegions() {
    return this.#pes.flatMap((p) => p.cache.all())
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

/** The regions of one processing element. */
class PeRegions {
  readonly cache: RegionCache
  readonly #pe: Pe
  readonly #translator: Translator
  readonly #counters: JitCounters
  readonly #hot: number
  readonly #heat = new Uint16Array(HEAT_SLOTS)
  #key = 0
  #keyFpcr = -1
  #keyInexact = -1

  constructor(pe: Pe, translator: Translator, counters: JitCounters, hot: number) {
    this.#pe = pe
    this.#translator = translator
    this.#counters = counters
    this.#hot = hot
    this.cache = new RegionCache(pe)
  }
  forgetKeys(): void {
    this.cache.clear()
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
    let left = signedWords[BUDGET]!
    for (;;) {
      const region = this.cache.find(words[PC_LOW]!, words[PC_HIGH]!, key) ?? this.#warm(key)
      if (!region) return this.#stop(left, LEAVE.interpret)
      if (left < region.least) return this.#stop(left, LEAVE.budget)
      const quantum = Math.min(left, MAXIMUM_QUANTUM)
      signedWords[BUDGET] = quantum
      const exit = region.run(base)
      this.#counters.entries++
      left -= quantum - signedWords[BUDGET]! - region.refunds[exit]!
      region.counts[exit]!++
      const offset = region.offsets[exit]!
      if (offset === DYNAMIC) this.#branched()
      else this.#goto(region, offset)
      switch (region.leaves[exit]) {
        case LEAVE.interpret:
          this.#counters.interpreted++
          if (region.counts[exit]! === MANY_EXITS) this.#separate(region, exit)
          return this.#stop(left, LEAVE.interpret)
        case LEAVE.budget:
          // the place is a loop, and certainly hot
          if (left >= MAXIMUM_QUANTUM) this.#translate(key)
          break
      }
    }
  }
  #stop(left: number, leave: LEAVE): LEAVE {
    this.#pe.signedWords[BUDGET] = left
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

  #warm(key: number): TranslatedRegion | undefined {
    const { words } = this.#pe
    const slot = ((words[PC_LOW]! >>> 2) ^ Math.imul(key, 0x9e3779b1)) & (HEAT_SLOTS - 1)
    if (++this.#heat[slot]! < this.#hot) return undefined
    this.#heat[slot] = 0
    return this.#translate(key)
  }
  #translate(key: number): TranslatedRegion | undefined {
    const pe = this.#pe
    const known = this.cache.find(pe.pcLow, pe.pcHigh, key)
    if (known) return known
    const region = this.#translator.translate(pe, key)
    if (!region) return undefined
    this.#counters.regions++
    this.#counters.instructions += region.instructions
    this.cache.add(region)
    return region
  }
  /** An instruction that leaves again and again shall not share its TLB lookup: near the end of a page it would leave each time. */
  #separate(region: TranslatedRegion, exit: number): void {
    const address = (region.low + region.offsets[exit]!) % WORD
    if (this.#translator.setApart(address)) this.cache.drop(region)
  }
}
