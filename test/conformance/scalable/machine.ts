/** The machine with all extension plugins: SVE, SME and FPMR too, which are not part of the default one. */
import { base, composeOrThrow, type Instruction, type Machine, Table } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"

export const scalablePlugins = [sve, sme, fpmr]
export const scalableMachine: Machine = composeOrThrow([base, fpsimd, ...scalablePlugins])
/** What the three plugins declare, features that are off by default included. */
export const scalableInstructions: readonly Instruction[] = scalablePlugins.flatMap((plugin) => plugin.instructions ?? [])
/** All declared instructions of all plugins. */
export const scalableTable = new Table([...(base.instructions ?? []), ...(fpsimd.instructions ?? []), ...scalableInstructions], {
  systemNames: scalableMachine.systemNames
})
