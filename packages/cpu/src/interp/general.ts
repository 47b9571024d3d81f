import type { FloatEnvironment, FloatFormat } from "@eltwo/isa"
import type { Operation } from "../decode-cache.ts"
import { PE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { branchAddress } from "../processor-state.ts"
import { type ExactFloat, FloatTypes } from "./floats.ts"
import { type Bits, type IntegerType, integerType } from "./integers.ts"
import { VectorWrites } from "./vector-writes.ts"

const PC = PE.PC >> 3
const PC_WORD = PE.PC >> 2
const QC = 1 << 27
/** FPSR.IXC: once it is set, arithmetic need not find out whether a result is exact. */
const INEXACT = 1 << 4
/** Bits 63:55 of an address, which are all equal unless its top byte is a tag. */
const TOP_SHIFT = 23
const CANONICAL_TOP = 0x1ff
/** Which condition codes hold, as a bit each, for every NZCV. */
const HOLDS = Uint16Array.from({ length: 16 }, (_, nzcv) => {
  const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (nzcv & bit) !== 0)
  const even = [z, c, n, v, c && !z, n === v, n === v && !z, true]
  return Array.from({ length: 16 }, (_, condition) => even[condition >> 1]! !== ((condition & 1) === 1 && condition !== 15)).reduce(
    (bits, holds, condition) => bits | (holds ? 1 << condition : 0),
    0
  )
})
const MAXIMUM_FLOAT_TYPES = 64

/** Where the PC goes when the instruction ends. */
enum Continue {
  /** to the next instruction */
  next,
  /** to the target of a branch */
  branch,
  /** where something has put it already: exception entry or return */
  elsewhere
}

/**
 * General registers, flags and the writes of one instruction. Reads see the state before the instruction; writes wait in slots until `commit`, and
 * `discard` forgets them.
 */
export class GeneralState {
  readonly pe: Pe
  /** The instruction being executed. */
  operation!: Operation
  readonly always = true
  protected readonly vectorWrites: VectorWrites
  readonly #indices = new Int32Array(64)
  readonly #values: Bits[] = new Array<Bits>(64).fill(0)
  #count = 0
  /** -1: unchanged. */
  #flags = -1
  #saturated = false
  #continue = Continue.next
  #target = 0n
  #floats: FloatTypes
  #fpcr: number
  readonly #floatsByFpcr = new Map<number, FloatTypes>()

  constructor(pe: Pe) {
    this.pe = pe
    this.vectorWrites = new VectorWrites(pe)
    this.#fpcr = pe.fpcr
    this.#floats = this.#typesFor(pe.fpcr)
  }

  unsigned(bits: number): IntegerType {
    return integerType(bits, false)
  }
  signed(bits: number): IntegerType {
    return integerType(bits, true)
  }
  float(format: FloatFormat, environment: FloatEnvironment = "standard"): ExactFloat {
    const fpcr = this.pe.fpcr
    if (fpcr !== this.#fpcr) {
      this.#fpcr = fpcr
      this.#floats = this.#typesFor(fpcr)
    }
    this.#floats.environment.flags |= this.pe.fpsr & INEXACT
    return this.#floats.type(format, environment)
  }
  #typesFor(fpcr: number): FloatTypes {
    let types = this.#floatsByFpcr.get(fpcr)
    if (!types) {
      if (this.#floatsByFpcr.size >= MAXIMUM_FLOAT_TYPES) this.#floatsByFpcr.clear()
      this.#floatsByFpcr.set(fpcr, (types = new FloatTypes(fpcr)))
    }
    return types
  }

  /** Address of this instruction. */
  get address(): bigint {
    return this.pe.doublewords[PC]!
  }
  X(n: number, type?: IntegerType): Bits {
    if (n === 31) return type !== undefined && type.bits <= 32 ? 0 : 0n
    return this.XSP(n, type)
  }
  XSP(n: number, type?: IntegerType): Bits {
    if (type === undefined || type.bits === 64) return this.pe.x[n]!
    return type.bits <= 32 ? type.wrap(this.pe.words[2 * n]!) : this.pe.x[n]!
  }
  setX(n: number, value: Bits): void {
    if (n !== 31) this.setXSP(n, value)
  }
  setXSP(n: number, value: Bits): void {
    this.#indices[this.#count] = n
    this.#values[this.#count++] = value
  }
  setFlags(nzcv: Bits): void {
    this.#flags = Number(nzcv) & 15
  }
  holds(condition: number): boolean {
    return ((HOLDS[this.pe.flags]! >> condition) & 1) === 1
  }
  recordSaturation(condition: boolean): void {
    if (condition) this.#saturated = true
  }
  both(x: boolean, y: boolean): boolean {
    return x && y
  }
  either(x: boolean, y: boolean): boolean {
    return x || y
  }
  negated(x: boolean): boolean {
    return !x
  }

  branch(target: Bits): void {
    this.#continue = Continue.branch
    this.#target = target as bigint
  }
  branchIf(condition: boolean, target: bigint): void {
    if (!condition) return
    this.#continue = Continue.branch
    this.#target = target
  }
  when(condition: boolean, then: () => void, otherwise?: () => void): void {
    if (condition) then()
    else otherwise?.()
  }
  /** The PC has been put where it belongs: `commit` leaves it alone. */
  protected keepPc(): void {
    this.#continue = Continue.elsewhere
  }

  /** Ends an instruction that completed. */
  commit(): void {
    const { pe } = this
    const { words, x } = pe
    for (let i = 0; i < this.#count; i++) {
      const value = this.#values[i]!
      const n = this.#indices[i]!
      if (typeof value === "number") {
        words[2 * n] = value
        words[2 * n + 1] = 0
      } else x[n] = value
    }
    this.#count = 0
    if (this.#flags >= 0) {
      pe.flags = this.#flags
      this.#flags = -1
    }
    if (this.vectorWrites.count > 0) this.vectorWrites.commit()
    const { environment } = this.#floats
    if (environment.flags !== 0 || this.#saturated) {
      pe.fpsr |= environment.flags | (this.#saturated ? QC : 0)
      environment.flags = 0
      this.#saturated = false
    }
    if (this.#continue === Continue.next) {
      const low = words[PC_WORD]! + 4
      words[PC_WORD] = low
      if (low > 0xffffffff) words[PC_WORD + 1]!++
      return
    }
    if (this.#continue === Continue.branch) this.#jump()
    this.#continue = Continue.next
  }
  #jump(): void {
    const { pe } = this
    pe.doublewords[PC] = this.#target
    const top = pe.words[PC_WORD + 1]! >>> TOP_SHIFT
    if (top !== 0 && (top !== CANONICAL_TOP || pe.el === 2)) pe.pc = branchAddress(pe, pe.pc)
  }
  /** Ends an instruction that did not complete: nothing it queued happens. */
  discard(): void {
    this.#count = 0
    this.#flags = -1
    this.#saturated = false
    this.#floats.environment.flags = 0
    this.#continue = Continue.next
    this.vectorWrites.count = 0
  }
}
