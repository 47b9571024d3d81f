/**
 * The few instructions at EL1 between a program at EL0 and the personality: an exception from EL0 becomes a hypercall that the VM's owner receives.
 * One page, mapped for EL1 alone at STUB_ADDRESS; VBAR_EL1 points to it.
 */

/** Where the page lies in the process's address space: above everything a process may map. */
export const STUB_ADDRESS = 0x0000_ffff_ffff_f000
/** Function identifier of the service call: SMCCC, fast, 64-bit, vendor-specific hypervisor service. */
export const SERVICE_CALL = 0xc600_ff00
/** Offset of the instructions that invalidate the TLB before going back to EL0. */
export const RETURN_INVALIDATING = 0x100
/** Offset of the instructions that go back to EL0. */
export const RETURN = 0x120

/** A page of EL0 below the stub with the code that signal handlers return to: mov x8, #139 (rt_sigreturn); svc #0. */
export const SIGNAL_RETURN_ADDRESS = STUB_ADDRESS - 0x1000
export const SIGNAL_RETURN_CODE: readonly number[] = [0xd2801168, 0xd4000001]

const SYNCHRONOUS_FROM_EL0 = 0x400
const CURRENT_EL_SYNCHRONOUS = 0x200

/** The page's text: assembled when a process is made. Entry: X0 is kept in TPIDR_EL1, the rest is as EL0 left it. */
export const stubSource = (): readonly { readonly offset: number; readonly text: readonly string[] }[] => {
  const service = ["msr tpidr_el1, x0", `movz x0, #${SERVICE_CALL & 0xffff}`, `movk x0, #${SERVICE_CALL >>> 16}, lsl #16`, "hvc #0", "eret"]
  return [
    { offset: RETURN_INVALIDATING, text: ["dsb ishst", "tlbi vmalle1", "dsb ish", "isb", "eret"] },
    { offset: RETURN, text: ["eret"] },
    { offset: CURRENT_EL_SYNCHRONOUS, text: service },
    { offset: SYNCHRONOUS_FROM_EL0, text: service }
  ]
}
