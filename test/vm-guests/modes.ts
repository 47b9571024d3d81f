/** The modes that guests are compared in. */
import type { Mode } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"

export const MODES: readonly Mode[] = [vhe, nvhe, hvhe, protectedMode("hvhe"), protectedMode("nvhe")]
