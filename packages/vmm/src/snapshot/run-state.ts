/** What a run was asked for and where its outside stands: enough to make the same machine again. */
import { type Saved, shape } from "@eltwo/cpu"
import type { RunOptions } from "../options.ts"
import { SignalClock } from "../signal-schedule.ts"

export const RUN_STATE = shape({
  fields: {
    /** What the processor was asked for: features by name, the largest vector lengths in bits. */
    features: { list: { fields: { name: "text", on: "flag" } }, most: 1000 },
    vl: { maybe: "u32" },
    svl: { maybe: "u32" },
    /** Plugins that were asked for by name; others have to be given again. */
    plugins: { list: "text", most: 100 },
    guest: "text",
    /** Nanoseconds since 1970 at which the guest's clock started. */
    startTime: "u64",
    /** Where the sequence of random bytes stands. */
    random: "u32",
    /** Signals still to be sent; `at` is null when one will not come again. */
    signals: { list: { fields: { signal: "u32", at: { maybe: "size" }, every: { maybe: "size" } } }, most: 10_000 }
  }
})
export type RunState = Saved<typeof RUN_STATE>

/** A plugin of which the name says where it is on any machine. */
const isNamed = (plugin: string | object): plugin is string => typeof plugin === "string" && /^[@a-z][^.\\~]*$/.test(plugin)

export const runState = (options: RunOptions, startTime: bigint, random: number, clock: SignalClock): RunState => ({
  features: Object.entries(options.cpu.features)
    .map(([name, on]) => ({ name, on }))
    .sort((a, b) => (a.name < b.name ? -1 : 1)),
  vl: options.cpu.vl ?? null,
  svl: options.cpu.svl ?? null,
  plugins: options.plugin.filter(isNamed),
  guest: options.guest.replace(/\/+$/, "").split("/").at(-1)!.slice(0, 255),
  startTime,
  random,
  signals: clock.schedules.map(({ signal, at, every }) => ({ signal, at: Number.isFinite(at) ? at : null, every: every ?? null }))
})
export const clockOf = ({ signals }: RunState): SignalClock =>
  new SignalClock(signals.map(({ signal, at, every }) => ({ signal, at: at ?? Number.POSITIVE_INFINITY, every: every ?? undefined })))
