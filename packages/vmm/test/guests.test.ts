/** Every guest of the repository in both engines: what it prints and how it ends, as its expect.json says. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { GUESTS_FOLDER, type RepositoryGuest, repositoryGuests, runRepositoryGuest } from "./repository-guests.ts"

const outcome = async (guest: RepositoryGuest, engine: "interp" | "jit", kind: "auto" | "vm") => {
  const { stdout, errors, end, account } = await runRepositoryGuest(guest, { engine, kind })
  return { stdout, errors, end, instructions: account.instructions }
}

describe("guests", () => {
  it("are described", () => {
    const readme = readFileSync(`${GUESTS_FOLDER}README.md`, "utf8")
    for (const { name } of repositoryGuests) expect(readme).toContain(`[${name}](${name}/program.s)`)
    expect(repositoryGuests.length).toBeGreaterThanOrEqual(10)
  })
  describe.each(repositoryGuests)("$name", (guest) => {
    const { stdout, status, kind, el } = guest.expectation
    const expected = { stdout, errors: "", end: { kind: "exited", status } }
    it("prints and ends as expected in both engines", async () => {
      const interp = await outcome(guest, "interp", "auto")
      const jit = await outcome(guest, "jit", "auto")
      expect(interp).toEqual({ ...expected, instructions: interp.instructions })
      // The modelled host executes instructions of its own between slices of a virtual machine.
      expect(jit).toEqual(kind === "bare" ? interp : { ...expected, instructions: jit.instructions })
    })
    // What runs at EL1 with nothing above it runs in a virtual machine too.
    if (kind === "bare" && el === 1)
      it("does the same in a virtual machine", async () => {
        for (const engine of ["interp", "jit"] as const) {
          const { instructions: _, ...result } = await outcome(guest, engine, "vm")
          expect(result).toEqual(expected)
        }
      })
  })
})
