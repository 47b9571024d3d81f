/**
 * Control registers of one processing element as they are *in force*. An MSR to a control register changes what MRS reads at once, but traps, translation and
 * routing see it only after a context synchronisation event: ISB, exception entry or exception return. The values in force lie in the second half of the
 * register file, so that a snapshot of memory keeps both.
 */
import type { FieldReference, Machine, Register } from "@eltwo/isa"
import { PE, SYSTEM_SLOTS } from "./layout.ts"
import type { Pe } from "./pe.ts"

/** Distance in slots between a register as written and as in force. */
export const IN_FORCE = SYSTEM_SLOTS / 2
/** A slot no register has: reads as zero. Registers a machine lacks are read here. */
const NOWHERE = IN_FORCE - 1

/** How late a control write may take effect. `strict`: always at the next context synchronisation event; `chaos`: a seeded coin says now or then. */
export type SynchronizationMode = "strict" | "chaos"

/** Bits of HCR_EL2, low and high word. */
export const HCR = {
  VM: 1 << 0,
  PTW: 1 << 2,
  FMO: 1 << 3,
  IMO: 1 << 4,
  AMO: 1 << 5,
  VF: 1 << 6,
  VI: 1 << 7,
  VSE: 1 << 8,
  FB: 1 << 9,
  DC: 1 << 12,
  TWI: 1 << 13,
  TWE: 1 << 14,
  TSC: 1 << 19,
  TIDCP: 1 << 20,
  TGE: 1 << 27,
  HCD: 1 << 29
} as const
export const HCR_HIGH = { CD: 1 << 0, ID: 1 << 1, E2H: 1 << 2, TEA: 1 << 5, FWB: 1 << 14 } as const

/** HCR_EL2 fields that count as 0 while TGE is 1, and those that do so only in host mode (E2H = 1 too). */
const CLEAR_UNDER_TGE = "VM SWIO PTW VF VI VSE FB DC TID1 TID3 TSC TACR TSW TTLB TVM HCD TRVM".split(" ")
const CLEAR_IN_HOST_MODE = "FMO IMO AMO BSU TWI TWE TID0 TID2 TPCP TPU TDZ CD ID TID4 TICAB TOCU TTLBIS TTLBOS".split(" ")

const HCRX_TCR2EN = 1 << 14
const E2H = 1n << 34n
const TGE = BigInt(HCR.TGE)
const INTERRUPT_ROUTING = BigInt(HCR.FMO | HCR.IMO | HCR.AMO)

/** Registers the cpu itself looks at. */
const NAMES = [
  "SCTLR_EL1",
  "SCTLR_EL2",
  "TCR_EL1",
  "TCR_EL2",
  "TCR2_EL1",
  "TCR2_EL2",
  "TTBR0_EL1",
  "TTBR1_EL1",
  "TTBR0_EL2",
  "TTBR1_EL2",
  "MAIR_EL1",
  "MAIR_EL2",
  "PIR_EL1",
  "PIR_EL2",
  "PIRE0_EL1",
  "PIRE0_EL2",
  "VBAR_EL1",
  "VBAR_EL2",
  "ESR_EL1",
  "ESR_EL2",
  "FAR_EL1",
  "FAR_EL2",
  "ELR_EL1",
  "ELR_EL2",
  "SPSR_EL1",
  "SPSR_EL2",
  "HPFAR_EL2",
  "PAR_EL1",
  "SP_EL0",
  "SP_EL1",
  "SP_EL2",
  "HCR_EL2",
  "HCRX_EL2",
  "MDCR_EL2",
  "HFGRTR_EL2",
  "HFGWTR_EL2",
  "HFGITR_EL2",
  "HDFGRTR_EL2",
  "HDFGWTR_EL2",
  "VTTBR_EL2",
  "VTCR_EL2",
  "VSESR_EL2",
  "VDISR_EL2",
  "DISR_EL1",
  "CPACR_EL1",
  "CPTR_EL2",
  "ZCR_EL1",
  "ZCR_EL2",
  "SMCR_EL1",
  "SMCR_EL2",
  "CNTVOFF_EL2",
  "CNTFRQ_EL0",
  "CNTP_CTL_EL0",
  "CNTP_CVAL_EL0",
  "CNTV_CTL_EL0",
  "CNTV_CVAL_EL0",
  "CNTHP_CTL_EL2",
  "CNTHP_CVAL_EL2",
  "CNTHV_CTL_EL2",
  "CNTHV_CVAL_EL2",
  "CSSELR_EL1",
  "OSLSR_EL1",
  "MPIDR_EL1",
  "VMPIDR_EL2",
  "ICC_CTLR_EL1",
  "ICC_BPR0_EL1",
  "ICC_AP0R0_EL1",
  "ICC_AP1R0_EL1",
  "ICH_HCR_EL2",
  "ICH_VMCR_EL2",
  "ICH_AP0R0_EL2",
  "ICH_AP1R0_EL2",
  "ICH_LR0_EL2",
  "ICH_LR1_EL2",
  "ICH_LR2_EL2",
  "ICH_LR3_EL2"
] as const
/** Registers that the processing element itself looks at. */
export type KnownRegister = (typeof NAMES)[number]

/** Control registers of a processing element: what is written, what is in force, and what engines derive from it. */
export class Controls {
  readonly machine: Machine
  readonly slot: Readonly<Record<KnownRegister, number>>
  /** The machine has fine-grained traps. */
  readonly fineTraps: boolean
  mode: SynchronizationMode = "strict"
  /** Counts the changes of what is in force: whatever was derived from an older version is stale. */
  version = 0
  /** HCR_EL2 with the bits masked that TGE and E2H disable. */
  hcr = 0
  hcrHigh = 0
  e2h = false
  tge = false
  /** HCR_EL2.{E2H,TGE} = {1,1}: EL0 belongs to EL2. */
  host = false

  readonly #pe: Pe
  readonly #words: Uint32Array
  /** Slots whose written value is not in force yet. */
  readonly #pending: number[] = []
  /** 1 for slots that are among them. */
  readonly #isPending = new Uint8Array(IN_FORCE)
  /** HCR_EL2 bits that count in each state. */
  readonly #hcrUnderTge: bigint
  readonly #hcrInHostMode: bigint
  /** State of the coin that chaos tosses: part of what a snapshot keeps. */
  coin: number

  constructor(pe: Pe) {
    this.machine = pe.board.isa as Machine
    this.fineTraps = this.machine.features?.has("FGT") ?? false
    this.#pe = pe
    this.#words = new Uint32Array(pe.board.memory.buffer, pe.base + PE.SYSTEM, 2 * SYSTEM_SLOTS)
    this.coin = Number(BigInt.asUintN(32, pe.board.seed)) ^ (pe.index + 1)
    const slots: Partial<Record<KnownRegister, number>> = {}
    for (const name of NAMES) slots[name] = this.machine.registerByName?.get(name)?.slot ?? NOWHERE
    this.slot = slots as Record<KnownRegister, number>
    this.#hcrUnderTge = ~fieldMask(this.machine, "HCR_EL2", CLEAR_UNDER_TGE)
    this.#hcrInHostMode = this.#hcrUnderTge & ~fieldMask(this.machine, "HCR_EL2", CLEAR_IN_HOST_MODE)
    this.reset()
  }

  /** Every register to its reset value, in force at once. */
  reset(): void {
    const { system, index } = this.#pe
    system.fill(0n)
    for (const r of this.machine.registers ?? []) system[r.slot] = r.reset
    for (const name of ["MPIDR_EL1", "VMPIDR_EL2"] as const) system[this.slot[name]]! |= BigInt(index)
    system[this.slot.CNTFRQ_EL0] = this.#pe.board.counterFrequency
    system[NOWHERE] = 0n
    system.copyWithin(IN_FORCE, 0, IN_FORCE)
    this.restored()
  }
  /** Derives everything anew after the register file was written from outside (snapshot). */
  restored(): void {
    const { system } = this.#pe
    this.#settle()
    for (const r of this.machine.registers ?? []) if (r.control && system[r.slot] !== system[r.slot + IN_FORCE]) this.#wait(r.slot)
    this.#derive()
  }

  /** Whether a control write waits for a context synchronisation event. */
  get pending(): boolean {
    return this.#pending.length > 0
  }
  /** A register's value as last written. */
  written(slot: number): bigint {
    return this.#pe.system[slot]!
  }
  /** Its low (0) or high (1) word. */
  writtenWord(slot: number, half: 0 | 1): number {
    return this.#words[2 * slot + half]!
  }
  /** The value of a control register that governs now. */
  inForce(slot: number): bigint {
    return this.#pe.system[slot + IN_FORCE]!
  }
  /** Low and high word of the value in force. */
  low(slot: number): number {
    return this.#words[2 * (slot + IN_FORCE)]!
  }
  high(slot: number): number {
    return this.#words[2 * (slot + IN_FORCE) + 1]!
  }
  /** A field of the value in force, at its place in the layout in force. At most 8 bits within one word. */
  field(reference: FieldReference): number {
    const { low, width } = reference.e2h && this.e2h ? reference.e2h : reference
    const word = this.#words[2 * (reference.register.slot + IN_FORCE) + (low >> 5)]!
    return (word >>> (low & 31)) & ((1 << width) - 1)
  }

  /** Stores a register; a control register takes effect by the synchronisation mode. The value is masked already. */
  store(register: Register, value: bigint): void {
    this.#pe.system[register.slot] = value
    if (register.control) this.#stored(register.slot)
  }
  /** The same of a value in halves. */
  storeWords(register: Register, low: number, high: number): void {
    this.#words[2 * register.slot] = low
    this.#words[2 * register.slot + 1] = high
    if (register.control) this.#stored(register.slot)
  }
  #stored(slot: number): void {
    if (this.mode === "chaos" && this.#toss()) {
      this.#pe.system[slot + IN_FORCE] = this.#pe.system[slot]!
      if (this.#isPending[slot]) this.#pending.splice(this.#pending.indexOf(slot), 1)
      this.#isPending[slot] = 0
      this.#derive()
    } else this.#wait(slot)
  }
  /** What a context synchronisation event does: all control writes are in force. True when something changed. */
  synchronize(): boolean {
    if (this.#pending.length === 0) return false
    const words = this.#words
    for (const slot of this.#pending) {
      words[2 * (slot + IN_FORCE)] = words[2 * slot]!
      words[2 * (slot + IN_FORCE) + 1] = words[2 * slot + 1]!
    }
    this.#settle()
    this.#derive()
    return true
  }
  /** HCRX_EL2.TCR2En: TCR2_EL1 counts. */
  get tcr2Enabled(): boolean {
    return (this.low(this.slot.HCRX_EL2) & HCRX_TCR2EN) !== 0
  }
  /** Gives bits of a control register the value in force that they have in `value`, before a context synchronisation event. */
  setInForce(slot: number, bits: bigint, value: bigint): void {
    const { system } = this.#pe
    system[slot + IN_FORCE] = (system[slot + IN_FORCE]! & ~bits) | (value & bits)
  }
  /** Clears bits of a register both as written and as in force. */
  clearInForce(slot: number, bits: bigint): void {
    const { system } = this.#pe
    system[slot]! &= ~bits
    system[slot + IN_FORCE]! &= ~bits
    this.#derive()
  }
  /** What the processor itself changes in a control register that nothing is derived from: written and in force. */
  setByProcessor(slot: number, value: bigint): void {
    const { system } = this.#pe
    system[slot] = value
    system[slot + IN_FORCE] = value
    this.#pe.attention = true
  }
  /** The layout of a register that governs reads and writes now. */
  layoutOf(register: Register): { readonly writable: bigint; readonly ones: bigint } {
    return this.e2h && register.e2hLayout ? register.e2hLayout : register.layout
  }

  #derive(): void {
    let hcr = this.inForce(this.slot.HCR_EL2)
    this.e2h = (hcr & E2H) !== 0n
    this.tge = (hcr & TGE) !== 0n
    this.host = this.e2h && this.tge
    if (this.host) hcr &= this.#hcrInHostMode
    else if (this.tge) hcr = (hcr & this.#hcrUnderTge) | INTERRUPT_ROUTING
    this.hcr = Number(hcr & 0xffffffffn)
    this.hcrHigh = Number((hcr >> 32n) & 0xffffffffn)
    this.version++
    this.#pe.attention = true
  }
  #wait(slot: number): void {
    if (this.#isPending[slot]) return
    this.#isPending[slot] = 1
    this.#pending.push(slot)
  }
  #settle(): void {
    for (const slot of this.#pending) this.#isPending[slot] = 0
    this.#pending.length = 0
  }
  #toss(): boolean {
    this.coin = (Math.imul(this.coin, 1664525) + 1013904223) | 0
    return this.coin < 0
  }
}

const fieldMask = (machine: Machine, register: string, fields: readonly string[]): bigint => {
  const layout = machine.registerByName?.get(register)?.layout
  return fields.reduce((mask, name) => {
    const field = layout?.fields.get(name)
    return field ? mask | (((1n << BigInt(field.width)) - 1n) << BigInt(field.low)) : mask
  }, 0n)
}
