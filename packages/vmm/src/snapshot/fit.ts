/** Whether a machine can go on with what a snapshot holds: one exact answer. */
import type { MachineModel } from "../Machine.ts"
import type { Header } from "./header.ts"
import { isWholeHost } from "./host-parts.ts"
import { refuse } from "./refusal.ts"

const HINT = "Restore with the --cpu of the run that was saved, or leave --cpu out."
const listed = (lengths: readonly number[]): string => (lengths.length === 0 ? "none" : lengths.join(", "))

/** Throws SnapshotError when the machine lacks something of the saved one. A guest without a modelled kernel, and a kernel, see the processor itself: nothing may differ. */
export const checkFit = (header: Header, { isa, lengths, plugins }: MachineModel, memory: number): void => {
  const { machine } = header
  for (const { name, apiVersion } of machine.plugins) {
    const found = plugins.find(({ plugin }) => plugin.kind === "extension" && plugin.name === name)?.plugin
    if (found?.apiVersion !== apiVersion)
      refuse("SNAPSHOT_PLUGIN_MISMATCH", {
        path: `plugin ${name}`,
        expected: `plugin ${name} for API ${apiVersion}`,
        actual: found === undefined ? "none" : `one for API ${found.apiVersion}`,
        hint: "Name it with --plugin."
      })
  }
  checkProcessor(machine, { features: isa.features, ...lengths }, header.kind === "bare" || isWholeHost(header))
  if (machine.memory !== memory)
    refuse("SNAPSHOT_FEATURE_MISMATCH", {
      path: "memory",
      expected: `${machine.memory} bytes of RAM`,
      actual: `${memory} bytes`,
      hint: "Leave --mem out."
    })
}
/** What a machine's processor has. */
export interface Processor {
  readonly features: ReadonlySet<string>
  /** Vector lengths in bits. */
  readonly vector: readonly number[]
  readonly streaming: readonly number[]
}
/** Throws SnapshotError when a processor lacks something of the saved one, or with `exactly` has more. */
export const checkProcessor = (machine: Header["machine"], { features, vector, streaming }: Processor, exactly: boolean): void => {
  checkLengths("VL", machine.vectorLengths, vector, exactly)
  checkLengths("SVL", machine.streamingVectorLengths, streaming, exactly)
  const missing = machine.features.find((feature) => !features.has(feature))
  if (missing !== undefined)
    refuse("SNAPSHOT_FEATURE_MISMATCH", { path: "features", expected: `FEAT_${missing}`, actual: "a machine without it", hint: HINT })
  const more = exactly ? [...features].find((feature) => !machine.features.includes(feature)) : undefined
  if (more !== undefined)
    refuse("SNAPSHOT_FEATURE_MISMATCH", { path: "features", expected: `a machine without FEAT_${more}`, actual: "one that has it", hint: HINT })
}
/** The lengths a guest could choose among must be the same, up to the largest it had. */
const checkLengths = (name: "VL" | "SVL", saved: readonly number[], offered: readonly number[], exactly: boolean): void => {
  const needed = saved.find((length) => !offered.includes(length))
  const most = exactly ? Number.POSITIVE_INFINITY : Math.max(0, ...saved)
  const extra = offered.find((length) => length <= most && !saved.includes(length))
  if (needed === undefined && (extra === undefined || (saved.length === 0 && !exactly))) return
  const expected = needed === undefined ? `${name} of ${listed(saved)} bits only` : `${name} ${Math.max(...saved)} bits`
  refuse("SNAPSHOT_FEATURE_MISMATCH", {
    path: name,
    expected,
    actual: listed(offered),
    hint: HINT,
    message: `needs ${expected}; this machine offers ${listed(offered)}`
  })
}
