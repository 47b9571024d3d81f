/** Images with several virtual CPUs on several physical ones: the same result in every mode and engine, on any number of CPUs; what does not fit is refused. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { runGuest } from "../src/node.ts"
import { traceText } from "../src/Trace.ts"

const guest = fileURLToPath(new URL("several-vcpus.s", import.meta.url))
type Input = Parameters<typeof runGuest>[0]

const outcome = async (options: Partial<Input>) => {
  let stdout = ""
  const { end, account } = await runGuest({
    guest,
    kind: "vm",
    mem: "2M",
    maxInsns: 50_000_000,
    ...options,
    streams: {
      readInput: () => new Uint8Array(0),
      writeOutput: (_, bytes) => {
        stdout += new TextDecoder().decode(bytes)
        return true
      },
      isTerminal: () => false
    }
  })
  return { stdout, end, instructions: account.instructions }
}
/** Runs `use` with the path of a source that is there for so long. */
const withSource = async <T>(source: string, use: (guest: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-"))
  const path = join(folder, "guest.s")
  writeFileSync(path, source)
  return use(path).finally(() => rmSync(folder, { recursive: true }))
}
const hex = (value: number): string => value.toString(16).padStart(16, "0")
/** Each of n vCPUs adds its number, from 1, 500 times. */
const said = (n: number): string => {
  const sum = hex((500 * n * (n + 1)) / 2)
  return `${String(n).padStart(2, "0")} vCPUs, sum ${sum}, floats ${sum}\n`
}
const done = { kind: "exited", status: 0 }

describe("an image with several vCPUs", () => {
  it.each([1, 2, 3, 5])("has %i of them", async (vcpus) => {
    expect(await outcome({ vcpus })).toMatchObject({ stdout: said(vcpus), end: done })
  })
  const references = new Map<string, unknown>()
  it.each(["vhe", "nvhe", "hvhe", "pkvm"] as const)(
    "gives the same under %s, in both engines, on one CPU and on three, with threads that stay or move",
    async (mode) => {
      for (const pcpus of [1, 3]) {
        for (const migration of ["affinity", "random"] as const) {
          const reference = await outcome({ mode, vcpus: 3, pcpus, migration, seed: 7 })
          expect(reference).toMatchObject({ stdout: said(3), end: done })
          // to the instruction, though hyp code comes between in its own way in each mode
          const key = `${pcpus} ${migration}`
          expect(reference).toEqual(references.get(key) ?? reference)
          references.set(key, reference)
          expect(await outcome({ mode, vcpus: 3, pcpus, migration, seed: 7, engine: "interp" })).toEqual(reference)
        }
      }
    }
  )
  it("is traced: threads that switch, sleep and move, by CPU and virtual time", async () => {
    const lines: string[] = []
    await outcome({ vcpus: 3, pcpus: 2, migration: "random", seed: 2, trace: ["sched"], onEvent: (event) => lines.push(traceText(event)) })
    for (const shape of [
      /^\[\d+\] sched switch, from task\d, to task\d on CPU 1$/,
      /^\[\d+\] sched sleep, thread task\d on CPU [01]$/,
      /^\[\d+\] sched wake, thread task\d on CPU [01]$/,
      /^\[\d+\] sched migrate, thread task\d, from \d, to \d on CPU [01]$/
    ])
      expect(lines).toContainEqual(expect.stringMatching(shape))
  })
  it("is reset as a whole: the others are off again, and memory outside the image stays", async () => {
    const source = `
      movz x20, #0x4010, lsl #16
      ldr x1, [x20]
      add x1, x1, #1
      str x1, [x20]
      movz x0, #0xc400, lsl #16
      movk x0, #3
      mov x1, #1
      adr x2, other
      hvc #0
      cbnz x0, bad
wait:
      ldr x3, [x20, #8]
      ldr x1, [x20]
      cmp x3, x1
      b.lo wait
      cmp x1, #3
      b.eq off
      movz x0, #0x8400, lsl #16
      movk x0, #9
      hvc #0
bad:
      movz x0, #0x4010, lsl #16
      br x0
off:
      movz x0, #0x8400, lsl #16
      movk x0, #8
      hvc #0
other:
      movz x20, #0x4010, lsl #16
      ldr x3, [x20, #8]
      add x3, x3, #1
      str x3, [x20, #8]
      b .`
    for (const mode of ["vhe", "nvhe"] as const)
      for (const pcpus of [1, 2])
        expect((await withSource(source, (guest) => outcome({ guest, vcpus: 2, pcpus, mode }))).end).toEqual({ kind: "exited", status: 0 })
  })
  it("stops at its limits", async () => {
    const { end, instructions } = await withSource("b .\n", (guest) => outcome({ guest, vcpus: 2, pcpus: 2, maxInsns: 1_000_000 }))
    expect(end).toEqual({ kind: "limit", limit: "instructions" })
    // to the end of a round
    expect(instructions).toBeLessThan(1_200_000n)
  })
  it("is only for virtual machines", async () => {
    await expect(outcome({ vcpus: 2, kind: "linux" })).rejects.toThrow(/vcpus/)
    await expect(outcome({ pcpus: 2, kind: "bare" })).rejects.toThrow(/pcpus/)
    await expect(outcome({ vcpus: 0 })).rejects.toThrow(/vcpus/)
    await expect(outcome({ vcpus: "17" })).rejects.toThrow(/vcpus/)
  })
})
