/** The guest's registers as locals of one generated function: loaded once before its code, stored once after it. */
import { FLAGS, PE } from "../layout.ts"
import type { Emitter } from "./emitter.ts"
import { holds, holdsUnknown, kindOf, nibbleOf } from "./flags.ts"
import { IMPORT } from "./imports.ts"
import {
  asFloat,
  call,
  const32,
  const64,
  extendU,
  integer,
  isConstant,
  lane,
  load,
  local,
  type Node,
  select,
  smallConstant,
  zero128
} from "./node.ts"
import { F32, F64, floatPattern, I32, I64, i32, lanePattern, OP, V128, v128 } from "./opcodes.ts"
import { type Flags, FlagsChoice, FlagsOf, unlowered } from "./values.ts"

export const STACK_POINTER = 31
const NONE = -1
const QC_BIT = 27
/** Bytes of a vector register in the block. */
const Z_BYTES = 256

/** The block's address: the function's only parameter. */
export const block = (): Node => local(0, I32)

/** One queued write of a local. */
export interface Write {
  readonly local: number
  readonly value: Node
}

/**
 * Reads see the state before the instruction; writes are queued and happen in `commit`. What is known about registers beyond their locals (a
 * scalar copy of a vector register, where the flags come from) holds within a block and in blocks entered only from it: see `knowledge`.
 */
export class Registers {
  readonly #e: Emitter
  readonly #chunks: number
  readonly #x = new Int32Array(32).fill(NONE)
  readonly #v: Int32Array
  /** Scalar copies of V registers, as f64 and as f32. */
  readonly #double = new Int32Array(32).fill(NONE)
  readonly #single = new Int32Array(32).fill(NONE)
  readonly #written = new Set<number>()
  #flagsA = NONE
  #flagsB = NONE
  #flagsKind = NONE
  #flagsWritten = false
  /** Condition of a FlagsChoice, and operands of a float comparison. */
  #choice = NONE
  readonly #compared = new Map<number, readonly [number, number]>()
  #saturated = NONE
  #queue: Write[] = []
  /** Vector registers whose scalar copy the queue writes, and its width; their vector follows in `commit`. */
  #scalars: { readonly n: number; readonly type: number }[] = []
  #nextFlags: Flags | undefined
  #flagsQueued = false
  #known: Knowledge = NOTHING_KNOWN

  constructor(e: Emitter, vectorBits: number) {
    this.#e = e
    this.#chunks = vectorBits / 128
    this.#v = new Int32Array(32 * this.#chunks).fill(NONE)
  }

  // general registers
  #xLocal(n: number): number {
    if (this.#x[n] === NONE) this.#x[n] = this.#e.reserve(I64)
    return this.#x[n]!
  }
  /** X0..X30, and as 31 the stack pointer. */
  x(n: number): Node {
    return local(this.#xLocal(n), I64)
  }
  setX(n: number, value: Node): void {
    const index = this.#xLocal(n)
    this.#written.add(index)
    this.queue(index, value)
  }
  /** The local of a register, to recognise nodes that read it. */
  isX(node: Node, n: number): boolean {
    return node.op === OP.localGet && node.immediate === this.#x[n]
  }

  // vector registers
  #vLocal(n: number, chunk: number): number {
    const key = n * this.#chunks + chunk
    if (this.#v[key] === NONE) this.#v[key] = this.#e.reserve(V128)
    return this.#v[key]!
  }
  v(n: number, chunk = 0): Node {
    return local(this.#vLocal(n, chunk), V128)
  }
  /** All chunks; those that are not given become zero. */
  setV(n: number, chunks: readonly Node[]): void {
    for (let chunk = 0; chunk < this.#chunks; chunk++) {
      const index = this.#vLocal(n, chunk)
      this.#written.add(index)
      this.queue(index, chunks[chunk] ?? zero128())
    }
    this.#forget(n)
  }
  #forget(n: number): void {
    if (this.#known.scalars.has(n)) this.#known = { ...this.#known, scalars: without(this.#known.scalars, n) }
    this.#scalars = this.#scalars.filter((s) => s.n !== n)
  }
  /** The lowest element, as a float where that costs nothing, else as an integer. */
  scalar(n: number, bits: number): Node {
    const known = this.#known.scalars.get(n)
    if (known === F64 && bits === 64) return local(this.#double[n]!, F64)
    if (known === F32 && bits === 32) return local(this.#single[n]!, F32)
    const vector = this.v(n)
    if (bits === 64) return lane(F64, floatPattern.extract[1], 0, vector)
    if (bits === 32) return lane(F32, floatPattern.extract[0], 0, vector)
    return lane(I32, lanePattern.extractU[bits === 16 ? 1 : 0], 0, vector)
  }
  /** The lowest 32 or 64 bits; the rest becomes zero. */
  setScalar(n: number, value: Node): void {
    const number = asFloat(value)
    const copies = number.type === F64 ? this.#double : this.#single
    if (copies[n] === NONE) copies[n] = this.#e.reserve(number.type)
    for (let chunk = 0; chunk < this.#chunks; chunk++) this.#written.add(this.#vLocal(n, chunk))
    this.queue(copies[n]!, number)
    this.#scalars = this.#scalars.filter((s) => s.n !== n)
    this.#scalars.push({ n, type: number.type })
  }

  // flags
  #flagLocals(): void {
    if (this.#flagsA !== NONE) return
    this.#flagsA = this.#e.reserve(I64)
    this.#flagsB = this.#e.reserve(I64)
    this.#flagsKind = this.#e.reserve(I32)
  }
  setFlags(flags: Flags): void {
    this.#nextFlags = flags
    this.#flagsQueued = true
  }
  holds(code: number): Node {
    const { flags } = this.#known
    if (flags) return holds(flags, code)
    this.#flagLocals()
    return holdsUnknown(local(this.#flagsA, I64), local(this.#flagsB, I64), local(this.#flagsKind, I32), code)
  }
  /** NZCV, as a nibble. */
  nibble(): Node {
    const { flags } = this.#known
    if (flags) return nibbleOf(flags)
    this.#flagLocals()
    return call(I32, IMPORT.flags, local(this.#flagsA, I64), local(this.#flagsB, I64), local(this.#flagsKind, I32))
  }
  #queueFlags(flags: Flags): Flags {
    this.#flagLocals()
    this.#flagsWritten = true
    if (flags instanceof FlagsChoice) return this.#queueChoice(flags)
    const kind = kindOf(flags)
    if (kind < 0) return this.#queueComparison(flags)
    this.queue(this.#flagsA, extendU(flags.a))
    this.queue(this.#flagsKind, const32(kind))
    if (kind === FLAGS.nzcv) return new FlagsOf("nibble", 32, local(this.#flagsA, I64), flags.b)
    this.queue(this.#flagsB, extendU(flags.b))
    return new FlagsOf(flags.kind, flags.bits, local(this.#flagsA, I64), isConstant(flags.b) ? flags.b : local(this.#flagsB, I64))
  }
  /** Float comparisons leave a nibble in the block; conditions look at the operands. */
  #queueComparison(flags: FlagsOf): Flags {
    let locals = this.#compared.get(flags.a.type)
    if (!locals) this.#compared.set(flags.a.type, (locals = [this.#e.reserve(flags.a.type), this.#e.reserve(flags.a.type)]))
    this.queue(locals[0], flags.a)
    this.queue(locals[1], flags.b)
    this.queue(this.#flagsA, extendU(nibbleOf(flags)))
    this.queue(this.#flagsKind, const32(FLAGS.nzcv))
    return new FlagsOf("float", flags.bits, local(locals[0], flags.a.type), local(locals[1], flags.a.type))
  }
  #queueChoice({ condition, then, otherwise }: FlagsChoice): Flags {
    const kind = kindOf(then)
    if (kind < 0) return this.#queueFlags(new FlagsOf("nibble", 32, nibbleOf(new FlagsChoice(condition, then, otherwise)), const32(0)))
    if (this.#choice === NONE) this.#choice = this.#e.reserve(I32)
    this.queue(this.#choice, condition)
    this.queue(this.#flagsA, select(condition, extendU(then.a), const64(otherwise)))
    this.queue(this.#flagsB, extendU(then.b))
    this.queue(this.#flagsKind, select(condition, const32(kind), const32(FLAGS.nzcv)))
    // Where the condition does not hold, A is not the operand: but then nobody looks.
    return new FlagsChoice(local(this.#choice, I32), new FlagsOf(then.kind, then.bits, local(this.#flagsA, I64), local(this.#flagsB, I64)), otherwise)
  }

  /** FPSR.QC. */
  recordSaturation(condition: Node): void {
    if (this.#saturated === NONE) this.#saturated = this.#e.reserve(I32)
    const before = local(this.#saturated, I32)
    const pending = this.#queue.find((w) => w.local === this.#saturated)
    this.queue(this.#saturated, or(pending?.value ?? before, condition))
  }

  fpsr(): Node {
    if (this.#saturated === NONE) this.#saturated = this.#e.reserve(I32)
    const bit = integer(I32, i32.shl, local(this.#saturated, I32), const32(QC_BIT))
    return or(load(I32, OP.i32Load, block(), PE.FPSR), bit)
  }

  // the queue
  queue(index: number, value: Node): void {
    value.uses++
    const earlier = this.#queue.findIndex((w) => w.local === index)
    if (earlier >= 0) this.#queue.splice(earlier, 1)
    this.#queue.push({ local: index, value })
  }
  /** Does the queued writes: all values first, since they see the old state. */
  commit(): void {
    const flags = this.#flagsQueued ? this.#queueFlags(this.#nextFlags!) : this.#known.flags
    const e = this.#e
    for (const { value } of this.#queue) e.value(value)
    for (let i = this.#queue.length - 1; i >= 0; i--) e.set(this.#queue[i]!.local)
    let { scalars } = this.#known
    for (const { n, type } of this.#scalars) {
      e.value(widened(local((type === F64 ? this.#double : this.#single)[n]!, type)))
      e.set(this.#vLocal(n, 0))
      for (let chunk = 1; chunk < this.#chunks; chunk++) {
        e.value(zero128())
        e.set(this.#vLocal(n, chunk))
      }
      scalars = new Map(scalars).set(n, type)
    }
    if (flags !== this.#known.flags || scalars !== this.#known.scalars) this.#known = { flags, scalars }
    this.discard()
  }
  /**
   * Queues what either arm writes, chosen by the condition. The arms run as code of their own, so that only the one taken loads, stores or leaves.
   */
  choose(condition: Node, then: () => void, otherwise: (() => void) | undefined): void {
    const e = this.#e
    const chosen = e.settle(condition)
    const outer = this.#queue
    const outerFlags = this.#flagsQueued ? this.#nextFlags : undefined
    if (this.#scalars.length > 0) unlowered("a scalar write before a choice")
    const arm = (body: () => void): Arm => {
      this.discard()
      body()
      if (this.#scalars.length > 0) unlowered("a scalar write in a choice")
      const writes = this.#queue.map(({ local: index, value }) => ({ local: index, value: e.settle(value) }))
      return { writes, flags: this.#flagsQueued ? settledFlags(e, this.#nextFlags!) : undefined }
    }
    let [first, second]: readonly Arm[] = [EMPTY_ARM, EMPTY_ARM]
    e.if(
      chosen,
      () => {
        first = arm(then)
      },
      otherwise &&
        (() => {
          second = arm(otherwise)
        })
    )
    this.discard()
    this.#queue = outer
    for (const index of new Set([...first!.writes, ...second!.writes].map((w) => w.local))) this.#queueEither(chosen, index, first!, second!)
    const flags = eitherFlags(chosen, first!.flags, second!.flags)
    if (flags ?? outerFlags) this.setFlags((flags ?? outerFlags)!)
  }
  #queueEither(condition: Node, index: number, first: Arm, second: Arm): void {
    const value = (arm: Arm) => arm.writes.find((w) => w.local === index)?.value
    const [a, b] = [value(first), value(second)]
    const type = (a ?? b)!.type
    this.queue(index, select(condition, a ?? local(index, type), b ?? local(index, type)))
  }
  /** Forgets the queued writes. */
  discard(): void {
    this.#queue = []
    this.#scalars = []
    this.#flagsQueued = false
    this.#nextFlags = undefined
  }
  get queued(): readonly Write[] {
    return this.#queue
  }
  get idle(): boolean {
    return this.#queue.length === 0 && !this.#flagsQueued
  }

  /** What holds at this place of the code. */
  get knowledge(): Knowledge {
    return this.#known
  }
  set knowledge(known: Knowledge) {
    this.#known = known
  }

  // prologue and epilogue
  load(e: Emitter): void {
    const fetch = (op: number, offset: number, index: number) => {
      e.get(0)
      e.memory(op, offset)
      e.set(index)
    }
    this.#x.forEach((index, n) => {
      if (index !== NONE) fetch(OP.i64Load, PE.X + 8 * n, index)
    })
    this.#v.forEach((index, key) => {
      if (index !== NONE) fetch(v128.load, this.#vOffset(key), index)
    })
    if (this.#flagsA === NONE) return
    fetch(OP.i64Load, PE.FLAGS_A, this.#flagsA)
    fetch(OP.i64Load, PE.FLAGS_B, this.#flagsB)
    fetch(OP.i32Load, PE.FLAGS_KIND, this.#flagsKind)
  }
  store(e: Emitter): void {
    this.#x.forEach((index, n) => {
      if (this.#written.has(index)) e.store(OP.i64Store, block(), local(index, I64), PE.X + 8 * n)
    })
    this.#v.forEach((index, key) => {
      if (this.#written.has(index)) e.store(v128.store, block(), local(index, V128), this.#vOffset(key))
    })
    if (this.#flagsWritten) {
      e.store(OP.i64Store, block(), local(this.#flagsA, I64), PE.FLAGS_A)
      e.store(OP.i64Store, block(), local(this.#flagsB, I64), PE.FLAGS_B)
      e.store(OP.i32Store, block(), local(this.#flagsKind, I32), PE.FLAGS_KIND)
    }
    if (this.#saturated !== NONE) e.store(OP.i32Store, block(), this.fpsr(), PE.FPSR)
  }
  #vOffset(key: number): number {
    return PE.Z + Z_BYTES * Math.floor(key / this.#chunks) + 16 * (key % this.#chunks)
  }
}

/** Facts about the registers that hold at one place. */
export interface Knowledge {
  /** Where NZCV comes from; undefined: from whatever kind the block's flags have. */
  readonly flags: Flags | undefined
  /** Vector registers that equal their scalar copy, and its type. */
  readonly scalars: ReadonlyMap<number, number>
}
export const NOTHING_KNOWN: Knowledge = { flags: undefined, scalars: new Map() }

/** What one arm of a choice writes; its values are computed. */
interface Arm {
  readonly writes: readonly Write[]
  readonly flags: Flags | undefined
}
const EMPTY_ARM: Arm = { writes: [], flags: undefined }
const settledFlags = (e: Emitter, flags: Flags): FlagsOf =>
  flags instanceof FlagsOf
    ? new FlagsOf(flags.kind, flags.bits, e.settle(flags.a), e.settle(flags.b))
    : new FlagsOf("nibble", 32, e.settle(nibbleOf(flags)), const32(0))
const eitherFlags = (condition: Node, first: Flags | undefined, second: Flags | undefined): Flags | undefined => {
  if (!first && !second) return undefined
  if (!(first instanceof FlagsOf) || !(second instanceof FlagsOf)) return unlowered("flags of one arm of a choice")
  const known = second.kind === "nibble" ? smallConstant(second.a) : undefined
  if (known !== undefined) return new FlagsChoice(condition, first, known)
  return new FlagsOf("nibble", 32, select(condition, nibbleOf(first), nibbleOf(second)), const32(0))
}
const without = (map: ReadonlyMap<number, number>, key: number): ReadonlyMap<number, number> => {
  const copy = new Map(map)
  copy.delete(key)
  return copy
}
const widened = (n: Node): Node => lane(V128, floatPattern.replace[n.type === F64 ? 1 : 0], 0, zero128(), n)
const or = (x: Node, y: Node): Node => integer(I32, i32.or, x, y)
