import type { Node } from "./node.ts"
import { local } from "./node.ts"
import { F32, F64, I32, I64, MISC, OP, SIMD, V128, v128 } from "./opcodes.ts"
import { Writer } from "./writer.ts"

/** What follows an opcode: nothing, a lane, a memory operand, 16 bytes, an index, a memory operand and a lane. */
enum Form {
  plain,
  lane,
  memory,
  shuffle,
  index,
  memoryLane
}
const FORM = new Uint8Array(SIMD + 0x200)
for (let op = OP.i32Load; op <= OP.i64Store32; op++) FORM[op] = Form.memory
for (let n = 0; n <= 11; n++) FORM[SIMD + n] = Form.memory
FORM[v128.load32Zero] = FORM[v128.load64Zero] = Form.memory
for (let op = v128.load8Lane; op < v128.store8Lane; op++) FORM[op] = Form.memoryLane
FORM[v128.shuffle] = Form.shuffle
FORM[OP.call] = Form.index
for (let op = SIMD + 21; op <= SIMD + 34; op++) FORM[op] = Form.lane

const STORE_LANE: readonly number[] = [0, 1, 2, 3].map((n) => v128.store8Lane + n)

/** Writes the body of one function: expressions, statements, structured control flow; hands out locals. */
export class Emitter {
  readonly code = new Writer()
  /** Types of the locals after the parameters. */
  readonly locals: number[] = []
  /** Open blocks, loops and ifs. */
  depth = 0
  /** Ids of the scopes that are open: values computed in them are still there. */
  readonly #open: number[] = [0]
  #scopes = 0
  readonly #free = new Map<number, number[]>([I32, I64, F32, F64, V128].map((type) => [type, []]))
  readonly #taken: number[] = []

  constructor(readonly parameters: number) {}

  /** A local that nobody else gets. */
  reserve(type: number): number {
    this.locals.push(type)
    return this.parameters + this.locals.length - 1
  }
  /** A local for values of this instruction. */
  temporary(type: number): number {
    const index = this.#free.get(type)!.pop() ?? this.reserve(type)
    this.#taken.push(index)
    return index
  }
  /** A local kept until it is given back. */
  hold(type: number): number {
    return this.#free.get(type)!.pop() ?? this.reserve(type)
  }
  giveBack(index: number): void {
    this.#free.get(this.locals[index - this.parameters]!)!.push(index)
  }
  /** The instruction is done: its locals serve the next one. */
  releaseTemporaries(): void {
    for (const index of this.#taken) this.#free.get(this.locals[index - this.parameters]!)!.push(index)
    this.#taken.length = 0
  }

  opcode(op: number): void {
    if (op < MISC) return this.code.byte(op)
    this.code.byte(op < SIMD ? 0xfc : 0xfd)
    this.code.unsigned(op < SIMD ? op - MISC : op - SIMD)
  }
  get(index: number): void {
    this.code.byte(OP.localGet)
    this.code.unsigned(index)
  }
  set(index: number): void {
    this.code.byte(OP.localSet)
    this.code.unsigned(index)
  }
  tee(index: number): void {
    this.code.byte(OP.localTee)
    this.code.unsigned(index)
  }
  memory(op: number, offset: number): void {
    this.opcode(op)
    this.code.byte(0)
    this.code.unsigned(offset)
  }

  /** Pushes the value of a node. */
  value(n: Node): void {
    const { code } = this
    switch (n.op) {
      case OP.localGet:
        return this.get(n.immediate)
      case OP.i32Const:
        code.byte(n.op)
        return code.signed(n.immediate)
      case OP.i64Const:
        code.byte(n.op)
        return code.signed64(n.data as bigint)
      case OP.f32Const:
      case OP.f64Const:
        code.byte(n.op)
        return this.#pattern(n.data as bigint, n.op === OP.f32Const ? 4 : 8)
      case v128.const:
        this.opcode(n.op)
        return code.raw(n.data as readonly number[])
    }
    if (n.local >= 0 && this.#open.includes(n.scope)) return this.get(n.local)
    if (n.a) this.value(n.a)
    if (n.b) this.value(n.b)
    if (n.c) this.value(n.c)
    this.opcode(n.op)
    switch (FORM[n.op] as Form) {
      case Form.plain:
        break
      case Form.lane:
        code.byte(n.immediate)
        break
      case Form.memory:
        code.byte(0)
        code.unsigned(n.immediate)
        break
      case Form.memoryLane:
        code.byte(0)
        code.unsigned(n.immediate)
        code.byte(Number(n.data))
        break
      case Form.shuffle:
        code.raw(n.data as readonly number[])
        break
      case Form.index:
        code.unsigned(n.immediate)
        break
    }
    if (n.uses > 1) this.#keep(n)
  }
  #keep(n: Node): void {
    n.local = this.temporary(n.type)
    n.scope = this.#open[this.#open.length - 1]!
    this.tee(n.local)
  }
  #pattern(bits: bigint, bytes: number): void {
    for (let i = 0; i < bytes; i++) this.code.byte(Number((bits >> BigInt(8 * i)) & 255n))
  }
  /** Computes a node now and gives a node that only reads it. */
  settle(n: Node): Node {
    if (n.op === OP.localGet || n.op === OP.i32Const || n.op === OP.i64Const || n.op === v128.const) return n
    if (n.local >= 0 && this.#open.includes(n.scope)) return local(n.local, n.type)
    this.value(n)
    if (n.local >= 0 && this.#open.includes(n.scope)) {
      this.code.byte(OP.drop)
      return local(n.local, n.type)
    }
    n.local = this.temporary(n.type)
    n.scope = this.#open[this.#open.length - 1]!
    this.set(n.local)
    return local(n.local, n.type)
  }

  /** Statement: stores `value` at `address` + `offset`. */
  store(op: number, address: Node, value: Node, offset: number): void {
    this.value(address)
    this.value(value)
    this.memory(op, offset)
  }
  storeLane(log2: number, address: Node, vector: Node, offset: number, index: number): void {
    this.value(address)
    this.value(vector)
    this.memory(STORE_LANE[log2]!, offset)
    this.code.byte(index)
  }

  block(): void {
    this.code.byte(OP.block)
    this.code.byte(0x40)
    this.depth++
  }
  /** A block that leaves a value of `type`. */
  blockGiving(type: number): void {
    this.code.byte(OP.block)
    this.code.byte(type)
    this.depth++
  }
  loop(): void {
    this.code.byte(OP.loop)
    this.code.byte(0x40)
    this.depth++
  }
  end(): void {
    this.code.byte(OP.end)
    this.depth--
  }
  if(condition: Node, then: () => void, otherwise?: () => void): void {
    this.value(condition)
    this.code.byte(OP.if)
    this.code.byte(0x40)
    this.depth++
    this.#inScope(then)
    if (otherwise) {
      this.code.byte(OP.else)
      this.#inScope(otherwise)
    }
    this.end()
  }
  /** Whether the code written now runs only sometimes, within its instruction. */
  get nested(): boolean {
    return this.#open.length > 1
  }
  #inScope(body: () => void): void {
    this.#open.push(++this.#scopes)
    body()
    this.#open.pop()
  }
  /** Branches to the block that was opened when `depth` was `target` - 1. */
  branch(target: number): void {
    this.code.byte(OP.br)
    this.code.unsigned(this.depth - target)
  }

  /** Where the code stands, to be taken back to by `rewind`. Locals handed out since then stay. */
  mark(): Mark {
    return { length: this.code.length, depth: this.depth, open: this.#open.length }
  }
  rewind({ length, depth, open }: Mark): void {
    this.code.length = length
    this.depth = depth
    this.#open.length = open
  }
}
interface Mark {
  readonly length: number
  readonly depth: number
  readonly open: number
}
