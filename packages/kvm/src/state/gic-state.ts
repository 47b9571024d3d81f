/** The interrupt controller of a VM as data: the distributor, and each interrupt that is not as it was made. */
import { type Saved, shape } from "@eltwo/cpu"
import type { Vcpu } from "../vcpu.ts"
import { type Irq, newIrq, PRIVATE_IRQS } from "../vgic/irq.ts"
import { Vgic } from "../vgic/vgic.ts"
import type { Vm } from "../vm.ts"
import { Impossible } from "./references.ts"

const MOST_INTERRUPTS = 1024
const MOST_VCPUS = 512
const INTERRUPTS = {
  list: {
    fields: {
      intid: "u32",
      enabled: "flag",
      group: "u32",
      priority: "u32",
      edge: "flag",
      line: "flag",
      latch: "flag",
      active: "flag",
      route: "u64",
      /** The host's interrupt it stands for. */
      physical: { maybe: "u32" }
    }
  },
  most: MOST_INTERRUPTS
} as const
/** An interrupt controller as a snapshot of a whole host has it. */
export const GIC_STATE = shape({
  fields: {
    vm: "u32",
    enabled: "flag",
    distributor: { maybe: "size" },
    regions: { list: { fields: { index: "u32", base: "size", count: "u32" } }, most: MOST_VCPUS },
    /** Shared interrupts; 0: not chosen yet. */
    spiCount: "u32",
    initialised: "flag",
    /** The first KVM_RUN has been: redistributors have their addresses. */
    isMapped: "flag",
    shared: INTERRUPTS,
    vcpus: {
      list: {
        fields: {
          vcpu: "u32",
          private: INTERRUPTS,
          /** Numbers of those pending for it or active at it, and of those in the list registers, in their order. */
          listed: { list: "u32", most: MOST_INTERRUPTS },
          inRegisters: { list: "u32", most: MOST_INTERRUPTS }
        }
      },
      most: MOST_VCPUS
    }
  }
})
export type GicState = Saved<typeof GIC_STATE>
type IrqState = GicState["shared"][number]

const irqState = ({ owner: _, listed: __, physical, ...irq }: Irq): IrqState => ({ ...irq, physical: physical ?? null })
const isNew = (irq: Irq): boolean => {
  const fresh = newIrq(irq.intid, irq.owner)
  return (Object.keys(fresh) as (keyof Irq)[]).every((key) => key === "listed" || irq[key] === fresh[key])
}
const changed = (irqs: readonly Irq[]): readonly IrqState[] => irqs.filter((irq) => !isNew(irq)).map(irqState)
const numbers = (irqs: Iterable<Irq>): readonly number[] => Array.from(irqs, ({ intid }) => intid)

export const gicState = (vgic: Vgic): GicState => ({
  vm: vgic.vm.id,
  enabled: vgic.enabled,
  distributor: vgic.distributor ?? null,
  regions: vgic.regions.map(({ index, base, count }) => ({ index, base, count })),
  spiCount: vgic.spiCount,
  initialised: vgic.initialised,
  isMapped: vgic.redistributors !== undefined,
  shared: changed(vgic.spis),
  vcpus: vgic.vm.vcpus.flatMap((vcpu) => {
    if (!vcpu) return []
    const { privates, listed, inRegisters } = vgic.cpu(vcpu)
    return [{ vcpu: vcpu.id, private: changed(privates), listed: numbers(listed), inRegisters: numbers(inRegisters) }]
  })
})

const restoreIrqs = (irqs: readonly Irq[], first: number, state: readonly IrqState[]): void => {
  for (const { intid, physical, group, priority, route, ...flags } of state) {
    const irq = irqs[intid - first]
    if (!irq) throw new Impossible(`there is no interrupt ${intid}`)
    if (group > 1 || priority > 0xff) throw new Impossible(`interrupt ${intid} of group ${group}, priority ${priority}`)
    Object.assign(irq, flags, { group, priority, route, physical: physical ?? undefined })
  }
}
/** Gives a VM whose vCPUs exist its controller. Their part of the processor's interface comes with them. Throws Impossible. */
export const restoreGic = (vm: Vm, state: GicState): void => {
  const vgic = new Vgic(vm)
  const { spiCount, initialised, regions, vcpus } = state
  if (spiCount > 0 && (spiCount < PRIVATE_IRQS || spiCount > MOST_INTERRUPTS)) throw new Impossible(`${spiCount} shared interrupts`)
  if (initialised && spiCount === 0) throw new Impossible("a controller without its interrupts")
  vm.vgic = vgic
  vgic.enabled = state.enabled
  vgic.distributor = state.distributor ?? undefined
  vgic.regions.push(...regions.map((region) => ({ ...region })))
  vgic.spiCount = spiCount
  if (initialised) vgic.initialise()
  const unmapped = state.isMapped ? vgic.map() : undefined
  if (unmapped) throw new Impossible(`redistributors that cannot be mapped: ${unmapped}`)
  restoreIrqs(vgic.spis, PRIVATE_IRQS, state.shared)
  for (const { vcpu: id, private: own, listed, inRegisters } of vcpus) {
    const vcpu = vm.vcpus[id]
    if (!vcpu) throw new Impossible(`there is no vCPU ${id} of VM ${vm.id}`)
    const part = vgic.cpu(vcpu)
    restoreIrqs(part.privates, 0, own)
    for (const intid of listed) {
      const irq = irqOf(vgic, vcpu, intid)
      if (irq.listed) throw new Impossible(`interrupt ${intid} on two lists`)
      irq.listed = vcpu
      part.listed.add(irq)
    }
    part.inRegisters = inRegisters.map((intid) => irqOf(vgic, vcpu, intid))
  }
}
const irqOf = (vgic: Vgic, vcpu: Vcpu, intid: number): Irq => {
  const irq = vgic.irq(vcpu, intid)
  if (!irq) throw new Impossible(`there is no interrupt ${intid}`)
  return irq
}
