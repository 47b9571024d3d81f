/** SMCCC calls of a guest: filter, what the firmware registers permit, and the services of the kernel. */
import type { Handled } from "./exit.ts"
import { handlePsci, isLegacyPsci, PSCI } from "./psci.ts"
import type { Vcpu } from "./vcpu.ts"

const VERSION = 0x80000000
const ARCH_FEATURES = 0x80000001
const SMCCC_1_1 = 0x10001n
const VENDOR_UID = 0x8600ff01
const KVM_FEATURES = 0x86000000
const UID = [0xb66fb428n, 0xe911c52en, 0x564bcaa9n, 0x743a004dn] as const
const NOT_SUPPORTED = BigInt.asUintN(64, BigInt(PSCI.NOT_SUPPORTED))

const isStandardPsci = (id: number): boolean => (id & ~0x40000000 & ~31) >>> 0 === 0x84000000
const isPsci = (id: number): boolean => isStandardPsci(id) || isLegacyPsci(id)

/** Which calls the firmware registers let through to the kernel's own services. */
const permitted = ({ vm }: Vcpu, id: number): boolean => {
  if (id === VERSION || id === ARCH_FEATURES || isPsci(id)) return true
  return (id === VENDOR_UID || id === KVM_FEATURES) && (vm.firmware.VENDOR_HYP & 1n) !== 0n
}
const answer = ({ registers }: Vcpu, ...results: readonly bigint[]): undefined => {
  for (const [i, value] of results.entries()) registers.x[i] = value
}

/** kvm_smccc_call_handler. The PC is past the call. */
export const handleSmccc = (vcpu: Vcpu, smc: boolean): Handled => {
  const id = Number(vcpu.registers.x[0]! & 0xffff_ffffn)
  const action = vcpu.vm.filter.action(id)
  const exit =
    action === "forward"
      ? ({ reason: "hypercall", nr: id, smc } as const)
      : action === "handle" && permitted(vcpu, id)
        ? serve(vcpu, id)
        : answer(vcpu, NOT_SUPPORTED)
  const cpu = vcpu.loadedOn
  if (cpu?.events.listening)
    cpu.emit({ what: "hypercall", vcpu: vcpu.name, function: id, result: action === "forward" ? "user" : vcpu.registers.x[0]! })
  return exit
}
const serve = (vcpu: Vcpu, id: number): Handled => {
  if (isPsci(id)) return handlePsci(vcpu, id)
  switch (id) {
    case VERSION:
      return answer(vcpu, SMCCC_1_1)
    case VENDOR_UID:
      return answer(vcpu, ...UID)
    case KVM_FEATURES:
      return answer(vcpu, vcpu.vm.firmware.VENDOR_HYP, 0n, vcpu.vm.firmware.VENDOR_HYP_2, 0n)
    default:
      // no workaround is needed on this processor, and there is no stolen time
      return answer(vcpu, NOT_SUPPORTED)
  }
}
