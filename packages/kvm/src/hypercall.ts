/** SMCCC calls of a guest: filter, what the firmware registers permit, and the services of the kernel. */
import { nextRandom, physicalCount, virtualTime } from "@eltwo/cpu"
import type { Handled } from "./exit.ts"
import { handlePsci, isLegacyPsci, PSCI } from "./psci.ts"
import type { Vcpu } from "./vcpu.ts"
import type { FirmwareBitmap } from "./vm.ts"

const VERSION = 0x80000000
const ARCH_FEATURES = 0x80000001
const SMCCC_1_1 = 0x10001n
const VENDOR_UID = 0x8600ff01
const KVM_FEATURES = 0x86000000
const KVM_PTP = 0x86000001
const TRNG = { VERSION: 0x84000050, FEATURES: 0x84000051, GET_UUID: 0x84000052, RND32: 0x84000053, RND64: 0xc4000053 } as const
const PV_TIME = { FEATURES: 0xc5000020, ST: 0xc5000021 } as const
const UID = [0xb66fb428n, 0xe911c52en, 0x564bcaa9n, 0x743a004dn] as const
const NOT_SUPPORTED = BigInt.asUintN(64, BigInt(PSCI.NOT_SUPPORTED))

const isStandardPsci = (id: number): boolean => (id & ~0x40000000 & ~31) >>> 0 === 0x84000000
const isPsci = (id: number): boolean => isStandardPsci(id) || isLegacyPsci(id)

/** Which bits of the firmware registers let calls through to the kernel's own services. */
const SERVICES: readonly { readonly register: FirmwareBitmap; readonly bit: number; readonly ids: readonly number[] }[] = [
  { register: "STD", bit: 0, ids: Object.values(TRNG) },
  { register: "STD_HYP", bit: 0, ids: Object.values(PV_TIME) },
  { register: "VENDOR_HYP", bit: 0, ids: [VENDOR_UID, KVM_FEATURES] },
  { register: "VENDOR_HYP", bit: 1, ids: [KVM_PTP] }
]
const permitted = ({ vm }: Vcpu, id: number): boolean => {
  if (id === VERSION || id === ARCH_FEATURES || isPsci(id)) return true
  return SERVICES.some(({ register, bit, ids }) => ids.includes(id) && (vm.firmware[register] >> BigInt(bit)) & 1n)
}
/** X0..X3, all of them. */
const answer = ({ registers }: Vcpu, ...results: readonly bigint[]): undefined => {
  for (let i = 0; i < 4; i++) registers.x[i] = results[i] ?? 0n
}
const low32 = (value: bigint): bigint => value & 0xffff_ffffn
const high32 = (value: bigint): bigint => value >> 32n

/** kvm_smccc_call_handler. The PC is past the call. */
export const handleSmccc = (vcpu: Vcpu, smc: boolean): Handled => {
  const id = Number(vcpu.registers.x[0]! & 0xffff_ffffn)
  const action = vcpu.vm.filter.action(id)
  const exit =
    action === "forward"
      ? ({ reason: "hypercall", nr: id, smc } as const)
      : action === "handle" && permitted(vcpu, id)
        ? isPsci(id)
          ? psci(vcpu, id)
          : serve(vcpu, id)
        : answer(vcpu, NOT_SUPPORTED)
  const cpu = vcpu.loadedOn
  if (cpu?.events.listening)
    cpu.emit({ what: "hypercall", vcpu: vcpu.name, function: id, result: action === "forward" ? "user" : vcpu.registers.x[0]! })
  return exit
}
/** PSCI's answers are in X0; X1..X3 are 0 after them. */
const psci = (vcpu: Vcpu, id: number): Handled => {
  const exit = handlePsci(vcpu, id)
  vcpu.registers.x.fill(0n, 1, 4)
  return exit
}
const serve = (vcpu: Vcpu, id: number): Handled => {
  const { registers, vm } = vcpu
  const asked = Number(low32(registers.x[1]!))
  switch (id) {
    case VERSION:
      return answer(vcpu, SMCCC_1_1)
    case VENDOR_UID:
      return answer(vcpu, ...UID)
    case KVM_FEATURES:
      return answer(vcpu, vm.firmware.VENDOR_HYP, 0n, vm.firmware.VENDOR_HYP_2, 0n)
    case ARCH_FEATURES:
      if (asked === PV_TIME.FEATURES) return answer(vcpu, vm.firmware.STD_HYP & 1n ? 0n : NOT_SUPPORTED)
      return answer(vcpu, UNAFFECTED.includes(asked) ? 1n : NOT_SUPPORTED)
    case KVM_PTP:
      return preciseTime(vcpu, asked)
    case TRNG.VERSION:
      return answer(vcpu, 0x10000n)
    case TRNG.FEATURES:
      return answer(vcpu, TRNG_OFFERED.includes(asked) ? 0n : NOT_SUPPORTED)
    case TRNG.GET_UUID:
      return answer(vcpu, ...TRNG_UUID)
    case TRNG.RND32:
      return random(vcpu, 32)
    case TRNG.RND64:
      return random(vcpu, 64)
    default:
      // PV_TIME: nobody has given stolen time a place
      return answer(vcpu, NOT_SUPPORTED)
  }
}
/** Workarounds 1 and 3, which this processor does not need; with FEAT_SSBS the guest needs no help for 2 either, which is not a workaround of the firmware. */
const UNAFFECTED: readonly number[] = [0x80008000, 0x80003fff]
const TRNG_OFFERED: readonly number[] = [TRNG.VERSION, TRNG.FEATURES, TRNG.RND32, TRNG.RND64]
/** The name of the kernel's source of random numbers, a UUID. */
const TRNG_UUID = [0x00e0210dn, 0xeb118443n, 0x44527080n, 0x4c5a4e55n] as const
/** X1 random bits at most, in three registers of `width` bits, the lowest ones in the last. */
const random = (vcpu: Vcpu, width: number): undefined => {
  const bits = vcpu.registers.x[1]!
  const pe = vcpu.vm.host.cpu.pe
  if (bits > 3n * BigInt(width)) return answer(vcpu, INVALID_PARAMETER)
  const all = [0n, 1n, 2n].reduce((value, n) => (value << 64n) | BigInt.asUintN(64, nextRandom(pe) * (2n * n + 1n)), 0n)
  const wanted = all & ((1n << bits) - 1n)
  const part = (n: number): bigint => BigInt.asUintN(width, wanted >> BigInt(n * width))
  return answer(vcpu, 0n, part(2), part(1), part(0))
}
const INVALID_PARAMETER = BigInt.asUintN(64, -2n)
/** Nanoseconds of virtual time (there is no calendar), and the counter at that moment. */
const preciseTime = (vcpu: Vcpu, counter: number): undefined => {
  const { pe } = vcpu.vm.host.cpu
  if (counter !== VIRTUAL_COUNTER && counter !== PHYSICAL_COUNTER) return answer(vcpu, NOT_SUPPORTED)
  const cycles = BigInt.asUintN(64, physicalCount(pe) - (counter === VIRTUAL_COUNTER ? (vcpu.vm.counterOffset ?? 0n) : 0n))
  const now = virtualTime(pe)
  return answer(vcpu, high32(now), low32(now), high32(cycles), low32(cycles))
}
const VIRTUAL_COUNTER = 0
const PHYSICAL_COUNTER = 1
