/** Which instructions a region has, and how its blocks follow each other. */
import type { Operation } from "../decode-cache.ts"
import { Unlowered } from "./values.ts"
import type { Terminator, WasmCpu } from "./wasm-cpu.ts"

/** Offsets are bytes from the region's first instruction. */
export interface Code {
  /** The word at an offset; undefined where the region must not go: another translation, a fault, too far. */
  at(offset: number): Operation | undefined
  /** Whether the interpreter must do this word: a gate traps it, or it has no lowering. */
  stops(operation: Operation): boolean
}
export interface Block {
  readonly offset: number
  readonly operations: readonly Operation[]
  /** Offset after the last instruction. */
  readonly end: number
  /** How the last instruction ends it; `fall`: it does not; `stop`: the instruction at `end` is the interpreter's; `cut`: the region ends here. */
  readonly kind: "jump" | "if" | "indirect" | "fall" | "stop" | "cut"
  /** It ends with a call, or with a branch to the link register. */
  readonly isCall: boolean
  readonly isReturn: boolean
  /** Offsets of blocks of the region that may follow. */
  successors: number[]
}

/** Return sites that one return is compared with. */
const MAXIMUM_RETURN_SITES = 32

interface Found {
  readonly operation: Operation
  readonly terminator: Terminator | undefined
}

/** Follows direct branches and calls from the first instruction, nearest first, until `limit` instructions are found. */
export const discover = (code: Code, cpu: WasmCpu, limit: number): Block[] => {
  const found = new Map<number, Found>()
  const leaders = new Set<number>([0])
  const work = [0]
  const lead = (offset: number): void => {
    if (leaders.has(offset)) return
    leaders.add(offset)
    work.push(offset)
  }
  for (let next = work.shift(); next !== undefined; next = work.shift()) {
    for (let offset = next; !found.has(offset) && found.size < limit; offset += 4) {
      const operation = code.at(offset)
      if (!operation || code.stops(operation)) break
      const terminator = operation.endsBlock ? terminatorOf(cpu, operation, offset) : undefined
      if (operation.endsBlock && !terminator) break
      found.set(offset, { operation, terminator })
      if (!terminator) continue
      if (terminator.kind !== "indirect") lead(terminator.target)
      if (terminator.kind === "if") lead(offset + 4)
      if (terminator.kind === "jump" && terminator.link) lead(offset + 4)
      break
    }
  }
  return blocksOf(code, found, leaders)
}

/** What a branch does, by running its declaration and forgetting what it emitted. */
const terminatorOf = (cpu: WasmCpu, operation: Operation, offset: number): Terminator | undefined => {
  const mark = cpu.e.mark()
  cpu.begin(offset, 0, false)
  try {
    operation.instruction!.declaration.execute(cpu, operation.fields)
    return cpu.terminator
  } catch (error) {
    if (error instanceof Unlowered) return undefined
    throw error
  } finally {
    cpu.abandon()
    cpu.e.rewind(mark)
  }
}

const blocksOf = (code: Code, found: ReadonlyMap<number, Found>, leaders: ReadonlySet<number>): Block[] => {
  const blocks = new Map<number, Block>()
  for (const offset of leaders) {
    if (!found.has(offset)) continue
    const operations: Operation[] = []
    let end = offset
    let last: Terminator | undefined
    do {
      const { operation, terminator } = found.get(end)!
      operations.push(operation)
      last = terminator
      end += 4
    } while (!last && found.has(end) && !leaders.has(end))
    blocks.set(offset, { offset, operations, end, ...ending(code, last, end, found) })
  }
  linkReturns(blocks)
  for (const block of blocks.values()) block.successors = [...new Set(block.successors)].filter((offset) => blocks.has(offset))
  return [...blocks.values()]
}
type Ending = Pick<Block, "kind" | "isCall" | "isReturn" | "successors">
const ending = (code: Code, last: Terminator | undefined, end: number, found: ReadonlyMap<number, Found>): Ending => {
  const plain = { isCall: false, isReturn: false }
  switch (last?.kind) {
    case "jump":
      return { kind: "jump", isCall: last.link, isReturn: false, successors: [last.target] }
    case "if":
      return { kind: "if", ...plain, successors: [last.target, end] }
    case "indirect":
      return { kind: "indirect", isCall: false, isReturn: last.isReturn, successors: [] }
  }
  if (found.has(end)) return { kind: "fall", ...plain, successors: [end] }
  const next = code.at(end)
  return { kind: next && (next.endsBlock || code.stops(next)) ? "stop" : "cut", ...plain, successors: [] }
}

/** A return goes on after one of the calls of its function: the code reached from a call's target without following calls in it. */
const linkReturns = (blocks: ReadonlyMap<number, Block>): void => {
  const sites = new Map<number, number[]>()
  for (const block of blocks.values()) {
    if (!block.isCall) continue
    const entry = block.successors[0]!
    const known = sites.get(entry)
    if (known) known.push(block.end)
    else sites.set(entry, [block.end])
  }
  for (const [entry, after] of sites) {
    for (const block of functionAt(entry, blocks)) {
      if (block.isReturn && block.successors.length + after.length <= MAXIMUM_RETURN_SITES) block.successors.push(...after)
    }
  }
}
const functionAt = (entry: number, blocks: ReadonlyMap<number, Block>): readonly Block[] => {
  const seen = new Set<Block>()
  const work = [entry]
  for (let offset = work.pop(); offset !== undefined; offset = work.pop()) {
    const block = blocks.get(offset)
    if (!block || seen.has(block)) continue
    seen.add(block)
    if (block.isCall) work.push(block.end)
    else if (!block.isReturn) work.push(...block.successors)
  }
  return [...seen]
}
