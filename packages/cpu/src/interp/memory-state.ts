import type { MemoryAttributes } from "@eltwo/isa"
import { stackAlignmentFault } from "../exception.ts"
import { PE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { DataMemory } from "./data-memory.ts"
import { type Bits, type IntegerType, integerType } from "./integers.ts"
import { type LaneType, VectorState } from "./vector-state.ts"
import { Lanes, type Mask, zeroOf } from "./vectors.ts"

/** The builder's VectorAccess. */
export interface LaneAccess {
  readonly memory: IntegerType
  readonly where?: Mask
  readonly lanes?: number
  readonly stride?: number
  readonly fault?: "precise" | "first" | "none"
}
const FFR = PE.P + 16 * 32
const FFR_BYTES = 32
const SP_MISALIGNED = 15n

/** Loads and stores. Addresses are 64-bit patterns. */
export class MemoryState extends VectorState {
  readonly memory: DataMemory

  constructor(pe: Pe) {
    super(pe)
    this.memory = new DataMemory(pe)
  }

  load(type: IntegerType, address: Bits, attributes?: MemoryAttributes): Bits {
    if (this.operation.stackBase) this.#checkStack()
    return this.memory.load(type.bits >> 3, address as bigint, attributes)
  }
  store(type: IntegerType, address: Bits, value: Bits, attributes?: MemoryAttributes): void {
    if (this.operation.stackBase) this.#checkStack()
    this.memory.store(type.bits >> 3, address as bigint, value, attributes)
  }
  atomic(type: IntegerType, address: Bits, update: (old: Bits) => Bits, attributes?: MemoryAttributes): Bits {
    if (this.operation.stackBase) this.#checkStack()
    return this.memory.atomic(type.bits >> 3, address as bigint, update, attributes)
  }
  storeExclusive(type: IntegerType, address: Bits, value: Bits, attributes?: MemoryAttributes): Bits {
    if (this.operation.stackBase) this.#checkStack()
    return this.memory.storeExclusive(type.bits >> 3, address as bigint, value, attributes) ? 0 : 1
  }
  /** CheckSPAlignment. */
  #checkStack(): void {
    const { pe } = this
    if (pe.stackAlignmentCheck && (pe.x[31]! & SP_MISALIGNED) !== 0n) throw stackAlignmentFault(pe)
  }

  loadVector(type: LaneType, address: Bits | Lanes, access: LaneAccess): Lanes {
    if (this.operation.stackBase) this.#checkStack()
    const { memory, where, fault = "precise" } = access
    const count = address instanceof Lanes ? address.lanes.length : (access.lanes ?? this.pe.vectorBits / type.bits)
    const size = memory.bits >> 3
    const lanes = new Array<Bits>(count)
    const widen = memory.bits === type.bits ? undefined : integerType(type.bits, false)
    const run = address instanceof Lanes || where || fault !== "precise" ? -1 : this.#run(address as bigint, size, count, access.stride, "read")
    const zero = zeroOf(type.bits)
    let first = true
    for (let i = 0; i < count; i++) {
      if (where && !where.lanes[i]) {
        lanes[i] = zero
        continue
      }
      const at = run < 0 ? addressOf(address, i, size, access.stride) : 0n
      const suppressed = fault === "none" || (fault === "first" && !first)
      const loaded = run >= 0 ? this.memory.at(run, size, i) : suppressed ? this.memory.loadQuietly(size, at) : this.memory.load(size, at)
      first = false
      if (loaded === undefined) {
        this.#failFrom(i * (type.bits >> 3))
        return new Lanes(type.bits, lanes.fill(zero, i))
      }
      lanes[i] = widen ? widen.from(loaded, memory) : loaded
    }
    return new Lanes(type.bits, lanes)
  }
  storeVector(source: Lanes, address: Bits | Lanes, access: LaneAccess): void {
    if (this.operation.stackBase) this.#checkStack()
    const { memory, where } = access
    const size = memory.bits >> 3
    const count = Math.min(source.lanes.length, access.lanes ?? source.lanes.length)
    const run = address instanceof Lanes || where ? -1 : this.#run(address as bigint, size, count, access.stride, "write")
    for (let i = 0; i < count; i++) {
      if (where && !where.lanes[i]) continue
      const value = memory.bits === source.bits ? source.lanes[i]! : memory.wrap(source.lanes[i]!)
      if (run >= 0) this.memory.putAt(run, size, i, value)
      else this.memory.store(size, addressOf(address, i, size, access.stride), value)
    }
  }
  /** Where `count` neighbouring elements are in the machine's memory if one look at the TLB settles them all, else -1. */
  #run(address: bigint, size: number, count: number, stride: number | undefined, access: "read" | "write"): number {
    if (stride !== undefined && stride !== 1) return -1
    return access === "read" ? this.memory.readable(address, size * count) : this.memory.writable(address, size * count)
  }
  /** FFR: all bits from that byte of the vector on are false. */
  #failFrom(byte: number): void {
    const bits = this.pe.bytes.slice(FFR, FFR + FFR_BYTES)
    bits[byte >> 3]! &= (1 << (byte & 7)) - 1
    bits.fill(0, (byte >> 3) + 1)
    this.vectorWrites.add(FFR, 8, 1, [...bits])
  }
}

/** Address of element `index`: its own, or `stride` elements from the one before. */
const addressOf = (address: Bits | Lanes, index: number, size: number, stride = 1): bigint =>
  address instanceof Lanes ? BigInt(address.lanes[index]!) : BigInt.asUintN(64, (address as bigint) + BigInt(index * size * stride))
