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
  /** Offsets of blocks of the region that may follow. */
  successors: number[]
}

/** Return sites that one return is compared with. */
const MAXIMUM_RETURN_SITES = 8

interface Found {
  readonly operation: Operation
  readonly terminator: Terminator | undefined
}

/** Follows direct branches and calls from the first instruction, nearest first, until `limit` instructions are found. */
export const discover = (code: Code, cpu: WasmCpu, limit: number): Block[] => {
  const found = new Map<number, Found>()
  const leaders = new Set<number>([0])
  const returnSites: number[] = []
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
      if (terminator.kind === "jump" && terminator.link) {
        lead(offset + 4)
        returnSites.push(offset + 4)
      }
      break
    }
  }
  return blocksOf(code, found, leaders, returnSites.slice(0, MAXIMUM_RETURN_SITES))
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

const blocksOf = (code: Code, found: ReadonlyMap<number, Found>, leaders: ReadonlySet<number>, returnSites: readonly number[]): Block[] => {
  const blocks: Block[] = []
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
    blocks.push({ offset, operations, end, ...ending(code, last, end, found, returnSites) })
  }
  const known = new Set(blocks.map((b) => b.offset))
  for (const block of blocks) block.successors = [...new Set(block.successors)].filter((offset) => known.has(offset))
  return blocks
}
const ending = (
  code: Code,
  last: Terminator | undefined,
  end: number,
  found: ReadonlyMap<number, Found>,
  returnSites: readonly number[]
): Pick<Block, "kind" | "successors"> => {
  switch (last?.kind) {
    case "jump":
      return { kind: "jump", successors: [last.target] }
    case "if":
      return { kind: "if", successors: [last.target, end] }
    case "indirect":
      return { kind: "indirect", successors: last.isReturn ? [...returnSites] : [] }
  }
  if (found.has(end)) return { kind: "fall", successors: [end] }
  const next = code.at(end)
  return { kind: next && (next.endsBlock || code.stops(next)) ? "stop" : "cut", successors: [] }
}
