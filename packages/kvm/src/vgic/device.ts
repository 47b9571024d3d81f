/** KVM_CREATE_DEVICE of the interrupt controller, and its attributes: addresses, number of interrupts, initialisation, registers. */
import { parseEncoding } from "@eltwo/isa"
import type { Errno } from "../errno.ts"
import { resetIdRegisters } from "../id-registers.ts"
import type { Vcpu } from "../vcpu.ts"
import { MAX_VCPUS, type Vm } from "../vm.ts"
import { affinityOf, PRIVATE_IRQS } from "./irq.ts"
import { REDISTRIBUTOR_BYTES } from "./redistributors.ts"
import { readDistributor, readRedistributor, writeDistributor, writeRedistributor } from "./registers.ts"
import { getInterfaceRegister, setInterfaceRegister } from "./system-registers.ts"
import { DISTRIBUTOR_BYTES, Vgic } from "./vgic.ts"

/** Types of KVM_CREATE_DEVICE. */
export const DEVICE_TYPE = { VGIC_V2: 5, VGIC_V3: 7, VGIC_ITS: 8 } as const
/** KVM_DEV_ARM_VGIC_GRP_*. */
export const VGIC_GROUP = { ADDR: 0, DIST_REGS: 1, CPU_REGS: 2, NR_IRQS: 3, CTRL: 4, REDIST_REGS: 5, CPU_SYSREGS: 6, LEVEL_INFO: 7 } as const
/** Attributes of ADDR and CTRL. */
export const VGIC_ADDRESS = { V2_DIST: 0, V2_CPU: 1, V3_DIST: 2, V3_REDIST: 3, V3_ITS: 4, V3_REDIST_REGION: 5 } as const
/** KVM_DEV_ARM_VGIC_CTRL_*: attributes of the interrupt controller's control group. */
export const VGIC_CTRL = { INIT: 0 } as const

const FRAME_ALIGNMENT = 0x10000
const NR_IRQS = { least: 64, most: 1023, step: 32 } as const
/** A redistributor region as an attribute's value: index 11:0, flags 15:12, base 51:16, count 63:52. */
const REGION = { index: 0xfffn, flags: 0xf000n, base: 0x000f_ffff_ffff_0000n, count: 52n } as const

const ID_AA64PFR0_EL1 = parseEncoding("3 0 0 4 0")
/** KVM_CREATE_DEVICE. ENODEV: no such device here; EEXIST: the VM has one; EBUSY: a vCPU has run; E2BIG: too many vCPUs. */
export const createVgic = (vm: Vm, type: number): VgicDevice | Errno => {
  if (type !== DEVICE_TYPE.VGIC_V3 || !vm.host.features.gicv3) return "ENODEV"
  if (vm.vgic) return "EEXIST"
  if (vm.vcpus.some((v) => v?.hasRun)) return "EBUSY"
  if (vm.vcpus.filter(Boolean).length > MAX_VCPUS) return "E2BIG"
  const vgic = new Vgic(vm)
  vm.vgic = vgic
  for (const [encoding, value] of resetIdRegisters(vm.host.systemRegisters, vm.features, true))
    if (encoding === ID_AA64PFR0_EL1) vm.idRegisters.set(encoding, value)
  return new VgicDevice(vgic)
}

/** The descriptor of the controller. */
export class VgicDevice {
  readonly #vgic: Vgic
  constructor(vgic: Vgic) {
    this.#vgic = vgic
  }
  /** KVM_HAS_DEVICE_ATTR: ENXIO, no such attribute. */
  hasAttribute(group: number, attribute: number | bigint): Errno | undefined {
    const number = Number(attribute)
    switch (group) {
      case VGIC_GROUP.ADDR:
        return number === VGIC_ADDRESS.V3_DIST || number === VGIC_ADDRESS.V3_REDIST || number === VGIC_ADDRESS.V3_REDIST_REGION ? undefined : "ENXIO"
      case VGIC_GROUP.NR_IRQS:
        return undefined
      case VGIC_GROUP.CTRL:
        return number === VGIC_CTRL.INIT ? undefined : "ENXIO"
      case VGIC_GROUP.DIST_REGS:
      case VGIC_GROUP.REDIST_REGS:
      case VGIC_GROUP.CPU_SYSREGS:
        return undefined
      default:
        return "ENXIO"
    }
  }
  /** KVM_SET_DEVICE_ATTR. */
  setAttribute(group: number, attribute: number | bigint, value: bigint): Errno | undefined {
    const vgic = this.#vgic
    const missing = this.hasAttribute(group, attribute)
    if (missing) return missing
    switch (group) {
      case VGIC_GROUP.ADDR:
        return setAddress(vgic, Number(attribute), value)
      case VGIC_GROUP.NR_IRQS:
        return setInterruptCount(vgic, Number(value))
      case VGIC_GROUP.CTRL:
        vgic.initialise()
        return undefined
      default:
        return this.#register(group, BigInt(attribute), value) as Errno | undefined
    }
  }
  /** KVM_GET_DEVICE_ATTR. A redistributor region is asked for by its index in `value`. ENOENT: there is no such region. */
  getAttribute(group: number, attribute: number | bigint, value = 0n): bigint | Errno {
    const vgic = this.#vgic
    const missing = this.hasAttribute(group, attribute)
    if (missing) return missing
    switch (group) {
      case VGIC_GROUP.ADDR:
        return getAddress(vgic, Number(attribute), value)
      case VGIC_GROUP.NR_IRQS:
        return BigInt(vgic.spiCount + PRIVATE_IRQS)
      case VGIC_GROUP.CTRL:
        return "ENXIO"
      default:
        return this.#register(group, BigInt(attribute)) as bigint | Errno
    }
  }

  /** A register of the distributor, or of a vCPU's redistributor or CPU interface: affinity in bits 63:32 of the attribute. EBUSY before INIT. */
  #register(group: number, attribute: bigint, value?: bigint): bigint | Errno | undefined {
    const vgic = this.#vgic
    if (!vgic.initialised) return "EBUSY"
    const vcpu = vcpuOf(vgic.vm, attribute >> 32n)
    const offset = Number(attribute & 0xffff_ffffn)
    if (group === VGIC_GROUP.DIST_REGS) {
      if (offset % 4 !== 0) return "EINVAL"
      if (offset >= DISTRIBUTOR_BYTES) return "ENXIO"
      return value === undefined ? readDistributor(vgic, offset, 4, "user") : void writeDistributor(vgic, offset, 4, value, "user")
    }
    if (!vcpu) return "EINVAL"
    if (group === VGIC_GROUP.CPU_SYSREGS) return value === undefined ? getInterfaceRegister(vcpu, offset) : setInterfaceRegister(vcpu, offset, value)
    if (offset % 4 !== 0) return "EINVAL"
    if (offset >= REDISTRIBUTOR_BYTES) return "ENXIO"
    const redistributor = vgic.redistributors?.find((r) => r.vcpu === vcpu) ?? { vcpu, base: 0, bytes: REDISTRIBUTOR_BYTES, last: false }
    return value === undefined
      ? readRedistributor(vgic, redistributor, offset, 4, "user")
      : void writeRedistributor(vgic, redistributor, offset, 4, value, "user")
  }
}
/** Affinity as attributes have it: Aff3 to Aff0 in 32 bits. */
const vcpuOf = (vm: Vm, affinity: bigint): Vcpu | undefined =>
  vm.vcpus.find((v) => v && ((affinityOf(v) & 0xffffffn) | ((affinityOf(v) >> 8n) & 0xff000000n)) === affinity)

const setInterruptCount = (vgic: Vgic, count: number): Errno | undefined => {
  if (!(count >= NR_IRQS.least && count <= NR_IRQS.most) || count % NR_IRQS.step !== 0) return "EINVAL"
  if (vgic.initialised || vgic.spiCount > 0) return "EBUSY"
  vgic.spiCount = count - PRIVATE_IRQS
  return undefined
}
/** vgic_check_iorange without the check for a second time. */
const badRange = ({ vm }: Vgic, base: bigint, bytes: bigint): Errno | undefined => {
  if (base % BigInt(FRAME_ALIGNMENT) !== 0n || base + bytes > 1n << 64n) return "EINVAL"
  return base + bytes > 1n << BigInt(vm.stage2.ipaBits) ? "E2BIG" : undefined
}
const setAddress = (vgic: Vgic, attribute: number, value: bigint): Errno | undefined => {
  switch (attribute) {
    case VGIC_ADDRESS.V3_DIST: {
      if (vgic.distributor !== undefined) return "EEXIST"
      const bad = badRange(vgic, value, BigInt(DISTRIBUTOR_BYTES))
      if (!bad) vgic.distributor = Number(value)
      return bad
    }
    case VGIC_ADDRESS.V3_REDIST:
      return addRegion(vgic, 0, value, 0)
    default: {
      const count = Number(value >> REGION.count)
      if (count === 0 || value & REGION.flags) return "EINVAL"
      return addRegion(vgic, Number(value & REGION.index), value & REGION.base, count)
    }
  }
}
/** vgic_v3_alloc_redist_region: one region without end, or regions in the order of their indices. */
const addRegion = (vgic: Vgic, index: number, base: bigint, count: number): Errno | undefined => {
  const { regions, distributor } = vgic
  const bytes = BigInt(count * REDISTRIBUTOR_BYTES)
  const last = regions.at(-1)
  if (base + bytes > 1n << 64n) return "EINVAL"
  if (!last) {
    if (index !== 0) return "EINVAL"
  } else if (count === 0) return last.count > 0 ? "EINVAL" : "EEXIST"
  else if (last.count === 0 || index !== last.index + 1) return "EINVAL"
  const meets = (from: number, length: number): boolean => base < BigInt(from + length) && BigInt(from) < base + bytes
  if (distributor !== undefined && meets(distributor, DISTRIBUTOR_BYTES)) return "EINVAL"
  if (regions.some((r) => meets(r.base, r.count * REDISTRIBUTOR_BYTES))) return "EINVAL"
  const bad = badRange(vgic, base, bytes)
  if (bad) return bad
  regions.push({ index, base: Number(base), count })
  return undefined
}
const UNDEFINED_ADDRESS = 0xffff_ffff_ffff_ffffn
const getAddress = ({ distributor, regions }: Vgic, attribute: number, value: bigint): bigint | Errno => {
  if (attribute === VGIC_ADDRESS.V3_DIST) return distributor === undefined ? UNDEFINED_ADDRESS : BigInt(distributor)
  if (attribute === VGIC_ADDRESS.V3_REDIST) return regions[0]?.count === 0 ? BigInt(regions[0].base) : UNDEFINED_ADDRESS
  const region = regions.find((r) => r.index === Number(value & REGION.index))
  return region ? BigInt(region.index) | BigInt(region.base) | (BigInt(region.count) << REGION.count) : "ENOENT"
}
