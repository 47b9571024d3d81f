/** Calls of a protected guest that hyp code answers itself (EC 0x16); PSCI and all others are the host's to answer. */
import { EC } from "@eltwo/isa"
import type { HypExitHandler, PhysicalCpu, Vcpu } from "@eltwo/kvm"
import { hypStateOf, loadedHypVcpu } from "../hyp-vcpu.ts"
import { type GuestCallResult, hypMemInfo, memShare, memUnshare } from "../ownership/guest-host.ts"
import type { HypVm } from "../ownership/hyp-vm.ts"
import type { Pkvm } from "../ownership/pkvm.ts"
import { repeatCall } from "../vcpu/inject.ts"

/** Vendor-specific functions of KVM, by their SMCCC ids. */
export const GuestCall = { KVM_FEATURES: 0x86000000, HYP_MEMINFO: 0xc6000002, MEM_SHARE: 0xc6000003, MEM_UNSHARE: 0xc6000004 } as const

/** Bits of the answer to KVM_FEATURES: the question itself, and the three others. */
const SERVICES = (1n << 0n) | (1n << 2n) | (1n << 3n) | (1n << 4n)

interface Call {
  readonly pkvm: Pkvm
  readonly vm: HypVm
  /** X1 to X3. */
  readonly x: readonly [bigint, bigint, bigint]
}
const CALLS: ReadonlyMap<number, (call: Call) => GuestCallResult> = new Map<number, (call: Call) => GuestCallResult>([
  [GuestCall.KVM_FEATURES, () => ({ kind: "answer", x0: SERVICES })],
  [GuestCall.HYP_MEMINFO, ({ x }) => hypMemInfo(...x)],
  [GuestCall.MEM_SHARE, ({ pkvm, vm, x }) => memShare(pkvm, vm, ...x)],
  [GuestCall.MEM_UNSHARE, ({ pkvm, vm, x }) => memUnshare(pkvm, vm, ...x)]
])

/** kvm_handle_pvm_hvc64. */
export const protectedHypercall: HypExitHandler = (cpu, vcpu) => {
  const { x } = vcpu.registers
  const id = Number(x[0]! & 0xffff_ffffn)
  const call = CALLS.get(id)
  const state = hypStateOf(vcpu.vm.host)
  const loaded = state && loadedHypVcpu(state, cpu)
  if (!call || !loaded) return false
  const result = call({ pkvm: state.pkvm, vm: loaded.pages.vm, x: [x[1]!, x[2]!, x[3]!] })
  if (cpu.events.listening) state.records.report(cpu, "guest", id === GuestCall.MEM_SHARE ? "mem_share" : "mem_unshare")
  if (result.kind === "fault-in") {
    looksLikeAbort(cpu, vcpu, result.ipa)
    return false
  }
  x[0] = BigInt.asUintN(64, result.x0)
  x.fill(0n, 1, 4)
  if (cpu.events.listening) cpu.emit({ what: "hypercall", vcpu: vcpu.name, function: id, result: x[0] })
  return true
}

/** Write (WnR), translation fault at level 3. */
const WRITE_FAULT = ((EC.DataAbortLower << 26) | (1 << 6) | 0x07) >>> 0
/**
 * The host finds a write to that page which nothing was mapped for, without the address of the access, and maps the page as it always does. The
 * guest then makes the call again.
 */
const looksLikeAbort = (cpu: PhysicalCpu, vcpu: Vcpu, ipa: bigint): void => {
  vcpu.fault.esr = WRITE_FAULT
  vcpu.fault.far = 0n
  vcpu.fault.hpfar = ipa >> 8n
  repeatCall(cpu, vcpu)
}
