/** Guest memory in generated code: one lookup in the soft TLB per access, shared by accesses near each other. */
import type { MemoryAttributes } from "@eltwo/isa"
import { PE, TLB_ENTRY } from "../layout.ts"
import type { Emitter } from "./emitter.ts"
import { compare, const32, const64, integer, load, loadLane, local, type Node, plain, smallConstant, wrap, zero128 } from "./node.ts"
import { I32, I64, i32, i64, OP, V128, v128 } from "./opcodes.ts"
import { block } from "./registers.ts"
import { Chunks, column, Pair } from "./values.ts"

const PAGE_BYTES = 4096
/** (address >> 7) & this is the byte offset of an entry: 2048 entries of 32 bytes by bits 12 and up. */
const ENTRY_SHIFT = 7
const ENTRY_MASK = 0xffe0
/** Accesses within so many bytes may share a lookup. */
const SHARED_BYTES = 256
const QUADWORD = 16

export interface MemoryContext {
  readonly e: Emitter
  /** SCTLR.A of the translation. */
  readonly alignmentCheck: boolean
  /** Leaves the instruction to the interpreter if the condition holds. */
  leaveIf(condition: Node): void
  /** The same, with code that pushes the condition. */
  leaveWhere(push: () => void): void
  /** Whether the current instruction must look up its own accesses. */
  readonly apart: boolean
}
/** Where an access is in the machine's memory: `base` plus a constant. */
interface Place {
  readonly base: Node
  readonly offset: number
}
/** A lookup others may share: of the bytes from `displacement` on, `size` so far, relative to a register. */
interface Lookup {
  displacement: number
  size: number
  /** Position in the code of the constant that limits it. */
  readonly limit: number
  readonly host: number
}
type Kind = "read" | "write" | "both"

const LOADS: Readonly<Record<number, readonly [type: number, op: number]>> = {
  1: [I32, OP.i32Load8U],
  2: [I32, OP.i32Load16U],
  4: [I32, OP.i32Load],
  8: [I64, OP.i64Load]
}
const STORES: Readonly<Record<number, number>> = { 1: OP.i32Store8, 2: OP.i32Store16, 4: OP.i32Store, 8: OP.i64Store }

export class Memory {
  readonly #cpu: MemoryContext
  readonly #e: Emitter
  #bank = -1
  /** Lookups of the current block, by kind and by the local of the base register. */
  readonly #lookups = { read: new Map<number, Lookup>(), write: new Map<number, Lookup>(), both: new Map<number, Lookup>() }
  /** Loads of this instruction that nobody computed yet. */
  #loads: Node[] = []

  constructor(cpu: MemoryContext) {
    this.#cpu = cpu
    this.#e = cpu.e
  }

  /** The TLB bank in use, for the prologue. */
  prologue(e: Emitter): void {
    if (this.#bank < 0) return
    e.value(load(I32, OP.i32Load, block(), PE.TLB))
    e.set(this.#bank)
  }

  // lookups
  /** The address as a local plus a constant, where it is one. */
  #split(address: Node): { readonly base: number; readonly displacement: number } | undefined {
    if (address.op === OP.localGet) return { base: address.immediate, displacement: 0 }
    if (address.op !== i64.add || address.a!.op !== OP.localGet) return undefined
    const displacement = smallConstant(address.b!)
    return displacement === undefined ? undefined : { base: address.a!.immediate, displacement }
  }
  /** Makes sure that `size` bytes at `address` are in one page of the TLB. */
  locate(address: Node, size: number, kind: Kind, element = size, attributes?: MemoryAttributes): Place {
    this.checkAlignment(address, element, attributes)
    const split = this.#split(address)
    const shared = split && this.#share(split.base, split.displacement, size, kind)
    if (shared) return shared
    const { host, limit, held } = this.#look(address, size, kind, split !== undefined && !this.#cpu.apart && !this.#e.nested)
    if (split && held) {
      this.#drop(kind, split.base)
      this.#lookups[kind].set(split.base, { displacement: split.displacement, size, limit, host })
    }
    return { base: local(host, I32), offset: 0 }
  }
  #share(base: number, displacement: number, size: number, kind: Kind): Place | undefined {
    const known = this.#lookups[kind].get(base)
    if (!known || this.#cpu.apart) return undefined
    const offset = displacement - known.displacement
    const reach = offset + size
    if (offset < 0 || reach > SHARED_BYTES) return undefined
    if (reach > known.size) {
      known.size = reach
      this.#patch(known.limit, PAGE_BYTES - reach)
    }
    return { base: local(known.host, I32), offset }
  }
  /** Rewrites a constant of two bytes. */
  #patch(at: number, value: number): void {
    const { bytes } = this.#e.code
    bytes[at] = (value & 127) | 128
    bytes[at + 1] = value >> 7
  }
  #look(address: Node, size: number, kind: Kind, keep: boolean): { readonly host: number; readonly limit: number; readonly held: boolean } {
    const e = this.#e
    const { code } = e
    if (this.#bank < 0) this.#bank = e.reserve(I32)
    const va = e.settle(address)
    const index = integer(I32, i32.and, wrap(integer(I64, i64.shr_u, va, const64(ENTRY_SHIFT))), const32(ENTRY_MASK))
    const entry = e.settle(integer(I32, i32.add, index, local(this.#bank, I32)))
    const tag = load(I64, OP.i64Load, entry, kind === "read" ? TLB_ENTRY.READ : TLB_ENTRY.WRITE)
    if (kind === "both") this.#cpu.leaveIf(compare(I64, i64.ne, load(I64, OP.i64Load, entry, TLB_ENTRY.READ), tag))
    const within = e.settle(integer(I64, i64.xor, va, tag))
    let limit = 0
    this.#cpu.leaveWhere(() => {
      e.value(within)
      code.byte(OP.i64Const)
      limit = code.length
      code.byte(0)
      code.byte(0)
      this.#patch(limit, PAGE_BYTES - size)
      e.opcode(i64.gt_u)
    })
    const host = keep ? e.hold(I32) : e.temporary(I32)
    e.value(integer(I32, i32.add, wrap(within), load(I32, OP.i32Load, entry, TLB_ENTRY.OFFSET)))
    e.set(host)
    return { host, limit, held: keep }
  }
  #drop(kind: Kind, base: number): void {
    const known = this.#lookups[kind].get(base)
    if (!known) return
    this.#e.giveBack(known.host)
    this.#lookups[kind].delete(base)
  }
  /** A register is about to be written: its lookups move along with a constant step, else they are void. */
  written(index: number, value: Node): void {
    const split = this.#split(value)
    for (const kind of ["read", "write", "both"] as const) {
      const known = this.#lookups[kind].get(index)
      if (!known) continue
      if (split?.base === index) known.displacement -= split.displacement
      else this.#drop(kind, index)
    }
  }
  /** The block ends. */
  forget(): void {
    for (const kind of ["read", "write", "both"] as const) for (const base of [...this.#lookups[kind].keys()]) this.#drop(kind, base)
  }
  checkAlignment(address: Node, size: number, attributes: MemoryAttributes | undefined): void {
    const rule = attributes?.aligned ?? false
    const low = (mask: number) => integer(I32, i32.and, wrap(address), const32(mask))
    if (size === 1 || (rule === false && !this.#cpu.alignmentCheck)) return
    if (rule === "quadword" && !this.#cpu.alignmentCheck) this.#cpu.leaveIf(plain(I32, i32.gt_u, low(QUADWORD - 1), const32(QUADWORD - size)))
    else this.#cpu.leaveIf(low(size - 1))
  }

  // accesses
  /** The value at an address: an integer node, or a pair of 16 bytes. */
  load(address: Node, size: number, attributes?: MemoryAttributes): Node | Pair {
    const { base, offset } = this.locate(address, size, "read", size, attributes)
    if (size === 16) return Pair.of(this.#e.settle(load(V128, v128.load, base, offset)))
    const [type, op] = LOADS[size]!
    return this.deferred(load(type, op, base, offset))
  }
  /** A load that may be computed where it is used, or as another type, as long as nothing was stored since. */
  deferred(n: Node): Node {
    this.#loads.push(n)
    return n
  }
  /** Computes the loads that are still open: something will be stored. */
  settleLoads(): void {
    for (const n of this.#loads) if (n.local < 0) this.#e.settle(n)
    this.#loads = []
  }
  instructionDone(): void {
    this.#loads = []
  }
  store(address: Node, size: number, value: Node | Pair, attributes?: MemoryAttributes): void {
    this.settleLoads()
    const place = this.locate(address, size, "write", size, attributes)
    this.put(place, size, value)
  }
  put({ base, offset }: Place, size: number, value: Node | Pair): void {
    if (value instanceof Pair) return this.#e.store(v128.store, base, value.vector, offset)
    const [op, n] = storeForm(size, value)
    this.#e.store(op, base, n, offset)
  }
  /** Reads, updates and writes one place; gives the old value. */
  update(address: Node, size: number, change: (old: Node | Pair) => Node | Pair, attributes?: MemoryAttributes): Node | Pair {
    this.settleLoads()
    const place = this.locate(address, size, "both", size, attributes)
    const old = this.get(place, size)
    this.put(place, size, change(old))
    return old
  }
  get({ base, offset }: Place, size: number): Node | Pair {
    const [type, op] = size === 16 ? [V128, v128.load] : LOADS[size]!
    const n = this.#e.settle(load(type, op, base, offset))
    return size === 16 ? Pair.of(n) : n
  }

  // vectors
  /** `lanes` elements, `stride` elements apart. */
  loadLanes(address: Node, bits: number, lanes: number, stride: number): Chunks {
    const size = bits / 8
    const span = ((lanes - 1) * stride + 1) * size
    const { base, offset } = this.locate(address, span, "read", size)
    if (stride === 1 && span === 8) return new Chunks(bits, lanes, [this.deferred(load(V128, v128.load64Zero, base, offset))])
    if (stride === 1 && span % 16 === 0) {
      return new Chunks(
        bits,
        lanes,
        Array.from({ length: span / 16 }, (_, q) => this.deferred(load(V128, v128.load, base, offset + 16 * q)))
      )
    }
    const perChunk = 128 / bits
    const chunks = Array.from({ length: Math.ceil(lanes / perChunk) }, (_, q) => {
      let chunk = zero128()
      for (let i = 0; i < perChunk && q * perChunk + i < lanes; i++) {
        chunk = loadLane(column(bits), base, chunk, offset + (q * perChunk + i) * stride * size, i)
      }
      return this.deferred(chunk)
    })
    return new Chunks(bits, lanes, chunks)
  }
  storeLanes(address: Node, source: Chunks, lanes: number, stride: number): void {
    this.settleLoads()
    const { bits, chunks } = source
    const size = bits / 8
    const span = ((lanes - 1) * stride + 1) * size
    const { base, offset } = this.locate(address, span, "write", size)
    if (stride === 1 && span % 16 === 0) {
      for (let q = 0; q < span / 16; q++) this.#e.store(v128.store, base, chunks[q]!, offset + 16 * q)
      return
    }
    if (stride === 1 && span === 8) return this.#e.storeLane(3, base, chunks[0]!, offset, 0)
    const perChunk = 128 / bits
    for (let i = 0; i < lanes; i++) {
      this.#e.storeLane(column(bits), base, chunks[Math.floor(i / perChunk)]!, offset + i * stride * size, i % perChunk)
    }
  }
}

/** The store instruction for a value, without work that it does anyway. */
const storeForm = (size: number, value: Node): readonly [op: number, value: Node] => {
  if (value.op === OP.i64ReinterpretF64 && size === 8) return [OP.f64Store, value.a!]
  if (value.op === OP.i32ReinterpretF32 && size === 4) return [OP.f32Store, value.a!]
  const mask = size < 4 && value.op === i32.and ? smallConstant(value.b!) : undefined
  const all = 2 ** (8 * size) - 1
  return [STORES[size]!, mask !== undefined && (mask & all) === all ? value.a! : value]
}
