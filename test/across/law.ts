/** run(n + m) is run(n); save; restore; run(m), for hosts in a state that a test brings about: nothing of it is lost on the way, and it goes on as it would have. */
import { attachJit, createBoard } from "@eltwo/cpu"
import type { Host, RestoreHostOptions, Task, Vm } from "@eltwo/kvm"
import { restoreHostSnapshot, SnapshotError, saveHost } from "@eltwo/vmm"
import { expect } from "vitest"
import { MODES as ALL_MODES } from "../../packages/kvm/test/smp-machine.ts"
import { DATA } from "../../plugins/vhe/test/machine.ts"

const { vhe, nvhe, hvhe, pkvm } = ALL_MODES
/** Every mode saves a host whole. */
export const MODES = Object.entries({ vhe, nvhe, hvhe, pkvm })
export type Engine = "interp" | "jit"

export const savedHost = (host: Host): Uint8Array => {
  const file = saveHost(host)
  if (file instanceof SnapshotError) throw file
  return file
}
/** The host of a snapshot, on a new board like the one it was made on. */
export const restoredHost = (
  file: Uint8Array,
  { board: { isa, ram, pes, seed, vectorLengths, streamingVectorLengths }, mode }: Host,
  engine: Engine,
  rest: Partial<RestoreHostOptions> = {}
): Host => {
  const board = createBoard({ isa, ramBase: ram.base, ramBytes: ram.bytes, pes: pes.length, seed, vectorLengths, streamingVectorLengths })
  if (engine === "jit") attachJit(board)
  const host = restoreHostSnapshot(file, { board, mode, engine, ...rest })
  if (host instanceof SnapshotError) throw host
  return host
}
/** What a host does, as text, until `stop` is called. */
const listening = (host: Host) => {
  const lines: string[] = []
  const stop = host.subscribe(
    (event) => void lines.push(JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)))
  )
  return { lines, stop }
}

export interface Law<T> {
  /** The state that must not get lost is there: asked of the host before it is saved, and of the restored one. Fails when it is not. */
  readonly live: (host: Host) => void
  /** How it goes on, by calls of the host; what it gives is the same for both. */
  readonly goOn: (host: Host) => T
  readonly options?: Partial<RestoreHostOptions>
}
/** One engine after the other. */
let laws = 0
/** Saves the host, restores it in one of the engines, and lets both go on. Gives what the original did. */
export const goesOn = <T>(host: Host, { live, goOn, options }: Law<T>): T => {
  live(host)
  const file = savedHost(host)
  const twin = restoredHost(file, host, laws++ % 2 === 0 ? "jit" : "interp", options)
  const here = listening(host)
  const result = goOn(host)
  here.stop()
  const after = savedHost(host)
  expect(Buffer.compare(savedHost(twin), file)).toBe(0)
  live(twin)
  const there = listening(twin)
  expect(goOn(twin)).toEqual(result)
  there.stop()
  const first = here.lines.findIndex((line, i) => line !== there.lines[i])
  expect(there.lines[first]).toBe(here.lines[first])
  expect(there.lines.length).toBe(here.lines.length)
  expect(Buffer.compare(savedHost(twin), after)).toBe(0)
  return result
}

export const vmOf = (host: Host, id = 1): Vm => host.vms.get(id)!
export const taskOf = (host: Host, { id }: Task): Task => host.tasks.get(id)!
/** Physical address of a program's data; asking changes nothing. */
export const dataAt = (host: Host, task: Task): number => taskOf(host, task).space.regions.find(({ address }) => address === DATA)!.physical
/** The first doublewords there. */
export const dataOf = (host: Host, task: Task, count: number): readonly bigint[] => [
  ...new BigUint64Array(host.pages.view(dataAt(host, task), 8 * count).slice().buffer)
]
