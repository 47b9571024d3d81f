/** The builder that emits WebAssembly: the same declarations as the interpreter, each value an expression, each register a local. */
import type {
  Condition,
  Cpu,
  ElementType,
  FloatEnvironment,
  FloatFormat,
  Helper,
  Integer,
  Kind,
  Masking,
  MemoryAttributes,
  Nodes,
  NodesOf,
  Predicate,
  Value,
  Vector,
  VectorAccess
} from "@eltwo/isa"
import { LEAVE, PE } from "../layout.ts"
import { Emitter } from "./emitter.ts"
import type { Exit } from "./exits.ts"
import { nibbleOf } from "./flags.ts"
import { type FloatContext, WasmFloat } from "./float.ts"
import { callHelper, type HelperTable } from "./helpers.ts"
import { WasmInteger } from "./integer.ts"
import { intrinsics } from "./intrinsics.ts"
import { Memory, type MemoryContext } from "./memory.ts"
import { asBits, both, compare, const32, const64, either, extendU, integer, load, local, Node, not, smallConstant, wrap } from "./node.ts"
import { I32, I64, i32, i64, OP, v128 } from "./opcodes.ts"
import { block, Registers, STACK_POINTER } from "./registers.ts"
import type { SystemRead } from "./system-reads.ts"
import {
  asValue,
  Chunks,
  chunksOf,
  conditionOf,
  FlagsChoice,
  FlagsOf,
  type Operand,
  operandOf,
  Pair,
  pairs,
  truthOf,
  unlowered,
  vectorOf
} from "./values.ts"
import * as vectors from "./vectors.ts"

/** What the translation of a region depends on: all of it is in the trap key, or in the address. */
export interface TranslationState {
  /** Address of the region's first instruction. */
  readonly start: bigint
  readonly vectorBits: number
  readonly streamingVectorBits: number
  readonly el: number
  /** SCTLR.A: every misaligned access faults. */
  readonly alignmentCheck: boolean
  /** SP must be a multiple of 16 where it is a base register. */
  readonly stackAlignmentCheck: boolean
  /** What hardware arithmetic may do, by FPCR and FPSR.IXC: see FloatContext. */
  readonly floats: "inexact" | "exact" | "none"
  readonly fusedMultiplyAdd: boolean
  /** How to read a system register; undefined: the interpreter must. */
  systemRead(encoding: number): SystemRead | undefined
}
/** How an instruction ends its block. Targets are offsets from the region's start. */
export type Terminator =
  | { readonly kind: "jump"; readonly target: number; readonly link: boolean }
  | { readonly kind: "if"; readonly condition: Node; readonly target: number }
  | { readonly kind: "indirect"; readonly target: Node; readonly link: boolean; readonly isReturn: boolean }

const LINK_REGISTER = 30
/** NZCV in the register of that name. */
const NZCV_SHIFT = 28
/** Of a region's function. */
const PARAMETERS = 3
/** SP must be a multiple of this. */
const STACK_ALIGNMENT = 16

export class WasmCpu implements Cpu, FloatContext, MemoryContext {
  readonly e = new Emitter(PARAMETERS)
  readonly registers: Registers
  readonly memory: Memory
  readonly exits: Exit[] = []
  terminator: Terminator | undefined
  /** Offset of the instruction from the region's start. */
  offset = 0
  /** Instructions of its block that are not done when it leaves. */
  refund = 0
  /** Whether its accesses are looked up one by one. */
  apart = false
  /** `depth` within the block that ends in the epilogue. */
  exitDepth = 0
  readonly always: Condition = conditionOf(const32(1))
  readonly #types = new Map<number, WasmInteger>()
  readonly #floats = new Map<FloatFormat, WasmFloat>()
  #interpretExit = -1
  /** Whether the instruction reads SP as a base, and whether this block knows SP to be aligned. */
  #stackBase = false
  #stackAligned = false
  #link = false

  constructor(
    readonly state: TranslationState,
    readonly helpers: HelperTable
  ) {
    this.registers = new Registers(this.e, state.vectorBits)
    this.memory = new Memory(this)
  }

  // ---- the frame of an instruction
  begin(offset: number, refund: number, apart: boolean): void {
    this.offset = offset
    this.refund = refund
    this.apart = apart
    this.terminator = undefined
    this.#interpretExit = -1
    this.#stackBase = false
    this.#link = false
  }
  /** Does the queued writes. A terminator's operands are computed before. */
  finish(): void {
    const { terminator, registers } = this
    if (terminator?.kind === "if" && !registers.idle) this.terminator = { ...terminator, condition: this.e.settle(terminator.condition) }
    if (terminator?.kind === "indirect") this.terminator = { ...terminator, target: this.e.settle(terminator.target) }
    for (const { local: index, value } of registers.queued) this.#noteWrite(index, value)
    registers.commit()
    this.memory.instructionDone()
  }
  #noteWrite(index: number, value: Node): void {
    this.memory.written(index, value)
    if (!this.registers.isX(local(index, I64), STACK_POINTER)) return
    const step = value.op === i64.add && this.registers.isX(value.a!, STACK_POINTER) ? smallConstant(value.b!) : undefined
    if (step === undefined || step % STACK_ALIGNMENT !== 0) this.#stackAligned = false
  }
  /** Drops everything the instruction queued. */
  abandon(): void {
    this.registers.discard()
    this.memory.instructionDone()
  }
  blockDone(): void {
    this.memory.forget()
    this.#stackAligned = false
  }

  // ---- leaving
  exit(leave: LEAVE, offset: number | undefined, refund: number): number {
    return this.exits.push({ leave, offset, from: this.offset, refund }) - 1
  }
  get interpretExit(): number {
    if (this.#interpretExit < 0) this.#interpretExit = this.exit(LEAVE.interpret, this.offset, this.refund)
    return this.#interpretExit
  }
  leaveWhere(push: () => void): void {
    const { e } = this
    e.code.byte(OP.i32Const)
    e.code.signed(this.interpretExit)
    push()
    e.code.byte(OP.brIf)
    e.code.unsigned(e.depth - this.exitDepth)
    e.code.byte(OP.drop)
  }
  leaveIf(condition: Node): void {
    if (smallConstant(condition) === 0) return
    this.leaveWhere(() => this.e.value(condition))
  }
  require(condition: Node): void {
    this.leaveIf(not(condition))
  }
  settle(n: Node): Node {
    return this.e.settle(n)
  }
  seldom(condition: Node, then: () => void): void {
    this.e.if(condition, then)
  }
  get floats(): "inexact" | "exact" | "none" {
    return this.state.floats
  }
  get fused(): boolean {
    return this.state.fusedMultiplyAdd
  }
  get alignmentCheck(): boolean {
    return this.state.alignmentCheck
  }

  // ---- element types
  #integer(bits: number, signed: boolean): WasmInteger {
    const key = 2 * bits + (signed ? 1 : 0)
    let type = this.#types.get(key)
    if (!type) this.#types.set(key, (type = new WasmInteger(bits, signed)))
    return type
  }
  unsigned(bits: number): Integer {
    return this.#integer(bits, false)
  }
  signed(bits: number): Integer {
    return this.#integer(bits, true)
  }
  float(format: FloatFormat, environment: FloatEnvironment = "standard"): WasmFloat {
    if (environment !== "standard" || format === "float8") return unlowered(`${environment} arithmetic of ${format}`)
    let type = this.#floats.get(format)
    if (!type) this.#floats.set(format, (type = new WasmFloat(this, format === "bfloat16" ? 16 : format, format)))
    return type
  }

  // ---- general registers
  #narrowed(x: Node, type: Integer | undefined): Value {
    if (!type || type.bits === 64) return asValue(x)
    return type.bits > 64 ? unlowered("a general register as 128 bits") : type.from(asValue(x), this.#integer(64, false))
  }
  X(n: number, type?: Integer): Value {
    return n === 31 ? this.#integer(type?.bits ?? 64, false).constant(0) : this.#narrowed(this.registers.x(n), type)
  }
  XSP(n: number, type?: Integer): Value {
    if (n === STACK_POINTER) this.#stackBase = true
    return this.#narrowed(this.registers.x(n), type)
  }
  #widened(value: Value): Node {
    const x = operandOf(value)
    if (x instanceof FlagsOf || x instanceof FlagsChoice) return extendU(nibbleOf(x))
    return x instanceof Node ? extendU(asBits(x)) : unlowered("a wide value for a general register")
  }
  setX(n: number, value: Value): void {
    if (n === 31) return
    const x = this.#widened(value)
    if (n === LINK_REGISTER && x.op === OP.i64Const) this.#link = BigInt.asUintN(64, x.data as bigint) === BigInt.asUintN(64, this.address + 4n)
    this.registers.setX(n, x)
  }
  setXSP(n: number, value: Value): void {
    this.registers.setX(n, this.#widened(value))
  }
  setFlags(nzcv: Value): void {
    const x = operandOf(nzcv)
    if (x instanceof FlagsOf || x instanceof FlagsChoice) return this.registers.setFlags(x)
    if (!(x instanceof Node)) return unlowered("wide flags")
    this.registers.setFlags(new FlagsOf("nibble", 32, wrap(asBits(x)), const32(0)))
  }
  holds(condition: number): Condition {
    return conditionOf(this.registers.holds(condition))
  }
  systemRegister(encoding: number): Value {
    const read = this.state.systemRead(encoding)
    switch (read?.kind) {
      case "slot":
        return asValue(load(I64, OP.i64Load, block(), read.offset))
      case "constant":
        return asValue(const64(read.value))
      case "FPCR":
        return asValue(extendU(load(I32, OP.i32Load, block(), PE.FPCR)))
      case "FPSR":
        return asValue(extendU(this.registers.fpsr()))
      case "NZCV":
        return asValue(integer(I64, i64.shl, extendU(this.registers.nibble()), const64(NZCV_SHIFT)))
      default:
        return unlowered(`system register ${encoding.toString(16)}`)
    }
  }
  setSystemRegister(encoding: number, _value: Value): void {
    unlowered(`write of system register ${encoding.toString(16)}`)
  }
  get address(): bigint {
    return this.state.start + BigInt(this.offset)
  }
  get vectorBits(): number {
    return this.state.vectorBits
  }
  get streamingVectorBits(): number {
    return this.state.streamingVectorBits
  }

  // ---- vector registers
  scalar(n: number, type: ElementType): Value {
    return asValue(type.bits === 128 ? Pair.of(this.registers.v(n)) : this.registers.scalar(n, type.bits))
  }
  setScalar(n: number, value: Value, type: ElementType, merging?: number): void {
    // FPCR.NEP is outside the default class
    if (merging !== undefined && this.floats === "none") unlowered("a merging scalar outside the default FPCR class")
    const x = operandOf(value)
    if (x instanceof Pair) return this.registers.setV(n, [x.vector])
    if (x instanceof FlagsOf || x instanceof FlagsChoice || !(x instanceof Node)) return unlowered("a vector as a scalar")
    if (type.bits < 32) return this.registers.setV(n, [vectors.lowest(type.bits, x)])
    this.registers.setScalar(n, x)
  }
  V(n: number, type: ElementType, bits = 128, part = 0): Vector {
    const whole = this.registers.v(n)
    return vectorOf(new Chunks(type.bits, bits / type.bits, [part === 0 ? whole : vectors.upper(whole)]))
  }
  setV(n: number, value: Vector): void {
    const x = chunksOf(value)
    this.registers.setV(n, x.count * x.bits < 128 ? [vectors.lowerOnly(x)] : x.chunks)
  }
  insertV(n: number, part: number, value: Vector): void {
    this.registers.setV(n, [vectors.insertHalf(this.registers.v(n), part, chunksOf(value).chunks[0]!)])
  }

  // ---- lanes
  map(type: ElementType, sources: readonly Vector[], lane: (...x: readonly Value[]) => Value, masking?: Masking): Vector {
    if (masking?.where) return unlowered("a masked map")
    const lambda = (...x: readonly Operand[]) => operandOf(lane(...x.map(asValue)))
    return vectorOf(vectors.mapVector(type.bits, sources.map(chunksOf), lambda))
  }
  reduce(
    _type: ElementType,
    source: Vector,
    start: Value,
    combine: (x: Value, y: Value) => Value,
    order: "tree" | "sequential",
    where?: Predicate
  ): Value {
    if (where) return unlowered("a masked reduction")
    const x = chunksOf(source)
    if (order === "tree") return asValue(vectors.reduceTree(x, (a, b) => operandOf(combine(asValue(a), asValue(b)))))
    let total = start
    for (let i = 0; i < x.count; i++) total = combine(total, asValue(vectors.laneOf(x, i)))
    return total
  }
  splat(type: ElementType, value: Value, bits = this.vectorBits): Vector {
    return vectorOf(vectors.splatVector(type.bits, operandOf(value), bits))
  }
  permute(type: ElementType, sources: readonly Vector[], from: (index: number) => number | "zero"): Vector {
    return vectorOf(vectors.permuteVector(type.bits, sources.map(chunksOf), from))
  }
  lookup(_type: ElementType, table: readonly Vector[], indices: Vector, outOfRange: Vector | "zero"): Vector {
    return vectorOf(vectors.lookupVector(table.map(chunksOf), chunksOf(indices), outOfRange === "zero" ? undefined : chunksOf(outOfRange)))
  }
  reinterpret(source: Vector, type: ElementType): Vector {
    const x = chunksOf(source)
    return vectorOf(new Chunks(type.bits, (x.count * x.bits) / type.bits, x.chunks))
  }
  lane(source: Vector, index: number | Value): Value {
    if (typeof index !== "number") return unlowered("a lane chosen at run time")
    return asValue(vectors.laneOf(chunksOf(source), index))
  }
  withLane(source: Vector, index: number | Value, value: Value): Vector {
    const x = operandOf(value)
    if (typeof index !== "number" || !(x instanceof Node)) return unlowered("a lane chosen at run time")
    return vectorOf(vectors.withLane(chunksOf(source), index, x))
  }

  // ---- conditions
  both(x: Condition, y: Condition): Condition {
    return this.#combined(x, y, both, v128.and)
  }
  either(x: Condition, y: Condition): Condition {
    return this.#combined(x, y, either, v128.or)
  }
  #combined(x: Condition, y: Condition, scalar: (a: Node, b: Node) => Node, op: number): Condition {
    const [a, b] = [truthOf(x), truthOf(y)]
    if (a instanceof Node && b instanceof Node) return conditionOf(scalar(a, b))
    return conditionOf(vectors.combineMasks(a, b, op, scalar))
  }
  negated(x: Condition): Condition {
    const a = truthOf(x)
    return conditionOf(a instanceof Node ? not(a) : vectors.negateMask(a))
  }
  recordSaturation(condition: Condition): void {
    const c = truthOf(condition)
    this.registers.recordSaturation(c instanceof Node ? c : vectors.anySet(c))
  }

  // ---- memory
  #address(address: Value): Node {
    const x = operandOf(address)
    if (!(x instanceof Node)) return unlowered("a vector of addresses")
    if (this.#stackBase) this.#checkStack()
    return x
  }
  #checkStack(): void {
    if (!this.state.stackAlignmentCheck || this.#stackAligned) return
    this.leaveIf(integer(I32, i32.and, wrap(this.registers.x(STACK_POINTER)), const32(STACK_ALIGNMENT - 1)))
    if (!this.e.nested) this.#stackAligned = true
  }
  #attributes(attributes: MemoryAttributes | undefined): void {
    if (attributes?.unprivileged && this.state.el !== 0) unlowered("an unprivileged access")
  }
  load(type: Integer, address: Value, attributes?: MemoryAttributes): Value {
    this.#attributes(attributes)
    const at = this.#address(address)
    const value = this.memory.load(at, type.bits / 8, attributes)
    if (attributes?.exclusive) this.#armMonitor(at, type.bits / 8, value)
    return asValue(value)
  }
  #armMonitor(address: Node, size: number, value: Node | Pair): void {
    const { e } = this
    const [low, high] = value instanceof Pair ? [value.low, value.high] : [extendU(value), const64(0)]
    e.store(OP.i32Store, block(), const32(size), PE.MONITOR_SIZE)
    e.store(OP.i64Store, block(), address, PE.MONITOR_ADDRESS)
    e.store(OP.i64Store, block(), low, PE.MONITOR_VALUE)
    e.store(OP.i64Store, block(), high, PE.MONITOR_VALUE + 8)
  }
  #memoryValue(value: Value): Node | Pair {
    const x = operandOf(value)
    if (x instanceof Pair) return x
    return x instanceof Node ? asBits(x) : unlowered("a vector as a scalar")
  }
  store(type: Integer, address: Value, value: Value, attributes?: MemoryAttributes): void {
    this.#attributes(attributes)
    this.memory.store(this.#address(address), type.bits / 8, this.#memoryValue(value), attributes)
  }
  atomic(type: Integer, address: Value, update: (old: Value) => Value, attributes?: MemoryAttributes): Value {
    const change = (old: Node | Pair) => this.#memoryValue(update(asValue(old)))
    return asValue(this.memory.update(this.#address(address), type.bits / 8, change, attributes))
  }
  storeExclusive(type: Integer, address: Value, value: Value, attributes?: MemoryAttributes): Value {
    const { e, memory } = this
    const size = type.bits / 8
    const at = e.settle(this.#address(address))
    memory.checkAlignment(at, size, attributes)
    const monitor = (offset: number): Node => load(I64, OP.i64Load, block(), offset)
    const sameSize = compare(I32, i32.eq, load(I32, OP.i32Load, block(), PE.MONITOR_SIZE), const32(size))
    const armed = both(sameSize, compare(I64, i64.eq, monitor(PE.MONITOR_ADDRESS), at))
    const lost = e.temporary(I32)
    e.value(const32(1))
    e.set(lost)
    e.if(armed, () => {
      const place = memory.locate(at, size, "both", size)
      const current = memory.get(place, size)
      const now = current instanceof Pair ? current : new Pair(extendU(current), const64(0))
      e.if(pairs.equal(now, new Pair(monitor(PE.MONITOR_VALUE), monitor(PE.MONITOR_VALUE + 8))), () => {
        memory.put(place, size, this.#memoryValue(value))
        e.value(const32(0))
        e.set(lost)
      })
    })
    e.store(OP.i32Store, block(), const32(0), PE.MONITOR_SIZE)
    return asValue(local(lost, I32))
  }
  loadVector(type: ElementType, address: Value | Vector, access: VectorAccess): Vector {
    const { memory, where, lanes = this.vectorBits / type.bits, stride = 1, fault = "precise" } = access
    if (where || fault !== "precise" || memory.bits !== type.bits) return unlowered("a masked or extending vector load")
    return vectorOf(this.memory.loadLanes(this.#address(address as Value), type.bits, lanes, stride))
  }
  storeVector(source: Vector, address: Value | Vector, access: VectorAccess): void {
    const x = chunksOf(source)
    if (access.where || access.memory.bits !== x.bits) return unlowered("a masked or truncating vector store")
    this.memory.storeLanes(this.#address(address as Value), x, Math.min(x.count, access.lanes ?? x.count), access.stride ?? 1)
  }

  // ---- control
  when(condition: Condition, then: () => void, otherwise?: () => void): void {
    const c = truthOf(condition)
    if (!(c instanceof Node)) return unlowered("a choice by lanes")
    const known = smallConstant(c)
    if (known !== undefined) return known ? then() : otherwise?.()
    this.registers.choose(c, then, otherwise)
  }
  branch(target: Value): void {
    const x = operandOf(target)
    if (!(x instanceof Node)) return unlowered("a wide branch target")
    if (x.op === OP.i64Const) this.terminator = { kind: "jump", target: this.#offsetOf(BigInt.asUintN(64, x.data as bigint)), link: this.#link }
    else
      this.terminator = {
        kind: "indirect",
        target: this.#link ? this.#kept(x) : x,
        link: this.#link,
        isReturn: this.registers.isX(x, LINK_REGISTER) && !this.#link
      }
  }
  /** A copy made now: BLR X30 writes the register it branches to. */
  #kept(x: Node): Node {
    const copy = this.e.temporary(I64)
    this.e.value(x)
    this.e.set(copy)
    return local(copy, I64)
  }
  branchIf(condition: Condition, target: bigint): void {
    if (smallConstant(truthOf(condition) as Node) === 0) return
    this.terminator = { kind: "if", condition: truthOf(condition) as Node, target: this.#offsetOf(target) }
  }
  /** Branches reach 128 MiB: the distance is a number. */
  #offsetOf(target: bigint): number {
    return Number(BigInt.asIntN(64, target - this.state.start))
  }
  raise(exception: string): void {
    unlowered(`exception ${exception}`)
  }
  call<Takes extends readonly Kind[], Gives extends Kind>(helper: Helper<Takes, Gives>, ...operands: NodesOf<Takes>): Nodes[Gives] {
    const intrinsic = intrinsics.get(helper.name)
    if (intrinsic) return intrinsic(this, operands as unknown as readonly number[]) as unknown as Nodes[Gives]
    return callHelper(this.e, this.helpers, helper as unknown as Helper<readonly Kind[], Kind>, operands) as unknown as Nodes[Gives]
  }

  // ---- not lowered: SVE and SME wait for their plugins
  Z(): Vector {
    return unlowered("Z registers")
  }
  setZ(): void {
    unlowered("Z registers")
  }
  P(): Predicate {
    return unlowered("predicates")
  }
  setP(): void {
    unlowered("predicates")
  }
  counter(): readonly Predicate[] {
    return unlowered("predicates as counters")
  }
  ZA(): Vector {
    return unlowered("ZA")
  }
  setZA(): void {
    unlowered("ZA")
  }
  slice(): Vector {
    return unlowered("ZA")
  }
  setSlice(): void {
    unlowered("ZA")
  }
  ZT0(): Vector {
    return unlowered("ZT0")
  }
  setZT0(): void {
    unlowered("ZT0")
  }
  compare(): Predicate {
    return unlowered("predicates")
  }
  generate(): Vector {
    return unlowered("generated vectors")
  }
  predicate(): Predicate {
    return unlowered("predicates")
  }
  active(): Condition {
    return unlowered("predicates")
  }
  countActive(): Value {
    return unlowered("predicates")
  }
  predicateFlags(): Value {
    return unlowered("predicates")
  }
  outerProduct(): void {
    unlowered("ZA")
  }
}
