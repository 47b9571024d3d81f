/** SYS: maintenance of caches, translations and predictions, and address translation, by encoding (op0 = 1), with all access checks. */
import { systemSyndrome } from "@eltwo/isa"
import { HCR } from "./controls.ts"
import { Abort, ownTarget, synchronous, undefinedInstruction } from "./exception.ts"
import { PSTATE } from "./layout.ts"
import { alignmentFault, externalAbort, translate, translateToPar } from "./mmu.ts"
import type { Pe } from "./pe.ts"
import { regimeName } from "./regime.ts"
import { ZERO_BLOCK_BYTES } from "./special-registers.ts"
import { READ, WRITE } from "./walk.ts"

interface Operation {
  readonly level: 0 | 1 | 2
  readonly feature?: string
  /** Bit of SCTLR_ELx that lets EL0 do it. */
  readonly userBit?: number
  /** Bits of HCR_EL2, low and high word, that trap it below EL2. */
  readonly traps?: number
  readonly trapsHigh?: number
  /** Bit of HFGITR_EL2. */
  readonly fine?: number
  /** An nXS form of TLBI: HCRX_EL2.FGTnXS takes it out of HFGITR_EL2. */
  readonly noExtraTime?: boolean
  run(pe: Pe, operand: bigint): void
}

const HCR_TRAP = { TSW: 1 << 22, TPCP: 1 << 23, TPU: 1 << 24, TTLB: 1 << 25, TDZ: 1 << 28 } as const
const HCR_TRAP_HIGH = { TICAB: 1 << 18, TOCU: 1 << 20, TTLBIS: 1 << 22, TTLBOS: 1 << 23 } as const
const SCTLR = { EnRCTX: 1 << 10, DZE: 1 << 14, UCI: 1 << 26 } as const

const nothing = (): void => {}
/** Caches hold nothing of their own here: what remains is the translation, which may fault. */
const touch =
  (access: "read" | "write") =>
  (pe: Pe, address: bigint): void => {
    translate(pe, address, access, { maintenance: true })
  }

/** DC ZVA: zeroes the block around an address. */
const zeroBlock = (pe: Pe, address: bigint): void => {
  const start = address & ~BigInt(ZERO_BLOCK_BYTES - 1),
    { physical } = translate(pe, address, "write"),
    { board, translation } = pe
  if (translation.walker.device && translation.current().enabled) throw alignmentFault(pe, address, "write")
  const from = physical - Number(address - start),
    at = board.physical.at(from, ZERO_BLOCK_BYTES)
  if (at < 0) throw externalAbort(pe, address, "write")
  board.code.stored(from, ZERO_BLOCK_BYTES)
  board.physical.bytes.fill(0, at, at + ZERO_BLOCK_BYTES)
}

const at =
  (kind: { readonly user?: boolean; readonly write?: boolean; readonly pan?: boolean; readonly regime: "EL1" | "EL2"; readonly both?: boolean }) =>
  (pe: Pe, address: bigint): void => {
    const { controls } = pe,
      hostRegime = pe.el === 2 && controls.host && !kind.both,
      name = kind.regime === "EL2" ? regimeName(controls, 2) : hostRegime ? "EL2&0" : "EL1&0",
      request = {
        user: kind.user ?? false,
        pan: (kind.pan ?? false) && (pe.pstate & PSTATE.PAN) !== 0,
        needed: kind.write ? WRITE : READ,
        stage1Only: !kind.both
      }
    pe.system[controls.slot.PAR_EL1] = translateToPar(pe, address, name, request)
  }

type Scope = "local" | "broadcast"
const everyPe = (pe: Pe, scope: Scope): readonly Pe[] => (scope === "broadcast" || pe.controls.hcr & HCR.FB ? pe.board.pes : [pe])
/** More may be forgotten than asked for: contexts are not told apart, larger mappings take their bank along. */
const invalidateAll =
  (scope: Scope) =>
  (pe: Pe): void => {
    for (const other of everyPe(pe, scope)) other.translation.tlb.invalidateAll()
  }
/** VA[55:12] is in bits 43:0. */
const invalidatePage =
  (scope: Scope) =>
  (pe: Pe, operand: bigint): void => {
    const low = (Number(operand & 0xfffffn) << 12) >>> 0
    for (const other of everyPe(pe, scope)) other.translation.tlb.invalidatePage(low)
  }

const key = (op1: number, CRn: number, CRm: number, op2: number): number => (1 << 14) | (op1 << 11) | (CRn << 7) | (CRm << 3) | op2
const operations = new Map<number, Operation>()
const add = (op1: number, CRn: number, CRm: number, op2: number, operation: Operation): void => {
  operations.set(key(op1, CRn, CRm, op2), operation)
}

const { TSW, TPCP, TPU, TTLB, TDZ } = HCR_TRAP
const { TICAB, TOCU, TTLBIS, TTLBOS } = HCR_TRAP_HIGH
// IC IALLUIS, IALLU, IVAU: decoded and translated code follows memory by itself
add(0, 7, 1, 0, { level: 1, traps: TPU, trapsHigh: TICAB, fine: 0, run: nothing })
add(0, 7, 5, 0, { level: 1, traps: TPU, trapsHigh: TOCU, fine: 1, run: nothing })
add(3, 7, 5, 1, { level: 0, userBit: SCTLR.UCI, traps: TPU, trapsHigh: TOCU, fine: 2, run: nothing })
// DC IVAC, ISW, CSW, CISW, CVAC, CVAU, CVAP, CVADP, CIVAC, ZVA
add(0, 7, 6, 1, { level: 1, traps: TPCP, fine: 3, run: touch("write") })
add(0, 7, 6, 2, { level: 1, traps: TSW, fine: 4, run: nothing })
add(0, 7, 10, 2, { level: 1, traps: TSW, fine: 5, run: nothing })
add(0, 7, 14, 2, { level: 1, traps: TSW, fine: 6, run: nothing })
add(3, 7, 10, 1, { level: 0, userBit: SCTLR.UCI, traps: TPCP, fine: 54, run: touch("read") })
add(3, 7, 11, 1, { level: 0, userBit: SCTLR.UCI, traps: TPU, trapsHigh: TOCU, fine: 7, run: touch("read") })
add(3, 7, 12, 1, { level: 0, feature: "DPB", userBit: SCTLR.UCI, traps: TPCP, fine: 8, run: touch("read") })
add(3, 7, 13, 1, { level: 0, feature: "DPB2", userBit: SCTLR.UCI, traps: TPCP, fine: 9, run: touch("read") })
add(3, 7, 14, 1, { level: 0, userBit: SCTLR.UCI, traps: TPCP, fine: 10, run: touch("read") })
add(3, 7, 4, 1, { level: 0, userBit: SCTLR.DZE, traps: TDZ, fine: 11, run: zeroBlock })
// AT S1E1R, S1E1W, S1E0R, S1E0W, S1E1RP, S1E1WP, S1E2R, S1E2W, S12E1R, S12E1W, S12E0R, S12E0W
for (const [op2, kind] of [{}, { write: true }, { user: true }, { user: true, write: true }].entries()) {
  add(0, 7, 8, op2, { level: 1, fine: 12 + op2, run: at({ ...kind, regime: "EL1" }) })
  add(4, 7, 8, 4 + op2, { level: 2, run: at({ ...kind, regime: "EL1", both: true }) })
}
for (const [op2, write] of [false, true].entries()) {
  add(0, 7, 9, op2, { level: 1, feature: "PAN2", fine: 16 + op2, run: at({ write, pan: true, regime: "EL1" }) })
  add(4, 7, 8, op2, { level: 2, run: at({ write, regime: "EL2" }) })
}
// CFP, DVP, CPP RCTX: there is no speculation to restrict
for (const [op2, fine] of [
  [4, 48],
  [5, 49],
  [7, 50]
] as const)
  add(3, 7, 3, op2, { level: 0, feature: "SPECRES", userBit: SCTLR.EnRCTX, fine, run: nothing })

/** Shareability: CRm of single addresses and whole contexts, of ranges, and the first bit of HFGITR_EL2 of each. */
const DOMAINS = [
  { CRm: 7, range: 6, scope: "local", high: 0, fine: 42, fineRange: 38 },
  { CRm: 3, range: 2, scope: "broadcast", high: TTLBIS, fine: 28, fineRange: 34 },
  { CRm: 1, range: 5, scope: "broadcast", high: TTLBOS, fine: 18, fineRange: 24, feature: "TLBIOS" }
] as const
/** VMALLE1, VAE1, ASIDE1, VAAE1, VALE1, VAALE1 by op2, in the order of their fine-grained traps. */
const SINGLE_OP2 = [0, 1, 2, 3, 5, 7]
const RANGE_OP2 = [1, 3, 5, 7]
const needing = (...features: readonly (string | undefined)[]): { feature?: string } => {
  const named = features.filter((f) => f !== undefined)
  return named.length > 0 ? { feature: named.join(" ") } : {}
}
for (const [CRn, xs] of [
  [8, undefined],
  [9, "XS"]
] as const) {
  for (const domain of DOMAINS) {
    const { CRm, range, scope, high } = domain,
      os = "feature" in domain ? domain.feature : undefined,
      all = invalidateAll(scope),
      page = invalidatePage(scope),
      noExtraTime = xs !== undefined
    for (const [i, op2] of SINGLE_OP2.entries())
      add(0, CRn, CRm, op2, {
        level: 1,
        ...needing(os, xs),
        traps: TTLB,
        trapsHigh: high,
        fine: domain.fine + i,
        noExtraTime,
        run: op2 & 1 ? page : all
      })
    for (const [i, op2] of RANGE_OP2.entries())
      add(0, CRn, range, op2, {
        level: 1,
        ...needing("TLBIRANGE", xs),
        traps: TTLB,
        trapsHigh: high,
        fine: domain.fineRange + i,
        noExtraTime,
        run: all
      })
    // ALLE2, VAE2, ALLE1, VALE2, VMALLS12E1; RVAE2, RVALE2
    for (const op2 of [0, 1, 4, 5, 6]) add(4, CRn, CRm, op2, { level: 2, ...needing(os, xs), run: op2 & 1 ? page : all })
    for (const op2 of [1, 5]) add(4, CRn, range, op2, { level: 2, ...needing("TLBIRANGE", xs), run: all })
  }
  // IPAS2E1, IPAS2LE1 and their ranges
  for (const [CRm, op2, scope, feature] of [
    [4, 1, "local", undefined],
    [4, 5, "local", undefined],
    [4, 2, "local", "TLBIRANGE"],
    [4, 6, "local", "TLBIRANGE"],
    [0, 1, "broadcast", undefined],
    [0, 5, "broadcast", undefined],
    [0, 2, "broadcast", "TLBIRANGE"],
    [0, 6, "broadcast", "TLBIRANGE"],
    [4, 0, "broadcast", "TLBIOS"],
    [4, 4, "broadcast", "TLBIOS"],
    [4, 3, "broadcast", "TLBIRANGE"],
    [4, 7, "broadcast", "TLBIRANGE"]
  ] as const)
    add(4, CRn, CRm, op2, { level: 2, ...needing(feature, xs), run: invalidateAll(scope) })
}

/** SYS and SYSL. Throws Abort when UNDEFINED or trapped. No SYSL encoding is implemented; the result is 0 for SYS. */
export const maintain = (pe: Pe, encoding: number, operand: bigint, Rt: number, isRead: boolean): bigint => {
  const operation = isRead ? undefined : operations.get(encoding),
    { controls, el } = pe,
    known = operation && hasFeatures(pe, operation.feature)
  if (!known || el < operation.level)
    throw new Abort(el === 1 && implementationDefined(pe, encoding) ? trapped(encoding, Rt, isRead) : undefinedInstruction(pe))
  if (el < 2) {
    const sctlr = controls.low(controls.host ? controls.slot.SCTLR_EL2 : controls.slot.SCTLR_EL1)
    if (el === 0 && operation.userBit !== undefined && !(sctlr & operation.userBit))
      throw new Abort(synchronous(ownTarget(pe), systemSyndrome(encoding, Rt, isRead)))
    const coarse = controls.hcr & (operation.traps ?? 0) || controls.hcrHigh & (operation.trapsHigh ?? 0)
    if (coarse || finelyTrapped(pe, operation.fine, operation.noExtraTime ?? false)) throw new Abort(trapped(encoding, Rt, isRead))
  }
  operation.run(pe, operand)
  return 0n
}
const trapped = (encoding: number, Rt: number, isRead: boolean) => synchronous(2, systemSyndrome(encoding, Rt, isRead))
const hasFeatures = (pe: Pe, names: string | undefined): boolean =>
  names === undefined || names.split(" ").every((n) => pe.controls.machine.features.has(n))
const implementationDefined = (pe: Pe, encoding: number): boolean => {
  const CRn = (encoding >> 7) & 15
  return (CRn === 11 || CRn === 15) && (pe.controls.hcr & HCR.TIDCP) !== 0
}
const HCRX_FGTNXS = 1 << 4
const finelyTrapped = (pe: Pe, bit: number | undefined, noExtraTime: boolean): boolean => {
  const { controls } = pe
  if (noExtraTime && controls.low(controls.slot.HCRX_EL2) & HCRX_FGTNXS) return false
  if (bit === undefined || controls.host || !controls.fineTraps) return false
  const word = bit < 32 ? controls.low(controls.slot.HFGITR_EL2) : controls.high(controls.slot.HFGITR_EL2)
  return ((word >>> (bit & 31)) & 1) === 1
}
