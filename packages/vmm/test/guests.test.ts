/** Every guest of the repository in both engines: what it prints and how it ends, as its expect.json says. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { runGuest } from "../src/node.ts"

const folder = fileURLToPath(new URL("../../../guests/", import.meta.url))
interface Expectation {
  readonly kind: "linux" | "bare" | "vm"
  readonly el?: 1 | 2
  readonly args?: readonly string[]
  readonly stdin?: string
  readonly stdout: string
  readonly status: number
}
const guests = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, expectation: JSON.parse(readFileSync(`${folder}${name}/expect.json`, "utf8")) as Expectation }))

/** Runs a guest with the input its folder says. */
const outcome = async (name: string, { args = [], stdin = "" }: Expectation, engine: "interp" | "jit", kind: "auto" | "vm") => {
  let input = new TextEncoder().encode(stdin)
  let errors = ""
  const output: number[] = []
  const { end, account } = await runGuest({
    guest: `${folder}${name}`,
    kind,
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
      writeOutput: (stream, bytes) => {
        if (stream === 1) output.push(...bytes)
        else errors += new TextDecoder().decode(bytes)
        return true
      },
      isTerminal: () => false
    }
  })
  return { stdout: new TextDecoder().decode(Uint8Array.from(output)), errors, end, instructions: account.instructions }
}

describe("guests", () => {
  it("are described", () => {
    const readme = readFileSync(`${folder}README.md`, "utf8")
    for (const { name } of guests) expect(readme).toContain(`[${name}](${name}/program.s)`)
    expect(guests.length).toBeGreaterThanOrEqual(10)
  })
  describe.each(guests)("$name", ({ name, expectation }) => {
    const { stdout, status, kind, el } = expectation
    const expected = { stdout, errors: "", end: { kind: "exited", status } }
    it("prints and ends as expected in both engines", async () => {
      const interp = await outcome(name, expectation, "interp", "auto")
      const jit = await outcome(name, expectation, "jit", "auto")
      expect(interp).toEqual({ ...expected, instructions: interp.instructions })
      // The modelled host executes instructions of its own between slices of a virtual machine.
      expect(jit).toEqual(kind === "bare" ? interp : { ...expected, instructions: jit.instructions })
    })
    // What runs at EL1 with nothing above it runs in a virtual machine too.
    if (kind === "bare" && el === 1)
      it("does the same in a virtual machine", async () => {
        for (const engine of ["interp", "jit"] as const) {
          const { instructions: _, ...result } = await outcome(name, expectation, engine, "vm")
          expect(result).toEqual(expected)
        }
      })
  })
})
