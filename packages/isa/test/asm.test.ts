/** The assembler against what GNU as and ld made of the same sources (asm/golden.json, by asm/record.ts), and its messages and limits. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { describe, expect, it } from "vitest"
import { assemble, assembleLines, base, composeOrThrow, toElf, toFlat } from "../src/index.ts"
import { readElf } from "./asm/elf-reader.ts"

const here = fileURLToPath(new URL("./asm/", import.meta.url))
const isa = composeOrThrow([base, fpsimd])
const hex = (n: bigint) => `0x${n.toString(16)}`

interface Golden {
  readonly entry: string
  readonly sections: readonly { readonly name: string; readonly address: string; readonly length: number; readonly bytes: string }[]
  readonly symbols: Readonly<Record<string, string>>
}
const golden: Readonly<Record<string, Golden>> = JSON.parse(readFileSync(`${here}golden.json`, "utf8"))
const sources = readdirSync(here).filter((name) => name.endsWith(".s"))

const assembled = (source: string, options: Partial<Parameters<typeof assemble>[1]> = {}) => {
  const { assembly, problems } = assemble(source, { isa, ...options })
  if (problems) throw new Error(problems.map(({ line, column, message }) => `${line}:${column}: ${message}`).join("\n"))
  return assembly
}
/** The words of instructions, without anything else. */
const wordsOf = (source: string): readonly string[] => {
  const { bytes } = assembled(source).sections[0]!
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 4 }, (_, i) =>
    view
      .getUint32(4 * i, true)
      .toString(16)
      .padStart(8, "0")
  )
}
const problemsOf = (source: string, options: Partial<Parameters<typeof assemble>[1]> = {}) =>
  (assemble(source, { isa, ...options }).problems ?? []).map(({ line, column, message }) => `${line}:${column}: ${message}`)

describe("the same program as GNU as and ld make", () => {
  it("covers every source", () => expect(sources).toEqual(Object.keys(golden).sort()))
  it.each(sources)("%s", (name) => {
    const elf = readElf(toElf(assembled(readFileSync(here + name, "utf8"))))
    const expected = golden[name]!
    expect(hex(elf.entry)).toBe(expected.entry)
    for (const { name: section, address, length, bytes } of expected.sections) {
      // ld joins the sections of a kind; ours lie side by side.
      const ours = elf.sections
        .filter(({ name: own }) => own === section || own.startsWith(`${section}.`))
        .sort((a, b) => Number(a.address - b.address))
      const start = BigInt(address)
      const image = new Uint8Array(bytes === "" ? 0 : length)
      for (const part of ours) image.set(part.bytes, Number(part.address - start))
      expect(hex(ours[0]!.address)).toBe(address)
      expect(Number(ours.at(-1)!.address - start) + ours.at(-1)!.length).toBe(length)
      expect(Buffer.from(image).toString("hex")).toBe(Buffer.from(bytes, "base64").toString("hex"))
    }
    const symbols = new Map(elf.symbols.map(({ name: own, value }) => [own, hex(value)]))
    for (const [symbol, value] of Object.entries(expected.symbols)) expect([symbol, symbols.get(symbol)]).toEqual([symbol, value])
  })
})

describe("files", () => {
  const source = `
    .globl _start
    .type _start, %function
_start: nop
    .size _start, . - _start
    .section .rodata
text: .asciz "abc"
    .data
    .word 1
    .bss
    .space 5000
last:`
  it("an ELF file has a segment for each set of permissions", () => {
    const elf = readElf(toElf(assembled(source, { origin: 0x4000_0000 })))
    expect(elf.segments.map(({ type, flags, address, length, bytes }) => [type, flags, hex(address), Number(length), bytes.length])).toEqual([
      [1, 5, "0x40000000", 4, 4],
      [1, 4, "0x40001000", 4, 4],
      [1, 6, "0x40002000", 5004, 4]
    ])
    expect(elf.symbols.find(({ name }) => name === "_start")).toEqual({ name: "_start", info: 0x12, section: 1, value: 0x4000_0000n, size: 4n })
    expect(elf.symbols.find(({ name }) => name === "last")?.value).toBe(0x4000_2000n + 5004n)
  })
  it("a flat image is memory without what is zero at its end", () => {
    const flat = toFlat(assembled(source, { origin: 0x4000_0000 }))
    expect(flat.length).toBe(0x2004)
    expect(new TextDecoder().decode(flat.subarray(0x1000, 0x1003))).toBe("abc")
  })
  it("an empty program is an empty file", () => {
    expect(toFlat(assembled("")).length).toBe(0)
    expect(readElf(toElf(assembled(""))).segments).toEqual([])
  })
  it("starts at _start, at the start of .text, or where it is told", () => {
    expect(assembled("nop\n_start: nop").entry).toBe(0x40_0004n)
    expect(assembled("nop\nother: nop").entry).toBe(0x40_0000n)
    expect(assembled("nop\nother: nop", { entry: "other" }).entry).toBe(0x40_0004n)
    expect(problemsOf("nop", { entry: "other" })).toEqual(["1:1: 'other' is to be started at but is not defined"])
  })
  it("provides what linkers provide, to those who ask", () => {
    const { symbols } = assembled(".quad __bss_start, _end, _edata\n.data\n.word 1\n.bss\n.space 8")
    expect(symbols.map(({ name, value }) => [name, hex(value)])).toEqual([
      ["__bss_start", "0x401004"],
      ["_end", "0x40100c"],
      ["_edata", "0x401004"]
    ])
  })
  it("symbols can be given from outside", () => {
    expect([...assembled(".byte SIZE * 2", { symbols: { SIZE: 8n } }).sections[0]!.bytes]).toEqual([16])
  })
})

describe("a few lines", () => {
  it("become words at an address", () => {
    const { words } = assembleLines(["1: msr tpidr_el1, x0", "b 1b", "adrp x0, 1b"], 0xffff_ffff_f400n, isa)
    expect([...words!].map((word) => word.toString(16))).toEqual(["d518d080", "17ffffff", "90000000"])
  })
  it("or problems", () => {
    expect(assembleLines(["nop", "nope"], 0, isa).problems).toEqual([
      { line: 2, column: 1, text: "nope", message: "no instruction is called 'nope'" }
    ])
  })
  it("words of instructions may also be labels", () => {
    // As GNU as has it: a register is a register, other words are symbols only where the instruction has no use for them.
    expect(wordsOf("b sy\nsy: dsb sy\nb eq\neq: cset x0, eq")).toEqual(["14000001", "d5033f9f", "14000001", "9a9f17e0"])
  })
})

describe("problems", () => {
  it("are reported all at once, where they are", () => {
    expect(
      problemsOf(
        [
          "start: mov x0, #1",
          "  frobnicate x0",
          "  mov x0 ; add x0, x1, #0x1001 ; b nowhere",
          "  .nosuch 5",
          '  .ascii "open',
          "start: nop",
          "  ldr x0, [x1, #(2 + ]",
          "  .word 1 2",
          "  .byte 256, -129",
          "  .balign 3",
          "  .quad start * 2, 1 / 0, loop",
          "  .set loop, loop + 1",
          "  tbz x0, #64, start",
          "  mov x0, 1b",
          "  .macro m",
          "  .endif"
        ].join("\n")
      )
    ).toEqual([
      "2:3: no instruction is called 'frobnicate'",
      "3:3: the operands fit no form of 'mov'",
      "3:12: the operands fit no form of 'add'",
      "3:34: 'nowhere' is not defined",
      "4:3: no directive is called '.nosuch'",
      "5:10: the string has no closing quote",
      "6:1: 'start' is already defined",
      "7:22: expected a number or a name, not ']'",
      "8:11: unexpected '2'",
      "9:9: 0x100 does not fit into 8 bits",
      "9:14: -0x81 does not fit into 8 bits",
      "10:11: 3 is not a power of two",
      "11:9: '*' needs numbers, not addresses",
      "11:20: division by zero",
      "11:27: 'loop' is defined by itself",
      "13:3: the operands fit no form of 'tbz' (its target is -52 bytes away)",
      "14:3: '1' is not defined",
      "15:3: '.macro' without '.endm'"
    ])
  })
  it("name the macro they come from", () => {
    expect(problemsOf(".macro inner r\n bad \\r\n.endm\n.macro outer\n inner 1\n.endm\nnop\n  outer")).toEqual([
      "8:3: no instruction is called 'bad' (in macro outer, inner)"
    ])
  })
  it.each([
    [".if 1\nnop", "2:1: '.if' without '.endif'"],
    [".endif", "1:1: '.endif' without '.if'"],
    [".rept 2\nnop", "1:1: '.rept' without '.endr'"],
    [".space later\nlater = 4", "1:8: 'later' must be known here"],
    [".space -1", "1:8: -1 is not between 0 and 2147483648"],
    [".bss\n.byte 1", "2:7: section .bss starts as zeros and cannot hold other bytes"],
    [".bss\nnop", "2:1: section .bss starts as zeros and cannot hold instructions"],
    ['.incbin "/etc/passwd"', "1:1: a source cannot take in other files"],
    ['.error "told so"', "1:1: told so"],
    [".popsection", "1:1: no section was pushed"],
    [".macro m a\n.endm\nm 1, 2", "3:1: macro 'm' takes 1 arguments"],
    [".macro m a:req\n.endm\nm", "3:1: macro 'm' needs 'a'"],
    ["tbz x0, #1, far\n.org 0x10000\nfar:", "1:1: the operands fit no form of 'tbz' (its target is 65536 bytes away)"],
    ["movz x0, #:abs_g0:far\n.set far, 0x10000", "1:1: 0x10000 does not fit into :abs_g0:"],
    ["here: ldr x0, :got:here", "1:1: ':got:' is not known; lo12, pg_hi21 and abs_g0 to abs_g3 are"],
    ["ldrb w0, =5", "1:10: 'ldrb' cannot load a literal into w0"],
    [".quad 09", "1:7: '09' is not an octal number"],
    [".data\n.word start\n.text\n.org 0x100000000 - 0x400000\nstart:", "4:6: 4290772992 is not an offset in a section"]
  ])("%j", (source, problem) => expect(problemsOf(source)).toEqual([problem]))
})

describe("hostile sources end in problems", () => {
  const first = (source: string, limits = {}) => problemsOf(source, { limits })[0]?.replace(/^\d+:\d+: /, "")
  it("macros that call themselves", () => {
    expect(first(".macro m\nm\n.endm\nm")).toMatch(/^macros and repetitions nest at most 100 levels/)
    expect(first(".macro m x\nm \\x\\x\\x\\x\n.endm\nm aaaaaaaa")).toMatch(/^a statement has at most 65536 characters/)
    expect(first(".macro m x\nm \\x\nm \\x\n.endm\nm 1", { expanded: 100_000, depth: 30 })).toMatch(/nest at most 30|make more than/)
  })
  it("repetitions without end", () => {
    expect(first(".rept 10000000\n.rept 10000000\n.endr\n.endr", { expanded: 1_000_000 })).toMatch(/^macros and repetitions make more than/)
    expect(first(".rept 100000000\n.endr")).toMatch(/^100000000 is not between/)
  })
  it("more bytes than allowed", () => {
    expect(first(".space 0x7fffffff")).toBe("the program takes more than 268435456 bytes")
    expect(first(".fill 0x7fffffff, 8, 1")).toBe("the program takes more than 268435456 bytes")
    expect(first(".bss\n.space 2000", { bytes: 1000 })).toBe("the program takes more than 1000 bytes")
    expect(first("nop\n.p2align 30")).toBe("the program takes more than 268435456 bytes")
    expect(first("nop; nop", { source: 5 })).toBe("the source has more than 5 characters")
  })
  it("expressions that are too deep, too long or circular", () => {
    expect(first(`.quad ${"(".repeat(100_000)}1`)).toBe("an expression nests at most 100 levels")
    expect(first(`.quad ${"-".repeat(100_000)}1`)).toBe("an expression nests at most 100 levels")
    expect(first(`.quad a${" + a".repeat(5000)}`)).toBe("an expression has at most 1000 terms")
    expect(first(`.quad ${"9".repeat(5000)}`)).toBe("a number has at most 100 digits")
    expect(first(`a0 = 1\n${Array.from({ length: 5000 }, (_, i) => `b${i} = b${i + 1} + b${i + 1}`).join("\n")}\n.quad b0`)).toMatch(
      /is defined through more than/
    )
    expect(first("x = y\ny = z + 1\nz = x\n.quad x")).toMatch(/is defined by itself/)
  })
  it("names used by names are worked out once", () => {
    const source = `${Array.from({ length: 100 }, (_, i) => `.set b${i}, b${i + 1} + b${i + 1}`).join("\n")}\n.set b100, 1\n.quad b40`
    expect(assembled(source).sections[0]!.bytes[7]).toBe(0x10)
  })
  it("problems without end", () => expect(problemsOf("bad\n".repeat(100_000)).length).toBe(100))
  it("conditionals without end", () => expect(first(".if 1\n".repeat(2000))).toMatch(/^conditionals nest at most/))
  it("any bytes", () => {
    const random = (seed: number) => () => (seed = Math.imul(seed, 1664525) + 1013904223) >>> 8
    const next = random(7)
    const pieces = [
      ".macro m a,b",
      ".endm",
      "m",
      ".rept 3",
      ".endr",
      ".if",
      "(",
      ")",
      "[",
      "{",
      '"',
      "'",
      "\\",
      "1b",
      "x0",
      ",",
      "#",
      "/*",
      "*/",
      "//",
      ":",
      "=",
      ".set",
      ".quad",
      ".align",
      "ldr",
      "\n",
      ";",
      " ",
      "\0",
      "é",
      "😀",
      ".irp",
      "\\a",
      "v0.4s",
      "-",
      "lsl"
    ]
    for (let round = 0; round < 400; round++) {
      const source = Array.from({ length: 60 }, () => pieces[next() % pieces.length]).join(next() % 2 ? " " : "")
      const { assembly, problems } = assemble(source, { isa, limits: { bytes: 1 << 20, expanded: 1 << 18 } })
      expect(assembly === undefined).toBe(problems !== undefined)
    }
  })
})
