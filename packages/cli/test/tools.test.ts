import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { command, errorOf } from "./command.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-tools-"))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe("asm", () => {
  it("assembles a line", async () => {
    expect((await command("asm", "add x0, x1, x2; ret")).out).toBe("  400000:  8b020020  add x0, x1, x2\n  400004:  d65f03c0  ret\n")
  })
  it("lists sections and symbols of a file", async () => {
    const source = file("two.s", "start: fadd d0, d1, d2\n b start\n .data\nbytes: .byte 1, 2, 3\n")
    const { out } = await command("asm", "--origin", "0x1000", source)
    expect(out).toContain(".text, 8 bytes at 0x1000")
    expect(out).toContain("1e622820  fadd d0, d1, d2")
    expect(out).toContain("01 02 03")
    const json = JSON.parse((await command("asm", "--json", source)).out) as { sections: { name: string }[]; symbols: { name: string }[] }
    expect(json.sections.map(({ name }) => name)).toEqual([".text", ".data"])
    expect(json.symbols.map(({ name }) => name).sort()).toEqual(["bytes", "start"])
  })
  it("writes ELF and flat files that disasm reads back", async () => {
    const source = file("program.s", "_start: mov x0, #1\n cbz x0, _start\n ret\n")
    const [elf, flat] = [join(folder, "out.elf"), join(folder, "out.bin")]
    expect((await command("asm", "-o", elf, source)).exit).toBe(0)
    expect((await command("asm", "-o", flat, "--flat", source)).exit).toBe(0)
    expect(readFileSync(flat)).toHaveLength(12)
    const lines = (await command("disasm", elf)).out
    expect(lines).toMatch(/400000: {2}d2800020 {2}mov x0, #0x1/)
    expect((await command("disasm", flat, "--address", "0x400000")).out).toBe(lines)
  })
  it("tells every problem with its place", async () => {
    const source = file("bad.s", "nop\nfrob x0\nadd x1\n")
    const { problems, code } = errorOf(await command("asm", "--json", source))
    expect(code).toBe("GUEST_IMAGE")
    expect((problems as string[]).map((line) => line.slice(source.length, source.length + 3))).toEqual([":2:", ":3:"])
  })
})

describe("disasm", () => {
  it("reads words", async () => {
    expect((await command("disasm", "8b020020", "0xd65f03c0", "00000000")).out).toBe(
      "       0:  8b020020  add x0, x1, x2\n       4:  d65f03c0  ret\n       8:  00000000  udf #0\n"
    )
  })
  it("shows words that are no instruction, and those of features that are off", async () => {
    expect((await command("disasm", "ffffffff")).out).toContain(".inst 0xffffffff")
    expect((await command("disasm", "b8e00041")).out).toContain("ldaddal w0, w1, [x2]")
    expect((await command("disasm", "--cpu", "max,lse=off", "b8e00041")).out).toContain(".inst 0xb8e00041")
  })
  it("gives JSON with addresses", async () => {
    expect(JSON.parse((await command("disasm", "--json", "--address", "4096", "d65f03c0")).out)).toEqual([
      { address: "0x1000", word: "d65f03c0", text: "ret" }
    ])
  })
  it.each(["-1", "0x1ffffffffffffffff", "here"])("refuses address %s", async (address) => {
    expect((await command("disasm", "--address", address, "d65f03c0")).exit).toBe(125)
  })
})

describe("isa", () => {
  it("lists features, instructions and registers", async () => {
    const { features, instructions, registers } = JSON.parse((await command("isa", "--json")).out) as Record<string, { name: string }[]>
    expect(features!.map(({ name }) => name)).toContain("AdvSIMD")
    expect(instructions!.length).toBeGreaterThan(300)
    expect(registers!.map(({ name }) => name)).toContain("CPACR_EL1")
  })
  it("shows one feature", async () => {
    const { out } = await command("isa", "--feature", "FEAT_lse")
    expect(out).toMatch(/^1 features\n {2}LSE +on/)
    expect(out).toContain("LDADD")
    const off = await command("isa", "--feature", "LSE", "--cpu", "max,lse=off")
    expect(off.out).toMatch(/^1 features\n {2}LSE +off/)
    expect(off.out).toContain("(feature off: UNDEFINED)")
  })
  it("counts what is declared of what is known", async () => {
    const { features, total } = JSON.parse((await command("isa", "--coverage", "--json")).out) as {
      features: { feature: string; declared: number; known: number }[]
      total: { declared: number; known: number }
    }
    expect(total.known).toBe(4351)
    expect(features.every(({ declared, known }) => declared <= known)).toBe(true)
    const by = new Map(features.map(({ feature, declared, known }) => [feature, declared / known]))
    expect(["base", "LSE", "FP", "AdvSIMD", "CRC32", "SHA256", "MOPS"].filter((name) => by.get(name) !== 1)).toEqual([])
    expect((await command("isa", "--coverage")).out).toMatch(/^total +\d+ \/ 4351 +\d+ %$/m)
  })
})

describe("plugins", () => {
  it("lists what is loaded and the modes", async () => {
    const rows = JSON.parse((await command("plugins", "--json")).out) as { kind: string; name: string }[]
    expect(rows.map(({ kind, name }) => `${kind} ${name}`)).toEqual(expect.arrayContaining(["extension base", "extension fpsimd", "mode vhe"]))
  })
})
