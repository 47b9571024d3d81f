import { Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { simdLoadStoreInstructions } from "../src/insns/load-store.ts"

const table = new Table(simdLoadStoreInstructions)
const here = { address: 0 }

describe("the text of a word, as GNU objdump prints it", () => {
  test.each([
    [0x3df723ff, "ldr q31, [sp, #56448]"],
    [0xbd220792, "str s18, [x28, #8708]"],
    [0x3cc38537, "ldr q23, [x9], #56"],
    [0xbc1c47ec, "str s12, [sp], #-60"],
    [0x3c8b5fe3, "str q3, [sp, #181]!"],
    [0x3c5bfc7f, "ldr b31, [x3, #-65]!"],
    [0xbc5163ff, "ldur s31, [sp, #-234]"],
    [0x3c15c03e, "stur b30, [x1, #-164]"],
    [0xfc665814, "ldr d20, [x0, w6, uxtw #3]"],
    [0x3c35796e, "str b14, [x11, x21, lsl #0]"],
    [0x5cc0f15f, "ldr d31, 0xfffffffffff81e28"],
    [0x6c0bebf3, "stnp d19, d26, [sp, #184]"],
    [0x2c668c71, "ldnp s17, s3, [x3, #-204]"],
    [0x2cb5ed22, "stp s2, s27, [x9], #-84"],
    [0x6cd23db3, "ldp d19, d15, [x13], #288"],
    [0xad03b1d6, "stp q22, q12, [x14, #112]"],
    [0x2d6d312b, "ldp s11, s12, [x9, #-152]"],
    [0x2deb13bd, "ldp s29, s4, [x29, #-168]!"],
    [0xadbd07bf, "stp q31, q1, [x29, #-96]!"],
    [0x4c004fed, "st3 {v13.2d-v15.2d}, [sp]"],
    [0x4c0060e5, "st1 {v5.16b-v7.16b}, [x7]"],
    [0x4c008b6d, "st2 {v13.4s-v14.4s}, [x27]"],
    [0x0c8a4b84, "st3 {v4.2s-v6.2s}, [x28], x10"],
    [0x0cdc0b37, "ld4 {v23.2s-v26.2s}, [x25], x28"],
    [0x4c8d2074, "st1 {v20.16b-v23.16b}, [x3], x13"],
    [0x4d60b1f5, "ld4 {v21.s-v24.s}[3], [x15]"],
    [0x4d40a3df, "ld3 {v31.s-v1.s}[2], [x30]"],
    [0x0d20918f, "st2 {v15.s-v16.s}[1], [x12]"],
    [0x0d87821f, "st1 {v31.s}[0], [x16], x7"],
    [0x4d8737ed, "st3 {v13.b-v15.b}[13], [sp], x7"],
    [0x0df14bff, "ld2 {v31.h-v0.h}[1], [sp], x17"],
    [0x4d60e3cf, "ld4r {v15.16b-v18.16b}, [x30]"],
    [0x0d40cd9f, "ld1r {v31.1d}, [x12]"],
    [0x0d60c1bb, "ld2r {v27.8b-v28.8b}, [x13]"],
    [0x0dfdc3b7, "ld2r {v23.8b-v24.8b}, [x29], x29"],
    [0x0dc2efe9, "ld3r {v9.1d-v11.1d}, [sp], x2"],
    [0x4de9eb27, "ld4r {v7.4s-v10.4s}, [x25], x9"],
    [0x4c40203f, "ld1 {v31.16b-v2.16b}, [x1]"],
    [0x4c40a000, "ld1 {v0.16b-v1.16b}, [x0]"],
    [0x0ddfec00, "ld3r {v0.1d-v2.1d}, [x0], #24"],
    [0x4dffa41f, "ld4 {v31.d-v2.d}[1], [x0], #32"],
    [0x3c657820, "ldr b0, [x1, x5, lsl #0]"],
    [0x0cdf7000, "ld1 {v0.8b}, [x0], #8"],
    [0x4cc0703f, "ld1 {v31.16b}, [x1], x0"]
  ])("%i is %s", (word, text) => {
    expect(table.disassemble(word, here)).toBe(text)
    expect(table.assemble(text, here)).toBe(word)
  })
})

test("other spellings", () => {
  const same = (text: string, other: string) => expect(table.assemble(other, here), other).toBe(table.assemble(text, here))
  same("ld1 {v0.16b-v3.16b}, [x0]", "ld1 { v0.16b, v1.16b, v2.16b, v3.16b }, [x0]")
  same("st2 {v31.4s-v0.4s}, [sp], #32", "st2 {v31.4s, v0.4s}, [sp], 32")
  same("ldur q0, [x1, #8]", "ldr q0, [x1, #8]")
  same("ld4 {v1.d-v4.d}[1], [x0], x5", "LD4 {V1.D, V2.D, V3.D, V4.D}[1], [X0], X5")
})

test("text that is no instruction", () => {
  const lines = [
    "ld2 {v0.1d-v1.1d}, [x0]",
    "ld1 {v0.16b}, [x0], #8",
    "ld1 {v0.b}[16], [x0]",
    "ld1 {v0.s}[4], [x0]",
    "ld3 {v0.4s, v2.4s, v4.4s}, [x0]",
    "st1r {v0.4s}, [x0]",
    "ldr q0, [x1, #264]",
    "ldr q0, [x1, x2, lsl #3]",
    "ldp q0, d1, [x2]",
    "ldp h0, h1, [x2]",
    "ldr b0, 0x1000"
  ]
  for (const line of lines) expect(table.assemble(line, here), line).toBeUndefined()
})

test("words that are not allocated", () => {
  const words = [
    0x0c008c00, // ST2 of 1d registers
    0x0c401000, // opcode 1 of the multiple structures
    0x0d404400, // a halfword lane with an odd size field
    0x0d409400, // a doubleword lane with S
    0x0d40dc00, // a replicating load with S
    0x0d00c000, // a replicating store
    0x7cc00400, // a register of 16 bytes with a size field
    0xec400000 // pair with opc 3
  ]
  for (const word of words) expect(table.decode(word >>> 0)?.name, word.toString(16)).toBeUndefined()
})
