/** The builder: the machine as one instruction sees it. Two engines implement it. */
declare const valueBrand: unique symbol
declare const conditionBrand: unique symbol
declare const vectorBrand: unique symbol
declare const predicateBrand: unique symbol

/** A run-time bit pattern. Its type (width, sign, format) is known by whoever made it. */
export interface Value {
  readonly [valueBrand]: true
}
/** A run-time truth value. */
export interface Condition {
  readonly [conditionBrand]: true
}
/** A run-time vector: lanes of one element type. */
export interface Vector {
  readonly [vectorBrand]: true
}
/** A run-time predicate: one truth value per lane of one element size. */
export interface Predicate {
  readonly [predicateBrand]: true
}

/** Relations between two values; "unordered" is of floating point alone. */
export type Comparison = "equal" | "less" | "lessOrEqual" | "greater" | "greaterOrEqual" | "unordered"
/** Rounding modes; "current" is what FPCR says. */
export type Rounding = "nearestEven" | "up" | "down" | "zero" | "nearestAway" | "odd" | "current"
/** What is reversed, within its container: REV, RBIT. */
export type BitOrder = "bits" | "bytes" | "halfwords" | "words"

/** What integers and floating-point numbers have in common. */
export interface ElementType {
  readonly bits: number
  readonly name: string
  constant(n: number | bigint): Value // a compile-time constant
  add(x: Value, y: Value): Value
  subtract(x: Value, y: Value): Value
  multiply(x: Value, y: Value): Value
  divide(x: Value, y: Value): Value // integers: toward zero, x / 0 = 0
  minimum(x: Value, y: Value): Value
  maximum(x: Value, y: Value): Value
  negate(x: Value): Value
  absolute(x: Value): Value
  select(condition: Condition, whenTrue: Value, whenFalse: Value): Value
  test(x: Value, comparison: Comparison, y: Value): Condition
}

/** An integer element type: its width, signedness and operations. */
export interface Integer extends ElementType {
  readonly signed: boolean
  from(x: Value, source: Integer): Value // sign- or zero-extend, or truncate
  part(x: Value, index: number, source: Integer): Value // the index-th narrower element packed in x, extended
  saturate(x: Value, source: Integer): Value // clamp a wider value to this type's range
  multiplyHigh(x: Value, y: Value): Value // upper half of the double-width product
  and(x: Value, y: Value): Value
  or(x: Value, y: Value): Value
  xor(x: Value, y: Value): Value
  not(x: Value): Value
  shiftLeft(x: Value, amount: number | Value): Value // amount >= bits gives 0
  shiftRight(x: Value, amount: number | Value): Value // arithmetic when signed; amount >= bits gives 0 or the sign
  rotateRight(x: Value, amount: number | Value): Value
  countLeadingZeros(x: Value): Value
  countOnes(x: Value): Value
  reverse(x: Value, order: BitOrder): Value
  addWithCarry(x: Value, y: Value, carry: Condition): { readonly result: Value; readonly flags: Value }
}

/** Arithmetic obeys the floating-point environment the type was asked for; flags accumulate in FPSR there, nowhere else. */
export interface Float extends ElementType {
  squareRoot(x: Value): Value
  multiplyAdd(addend: Value, x: Value, y: Value): Value // fused: one rounding
  minimumNumber(x: Value, y: Value): Value // a single quiet NaN loses
  maximumNumber(x: Value, y: Value): Value
  compare(x: Value, y: Value, signalAllNaNs: boolean): Value // NZCV as FCMP or FCMPE gives it
  convert(x: Value, source: Float, rounding?: Rounding): Value
  fromInteger(x: Value, source: Integer, fractionBits: number): Value
  toInteger(x: Value, target: Integer, rounding: Rounding, fractionBits: number): Value
  roundToIntegral(x: Value, rounding: Rounding, signalInexact: boolean): Value
  special(operation: FloatOperation, ...operands: readonly Value[]): Value // the manual's named functions: estimates, steps, bfloat16 sums
}

/** Formats of floating point, by their bits or name. */
export type FloatFormat = 16 | 32 | 64 | "bfloat16" | "float8"
/** Which control bits apply: FPCR and FPSR; ZA arithmetic (default NaN, no flags); bfloat16 dot products (round to odd). */
export type FloatEnvironment = "standard" | "za" | "bfloat16"
/**
 * Named arithmetic of the manual that is neither an operation nor worth one. Operands and results are bit patterns of the type, unless said.
 *
 * - `reciprocalEstimate`, `reciprocalSquareRootEstimate`, `reciprocalExponent`: one operand (FRECPE, FRSQRTE, FRECPX)
 * - `unsignedReciprocalEstimate`, `unsignedReciprocalSquareRootEstimate`: one unsigned 32-bit fixed-point operand (URECPE, URSQRTE)
 * - `reciprocalStep`, `reciprocalSquareRootStep`: 2 - x*y and (3 - x*y) / 2, fused, of (x, y); the caller does not negate
 * - `multiplyExtended`: FMULX of (x, y)
 * - `absoluteMaximum`, `absoluteMinimum`: FAMAX and FAMIN of (x, y)
 * - `javascriptConvert`: FJCVTZS of a 64-bit x; a 64-bit value whose low half is the result and whose bit 32 is the Z flag
 * - `roundToInt32`, `roundToInt64`: FRINT32X/FRINT64X in the current rounding; `...Zero`: toward zero (FRINT32Z, FRINT64Z)
 * - `bfloat16Dot`: (sum, x, y), x and y 32-bit values of two bfloat16 each (BFDOT); obeys FPCR.EBF
 * - `float16Dot`: (sum, x, y), x and y 32-bit values of two halves each (FMOPA)
 * - `multiplyAddHalf`, `multiplyAddBfloat16`: (sum, x, y), fused single sum + x*y, where x and y are half precision or bfloat16 in the low 16 bits
 *   of 32 (FMLAL, BFMLALB)
 */
export type FloatOperation =
  | "reciprocalEstimate"
  | "reciprocalSquareRootEstimate"
  | "reciprocalExponent"
  | "unsignedReciprocalEstimate"
  | "unsignedReciprocalSquareRootEstimate"
  | "reciprocalStep"
  | "reciprocalSquareRootStep"
  | "multiplyExtended"
  | "absoluteMaximum"
  | "absoluteMinimum"
  | "javascriptConvert"
  | "roundToInt32"
  | "roundToInt64"
  | "roundToInt32Zero"
  | "roundToInt64Zero"
  | "bfloat16Dot"
  | "float16Dot"
  | "multiplyAddHalf"
  | "multiplyAddBfloat16"

/**
 * What a helper takes and gives. `number` is a compile-time number (a field); `word` a run-time value of up to 32 bits, an unsigned JavaScript number;
 * `doubleword` a 64-bit value, a bigint; `vector` the bytes of a vector, little-endian; `predicate` its bits, one per byte of the vector, least first.
 */
export type Kind = "number" | "word" | "doubleword" | "vector" | "predicate" | "none"
/** What a helper works on, by the kind of its operand: plain JavaScript values. */
export interface Concrete {
  number: number
  word: number
  doubleword: bigint
  vector: Uint8Array
  predicate: Uint8Array
  // biome-ignore lint/suspicious/noConfusingVoidType: what a helper without a result returns
  none: void
}
/** What a meaning holds, by kind: opaque values of the engine. */
export interface Nodes {
  number: number
  word: Value
  doubleword: Value
  vector: Vector
  predicate: Predicate
  // biome-ignore lint/suspicious/noConfusingVoidType: what a helper without a result returns
  none: void
}
/** Concrete values of a list of kinds. */
export type ConcreteOf<K extends readonly Kind[]> = { readonly [I in keyof K]: Concrete[K[I]] }
/** Opaque values of a list of kinds. */
export type NodesOf<K extends readonly Kind[]> = { readonly [I in keyof K]: Nodes[K[I]] }
/** Plain TypeScript that both engines call with concrete operands. A vector it gives has as many bytes as it returns. */
export interface Helper<Takes extends readonly Kind[], Gives extends Kind> {
  readonly name: string
  readonly takes: Takes
  readonly gives: Gives
  /** True for a function of its operands alone: it does not touch `host`, so engines need not leave their fast state for it. */
  readonly pure?: boolean
  readonly run: (host: Host, ...concrete: ConcreteOf<Takes>) => Concrete[Gives]
}
/** Declares a helper: a part of a meaning in plain JavaScript, with the kinds it takes and gives. */
export const helper = <const Takes extends readonly Kind[], const Gives extends Kind>(h: Helper<Takes, Gives>): Helper<Takes, Gives> => h

/** Operations of the machine that only helpers start. `operand` of `host.system` is what the second column says; 0n otherwise. */
export type SystemOperation =
  | "returnFromException" // ERET
  | "waitForInterrupt" // WFI, and WFIT with the virtual count to wait for; -1n: no limit
  | "waitForEvent" // WFE, WFET likewise
  | "sendEvent" // SEV
  | "sendEventLocal" // SEVL
  | "errorBarrier" // ESB
  | "yield" // YIELD
  | "synchronize" // ISB: a context synchronisation event
  | "barrier" // DSB, DMB, SB: the operand is CRm << 3 | op2
  | "clearExclusive" // CLREX
  | "breakpoint" // reserved for debuggers
/** What a helper may touch of the machine, with concrete values. Writes are immediate: faults must come first. */
export interface Host {
  /** Current vector length in bits. */
  readonly vectorBits: number
  /** Address of this instruction. */
  readonly address: bigint
  X(n: number): bigint
  writeX(n: number, value: bigint): void
  /** NZCV as a nibble. */
  flags(): number
  writeFlags(nzcv: number): void
  /** `bytes` is 1, 2, 4 or 8. Faults abort the instruction: what was written before stays. */
  load(bytes: number, address: bigint, attributes?: MemoryAttributes): bigint
  store(bytes: number, address: bigint, value: bigint, attributes?: MemoryAttributes): void
  /** Moves bytes as memmove does: neither range leaves its 4096-byte page, and a fault comes before the first byte is written. Alignment is never checked. */
  copy(to: bigint, from: bigint, bytes: number, writing?: MemoryAttributes, reading?: MemoryAttributes): void
  /** Sets bytes of one 4096-byte page to the low 8 bits of a value, likewise. */
  fill(address: bigint, value: bigint, bytes: number, attributes?: MemoryAttributes): void
  system(operation: SystemOperation, operand: bigint): void
  /** MSR (immediate): PSTATE field by its op1 and op2, with all access checks. */
  writePstate(op1: number, op2: number, immediate: number): void
  /** SYS and SYSL (DC, IC, AT, TLBI ...) by encoding, with all access checks; SYSL gives a value. */
  maintain(encoding: number, operand: bigint): bigint
  /** A value-keyed source of randomness of the machine (RNDR), seeded. */
  random(): bigint
  /** Ends the instruction as UNDEFINED, or with the memory-copy exception (MOPS) of this syndrome. */
  raise(exception: Exception | "memoryCopy", syndrome: number): never
}

/** What is special about an access: ordering, alignment, privilege. */
export interface MemoryAttributes {
  readonly acquire?: boolean
  readonly release?: boolean
  readonly unprivileged?: boolean
  /** Misaligned accesses fault; "quadword": only those that cross a 16-byte boundary (FEAT_LSE2), and none under SCTLR.nAA for a plain load or store. */
  readonly aligned?: boolean | "quadword"
  readonly exclusive?: boolean // a load that arms the monitor
}
/** Which lanes an operation touches and what the others become. */
export interface Masking {
  readonly where?: Predicate
  readonly otherwise?: Vector | "zero"
}
/** An access to memory by the elements of a vector. */
export interface VectorAccess {
  readonly memory: Integer // element as it lies in memory
  readonly where?: Predicate
  readonly lanes?: number // AdvSIMD: how many; default: the whole vector
  readonly stride?: number // elements between lanes; structures of n: n
  readonly fault?: "precise" | "first" | "none" // first and none record themselves in FFR
}
/** One operand of an outer product: a vector and the predicate of its elements. */
export interface Side {
  readonly source: Vector
  readonly where: Predicate
}
/** What a cell of the tile sees of one side: its narrow elements, and whether each takes part. */
export interface Cell {
  readonly part: (index: number) => Value
  readonly active: (index: number) => Condition
}
/** Slices of ZA: rows or columns. */
export type Direction = "horizontal" | "vertical"
/** Exceptions that an instruction takes by itself. */
export type Exception = "supervisorCall" | "hypervisorCall" | "secureMonitorCall" | "breakpoint" | "halt" | "undefined"

/** What a meaning is written against. Values are opaque to it: the interpreter computes them, the JIT records them. */
export interface Cpu {
  // element types
  unsigned(bits: number): Integer
  signed(bits: number): Integer
  float(format: FloatFormat, environment?: FloatEnvironment): Float

  // general registers, flags, system registers
  X(n: number, type?: Integer): Value // 31 reads zero
  setX(n: number, value: Value, type?: Integer): void // 31 is discarded; narrow values zero-extend
  XSP(n: number, type?: Integer): Value // 31 is the stack pointer
  setXSP(n: number, value: Value, type?: Integer): void
  setFlags(nzcv: Value): void // NZCV in bits 3:0 of a 32-bit value, as all operations give it
  holds(condition: number): Condition // a 4-bit condition code
  systemRegister(encoding: number): Value
  setSystemRegister(encoding: number, value: Value): void
  readonly address: bigint // of this instruction
  readonly vectorBits: number // current VL, a constant of the translation
  readonly streamingVectorBits: number

  // vector, predicate and matrix registers
  scalar(n: number, type: ElementType): Value // lowest element of V
  setScalar(n: number, value: Value, type: ElementType, merging?: number): void // zeroes the rest; under FPCR.NEP keeps V[merging]'s up to bit 127
  V(n: number, type: ElementType, bits?: number, part?: number): Vector // 64 or 128 bits; part 1 is the upper half
  setV(n: number, value: Vector): void // zeroes the rest
  insertV(n: number, part: number, value: Vector): void // writes one 64-bit half, keeps the other
  Z(n: number, type: ElementType): Vector
  setZ(n: number, value: Vector): void
  P(n: number, type: ElementType): Predicate // 16 is FFR
  setP(n: number, value: Predicate): void
  counter(n: number, type: ElementType, vectors: number): readonly Predicate[] // predicate-as-counter
  ZA(index: Value): Vector // one horizontal vector of the array, bytes
  setZA(index: Value, value: Vector): void
  slice(type: ElementType, tile: number, direction: Direction, index: Value): Vector
  setSlice(type: ElementType, tile: number, direction: Direction, index: Value, value: Vector): void
  ZT0(): Vector
  setZT0(value: Vector): void

  // lanes
  map(type: ElementType, sources: readonly Vector[], lane: (...x: readonly Value[]) => Value, masking?: Masking): Vector
  compare(type: ElementType, sources: readonly Vector[], lane: (...x: readonly Value[]) => Condition, where?: Predicate): Predicate
  reduce(
    type: ElementType,
    source: Vector,
    start: Value,
    combine: (x: Value, y: Value) => Value,
    order: "tree" | "sequential",
    where?: Predicate
  ): Value
  splat(type: ElementType, value: Value, bits?: number): Vector // default: the whole vector
  generate(type: ElementType, lane: (index: number) => Value): Vector
  permute(type: ElementType, sources: readonly Vector[], from: (index: number) => number | "zero"): Vector // lane numbers count through all sources
  lookup(type: ElementType, table: readonly Vector[], indices: Vector, outOfRange: Vector | "zero"): Vector
  reinterpret(source: Vector, type: ElementType): Vector
  lane(source: Vector, index: number | Value): Value
  withLane(source: Vector, index: number | Value, value: Value): Vector
  predicate(type: ElementType, lane: (index: number) => Condition): Predicate
  active(predicate: Predicate, index: number): Condition
  countActive(predicate: Predicate): Value // 64 bits
  predicateFlags(governing: Predicate, result: Predicate): Value
  outerProduct(type: ElementType, tile: number, rows: Side, columns: Side, parts: number, cell: (sum: Value, row: Cell, column: Cell) => Value): void

  // conditions
  always: Condition
  both(x: Condition, y: Condition): Condition
  either(x: Condition, y: Condition): Condition
  negated(x: Condition): Condition
  recordSaturation(condition: Condition): void // FPSR.QC

  // memory
  load(type: Integer, address: Value, attributes?: MemoryAttributes): Value
  store(type: Integer, address: Value, value: Value, attributes?: MemoryAttributes): void
  loadVector(type: ElementType, address: Value | Vector, access: VectorAccess): Vector
  storeVector(source: Vector, address: Value | Vector, access: VectorAccess): void
  atomic(type: Integer, address: Value, update: (old: Value) => Value, attributes?: MemoryAttributes): Value // gives the old value
  storeExclusive(type: Integer, address: Value, value: Value, attributes?: MemoryAttributes): Value // 32 bits: 0 done, 1 lost

  // control
  when(condition: Condition, then: () => void, otherwise?: () => void): void
  branch(target: Value): void
  branchIf(condition: Condition, target: bigint): void
  raise(exception: Exception, syndrome: number): void
  call<Takes extends readonly Kind[], Gives extends Kind>(helper: Helper<Takes, Gives>, ...operands: NodesOf<Takes>): Nodes[Gives]
}
