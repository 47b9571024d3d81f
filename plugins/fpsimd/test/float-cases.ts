/** What single floating-point instructions do where families and operands are easily confused. Every row holds on QEMU. */

/** Elements, lowest first, each a number or a pattern as a bigint; missing ones are zero. */
const packed =
  (bits: 16 | 32 | 64, patternOf: (x: number) => bigint) =>
  (...elements: readonly (number | bigint)[]): bigint =>
    elements.reduceRight<bigint>((total, x) => (total << BigInt(bits)) | (typeof x === "bigint" ? x : patternOf(x)), 0n)
const view = new DataView(new ArrayBuffer(8))
const double = (x: number): bigint => {
  view.setFloat64(0, x)
  return view.getBigUint64(0)
}
const single = (x: number): bigint => {
  view.setFloat32(0, x)
  return BigInt(view.getUint32(0))
}
/** Of numbers half precision holds exactly, and not denormal. */
const half = (x: number): bigint => {
  const bits = single(x)
  if ((bits & 0x7fffffffn) === 0n) return bits >> 16n
  if (!Number.isFinite(x)) return ((bits >> 16n) & 0x8000n) | 0x7c00n
  return ((bits >> 16n) & 0x8000n) | ((((bits >> 23n) & 0xffn) - 112n) << 10n) | ((bits >> 13n) & 0x3ffn)
}
const d = packed(64, double)
const s = packed(32, single)
const h = packed(16, half)
/** bfloat16. */
const b = packed(16, (x) => single(x) >> 16n)
const w = packed(32, (x) => BigInt.asUintN(32, BigInt(x)))
const x = packed(64, (n) => BigInt.asUintN(64, BigInt(n)))

const AH = 1 << 1
const NEP = 1 << 2
const FZ16 = 1 << 19
const RMODE = { up: 1 << 22, down: 2 << 22, zero: 3 << 22 }
const FZ = 1 << 24
const DN = 1 << 25
const AHP = 1 << 26
const EBF = 1 << 13
const IOC = 1
const DZC = 2
const OFC = 4
const IXC = 16
const IDC = 128
const [N, Z, C, V] = [8, 4, 2, 1]

const SIGNALLING = 0x7f800001n
const QUIETED = 0x7fc00001n
const DEFAULT = 0x7fc00000n

export interface State {
  /** Patterns of V0 (which most rows write), V1, V2 and V3. */
  readonly v0?: bigint
  readonly v1?: bigint
  readonly v2?: bigint
  readonly v3?: bigint
  readonly x0?: bigint
  readonly x1?: bigint
  readonly fpcr?: number
  /** Cumulative exceptions; none before. */
  readonly fpsr?: number
  /** NZCV, N is 8; before: none. */
  readonly flags?: number
}
/** Text, state before, and what is different after it: FPSR is 0 unless said. */
export type FloatCase = readonly [text: string, before: State, after: State]

export const floatCases: readonly FloatCase[] = [
  // scalar arithmetic
  ["fadd s0, s1, s2", { v0: s(9, 9, 9, 9), v1: s(1, 5), v2: s(2, 6) }, { v0: s(3) }],
  ["fsub d0, d1, d2", { v1: d(1), v2: d(4) }, { v0: d(-3) }],
  ["fdiv h0, h1, h2", { v1: h(3), v2: h(2) }, { v0: h(1.5) }],
  ["fdiv s0, s1, s2", { v1: s(-1), v2: s(0) }, { v0: s(Number.NEGATIVE_INFINITY), fpsr: DZC }],
  ["fmul h0, h1, h2", { v1: h(512), v2: h(512) }, { v0: h(Number.POSITIVE_INFINITY), fpsr: OFC | IXC }],
  ["fmul s0, s1, s2", { v1: s(3), v2: s(0x3eaaaaabn), fpcr: RMODE.up }, { v0: s(0x3f800001n), fpsr: IXC }],
  ["fnmul s0, s1, s2", { v1: s(3), v2: s(0x3eaaaaabn), fpcr: RMODE.up }, { v0: s(0xbf800001n), fpsr: IXC }],
  ["fnmul s0, s1, s2", { v1: s(SIGNALLING), v2: s(1) }, { v0: s(0xffc00001n), fpsr: IOC }],
  ["fnmul s0, s1, s2", { v1: s(0x7fc00005n), v2: s(1), fpcr: AH }, { v0: s(0x7fc00005n) }],
  ["fadd s0, s1, s2", { v1: s(0x7fc00005n), v2: s(SIGNALLING) }, { v0: s(QUIETED), fpsr: IOC }],
  ["fadd s0, s1, s2", { v1: s(0x7fc00005n), v2: s(SIGNALLING), fpcr: DN }, { v0: s(DEFAULT), fpsr: IOC }],
  ["fadd s0, s1, s2", { v1: s(1n), v2: s(0), fpcr: FZ }, { v0: s(0), fpsr: IDC }],
  ["fadd h0, h1, h2", { v1: h(1n), v2: h(0), fpcr: FZ16 }, { v0: h(0) }],
  ["fmax s0, s1, s2", { v1: s(-0), v2: s(0) }, { v0: s(0) }],
  ["fmin d0, d1, d2", { v1: d(-0), v2: d(0) }, { v0: d(-0) }],
  ["fmax s0, s1, s2", { v1: s(-0), v2: s(0), fpcr: AH }, { v0: s(0) }],
  ["fmax s0, s1, s2", { v1: s(0), v2: s(-0), fpcr: AH }, { v0: s(-0) }],
  ["fmax s0, s1, s2", { v1: s(0x7fc00005n), v2: s(1) }, { v0: s(0x7fc00005n) }],
  ["fmaxnm s0, s1, s2", { v1: s(0x7fc00005n), v2: s(1) }, { v0: s(1) }],
  ["fminnm s0, s1, s2", { v1: s(SIGNALLING), v2: s(1) }, { v0: s(QUIETED), fpsr: IOC }],
  ["fsqrt d0, d1", { v1: d(2.25) }, { v0: d(1.5) }],
  ["fabs s0, s1", { v1: s(0xffc00005n) }, { v0: s(0x7fc00005n) }],
  ["fabs s0, s1", { v1: s(0xffc00005n), fpcr: AH }, { v0: s(0xffc00005n) }],
  ["fneg h0, h1", { v1: h(1) }, { v0: h(-1) }],
  ["fmov d0, d1", { v0: d(1, 1), v1: d(0x7ff0000000000001n, 3) }, { v0: d(0x7ff0000000000001n) }],
  ["fmov s0, #-0.75", {}, { v0: s(-0.75) }],
  ["fmov h0, #31", {}, { v0: h(31) }],
  // fused: which register is the addend, what is negated
  ["fmadd s0, s1, s2, s3", { v1: s(2), v2: s(3), v3: s(10) }, { v0: s(16) }],
  ["fmsub s0, s1, s2, s3", { v1: s(2), v2: s(3), v3: s(10) }, { v0: s(4) }],
  ["fnmadd s0, s1, s2, s3", { v1: s(2), v2: s(3), v3: s(10) }, { v0: s(-16) }],
  ["fnmsub s0, s1, s2, s3", { v1: s(2), v2: s(3), v3: s(10) }, { v0: s(-4) }],
  ["fmadd d0, d1, d2, d3", { v1: d(1 + 2 ** -52), v2: d(1 - 2 ** -52), v3: d(-1) }, { v0: d(-(2 ** -104)) }],
  ["fmsub s0, s1, s2, s3", { v1: s(0x7fc00001n), v2: s(0x7fc00002n), v3: s(1) }, { v0: s(0xffc00001n) }],
  ["fmadd s0, s1, s2, s3", { v1: s(0x7fc00001n), v2: s(0x7fc00002n), v3: s(0x7fc00003n) }, { v0: s(0x7fc00003n) }],
  ["fmadd s0, s1, s2, s3", { v1: s(0), v2: s(Number.POSITIVE_INFINITY), v3: s(0x7fc00003n) }, { v0: s(DEFAULT), fpsr: IOC }],
  ["fmla v0.4s, v1.4s, v2.4s", { v0: s(10, 20, 30, 40), v1: s(1, 2, 3, 4), v2: s(5, 6, 7, 8) }, { v0: s(15, 32, 51, 72) }],
  ["fmls v0.2d, v1.2d, v2.2d", { v0: d(10, 20), v1: d(1, 2), v2: d(5, 6) }, { v0: d(5, 8) }],
  // merging scalars
  ["fadd s0, s1, s2", { v0: s(9, 9, 9, 9), v1: s(1, 5), v2: s(2, 6), fpcr: NEP }, { v0: s(3, 5) }],
  ["fcmgt s0, s1, s2", { v1: s(1, 5), v2: s(2, 6), fpcr: NEP }, { v0: w(0, single(6)) }],
  ["fcmgt s0, s1, #0.0", { v0: s(9, 9, 9, 9), v1: s(1, 5), fpcr: NEP }, { v0: w(-1) }],
  ["fmadd s0, s1, s2, s3", { v0: s(9, 9), v1: s(2, 1), v2: s(3, 2), v3: s(10, 3), fpcr: NEP }, { v0: s(16, 3) }],
  ["fsqrt s0, s1", { v0: s(9, 9), v1: s(4, 5), fpcr: NEP }, { v0: s(2, 9) }],
  // rounding to integers
  ["frintn s0, s1", { v1: s(2.5) }, { v0: s(2) }],
  ["frinta s0, s1", { v1: s(2.5) }, { v0: s(3) }],
  ["frintx d0, d1", { v1: d(-2.5), fpcr: RMODE.down }, { v0: d(-3), fpsr: IXC }],
  ["frinti d0, d1", { v1: d(-2.5), fpcr: RMODE.zero }, { v0: d(-2) }],
  ["frint32z s0, s1", { v1: s(3e9) }, { v0: s(-(2 ** 31)), fpsr: IOC }],
  ["frint64x d0, d1", { v1: d(3e9 + 0.5) }, { v0: d(3e9), fpsr: IXC }],
  ["fcvtns w0, s1", { v1: s(2.5) }, { x0: 2n, fpsr: IXC }],
  ["fcvtas x0, d1", { v1: d(-2.5) }, { x0: BigInt.asUintN(64, -3n), fpsr: IXC }],
  ["fcvtmu w0, d1", { v1: d(-1) }, { x0: 0n, fpsr: IOC }],
  ["fcvtzs w0, d1", { v1: d(1e10), x0: ~0n & 0xffffffffffffffffn }, { x0: 0x7fffffffn, fpsr: IOC }],
  ["fcvtzs x0, s1", { v1: s(DEFAULT) }, { x0: 0n, fpsr: IOC }],
  ["fcvtzs w0, s1, #4", { v1: s(-1.5) }, { x0: 0xffffffe8n }],
  ["scvtf d0, w1, #1", { x1: 0xfffffffdn }, { v0: d(-1.5) }],
  ["ucvtf s0, x1", { x1: 0xffffffffffffffffn, fpcr: RMODE.zero }, { v0: s(0x5f7fffffn), fpsr: IXC }],
  ["scvtf h0, x1", { x1: 100000n }, { v0: h(Number.POSITIVE_INFINITY), fpsr: OFC | IXC }],
  ["fcvtzu d0, s1", { v1: s(7.75) }, { v0: x(7), fpsr: IXC }],
  ["scvtf s0, d1", { v1: x(-7) }, { v0: s(-7) }],
  ["fjcvtzs w0, d1", { v1: d(2 ** 32 + 5) }, { x0: 5n, fpsr: IOC }],
  ["fjcvtzs w0, d1", { v1: d(-5) }, { x0: 0xfffffffbn, flags: Z }],
  ["fcvtzs v0.2s, v1.2s, #1", { v0: w(9, 9, 9, 9), v1: s(1.5, -2.25) }, { v0: w(3, -4), fpsr: IXC }],
  ["scvtf v0.8h, v1.8h, #16", { v1: h(1n << 14n, 0xc000n) }, { v0: h(0.25, -0.25) }],
  ["ucvtf d0, d1, #64", { v1: x(1n << 63n) }, { v0: d(0.5) }],
  ["fcvtpu v0.4s, v1.4s", { v1: s(1.25, -0.5, 5e9, 3) }, { v0: w(2, 0, 0xffffffff, 3), fpsr: IOC | IXC }],
  // moves
  ["fmov x0, d1", { v1: d(1.5, 2.5) }, { x0: double(1.5) }],
  ["fmov x0, v1.d[1]", { v1: d(1.5, 2.5) }, { x0: double(2.5) }],
  ["fmov v0.d[1], x1", { v0: d(1, 2), x1: double(3) }, { v0: d(1, 3) }],
  ["fmov s0, w1", { v0: d(1, 2), x1: 0x12345678_9abcdef0n }, { v0: 0x9abcdef0n }],
  ["fmov w0, h1", { v1: h(0xffffn, 1), x0: 0xffffffffffffffffn }, { x0: 0xffffn }],
  ["fmov v0.2d, #0.5", {}, { v0: d(0.5, 0.5) }],
  ["fmov v0.4h, #-2", { v0: d(1, 2) }, { v0: h(-2, -2, -2, -2) }],
  // between formats
  ["fcvt s0, d1", { v1: d(1 + 2 ** -24), fpcr: RMODE.up }, { v0: s(0x3f800001n), fpsr: IXC }],
  ["fcvt h0, s1", { v1: s(Number.POSITIVE_INFINITY), fpcr: AHP }, { v0: h(0x7fffn), fpsr: IOC }],
  ["fcvt d0, h1", { v1: h(0x7c00n), fpcr: AHP }, { v0: d(65536) }],
  ["fcvt d0, s1", { v1: s(0xff800123n) }, { v0: d(0xfff8002460000000n), fpsr: IOC }],
  ["fcvtn2 v0.8h, v1.4s", { v0: h(1, 2, 3, 4, 5, 6, 7, 8), v1: s(10, 20, 30, 40) }, { v0: h(1, 2, 3, 4, 10, 20, 30, 40) }],
  ["fcvtl2 v0.2d, v1.4s", { v1: s(1, 2, 3, 4) }, { v0: d(3, 4) }],
  ["fcvtxn s0, d1", { v1: d(1 + 2 ** -40) }, { v0: s(0x3f800001n), fpsr: IXC }],
  ["fcvtxn v0.2s, v1.2d", { v0: d(1, 2), v1: d(1e300, -1) }, { v0: s(0x7f7fffffn, -1), fpsr: OFC | IXC }],
  ["bfcvt h0, s1", { v1: s(0x3f808001n) }, { v0: b(0x3f81n), fpsr: IXC }],
  ["bfcvt h0, s1", { v1: s(0x3f80c000n), fpcr: RMODE.zero }, { v0: b(0x3f80n), fpsr: IXC }],
  ["bfcvtn2 v0.8h, v1.4s", { v0: b(9, 9, 9, 9), v1: s(1, 2, 3, 4) }, { v0: b(9, 9, 9, 9, 1, 2, 3, 4) }],
  // comparisons
  ["fcmp s1, s2", { v1: s(1), v2: s(2), flags: V }, { flags: N }],
  ["fcmp d1, #0.0", { v1: d(-0) }, { flags: Z | C }],
  ["fcmp s1, s2", { v1: s(DEFAULT), v2: s(2) }, { flags: C | V }],
  ["fcmpe s1, s2", { v1: s(DEFAULT), v2: s(2) }, { flags: C | V, fpsr: IOC }],
  ["fccmp h1, h2, #9, eq", { v1: h(1), v2: h(1) }, { flags: N | V }],
  ["fccmpe h1, h2, #9, ne", { v1: h(2), v2: h(1) }, { flags: C }],
  ["fccmpe s1, s2, #1, eq", { v1: s(DEFAULT), v2: s(1) }, { flags: V }],
  ["fcsel d0, d1, d2, eq", { v1: d(1), v2: d(0x7ff0000000000001n), flags: C }, { v0: d(0x7ff0000000000001n) }],
  ["fcmeq v0.4s, v1.4s, v2.4s", { v1: s(1, 0, DEFAULT, 2), v2: s(1, -0, DEFAULT, 1) }, { v0: w(-1, -1, 0, 0) }],
  ["fcmge v0.2s, v1.2s, v2.2s", { v1: s(DEFAULT, 3), v2: s(1, 2) }, { v0: w(0, -1), fpsr: IOC }],
  ["fcmle v0.2d, v1.2d, #0.0", { v1: d(-1, 1) }, { v0: x(-1, 0) }],
  ["fcmlt h0, h1, #0.0", { v1: h(-1) }, { v0: 0xffffn }],
  ["facgt s0, s1, s2", { v1: s(-3), v2: s(2) }, { v0: w(-1) }],
  ["fabd v0.2d, v1.2d, v2.2d", { v1: d(1, 5), v2: d(4, 3) }, { v0: d(3, 2) }],
  ["famin v0.4s, v1.4s, v2.4s", { v1: s(-1, 2, 0xffc00001n, -0), v2: s(3, -4, 1, 1) }, { v0: s(1, 2, 0xffc00001n, 0) }],
  // estimates and steps
  ["fmulx s0, s1, s2", { v1: s(0), v2: s(Number.NEGATIVE_INFINITY) }, { v0: s(-2) }],
  ["fmulx v0.2d, v1.2d, v2.d[1]", { v1: d(2, Number.POSITIVE_INFINITY), v2: d(7, 0) }, { v0: d(0, 2) }],
  ["frecpe s0, s1", { v1: s(1) }, { v0: s(0x3f7f8000n) }],
  ["frecpe s0, s1", { v1: s(1), fpcr: AH }, { v0: s(0x3f7ff000n) }],
  ["frsqrte d0, d1", { v1: d(-0) }, { v0: d(Number.NEGATIVE_INFINITY), fpsr: DZC }],
  ["frecps s0, s1, s2", { v1: s(2), v2: s(0.75) }, { v0: s(0.5) }],
  ["frsqrts h0, h1, h2", { v1: h(2), v2: h(0.5) }, { v0: h(1) }],
  ["frecpx s0, s1", { v1: s(-8) }, { v0: s(-(2 ** -2)) }],
  ["urecpe v0.2s, v1.2s", { v1: w(0x80000000, 0x7fffffff) }, { v0: w(0xff800000, -1) }],
  ["ursqrte v0.4s, v1.4s", { v1: w(0x40000000, 0x3fffffff, 0x80000000, -1) }, { v0: w(0xff800000, -1, 0xb4800000, 0x80000000) }],
  // pairs and reductions
  ["faddp v0.4s, v1.4s, v2.4s", { v1: s(1, 2, 3, 4), v2: s(10, 20, 30, 40) }, { v0: s(3, 7, 30, 70) }],
  ["fmaxp v0.2s, v1.2s, v2.2s", { v0: d(1, 2), v1: s(1, 2, 9), v2: s(4, 3, 9) }, { v0: s(2, 4) }],
  ["faddp h0, v1.2h", { v1: h(1, 2, 4) }, { v0: h(3) }],
  ["fminnmp d0, v1.2d", { v1: d(2, 1) }, { v0: d(1) }],
  ["fmaxv s0, v1.4s", { v1: s(1, -2, 7, 3) }, { v0: s(7) }],
  ["fminnmv h0, v1.4h", { v1: h(4, 3, 0x7e00n, 5, -9) }, { v0: h(3) }],
  ["fmaxv s0, v1.4s", { v1: s(0x7fc00004n, 0x7fc00003n, 0x7fc00002n, SIGNALLING) }, { v0: s(0x7fc00004n), fpsr: IOC }],
  // by element
  ["fmla v0.4s, v1.4s, v2.s[3]", { v0: s(1, 1, 1, 1), v1: s(1, 2, 3, 4), v2: s(9, 9, 9, 10) }, { v0: s(11, 21, 31, 41) }],
  ["fmls d0, d1, v2.d[1]", { v0: d(10, 9), v1: d(2), v2: d(5, 3) }, { v0: d(4) }],
  ["fmul h0, h1, v2.h[7]", { v1: h(2), v2: h(1, 2, 3, 4, 5, 6, 7, 8) }, { v0: h(16) }],
  // complex numbers: (1 + 2i) * (3 + 4i) in two steps, and the other two rotations
  ["fcmla v0.2s, v1.2s, v2.2s, #0", { v0: s(0, 0), v1: s(1, 2), v2: s(3, 4) }, { v0: s(3, 4) }],
  ["fcmla v0.2s, v1.2s, v2.2s, #90", { v0: s(3, 4), v1: s(1, 2), v2: s(3, 4) }, { v0: s(-5, 10) }],
  ["fcmla v0.2d, v1.2d, v2.2d, #180", { v0: d(0, 0), v1: d(1, 2), v2: d(3, 4) }, { v0: d(-3, -4) }],
  ["fcmla v0.4h, v1.4h, v2.4h, #270", { v1: h(1, 2, 3, 4), v2: h(3, 4, 5, 6) }, { v0: h(8, -6, 24, -20) }],
  ["fcmla v0.4s, v1.4s, v2.s[1], #90", { v1: s(1, 2, 3, 4), v2: s(9, 9, 5, 6) }, { v0: s(-12, 10, -24, 20) }],
  ["fcadd v0.2s, v1.2s, v2.2s, #90", { v1: s(1, 2), v2: s(10, 20) }, { v0: s(-19, 12) }],
  ["fcadd v0.2s, v1.2s, v2.2s, #270", { v1: s(1, 2), v2: s(10, 20) }, { v0: s(21, -8) }],
  // half precision and bfloat16 into single
  ["fmlal v0.4s, v1.4h, v2.4h", { v0: s(1, 1, 1, 1), v1: h(1, 2, 3, 4, 5, 6, 7, 8), v2: h(1, 1, 1, 1, 2, 2, 2, 2) }, { v0: s(2, 3, 4, 5) }],
  ["fmlal2 v0.4s, v1.4h, v2.4h", { v1: h(1, 2, 3, 4, 5, 6, 7, 8), v2: h(1, 1, 1, 1, 2, 2, 2, 2) }, { v0: s(10, 12, 14, 16) }],
  ["fmlsl2 v0.2s, v1.2h, v2.2h", { v0: d(0, 1), v1: h(1, 2, 3, 4, 5), v2: h(1, 1, 10, 10) }, { v0: s(-30, -40) }],
  ["fmlal2 v0.2s, v1.2h, v2.h[5]", { v1: h(1, 2, 3, 4), v2: h(0, 0, 0, 0, 0, 7) }, { v0: s(21, 28) }],
  ["bfdot v0.2s, v1.4h, v2.4h", { v0: s(1, 2), v1: b(1, 2, 3, 4), v2: b(5, 6, 7, 8) }, { v0: s(18, 55) }],
  ["bfdot v0.4s, v1.8h, v2.2h[3]", { v1: b(1, 2, 3, 4, 5, 6, 7, 8), v2: b(9, 9, 9, 9, 9, 9, 10, 1) }, { v0: s(12, 34, 56, 78) }],
  ["bfdot v0.2s, v1.4h, v2.4h", { v0: s(SIGNALLING, 1), v1: b(1, 2), v2: b(1, 1) }, { v0: s(DEFAULT, 1) }],
  ["bfdot v0.2s, v1.4h, v2.4h", { v0: s(0x33800000n), v1: b(1), v2: b(1) }, { v0: s(0x3f800001n) }],
  ["bfdot v0.2s, v1.4h, v2.4h", { v0: s(0x33800000n), v1: b(1), v2: b(1), fpcr: EBF }, { v0: s(1) }],
  ["bfmmla v0.4s, v1.8h, v2.8h", { v0: s(1, 1, 1, 1), v1: b(1, 2, 3, 4, 5, 6, 7, 8), v2: b(1, 0, 0, 0, 0, 1, 0, 2) }, { v0: s(2, 11, 6, 23) }],
  ["bfmlalt v0.4s, v1.8h, v2.8h", { v1: b(1, 2, 3, 4, 5, 6, 7, 8), v2: b(1, 10, 1, 10, 1, 10, 1, 10) }, { v0: s(20, 40, 60, 80) }],
  ["bfmlalb v0.4s, v1.8h, v2.h[4]", { v1: b(1, 2, 3, 4, 5, 6, 7, 8), v2: b(0, 0, 0, 0, 3) }, { v0: s(3, 9, 15, 21) }]
]
