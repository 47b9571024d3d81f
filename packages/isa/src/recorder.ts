/** A machine that computes nothing: it notes what an instruction touches, where it branches, and widths that do not agree. */
import type {
  Cell,
  ConcreteOf,
  Condition,
  Cpu,
  Direction,
  ElementType,
  Exception,
  Float,
  FloatEnvironment,
  FloatFormat,
  Helper,
  Host,
  Integer,
  Kind,
  Masking,
  MemoryAttributes,
  Nodes,
  NodesOf,
  Predicate,
  Side,
  SystemOperation,
  Value,
  Vector,
  VectorAccess
} from "./builder.ts"
import { type FieldValues, fieldsOf, type Instruction } from "./instruction.ts"
import {
  bitsOf,
  conditionNode,
  constantOf,
  FLAGS_BITS,
  type PredicateNode,
  predicateNode,
  RecordedFloat,
  RecordedInteger,
  type VectorNode,
  valueNode,
  vectorNode
} from "./recorder-types.ts"

/** The register files, as access classes guard them. Z is V too, named by how it was reached. */
export type GuardedFile = "X" | "flags" | "system" | "scalar" | "V" | "Z" | "P" | "ZA" | "ZT0"
/** Memory, exceptions and state that only helpers reach. */
export type Effect =
  | { readonly kind: "read" | "write"; readonly file: GuardedFile; readonly index: number }
  | { readonly kind: "load" | "store" }
  | { readonly kind: "branch"; readonly conditional: boolean; readonly target: bigint | undefined }
  | { readonly kind: "exception"; readonly exception: Exception | "memoryCopy" }
  | { readonly kind: "system"; readonly operation: SystemOperation | "writePstate" | "maintain"; readonly encoding?: number }
  | { readonly kind: "call"; readonly helper: string }

/** What was recorded. */
export interface Recording {
  readonly effects: readonly Effect[]
  /** Widths that do not agree, and registers that are read after they were written. */
  readonly problems: readonly string[]
  /** Set when `execute` itself failed. */
  readonly failure: unknown
}
/** What is known while a meaning is recorded. */
export interface RecordingOptions {
  readonly address?: bigint
  /** In bits; the streaming vector length is the same. */
  readonly vectorBits?: number
  /** Replaces the fields that `execute` gets: to see which it uses. */
  readonly fields?: FieldValues
}
const STACK_POINTER = 32
const FFR = 16

/** What `execute` does with a word of this instruction. Gates are not asked. */
export const record = (instruction: Instruction, word: number, options: RecordingOptions = {}): Recording => {
  const recorder = new Recorder(options.address ?? 0x1000n, options.vectorBits ?? 256)
  let failure: unknown
  try {
    instruction.declaration.execute(recorder, options.fields ?? fieldsOf(instruction, word))
  } catch (error) {
    failure = error
  }
  return { effects: recorder.effects, problems: recorder.problems, failure }
}

const nameOf = (file: GuardedFile, index: number): string => {
  if (file === "X") return index === STACK_POINTER ? "SP" : `X${index}`
  if (file === "scalar" || file === "V" || file === "Z") return `Z${index}`
  if (file === "P") return index === FFR ? "FFR" : `P${index}`
  return file === "system" ? `system register ${index.toString(16)}` : file
}

/** A Cpu that records what a meaning does, for the JIT and for lint(). */
export class Recorder implements Cpu {
  readonly effects: Effect[] = []
  readonly problems: string[] = []
  readonly streamingVectorBits: number
  readonly always: Condition = conditionNode()
  #written = new Set<string>()

  constructor(
    readonly address: bigint,
    readonly vectorBits: number
  ) {
    this.streamingVectorBits = vectorBits
  }

  readonly #report = (problem: string): void => {
    this.problems.push(problem)
  }
  #expect(holds: boolean, problem: string): void {
    if (!holds) this.#report(problem)
  }
  #read(file: GuardedFile, index: number): void {
    this.effects.push({ kind: "read", file, index })
    const name = nameOf(file, index)
    this.#expect(!this.#written.has(name), `reads ${name} after writing it`)
  }
  #write(file: GuardedFile, index: number): void {
    this.effects.push({ kind: "write", file, index })
    // Rows of ZA are chosen at run time: whether one is read after it was written cannot be seen here.
    if (file !== "ZA") this.#written.add(nameOf(file, index))
  }
  #value(what: string, value: Value, bits: number): void {
    this.#expect(bitsOf(value) === bits, `${what} takes a ${bitsOf(value)}-bit value for ${bits} bits`)
  }

  // ---------------------------------------------------------------- types
  unsigned(bits: number): Integer {
    return new RecordedInteger(bits, false, this.#report)
  }
  signed(bits: number): Integer {
    return new RecordedInteger(bits, true, this.#report)
  }
  float(format: FloatFormat, _environment?: FloatEnvironment): Float {
    return new RecordedFloat(format, this.#report)
  }

  // ---------------------------------------------------------------- general and system registers
  X(n: number, type?: Integer): Value {
    if (n !== 31) this.#read("X", n)
    return valueNode(type?.bits ?? 64, n === 31 ? 0n : undefined)
  }
  setX(n: number, value: Value, type?: Integer): void {
    this.#value("setX", value, type?.bits ?? 64)
    if (n !== 31) this.#write("X", n)
  }
  XSP(n: number, type?: Integer): Value {
    this.#read("X", n === 31 ? STACK_POINTER : n)
    return valueNode(type?.bits ?? 64)
  }
  setXSP(n: number, value: Value, type?: Integer): void {
    this.#value("setXSP", value, type?.bits ?? 64)
    this.#write("X", n === 31 ? STACK_POINTER : n)
  }
  setFlags(nzcv: Value): void {
    this.#value("setFlags", nzcv, FLAGS_BITS)
    this.#write("flags", 0)
  }
  holds(_condition: number): Condition {
    this.#read("flags", 0)
    return conditionNode()
  }
  systemRegister(encoding: number): Value {
    this.#read("system", encoding)
    return valueNode(64)
  }
  setSystemRegister(encoding: number, value: Value): void {
    this.#value("setSystemRegister", value, 64)
    this.#write("system", encoding)
  }

  // ---------------------------------------------------------------- vector, predicate and matrix registers
  scalar(n: number, type: ElementType): Value {
    this.#read("scalar", n)
    return valueNode(type.bits)
  }
  setScalar(n: number, value: Value, type: ElementType, merging?: number): void {
    this.#value("setScalar", value, type.bits)
    if (merging !== undefined && merging !== n) this.#read("scalar", merging)
    this.#write("scalar", n)
  }
  V(n: number, type: ElementType, bits = 128, part = 0): Vector {
    this.#expect((bits === 64 && part < 2) || (bits === 128 && part === 0), `V has no part ${part} of ${bits} bits`)
    this.#read("V", n)
    return this.#vector(type, bits)
  }
  setV(n: number, value: Vector): void {
    this.#total("setV", value, [64, 128])
    this.#write("V", n)
  }
  insertV(n: number, part: number, value: Vector): void {
    this.#expect(part === 0 || part === 1, `V has no half ${part}`)
    this.#total("insertV", value, [64])
    this.#write("V", n)
  }
  Z(n: number, type: ElementType): Vector {
    this.#read("Z", n)
    return this.#vector(type, this.vectorBits)
  }
  setZ(n: number, value: Vector): void {
    this.#total("setZ", value, [this.vectorBits])
    this.#write("Z", n)
  }
  P(n: number, type: ElementType): Predicate {
    this.#read("P", n)
    return predicateNode(type.bits, this.vectorBits / type.bits)
  }
  setP(n: number, value: Predicate): void {
    const { bits, lanes } = value as PredicateNode
    this.#expect(bits === undefined || lanes === undefined || bits * lanes === this.vectorBits, `setP takes ${lanes} elements of ${bits} bits`)
    this.#write("P", n)
  }
  counter(n: number, type: ElementType, vectors: number): readonly Predicate[] {
    this.#read("P", n)
    return Array.from({ length: vectors }, () => predicateNode(type.bits, this.vectorBits / type.bits))
  }
  ZA(_index: Value): Vector {
    this.#read("ZA", 0)
    return vectorNode(8, this.streamingVectorBits / 8)
  }
  setZA(_index: Value, value: Vector): void {
    this.#total("setZA", value, [this.streamingVectorBits])
    this.#write("ZA", 0)
  }
  slice(type: ElementType, _tile: number, _direction: Direction, _index: Value): Vector {
    this.#read("ZA", 0)
    return this.#vector(type, this.streamingVectorBits)
  }
  setSlice(type: ElementType, _tile: number, _direction: Direction, _index: Value, value: Vector): void {
    this.#elements("setSlice", value, type)
    this.#total("setSlice", value, [this.streamingVectorBits])
    this.#write("ZA", 0)
  }
  ZT0(): Vector {
    this.#read("ZT0", 0)
    return vectorNode(8, 64)
  }
  setZT0(value: Vector): void {
    this.#total("setZT0", value, [512])
    this.#write("ZT0", 0)
  }

  #vector(type: ElementType, total: number): Vector {
    return vectorNode(type.bits, total / type.bits)
  }
  #total(what: string, value: Vector, allowed: readonly number[]): void {
    const { bits, lanes } = value as VectorNode
    if (bits === undefined || lanes === undefined) return
    this.#expect(allowed.includes(bits * lanes), `${what} takes ${lanes} elements of ${bits} bits for ${allowed.join(" or ")} bits`)
  }
  #elements(what: string, value: Vector, type: ElementType): void {
    const { bits } = value as VectorNode
    this.#expect(bits === undefined || bits === type.bits, `${what} of ${type.name} takes elements of ${bits} bits`)
  }
  /** The number of elements that all sources and the predicate share. */
  #lanes(what: string, sources: readonly Vector[], where?: Predicate): number | undefined {
    const counts = [...sources.map((source) => (source as VectorNode).lanes), ...(where ? [(where as PredicateNode).lanes] : [])]
    const known = counts.filter((count) => count !== undefined)
    this.#expect(new Set(known).size < 2, `${what} takes ${known.join(", ")} elements together`)
    return known[0]
  }
  /** What a lane function sees of each source; the type's width for what a helper gave. */
  #laneOf(type: ElementType): (source: Vector) => Value {
    return (source) => valueNode((source as VectorNode).bits ?? type.bits)
  }

  // ---------------------------------------------------------------- lanes
  map(type: ElementType, sources: readonly Vector[], lane: (...x: readonly Value[]) => Value, masking?: Masking): Vector {
    const lanes = this.#lanes("map", sources, masking?.where)
    this.#value("map", lane(...sources.map(this.#laneOf(type))), type.bits)
    const { otherwise } = masking ?? {}
    if (otherwise !== undefined && otherwise !== "zero" && lanes !== undefined) this.#total("otherwise of map", otherwise, [lanes * type.bits])
    return vectorNode(type.bits, lanes)
  }
  compare(type: ElementType, sources: readonly Vector[], lane: (...x: readonly Value[]) => Condition, where?: Predicate): Predicate {
    lane(...sources.map(this.#laneOf(type)))
    return predicateNode(type.bits, this.#lanes("compare", sources, where))
  }
  reduce(
    type: ElementType,
    source: Vector,
    start: Value,
    combine: (x: Value, y: Value) => Value,
    _order: "tree" | "sequential",
    where?: Predicate
  ): Value {
    this.#elements("reduce", source, type)
    this.#lanes("reduce", [source], where)
    this.#value("start of reduce", start, type.bits)
    this.#value("reduce", combine(valueNode(type.bits), valueNode(type.bits)), type.bits)
    return valueNode(type.bits)
  }
  splat(type: ElementType, value: Value, bits = this.vectorBits): Vector {
    this.#value("splat", value, type.bits)
    return this.#vector(type, bits)
  }
  generate(type: ElementType, lane: (index: number) => Value): Vector {
    for (let i = 0; i < this.vectorBits / type.bits; i++) this.#value("generate", lane(i), type.bits)
    return this.#vector(type, this.vectorBits)
  }
  permute(type: ElementType, sources: readonly Vector[], from: (index: number) => number | "zero"): Vector {
    const lanes = this.#lanes("permute", sources)
    for (const source of sources) this.#elements("permute", source, type)
    for (let i = 0; i < (lanes ?? 0); i++) {
      const index = from(i)
      const inRange = index === "zero" || (Number.isInteger(index) && index >= 0 && index < lanes! * sources.length)
      this.#expect(inRange, `permute takes element ${index} of ${lanes! * sources.length}`)
    }
    return vectorNode(type.bits, lanes)
  }
  lookup(type: ElementType, table: readonly Vector[], indices: Vector, outOfRange: Vector | "zero"): Vector {
    for (const source of [...table, indices]) this.#elements("lookup", source, type)
    const { lanes } = indices as VectorNode
    if (outOfRange !== "zero" && lanes !== undefined) this.#total("outOfRange of lookup", outOfRange, [lanes * type.bits])
    return vectorNode(type.bits, lanes)
  }
  reinterpret(source: Vector, type: ElementType): Vector {
    const { bits, lanes } = source as VectorNode
    return vectorNode(type.bits, bits === undefined || lanes === undefined ? undefined : (bits * lanes) / type.bits)
  }
  lane(source: Vector, index: number | Value): Value {
    this.#index("lane", source, index)
    return valueNode((source as VectorNode).bits ?? 0)
  }
  withLane(source: Vector, index: number | Value, value: Value): Vector {
    this.#index("withLane", source, index)
    const { bits } = source as VectorNode
    if (bits !== undefined) this.#value("withLane", value, bits)
    return source
  }
  #index(what: string, source: Vector, index: number | Value): void {
    const { lanes } = source as VectorNode
    if (typeof index === "number" && lanes !== undefined) this.#expect(index >= 0 && index < lanes, `${what} takes element ${index} of ${lanes}`)
  }
  predicate(type: ElementType, lane: (index: number) => Condition): Predicate {
    const lanes = this.vectorBits / type.bits
    for (let i = 0; i < lanes; i++) lane(i)
    return predicateNode(type.bits, lanes)
  }
  active(predicate: Predicate, index: number): Condition {
    const { lanes } = predicate as PredicateNode
    this.#expect(lanes === undefined || (index >= 0 && index < lanes), `active takes element ${index} of ${lanes}`)
    return conditionNode()
  }
  countActive(_predicate: Predicate): Value {
    return valueNode(64)
  }
  predicateFlags(governing: Predicate, result: Predicate): Value {
    const counts = [governing, result].map((predicate) => (predicate as PredicateNode).lanes).filter((count) => count !== undefined)
    this.#expect(new Set(counts).size < 2, `predicateFlags takes ${counts.join(", ")} elements together`)
    return valueNode(FLAGS_BITS)
  }
  outerProduct(
    type: ElementType,
    _tile: number,
    rows: Side,
    columns: Side,
    parts: number,
    cell: (sum: Value, row: Cell, column: Cell) => Value
  ): void {
    this.#read("ZA", 0)
    this.#write("ZA", 0)
    const side = ({ source, where }: Side): Cell => {
      this.#lanes("outerProduct", [source], where)
      const bits = (source as VectorNode).bits ?? type.bits / parts
      this.#expect(bits * parts === type.bits, `outerProduct of ${type.name} takes ${parts} parts of ${bits} bits`)
      return { part: () => valueNode(bits), active: () => conditionNode() }
    }
    this.#value("outerProduct", cell(valueNode(type.bits), side(rows), side(columns)), type.bits)
  }

  // ---------------------------------------------------------------- conditions
  both(_x: Condition, _y: Condition): Condition {
    return conditionNode()
  }
  either(_x: Condition, _y: Condition): Condition {
    return conditionNode()
  }
  negated(_x: Condition): Condition {
    return conditionNode()
  }
  recordSaturation(_condition: Condition): void {}

  // ---------------------------------------------------------------- memory
  #address(what: string, address: Value | Vector): void {
    const { bits } = address as VectorNode
    this.#expect(bits === undefined || bits === 64, `${what} takes addresses of ${bits} bits`)
  }
  load(type: Integer, address: Value, _attributes?: MemoryAttributes): Value {
    this.#address("load", address)
    this.effects.push({ kind: "load" })
    return valueNode(type.bits)
  }
  store(type: Integer, address: Value, value: Value, _attributes?: MemoryAttributes): void {
    this.#address("store", address)
    this.#value("store", value, type.bits)
    this.effects.push({ kind: "store" })
  }
  loadVector(type: ElementType, address: Value | Vector, access: VectorAccess): Vector {
    this.#address("loadVector", address)
    this.effects.push({ kind: "load" })
    if (access.fault === "first" || access.fault === "none") this.#write("P", FFR)
    const lanes = (address as VectorNode).lanes ?? access.lanes ?? this.vectorBits / type.bits
    if (access.where) this.#expect((access.where as PredicateNode).lanes === lanes, `loadVector takes another number of elements than its predicate`)
    return vectorNode(type.bits, lanes)
  }
  storeVector(source: Vector, address: Value | Vector, access: VectorAccess): void {
    this.#address("storeVector", address)
    this.#lanes("storeVector", [source, ...((address as VectorNode).lanes === undefined ? [] : [address as Vector])], access.where)
    this.effects.push({ kind: "store" })
  }
  atomic(type: Integer, address: Value, update: (old: Value) => Value, _attributes?: MemoryAttributes): Value {
    this.#address("atomic", address)
    this.#value("atomic", update(valueNode(type.bits)), type.bits)
    this.effects.push({ kind: "load" }, { kind: "store" })
    return valueNode(type.bits)
  }
  storeExclusive(type: Integer, address: Value, value: Value, _attributes?: MemoryAttributes): Value {
    this.#address("storeExclusive", address)
    this.#value("storeExclusive", value, type.bits)
    this.effects.push({ kind: "store" })
    return valueNode(32)
  }

  // ---------------------------------------------------------------- control
  when(_condition: Condition, then: () => void, otherwise?: () => void): void {
    const before = new Set(this.#written)
    then()
    const after = this.#written
    this.#written = before
    otherwise?.()
    for (const name of after) this.#written.add(name)
  }
  branch(target: Value): void {
    this.#value("branch", target, 64)
    this.effects.push({ kind: "branch", conditional: false, target: constantOf(target) })
  }
  branchIf(_condition: Condition, target: bigint): void {
    this.effects.push({ kind: "branch", conditional: true, target })
  }
  raise(exception: Exception, _syndrome: number): void {
    this.effects.push({ kind: "exception", exception })
  }
  call<Takes extends readonly Kind[], Gives extends Kind>(helper: Helper<Takes, Gives>, ...operands: NodesOf<Takes>): Nodes[Gives] {
    this.effects.push({ kind: "call", helper: helper.name })
    helper.takes.forEach((kind, i) => {
      this.#operand(`${helper.name} (operand ${i + 1})`, kind, operands[i])
    })
    // The operands were checked against the kinds the helper takes.
    if (!helper.pure) this.#rehearse(helper as unknown as Helper<readonly Kind[], Kind>, operands)
    return this.#given(helper.gives) as Nodes[Gives]
  }
  #operand(what: string, kind: Kind, operand: unknown): void {
    if (kind === "number") this.#expect(typeof operand === "number", `${what} is not a number`)
    if (kind === "word") this.#expect(bitsOf(operand as Value) <= 32, `${what} is a word of ${bitsOf(operand as Value)} bits`)
    if (kind === "doubleword") this.#value(what, operand as Value, 64)
  }
  #given(kind: Kind): unknown {
    if (kind === "word") return valueNode(32)
    if (kind === "doubleword") return valueNode(64)
    if (kind === "vector") return vectorNode(undefined, undefined)
    return kind === "predicate" ? predicateNode(undefined, undefined) : kind === "number" ? 0 : undefined
  }
  /** Runs a helper on a host of zeros to see which of the machine's operations it starts. */
  #rehearse(helper: Helper<readonly Kind[], Kind>, operands: readonly unknown[]): void {
    const bytes = this.vectorBits / 8
    const concrete = helper.takes.map((kind, i) => {
      if (kind === "number") return operands[i]
      if (kind === "word") return 0
      return kind === "doubleword" ? 0n : new Uint8Array(kind === "predicate" ? bytes / 8 : bytes)
    })
    try {
      helper.run(this.#host(), ...(concrete as ConcreteOf<readonly Kind[]>))
    } catch {
      // What it would do with other operands is not known; what it did until here is noted.
    }
  }
  #host(): Host {
    const system = (operation: SystemOperation | "writePstate" | "maintain", encoding?: number) =>
      this.effects.push({ kind: "system", operation, ...(encoding === undefined ? {} : { encoding }) })
    return {
      vectorBits: this.vectorBits,
      address: this.address,
      X: () => 0n,
      writeX: () => {},
      flags: () => 0,
      writeFlags: () => {},
      load: () => 0n,
      store: () => {},
      copy: () => {},
      fill: () => {},
      system: (operation) => void system(operation),
      writePstate: () => void system("writePstate"),
      maintain(encoding) {
        system("maintain", encoding)
        return 0n
      },
      random: () => 0n,
      raise: (exception) => {
        this.effects.push({ kind: "exception", exception })
        throw new Error("raised")
      }
    }
  }
}
