import type { CodePage, Operation } from "../decode-cache.ts"
import { pcAlignmentFault } from "../exception.ts"
import { PE, PSTATE } from "../layout.ts"
import { PAGE_BYTES } from "../memory.ts"
import { externalAbort, translate } from "../mmu.ts"
import type { Pe } from "../pe.ts"

const PC_WORD = PE.PC >> 2
const PSTATE_WORD = PE.PSTATE >> 2
const TLB = PE.TLB >> 2
const ENTRIES = 64

/** Virtual pages and the code behind them, for one processing element. An entry holds for one regime, exception level and epoch. */
interface FetchEntry {
  low: number
  high: number
  el: number
  bank: number
  epoch: number
  code: CodePage
}

/** Instruction fetch through a small direct-mapped cache of translations. */
export class Fetch {
  readonly #pe: Pe
  readonly #words: Uint32Array
  readonly #entries: (FetchEntry | undefined)[] = new Array<FetchEntry | undefined>(ENTRIES).fill(undefined)

  constructor(pe: Pe) {
    this.#pe = pe
    this.#words = pe.words
  }

  /** The operation at the PC. Throws the Abort of a fetch that faults. */
  operation(): Operation {
    const low = this.#words[PC_WORD]!
    const entry = this.#entries[(low >>> 12) & (ENTRIES - 1)]
    const code = entry !== undefined && this.#current(entry, low) ? entry.code : this.#find(low)
    const index = (low >>> 2) & 1023
    return code.operations[index] ?? this.#pe.board.code.decode(code, index)
  }
  #current(entry: FetchEntry, low: number): boolean {
    const words = this.#words
    return (
      (entry.low ^ low) >>> 0 < PAGE_BYTES &&
      (low & 3) === 0 &&
      entry.high === words[PC_WORD + 1] &&
      entry.epoch === this.#pe.fetchEpoch &&
      entry.el === (words[PSTATE_WORD]! & PSTATE.EL) &&
      entry.bank === words[TLB] &&
      !entry.code.stale
    )
  }
  #find(low: number): CodePage {
    const pe = this.#pe
    const { physical: memory, code } = pe.board
    if ((low & 3) !== 0) throw pcAlignmentFault(pe)
    const { physical } = translate(pe, pe.pc, "execute", { bytes: 4 })
    if (memory.at(physical, 4) < 0) throw externalAbort(pe, pe.pc, "execute")
    const found = code.page(memory.pageOf(physical))
    this.#entries[(low >>> 12) & (ENTRIES - 1)] = {
      low: (low & ~(PAGE_BYTES - 1)) >>> 0,
      high: pe.pcHigh,
      el: pe.pstate & PSTATE.EL,
      bank: this.#words[TLB]!,
      epoch: pe.fetchEpoch,
      code: found
    }
    return found
  }
}
