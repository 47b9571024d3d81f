/** What programmers write, with the words GNU as makes of it; and what is refused. */
import { describe, expect, it } from "vitest"
import { base } from "../src/base/index.ts"
import { systemNamesOf } from "../src/base/system-register-names.ts"
import { Table } from "../src/decode.ts"
import { instruction } from "../src/instruction.ts"

const declared = new Map([
  ["sctlr_el1", 0xc080],
  ["currentel", 0xc212],
  ["tpidr_el0", 0xde82],
  ["dbgdtrtx_el0", 0x9828]
])
const table = new Table(base.instructions!, { systemNames: systemNamesOf(declared) })
const place = { address: 0x1000 }

const written: readonly (readonly [text: string, word: number])[] = [
  ["mov x0, 5", 0xd28000a0],
  ["MOV X0, #0x1234", 0xd2824680],
  ["mov x0, #-1", 0x92800000],
  ["mov w0, #-2", 0x12800020],
  ["mov x0, #0x10000", 0xd2a00020],
  ["mov x0, #0xffff0000ffff0000", 0xb2103fe0],
  ["mov w3, #0xffffffff", 0x12800003],
  ["mov sp, x0", 0x9100001f],
  ["mov x0, sp", 0x910003e0],
  ["mov x1, x2", 0xaa0203e1],
  ["add x0,x0,1", 0x91000400],
  ["add x0, x0, #4096", 0x91400400],
  ["add x0, x0, #-5", 0xd1001400],
  ["sub sp, sp, #0x10", 0xd10043ff],
  ["subs w1, w2, #-3", 0x31000c41],
  ["cmp w0, -1", 0x3100041f],
  ["cmp x0, x1", 0xeb01001f],
  ["cmp sp, #16", 0xf10043ff],
  ["cmn x3, #1", 0xb100047f],
  ["neg x0, x1", 0xcb0103e0],
  ["add x0, sp, x1", 0x8b2163e0],
  ["add x0, x1, w2, uxtw", 0x8b224020],
  ["add x0, x1, w2, sxtb #2", 0x8b228820],
  ["add sp, sp, x1, lsl #3", 0x8b216fff],
  ["and x0, x1, #0xff", 0x92401c20],
  ["tst w0, #1", 0x7200001f],
  ["lsl x0, x1, 3", 0xd37df020],
  ["lsl x0, x1, x2", 0x9ac22020],
  ["lslv x0, x1, x2", 0x9ac22020],
  ["asr w0, w1, #31", 0x131f7c20],
  ["ror x0, x1, #5", 0x93c11420],
  ["ubfx x0, x1, #3, #4", 0xd3431820],
  ["bfi x0, x1, #60, #4", 0xb3440c20],
  ["bfc w0, #0, #3", 0x33000be0],
  ["sxtw x0, w1", 0x93407c20],
  ["uxtb w0, w1", 0x53001c20],
  ["cset w0, hs", 0x1a9f37e0],
  ["csetm x0, lo", 0xda9f23e0],
  ["cinc x0, x1, eq", 0x9a811420],
  ["cneg x0, x1, lt", 0xda81a420],
  ["ccmp x0, #3, #0, ne", 0xfa431800],
  ["csel x0, x1, x2, al", 0x9a82e020],
  ["rev64 x0, x1", 0xdac00c20],
  ["mul x0, x1, x2", 0x9b027c20],
  ["smull x0, w1, w2", 0x9b227c20],
  ["mneg w0, w1, w2", 0x1b02fc20],
  ["ret", 0xd65f03c0],
  ["ret x1", 0xd65f0020],
  ["br x16", 0xd61f0200],
  ["blr lr", 0xd63f03c0],
  ["mov x29, fp", 0xaa1d03fd],
  ["mov ip0, ip1", 0xaa1103f0],
  ["nop", 0xd503201f],
  ["hint 34", 0xd503245f],
  ["hint #3", 0xd503207f],
  ["bti", 0xd503241f],
  ["bti c", 0xd503245f],
  ["bti jc", 0xd50324df],
  ["paciasp", 0xd503233f],
  ["wfi", 0xd503207f],
  ["yield", 0xd503203f],
  ["sevl", 0xd50320bf],
  ["dsb sy", 0xd5033f9f],
  ["dsb ish", 0xd5033b9f],
  ["dsb #11", 0xd5033b9f],
  ["dmb ishst", 0xd5033abf],
  ["dmb oshld", 0xd50331bf],
  ["isb", 0xd5033fdf],
  ["isb sy", 0xd5033fdf],
  ["clrex", 0xd5033f5f],
  ["dsb oshnxs", 0xd503323f],
  ["ssbb", 0xd503309f],
  ["sb", 0xd50330ff],
  ["csdb", 0xd503229f],
  ["tlbi vmalle1is", 0xd508831f],
  ["tlbi vae1is, x0", 0xd5088320],
  ["tlbi alle2", 0xd50c871f],
  ["ic iallu", 0xd508751f],
  ["ic ivau, x3", 0xd50b7523],
  ["dc zva, x5", 0xd50b7425],
  ["dc civac, x1", 0xd50b7e21],
  ["at s1e1r, x0", 0xd5087800],
  ["cfp rctx, x0", 0xd50b7380],
  ["sys #3, c7, c4, #1, x0", 0xd50b7420],
  ["sys #0, C8, C3, #0", 0xd508831f],
  ["sysl x0, #0, C7, C1, #0", 0xd5287100],
  ["mrs x0, CurrentEL", 0xd5384240],
  ["mrs x0, S3_0_C1_C0_0", 0xd5381000],
  ["mrs x0, sctlr_el1", 0xd5381000],
  ["mrs x0, pmccntr_el0", 0xd53b9d00],
  ["mrs x1, dbgdtrrx_el0", 0xd5330501],
  ["msr dbgdtrtx_el0, x1", 0xd5130501],
  ["msr TPIDR_EL0, x3", 0xd51bd043],
  ["msr s3_3_c4_c2_0, x2", 0xd51b4202],
  ["msr daifset, 0xf", 0xd5034fdf],
  ["msr daifclr, #2", 0xd50342ff],
  ["msr spsel, #1", 0xd50041bf],
  ["msr pan, #0", 0xd500409f],
  ["svc 0", 0xd4000001],
  ["svc #0x80", 0xd4001001],
  ["hvc #1", 0xd4000022],
  ["smc #0", 0xd4000003],
  ["brk #0xf000", 0xd43e0000],
  ["hlt #0xf000", 0xd45e0000],
  ["eret", 0xd69f03e0],
  ["udf #0", 0x00000000],
  ["movz x0, #1, lsl 16", 0xd2a00020],
  ["movz x0, #1, lsl #48", 0xd2e00020],
  ["movk w0, #0xffff", 0x729fffe0],
  ["movn x0, #0, lsl #32", 0x92c00000],
  ["cfinv", 0xd500401f],
  ["rmif x1, #3, #15", 0xba01842f],
  ["setf8 w3", 0x3a00086d],
  ["crc32cx w0, w1, x2", 0x9ac25c20],
  ["smax x0, x1, #-3", 0x91c3f420],
  ["umin w0, w1, #200", 0x11cf2020],
  ["abs x0, x1", 0xdac02020],
  ["ldr x0, [x1, 8]", 0xf9400420],
  ["ldr x0, [x1, #-8]", 0xf85f8020],
  ["ldr w0, [sp, x1, lsl 2]", 0xb8617be0],
  ["stp x29, x30, [sp, -16]!", 0xa9bf7bfd],
  ["ldp x29, x30, [sp], 16", 0xa8c17bfd],
  ["ldadd w0, w1, [x2]", 0xb8200041],
  ["stadd x0, [x2]", 0xf820005f],
  ["casal x0, x1, [sp]", 0xc8e0ffe1],
  ["dcps1", 0xd4a00001],
  ["dcps2 #4", 0xd4a00082]
]

describe("the assembler", () => {
  it.each(written)("reads %s", (text, word) => expect(table.read(text, place)).toEqual({ word }))

  it("reads addresses in every spelling", () => {
    const here = { address: 0xffff_8000_0000_1000n }
    expect(table.assemble("b 0xffff800000001008", here)).toBe(0x14000002)
    expect(table.assemble("b .", here)).toBe(0x14000000)
    expect(table.assemble("b . + 8", here)).toBe(0x14000002)
    expect(table.assemble("cbz x0, .-0x4", here)).toBe(0xb4ffffe0)
    expect(table.assemble("b.eq ffff800000001010 <loop+0x10>", here)).toBe(0x54000080)
    expect(table.assemble("b 4104", place)).toBe(0x14000002)
    expect(table.assemble("adrp x1, 0xffff800000003000", here)).toBe(0xd0000001)
    expect(table.disassemble(0x17ffffff, here)).toBe("b 0xffff800000000ffc")
    expect(table.disassemble(0x17ffffff, { address: 0 })).toBe("b 0xfffffffffffffffc")
  })

  it.each([
    ["", "no instruction"],
    ["frobnicate x0", "no instruction is called 'frobnicate'"],
    ["add x0, x1", "cannot read the operands of 'add x0, x1'"],
    ["add x0, x1, #4097", "cannot read the operands"],
    ["add x0, w1, w2", "cannot read the operands"],
    ["add x31, x1, x2", "cannot read the operands"],
    ["mov w0, #0x123456789", "cannot read the operands"],
    ["and x0, x1, #0", "cannot read the operands"],
    ["lsl w0, w1, #32", "cannot read the operands"],
    ["bfi x0, x1, #60, #5", "cannot read the operands"],
    ["b 0x1002", "cannot read the operands"],
    ["tbz x0, #1, 0x100000", "cannot read the operands"],
    ["mrs x0, nonsense_el1", "cannot read the operands"],
    ["ldr x0, [x1, #32768]", "cannot read the operands"],
    ["nop x0", "cannot read the operands"]
  ])("refuses '%s'", (text, problem) => {
    const reading = table.read(text, place)
    expect("problem" in reading ? reading.problem : reading).toContain(problem)
    expect(table.assemble(text, place)).toBeUndefined()
  })

  it("takes the word that prints as the text where several forms read it", () => {
    expect(table.assemble("add x1, x2, x3", place)).toBe(0x8b030041)
    expect(table.assemble("add sp, x2, x3", place)).toBe(0x8b23605f)
  })
})

describe("names of system registers", () => {
  it("come from the table or from the place", () => {
    const none = new Table(base.instructions!)
    expect(none.disassemble(0xd5381000, place)).toBe("mrs x0, s3_0_c1_c0_0")
    expect(none.disassemble(0xd5381000, { ...place, systemNames: systemNamesOf(declared) })).toBe("mrs x0, sctlr_el1")
    expect(table.disassemble(0xd5381000, place)).toBe("mrs x0, sctlr_el1")
  })
  it("differ between reading and writing one encoding", () => {
    expect(table.disassemble(0xd5330501, place)).toBe("mrs x1, dbgdtrrx_el0")
    expect(table.disassemble(0xd5130501, place)).toBe("msr dbgdtrtx_el0, x1")
  })
})

describe("decoding", () => {
  it("prefers the special case", () => {
    const general = instruction({ name: "general", encoding: "11111111 value:24", assembly: "general #<value>", execute() {} })
    const special = instruction({ name: "special", encoding: "11111111 0000 value:20", assembly: "special #<value>", execute() {} })
    for (const order of [
      [general, special],
      [special, general]
    ])
      expect([0xff000001, 0xff100001].map((word) => new Table(order).decode(word)?.name)).toEqual(["special", "general"])
  })
  it("ignores should-be bits only when nothing else matches", () => {
    const strict = instruction({ name: "strict", encoding: "11111111 00000000 1111 value:12", assembly: "strict", execute() {} })
    const soft = instruction({ name: "soft", encoding: "11111111 00000000 (0000) value:12", assembly: "soft", execute() {} })
    const both = new Table([strict, soft])
    expect([0xff000001, 0xff00f001, 0xff003001].map((word) => both.decode(word)?.name)).toEqual(["soft", "strict", "soft"])
  })
  it("leaves to others what `where` excludes", () => {
    const even = instruction({ name: "even", encoding: "11111111 value:24", where: (f) => f.value % 2 === 0, assembly: "even", execute() {} })
    const odd = instruction({ name: "odd", encoding: "11111111 value:24", where: (f) => f.value % 2 === 1, assembly: "odd", execute() {} })
    expect([0xff000000, 0xff000001, 0xfe000000].map((word) => new Table([even, odd]).decode(word)?.name)).toEqual(["even", "odd", undefined])
  })
})
