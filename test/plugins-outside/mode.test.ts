/** A fifth mode from outside of plugins/: it runs guests, and its account shows what is different about it. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { runGuest } from "@eltwo/vmm/node"
import { describe, expect, it } from "vitest"

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const guest = path("../../guests/hello-vm")
const { stdout } = JSON.parse(readFileSync(`${guest}/expect.json`, "utf8")) as { readonly stdout: string }

const runIn = async (mode: string, engine: "interp" | "jit", plugin: readonly string[] = []) => {
  let output = ""
  const { end, account, machine } = await runGuest({
    guest,
    mode,
    engine,
    plugin: [...plugin],
    mem: "32M",
    streams: {
      readInput: () => new Uint8Array(0),
      writeOutput: (_, bytes) => {
        output += Buffer.from(bytes).toString()
        return true
      },
      isTerminal: () => false
    }
  })
  return { output, end, kvm: account.kvm!, mode: machine.mode }
}

describe("a mode from outside", () => {
  it.each(["interp", "jit"] as const)("runs a guest without FP traps, and moves registers at every entry (%s)", async (engine) => {
    const lazy = await runIn("vhe", engine)
    const eager = await runIn("eager", engine, [path("eager.js")])
    expect(eager).toMatchObject({ output: stdout, end: { kind: "exited", status: 0 }, mode: "eager" })
    expect(eager.output).toBe(lazy.output)
    expect(lazy.kvm.fpTraps).toBeGreaterThan(0)
    expect(eager.kvm.fpTraps).toBe(0)
    expect(eager.kvm.exits).not.toHaveProperty("FPAccess")
    // the same exits otherwise; each of them is an entry, which loads, and an exit, which stores
    const others = Object.fromEntries(Object.entries(lazy.kvm.exits).filter(([name]) => name !== "FPAccess"))
    expect(eager.kvm.exits).toEqual(others)
    const exits = Object.values(eager.kvm.exits).reduce((sum, n) => sum + n, 0)
    expect(eager.kvm.loads).toBeGreaterThanOrEqual(exits)
    expect(eager.kvm.saves).toBeGreaterThanOrEqual(exits)
    expect(eager.kvm.loads).toBeGreaterThan(lazy.kvm.loads)
  })
  it("is there only when its plugin is loaded", async () => {
    await expect(runIn("eager", "interp")).rejects.toThrow(/no plugin provides eager/)
  })
})
