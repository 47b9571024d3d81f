/**
 * Registers of the distributor (GICD_*) and the redistributors (GICR_*) in memory, as guests use them and as user space saves them. What is not there, or of
 * another width, reads as zero and ignores writes.
 */
import type { Vcpu } from "../vcpu.ts"
import { affinityOf, type Irq, isPending, PRIORITY_MASK, PRIVATE_IRQS, relist } from "./irq.ts"
import { INTERRUPT_FRAME, type Redistributor } from "./redistributors.ts"
import type { Vgic } from "./vgic.ts"

export type Width = 1 | 2 | 4 | 8
/** Who asks: user space saves and restores the software state of pending interrupts, where a guest sees lines too and acts bit by bit. */
export type Asker = "guest" | "user"

/** A register with a field for each interrupt. */
interface Field {
  readonly from: number
  readonly bits: 1 | 2 | 8
  /** Also by bytes. */
  readonly byBytes?: boolean
  get(irq: Irq, asker: Asker): number
  /** `set` is the field's new value. */
  set(irq: Irq, value: number, asker: Asker): void
}
const onOnes =
  (act: (irq: Irq, asker: Asker) => void): Field["set"] =>
  (irq, value, asker) => {
    if (value) act(irq, asker)
  }
const enabled: Field["get"] = (irq) => Number(irq.enabled)
const pending: Field["get"] = (irq, asker) => Number(asker === "user" ? irq.latch : isPending(irq))
const active: Field["get"] = (irq) => Number(irq.active)
const FIELDS: readonly Field[] = [
  { from: 0x080, bits: 1, get: (irq) => irq.group, set: (irq, value) => void (irq.group = value ? 1 : 0) },
  { from: 0x100, bits: 1, get: enabled, set: onOnes((irq) => void (irq.enabled = true)) },
  { from: 0x180, bits: 1, get: enabled, set: onOnes((irq) => void (irq.enabled = false)) },
  {
    from: 0x200,
    bits: 1,
    get: pending,
    set(irq, value, asker) {
      if (asker === "user") irq.latch = value !== 0
      else if (value) irq.latch = true
    }
  },
  {
    from: 0x280,
    bits: 1,
    get: (irq, asker) => (asker === "user" ? 0 : pending(irq, asker)),
    set: onOnes((irq, asker) => {
      if (asker === "guest") irq.latch = false
    })
  },
  { from: 0x300, bits: 1, get: active, set: onOnes((irq) => void (irq.active = true)) },
  { from: 0x380, bits: 1, get: active, set: onOnes((irq) => void (irq.active = false)) },
  { from: 0x400, bits: 8, byBytes: true, get: (irq) => irq.priority, set: (irq, value) => void (irq.priority = value & PRIORITY_MASK) },
  {
    from: 0xc00,
    bits: 2,
    get: (irq) => (irq.edge ? 2 : 0),
    set(irq, value) {
      if (irq.intid >= PRIVATE_IRQS) irq.edge = (value & 2) !== 0
    }
  }
]
const INTERRUPTS = 1024
const fieldAt = (offset: number, bytes: Width): Field | undefined =>
  FIELDS.find(
    ({ from, bits, byBytes }) =>
      offset >= from && offset < from + (INTERRUPTS * bits) / 8 && (bytes === 4 || (bytes === 1 && byBytes)) && offset % bytes === 0
  )
/** The interrupts of an access, with the place of each one's field. */
const interruptsOf = ({ from, bits }: Field, offset: number, bytes: Width): readonly (readonly [intid: number, shift: number])[] =>
  Array.from({ length: (bytes * 8) / bits }, (_, n) => [((offset - from) * 8) / bits + n, n * bits] as const)

const readFields = (offset: number, bytes: Width, asker: Asker, irqOf: (intid: number) => Irq | undefined): bigint => {
  const field = fieldAt(offset, bytes)
  if (!field) return 0n
  return interruptsOf(field, offset, bytes).reduce((value, [intid, shift]) => {
    const irq = irqOf(intid)
    return irq ? value | (BigInt(field.get(irq, asker)) << BigInt(shift)) : value
  }, 0n)
}
const writeFields = (vgic: Vgic, offset: number, bytes: Width, value: bigint, asker: Asker, irqOf: (intid: number) => Irq | undefined): void => {
  const field = fieldAt(offset, bytes)
  if (!field) return
  const mask = (1n << BigInt(field.bits)) - 1n
  for (const [intid, shift] of interruptsOf(field, offset, bytes)) {
    const irq = irqOf(intid)
    if (!irq) continue
    field.set(irq, Number((value >> BigInt(shift)) & mask), asker)
    relist(irq, vgic)
  }
}
/** A register of 32 or 64 bits, read in parts. */
const partOf = (value: bigint, at: number, offset: number, bytes: Width): bigint => BigInt.asUintN(8 * bytes, value >> BigInt(8 * (offset - at)))

const GICD = { CTLR: 0x0, TYPER: 0x4, IIDR: 0x8, IROUTER: 0x6000, IROUTER_END: 0x8000, PIDR2: 0xffe8 } as const
const GICR = { CTLR: 0x0, IIDR: 0x4, TYPER: 0x8, PIDR2: 0xffe8 } as const
/** A GICv3 by its identification registers. */
const ARCHITECTURE = 0x3bn
/** Product "K" of the kernel, implementer Arm; the revision is the distributor's. */
const IMPLEMENTER = (0x4bn << 24n) | 0x43bn
const REVISION = 3n << 12n
const ENABLE_GROUP1 = 1n << 1n
/** Affinity routing, and one security state. */
const FIXED_CONTROL = (1n << 4n) | (1n << 6n)
/** INTIDs have ten bits. */
const INTID_BITS = 9n << 19n

const shared =
  (vgic: Vgic) =>
  (intid: number): Irq | undefined =>
    intid < PRIVATE_IRQS ? undefined : vgic.irq(undefined, intid)
const routed = (vgic: Vgic, offset: number, bytes: Width): Irq | undefined =>
  offset >= GICD.IROUTER && offset < GICD.IROUTER_END && bytes >= 4 && offset % bytes === 0 ? shared(vgic)((offset - GICD.IROUTER) >> 3) : undefined
const ROUTE = 0xffffffn

export const readDistributor = (vgic: Vgic, offset: number, bytes: Width, asker: Asker = "guest"): bigint => {
  const router = routed(vgic, offset, bytes)
  if (router) return partOf(router.route, offset & ~7, offset, bytes)
  if (bytes === 4)
    switch (offset) {
      case GICD.CTLR:
        return FIXED_CONTROL | (vgic.enabled ? ENABLE_GROUP1 : 0n)
      case GICD.TYPER:
        return INTID_BITS | BigInt((vgic.spiCount + PRIVATE_IRQS) / 32 - 1)
      case GICD.IIDR:
        return IMPLEMENTER | REVISION
      case GICD.PIDR2:
        return ARCHITECTURE
    }
  return readFields(offset, bytes, asker, shared(vgic))
}
export const writeDistributor = (vgic: Vgic, offset: number, bytes: Width, value: bigint, asker: Asker = "guest"): void => {
  const router = routed(vgic, offset, bytes)
  if (router) {
    const shift = BigInt(8 * (offset & 7))
    const mask = ((1n << BigInt(8 * bytes)) - 1n) << shift
    router.route = ((router.route & ~mask) | ((value << shift) & mask)) & ROUTE
    relist(router, vgic)
  } else if (offset === GICD.CTLR && bytes === 4) vgic.setEnabled((value & ENABLE_GROUP1) !== 0n)
  else writeFields(vgic, offset, bytes, value, asker, shared(vgic))
}

const privateOf =
  (vgic: Vgic, vcpu: Vcpu) =>
  (intid: number): Irq | undefined =>
    intid < PRIVATE_IRQS ? vgic.irq(vcpu, intid) : undefined
const LAST = 1n << 4n
const PROCESSOR_NUMBER = 8n
/** GICR_TYPER: affinity, the vCPU's number, and whether another redistributor follows. */
const redistributorType = ({ vcpu, last }: Redistributor): bigint => {
  const affinity = affinityOf(vcpu)
  return (((affinity & 0xffffffn) | ((affinity >> 8n) & 0xff000000n)) << 32n) | (BigInt(vcpu.id) << PROCESSOR_NUMBER) | (last ? LAST : 0n)
}
export const readRedistributor = (vgic: Vgic, redistributor: Redistributor, offset: number, bytes: Width, asker: Asker = "guest"): bigint => {
  if (offset >= INTERRUPT_FRAME) return readFields(offset - INTERRUPT_FRAME, bytes, asker, privateOf(vgic, redistributor.vcpu))
  if (offset >= GICR.TYPER && offset < GICR.TYPER + 8 && bytes >= 4 && offset % bytes === 0)
    return partOf(redistributorType(redistributor), GICR.TYPER, offset, bytes)
  if (bytes !== 4) return 0n
  return offset === GICR.IIDR ? IMPLEMENTER : offset === GICR.PIDR2 ? ARCHITECTURE : 0n
}
/** GICR_CTLR, GICR_WAKER and what is about message-signalled interrupts ignore writes. */
export const writeRedistributor = (
  vgic: Vgic,
  { vcpu }: Redistributor,
  offset: number,
  bytes: Width,
  value: bigint,
  asker: Asker = "guest"
): void => {
  if (offset >= INTERRUPT_FRAME) writeFields(vgic, offset - INTERRUPT_FRAME, bytes, value, asker, privateOf(vgic, vcpu))
}
