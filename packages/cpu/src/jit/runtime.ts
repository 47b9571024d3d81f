/** Functions that generated code calls, themselves WebAssembly: a call between modules costs a few nanoseconds, one to TypeScript twenty. */
import { FLAGS } from "../layout.ts"
import { Emitter } from "./emitter.ts"
import { nibbleOf } from "./flags.ts"
import { RUNTIME_FUNCTIONS, type RuntimeFunction, SIGNATURES } from "./imports.ts"
import { encodeModule, type FunctionBody, functionBody } from "./module.ts"
import { bitselect, compare, const32, const64, constFloat, integer, local, type Node, plain, select, shuffle, unary, wrap } from "./node.ts"
import { F32, F64, f64, floatPattern, I32, I64, i32, i64, lanePattern, OP, V128, v128 } from "./opcodes.ts"
import { FlagsOf, splatConstant } from "./values.ts"

const written = (name: RuntimeFunction, body: (parameters: readonly Node[], e: Emitter) => Node): FunctionBody => {
  const signature = SIGNATURES[name]
  const e = new Emitter(signature.parameters.length)
  const parameters = signature.parameters.map((type, i) => local(i, type))
  e.value(body(parameters, e))
  return functionBody(name, signature, e)
}

const KINDS = [
  [FLAGS.subtract64, "subtract", 64],
  [FLAGS.subtract32, "subtract", 32],
  [FLAGS.add64, "add", 64],
  [FLAGS.add32, "add", 32],
  [FLAGS.logic64, "logic", 64],
  [FLAGS.logic32, "logic", 32]
] as const
/** NZCV as a nibble, of flags as they lie in the block. */
const flagsFunction = () =>
  written("flags", ([a, b, kind], e) => {
    for (const [number, name, bits] of KINDS) {
      e.if(compare(I32, i32.eq, kind!, const32(number)), () => {
        e.value(nibbleOf(new FlagsOf(name, bits, a!, b!)))
        e.code.byte(OP.return)
      })
    }
    return integer(I32, i32.and, wrap(a!), const32(15))
  })

const product = (x: Node, y: Node) => integer(I64, i64.mul, x, y)
const sum = (x: Node, y: Node) => integer(I64, i64.add, x, y)
const low32 = (x: Node) => integer(I64, i64.and, x, const64(0xffffffffn))
const high32 = (x: Node) => integer(I64, i64.shr_u, x, const64(32))
/** Upper half of a 128-bit product, from four 32-bit ones. */
const highProduct = (x: Node, y: Node): Node => {
  const [xl, xh, yl, yh] = [low32(x), high32(x), low32(y), high32(y)]
  const first = product(xl, yl)
  const second = sum(product(xh, yl), high32(first))
  const third = sum(product(xl, yh), low32(second))
  return sum(sum(product(xh, yh), high32(second)), high32(third))
}
/** A signed factor counts its top bit as -2^64 where the unsigned product counts +2^64. */
const signedHighProduct = (x: Node, y: Node): Node => {
  const correction = (a: Node, b: Node) => integer(I64, i64.and, integer(I64, i64.shr_s, a, const64(63)), b)
  return integer(I64, i64.sub, integer(I64, i64.sub, highProduct(x, y), correction(x, y)), correction(y, x))
}

/** The operations error-free transformations need, on one double or on two at once. */
interface Arithmetic {
  add(x: Node, y: Node): Node
  subtract(x: Node, y: Node): Node
  multiply(x: Node, y: Node): Node
  constant(pattern: bigint): Node
  /** The sum of `s` and the much smaller `e`, rounded to odd: if `e` is not zero and `s` is even, the neighbour of `s` on the side of `e`. */
  toOdd(s: Node, e: Node): Node
}
const scalar: Arithmetic = {
  add: (x, y) => plain(F64, f64.add, x, y),
  subtract: (x, y) => plain(F64, f64.sub, x, y),
  multiply: (x, y) => plain(F64, f64.mul, x, y),
  constant: (pattern) => constFloat(F64, pattern),
  toOdd(s, e) {
    const bits = unary(I64, OP.i64ReinterpretF64, s)
    const sign = integer(I64, i64.shr_s, integer(I64, i64.xor, bits, unary(I64, OP.i64ReinterpretF64, e)), const64(63))
    const step = integer(I64, i64.or, sign, const64(1))
    const even = compare(I64, i64.eq, integer(I64, i64.and, bits, const64(1)), const64(0))
    const moved = integer(I32, i32.and, plain(I32, f64.ne, e, constFloat(F64, 0n)), even)
    return unary(F64, OP.f64ReinterpretI64, integer(I64, i64.add, bits, select(moved, step, const64(0))))
  }
}
const vector: Arithmetic = {
  add: (x, y) => plain(V128, floatPattern.add[1], x, y),
  subtract: (x, y) => plain(V128, floatPattern.subtract[1], x, y),
  multiply: (x, y) => plain(V128, floatPattern.multiply[1], x, y),
  constant: (pattern) => splatConstant(64, pattern),
  toOdd(s, e) {
    const one = splatConstant(64, 1n)
    const zero = splatConstant(64, 0n)
    const sign = plain(V128, lanePattern.shiftRightS[3], plain(V128, v128.xor, s, e), const32(63))
    const even = plain(V128, lanePattern.equal[3], plain(V128, v128.and, s, one), zero)
    const moved = plain(V128, v128.and, plain(V128, floatPattern.notEqual[1], e, zero), even)
    return plain(V128, lanePattern.add[3], s, plain(V128, v128.and, plain(V128, v128.or, sign, one), moved))
  }
}
/** x + y as its rounded value and the error. */
const twoSum = (A: Arithmetic, x: Node, y: Node): readonly [Node, Node] => {
  const s = A.add(x, y)
  const virtual = A.subtract(s, x)
  return [s, A.add(A.subtract(x, A.subtract(s, virtual)), A.subtract(y, virtual))]
}
/** 2^27 + 1 */
const SPLITTER = 0x41a0000002000000n
/** x * y as its rounded value and the error, by splitting the factors into halves. */
const twoProduct = (A: Arithmetic, x: Node, y: Node): readonly [Node, Node] => {
  const split = (a: Node): readonly [Node, Node] => {
    const scaled = A.multiply(a, A.constant(SPLITTER))
    const high = A.subtract(scaled, A.subtract(scaled, a))
    return [high, A.subtract(a, high)]
  }
  const p = A.multiply(x, y)
  const [xh, xl] = split(x)
  const [yh, yl] = split(y)
  const rest = A.subtract(A.subtract(A.subtract(p, A.multiply(xh, yh)), A.multiply(xl, yh)), A.multiply(xh, yl))
  return [p, A.subtract(A.multiply(xl, yl), rest)]
}
/** x * y + z rounded once, as long as no intermediate leaves the range where its error is exact. */
const fused = (A: Arithmetic, x: Node, y: Node, z: Node): Node => {
  const [uh, ul] = twoProduct(A, x, y)
  const [th, tl] = twoSum(A, z, ul)
  const [vh, vl] = twoSum(A, uh, th)
  const [s, e] = twoSum(A, tl, vl)
  return A.add(vh, A.toOdd(s, e))
}
const NAN = 0x7ff8000000000000n
/** 2^-900 and 2^900: products and addends between them, or zero, have exact errors throughout. */
const LEAST = 0x07b0000000000000n
const MOST = 0x7830000000000000n
const inRange = (n: Node): Node => {
  const magnitude = unary(F64, f64.abs, n)
  const within = integer(I32, i32.and, plain(I32, f64.gt, magnitude, constFloat(F64, LEAST)), plain(I32, f64.lt, magnitude, constFloat(F64, MOST)))
  return within
}
const both = (x: Node, y: Node): Node => integer(I32, i32.and, x, y)
const fma64 = () =>
  written("fma64", ([x, y, z]) => {
    const p = plain(F64, f64.mul, x!, y!)
    const addend = integer(I32, i32.or, inRange(z!), plain(I32, f64.eq, z!, constFloat(F64, 0n)))
    const exact = both(both(inRange(p), addend), both(inRange(x!), inRange(y!)))
    const zero = (n: Node) => plain(I32, f64.eq, n, constFloat(F64, 0n))
    const nothing = both(zero(p), integer(I32, i32.or, zero(x!), zero(y!)))
    return select(nothing, plain(F64, f64.add, p, z!), select(exact, fused(scalar, x!, y!, z!), constFloat(F64, NAN)))
  })
const inRange2 = (n: Node): Node => {
  const magnitude = unary(V128, floatPattern.absolute[1], n)
  const above = plain(V128, floatPattern.greater[1], magnitude, splatConstant(64, LEAST))
  return plain(V128, v128.and, above, plain(V128, floatPattern.less[1], magnitude, splatConstant(64, MOST)))
}
const fma64x2 = () =>
  written("fma64x2", ([x, y, z]) => {
    const p = plain(V128, floatPattern.multiply[1], x!, y!)
    const zero = (n: Node) => plain(V128, floatPattern.equal[1], n, splatConstant(64, 0n))
    const and = (a: Node, b: Node) => plain(V128, v128.and, a, b)
    const exact = [inRange2(p), plain(V128, v128.or, inRange2(z!), zero(z!)), inRange2(x!), inRange2(y!)].reduce(and)
    const nothing = and(zero(p), plain(V128, v128.or, zero(x!), zero(y!)))
    const result = plain(V128, v128.or, fused(vector, x!, y!, z!), and(unary(V128, v128.not, exact), splatConstant(64, NAN)))
    return bitselect(plain(V128, floatPattern.add[1], p, z!), result, nothing)
  })
/** The product of singles is exact in double; the sum rounded to odd there rounds to single as the exact one does. */
const fma32 = () =>
  written("fma32", ([x, y, z]) => {
    const wide = (n: Node) => unary(F64, OP.f64Promote, n)
    const [s, e] = twoSum(scalar, plain(F64, f64.mul, wide(x!), wide(y!)), wide(z!))
    return unary(F32, OP.f32Demote, scalar.toOdd(s, e))
  })
const UPPER_TO_LOWER = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]
const JOIN_LOWER = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
const fma32x4 = () =>
  written("fma32x4", ([x, y, z]) => {
    const half = (upper: boolean): Node => {
      const wide = (n: Node) => unary(V128, v128.promoteLow, upper ? shuffle(n, n, UPPER_TO_LOWER) : n)
      const [s, e] = twoSum(vector, plain(V128, floatPattern.multiply[1], wide(x!), wide(y!)), wide(z!))
      return unary(V128, v128.demote, vector.toOdd(s, e))
    }
    return shuffle(half(false), half(true), JOIN_LOWER)
  })

export type RuntimeFunctions = Readonly<Record<RuntimeFunction, CallableFunction>>
/** Compiles the runtime: once per process is enough. */
export const createRuntime = (): RuntimeFunctions => {
  const bodies: Readonly<Record<RuntimeFunction, FunctionBody>> = {
    flags: flagsFunction(),
    multiplyHighSigned: written("multiplyHighSigned", ([x, y]) => signedHighProduct(x!, y!)),
    multiplyHighUnsigned: written("multiplyHighUnsigned", ([x, y]) => highProduct(x!, y!)),
    fma64: fma64(),
    fma32: fma32(),
    fma64x2: fma64x2(),
    fma32x4: fma32x4()
  }
  const bytes = encodeModule(
    [],
    RUNTIME_FUNCTIONS.map((name) => bodies[name])
  )
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource))
  return exports as RuntimeFunctions
}
