/** The guests of this repository that run under the modelled kernel do the same in every mode: output, end, instructions, exits by class. */
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

type Mode = "vhe" | "nvhe" | "hvhe"
const outcome = async (name: string, { args = [], stdin = "" }: Expectation, mode: Mode, engine: "interp" | "jit") => {
  let input = new TextEncoder().encode(stdin)
  const output: number[] = []
  const { end, account, machine } = await runGuest({
    guest: `${folder}${name}`,
    mode,
    engine,
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
  return { stdout: new TextDecoder().decode(Uint8Array.from(output)), end, account: { ...account, milliseconds: 0 } }
}

describe.each(guests)("$name", ({ name, expectation }) => {
  it("is the same in every mode", async () => {
    const reference = await outcome(name, expectation, "vhe", "jit")
    expect(reference).toMatchObject({ stdout: expectation.stdout, end: { kind: "exited", status: expectation.status } })
    for (const mode of ["nvhe", "hvhe"] as const) expect(await outcome(name, expectation, mode, "jit")).toEqual(reference)
    expect(await outcome(name, expectation, "nvhe", "interp")).toEqual(reference)
  })
})
