/** Protected KVM as a mode: nVHE or hVHE, behind whose hyp code the host kernel is a guest of its own. */
import { defineMode, HostCall, hostCall, kernelAtEl1, type Mode, type PhysicalCpu, worldSwitchBy } from "@eltwo/kvm"
import { initProtection } from "./host/boot.ts"
import { createHostSide } from "./host/side.ts"
import { reclaimPage, vms } from "./host/vms.ts"
import { hostStateOn } from "./host-state.ts"
import { restoreProtection } from "./hyp/boot.ts"
import { PKVM_CALLS } from "./hyp/calls.ts"
import type { RealGuestStage2 } from "./hyp/guest-stage2.ts"
import { hostTrap } from "./hyp/host-trap.ts"
import { hostHcr, hypStateOn, loadedHypVcpu } from "./hyp/state.ts"
import { HANDLE_OFFSET } from "./ownership/vm-table.ts"
import { saveHost, viewOf } from "./vcpu/vcpu.ts"
import { vmState } from "./vm-state.ts"

/** The mode that hyp code is written for before it is protected from its host. */
export type Base = "hvhe" | "nvhe"
const BASES = {
  hvhe: { banner: "Protected hVHE mode", e2h: true, trapSpelling: "cpacr", registers: "redirected" },
  nvhe: { banner: "Protected nVHE mode", e2h: false, trapSpelling: "classic", registers: "plain" }
} as const satisfies Record<Base, Pick<Mode, "banner" | "e2h" | "trapSpelling" | "registers">>

const unprotected = kernelAtEl1(PKVM_CALLS, restoreProtection)
const hostStage2 = (cpu: PhysicalCpu) => hypStateOn(cpu).pkvm.hostStage2

/** Protected KVM on the world switch of nvhe or hvhe. */
export const protectedMode = (base: Base): Mode =>
  defineMode({
    name: "pkvm",
    doc: "Host kernel at EL1 behind a stage 2 of hyp code, which owns page tables and protects the memory of protected VMs from the host.",
    ...BASES[base],
    ...unprotected,
    finalize: (host) => initProtection(createHostSide(host)),
    hostTrap,
    reclaimPage,
    vms,
    state: vmState,
    hostState: hostStateOn(base),
    services: {
      ...unprotected.services,
      // hyp code does it when it loads the vCPU
      flushContext: () => {},
      // the same
      loadInterrupts: () => {},
      putInterrupts: () => {},
      flushVmid: (cpu, { vmid }) => void hostCall(cpu, PKVM_CALLS, HostCall.pkvm_tlb_flush_vmid, BigInt(HANDLE_OFFSET + vmid - 1)),
      runVcpu: (cpu) => Number(hostCall(cpu, PKVM_CALLS, HostCall.kvm_vcpu_run)),
      adjustPc: (cpu) => void hostCall(cpu, PKVM_CALLS, HostCall.kvm_adjust_pc)
    },
    worldSwitch: worldSwitchBy({
      guestStage2: (cpu) => {
        const state = hypStateOn(cpu)
        const { vttbr } = loadedHypVcpu(state, cpu)!.pages.vm.stage2 as RealGuestStage2
        return { vtcr: state.pkvm.hostStage2.vtcr, vttbr }
      },
      hostStage2,
      hostHcr,
      guestTraps: (vcpu) => viewOf(vcpu).traps,
      guestLists: (vcpu) => viewOf(vcpu).lists
    }),
    // vector lengths are hyp code's own matter, at each run
    fp: { toGuest: () => {}, toHost: () => {}, saveHost }
  })
