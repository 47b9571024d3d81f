/** Table walks of both stages: from a virtual address to a guest-physical one, or to the exact fault. Numbers only; nothing is thrown. */
import type { PhysicalMemory } from "./memory.ts"
import { BASE, type Indirection, type Range, type Regime, type Stage2 } from "./regime.ts"

/** Permission bits. */
export const READ = 1
export const WRITE = 2
export const EXECUTE = 4

/** Fault status codes without level (DFSC, IFSC); the level is added to those of a walk. */
export const FSC = {
  addressSize: 0x00,
  translation: 0x04,
  accessFlag: 0x08,
  permission: 0x0c,
  external: 0x10,
  externalOnWalk: 0x14,
  alignment: 0x21
} as const
export const NO_FAULT = -1

/** MAIR_ELx encodings and a shareability. */
const NORMAL_WRITE_BACK = 0xff
const NORMAL_NON_CACHEABLE = 0x44
const OUTER_SHAREABLE = 2
const INNER_SHAREABLE = 3

const WORD = 2 ** 32
const LAST_LEVEL = 3
const STRIDE = 9
const PAGE_BITS = 12
const PAGE = 4096
/** 2^n as a number: for addresses, which are wider than what shifts and masks reach. */
const POWER: readonly number[] = Array.from({ length: 64 }, (_, n) => 2 ** n)

/** Descriptor bits, low word. */
const VALID = 1 << 0
const TABLE = 1 << 1
const USER = 1 << 6
const READ_ONLY = 1 << 7
const ACCESSED = 1 << 10
/** High word. */
const UXN = 1 << 22
const PXN = 1 << 21
const INDIRECT_51 = 1 << 19
const PXN_TABLE = 1 << 27
const UXN_TABLE = 1 << 28
const NO_USER_TABLE = 1 << 29
const READ_ONLY_TABLE = 1 << 30

/** Who translates, and what for. */
export interface Request {
  /** EL0's permissions apply. */
  user: boolean
  /** PSTATE.PAN applies to this access. */
  pan: boolean
  /** The permission needed: READ, WRITE, EXECUTE, or 0 to learn them all. */
  needed: number
  /** Size - 1 of an access that must be aligned in Device memory; 0: no matter. */
  alignment: number
  /** The result is the intermediate physical address (AT S1...). Walks still go through stage 2. */
  stage1Only: boolean
  /** A write need not find the page dirty (AT). */
  ignoresDirty: boolean
}

/** One walk at a time; the result stays in its fields until the next. */
export class Walker {
  /** The fault status code with level, or NO_FAULT. */
  fault = NO_FAULT
  /** Stage of the fault. */
  stage: 1 | 2 = 1
  /** A stage 2 fault on the way to a stage 1 descriptor. */
  onWalk = false
  /** Intermediate physical address of a stage 2 fault. */
  ipa = 0
  /** The result. */
  physical = 0
  device = false
  /** Memory attributes as MAIR_ELx has them, and the shareability field (0 non, 2 outer, 3 inner). */
  attributes = 0
  shareability = 0
  /** READ, WRITE, EXECUTE that this requester has, both stages joined. */
  permissions = 0
  /** The translation covers more than a page, at either stage. */
  block = false

  readonly #memory: PhysicalMemory
  readonly #words: Uint32Array
  #high = 0
  #low = 0

  constructor(memory: PhysicalMemory) {
    this.#memory = memory
    this.#words = new Uint32Array(memory.bytes.buffer)
  }

  /** Translates the address of halves `low` and `high`. */
  walk(regime: Regime, low: number, high: number, request: Request): void {
    this.fault = NO_FAULT
    this.stage = 1
    this.onWalk = false
    this.block = false
    const output = regime.enabled ? this.#stage1(regime, low, high, request) : this.#flat(regime, low, high, request)
    if (this.fault !== NO_FAULT) return
    this.physical = output
    if (request.alignment !== 0 && this.device && (low & request.alignment) !== 0) {
      this.fault = FSC.alignment
      return
    }
    if ((this.permissions & request.needed) !== request.needed) {
      this.fault = FSC.permission + this.#level
      return
    }
    if (regime.stage2 && !request.stage1Only) this.#second(regime.stage2, output, request)
  }

  #level = 0

  /** Stage 1 is off: addresses are physical, everything is allowed. */
  #flat(regime: Regime, low: number, high: number, request: Request): number {
    const [first, second] = regime.ranges
    const ignoresTop = (second && high & (1 << 23) ? second : first).topByteIgnored
    const top = ignoresTop ? high & 0xffffff : high
    this.permissions = READ | WRITE | EXECUTE
    this.device = !regime.normalWhenOff && request.needed !== EXECUTE
    this.attributes = regime.normalWhenOff ? NORMAL_WRITE_BACK : 0
    this.shareability = regime.normalWhenOff ? 0 : OUTER_SHAREABLE
    this.#level = 0
    if (top > 0xffff || top < 0) this.fault = FSC.addressSize
    return top * WORD + (low >>> 0)
  }

  #stage1(regime: Regime, low: number, high: number, request: Request): number {
    const [first, second] = regime.ranges
    const inUpper = second !== undefined && (high & (1 << 23)) !== 0
    const range: Range = inUpper ? second : first
    const input = range.usable && !(request.user && range.privilegedOnly) ? inputAddress(range, low, high, inUpper) : -1
    if (input < 0) return this.#fail(FSC.translation)
    if (range.tableOutside) return this.#fail(FSC.addressSize)
    let table = range.table
    let restrictions = 0
    for (let level = range.startLevel; ; level++) {
      const shift = PAGE_BITS + STRIDE * (LAST_LEVEL - level)
      const size = POWER[shift]!
      const entries = level === range.startLevel ? POWER[range.inputBits - shift]! : 512
      const index = Math.floor(input / size)
      const at = table + 8 * (index & (entries - 1))
      if (!this.#descriptor(regime.stage2, at, level)) return 0
      const descriptorLow = this.#low
      const descriptorHigh = this.#high
      if (!(descriptorLow & VALID) || (!(descriptorLow & TABLE) && (level === 0 || level === LAST_LEVEL))) return this.#fail(FSC.translation + level)
      const next = (descriptorHigh & 0xffff) * WORD + (descriptorLow & ~(PAGE - 1)) + (descriptorLow < 0 ? WORD : 0)
      if (level === LAST_LEVEL || !(descriptorLow & TABLE)) {
        const base = Math.floor(next / size) * size
        if (base >= regime.outputLimit) return this.#fail(FSC.addressSize + level)
        if (!(descriptorLow & ACCESSED)) return this.#fail(FSC.accessFlag + level)
        if (level < LAST_LEVEL) this.block = true
        this.attributes = regime.attributes[(descriptorLow >>> 2) & 7]!
        this.device = this.attributes >> 4 === 0
        this.shareability = (descriptorLow >>> 8) & 3
        this.permissions = permissionsOf(regime, descriptorLow, descriptorHigh, restrictions, request)
        this.#level = level
        return base + (input - index * size)
      }
      if (next >= regime.outputLimit) return this.#fail(FSC.addressSize + level)
      if (!range.flatPermissions) restrictions |= descriptorHigh
      table = next
    }
  }

  /** Reads a stage 1 descriptor, through stage 2 if that is on. */
  #descriptor(stage2: Stage2 | undefined, address: number, level: number): boolean {
    let physical = address
    if (stage2) {
      const output = this.#stage2(stage2, address, WALK)
      const walks = this.fault === NO_FAULT && stage2.protectWalks && this.#device2
      if (walks) this.fault = FSC.permission + this.#level2
      if (this.fault !== NO_FAULT) {
        this.stage = 2
        this.onWalk = true
        this.ipa = address
        return false
      }
      physical = output
    }
    if (this.#load(physical)) return true
    this.fault = FSC.externalOnWalk + level
    return false
  }
  #load(physical: number): boolean {
    const at = this.#memory.at(physical, 8)
    if (at < 0) return false
    this.#low = this.#words[at >>> 2]! | 0
    this.#high = this.#words[(at >>> 2) + 1]! | 0
    return true
  }
  #fail(code: number): number {
    this.fault = code
    return 0
  }

  #device2 = false
  /** MemAttr and SH of the stage 2 descriptor. */
  #attributes2 = 0
  #shareability2 = 0
  #permissions2 = 0
  #level2 = 0

  /** Stage 2 of the access itself. */
  #second(stage2: Stage2, ipa: number, request: Request): void {
    const output = this.#stage2(stage2, ipa, request)
    if (this.fault === NO_FAULT) {
      this.physical = output
      this.attributes = (stage2.forceWriteBack ? forcedAttributes : combinedAttributes)(this.attributes, this.#attributes2)
      this.device = this.attributes >> 4 === 0
      this.shareability = combinedShareability(this.shareability, this.#shareability2)
      this.permissions &= this.#permissions2
      return
    }
    this.stage = 2
    this.ipa = ipa
  }

  #stage2(stage2: Stage2, ipa: number, request: Request): number {
    if (!stage2.usable || ipa >= POWER[stage2.inputBits]!) return this.#fail(FSC.translation)
    if (stage2.tableOutside) return this.#fail(FSC.addressSize)
    let table = stage2.table
    for (let level = stage2.startLevel; ; level++) {
      const shift = PAGE_BITS + STRIDE * (LAST_LEVEL - level)
      const size = POWER[shift]!
      const entries = level === stage2.startLevel ? POWER[stage2.inputBits - shift]! : 512
      const index = Math.floor(ipa / size)
      if (!this.#load(table + 8 * (index & (entries - 1)))) return this.#fail(FSC.externalOnWalk + level)
      const low = this.#low
      const high = this.#high
      if (!(low & VALID) || (!(low & TABLE) && (level === 0 || level === LAST_LEVEL))) return this.#fail(FSC.translation + level)
      const next = (high & 0xffff) * WORD + (low & ~(PAGE - 1)) + (low < 0 ? WORD : 0)
      if (level < LAST_LEVEL && low & TABLE) {
        if (next >= stage2.outputLimit) return this.#fail(FSC.addressSize + level)
        table = next
        continue
      }
      const base = Math.floor(next / size) * size
      if (base >= stage2.outputLimit) return this.#fail(FSC.addressSize + level)
      if (!(low & ACCESSED)) return this.#fail(FSC.accessFlag + level)
      if (level < LAST_LEVEL) this.block = true
      const attributes = (low >>> 2) & 15
      this.#device2 = stage2.forceWriteBack ? (attributes & 4) === 0 : (attributes & 12) === 0
      this.#attributes2 = attributes
      this.#shareability2 = (low >>> 8) & 3
      this.#level2 = level
      this.#permissions2 = ((low >>> 6) & 3) | (stage2Executes((high >>> 21) & 3, request.user) ? EXECUTE : 0)
      if (this.#device2 && ipa % (request.alignment + 1) !== 0) return this.#fail(FSC.alignment)
      if ((this.#permissions2 & request.needed) !== request.needed) return this.#fail(FSC.permission + level)
      return base + (ipa - index * size)
    }
  }
}
/** Stage 2 MemAttr as a MAIR_ELx value, with all allocation hints: Device by its type, Normal non-cacheable, write-through or write-back. */
const stage2Attributes = (field: number): number => {
  const nibble = [0, 4, 10, 15]
  return field < 4 ? field << 2 : (nibble[field >> 2]! << 4) | nibble[field & 3]!
}
/** The stricter of two cacheabilities; hints are those of stage 1. */
const combinedNibble = (one: number, two: number): number => {
  if (one === 4 || two === 4) return 4
  const writeThrough = (nibble: number) => nibble >> 2 === 2 || nibble >> 2 === 0
  return writeThrough(one) ? one : writeThrough(two) ? 8 | (one & 3) : one
}
const combinedAttributes = (one: number, field: number): number => {
  const two = stage2Attributes(field)
  if (one >> 4 === 0) return two >> 4 === 0 ? Math.min(one, two) : one
  return two >> 4 === 0 ? two : (combinedNibble(one >> 4, two >> 4) << 4) | combinedNibble(one & 15, two & 15)
}
/** With FEAT_S2FWB: stage 2 chooses Device, non-cacheable or write-back, or leaves stage 1's choice. */
const forcedAttributes = (one: number, field: number): number => {
  const device = one >> 4 === 0
  switch (field & 7) {
    case 7:
      return one
    case 6:
      return device ? NORMAL_WRITE_BACK : (writeBackNibble(one >> 4) << 4) | writeBackNibble(one & 15)
    case 5:
      return device ? one : NORMAL_NON_CACHEABLE
    default:
      return (field & 3) << 2
  }
}
const writeBackNibble = (nibble: number): number => (nibble === 0 || nibble === 4 ? 15 : 12 | (nibble & 3))
const combinedShareability = (one: number, two: number): number => {
  if (one === OUTER_SHAREABLE || two === OUTER_SHAREABLE) return OUTER_SHAREABLE
  return one === INNER_SHAREABLE || two === INNER_SHAREABLE ? INNER_SHAREABLE : 0
}
/** Device and Normal non-cacheable memory counts as outer shareable, whatever the descriptors say. */
export const effectiveShareability = (attributes: number, field: number): number =>
  attributes >> 4 === 0 || attributes === NORMAL_NON_CACHEABLE ? OUTER_SHAREABLE : field

/** The request of a table walk that goes through stage 2. */
const WALK: Request = { user: false, pan: false, needed: READ, alignment: 0, stage1Only: false, ignoresDirty: false }

/** XN[1:0] with FEAT_XNX: 00 both levels, 01 EL0 only, 11 EL1 only. */
const stage2Executes = (xn: number, user: boolean): boolean => xn === 0 || (user ? xn === 1 : xn === 3)

/** Address within the range, or -1 when its upper bits are not all equal to the range's selecting bit. */
const inputAddress = (range: Range, low: number, high: number, inUpper: boolean): number => {
  const { inputBits } = range
  const top = (range.topByteIgnored ? (inUpper ? high | 0xff000000 : high & 0xffffff) : high) ^ (inUpper ? -1 : 0)
  const rest = inUpper ? ~low : low
  if (inputBits >= 32) {
    if (top >>> (inputBits - 32) !== 0) return -1
    return ((high & (POWER[inputBits - 32]! - 1)) >>> 0) * WORD + (low >>> 0)
  }
  if (top !== 0 || rest >>> inputBits !== 0) return -1
  return (low & (POWER[inputBits]! - 1)) >>> 0
}

const permissionsOf = (regime: Regime, low: number, high: number, restrictions: number, request: Request): number => {
  if (regime.indirection) return indirectPermissions(regime, regime.indirection, low, high, request)
  const readOnly = (low & READ_ONLY) !== 0 || (restrictions & READ_ONLY_TABLE) !== 0
  const wxn = regime.writeImpliesNoExecute
  if (regime.name === "EL2") {
    const noExecute = ((high & UXN) | (restrictions & UXN_TABLE)) !== 0 || (wxn && !readOnly)
    return READ | (readOnly ? 0 : WRITE) | (noExecute ? 0 : EXECUTE)
  }
  const user = (low & USER) !== 0 && !(restrictions & NO_USER_TABLE)
  const userWrites = user && !readOnly
  const userExecutes = !(high & UXN) && !(restrictions & UXN_TABLE) && !(wxn && userWrites)
  if (request.user) return (user ? READ : 0) | (userWrites ? WRITE : 0) | (userExecutes ? EXECUTE : 0)
  const executes = !(high & PXN) && !(restrictions & PXN_TABLE) && !userWrites && !(wxn && !readOnly)
  const data = request.pan && (user || (regime.enhancedPan && userExecutes)) ? 0 : READ | (readOnly ? 0 : WRITE)
  return data | (executes ? EXECUTE : 0)
}
const ALL = READ | WRITE | EXECUTE
/**
 * FEAT_S1PIE: four descriptor bits choose from PIR_ELx and PIRE0_ELx; bit 7 says the page is not dirty, so not writable. What EL0 may write and a
 * higher level execute gives nobody anything. PAN covers whatever EL0 may do.
 */
const indirectPermissions = (regime: Regime, { privileged, user }: Indirection, low: number, high: number, request: Request): number => {
  const index = (high & UXN ? 8 : 0) | (high & PXN ? 4 : 0) | (high & INDIRECT_51 ? 2 : 0) | (low & USER ? 1 : 0)
  const own = privileged[index]!
  const ofUser = regime.name === "EL2" ? 0 : user[index]!
  if (own & (EXECUTE | BASE.guardedStack) && ofUser & (WRITE | BASE.guardedStack)) return 0
  const chosen = request.user ? ofUser : own
  const withoutX = (chosen & BASE.withoutXUnderWxn) !== 0 && regime.writeImpliesNoExecute
  const clean = (low & READ_ONLY) !== 0 && !request.ignoresDirty
  const denied = !request.user && request.pan && (ofUser & ALL) !== 0
  return chosen & ALL & ~(withoutX ? EXECUTE : 0) & ~(clean ? WRITE : 0) & ~(denied ? READ | WRITE : 0)
}
