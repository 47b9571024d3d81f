/** A whole host's state is a stranger's: disturbed anywhere, in values or in memory, it is refused, or is the state of a host whose tables are in order. */
import { isDeepStrictEqual } from "node:util"
import { createBoard } from "@eltwo/cpu"
import { type Host, hostState, restoreHost } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { PAGE, RAM_BYTES, World } from "../../../test/attacks/world.ts"
import { isa, RAM } from "../../vhe/test/machine.ts"
import { hypStateOf } from "../src/hyp/state.ts"
import { protectedMode, tableProblems } from "../src/index.ts"
import { PageState } from "../src/ownership/page-state.ts"

type Random = (below: number) => number
const randomOf = (seed: number): Random => {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}
const pick = <T>(from: readonly T[], random: Random): T => from[random(from.length)]!
type Tree = Record<string, unknown>
/** Changes one value somewhere below, in its kind. */
const disturb = (value: unknown, random: Random): unknown => {
  if (value instanceof Uint8Array) {
    if (value.length > 0) value[random(value.length)]! ^= 1 << random(8)
    return value
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return value
    const i = random(value.length)
    const how = random(6)
    if (how === 0) value.splice(i, 1)
    else if (how === 1) value.push(structuredClone(value[i]))
    else value[i] = disturb(value[i], random)
    return value
  }
  if (typeof value === "object" && value !== null) {
    const name = pick(Object.keys(value), random)
    ;(value as Tree)[name] = disturb((value as Tree)[name], random)
    return value
  }
  if (typeof value === "boolean") return !value
  if (typeof value === "bigint") return BigInt.asUintN(64, value ^ (1n << BigInt(random(64))))
  if (typeof value === "number") return pick([value + 1, Math.max(0, value - 1), value ^ (1 << random(13)), 0, 2 ** 31, 2 ** 52], random) >>> 0
  return value
}
const boardOf = () => createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES, pes: 2 })
const stateOf = (host: Host) => {
  const state = hostState(host, { sealed: true })
  if ("busy" in state) throw new Error(state.busy)
  return state
}
const mode = protectedMode("nvhe")
/** More of them when asked for. */
const STATES = Number(process.env["HOST_STATES"] ?? 50)
const good = new World("nvhe", 2)
const state = stateOf(good.host)
const memory = good.host.board.physical.contents()
const bytesOf = (page: number): Uint8Array => good.bytesOf(RAM / PAGE + page)
/** It runs on, whatever comes of it. */
const mustBeInOrder = (host: Host): void => {
  for (const vm of host.vms.values()) {
    vm.vcpus[0]!.run(300)
    vm.destroy()
  }
}

describe("a disturbed host", () => {
  it("is refused, or its tables are in order: values", () => {
    const outcomes = { refused: 0, accepted: 0 }
    for (let seed = 1; seed <= STATES; seed++) {
      const random = randomOf(seed * 2654435761)
      const kept = disturb(structuredClone(state.kept), random)
      if (isDeepStrictEqual(kept, state.kept)) continue
      const host = restoreHost({ ...state, kept }, { board: boardOf(), mode, memory })
      expect(host).not.toBe("")
      // a file that would be saved as another one is refused by its reader
      if (typeof host === "string" || !isDeepStrictEqual(stateOf(host).kept, kept)) {
        outcomes.refused++
        continue
      }
      outcomes.accepted++
      expect(tableProblems(host)).toEqual([])
      mustBeInOrder(host)
    }
    expect(outcomes.refused).toBeGreaterThan(STATES / 5)
    expect(outcomes.accepted).toBeGreaterThan(0)
  })
  it("is refused, or its tables are in order: hyp code's memory", () => {
    const { pkvm, pool } = hypStateOf(good.host)!
    const areHyps = Array.from({ length: RAM_BYTES / PAGE }, (_, i) => i).filter(
      (page) => pkvm.records.hypState(RAM / PAGE + page) === PageState.OWNED
    )
    // records, and tables that have something in them
    const places = areHyps.filter((page) => bytesOf(page).some((byte) => byte !== 0))
    expect(places.length).toBeGreaterThan(8)
    expect(places).toContain(pool.pfn - RAM / PAGE)
    const outcomes = { refused: 0, accepted: 0 }
    for (let seed = 1; seed <= STATES; seed++) {
      const random = randomOf(seed * 40503)
      const page = pick(places, random)
      const bytes = bytesOf(page).slice()
      const used = Array.from({ length: PAGE }, (_, at) => at).filter((at) => bytes[at] !== 0)
      bytes[random(3) === 0 ? random(PAGE) : pick(used, random)]! ^= 1 << random(8)
      const host = restoreHost(state, { board: boardOf(), mode, memory: { ...memory, pieces: new Map([...memory.pieces, [page, bytes]]) } })
      if (typeof host === "string") {
        outcomes.refused++
        continue
      }
      outcomes.accepted++
      expect(tableProblems(host)).toEqual([])
      mustBeInOrder(host)
    }
    expect(outcomes.refused).toBeGreaterThan(STATES / 5)
    expect(outcomes.accepted).toBeGreaterThan(0)
  })
})
