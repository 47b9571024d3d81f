/**
 * What protected KVM keeps of a whole host, as data. Page records, translation tables and the host's FP registers are in RAM, and come back with it; here is what
 * points there, and what is nowhere in memory.
 */
import { type ModeHostState, type Saved, shape } from "@eltwo/kvm"
import { KERNEL_STATE, keptKernel, restoreKernel } from "./host/kept.ts"
import { hostSideOf } from "./host/side.ts"
import { Contradiction, HYP_STATE, keptHyp, restoreHyp } from "./hyp/kept.ts"
import { type HypState, hypStateOf } from "./hyp/state.ts"

const SHAPE = shape({ fields: { base: { oneOf: ["hvhe", "nvhe"] }, kernel: KERNEL_STATE, hyp: HYP_STATE } })
type PkvmHostState = Saved<typeof SHAPE>

/** What is thrown as a contradiction, as a value. */
const orWhy = <T>(act: () => T): { readonly result: T } | string => {
  try {
    return { result: act() }
  } catch (error) {
    if (error instanceof Contradiction) return error.message
    throw error
  }
}
/** Guests' pages that the host does not get to see. */
const secretOf = ({ pkvm, lost }: HypState): string | undefined => {
  if (pkvm.vms.slots.some((slot) => typeof slot === "object" && slot.protected)) return "there is a VM whose memory is the guest's alone"
  return lost.size > 0 ? "there is memory of a VM that the host never got back" : undefined
}

/** State of hosts, as the mode on a base gives it. */
export const hostStateOn = (base: PkvmHostState["base"]): ModeHostState<PkvmHostState> => ({
  version: 1,
  shape: SHAPE,
  secret: (host) => {
    const state = hypStateOf(host)
    return state && secretOf(state)
  },
  save: (host) => {
    const kept = orWhy(() => ({ base, kernel: keptKernel(hostSideOf(host)), hyp: keptHyp(hypStateOf(host)!) }))
    return typeof kept === "string" ? { busy: kept } : { state: kept.result }
  },
  misfit: (state) => (state.base === base ? undefined : `it needs mode pkvm on the base ${state.base}; this machine is booted in pkvm on ${base}`),
  isProtected: ({ kernel }, vm) => kernel.vms.some((each) => each.vm === vm && each.protected),
  restore: (host, { kernel, hyp }) => {
    const done = orWhy(() => {
      restoreKernel(hostSideOf(host), kernel)
      restoreHyp(hypStateOf(host)!, hyp)
    })
    return typeof done === "string" ? done : undefined
  }
})
