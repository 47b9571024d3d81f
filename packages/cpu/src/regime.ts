/** Translation regimes as the control registers in force describe them: read once after each change, not on each walk. */
import { type Controls, HCR, HCR_HIGH, type KnownRegister } from "./controls.ts"

export type RegimeName = "EL1&0" | "EL2" | "EL2&0"

/** One of the two virtual address ranges. Without a valid configuration every access to it takes a translation fault at level 0. */
export interface Range {
  readonly usable: boolean
  readonly inputBits: number
  /** Level of the first table, 0 to 3, and its guest-physical (or intermediate) address. */
  readonly startLevel: number
  readonly table: number
  /** The table lies beyond the output size: address size fault at level 0. */
  readonly tableOutside: boolean
  /** The top byte of an address is ignored. */
  readonly topByteIgnored: boolean
  /** Table attributes do not restrict what follows. */
  readonly flatPermissions: boolean
  /** EL0 may not use it. */
  readonly privilegedOnly: boolean
}
export interface Stage2 {
  readonly usable: boolean
  readonly inputBits: number
  readonly startLevel: number
  readonly table: number
  readonly tableOutside: boolean
  /** First address beyond the output size. */
  readonly outputLimit: number
  /** FWB: the memory type encoding is the one of FEAT_S2FWB. */
  readonly forceWriteBack: boolean
  /** HCR_EL2.PTW: a stage 1 walk through Device memory faults. */
  readonly protectWalks: boolean
}
/** Permissions by index of FEAT_S1PIE: R = 1, W = 2, X = 4, and the other bits of BASE. */
export interface Indirection {
  readonly privileged: Uint8Array
  readonly user: Uint8Array
}
export interface Regime {
  readonly name: RegimeName
  /** Equal registers have given it the same number, as long as it was not forgotten. */
  readonly id: number
  /** Stage 1 is on. */
  readonly enabled: boolean
  /** Data accesses are Normal memory while stage 1 is off (HCR_EL2.DC). */
  readonly normalWhenOff: boolean
  readonly ranges: readonly [Range, Range | undefined]
  readonly outputLimit: number
  /** MAIR_ELx by AttrIndx. An upper nibble of 0 is Device memory. */
  readonly attributes: Uint8Array
  readonly writeImpliesNoExecute: boolean
  /** PAN also covers pages that EL0 may only execute. */
  readonly enhancedPan: boolean
  readonly indirection: Indirection | undefined
  readonly stage2: Stage2 | undefined
}

/** 48-bit physical addresses: ID_AA64MMFR0_EL1.PARange. */
const PHYSICAL_BITS = 48
const OUTPUT_BITS = [32, 36, 40, 42, 44, 48]
const outputBits = (field: number): number => Math.min(PHYSICAL_BITS, OUTPUT_BITS[field] ?? PHYSICAL_BITS)
const SMALLEST_TSZ = 16
const WORD = 2 ** 32

const bits = (word: number, low: number, width: number): number => (word >>> low) & ((1 << width) - 1)

const SCTLR = { M: 1 << 0, WXN: 1 << 19 } as const
const SCTLR_EPAN_HIGH = 1 << 25
const TCR_PIE = 1 << 1
/** Index of the last descriptor level, and how many address bits each resolves with a 4 KiB granule. */
const LAST_LEVEL = 3
const STRIDE = 9
const PAGE_BITS = 12

const startLevelOf = (inputBits: number): number => LAST_LEVEL + 1 - Math.ceil((inputBits - PAGE_BITS) / STRIDE)
/** Table address: aligned to the size of the first table. */
const tableAddress = (low: number, high: number, inputBits: number, startLevel: number): number => {
  const indexBits = inputBits - ((LAST_LEVEL - startLevel) * STRIDE + PAGE_BITS)
  const size = 2 ** (indexBits + 3)
  const address = bits(high, 0, 16) * WORD + ((low & ~1) >>> 0)
  return address - (address % size)
}

interface RangeFields {
  readonly tsz: number
  /** TG is the 4 KiB granule. */
  readonly granule: boolean
  readonly disabled: boolean
  readonly topByteIgnored: boolean
  readonly flatPermissions: boolean
  readonly privilegedOnly: boolean
}
const range = (controls: Controls, base: KnownRegister, fields: RangeFields, limit: number, largestTsz: number): Range => {
  const { tsz, granule, disabled, topByteIgnored, flatPermissions, privilegedOnly } = fields
  const usable = !disabled && granule && tsz >= SMALLEST_TSZ && tsz <= largestTsz
  const inputBits = 64 - tsz
  const startLevel = usable ? startLevelOf(inputBits) : 0
  const slot = controls.slot[base]
  const table = usable ? tableAddress(controls.low(slot), controls.high(slot), inputBits, startLevel) : 0
  return { usable, inputBits, startLevel, table, tableOutside: table >= limit, topByteIgnored, flatPermissions, privilegedOnly }
}

/** A regime of EL0 and one other level: two ranges, TCR in the EL1 format. */
const sharedRegime = (controls: Controls, level: 1 | 2, largestTsz: number): Omit<Regime, "name" | "id" | "normalWhenOff" | "stage2" | "enabled"> => {
  const name = (stem: string) => `${stem}_EL${level}` as KnownRegister
  const tcr = controls.slot[name("TCR")],
    low = controls.low(tcr),
    high = controls.high(tcr),
    limit = 2 ** outputBits(bits(high, 0, 3)),
    lower: RangeFields = {
      tsz: bits(low, 0, 6),
      disabled: bits(low, 7, 1) === 1,
      granule: bits(low, 14, 2) === 0,
      topByteIgnored: bits(high, 5, 1) === 1,
      flatPermissions: bits(high, 9, 1) === 1,
      privilegedOnly: bits(high, 23, 1) === 1
    },
    upper: RangeFields = {
      tsz: bits(low, 16, 6),
      disabled: bits(low, 23, 1) === 1,
      granule: bits(low, 30, 2) === 2,
      topByteIgnored: bits(high, 6, 1) === 1,
      flatPermissions: bits(high, 10, 1) === 1,
      privilegedOnly: bits(high, 24, 1) === 1
    }
  return {
    ranges: [range(controls, name("TTBR0"), lower, limit, largestTsz), range(controls, name("TTBR1"), upper, limit, largestTsz)],
    outputLimit: limit,
    ...common(controls, level)
  }
}
const common = (controls: Controls, level: 1 | 2): Pick<Regime, "attributes" | "writeImpliesNoExecute" | "enhancedPan" | "indirection"> => {
  const name = (stem: string) => controls.slot[`${stem}_EL${level}` as KnownRegister]
  const mair = controls.inForce(name("MAIR")),
    sctlr = name("SCTLR"),
    tcr2 = level === 1 && !controls.tcr2Enabled ? 0 : controls.low(name("TCR2"))
  return {
    attributes: Uint8Array.from({ length: 8 }, (_, i) => Number((mair >> BigInt(8 * i)) & 255n)),
    writeImpliesNoExecute: (controls.low(sctlr) & SCTLR.WXN) !== 0,
    enhancedPan: (controls.high(sctlr) & SCTLR_EPAN_HIGH) !== 0,
    indirection:
      tcr2 & TCR_PIE
        ? { privileged: permissionTable(controls.inForce(name("PIR"))), user: permissionTable(controls.inForce(name("PIRE0"))) }
        : undefined
  }
}
/** Bits of a base permission besides R, W and X: execution goes when WXN is set; guarded control stacks (which nothing implements further). */
export const BASE = { withoutXUnderWxn: 8, guardedStack: 16 } as const
/** Base permissions of FEAT_S1PIE by encoding; reserved ones give nothing. */
const BASE_PERMISSIONS = [0, 1, 4, 5, 0, 3, 7 | BASE.withoutXUnderWxn, 7, 1, 1 | BASE.guardedStack, 5, 0, 3, 0, 7, 0]
const permissionTable = (register: bigint): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, i) => BASE_PERMISSIONS[Number((register >> BigInt(4 * i)) & 15n)]!)

const hypRegime = (controls: Controls, largestTsz: number): Omit<Regime, "name" | "id" | "normalWhenOff" | "stage2" | "enabled"> => {
  const low = controls.low(controls.slot.TCR_EL2),
    limit = 2 ** outputBits(bits(low, 16, 3)),
    fields: RangeFields = {
      tsz: bits(low, 0, 6),
      disabled: false,
      granule: bits(low, 14, 2) === 0,
      topByteIgnored: bits(low, 20, 1) === 1,
      flatPermissions: bits(low, 24, 1) === 1,
      privilegedOnly: false
    }
  return { ranges: [range(controls, "TTBR0_EL2", fields, limit, largestTsz), undefined], outputLimit: limit, ...common(controls, 2) }
}

const stage2Of = (controls: Controls, largestTsz: number): Stage2 => {
  const vtcr = controls.low(controls.slot.VTCR_EL2),
    vttbr = controls.slot.VTTBR_EL2,
    tsz = bits(vtcr, 0, 6),
    sl0 = bits(vtcr, 6, 2),
    inputBits = 64 - tsz,
    startLevel = [2, 1, 0, 3][sl0]!,
    smallest = (LAST_LEVEL - startLevel) * STRIDE + PAGE_BITS + 1,
    consistent = inputBits >= smallest && inputBits <= smallest + STRIDE + 3 && (sl0 !== 3 || largestTsz > 39),
    usable = consistent && bits(vtcr, 14, 2) === 0 && tsz >= SMALLEST_TSZ && tsz <= largestTsz,
    table = usable ? tableAddress(controls.low(vttbr), controls.high(vttbr), inputBits, startLevel) : 0,
    outputLimit = 2 ** outputBits(bits(vtcr, 16, 3))
  return {
    usable,
    inputBits,
    startLevel,
    table,
    tableOutside: table >= outputLimit,
    outputLimit,
    forceWriteBack: (controls.hcrHigh & HCR_HIGH.FWB) !== 0,
    protectWalks: (controls.hcr & HCR.PTW) !== 0
  }
}

const REGISTERS: Readonly<Record<RegimeName, readonly KnownRegister[]>> = {
  "EL1&0": ["SCTLR_EL1", "TCR_EL1", "TCR2_EL1", "TTBR0_EL1", "TTBR1_EL1", "MAIR_EL1", "PIR_EL1", "PIRE0_EL1", "VTCR_EL2", "VTTBR_EL2"],
  EL2: ["SCTLR_EL2", "TCR_EL2", "TCR2_EL2", "TTBR0_EL2", "MAIR_EL2", "PIR_EL2"],
  "EL2&0": ["SCTLR_EL2", "TCR_EL2", "TCR2_EL2", "TTBR0_EL2", "TTBR1_EL2", "MAIR_EL2", "PIR_EL2", "PIRE0_EL2"]
}
/** What else of HCR_EL2 and HCRX_EL2 a description of EL1&0 depends on. */
const HCR_BITS = HCR.VM | HCR.PTW | HCR.DC | HCR.TGE

/** The regime of an exception level (EL0 in host mode belongs to EL2&0) as the registers in force give it. */
export const regimeName = (controls: Controls, el: number): RegimeName =>
  el === 2 ? (controls.e2h ? "EL2&0" : "EL2") : el === 0 && controls.host ? "EL2&0" : "EL1&0"

const describe = (controls: Controls, name: RegimeName, id: number, normalWhenOff: boolean): Regime => {
  const largestTsz = controls.machine.features.has("TTST") ? 48 : 39,
    first = name === "EL1&0",
    body = first ? sharedRegime(controls, 1, largestTsz) : name === "EL2" ? hypRegime(controls, largestTsz) : sharedRegime(controls, 2, largestTsz),
    cacheable = first && !controls.tge && (controls.hcr & HCR.DC) !== 0,
    // TGE and DC switch stage 1 of EL1&0 off
    enabled = first
      ? (controls.low(controls.slot.SCTLR_EL1) & SCTLR.M) !== 0 && !controls.tge && !cacheable
      : (controls.low(controls.slot.SCTLR_EL2) & SCTLR.M) !== 0,
    virtual = first && !controls.tge && (controls.hcr & (HCR.VM | HCR.DC)) !== 0
  return {
    name,
    id,
    enabled,
    normalWhenOff: cacheable || normalWhenOff,
    ...body,
    stage2: virtual ? stage2Of(controls, largestTsz) : undefined
  }
}

interface Described {
  /** Words of the registers it was made from. */
  readonly words: Uint32Array
  readonly regime: Regime
}
const KEPT = 8
const indexOf = (described: readonly Described[], wanted: Uint32Array): number => {
  for (let at = 0; at < described.length; at++) {
    const { words } = described[at]!
    let i = 0
    while (i < wanted.length && words[i] === wanted[i]) i++
    if (i === wanted.length) return at
  }
  return -1
}

/** Descriptions by what they were made from: a switch back to registers that were in force before finds the same object. */
export class Regimes {
  readonly #controls: Controls
  readonly #normalWhenOff: boolean
  readonly #recent: Record<RegimeName, Described[]> = { "EL1&0": [], EL2: [], "EL2&0": [] }
  readonly #versions: Record<RegimeName, number> = { "EL1&0": -1, EL2: -1, "EL2&0": -1 }
  /** Where the registers are, and their words as they are now. */
  readonly #sources: Readonly<Record<RegimeName, { readonly slots: readonly number[]; readonly words: Uint32Array }>>
  #ids = 0

  constructor(controls: Controls, normalWhenOff: boolean) {
    this.#controls = controls
    const source = (name: RegimeName) => ({
      slots: REGISTERS[name].map((register) => controls.slot[register]),
      words: new Uint32Array(2 * REGISTERS[name].length + 2)
    })
    this.#sources = { "EL1&0": source("EL1&0"), EL2: source("EL2"), "EL2&0": source("EL2&0") }
    this.#normalWhenOff = normalWhenOff
  }
  /** The regime as the registers in force describe it. */
  get(name: RegimeName): Regime {
    const recent = this.#recent[name]
    if (this.#versions[name] === this.#controls.version) return recent[0]!.regime
    const words = this.#gather(name)
    const at = indexOf(recent, words)
    const found =
      at < 0 ? { words: words.slice(), regime: describe(this.#controls, name, this.#ids++, this.#normalWhenOff) } : recent.splice(at, 1)[0]!
    recent.unshift(found)
    if (recent.length > KEPT) recent.pop()
    this.#versions[name] = this.#controls.version
    return found.regime
  }
  #gather(name: RegimeName): Uint32Array {
    const controls = this.#controls
    const { words, slots } = this.#sources[name]
    let i = 0
    for (let s = 0; s < slots.length; s++) {
      const slot = slots[s]!
      words[i++] = controls.low(slot)
      words[i++] = controls.high(slot)
    }
    const first = name === "EL1&0"
    words[i++] = first ? controls.hcr & HCR_BITS : 0
    words[i++] = first ? (controls.hcrHigh & HCR_HIGH.FWB) | (controls.tcr2Enabled ? 1 : 0) : 0
    return words
  }
}
