/** The modes of both sides: the real kernel's command line, and eltwo's mode. */
import type { Mode } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"

export interface ComparedMode {
  readonly name: string
  readonly commandLine: string
  readonly mode: Mode
}
export const MODES: readonly ComparedMode[] = [
  { name: "vhe", commandLine: "", mode: vhe },
  { name: "nvhe", commandLine: "kvm-arm.mode=nvhe", mode: nvhe },
  { name: "hvhe", commandLine: "arm64_sw.hvhe=1", mode: hvhe },
  { name: "pkvm", commandLine: "kvm-arm.mode=protected", mode: protectedMode("hvhe") },
  { name: "pkvm-nvhe", commandLine: "kvm-arm.mode=protected arm64_sw.hvhe=0 id_aa64mmfr1.vh=0", mode: protectedMode("nvhe") }
]
