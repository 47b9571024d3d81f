/** The interrupt controller of a VM in the kernel, a GICv3: a distributor, a redistributor for each vCPU, and the interrupts. */
import type { Errno } from "../errno.ts"
import type { Vcpu } from "../vcpu.ts"
import type { Vm } from "../vm.ts"
import { affinityOf, type Irq, isPending, newIrq, PRIVATE_IRQS, relist, SGIS, setLine } from "./irq.ts"
import { mapRedistributors, type Redistributor, type RedistributorRegion } from "./redistributors.ts"

export const DISTRIBUTOR_BYTES = 0x10000
/** Shared interrupts of a controller whose number was not set. */
const DEFAULT_SPIS = 256 - PRIVATE_IRQS
const VPMR_SHIFT = 24n

interface VgicCpu {
  readonly privates: readonly Irq[]
  /** Pending for the vCPU, or active at it. */
  readonly listed: Set<Irq>
  /** Which of them the list registers have, in their order. */
  inRegisters: readonly Irq[]
}

export class Vgic {
  readonly vm: Vm
  /** GICD_CTLR.EnableGrp1A. */
  enabled = false
  /** Guest-physical addresses; undefined: not set yet. */
  distributor: number | undefined
  readonly regions: RedistributorRegion[] = []
  /** Shared interrupts; 0: not chosen yet. */
  spiCount = 0
  spis: readonly Irq[] = []
  initialised = false
  /** Where accesses of guests find redistributors; undefined until the first run. */
  redistributors: readonly Redistributor[] | undefined
  readonly #cpus = new Map<Vcpu, VgicCpu>()

  constructor(vm: Vm) {
    this.vm = vm
  }

  /** A vCPU's part. */
  cpu(vcpu: Vcpu): VgicCpu {
    let found = this.#cpus.get(vcpu)
    if (!found) {
      found = { privates: Array.from({ length: PRIVATE_IRQS }, (_, n) => newIrq(n, vcpu)), listed: new Set(), inRegisters: [] }
      this.#cpus.set(vcpu, found)
    }
    return found
  }
  /** An interrupt as a vCPU knows it; undefined: there is none of that number. */
  irq(vcpu: Vcpu | undefined, intid: number): Irq | undefined {
    if (intid < PRIVATE_IRQS) return vcpu && this.cpu(vcpu).privates[intid]
    return this.spis[intid - PRIVATE_IRQS]
  }

  /** KVM_DEV_ARM_VGIC_CTRL_INIT: from here the interrupts exist, and vCPUs cannot be added. */
  initialise(): void {
    if (this.initialised) return
    this.spiCount ||= DEFAULT_SPIS
    this.spis = Array.from({ length: this.spiCount }, (_, n) => newIrq(PRIVATE_IRQS + n))
    for (const vcpu of this.vm.vcpus) vcpu?.interrupts.reset(true)
    this.initialised = true
  }
  /** kvm_vgic_map_resources, at the first KVM_RUN: ENXIO without addresses, EINVAL where they overlap, EBUSY before `initialise`. */
  map(): Errno | undefined {
    if (this.redistributors) return undefined
    const vcpus = this.vm.vcpus.filter((v) => v !== undefined)
    const mapped = mapRedistributors(this.regions, vcpus)
    if (mapped.length < vcpus.length || this.distributor === undefined) return "ENXIO"
    const { distributor } = this
    const overlaps = (from: number, bytes: number) => distributor < from + bytes && from < distributor + DISTRIBUTOR_BYTES
    if (mapped.some(({ base, bytes }) => overlaps(base, bytes))) return "EINVAL"
    if (!this.initialised) return "EBUSY"
    this.redistributors = mapped
    return undefined
  }

  /** kvm_vgic_vcpu_pending_irq: whether an interrupt would end a vCPU's wait. */
  isPendingFor(vcpu: Vcpu): boolean {
    const mask = Number((vcpu.interrupts.vmcr >> VPMR_SHIFT) & 0xffn)
    if (!this.enabled) return false
    for (const irq of this.cpu(vcpu).listed) if (irq.enabled && isPending(irq) && !irq.active && irq.priority < mask) return true
    return false
  }
  /** KVM_IRQ_LINE of a shared or private peripheral interrupt. */
  setLine(vcpu: Vcpu | undefined, intid: number, level: boolean): Errno | undefined {
    if (!this.initialised) return "EBUSY"
    const irq = this.irq(vcpu, intid)
    if (!irq) return "EINVAL"
    setLine(irq, level, this)
    return undefined
  }
  /** The distributor goes on or off: what is pending counts, or does not. */
  setEnabled(enabled: boolean): void {
    if (this.enabled === enabled) return
    this.enabled = enabled
    for (const irq of this.#all()) relist(irq, this)
  }
  /** ICC_SGI1R_EL1, ICC_ASGI1R_EL1 and ICC_SGI0R_EL1 of a vCPU. Only the first makes group 1 interrupts. */
  generate(vcpu: Vcpu, value: bigint, allowGroup1: boolean): void {
    const intid = Number((value >> 24n) & 15n)
    for (const target of sgiTargets(vcpu, value)) {
      const irq = this.cpu(target).privates[intid]!
      if (irq.group === 1 && !allowGroup1) continue
      irq.latch = true
      relist(irq, this)
    }
  }
  /** ICC_DIR_EL1 of a guest whose active interrupts are more than the list registers. */
  deactivate(vcpu: Vcpu, intid: number): void {
    const irq = this.irq(vcpu, intid)
    if (!irq?.active) return
    irq.active = false
    relist(irq, this)
  }
  *#all(): Iterable<Irq> {
    for (const { privates } of this.#cpus.values()) yield* privates
    yield* this.spis
  }
}

const SGI = { IRM: 1n << 40n, RS: 44n, TARGETS: 0xffffn } as const
/** The vCPUs that a generated interrupt goes to: all others, or those of a list with three levels of affinity in common. */
const sgiTargets = (vcpu: Vcpu, value: bigint): readonly Vcpu[] => {
  const all = vcpu.vm.vcpus.filter((v) => v !== undefined)
  if (value & SGI.IRM) return all.filter((v) => v !== vcpu)
  const field = (at: bigint): bigint => (value >> at) & 0xffn
  const cluster = (field(48n) << 32n) | (field(32n) << 16n) | (field(16n) << 8n)
  const first = ((value >> SGI.RS) & 15n) * BigInt(SGIS)
  return all.filter((v) => {
    const affinity = affinityOf(v)
    const number = (affinity & 0xffn) - first
    return (affinity & ~0xffn) === cluster && number >= 0n && number < 16n && (value & SGI.TARGETS & (1n << number)) !== 0n
  })
}
