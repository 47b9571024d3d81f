import type { Concrete, Exception, Helper, Host, Kind, MemoryAttributes, SystemOperation } from "@eltwo/isa"
import type { Pe } from "../pe.ts"
import { nextRandom } from "../random.ts"
import type { DataMemory } from "./data-memory.ts"
import type { Bits } from "./integers.ts"
import { bytesOf, type Lanes, lanesOf, type Mask, maskOf, predicateBytes } from "./vectors.ts"

/** What the host asks of the engine beyond registers and memory. */
export interface Services {
  system(operation: SystemOperation, operand: bigint): void
  writePstate(op1: number, op2: number, immediate: number): void
  maintain(encoding: number, operand: bigint): bigint
  raise(exception: Exception | "memoryCopy", syndrome: number): never
}

/** The machine as helpers see it: concrete values, immediate writes. */
export class ConcreteHost implements Host {
  readonly #pe: Pe
  readonly #memory: DataMemory
  readonly #services: Services

  constructor(pe: Pe, memory: DataMemory, services: Services) {
    this.#pe = pe
    this.#memory = memory
    this.#services = services
  }
  get vectorBits(): number {
    return this.#pe.vectorBits
  }
  get address(): bigint {
    return this.#pe.pc
  }
  X(n: number): bigint {
    return n === 31 ? 0n : this.#pe.x[n]!
  }
  writeX(n: number, value: bigint): void {
    if (n !== 31) this.#pe.x[n] = value
  }
  flags(): number {
    return this.#pe.flags
  }
  writeFlags(nzcv: number): void {
    this.#pe.flags = nzcv & 15
  }
  load(bytes: number, address: bigint, attributes?: MemoryAttributes): bigint {
    return BigInt(this.#memory.load(bytes, BigInt.asUintN(64, address), attributes))
  }
  store(bytes: number, address: bigint, value: bigint, attributes?: MemoryAttributes): void {
    const pattern = BigInt.asUintN(8 * bytes, value)
    this.#memory.store(bytes, BigInt.asUintN(64, address), bytes <= 4 ? Number(pattern) : pattern, attributes)
  }
  copy(to: bigint, from: bigint, bytes: number, writing?: MemoryAttributes, reading?: MemoryAttributes): void {
    this.#memory.copy(BigInt.asUintN(64, to), BigInt.asUintN(64, from), bytes, writing, reading)
  }
  fill(address: bigint, value: bigint, bytes: number, attributes?: MemoryAttributes): void {
    this.#memory.fill(BigInt.asUintN(64, address), value, bytes, attributes)
  }
  system(operation: SystemOperation, operand: bigint): void {
    this.#services.system(operation, operand)
  }
  writePstate(op1: number, op2: number, immediate: number): void {
    this.#services.writePstate(op1, op2, immediate)
  }
  maintain(encoding: number, operand: bigint): bigint {
    return this.#services.maintain(encoding, operand)
  }
  random(): bigint {
    return nextRandom(this.#pe)
  }
  raise(exception: Exception | "memoryCopy", syndrome: number): never {
    return this.#services.raise(exception, syndrome)
  }
}

/** What the engine hands around for each kind of operand. */
type Node = Bits | Lanes | Mask | undefined
const concrete = (kind: Kind, node: Node): Concrete[Kind] => {
  switch (kind) {
    case "number":
    case "word":
      return Number(node as Bits)
    case "doubleword":
      return BigInt(node as Bits)
    case "vector":
      return bytesOf(node as Lanes)
    case "predicate":
      return predicateBytes(node as Mask)
    case "none":
      return undefined
  }
}
const node = (kind: Kind, result: Concrete[Kind]): Node => {
  switch (kind) {
    case "number":
    case "word":
      return (result as number) >>> 0
    case "doubleword":
      return BigInt.asUintN(64, result as bigint)
    case "vector":
      return lanesOf(result as Uint8Array, 8)
    case "predicate":
      return maskOf(result as Uint8Array, 8, (result as Uint8Array).length * 8)
    case "none":
      return undefined
  }
}
/** Runs a helper on an engine's nodes. A vector it gives has elements of 8 bits. */
export const callHelper = (host: Host, helper: Helper<readonly Kind[], Kind>, nodes: readonly Node[]): Node => {
  const operands = nodes.map((operand, i) => concrete(helper.takes[i]!, operand))
  return node(helper.gives, helper.run(host, ...operands))
}
