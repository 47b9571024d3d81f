/** What a host counted, as data: a run that is restored goes on counting. */
import { type Saved, shape } from "@eltwo/cpu"
import type { Account, ExitName } from "../account.ts"

const COUNTS = { list: { fields: { name: "text", count: "size" } }, most: 4096 } as const
const MOVES = { saves: "size", savedBytes: "size", loads: "size", loadedBytes: "size" } as const

export const ACCOUNT_STATE = shape({
  fields: {
    instructions: "size",
    entries: "size",
    fpTraps: "size",
    ...MOVES,
    isbs: "size",
    moves: { list: { fields: { name: "text", ...MOVES } }, most: 64 },
    writes: COUNTS,
    /** By function number. */
    hostCalls: { list: { fields: { call: "u32", count: "size" } }, most: 4096 },
    exits: COUNTS,
    runs: COUNTS
  }
})
export type AccountState = Saved<typeof ACCOUNT_STATE>

const sorted = <T extends { readonly name: string }>(list: readonly T[]): readonly T[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1))
const counts = (map: ReadonlyMap<string, number>) => sorted([...map].map(([name, count]) => ({ name, count })))

export const accountState = (account: Account): AccountState => ({
  instructions: account.instructions,
  entries: account.entries,
  fpTraps: account.fpTraps,
  saves: account.saves,
  savedBytes: account.savedBytes,
  loads: account.loads,
  loadedBytes: account.loadedBytes,
  isbs: account.isbs,
  moves: sorted([...account.moves].map(([name, moves]) => ({ name, ...moves }))),
  writes: counts(account.writes),
  hostCalls: [...account.hostCalls].map(([call, count]) => ({ call, count })).sort((a, b) => a.call - b.call),
  exits: counts(account.exits),
  runs: counts(account.runs)
})
export const restoreAccount = (account: Account, state: AccountState): void => {
  const { moves, writes, hostCalls, exits, runs, ...totals } = state
  Object.assign(account, totals)
  account.moves.clear()
  for (const { name, ...rest } of moves) account.moves.set(name, { ...rest })
  account.writes.clear()
  for (const { name, count } of writes) account.writes.set(name, count)
  account.hostCalls.clear()
  for (const { call, count } of hostCalls) account.hostCalls.set(call, count)
  account.restore(
    exits.map(({ name, count }) => [name as ExitName, count]),
    runs.map(({ name, count }) => [name, count])
  )
}
