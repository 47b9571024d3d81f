/** eltwo run --snapshot-at, eltwo restore, eltwo snapshot: what they print, write and end with. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { command, errorOf, jsonLines } from "./command.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-snapshot-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)
/** Counts to 200000 in memory, then exits with 7. */
const COUNTER = at("counter.s")
writeFileSync(
  COUNTER,
  `_start: adr x1, cell
 ldr w3, =200000
1: ldr w2, [x1]
 add w2, w2, #1
 str w2, [x1]
 cmp w2, w3
 b.ne 1b
 mov x0, #7
 mov x8, #93
 svc #0
 .data
cell: .word 0
`
)
const full = at("full.el2")

describe("eltwo run --snapshot-at", () => {
  it("saves on the way and goes on", async () => {
    const { exit, error } = await command("run", "-q", "--mem", "8M", "--snapshot-at", "5000", "-o", full, COUNTER)
    expect([exit, error]).toEqual([7, ""])
    expect(readFileSync(full).subarray(0, 7).toString()).toBe("EL2SNAP")
  })
  it("ends with --stop, and makes the same bytes", async () => {
    const { exit } = await command("run", "--mem", "8M", "--snapshot-at", "5000", "-o", at("same.el2"), "--stop", COUNTER)
    expect(exit).toBe(0)
    expect(readFileSync(at("same.el2"))).toEqual(readFileSync(full))
  })
  it("does not overwrite a file unless asked to", async () => {
    const again = ["run", "--json", "--mem", "8M", "--snapshot-at", "5000", "-o", full, "--stop", COUNTER]
    const refused = await command(...again)
    expect([refused.exit, errorOf(refused).code]).toEqual([65, "SNAPSHOT_EXISTS"])
    // at once: nothing has run
    expect(refused.out.split("\n")).toHaveLength(2)
    expect((await command(...again, "--force")).exit).toBe(0)
  })
  it("says what a file cannot be written for, without names of its own", async () => {
    const { error } = await command("run", "-q", "--mem", "8M", "--snapshot-at", "5", "-o", at("no/such/x.el2"), COUNTER)
    expect(error).toContain(`eltwo: ${at("no/such/x.el2")} cannot be written: no such file or directory (FILE)`)
  })
  it("does not go beyond --max-insns", async () => {
    const { exit, error } = await command("run", "--mem", "8M", "--max-insns", "50", "--snapshot-at", "100", "-o", at("beyond.el2"), COUNTER)
    expect([exit, error]).toEqual([125, expect.stringContaining("--snapshot-at: the run ended after 50 instructions, before the snapshot at 100")])
  })
  it("is not what a wrong option of restore is about", async () => {
    const { exit, error } = await command("restore", "--resume", "--trace", "everything", full)
    expect([exit, error]).toEqual([
      125,
      expect.stringMatching(/^eltwo: --trace: "everything" is not one of .*\(OPTION_INVALID\)\n {2}`eltwo restore --help`/)
    ])
  })
  it("of an image with SVE is gone on from in another mode and engine", async () => {
    const printed = ({ out }: { readonly out: string }) =>
      jsonLines(out)
        .map(({ text = "" }) => text)
        .join("")
    const saved = await command("run", "--json", "--mem", "8M", "--snapshot-at", "400", "--stop", "-o", at("sve.el2"), "guests/sve-vm")
    const rest = await command("restore", "--resume", "--json", "--mode", "nvhe", "--engine", "interp", at("sve.el2"))
    expect([rest.exit, printed(saved) + printed(rest)]).toEqual([0, "bits in a vector: 512\n1 + 2 + ... + 1000 = 500500\n"])
  })
  it("is named where it is refused", async () => {
    for (const line of [["restore"], ["restore", "--resume"], ["snapshot", "inspect"], ["snapshot", "verify"]]) {
      const refused = await command(...line, COUNTER)
      expect(refused.exit).toBe(65)
      expect(refused.error).toContain(`eltwo: ${COUNTER}: `)
      expect(errorOf(await command(...line, "--json", COUNTER))).toMatchObject({ code: "SNAPSHOT_MAGIC", path: "file" })
    }
  })
  it("says when the guest ends before", async () => {
    const late = await command("run", "--json", "--snapshot-at", "1G", "-o", at("late.el2"), COUNTER)
    expect(late.exit).toBe(125)
    expect(errorOf(late).message).toMatch(/--snapshot-at: the guest ended after \d+ instructions/)
  })
  it("goes to standard output alone with -o -", async () => {
    const { exit, out } = await command("run", "-q", "--mem", "8M", "--snapshot-at", "5000", "-o", "-", "--stop", COUNTER)
    expect([exit, Buffer.from(out, "latin1").equals(readFileSync(full))]).toEqual([0, true])
    expect((await command("run", "--json", "--snapshot-at", "5000", "-o", "-", COUNTER)).exit).toBe(125)
  })
  it("needs both options", async () => {
    expect((await command("run", "--snapshot-at", "5", COUNTER)).exit).toBe(125)
    expect((await command("run", "--stop", COUNTER)).exit).toBe(125)
  })
})

describe("eltwo run --snapshot-at EVENT", () => {
  const hello = fileURLToPath(new URL("../../../guests/hello", import.meta.url))
  it("saves at several events, each to its own file, and ends at the last", async () => {
    const points = ["--snapshot-at", "syscall:write", "--snapshot-at", "trap:fp"]
    const { exit } = await command("run", "-q", "--mem", "8M", ...points, "-o", at("event-{n}.el2"), "--stop", hello)
    expect(exit).toBe(0)
    const facts = async (n: number) =>
      JSON.parse((await command("snapshot", "inspect", "--json", at(`event-${n}.el2`))).out) as { instructions: string }
    expect(Number((await facts(2)).instructions)).toBeGreaterThan(Number((await facts(1)).instructions))
    expect((await command("restore", "-q", "--resume", at("event-2.el2"))).exit).toBe(0)
  })
  it("needs a file for each", async () => {
    const refused = await command("run", "--json", "--snapshot-at", "5", "--snapshot-at", "6", "-o", at("one.el2"), hello)
    expect([refused.exit, errorOf(refused).message]).toEqual([125, "--output: 2 snapshots need as many files"])
  })
  it("says what is not an event, all at once", async () => {
    const refused = await command("run", "--json", "--snapshot-at", "syscall:frob", "--snapshot-at", "frob", "-o", at("{n}.el2"), hello)
    expect(errorOf(refused).message).toMatch(/there is no syscall:frob.*'frob' is not a count of instructions, or exit/s)
    expect((await command("run", "--json", "--snapshot-at", "trap:sme", "-o", at("no.el2"), hello)).exit).toBe(125)
  })
})

describe("eltwo restore", () => {
  it("says where the guest would go on, and goes on with --resume", async () => {
    const paused = await command("restore", full)
    expect([paused.exit, paused.out]).toEqual([0, "restored after 5000 instructions; --resume goes on\n"])
    for (const more of [[], ["--engine", "interp", "--max-insns", "50000"], ["--mode", "nvhe"], ["--mode", "hvhe"]]) {
      const { exit } = await command("restore", "-q", "--resume", ...more, full)
      expect([more, exit]).toEqual([more, more.includes("interp") ? 124 : 7])
    }
  })
  it("makes incremental snapshots, which flatten to full ones", async () => {
    const changed = at("changed.el2")
    expect((await command("restore", "--snapshot-at", "9000", "-o", changed, "--stop", "--incremental", full)).exit).toBe(0)
    expect(readFileSync(changed).length).toBeLessThan(readFileSync(full).length)
    const orphan = await command("restore", "--json", changed)
    expect([orphan.exit, errorOf(orphan).code]).toEqual([65, "SNAPSHOT_PARENT"])
    expect((await command("restore", "-q", "--resume", "--parent", full, changed)).exit).toBe(7)
    expect((await command("restore", "--snapshot-at", "9000", "-o", at("whole.el2"), "--stop", full)).exit).toBe(0)
    expect((await command("snapshot", "flatten", "--parent", full, "-o", at("flat.el2"), changed)).exit).toBe(0)
    const flat = await command("snapshot", "flatten", "--json", "--force", "--parent", full, "-o", at("flat.el2"), changed)
    expect(JSON.parse(flat.out)).toEqual({ path: at("flat.el2"), bytes: readFileSync(at("flat.el2")).length, parents: 1 })
    expect(readFileSync(at("flat.el2"))).toEqual(readFileSync(at("whole.el2")))
    expect((await command("snapshot", "diff", at("flat.el2"), at("whole.el2"))).exit).toBe(0)
  })
  it("makes several, each of what has changed since the one before", async () => {
    const points = ["--snapshot-at", "9000", "--snapshot-at", "20000"]
    expect((await command("restore", ...points, "-o", at("step-{n}.el2"), "--stop", "--incremental", full)).exit).toBe(0)
    expect(readFileSync(at("step-1.el2"))).toEqual(readFileSync(at("changed.el2")))
    expect((await command("restore", "-q", "--resume", "--parent", full, "--parent", at("step-1.el2"), at("step-2.el2"))).exit).toBe(7)
  })
  it("refuses what is damaged and what the machine lacks", async () => {
    const damaged = readFileSync(full)
    damaged[damaged.length >> 1]! ^= 1
    writeFileSync(at("damaged.el2"), damaged)
    const refused = await command("restore", "--json", "--resume", at("damaged.el2"))
    expect([refused.exit, errorOf(refused).code, refused.out.split("\n").length]).toEqual([65, "SNAPSHOT_CHECKSUM", 2])
    const missing = await command("restore", "--json", "--cpu", "max,lse=off", full)
    expect([missing.exit, errorOf(missing).code]).toEqual([65, "SNAPSHOT_FEATURE_MISMATCH"])
  })
})

describe("eltwo snapshot", () => {
  it("inspects, shows, compares and verifies", async () => {
    const inspected = await command("snapshot", "inspect", full)
    expect(inspected.out).toContain("counter.s (linux), after 5000 instructions")
    const facts = JSON.parse((await command("snapshot", "inspect", "--json", full)).out) as { id: string; sections: unknown[] }
    expect(facts.id).toMatch(/^[0-9a-f]{64}$/)
    expect((await command("snapshot", "show", full, "vm.vcpus.[0].pc")).out).toMatch(/^0x[0-9a-f]+\n$/)
    expect((await command("snapshot", "show", full, "nothing")).exit).toBe(125)
    const differs = await command("snapshot", "diff", full, at("whole.el2"))
    expect([differs.exit, differs.out]).toEqual([1, expect.stringMatching(/vm\.vcpus\.\[0\]\.general\+\d+: 0x/)])
    expect((await command("snapshot", "verify", full, at("changed.el2"))).exit).toBe(0)
    expect((await command("snapshot", "verify", full, at("damaged.el2"))).exit).toBe(65)
  })
  it.each(["create", "inspect", "show", "diff", "verify", "flatten"])("%s --help has two examples", async (name) => {
    const { exit, out } = await command("snapshot", name, "--help")
    expect([exit, out.match(new RegExp(`^ {2}eltwo snapshot ${name} -?`, "gm"))?.length]).toEqual([0, 2])
  })
  it("creates", async () => {
    expect((await command("snapshot", "create", "-q", "--mem", "8M", "--snapshot-at", "5000", "-o", at("made.el2"), COUNTER)).exit).toBe(0)
    expect(readFileSync(at("made.el2"))).toEqual(readFileSync(full))
  })
})

describe("eltwo run --protected", () => {
  const guest = new URL("../../../guests/hello-vm", import.meta.url).pathname
  const protectedVm = ["run", "-q", "--json", "--mem", "8M", "--mode", "pkvm", "--protected"]
  const key = at("key")
  writeFileSync(
    key,
    Uint8Array.from({ length: 32 }, (_, i) => 200 - i)
  )
  it("runs an image whose memory is its own, where there are such", async () => {
    expect((await command(...protectedVm, guest)).exit).toBe(0)
    const elsewhere = await command("run", "--json", "--protected", guest)
    expect([elsewhere.exit, errorOf(elsewhere).message]).toEqual([125, "--protected: mode vhe has no protected VMs (see --mode)"])
    const program = await command(...protectedVm, COUNTER)
    expect([program.exit, errorOf(program).message]).toEqual([
      125,
      "--protected: only an image in a VM can be protected from its host, and this is a linux guest (see --kind)"
    ])
  })
  it("saves it with a key, and not without", async () => {
    const save = [...protectedVm, "--snapshot-at", "60", "-o", at("sealed.el2"), "--stop"]
    const refused = await command(...save, guest)
    expect([refused.exit, errorOf(refused).code]).toEqual([65, "SNAPSHOT_PROTECTED"])
    expect((await command(...save, "--key-file", key, guest)).exit).toBe(0)
    expect((await command("snapshot", "verify", at("sealed.el2"))).exit).toBe(0)
    expect((await command("restore", "-q", "--json", "--resume", "--key-file", key, at("sealed.el2"))).exit).toBe(0)
    expect((await command("restore", "--key-file", key, at("sealed.el2"))).out).toBe("restored after 60 instructions; --resume goes on\n")
    for (const [more, code] of [
      [[], "SNAPSHOT_KEY"],
      [["--key-file", key, "--mode", "vhe"], "SNAPSHOT_PLUGIN_MISMATCH"],
      [["--key-file", full], "OPTION_INVALID"],
      [["--key-file", at("none")], "FILE"]
    ] as const)
      expect(errorOf(await command("restore", "--json", ...more, at("sealed.el2"))).code).toBe(code)
    expect(errorOf(await command("snapshot", "flatten", "--json", "-o", at("no.el2"), at("sealed.el2"))).code).toBe("SNAPSHOT_KEY")
  })
  describe("a sealed snapshot", () => {
    /** Counts in memory for ever, behind words that are not in the image. */
    const secretive = at("secretive.s")
    writeFileSync(
      secretive,
      `_start:
  movz x9, #0x4010, lsl #16
  mov x1, #64
  movz x2, #0x5ec7
1: eor x2, x2, x2, lsl #13
  eor x2, x2, x2, lsr #7
  eor x2, x2, x2, lsl #17
  str x2, [x9], #8
  subs x1, x1, #1
  b.ne 1b
2: add x4, x4, #1
  str x4, [x9]
  b 2b
`
    )
    const sealedWith = ["--key-file", key]
    const save = (name: string, ...more: readonly string[]) => command("run", "-q", "--mem", "8M", ...more, "--stop", "-o", at(name), secretive)
    const protectedOnes = ["--kind", "vm", "--mode", "pkvm", "--protected", ...sealedWith]
    it("is shown and compared with its key as one in clear is", async () => {
      expect((await save("s1.el2", ...sealedWith, "--kind", "vm", "--snapshot-at", "1000")).exit).toBe(0)
      expect((await save("s2.el2", ...sealedWith, "--kind", "vm", "--snapshot-at", "1030")).exit).toBe(0)
      expect((await save("c1.el2", "--kind", "vm", "--snapshot-at", "1000")).exit).toBe(0)
      expect((await save("c2.el2", "--kind", "vm", "--snapshot-at", "1030")).exit).toBe(0)
      for (const what of [["vm"], ["vm.vcpus.[0].pc"], ["--json", "run"]]) {
        const place = what.at(-1)!
        const flags = what.slice(0, -1)
        expect(await command("snapshot", "show", ...flags, ...sealedWith, at("s1.el2"), place)).toEqual(
          await command("snapshot", "show", ...flags, at("c1.el2"), place)
        )
      }
      const differs = await command("snapshot", "diff", ...sealedWith, at("s1.el2"), at("s2.el2"))
      expect(differs).toEqual(await command("snapshot", "diff", at("c1.el2"), at("c2.el2")))
      expect([differs.exit, differs.out.length > 100]).toEqual([1, true])
      const [inside, clear] = [
        await command("snapshot", "verify", "--json", ...sealedWith, at("s1.el2")),
        await command("snapshot", "verify", "--json", at("c1.el2"))
      ]
      expect([inside.exit, (JSON.parse(inside.out) as { id: string }).id]).toEqual([0, (JSON.parse(clear.out) as { id: string }).id])
    })
    it("of a protected guest says nothing without its key, and is never written in clear", async () => {
      expect((await save("p1.el2", ...protectedOnes, "--snapshot-at", "1000")).exit).toBe(0)
      const later = ["--resume", "--incremental", "--snapshot-at", "1030", "--stop", "-o", at("p2.el2")]
      expect((await command("restore", "-q", ...sealedWith, ...later, at("p1.el2"))).exit).toBe(0)
      const pc = await command("snapshot", "show", ...sealedWith, at("p1.el2"), "vm.vcpus.[0].pc")
      expect([pc.exit, pc.out]).toEqual([0, expect.stringMatching(/^0x400000[0-9a-f]{2}\n$/)])
      expect((await command("snapshot", "diff", ...sealedWith, at("p1.el2"), at("p2.el2"))).out).toMatch(/general/)
      const flatten = ["snapshot", "flatten", "--parent", at("p1.el2"), "-o", at("pf.el2"), at("p2.el2")] as const
      expect((await command(...flatten)).exit).toBe(65)
      expect((await command("snapshot", "flatten", ...sealedWith, ...flatten.slice(2))).exit).toBe(0)
      // what was made of them is sealed: with the key it is what the chain is
      const refusal = async (...argv: readonly string[]) => errorOf(await command(...argv)).code
      expect(await refusal("snapshot", "show", "--json", at("pf.el2"), "vm")).toBe("SNAPSHOT_KEY")
      expect(await refusal("snapshot", "show", "--json", at("pf.el2"), "sealed")).toBe("SNAPSHOT_KEY")
      expect(await refusal("snapshot", "diff", "--json", at("p1.el2"), at("pf.el2"))).toBe("SNAPSHOT_KEY")
      expect(await refusal("restore", "--json", at("pf.el2"))).toBe("SNAPSHOT_KEY")
      const whole = await command("snapshot", "show", ...sealedWith, at("pf.el2"), "vm")
      expect(whole.out).toBe((await command("snapshot", "show", ...sealedWith, at("p2.el2"), "vm")).out)
      expect((await command("restore", ...sealedWith, at("pf.el2"))).out).toBe("restored after 1030 instructions; --resume goes on\n")
      const words = new BigUint64Array(64)
      let word = 0x5ec7n
      for (let i = 0; i < words.length; i++) {
        word = BigInt.asUintN(64, word ^ (word << 13n))
        word ^= word >> 7n
        words[i] = word = BigInt.asUintN(64, word ^ (word << 17n))
      }
      const found = (name: string) => readFileSync(at(name)).includes(Buffer.from(words.buffer, 40, 24))
      expect(readdirSync(folder).filter((name) => name.startsWith("p") && found(name))).toEqual([])
      expect((await save("c3.el2", "--kind", "vm", "--snapshot-at", "1000")).exit).toBe(0)
      expect(found("c3.el2")).toBe(true)
    })
    it("is verified inside its seal with the key, and refused with another", async () => {
      const other = at("other-key")
      writeFileSync(other, new Uint8Array(32))
      const codes = await Promise.all(
        [
          ["verify", "--key-file", other, at("s1.el2")],
          ["show", "--key-file", other, at("s1.el2"), "vm"],
          ["show", ...sealedWith, at("c1.el2"), "vm"],
          ["diff", ...sealedWith, at("c1.el2"), at("s1.el2")],
          ["flatten", "--key-file", other, "-o", at("no.el2"), at("s1.el2")]
        ].map(async ([name, ...rest]) => errorOf(await command("snapshot", name!, "--json", ...rest)).code)
      )
      expect(codes).toEqual(Array(5).fill("SNAPSHOT_KEY"))
      expect(existsSync(at("no.el2"))).toBe(false)
    })
  })
})
