/** A snapshot of every version of the format that was ever released can be restored and goes on to its end. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { restoreGuest } from "../../src/Guest.ts"
import { flatten } from "../../src/snapshot/chain.ts"
import { type Container, readContainer } from "../../src/snapshot/container.ts"
import { MINOR } from "../../src/snapshot/header.ts"
import { seal, unseal } from "../../src/snapshot/seal.ts"
import { sha256 } from "./apart.ts"
import { consoleOf, difference, outcome, restore, saved } from "./machines.ts"

const folder = fileURLToPath(new URL("../../../../test/golden/snapshots/", import.meta.url))
/** What the stored guests print after the snapshot, and their statuses. Files are named by format and kind; a released format's files stay for ever. */
const RELEASED: Readonly<Record<string, { readonly output: string; readonly status: number }>> = {
  "1.0-linux.el2": {
    output: "fibonacci(24) = 46368\nackermann(2, 300) = 603\n1 + ... + 100000 = 5000050000\nby table: 9256402814729120002\n1001 is even: 0\n",
    status: 0
  },
  "1.0-vm.el2": { output: "EL1.\nThe MMU is on.\n1 + 1/2 + ... + 1/1000 is this many millionths: 7485470\nPSCI answers.\n", status: 0 },
  // two vCPUs on two CPUs, with their whole host
  "1.1-vm.el2": { output: "02 vCPUs, sum 0000000000005dc0, floats 0000000000005dc0\n", status: 0 },
  "1.2-linux.el2": {
    output:
      "SIMD registers survive: ok\nFPSR and FPCR survive: ok\nX20 survives: ok\nSIGILL, illegal opcode: ok\nat its address: ok\nin a handler that has the program's FPCR: ok\nwith the SIMD registers in its frame: ok\nV5 changed by the handler: ok\nSIGSEGV, not mapped: ok\nat its address: ok\nSIGSEGV, not allowed: ok\nat its address: ok\nSIGSEGV, not executable: ok\nSIGBUS, misaligned: ok\nSIGTRAP, breakpoint: ok\nSIGUSR1, by tgkill: ok\nblocked: ok\ndelivered when unblocked: ok\non the other stack: ok\n",
    status: 0
  },
  // two vCPUs on two CPUs under pkvm, with all that hyp has
  "1.2-pkvm-host.el2": { output: "02 vCPUs, sum 0000000000015f90, floats 0000000000015f90\n", status: 0 },
  // under pkvm, with what hyp keeps of it
  "1.2-vm.el2": { output: "The MMU is on.\n1 + 1/2 + ... + 1/1000 is this many millionths: 7485470\nPSCI answers.\n", status: 0 }
}

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 2)
const good = <T>(value: T | SnapshotError): T => {
  if (value instanceof SnapshotError) throw value
  return value
}
const opened = (file: Uint8Array): Container => good(readContainer(file, { hash: sha256 }))
const flat = (chain: readonly Uint8Array[]): Uint8Array => good(flatten(chain.map(opened), sha256))

describe("released formats", () => {
  it("are all there", () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(RELEASED).sort())
    expect(new Set(Object.keys(RELEASED).map((name) => name.split("-")[0])).size).toBe(3)
  })
  it.each(Object.keys(RELEASED).filter((name) => Number(name[2]) < MINOR))(
    "%s is what snapshots of today build on, and is sealed with them",
    async (name) => {
      const first = new Uint8Array(readFileSync(`${folder}${name}`))
      const guest = await restore({ snapshots: [first], note: name.includes("linux"), streams: consoleOf() })
      guest.run(1500)
      const second = saved(guest, [first])
      guest.run(700)
      const chain = [first, second, saved(guest, [first, second])]
      const minors = chain.map((file) => opened(file).header.format.minor)
      expect(minors).toEqual([Number(name[2]), MINOR, MINOR])
      expect(difference(flat(chain), saved(guest))).toEqual([])
      expect(difference(flat(chain.slice(0, 1)), saved(await restore({ snapshots: [first], streams: consoleOf() })))).toEqual([])
      const twin = await restore({ snapshots: chain, streams: consoleOf() })
      expect(difference(saved(twin), saved(guest))).toEqual([])
      const sealed = await Promise.all(chain.map((file) => seal(file.slice(), KEY, sha256)))
      expect(await Promise.all(sealed.map((file) => unseal(good(file), KEY, sha256)))).toEqual(chain)
      for (const wrong of [[second], [first, chain[2]!], [second, first], [first, first, second]]) {
        const { code } = await outcome(restoreGuest({ snapshots: wrong, streams: consoleOf() })).then((each) =>
          Either.isLeft(each) ? each.left : { code: "" }
        )
        expect(code).toBe("SNAPSHOT_PARENT")
      }
    }
  )
  it.each(Object.keys(RELEASED))("%s goes on", async (name) => {
    const { output, status } = RELEASED[name]!
    const console = consoleOf()
    const guest = await restore({ snapshots: [new Uint8Array(readFileSync(`${folder}${name}`))], streams: console })
    expect(guest.run(10_000_000)).toEqual({ kind: "exited", status })
    expect(console.output).toBe(output)
  })
})
