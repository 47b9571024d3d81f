/** Pure helpers of instructions as imports of generated code. */
import type { Helper, Kind } from "@eltwo/isa"
import { PE } from "../layout.ts"
import type { Emitter } from "./emitter.ts"
import { runtimeImports } from "./imports.ts"
import type { Import } from "./module.ts"
import { asBits, const32, extendU, load, local, type Node, wrap } from "./node.ts"
import { I32, I64, OP, V128, v128 } from "./opcodes.ts"
import { block } from "./registers.ts"
import { Chunks, unlowered } from "./values.ts"

type AnyHelper = Helper<readonly Kind[], Kind>
/** Bytes of scratch memory for each vector operand, and for the result. */
const SLOT = 256

/**
 * The helpers that generated code has called so far: they are imported after the runtime's functions, in this order.
 * An import takes the block's address, then for each operand a number, a doubleword, or the length in bytes of the vector in its scratch slot.
 */
export class HelperTable {
  readonly #list: AnyHelper[] = []
  readonly #imports: Import[] = []
  readonly #memory: Uint8Array

  constructor(memory: WebAssembly.Memory) {
    this.#memory = new Uint8Array(memory.buffer)
  }
  /** What a module with all of them imports. */
  get imports(): readonly Import[] {
    return [...runtimeImports, ...this.#imports]
  }
  /** The function index of a helper. */
  indexOf(helper: AnyHelper): number {
    let at = this.#list.indexOf(helper)
    if (at < 0) {
      at = this.#list.push(helper) - 1
      const parameters = [I32, ...helper.takes.map((kind) => (kind === "doubleword" ? I64 : I32))]
      const results = helper.gives === "doubleword" ? [I64] : helper.gives === "word" || helper.gives === "number" ? [I32] : []
      this.#imports.push({ name: `h${at}`, signature: { parameters, results } })
    }
    return runtimeImports.length + at
  }
  /** The functions behind the imports. */
  functions(): Record<string, CallableFunction> {
    return Object.fromEntries(this.#list.map((helper, i) => [`h${i}`, this.#callable(helper)]))
  }
  #callable(helper: AnyHelper): CallableFunction {
    const { takes, gives } = helper
    const memory = this.#memory
    const run = helper.run as unknown as (host: undefined, ...operands: unknown[]) => unknown
    return (base: number, ...passed: (number | bigint)[]): unknown => {
      const scratch = base + PE.SCRATCH
      const operands = takes.map((kind, i) => {
        const x = passed[i]!
        if (kind === "vector" || kind === "predicate") return memory.slice(scratch + SLOT * (i + 1), scratch + SLOT * (i + 1) + Number(x))
        return kind === "doubleword" ? BigInt.asUintN(64, x as bigint) : (x as number) >>> 0
      })
      const result = run(undefined, ...operands)
      if (gives !== "vector") return result
      memory.fill(0, scratch, scratch + SLOT)
      memory.set(result as Uint8Array, scratch)
      return undefined
    }
  }
}

/** Emits the call of a pure helper. A vector it gives is at least as long as a V register; what it leaves out is zero. */
export const callHelper = (e: Emitter, table: HelperTable, helper: AnyHelper, operands: readonly unknown[]): Node | Chunks | undefined => {
  if (!helper.pure || helper.takes.includes("predicate") || helper.gives === "predicate") return unlowered(`helper ${helper.name}`)
  const lengths = helper.takes.map((kind, i) => (kind === "vector" ? storeVector(e, operands[i] as Chunks, SLOT * (i + 1)) : 0))
  e.get(0)
  helper.takes.forEach((kind, i) => {
    if (kind === "number") e.value(const32(operands[i] as number))
    else if (kind === "vector") e.value(const32(lengths[i]!))
    else e.value(kind === "word" ? wrap(asBits(operands[i] as Node)) : extendU(asBits(operands[i] as Node)))
  })
  e.code.byte(OP.call)
  e.code.unsigned(table.indexOf(helper))
  if (helper.gives === "none") return undefined
  if (helper.gives === "vector") {
    const chunks = Math.max(1, ...lengths.map((bytes) => bytes / 16))
    const settled = Array.from({ length: chunks }, (_, q) => e.settle(load(V128, v128.load, block(), PE.SCRATCH + 16 * q)))
    return new Chunks(8, 16 * chunks, settled)
  }
  const type = helper.gives === "doubleword" ? I64 : I32
  const result = e.temporary(type)
  e.set(result)
  return local(result, type)
}
/** Puts a vector into a scratch slot; gives its length in bytes. */
const storeVector = (e: Emitter, vector: Chunks, slot: number): number => {
  vector.chunks.forEach((chunk, q) => {
    e.store(v128.store, block(), chunk, PE.SCRATCH + slot + 16 * q)
  })
  return (vector.count * vector.bits) / 8
}
