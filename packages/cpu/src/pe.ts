import type { Board } from "./board.ts"
import { Controls } from "./controls.ts"
import { FLAGS, PE, PE_BYTES, PSTATE, SYSTEM_SLOTS } from "./layout.ts"
import { Translation } from "./mmu.ts"
import { type InterruptLines, idleLines } from "./pending.ts"
import { deriveState } from "./processor-state.ts"
import { TrapKeys } from "./trap-key.ts"

/** Word indices within a block of the fields used often. */
const PC_WORD = PE.PC >> 2
const FLAGS_A = PE.FLAGS_A >> 2
const FLAGS_B = PE.FLAGS_B >> 2
const FLAGS_KIND = PE.FLAGS_KIND >> 2
const RETIRED = PE.RETIRED >> 2
/** Of a Z register, at most. */
export const VECTOR_BYTES = 256
/** The highest exception level, EL2, with its own stack pointer and everything masked. */
const RESET_STATE = (2 << 2) | PSTATE.SP | PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F

/** NZCV of the operation that `kind`, `a` and `b` (as u32 halves) describe: see FLAGS in layout.ts. */
export const nzcvOf = (kind: FLAGS, aLow: number, aHigh: number, bLow: number, bHigh: number): number => {
  switch (kind) {
    case FLAGS.nzcv:
      return aLow & 15
    case FLAGS.subtract64: {
      const low = (aLow - bLow) >>> 0
      const high = (aHigh - bHigh - (aLow < bLow ? 1 : 0)) >>> 0
      const carry = aHigh > bHigh || (aHigh === bHigh && aLow >= bLow)
      return pack(high, low | high, carry, (aHigh ^ bHigh) & (aHigh ^ high))
    }
    case FLAGS.subtract32: {
      const result = (aLow - bLow) >>> 0
      return pack(result, result, aLow >= bLow, (aLow ^ bLow) & (aLow ^ result))
    }
    case FLAGS.add64: {
      const low = aLow + bLow
      const high = aHigh + bHigh + (low > 0xffffffff ? 1 : 0)
      return pack(high | 0, low | 0 | (high | 0), high > 0xffffffff, ~(aHigh ^ bHigh) & (aHigh ^ high))
    }
    case FLAGS.add32: {
      const result = aLow + bLow
      return pack(result | 0, result | 0, result > 0xffffffff, ~(aLow ^ bLow) & (aLow ^ result))
    }
    case FLAGS.logic64:
      return pack(aHigh, aLow | aHigh, false, 0)
    case FLAGS.logic32:
      return pack(aLow, aLow, false, 0)
  }
}
/** N and V are bit 31 of their arguments, Z says that `zero` is 0. */
const pack = (negative: number, zero: number, carry: boolean, overflow: number): number =>
  ((negative >>> 28) & 8) | (zero === 0 ? 4 : 0) | (carry ? 2 : 0) | (overflow >>> 31)

/**
 * One processing element: typed views over its block of the machine's memory, which holds all of its architectural state (layout.ts).
 * What is kept here beside the views is derived from that state or belongs to the host.
 */
export class Pe {
  readonly board: Board
  /** Position in `board.pes`; also the value of MPIDR_EL1.Aff0. */
  readonly index: number
  /** Byte address of the block in `board.memory`. */
  readonly base: number
  readonly bytes: Uint8Array
  readonly halfwords: Uint16Array
  readonly words: Uint32Array
  readonly signedWords: Int32Array
  readonly doublewords: BigUint64Array
  readonly view: DataView
  /** X0..X30 and, as element 31, the current stack pointer. */
  readonly x: BigUint64Array
  /** System registers, by the slots the composed machine gives them. */
  readonly system: BigUint64Array
  /** Exceptions to this exception level or above end the slice after their entry: a model of the kernel takes over. 3: none does. */
  modelledEl: 1 | 2 | 3 = 3
  /** SMC is a call to the host, as if there were firmware at EL3. Otherwise there is no EL3, and SMC is UNDEFINED. */
  hostFirmware = false
  /** Effective vector length now (SVL in streaming mode), in bits. Kept up to date by whoever changes ZCR_ELx, SMCR_ELx, SVCR or the exception level. */
  vectorBits = 128
  /** Z registers are zero from this byte on, and the bits of P and FFR that belong there: no code ran, and nothing was loaded, that could have changed it. */
  vectorsZeroFrom = VECTOR_BYTES
  /** Effective streaming vector length, in bits. */
  streamingVectorBits = 128
  /** SCTLR_ELx.A in force at the current exception level: every misaligned access faults. */
  alignmentCheck = false
  /** SCTLR_ELx.nAA in force: acquire and release accesses may be misaligned. */
  nonAligned = false
  /** SCTLR_ELx.SA or SA0 in force: a misaligned stack pointer as base of an access faults. */
  stackAlignmentCheck = false
  /** Changes whenever a cached instruction fetch translation may have become wrong. */
  fetchEpoch = 0
  /** Set when an interrupt may have become deliverable or a deadline may have moved; the run loop looks and clears it. */
  attention = true
  /** Interrupt inputs; see pending.ts. */
  readonly lines: InterruptLines = idleLines()
  /** Set by SEV, SEVL and exception return; WFE takes it. */
  eventRegister = false
  /** Control registers in force, translations, and the trap key: derived from the state in memory. */
  readonly controls: Controls
  readonly translation: Translation
  readonly trapKeys: TrapKeys

  constructor(board: Board, index: number, base: number) {
    const { buffer } = board.memory
    this.board = board
    this.index = index
    this.base = base
    this.bytes = new Uint8Array(buffer, base, PE_BYTES)
    this.halfwords = new Uint16Array(buffer, base, PE_BYTES / 2)
    this.words = new Uint32Array(buffer, base, PE_BYTES / 4)
    this.signedWords = new Int32Array(buffer, base, PE_BYTES / 4)
    this.doublewords = new BigUint64Array(buffer, base, PE_BYTES / 8)
    this.view = new DataView(buffer, base, PE_BYTES)
    this.x = new BigUint64Array(buffer, base + PE.X, 32)
    this.system = new BigUint64Array(buffer, base + PE.SYSTEM, SYSTEM_SLOTS)
    this.controls = new Controls(this)
    this.translation = new Translation(this)
    this.trapKeys = new TrapKeys(this)
    this.words[PE.PSTATE >> 2] = RESET_STATE
    deriveState(this)
  }
  /** To be called after the block was written from outside, as by a snapshot: everything derived from it is derived anew. */
  restored(): void {
    this.vectorsZeroFrom = VECTOR_BYTES
    this.controls.restored()
    this.translation.tlb.clear()
    deriveState(this)
    this.attention = true
  }

  /** Address of the next instruction, as its two halves. */
  get pcLow(): number {
    return this.words[PC_WORD]!
  }
  get pcHigh(): number {
    return this.words[PC_WORD + 1]!
  }
  get pc(): bigint {
    return this.doublewords[PE.PC >> 3]!
  }
  set pc(address: bigint) {
    this.doublewords[PE.PC >> 3] = address
  }

  /** PSTATE as in layout.ts, without NZCV, SM and ZA. Writing it does not exchange stack pointers. */
  get pstate(): number {
    return this.words[PE.PSTATE >> 2]!
  }
  set pstate(value: number) {
    this.words[PE.PSTATE >> 2] = value
  }
  /** PSTATE.EL. */
  get el(): number {
    return (this.words[PE.PSTATE >> 2]! & PSTATE.EL) >> 2
  }

  /** NZCV as a nibble, N highest; computes it if the last flag-setting operation left its operands. */
  get flags(): number {
    const words = this.words
    const kind = words[FLAGS_KIND]! as FLAGS
    if (kind === FLAGS.nzcv) return words[FLAGS_A]! & 15
    const nzcv = nzcvOf(kind, words[FLAGS_A]!, words[FLAGS_A + 1]!, words[FLAGS_B]!, words[FLAGS_B + 1]!)
    words[FLAGS_A] = nzcv
    words[FLAGS_KIND] = FLAGS.nzcv
    return nzcv
  }
  set flags(nzcv: number) {
    this.words[FLAGS_A] = nzcv
    this.words[FLAGS_KIND] = FLAGS.nzcv
  }

  get fpcr(): number {
    return this.words[PE.FPCR >> 2]!
  }
  set fpcr(value: number) {
    this.words[PE.FPCR >> 2] = value
  }
  get fpsr(): number {
    return this.words[PE.FPSR >> 2]!
  }
  set fpsr(value: number) {
    this.words[PE.FPSR >> 2] = value
  }
  /** SVCR: SM is bit 0, ZA is bit 1. */
  get svcr(): number {
    return this.words[PE.SVCR >> 2]!
  }
  set svcr(value: number) {
    this.words[PE.SVCR >> 2] = value
  }

  /** Instructions retired since reset: the machine's virtual time. */
  get retired(): bigint {
    return this.doublewords[PE.RETIRED >> 3]!
  }
  /** Adds `count` (less than 2^32) to the retired instructions. */
  retire(count: number): void {
    const words = this.words
    const low = words[RETIRED]! + count
    words[RETIRED] = low
    if (low > 0xffffffff) words[RETIRED + 1]!++
  }

  /** Opens the exclusive monitor: the next store-exclusive fails. */
  clearExclusive(): void {
    this.words[PE.MONITOR_SIZE >> 2] = 0
  }

  /** All bytes of Z`n` (V is the first 16). */
  z(n: number): Uint8Array {
    this.vectorsZeroFrom = VECTOR_BYTES
    return this.bytes.subarray(PE.Z + 256 * n, PE.Z + 256 * n + 256)
  }
  /** All bytes of P`n`; 16 is FFR. */
  p(n: number): Uint8Array {
    this.vectorsZeroFrom = VECTOR_BYTES
    return this.bytes.subarray(PE.P + 32 * n, PE.P + 32 * n + 32)
  }
  /** Low 128 bits of V`n` as a bigint: for tests and tools. */
  v(n: number): bigint {
    const at = (PE.Z + 256 * n) >> 3
    return this.doublewords[at]! | (this.doublewords[at + 1]! << 64n)
  }
  setV(n: number, value: bigint): void {
    const at = (PE.Z + 256 * n) >> 3
    this.doublewords[at] = value
    this.doublewords[at + 1] = value >> 64n
  }
}
