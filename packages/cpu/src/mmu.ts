/** Address translation of one processing element: regimes, faults, the TLB in use, AT. */
import { EC } from "@eltwo/isa"
import { HCR_HIGH } from "./controls.ts"
import { Abort, ownTarget, type PendingException } from "./exception.ts"
import { PSTATE } from "./layout.ts"
import { PAGE_BYTES } from "./memory.ts"
import type { Pe } from "./pe.ts"
import { type Regime, type RegimeName, Regimes, regimeName } from "./regime.ts"
import { Tlb } from "./tlb.ts"
import { EXECUTE, effectiveShareability, FSC, NO_FAULT, READ, type Request, Walker, WRITE } from "./walk.ts"

/** What an access is for: permissions and syndromes follow from it. */
export type MemoryAccess = "read" | "write" | "execute"
/** How an access is translated, where that is not as the current exception level says. */
export interface TranslateOptions {
  /** LDTR, STTR and their like: EL0's permissions. */
  readonly unprivileged?: boolean
  /** Size of the access; if it is a power of two, Device memory wants it aligned. */
  readonly bytes?: number
  /** A cache maintenance instruction: its aborts say so (CM). */
  readonly maintenance?: boolean
}
const NEEDED = { read: READ, write: WRITE, execute: EXECUTE } as const

/** Whose permissions a TLB bank holds: EL0's, those of a higher level, or of a higher level under PSTATE.PAN. */
const WHO = { user: 0, all: 1, neverUser: 2 } as const
const WHO_COUNT = 3

/** What a processing element knows of its translations beside its registers: all of it can be derived anew. */
export class Translation {
  readonly walker: Walker
  readonly tlb: Tlb
  readonly #pe: Pe
  /** The TLB bank in use is that of the current context; engines need it to be. */
  selected = true
  readonly #regimes: Regimes
  readonly request: Request = { user: false, pan: false, needed: 0, alignment: 0, stage1Only: false, ignoresDirty: false }

  constructor(pe: Pe) {
    this.#pe = pe
    this.#regimes = new Regimes(pe.controls, pe.board.memoryWhenOff === "normal")
    this.walker = new Walker(pe.board.physical)
    this.tlb = new Tlb(pe)
  }
  regime(name: RegimeName): Regime {
    return this.#regimes.get(name)
  }
  /** The regime of the current exception level. */
  current(): Regime {
    return this.regime(regimeName(this.#pe.controls, this.#pe.el))
  }
  /** Puts the TLB bank of the current context to use. */
  select(): void {
    const { pstate, el } = this.#pe,
      regime = this.current(),
      who = el === 0 ? WHO.user : pstate & PSTATE.PAN && regime.name !== "EL2" ? WHO.neverUser : WHO.all
    this.tlb.select(regime.id * WHO_COUNT + who)
    this.selected = true
  }
  /** Walks for an access of the current exception level; the result is in `walker`. */
  walk(address: bigint, needed: number, unprivileged: boolean, alignment: number): void {
    const { controls, el, pstate } = this.#pe,
      { request } = this,
      asUser = unprivileged && !(pstate & PSTATE.UAO) && (el === 1 || (el === 2 && controls.host))
    request.user = el === 0 || asUser
    request.pan = (pstate & PSTATE.PAN) !== 0 && needed !== EXECUTE
    request.needed = needed
    request.alignment = alignment
    this.walker.walk(this.current(), Number(address & 0xffffffffn), Number(address >> 32n), request)
  }
}

/** Translates for the current exception level. Throws Abort with the exact fault; the physical address may be of RAM, a device, or nothing at all. */
export const translate = (
  pe: Pe,
  address: bigint,
  access: MemoryAccess,
  { unprivileged = false, bytes = 1, maintenance = false }: TranslateOptions = {}
): { readonly physical: number } => {
  const { translation } = pe,
    { walker } = translation,
    alignment = access !== "execute" && (bytes & (bytes - 1)) === 0 ? bytes - 1 : 0
  translation.walk(address, NEEDED[access], unprivileged, alignment)
  if (walker.fault !== NO_FAULT) throw new Abort(faultOf(pe, walker, address, access, maintenance))
  return { physical: walker.physical }
}

/**
 * Enters the page of `address` into the TLB bank in use. False when it must stay on the slow path: it would fault, is a device or Device memory, or is
 * to be written and holds code. Device memory in RAM may be entered while every misaligned access faults anyway, as with stage 1 off.
 */
export const fillTlb = (pe: Pe, address: bigint, forWrite: boolean): boolean => {
  const { translation, board } = pe,
    { walker, tlb } = translation
  translation.walk(address, 0, false, 0)
  if (walker.fault !== NO_FAULT || !(walker.permissions & (forWrite ? WRITE : READ))) return false
  if (walker.device && !pe.alignmentCheck) return false
  const page = walker.physical - (walker.physical % PAGE_BYTES),
    offset = board.physical.at(page, PAGE_BYTES)
  if (offset < 0) return false
  const index = board.physical.pageOf(page),
    watched = board.code.holds(index)
  if (forWrite && !watched) board.written.written(index)
  const writable = (walker.permissions & WRITE) !== 0 && !watched && board.written.isWritten(index)
  tlb.enter(Number(address & 0xffffffffn), Number(address >> 32n), offset, (walker.permissions & READ) !== 0, writable, walker.block)
  return !forWrite || writable
}

/** ISS bits of an abort. */
const WNR = 1 << 6
const S1PTW = 1 << 7
const CM = 1 << 8

const abortException = (
  pe: Pe,
  target: 1 | 2,
  address: bigint,
  access: MemoryAccess,
  fsc: number,
  more: { readonly iss?: number; readonly hpfar?: bigint } = {}
): PendingException => {
  const lower = pe.el < target,
    fetch = access === "execute",
    ec = fetch ? (lower ? EC.InstructionAbortLower : EC.InstructionAbort) : lower ? EC.DataAbortLower : EC.DataAbort
  return {
    kind: "synchronous",
    target,
    ec,
    iss: fsc | (access === "write" ? WNR : 0) | (more.iss ?? 0),
    far: address,
    returnTo: "this",
    ...(more.hpfar === undefined ? {} : { hpfar: more.hpfar })
  }
}
const isExternal = (fsc: number): boolean => fsc >= FSC.external && fsc < FSC.external + 8
/** HCR_EL2.TEA sends external aborts to EL2. */
const externalTarget = (pe: Pe): 1 | 2 => (pe.el < 2 && pe.controls.hcrHigh & HCR_HIGH.TEA ? 2 : ownTarget(pe))

/** The abort of a walk that failed. */
const faultOf = (pe: Pe, walker: Walker, address: bigint, access: MemoryAccess, maintenance: boolean): PendingException => {
  const { fault, stage, onWalk, ipa } = walker,
    iss = (onWalk ? S1PTW : 0) | (maintenance ? CM | WNR : 0)
  if (stage === 2) return abortException(pe, 2, address, access, fault, isExternal(fault) ? { iss } : { iss, hpfar: hpfarOf(ipa) })
  return abortException(pe, isExternal(fault) ? externalTarget(pe) : ownTarget(pe), address, access, fault, { iss })
}
/** HPFAR_EL2 of an intermediate physical address in bytes. */
export const hpfarOf = (ipa: number): bigint => BigInt(Math.floor(ipa / PAGE_BYTES)) << 4n

/** A misaligned access where alignment is checked. */
export const alignmentFault = (pe: Pe, address: bigint, access: MemoryAccess): Abort =>
  new Abort(abortException(pe, ownTarget(pe), address, access, FSC.alignment))
/** The translated address is neither RAM nor a device. */
export const externalAbort = (pe: Pe, address: bigint, access: MemoryAccess): Abort =>
  new Abort(abortException(pe, externalTarget(pe), address, access, FSC.external))

const PAR_RES1 = 1n << 11n
const PAR_NS = 1n << 9n
/** A walk of AT. A fault is a result, except external aborts, and a stage 2 fault on a stage 1 walk begun at EL1, which goes to EL2. */
export const translateToPar = (pe: Pe, address: bigint, name: RegimeName, request: Omit<Request, "alignment" | "ignoresDirty">): bigint => {
  const { walker } = pe.translation,
    regime = pe.translation.regime(name)
  walker.walk(regime, Number(address & 0xffffffffn), Number(address >> 32n), { ...request, alignment: 0, ignoresDirty: true })
  if (walker.fault === NO_FAULT) {
    const page = BigInt(walker.physical) & ~0xfffn
    return (
      (BigInt(walker.attributes) << 56n) | page | PAR_RES1 | PAR_NS | (BigInt(effectiveShareability(walker.attributes, walker.shareability)) << 7n)
    )
  }
  const { fault, stage, onWalk } = walker
  if (isExternal(fault) || (onWalk && pe.el === 1)) throw new Abort(faultOf(pe, walker, address, request.needed === WRITE ? "write" : "read", true))
  return 1n | BigInt(fault << 1) | (onWalk ? 1n << 8n : 0n) | (stage === 2 ? 1n << 9n : 0n) | PAR_RES1
}
