/** What a scenario is, and what scenarios need: hosts in every mode, guests by their source, what was seen meanwhile. */
import type { Host, KvmEvent, Mode } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { bootHost, guestOf, RunningGuest } from "../vm-guests/machine.ts"

export interface Scenario {
  /** "H1". */
  readonly id: string
  readonly title: string
  readonly run: () => void
}
/** `run` does it and says by expect() what must come of it. */
export const scenario = (id: string, title: string, run: () => void): Scenario => ({ id, title, run })

/** The modes whose host kernel hyp code trusts. */
export const PLAIN_MODES: readonly Mode[] = [vhe, nvhe, hvhe]
export { hvhe, nvhe, vhe }

export const host = (mode: Mode): Host => bootHost({ mode, engine: "interp" })
/** A guest whose `main` is this source; see vm-guests/prelude.inc. Its first line may be "// needs: sve". */
export const guest = (on: Host, source: string): RunningGuest => new RunningGuest(on, guestOf("guest", source))

/** What happens while `body` runs. */
export const during = (on: Host, body: () => void): readonly KvmEvent[] => {
  const events: KvmEvent[] = []
  const stop = on.subscribe((event) => void events.push(event))
  body()
  stop()
  return events
}
type Of<What extends KvmEvent["what"]> = Extract<KvmEvent, { what: What }>
export const only = <What extends KvmEvent["what"]>(events: readonly KvmEvent[], what: What): readonly Of<What>[] =>
  events.filter((event): event is Of<What> => event.what === what)
/** Exceptions that the guest took to hyp code, by class. */
export const guestTraps = (events: readonly KvmEvent[], ec: number): readonly Of<"exc">[] =>
  only(events, "exc").filter((event) => event.from.startsWith("guest") && event.where === "hyp" && event.ec === ec)
/** CPTR_EL2 in force at each entry of the guest, repetitions left out. */
export const trapWordsOfGuest = (events: readonly KvmEvent[]): readonly bigint[] =>
  only(events, "eret")
    .filter(({ to }) => to.startsWith("guest"))
    .map(({ cptr }) => cptr)
    .filter((word, i, all) => word !== all[i - 1])
/** Reports of one tag, as "0x..." strings. */
export const reported = ({ reports }: RunningGuest, tag: number, vcpu = 0): readonly string[] =>
  reports.filter((report) => report.startsWith(`${vcpu}:${tag} `)).map((report) => report.slice(report.indexOf(" ") + 1))
