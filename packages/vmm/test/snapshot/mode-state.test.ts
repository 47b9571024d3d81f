/** What a mode's plugin keeps of a guest: a section of its own, needed by that mode and by no other. */
import type { Mode } from "@eltwo/kvm"
import { pkvm } from "@eltwo/plugin-pkvm"
import { Either } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { type RestoreRequest, restoreGuest } from "../../src/Guest.ts"
import { consoleOf, difference, guestPath, outcome, restore, saved, start } from "./machines.ts"

const guarded = (version = 1): Mode => {
  const mode = pkvm.create({ base: "nvhe" })
  return Object.freeze({ ...mode, name: "guarded", state: { ...mode.state!, version } })
}
const refusal = async (request: RestoreRequest): Promise<SnapshotError> => {
  const result = await outcome(restoreGuest({ streams: consoleOf(), ...request }))
  if (Either.isRight(result) || !(result.left instanceof SnapshotError)) throw new Error("not refused")
  return result.left
}

describe("a guest of a mode with state of its own", () => {
  let bytes: Uint8Array
  beforeAll(async () => {
    const guest = await start({ guest: guestPath("hello-vm"), mem: "2M", mode: "guarded", plugin: [guarded()], streams: consoleOf() })
    guest.run(60)
    bytes = saved(guest)
  })
  it("is restored by the plugin, and by any other mode", async () => {
    const again = await restore({ snapshots: [bytes], plugin: [guarded()], streams: consoleOf() })
    expect(difference(saved(again), bytes)).toEqual([])
    for (const mode of ["vhe", "pkvm"]) expect((await restore({ snapshots: [bytes], mode, streams: consoleOf() })).run(10_000)).toBeDefined()
  })
  it("is refused without the plugin", async () => {
    const { code, path, message } = await refusal({ snapshots: [bytes] })
    expect([code, path]).toEqual(["SNAPSHOT_PLUGIN_MISMATCH", "header.machine.mode"])
    expect(message).toContain("header.machine.mode: expected plugin guarded, which brings the mode, found")
  })
  it("is refused by a plugin that keeps something else, or nothing", async () => {
    const other = await refusal({ snapshots: [bytes], plugin: [guarded(2)] })
    expect(other.code).toBe("SNAPSHOT_PLUGIN_MISMATCH")
    expect(other.message).toBe("section mode/guarded: expected a plugin guarded whose state has version 1, found version 2")
    const { state: _, ...without } = guarded()
    expect((await refusal({ snapshots: [bytes], plugin: [without] })).message).toBe(
      "section mode/guarded: expected a plugin guarded whose state has version 1, found one that keeps none"
    )
  })
})
