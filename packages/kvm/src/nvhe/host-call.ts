/**
 * Calls of a host kernel at EL1 to hyp code at EL2: HVC #0 with the function in X0 and its argument in X1. Hyp code answers X0 = 0 and the result
 * in X1, or X0 = -1 where it has no such function.
 */
import { EC } from "@eltwo/isa"
import type { PhysicalCpu } from "../host/cpu.ts"

/** Function numbers, by their kernel names. */
export enum HostCall {
  kvm_hyp_init = 0,
  pkvm_init = 1,
  pkvm_cpu_set_vector = 3,
  pkvm_prot_finalize = 7,
  kvm_adjust_pc = 8,
  kvm_vcpu_run = 9,
  kvm_flush_vm_context = 10,
  kvm_tlb_flush_vmid = 13,
  kvm_flush_cpu_context = 15,
  kvm_timer_set_cntvoff = 16,
  vgic_v3_save_aprs = 25,
  vgic_v3_restore_vmcr_aprs = 26,
  // answered by protected hyp code only
  pkvm_host_share_hyp = 29,
  pkvm_host_unshare_hyp = 30,
  pkvm_host_donate_guest = 31,
  pkvm_host_share_guest = 32,
  pkvm_host_unshare_guest = 33,
  pkvm_host_relax_perms_guest = 34,
  pkvm_host_wrprotect_guest = 35,
  pkvm_host_test_clear_young_guest = 36,
  pkvm_host_mkyoung_guest = 37,
  pkvm_reserve_vm = 38,
  pkvm_unreserve_vm = 39,
  pkvm_init_vm = 40,
  pkvm_init_vcpu = 41,
  pkvm_vcpu_in_poison_fault = 42,
  pkvm_force_reclaim_guest_page = 43,
  pkvm_reclaim_dying_guest_page = 44,
  pkvm_start_teardown_vm = 45,
  pkvm_finalize_teardown_vm = 46,
  pkvm_vcpu_load = 47,
  pkvm_vcpu_put = 48,
  pkvm_tlb_flush_vmid = 49
}
/**
 * Answers a call at EL2; `argument` is X1, further ones are in X2 and on. A pointer in it is the kernel's: see kernHypVa. Gives X1 of the result; undefined:
 * NOT_SUPPORTED.
 */
export type HostCallHandler = (cpu: PhysicalCpu, argument: bigint) => bigint | undefined
/** By function number. A function that is not there is NOT_SUPPORTED. */
export type HostCallTable = ReadonlyMap<number, HostCallHandler>

/** SMCCC: fast 64-bit call of the owner "vendor hypervisor". */
const FIRST = 0xc6000000n
/** The caller's hint that no SVE state lives: not part of the function. */
const SVE_HINT = 1n << 16n
const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn
const FUNCTIONS = 0x10000n
/** Registers after X0 that calls use. */
const ARGUMENTS = 4

/** Calls hyp code; the kernel is at EL1 before and after. */
export const hostCall = (cpu: PhysicalCpu, table: HostCallTable, call: HostCall | number, ...[first = 0n, ...more]: readonly bigint[]): bigint => {
  const { x } = cpu.pe
  x[0] = FIRST + BigInt(call)
  x[1] = first
  for (const [i, value] of more.entries()) x[2 + i] = value
  cpu.hvc()
  handleHostTrap(cpu, table)
  if (x[0] !== 0n) throw cpu.bug(`Hyp code has no function ${HostCall[call] ?? call}`)
  return x[1]
}

/** Hyp code's vector for exceptions from the host: answers the call and goes back. Anything but a call is a panic. */
export const handleHostTrap = (cpu: PhysicalCpu, table: HostCallTable): void => {
  const ec = Number((cpu.read("ESR_EL2") >> 26n) & 0x3fn)
  if (ec !== EC.HVC64) throw cpu.bug(`Unexpected exception from the host kernel: ${EC[ec] ?? ec}`)
  const { x } = cpu.pe
  const number = (x[0]! & ~SVE_HINT) - FIRST
  const handler = number >= 0n && number < FUNCTIONS ? table.get(Number(number)) : undefined
  const passed = cpu.events.listening ? [...x.subarray(1, 1 + ARGUMENTS)] : undefined
  const result = handler?.(cpu, x[1]!)
  x[0] = result === undefined ? NOT_SUPPORTED : 0n
  if (result !== undefined) x[1] = BigInt.asUintN(64, result)
  returnToHost(cpu)
  if (passed)
    cpu.emit({
      what: "hostcall",
      call: Number(BigInt.asIntN(64, number)),
      arguments: passed,
      status: result === undefined ? "not supported" : "success",
      result: x[1]!
    })
}
/** ERET to the kernel: no guest's exception comes to hyp code until the next entry. */
export const returnToHost = (cpu: PhysicalCpu): void => {
  cpu.pe.modelledEl = cpu.hostEl
  cpu.eret()
  cpu.context = "host"
}
