/** Hyp code's vCPU from creation to each run: what the host may set, what it gets to see, and what it cannot change. */
import { ERRNO, type ExitCode, HYP_EXITS, InterruptInterface, type PhysicalCpu, switchToGuest, type Vcpu } from "@eltwo/kvm"
import type { HypVcpu } from "../hyp-vcpu.ts"
import type { Outcome } from "../ownership/errno.ts"
import { protectedExit } from "./exits.ts"
import { hasPauth, idReader, ordinaryView, protectedView, type VmView } from "./features.ts"
import { saveHostFp, switchFpToHost } from "./host-fp.ts"
import { canBeProtected, type ReadId } from "./id-registers.ts"
import { HOST_CHOICES, ordinaryHcr, protectedHcr, protectedMdcr, WAIT_TRAPS } from "./traps.ts"

const views = new WeakMap<Vcpu, VmView>()
/** What hyp code takes the VM of one of its vCPUs to be. */
export const viewOf = (state: Vcpu): VmView => {
  const view = views.get(state)
  if (!view) throw state.vm.host.cpus[0]!.bug("A vCPU that hyp code does not know")
  return view
}

/**
 * What pkvm_init_vcpu does when memory and structures are pinned. EINVAL: a protected VM without FP, with AArch32 or with SME; a vCPU with SVE
 * whose vector length is none of the processor's, or that has no memory for vectors. Nothing is changed then. `readId`: the processor's ID registers.
 */
export const initHypVcpu = (readId: ReadId, { protected: isProtected, hostVcpu, state }: Omit<HypVcpu, "pages">): Outcome => {
  const { host } = hostVcpu.vm
  const view = isProtected ? protectedView(readId, hostVcpu.vm) : ordinaryView(hostVcpu.vm)
  const read = idReader(view.vm, view.vm.idRegisters)
  if (isProtected && !canBeProtected(read)) return "EINVAL"
  const vectors = isProtected ? 0 : ordinaryVectors(hostVcpu)
  if (vectors === undefined) return "EINVAL"
  const features = isProtected ? view.vm.features : hostVcpu.features
  const request = { features: host.features, e2h: host.mode.e2h, pauth: hasPauth(features) }
  Object.assign(state, {
    vm: view.vm,
    features,
    hcr: isProtected ? protectedHcr(request) : ordinaryHcr(request),
    mdcr: isProtected ? protectedMdcr(read) : hostVcpu.mdcr,
    interrupts: new InterruptInterface(),
    vsesr: 0n
  })
  state.fp.vl = { sve: vectors, sme: 0 }
  // the host's own buffer, shared and pinned, where there is one
  state.fp.sve = vectors ? hostVcpu.fp.sve : null
  views.set(state, view)
  return undefined
}
/** The vector length of an ordinary vCPU, in bytes, 0 without SVE; undefined: not one that hyp code can use. */
const ordinaryVectors = ({ fp, vm }: Vcpu): number | undefined => {
  if (fp.vl.sve === 0) return 0
  const { sveVls } = vm.host.features
  const vl = Math.min(fp.vl.sve, sveVls.at(-1) ?? 0)
  return fp.sve !== null && sveVls.includes(vl) ? vl : undefined
}

/** vcpu_load: of HCR_EL2 the host chooses whether waits trap, and nothing else. */
export const loadHypVcpu = ({ state }: HypVcpu, hcr: bigint): void => {
  state.hcr = (state.hcr & ~WAIT_TRAPS) | (hcr & WAIT_TRAPS)
}

/**
 * Before each run: everything a guest's registers hold comes from the host's structure, whoever put it there; of the controls MDCR_EL2 whole (also
 * the traps that a protected vCPU was made with), of HCR_EL2 only TWI, TWE and VSE; of the virtual interrupts as many list registers as there are.
 */
export const flushVcpu = (cpu: PhysicalCpu, { hostVcpu, state }: HypVcpu): void => {
  cpu.fpOwner = "host"
  moveContext(hostVcpu, state)
  state.hcr = (state.hcr & ~HOST_CHOICES) | (hostVcpu.hcr & HOST_CHOICES)
  state.mdcr = hostVcpu.mdcr
  state.vsesr = hostVcpu.vsesr
  const { vmcr, ap0r0, ap1r0, hcr, lists, used } = hostVcpu.interrupts
  Object.assign(state.interrupts, { vmcr, ap0r0, ap1r0, hcr, used: Math.min(Math.max(used, 0), state.interrupts.lists.length) })
  state.interrupts.lists.set(lists.subarray(0, state.interrupts.lists.length))
}
/** After it: registers, HCR_EL2 and the syndrome of the exit for the host to see; its FP registers are as before the run. */
export const syncVcpu = (cpu: PhysicalCpu, { hostVcpu, state }: HypVcpu): void => {
  switchFpToHost(cpu, state, viewOf(state).fpmr)
  moveContext(state, hostVcpu)
  hostVcpu.hcr = state.hcr
  Object.assign(hostVcpu.fault, state.fault)
  const { vmcr, hcr, lists, used } = state.interrupts
  Object.assign(hostVcpu.interrupts, { vmcr, hcr })
  hostVcpu.interrupts.lists.set(lists.subarray(0, used))
  hostVcpu.halt = state.halt
  state.halt = undefined
}
/** Registers, FP registers and flags, whole. */
const moveContext = (from: Vcpu, to: Vcpu): void => {
  to.registers.general.set(from.registers.general)
  to.registers.sp = from.registers.sp
  to.registers.pc = from.registers.pc
  to.registers.pstate = from.registers.pstate
  to.system.set(from.system)
  to.fp.fpsimd.set(from.fp.fpsimd)
  to.fp.fpmr = from.fp.fpmr
  to.fp.fpType = from.fp.fpType
  to.pending = from.pending
}

/** The FP trap finds the registers to be the host's: FpPolicy.saveHost of the mode. */
export const saveHost = (cpu: PhysicalCpu, state: Vcpu): void => saveHostFp(cpu, state, viewOf(state).fpmr)

/**
 * Hypercall 9 for the loaded vCPU, undefined if there is none: the exit code, or EINVAL as the host finds it: the host left streaming mode on, or
 * nothing is loaded. Whatever pointer the host passed does not matter.
 */
export const runHypVcpu = (cpu: PhysicalCpu, vcpu: HypVcpu | undefined, hasSme: boolean): ExitCode | number => {
  if (hasSme && cpu.readMain("SVCR") !== 0n) return -ERRNO.EINVAL
  if (!vcpu) return -ERRNO.EINVAL
  flushVcpu(cpu, vcpu)
  const code = switchToGuest(cpu, vcpu.state, vcpu.protected ? protectedExit : HYP_EXITS)
  syncVcpu(cpu, vcpu)
  return code
}
