/** Runs a guest on a processing element until it comes back to EL2. */

import { type Exit, PE, passTime, run } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import { ExitCode } from "../hyp/guest.ts"
import type { Vcpu } from "../vcpu.ts"
import type { PhysicalCpu } from "./cpu.ts"

/** Instructions of a run that has no limit of its own. */
export const UNLIMITED = 0xffff_0000
const RETIRED_LOW = PE.RETIRED >> 2

/** Instructions retired while `what` runs; less than 2^32. */
const retiredBy = (cpu: PhysicalCpu, what: () => Exit): { readonly exit: Exit; readonly retired: number } => {
  const { words } = cpu.pe
  const before = words[RETIRED_LOW]!
  const exit = what()
  return { exit, retired: (words[RETIRED_LOW]! - before) >>> 0 }
}

/**
 * The kernel has done an instruction in the guest's place that the processor does itself in other modes: it counts like any other, so that virtual time is the
 * same. Where nothing else retired since the entry the trap has used up its share of the run already.
 */
export const retireEmulated = (cpu: PhysicalCpu, { slice }: Vcpu): void => {
  cpu.pe.retire(1)
  cpu.account.instructions++
  if (slice.progressed) slice.left--
}

/**
 * Lets the processing element run from EL1 or EL0 until an exception to EL2. What does not end by itself is ended by an interrupt of the host, as a timer
 * tick or another CPU would: the end of the budget, a wait that is not trapped, a request of the debugger (HLT).
 */
export const runGuest = (cpu: PhysicalCpu, vcpu: Vcpu): ExitCode => {
  const { pe } = cpu
  for (;;) {
    const { slice } = vcpu
    // hyp code came back after the last instruction: other CPUs have their turn, so there is not even one more
    if (slice.left <= 0 && cpu.current?.schedule) pe.lines.irq = true
    const instructions = Math.min(Math.max(1, slice.left), UNLIMITED)
    const { exit, retired } = retiredBy(cpu, () => run(pe, { instructions, ...slice.options }))
    cpu.account.instructions += retired
    slice.progressed = retired > 0
    // exceptions count too: a guest that only takes exceptions comes to an end
    slice.left -= exit.kind === "limit" ? instructions : Math.max(1, retired)
    switch (exit.kind) {
      case "exception":
        return leftBy(cpu, exit.exception.kind)
      case "limit":
        break
      case "wait":
        if (exit.until !== undefined) passTime(pe, exit.until)
        break
      case "halt":
        vcpu.halt = exit.immediate
        break
    }
    pe.lines.irq = true
    pe.attention = true
  }
}

const leftBy = (cpu: PhysicalCpu, kind: "synchronous" | "irq" | "fiq" | "serror"): ExitCode => {
  if (cpu.events.listening) reportExit(cpu, kind)
  switch (kind) {
    case "synchronous":
      return ExitCode.TRAP
    case "serror":
      cpu.account.exit("SError")
      return ExitCode.EL1_SERROR
    default:
      cpu.account.exit("IRQ")
      return ExitCode.IRQ
  }
}

const reportExit = (cpu: PhysicalCpu, kind: "synchronous" | "irq" | "fiq" | "serror"): void => {
  const { pe } = cpu
  const { slot } = pe.controls
  const from = (pe.system[slot.SPSR_EL2]! & 12n) === 0n ? "guest-el0" : "guest-el1"
  if (kind !== "synchronous") {
    cpu.emit({ what: "irq", from, where: "hyp", kind })
    return
  }
  const esr = Number(pe.system[slot.ESR_EL2]! & 0xffff_ffffn)
  const ec = esr >>> 26
  const abort = ec === EC.InstructionAbortLower || ec === EC.DataAbortLower
  cpu.emit({
    what: "exc",
    from,
    where: "hyp",
    ec,
    iss: esr & 0x1ffffff,
    ...(abort ? { ipa: Number((pe.system[slot.HPFAR_EL2]! << 8n) | (pe.system[slot.FAR_EL2]! & 0xfffn)) } : {}),
    ...(ec === EC.HVC64 || ec === EC.SMC64 ? { x0: pe.x[0]! } : {})
  })
}
