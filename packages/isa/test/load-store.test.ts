import { describe, expect, test } from "vitest"
import { loadStoreInstructions } from "../src/base/load-store.ts"
import { Table } from "../src/index.ts"

const table = new Table(loadStoreInstructions)
const here = { address: 0 }

describe("the text of a word, as GNU objdump prints it", () => {
  test.each([
    [0x79d29b61, "ldrsh w1, [x27, #2380]"],
    [0x39f723ff, "ldrsb wzr, [sp, #3528]"],
    [0xb9220792, "str w18, [x28, #8708]"],
    [0xb895d7f5, "ldrsw x21, [sp], #-163"],
    [0xf81937d2, "str x18, [x30], #-109"],
    [0x78cec588, "ldrsh w8, [x12], #236"],
    [0x38c09fff, "ldrsb wzr, [sp, #9]!"],
    [0xb812bc1f, "str wzr, [x0, #-213]!"],
    [0x780ece5d, "strh w29, [x18, #236]!"],
    [0x38db83a0, "ldursb w0, [x29, #-72]"],
    [0xf809a04e, "stur x14, [x2, #154]"],
    [0x78d1c068, "ldursh w8, [x3, #-228]"],
    [0x784cab3c, "ldtrh w28, [x25, #202]"],
    [0x38d46bf5, "ldtrsb w21, [sp, #-186]"],
    [0x384e6be1, "ldtrb w1, [sp, #230]"],
    [0xb8786a0d, "ldr w13, [x16, x24]"],
    [0xb8307a9c, "str w28, [x20, x16, lsl #2]"],
    [0xb8b249bf, "ldrsw xzr, [x13, w18, uxtw]"],
    [0x988c57bf, "ldrsw xzr, 0xfffffffffff18af4"],
    [0x183d744b, "ldr w11, 0x7ae88"],
    [0x285a4bfa, "ldnp w26, w18, [sp, #208]"],
    [0x28357f7a, "stnp w26, wzr, [x27, #-88]"],
    [0xa88cbbe0, "stp x0, x14, [sp], #200"],
    [0x68ff28ff, "ldpsw xzr, x10, [x7], #-8"],
    [0xa8d33c96, "ldp x22, x15, [x4], #304"],
    [0x69529dfc, "ldpsw x28, x7, [x15, #148]"],
    [0xa90187ff, "stp xzr, x1, [sp, #24]"],
    [0x297de8da, "ldp w26, w26, [x6, #-20]"],
    [0x29a9c28b, "stp w11, w16, [x20, #-180]!"],
    [0x69fd6d1f, "ldpsw xzr, x27, [x8, #-24]!"],
    [0xa9cbb030, "ldp x16, x12, [x1, #184]!"],
    [0xf9a803f9, "prfm #0x19, [sp, #20480]"],
    [0xf8824025, "prfum pldl3strm, [x1, #36]"],
    [0xf8b86a03, "prfm pldl2strm, [x16, x24]"],
    [0xd8c0b213, "prfm pstl2strm, 0xfffffffffff81640"],
    [0xf8bb68d9, "rprfm #17, x27, [x6]"],
    [0x485ffffc, "ldaxrh w28, [sp]"],
    [0x085f7cfa, "ldxrb w26, [x7]"],
    [0x485f7fb2, "ldxrh w18, [x29]"],
    [0x08157c00, "stxrb w21, w0, [x0]"],
    [0x4808fc57, "stlxrh w8, w23, [x2]"],
    [0xc8127dbf, "stxr w18, xzr, [x13]"],
    [0x887f22b7, "ldxp w23, w8, [x21]"],
    [0x887fde1f, "ldaxp wzr, w23, [x16]"],
    [0x8834bbee, "stlxp w20, w14, w14, [sp]"],
    [0x883c6c77, "stxp w28, w23, w27, [x3]"],
    [0x08dffc26, "ldarb w6, [x1]"],
    [0x88dfff01, "ldar w1, [x24]"],
    [0xc89ffe96, "stlr x22, [x20]"],
    [0x48df7e8a, "ldlarh w10, [x20]"],
    [0x08df7fff, "ldlarb wzr, [sp]"],
    [0x88df7ffb, "ldlar w27, [sp]"],
    [0x78bfc3ea, "ldaprh w10, [sp]"],
    [0xf8bfc3f4, "ldapr x20, [sp]"],
    [0x38bfc23f, "ldaprb wzr, [x17]"],
    [0x194391f9, "ldapurb w25, [x15, #57]"],
    [0x199b022d, "ldapursb x13, [x17, #-80]"],
    [0x9917e117, "stlur w23, [x8, #-130]"],
    [0xf869224f, "ldeorl x9, x15, [x18]"],
    [0x78f113fd, "ldclralh w17, w29, [sp]"],
    [0x386e63f4, "ldumaxlb w14, w20, [sp]"],
    [0xf8a281c0, "swpa x2, x0, [x14]"],
    [0x383b8026, "swpb w27, w6, [x1]"],
    [0xf8fc8000, "swpal x28, x0, [x0]"],
    [0xc8affc40, "casl x15, x0, [x2]"],
    [0x48ef7feb, "casah w15, w11, [sp]"],
    [0x48e9fe28, "casalh w9, w8, [x17]"],
    [0x0866fe8a, "caspal w6, w7, w10, w11, [x20]"],
    [0x082c7fe4, "casp w12, w13, w4, w5, [sp]"],
    [0x08747faa, "caspa w20, w21, w10, w11, [x29]"],
    [0x193033f7, "ldsetp x23, x16, [sp]"],
    [0x19e131a7, "ldsetpal x7, x1, [x13]"],
    [0x19b011e9, "ldclrpa x9, x16, [x15]"],
    [0x1d4dc5e9, "cpymn [x9]!, [x13]!, x15!"],
    [0x1d5675f9, "cpymtwn [x25]!, [x22]!, x15!"],
    [0x198ff557, "cpyfetn [x23]!, [x15]!, x10!"],
    [0x19c3344e, "setptn [x14]!, x2!, x3"],
    [0x19d4a4f3, "seten [x19]!, x7!, x20"],
    [0x19cc660f, "setmn [x15]!, x16!, x12"],
    [0x38656820, "ldrb w0, [x1, x5]"],
    [0x38657820, "ldrb w0, [x1, x5, lsl #0]"],
    [0xf8607bff, "ldr xzr, [sp, x0, lsl #3]"],
    [0xb85fc3e0, "ldur w0, [sp, #-4]"],
    [0xd8000058, "prfm #0x18, 0x8"],
    [0xf980041f, "prfm #0x1f, [x0, #8]"],
    [0xf9800418, "prfm ir, [x0, #8]"],
    [0xf8bf5bfd, "rprfm #13, xzr, [sp]"],
    [0xb861001f, "staddl w1, [x0]"],
    [0xf8a1001f, "ldadda x1, xzr, [x0]"],
    [0x781f03ff, "sturh wzr, [sp, #-16]"]
  ])("%i is %s", (word, text) => {
    expect(table.disassemble(word, here)).toBe(text)
    expect(table.assemble(text, here)).toBe(word)
  })
})

test("other spellings", () => {
  const same = (text: string, other: string) => expect(table.assemble(other, here), other).toBe(table.assemble(text, here))
  same("ldr x0, [x1]", "LDR X0, [X1, #0]")
  same("ldr x0, [x1, x2]", "ldr x0,[x1,x2,lsl #0]")
  same("ldr x0, [x1, w2, uxtw #3]", "ldr x0, [x1, w2, uxtw 3]")
  same("stp x29, x30, [sp, #-16]!", "stp fp, lr, [sp, -0x10]!")
  same("prfm #0x18, [x0]", "prfm ir, [x0]")
  same("ldur x0, [x1, #-8]", "ldr x0, [x1, #-8]")
  same("sturh w0, [x1, #3]", "strh w0, [x1, #3]")
  same("prfum pldl1keep, [x0, #1]", "prfm pldl1keep, [x0, #1]")
  same("ldr w0, [x1, x2, sxtx #2]", "ldr w0, [x1, x2, sxtx 2]")
  same("ldr w0, [x1, wzr, sxtw]", "ldr w0, [x1, wzr, sxtw #0]")
  same("ldadd w0, wzr, [x1]", "stadd w0, [x1]")
})

test("text that is no instruction", () => {
  const lines = [
    "ldr x0, [x1, #257]",
    "ldr x0, [x1, #32768]",
    "ldrsw w0, [x1]",
    "ldrb x0, [x1]",
    "ldr x0, [x1, w2]",
    "ldr x0, [x1, w2, lsl #3]",
    "ldr x0, [x1, x2, sxtw]",
    "ldr x0, [x1, x2, lsl #2]",
    "ldr x0, [x1, x2, uxtw]",
    "ldr x0, [x1, x2, lsl]",
    "ldr x0, [x32]",
    "ldp x0, x1, [x2, #512]",
    "ldp x0, w1, [x2]",
    "stpsw x0, x1, [x2]",
    "casp x1, x2, x4, x5, [x0]",
    "casp x0, x2, x4, x5, [x6]",
    "ldaddab x0, x1, [x2]",
    "cpyfp [x0]!, [x0]!, x2!",
    "setp [x0]!, xzr!, x1",
    "ldxrh x0, [x1]"
  ]
  for (const line of lines) expect(table.assemble(line, here), line).toBeUndefined()
})

test("words that are not allocated", () => {
  const words = [
    0xb8c00000, // LDURSW into a W register
    0xf8c00400, // size 3, opc 3
    0x38250878, // register offset with option 0
    0x29000000 | (1 << 30), // STPSW
    0x68400000, // LDPSW without allocation
    0xe9400000, // pair with opc 3
    0x48217c20, // CASP of odd registers
    0x1d0107e0, // CPYP with XZR as size
    0x19c1045f, // SETP to XZR
    0x5d010440, // CPYP with a size field
    0x1922203f, // opc 2 of the 128-bit atomics
    0x1922803f // SWPP into XZR
  ]
  for (const word of words) expect(table.decode(word >>> 0)?.name, word.toString(16)).toBeUndefined()
})

test("bits that should be one are not needed to decode", () => {
  expect(table.disassemble(0x885a0020, here)).toBe("ldxr w0, [x1]")
  expect(table.disassemble(0x88dffc26 & ~(1 << 20), here)).toBe("ldar w6, [x1]")
})
