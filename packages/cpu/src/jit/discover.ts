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
  /** Whether another region begins at an offset, so that this one need not go on there. */
  isEntry(offset: number): boolean
  /** Where the indirect branch at an offset has been seen to go most of the time. */
  targets(offset: number): readonly number[]
}
export interface Block {
  /** Names the block: its code may be there several times, once for each call of its function. */
  readonly key: number
  readonly offset: number
  readonly operations: readonly Operation[]
  /** Offset after the last instruction. */
  readonly end: number
  /** Where the last instruction leads; `fall`: to the next; `stop`: the instruction at `end` is the interpreter's; `cut`: the region ends here. */
  readonly kind: "jump" | "if" | "indirect" | "fall" | "stop" | "cut"
  /** Keys of the blocks that follow: where the branch goes, then where it does not. Undefined: outside the region. */
  readonly target: number | undefined
  readonly next: number | undefined
  /** Of an indirect branch: where it may go. */
  readonly returns: readonly number[]
}
export const successorsOf = (block: Block): readonly number[] => {
  const direct = [block.target, block.next].filter((key): key is number => key !== undefined)
  return [...new Set([...direct, ...block.returns])]
}

/** Return sites that one return is compared with. */
const MAXIMUM_RETURN_SITES = 32
/** Functions of so many instructions at most are copied for each call. */
const SMALL_FUNCTION = 48
/** Copies within copies. */
const MAXIMUM_DEPTH = 4

/** One activation of a function: a copy for one call, or the code shared by all calls that have no copy. */
interface Activation {
  readonly id: number
  readonly depth: number
  /** Keys of the blocks after its calls. */
  readonly sites: number[]
  /** Those of them that are in the region, once all of it is known. */
  taken: readonly number[] | undefined
}
interface Found {
  readonly operation: Operation
  readonly terminator: Terminator | undefined
}

/** Offsets a region may have, in words: keys stay small integers. What is farther away has no block. */
const OFFSETS = 2 ** 16
const FAR = -1
const keyOf = (activation: Activation, offset: number): number => {
  const position = (offset >> 2) + OFFSETS / 2
  return position >= 0 && position < OFFSETS ? activation.id * OFFSETS + position : FAR
}
const callOf = (activation: Activation, offset: number, target: number): string => `${activation.id} ${offset} ${target}`

/** Follows direct branches and calls from the first instruction, nearest first, until `limit` instructions are found. */
export const discover = (code: Code, cpu: WasmCpu, limit: number): Block[] => new Discovery(code, cpu, limit).blocks()

class Discovery {
  readonly #code: Code
  readonly #cpu: WasmCpu
  readonly #limit: number
  readonly #found = new Map<number, Found | undefined>()
  readonly #activations: Activation[] = []
  /** Activations shared by all calls of a function that is not copied, by its entry. */
  readonly #shared = new Map<number, Activation>()
  readonly #small = new Map<number, boolean>()
  /** Instructions of the region, and the first ones of its blocks. */
  readonly #taken = new Set<number>()
  readonly #leaders = new Map<number, { readonly activation: Activation; readonly offset: number }>()
  readonly #work: number[] = []
  /** Activation that each call enters. */
  readonly #calls = new Map<string, Activation>()

  constructor(code: Code, cpu: WasmCpu, limit: number) {
    this.#code = code
    this.#cpu = cpu
    this.#limit = limit
  }

  blocks(): Block[] {
    const root = this.#activate(0)
    this.#shared.set(0, root)
    this.#lead(root, 0)
    for (let key = this.#work.shift(); key !== undefined; key = this.#work.shift()) {
      const { activation, offset } = this.#leaders.get(key)!
      this.#follow(activation, offset)
    }
    this.#joinRoot(root)
    const out: Block[] = []
    for (const [key, { activation, offset }] of this.#leaders) if (this.#taken.has(key)) out.push(this.#block(activation, offset))
    return out
  }
  /** A region that begins within a function returns to where the calls of that function do. */
  #joinRoot(root: Activation): void {
    for (const shared of this.#shared.values()) if (shared !== root && this.#taken.has(keyOf(shared, 0))) root.sites.push(...shared.sites)
  }
  #activate(depth: number): Activation {
    const activation: Activation = { id: this.#activations.length, depth, sites: [], taken: undefined }
    this.#activations.push(activation)
    return activation
  }
  #lead(activation: Activation, offset: number): void {
    const key = keyOf(activation, offset)
    if (key === FAR || this.#leaders.has(key) || this.#code.isEntry(offset)) return
    this.#leaders.set(key, { activation, offset })
    this.#work.push(key)
  }
  /** The instruction at an offset; undefined where the region ends. */
  #at(offset: number): Found | undefined {
    if (this.#found.has(offset)) return this.#found.get(offset)
    const found = this.#look(offset)
    this.#found.set(offset, found)
    return found
  }
  #look(offset: number): Found | undefined {
    const operation = this.#code.at(offset)
    if (!operation || this.#code.stops(operation)) return undefined
    if (!operation.endsBlock) return { operation, terminator: undefined }
    const ending = endingOf(this.#cpu, operation, offset)
    return ending === "unlowered" ? undefined : { operation, terminator: ending }
  }

  /** Takes the instructions from an offset to the end of their block, and finds what follows. */
  #follow(activation: Activation, from: number): void {
    for (let offset = from; this.#taken.size < this.#limit; offset += 4) {
      const key = keyOf(activation, offset)
      const found = this.#at(offset)
      if (this.#taken.has(key) || !found || (offset !== from && this.#code.isEntry(offset))) return
      this.#taken.add(key)
      const { terminator } = found
      if (!terminator) continue
      if (terminator.kind === "if") this.#lead(activation, terminator.target)
      if (terminator.kind === "if") this.#lead(activation, offset + 4)
      if (terminator.kind === "jump") this.#jump(activation, offset, terminator.target, terminator.link)
      if (terminator.kind === "indirect") for (const target of this.#code.targets(offset)) this.#jump(activation, offset, target, terminator.link)
      return
    }
  }
  #jump(activation: Activation, offset: number, target: number, link: boolean): void {
    if (!link) return this.#lead(activation, target)
    const small = this.#isSmall(target)
    if (!small && this.#code.isEntry(target)) return
    this.#lead(activation, offset + 4)
    const callee = small && activation.depth < MAXIMUM_DEPTH ? this.#activate(activation.depth + 1) : this.#sharedBy(target)
    callee.sites.push(keyOf(activation, offset + 4))
    this.#calls.set(callOf(activation, offset, target), callee)
    this.#enter(callee, target)
  }
  /** A call's target is part of the region even where another one begins with it. */
  #enter(callee: Activation, entry: number): void {
    const key = keyOf(callee, entry)
    if (key === FAR || this.#leaders.has(key)) return
    this.#leaders.set(key, { activation: callee, offset: entry })
    this.#work.push(key)
  }
  #sharedBy(entry: number): Activation {
    let shared = this.#shared.get(entry)
    if (!shared) this.#shared.set(entry, (shared = this.#activate(0)))
    return shared
  }
  /** Whether the code reached from a function's entry, without following calls, is short and returns. */
  #isSmall(entry: number): boolean {
    const known = this.#small.get(entry)
    if (known !== undefined) return known
    // until proven, so that the function's own calls of itself do not count
    this.#small.set(entry, false)
    const seen = new Set<number>()
    const work = [entry]
    let returns = false
    for (let offset = work.pop(); offset !== undefined && seen.size <= SMALL_FUNCTION; offset = work.pop()) {
      for (; !seen.has(offset) && seen.size <= SMALL_FUNCTION; offset += 4) {
        const found = this.#at(offset)
        if (!found) return false
        seen.add(offset)
        const { terminator } = found
        if (!terminator) continue
        if (terminator.kind === "indirect" && !terminator.isReturn) return false
        returns ||= terminator.kind === "indirect"
        if (terminator.kind === "jump" && terminator.link) {
          if (terminator.target === entry) return false
          continue
        }
        if (terminator.kind !== "indirect") work.push(terminator.target)
        if (terminator.kind !== "if") break
      }
    }
    const small = returns && seen.size <= SMALL_FUNCTION
    this.#small.set(entry, small)
    return small
  }

  #block(activation: Activation, from: number): Block {
    const operations: Operation[] = []
    let end = from
    let last: Terminator | undefined
    do {
      const { operation, terminator } = this.#at(end)!
      operations.push(operation)
      last = terminator
      end += 4
    } while (!last && this.#taken.has(keyOf(activation, end)) && !this.#leaders.has(keyOf(activation, end)))
    const key = keyOf(activation, from)
    return { key, offset: from, operations, end, ...this.#ending(activation, last, end) }
  }
  #sitesOf(activation: Activation): readonly number[] {
    activation.taken ??= activation.sites.filter((key) => this.#taken.has(key)).slice(0, MAXIMUM_RETURN_SITES)
    return activation.taken
  }
  /** The block that a branch or call leads to; undefined: it is not in the region. */
  #entered(activation: Activation, offset: number, target: number, link: boolean): number | undefined {
    const to = link ? this.#calls.get(callOf(activation, offset, target)) : activation
    const key = to && keyOf(to, target)
    return key !== undefined && this.#taken.has(key) ? key : undefined
  }
  #ending(activation: Activation, last: Terminator | undefined, end: number): Pick<Block, "kind" | "target" | "next" | "returns"> {
    const taken = (key: number): number | undefined => (this.#taken.has(key) ? key : undefined)
    const inside = (offset: number) => taken(keyOf(activation, offset))
    const none = { target: undefined, next: undefined, returns: [] }
    if (last?.kind === "if") return { ...none, kind: "if", target: inside(last.target), next: inside(end) }
    if (last?.kind === "jump") {
      return { ...none, kind: "jump", target: this.#entered(activation, end - 4, last.target, last.link) }
    }
    if (last) {
      const seen = this.#code.targets(end - 4).map((target) => this.#entered(activation, end - 4, target, last.link))
      const sites = last.isReturn ? this.#sitesOf(activation) : []
      return { ...none, kind: "indirect", returns: [...new Set([...sites, ...seen.filter((key) => key !== undefined)])] }
    }
    if (inside(end) !== undefined) return { ...none, kind: "fall", next: inside(end) }
    const next = this.#code.at(end)
    return { ...none, kind: next && !this.#at(end) ? "stop" : "cut" }
  }
}

/** How an instruction ends its block, by running its declaration and forgetting what it emitted; undefined: after all it does not. */
const endingOf = (cpu: WasmCpu, operation: Operation, offset: number): Terminator | undefined | "unlowered" => {
  const mark = cpu.e.mark()
  cpu.begin(offset, 0, false)
  try {
    operation.instruction!.declaration.execute(cpu, operation.fields)
    return cpu.terminator
  } catch (error) {
    if (error instanceof Unlowered) return "unlowered"
    throw error
  } finally {
    cpu.abandon()
    cpu.blockDone()
    cpu.e.rewind(mark)
  }
}
