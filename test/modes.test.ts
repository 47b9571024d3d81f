/** The guests of this repository that run under the modelled kernel do the same in every mode: output, end, instructions, exits by class, KVM_RUN by reason. */
import { describe, expect, it } from "vitest"
import { type RepositoryGuest, repositoryGuests, runRepositoryGuest } from "../packages/vmm/test/repository-guests.ts"

const guests = repositoryGuests.filter(({ expectation: { kind } }) => kind !== "bare")
type Mode = "vhe" | "nvhe" | "hvhe" | "pkvm"
const outcome = async (guest: RepositoryGuest, mode: Mode, engine: "interp" | "jit", plugin: readonly string[] = []) => {
  const { stdout, end, account, machine } = await runRepositoryGuest(guest, { mode, engine, plugin: [...plugin] })
  expect(machine.mode).toBe(mode)
  // how EL2 was asked and what it wrote is the mode's own; so is how often FP registers moved where hyp code keeps the host's
  const kvm = account.kvm && { exits: account.kvm.exits, fpTraps: account.kvm.fpTraps, entries: account.kvm.entries, runs: account.kvm.runs }
  const moved = mode === "pkvm" ? undefined : account.kvm?.registerFiles
  return { stdout, end, instructions: account.instructions, kvm, moved }
}

describe.each(guests)("$name", (guest) => {
  it("is the same in every mode", async () => {
    const reference = await outcome(guest, "vhe", "jit")
    expect(reference).toMatchObject({ stdout: guest.expectation.stdout, end: { kind: "exited", status: guest.expectation.status } })
    for (const mode of ["nvhe", "hvhe"] as const) expect(await outcome(guest, mode, "jit")).toEqual(reference)
    expect(await outcome(guest, "nvhe", "interp")).toEqual(reference)
    const protectedHost = { ...reference, moved: undefined }
    expect(await outcome(guest, "pkvm", "jit")).toEqual(protectedHost)
    expect(await outcome(guest, "pkvm", "interp", ["pkvm,base=nvhe"])).toEqual(protectedHost)
  })
})
