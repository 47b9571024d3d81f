/** The guests of this repository that run under the modelled kernel do the same in every mode: output, end, instructions, exits by class, KVM_RUN by reason. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { runGuest } from "@eltwo/vmm/node"
import { describe, expect, it } from "vitest"

const folder = fileURLToPath(new URL("../guests/", import.meta.url))
interface Expectation {
  readonly kind: "linux" | "bare" | "vm"
  readonly args?: readonly string[]
  readonly stdin?: string
  readonly stdout: string
  readonly status: number
}
const guests = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, expectation: JSON.parse(readFileSync(`${folder}${name}/expect.json`, "utf8")) as Expectation }))
  .filter(({ expectation: { kind } }) => kind !== "bare")

type Mode = "vhe" | "nvhe" | "hvhe" | "pkvm"
const outcome = async (
  name: string,
  { args = [], stdin = "" }: Expectation,
  mode: Mode,
  engine: "interp" | "jit",
  plugin: readonly string[] = []
) => {
  let input = new TextEncoder().encode(stdin)
  const output: number[] = []
  const { end, account, machine } = await runGuest({
    guest: `${folder}${name}`,
    mode,
    engine,
    plugin: [...plugin],
    args: [...args],
    mem: "32M",
    maxInsns: 20_000_000,
    streams: {
      readInput: (bytes) => {
        const piece = input.subarray(0, bytes)
        input = input.subarray(piece.length)
        return piece
      },
      writeOutput: (_, bytes) => {
        output.push(...bytes)
        return true
      },
      isTerminal: () => false
    }
  })
  expect(machine.mode).toBe(mode)
  // how EL2 was asked and what it wrote is the mode's own; so is how often FP registers moved where hyp code keeps the host's
  const kvm = account.kvm && { exits: account.kvm.exits, fpTraps: account.kvm.fpTraps, entries: account.kvm.entries, runs: account.kvm.runs }
  const moved = mode === "pkvm" ? undefined : account.kvm?.registerFiles
  return { stdout: new TextDecoder().decode(Uint8Array.from(output)), end, instructions: account.instructions, kvm, moved }
}

describe.each(guests)("$name", ({ name, expectation }) => {
  it("is the same in every mode", async () => {
    const reference = await outcome(name, expectation, "vhe", "jit")
    expect(reference).toMatchObject({ stdout: expectation.stdout, end: { kind: "exited", status: expectation.status } })
    for (const mode of ["nvhe", "hvhe"] as const) expect(await outcome(name, expectation, mode, "jit")).toEqual(reference)
    expect(await outcome(name, expectation, "nvhe", "interp")).toEqual(reference)
    const protectedHost = { ...reference, moved: undefined }
    expect(await outcome(name, expectation, "pkvm", "jit")).toEqual(protectedHost)
    expect(await outcome(name, expectation, "pkvm", "interp", ["pkvm,base=nvhe"])).toEqual(protectedHost)
  })
})
