/** Translates a region: the blocks reached from one instruction become one WebAssembly function. */
import { LEAVE, PE } from "../layout.ts"
import { type Block, type Code, discover } from "./discover.ts"
import { Emitter } from "./emitter.ts"
import type { Exit } from "./exits.ts"
import type { HelperTable } from "./helpers.ts"
import { localDeclarations, type Signature } from "./module.ts"
import { compare, const32, const64, load, local, type Node } from "./node.ts"
import { I32, I64, i32, i64, OP } from "./opcodes.ts"
import { block as blockAddress, type Knowledge, NOTHING_KNOWN } from "./registers.ts"
import { type Structure, structureOf } from "./structure.ts"
import { Unlowered } from "./values.ts"
import { type TranslationState, WasmCpu } from "./wasm-cpu.ts"
import { Writer } from "./writer.ts"

/** So few return sites are compared one after the other. */
const LINEAR_SEARCH = 2

/**
 * Takes the block's address and two floors; gives the number of the exit taken. A branch back leaves when fewer instructions than its floor are
 * left: the first one where it goes back to the region's first block, the second one elsewhere. Neither floor may be below `least`.
 */
export const REGION_SIGNATURE: Signature = { parameters: [I32, I32, I32], results: [I32] }
const FIRST_FLOOR = 1
const OTHER_FLOOR = 2

export interface Region {
  readonly code: Writer
  readonly exits: readonly Exit[]
  /** Instructions the budget must cover for the function to be entered, and for each turn of its loops. */
  readonly least: number
  readonly instructions: number
  /** Offsets of its instructions. */
  readonly offsets: readonly number[]
}
/** The lowering of a word failed: the region must be translated again without it. */
export interface Failure {
  readonly word: number
  readonly name: string
  readonly reason: string
}
export interface RegionOptions {
  readonly code: Code
  readonly state: TranslationState
  readonly helpers: HelperTable
  /** Most instructions of a region. */
  readonly limit: number
  /** Whether the accesses of the instruction at an offset are looked up one by one. */
  apart(offset: number): boolean
}

/** Undefined: not even the first instruction can be translated. */
export const translateRegion = (options: RegionOptions): Region | Failure | undefined => {
  const cpu = new WasmCpu(options.state, options.helpers)
  const blocks = discover(options.code, cpu, options.limit)
  if (blocks.length === 0) return undefined
  return new RegionWriter(cpu, structureOf(blocks), options).write()
}

class RegionWriter {
  readonly #cpu: WasmCpu
  readonly #e: Emitter
  readonly #structure: Structure
  readonly #options: RegionOptions
  readonly #budget: number
  /** For blocks that are branch targets at this place: depth within the WebAssembly block or loop that stands for them. */
  readonly #merges = new Map<number, number>()
  readonly #loops = new Map<number, number>()

  constructor(cpu: WasmCpu, structure: Structure, options: RegionOptions) {
    this.#cpu = cpu
    this.#e = cpu.e
    this.#structure = structure
    this.#options = options
    this.#budget = this.#e.reserve(I32)
  }

  write(): Region | Failure {
    const e = this.#e
    const cpu = this.#cpu
    e.blockGiving(I32)
    cpu.exitDepth = e.depth
    try {
      this.#tree(0, NOTHING_KNOWN)
    } catch (error) {
      if (!(error instanceof Unlowered)) throw error
      return { word: this.#current.word, name: this.#current.instruction?.name ?? "", reason: error.message }
    }
    e.code.byte(OP.unreachable)
    e.end()
    this.#epilogue()
    const code = new Writer(e.code.length + 512)
    const prologue = new Emitter(REGION_SIGNATURE.parameters.length)
    cpu.registers.load(prologue)
    cpu.memory.prologue(prologue)
    prologue.value(load(I32, OP.i32Load, blockAddress(), PE.BUDGET))
    prologue.set(this.#budget)
    code.append(localDeclarations(e.locals))
    code.append(prologue.code)
    code.append(e.code)
    const { order } = this.#structure
    const instructions = order.reduce((sum, b) => sum + b.operations.length, 0)
    return {
      offsets: order.flatMap(({ offset, operations }) => operations.map((_, i) => offset + 4 * i)),
      code,
      exits: cpu.exits,
      least: this.#structure.longestPath.reduce((x, y) => Math.max(x, y)),
      instructions
    }
  }
  #current: { readonly word: number; readonly instruction: { readonly name: string } | undefined } = { word: 0, instruction: undefined }

  #epilogue(): void {
    const e = this.#e
    const exit = e.reserve(I32)
    e.set(exit)
    this.#cpu.registers.store(e)
    e.store(OP.i32Store, blockAddress(), local(this.#budget, I32), PE.BUDGET)
    e.get(exit)
  }

  /** A block and all blocks it dominates. Those that several branches enter follow it, each after the end of a WebAssembly block around what goes before. */
  #tree(b: number, known: Knowledge): void {
    const { children, isLoop, isMerge } = this.#structure
    const merges = children[b]!.filter((child) => isMerge[child]).sort((x, y) => y - x)
    if (!isLoop[b]) return this.#within(b, merges, 0, known)
    this.#e.loop()
    this.#loops.set(b, this.#e.depth)
    this.#within(b, merges, 0, NOTHING_KNOWN)
    this.#e.end()
  }
  #within(b: number, merges: readonly number[], index: number, known: Knowledge): void {
    if (index === merges.length) return this.#body(b, known)
    const merge = merges[index]!
    this.#e.block()
    this.#merges.set(merge, this.#e.depth)
    this.#within(b, merges, index + 1, known)
    this.#e.end()
    this.#tree(merge, NOTHING_KNOWN)
  }

  #body(b: number, known: Knowledge): void {
    const block = this.#structure.order[b]!
    const { operations } = block
    const cpu = this.#cpu
    cpu.registers.knowledge = known
    this.#charge(operations.length)
    operations.forEach((operation, i) => {
      const offset = block.offset + 4 * i
      this.#current = operation
      cpu.begin(offset, operations.length - i, this.#options.apart(offset))
      operation.instruction!.declaration.execute(cpu, operation.fields)
      cpu.finish()
      if (i < operations.length - 1) this.#e.releaseTemporaries()
    })
    cpu.blockDone()
    this.#leaveBlock(b, block)
  }
  /** Takes a block's instructions off the budget. */
  #charge(count: number): void {
    const e = this.#e
    e.get(this.#budget)
    e.value(const32(count))
    e.opcode(i32.sub)
    e.set(this.#budget)
  }
  #leaveBlock(b: number, block: Block): void {
    const e = this.#e
    const cpu = this.#cpu
    const { terminator } = cpu
    const known = cpu.registers.knowledge
    if (!terminator) {
      e.releaseTemporaries()
      if (block.kind === "stop") return this.#exit(LEAVE.interpret, block.end)
      if (block.kind === "cut") return this.#exit(LEAVE.next, block.end)
      return this.#go(b, block.next, block.end, known)
    }
    switch (terminator.kind) {
      case "jump":
        e.releaseTemporaries()
        return this.#go(b, block.target, terminator.target, known)
      case "if":
        this.#if(terminator.condition, () => this.#go(b, block.target, terminator.target, known))
        return this.#go(b, block.next, block.end, known)
      case "indirect":
        return this.#indirect(b, block, terminator.target, known)
    }
  }
  /** Control flow between blocks: unlike the emitter's `if`, other instructions follow within. */
  #if(condition: Node, then: () => void): void {
    const e = this.#e
    e.value(condition)
    e.releaseTemporaries()
    e.code.byte(OP.if)
    e.code.byte(0x40)
    e.depth++
    then()
    e.end()
  }
  #indirect(b: number, block: Block, target: Node, known: Knowledge): void {
    const e = this.#e
    const address = e.hold(I64)
    e.value(target)
    e.set(address)
    e.releaseTemporaries()
    const { order, position } = this.#structure
    const sites = block.returns.map((key) => order[position.get(key)!]!).sort((x, y) => x.offset - y.offset)
    this.#choose(b, local(address, I64), sites, known)
    e.store(OP.i64Store, blockAddress(), local(address, I64), PE.PC)
    e.giveBack(address)
    this.#leave(this.#cpu.exit(LEAVE.next, undefined, 0))
  }
  /** Goes on at that of the blocks whose address it is; falls through if it is none. */
  #choose(b: number, address: Node, sites: readonly Block[], known: Knowledge): void {
    const at = ({ offset }: Block): Node => const64(this.#options.state.start + BigInt(offset))
    if (sites.length <= LINEAR_SEARCH) {
      for (const site of sites) this.#if(compare(I64, i64.eq, address, at(site)), () => this.#go(b, site.key, site.offset, known))
      return
    }
    const middle = sites.length >> 1
    this.#if(compare(I64, i64.lt_u, address, at(sites[middle]!)), () => this.#choose(b, address, sites.slice(0, middle), known))
    this.#choose(b, address, sites.slice(middle), known)
  }
  #exit(leave: LEAVE, offset: number): void {
    this.#leave(this.#cpu.exit(leave, offset, 0))
  }
  #leave(exit: number): void {
    this.#e.value(const32(exit))
    this.#e.branch(this.#cpu.exitDepth)
  }
  /** From the end of block `from` to the block of that key; undefined: to the instruction at `offset`, outside the region. */
  #go(from: number, key: number | undefined, offset: number, known: Knowledge): void {
    const { position, isBack, isIrreducible, isMerge, entries } = this.#structure
    const to = key === undefined ? undefined : position.get(key)
    if (to === undefined || isIrreducible(from, to)) return this.#exit(LEAVE.next, offset)
    if (isBack(from, to)) {
      const floor = local(to === 0 ? FIRST_FLOOR : OTHER_FLOOR, I32)
      this.#if(compare(I32, i32.lt_s, local(this.#budget, I32), floor), () => this.#exit(LEAVE.budget, offset))
      return this.#e.branch(this.#loops.get(to)!)
    }
    if (isMerge[to]) return this.#e.branch(this.#merges.get(to)!)
    this.#tree(to, entries[to] === 1 ? known : NOTHING_KNOWN)
  }
}
