/** Protected KVM as a mode: nVHE or hVHE, behind whose hyp code the host kernel is a guest of its own. */
import { defineMode, kernelAtEl1, type Mode } from "@eltwo/kvm"

/** The mode that hyp code is written for before it is protected from its host. */
export type Base = "hvhe" | "nvhe"
const BASES = {
  hvhe: { banner: "Protected hVHE mode", e2h: true, trapSpelling: "cpacr", registers: "redirected" },
  nvhe: { banner: "Protected nVHE mode", e2h: false, trapSpelling: "classic", registers: "plain" }
} as const satisfies Record<Base, Pick<Mode, "banner" | "e2h" | "trapSpelling" | "registers">>

export const protectedMode = (base: Base): Mode =>
  defineMode({
    name: "pkvm",
    doc: "Host kernel at EL1 behind a stage 2 of hyp code, which owns page tables and protects the memory of protected VMs from the host.",
    ...BASES[base],
    ...kernelAtEl1()
  })
