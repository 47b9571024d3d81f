import { legalWords, randomFrom, Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { floatInstructions } from "../src/insns/float.ts"

const table = new Table(floatInstructions)
const here = { address: 0 }

describe("the text of a word, as GNU objdump prints it", () => {
  test.each([
    [0x4e30c87a, "fmaxnmv h26, v3.8h"],
    [0x4e30fa87, "fmaxv h7, v20.8h"],
    [0x4eb0cbd0, "fminnmv h16, v30.8h"],
    [0x0eb0f8eb, "fminv h11, v7.4h"],
    [0x4f74faee, "bfdot v14.4s, v23.8h, v20.2h[3]"],
    [0x0ff0f96b, "bfmlalb v11.4s, v11.8h, v0.h[7]"],
    [0x4fe4f0e5, "bfmlalt v5.4s, v7.8h, v4.h[2]"],
    [0x6f7f13ca, "fcmla v10.8h, v30.8h, v31.h[1], #0"],
    [0x2f9c8a6f, "fmlal2 v15.2s, v19.2h, v12.h[5]"],
    [0x4fb60b79, "fmlal v25.4s, v27.4h, v6.h[7]"],
    [0x0f1312f8, "fmla v24.4h, v23.4h, v3.h[1]"],
    [0x6f93c8df, "fmlsl2 v31.4s, v6.4h, v3.h[5]"],
    [0x4f85418c, "fmlsl v12.4s, v12.4h, v5.h[0]"],
    [0x0f02507e, "fmls v30.4h, v3.4h, v2.h[0]"],
    [0x6f3b9145, "fmulx v5.8h, v10.8h, v11.h[3]"],
    [0x0f1f9265, "fmul v5.4h, v19.4h, v15.h[1]"],
    [0x6f04f5d3, "fmov v19.2d, #-3.750000000000000000e+00"],
    [0x4ea169c7, "bfcvtn2 v7.8h, v14.4s"],
    [0x0ea16a83, "bfcvtn v3.4h, v20.4s"],
    [0x4ee0f928, "fabs v8.2d, v9.2d"],
    [0x4ee0dad0, "fcmeq v16.2d, v22.2d, #0.0"],
    [0x6ea0c9cf, "fcmge v15.4s, v14.4s, #0.0"],
    [0x0ea0c8c3, "fcmgt v3.2s, v6.2s, #0.0"],
    [0x2ea0db8b, "fcmle v11.2s, v28.2s, #0.0"],
    [0x4ea0ea13, "fcmlt v19.4s, v16.4s, #0.0"],
    [0x4e61c92e, "fcvtas v14.2d, v9.2d"],
    [0x6e61c985, "fcvtau v5.2d, v12.2d"],
    [0x0e617897, "fcvtl v23.2d, v4.2s"],
    [0x4e2179f0, "fcvtl2 v16.4s, v15.8h"],
    [0x4e61bbd2, "fcvtms v18.2d, v30.2d"],
    [0x2e21b8a3, "fcvtmu v3.2s, v5.2s"],
    [0x0e21aa92, "fcvtns v18.2s, v20.2s"],
    [0x2e21ab40, "fcvtnu v0.2s, v26.2s"],
    [0x0e616b35, "fcvtn v21.2s, v25.2d"],
    [0x4e2168fe, "fcvtn2 v30.8h, v7.4s"],
    [0x4ea1a9c5, "fcvtps v5.4s, v14.4s"],
    [0x6ee1a98a, "fcvtpu v10.2d, v12.2d"],
    [0x6e616869, "fcvtxn2 v9.4s, v3.2d"],
    [0x2e616806, "fcvtxn v6.2s, v0.2d"],
    [0x0ea1b96e, "fcvtzs v14.2s, v11.2s"],
    [0x6ea1ba34, "fcvtzu v20.4s, v17.4s"],
    [0x6ea0fb2a, "fneg v10.4s, v25.4s"],
    [0x4ee1d9f7, "frecpe v23.2d, v15.2d"],
    [0x2e21ea25, "frint32x v5.2s, v17.2s"],
    [0x4e61ebbd, "frint32z v29.2d, v29.2d"],
    [0x2e21f9e3, "frint64x v3.2s, v15.2s"],
    [0x4e61fa0e, "frint64z v14.2d, v16.2d"],
    [0x6e6189a7, "frinta v7.2d, v13.2d"],
    [0x6ee19a19, "frinti v25.2d, v16.2d"],
    [0x4e219b4d, "frintm v13.4s, v26.4s"],
    [0x4e6188e2, "frintn v2.2d, v7.2d"],
    [0x4ea18956, "frintp v22.4s, v10.4s"],
    [0x6e219850, "frintx v16.4s, v2.4s"],
    [0x4ea198ce, "frintz v14.4s, v6.4s"],
    [0x6ea1da98, "frsqrte v24.4s, v20.4s"],
    [0x2ea1f9ee, "fsqrt v14.2s, v15.2s"],
    [0x4e61dbdb, "scvtf v27.2d, v30.2d"],
    [0x6e61dbef, "ucvtf v15.2d, v31.2d"],
    [0x0ea1cb73, "urecpe v19.2s, v27.2s"],
    [0x2ea1cab3, "ursqrte v19.2s, v21.2s"],
    [0x6ef2d54d, "fabd v13.2d, v10.2d, v18.2d"],
    [0x2e3eeffc, "facge v28.2s, v31.2s, v30.2s"],
    [0x6ee8ee47, "facgt v7.2d, v18.2d, v8.2d"],
    [0x6e68d536, "faddp v22.2d, v9.2d, v8.2d"],
    [0x0e22d426, "fadd v6.2s, v1.2s, v2.2s"],
    [0x6e65fc7a, "fdiv v26.2d, v3.2d, v5.2d"],
    [0x6e3dc4b9, "fmaxnmp v25.4s, v5.4s, v29.4s"],
    [0x0e32c43f, "fmaxnm v31.2s, v1.2s, v18.2s"],
    [0x6e60f5f4, "fmaxp v20.2d, v15.2d, v0.2d"],
    [0x0e24f5a5, "fmax v5.2s, v13.2s, v4.2s"],
    [0x6eaec6c7, "fminnmp v7.4s, v22.4s, v14.4s"],
    [0x4ebdc5e4, "fminnm v4.4s, v15.4s, v29.4s"],
    [0x6eeff7d2, "fminp v18.2d, v30.2d, v15.2d"],
    [0x0eb0f504, "fmin v4.2s, v8.2s, v16.2s"],
    [0x4e75fc1c, "frecps v28.2d, v0.2d, v21.2d"],
    [0x4ea0fe90, "frsqrts v16.4s, v20.4s, v0.4s"],
    [0x4eeed691, "fsub v17.2d, v20.2d, v14.2d"],
    [0x6e55eecf, "bfmmla v15.4s, v22.8h, v21.8h"],
    [0x2e5ae428, "fcadd v8.4h, v1.4h, v26.4h, #90"],
    [0x5ea1fb01, "frecpx s1, s24"],
    [0x1e7e004c, "fjcvtzs w12, d2"],
    [0x1e7194b9, "fccmpe d5, d17, #0x9, ls"],
    [0x1e6e07ca, "fccmp d30, d14, #0xa, eq"],
    [0x1e602158, "fcmpe d10, #0.0"],
    [0x1e602148, "fcmp d10, #0.0"],
    [0x1e6341a4, "bfcvt h4, s13"],
    [0x1ee2c193, "fcvt d19, h12"],
    [0x1e628830, "fnmul d16, d1, d2"],
    [0x1f475d1c, "fmadd d28, d8, d7, d23"],
    [0x1f42d28f, "fmsub d15, d20, d2, d20"],
    [0x1f7d26ed, "fnmadd d13, d23, d29, d9"],
    [0x1f66a814, "fnmsub d20, d0, d6, d10"],
    [0x1e631d44, "fcsel d4, d10, d3, ne"],
    [0x6e30c83c, "fmaxnmv s28, v1.4s"],
    [0x6f955aba, "fcmla v26.4s, v21.4s, v21.s[1], #180"],
    [0x0fb71359, "fmla v25.2s, v26.2s, v23.s[1]"],
    [0x4fcb10ae, "fmla v14.2d, v5.2d, v11.d[0]"],
    [0x2fbc9abc, "fmulx v28.2s, v21.2s, v28.s[3]"],
    [0x6fca9abe, "fmulx v30.2d, v21.2d, v10.d[1]"],
    [0x0f07fcf0, "fmov v16.4h, #-7.187500000000000000e-01"],
    [0x4f01f7b9, "fmov v25.4s, #2.900000000000000000e+01"],
    [0x4ef8fa03, "fabs v3.8h, v16.8h"],
    [0x0ef8d852, "fcmeq v18.4h, v2.4h, #0.0"],
    [0x6e3bce56, "fmlal2 v22.4s, v18.4h, v27.4h"],
    [0x0e26cd43, "fmla v3.2s, v10.2s, v6.2s"],
    [0x4e78cf54, "fmla v20.2d, v26.2d, v24.2d"],
    [0x2e4bff99, "bfdot v25.2s, v28.4h, v11.4h"],
    [0x6ec0fc17, "bfmlalt v23.4s, v0.8h, v0.8h"],
    [0x6e99e480, "fcadd v0.4s, v4.4s, v25.4s, #90"],
    [0x6ed4e619, "fcadd v25.2d, v16.2d, v20.2d, #90"],
    [0x6e42c521, "fcmla v1.8h, v9.8h, v2.8h, #0"],
    [0x2e88d742, "fcmla v2.2s, v26.2s, v8.2s, #180"],
    [0x6ecad444, "fcmla v4.2d, v2.2d, v10.2d, #180"],
    [0x6ec615ae, "fabd v14.8h, v13.8h, v6.8h"],
    [0x2e591692, "faddp v18.4h, v20.4h, v25.4h"],
    [0x0e4a0c45, "fmla v5.4h, v2.4h, v10.4h"],
    [0x0f34fe1f, "fcvtzs v31.2s, v16.2s, #12"],
    [0x0f15fc2d, "fcvtzs v13.4h, v1.4h, #11"],
    [0x4f49fe6e, "fcvtzs v14.2d, v19.2d, #55"],
    [0x5f301267, "fmla h7, h19, v0.h[3]"],
    [0x5fd913b4, "fmla d20, d29, v25.d[0]"],
    [0x5f88123e, "fmla s30, s17, v8.s[0]"],
    [0x7f3b9888, "fmulx h8, h4, v11.h[7]"],
    [0x7f969be3, "fmulx s3, s31, v22.s[2]"],
    [0x7fc193c9, "fmulx d9, d30, v1.d[0]"],
    [0x5ea0d9e2, "fcmeq s2, s15, #0.0"],
    [0x5ee0dac5, "fcmeq d5, d22, #0.0"],
    [0x5e61cac8, "fcvtas d8, d22"],
    [0x7e6168e5, "fcvtxn s5, d7"],
    [0x5ef8db9e, "fcmeq h30, h28, #0.0"],
    [0x5e79cba3, "fcvtas h3, h29"],
    [0x5e30dbed, "faddp h13, v31.2h"],
    [0x7e30d872, "faddp s18, v3.2s"],
    [0x7e70d94c, "faddp d12, v10.2d"],
    [0x7efcd56b, "fabd d11, d11, d28"],
    [0x7ea4d682, "fabd s2, s20, s4"],
    [0x7ecd1768, "fabd h8, h27, h13"],
    [0x5f52fd5e, "fcvtzs d30, d10, #46"],
    [0x5f21fd73, "fcvtzs s19, s11, #31"],
    [0x5f19fec8, "fcvtzs h8, h22, #7"],
    [0x1e58ec77, "fcvtzs w23, d3, #5"],
    [0x1ed8d88c, "fcvtzs w12, h4, #10"],
    [0x1e18ca1c, "fcvtzs w28, s16, #14"],
    [0x1e42b786, "scvtf d6, w28, #19"],
    [0x1ec28645, "scvtf h5, w18, #31"],
    [0x1e028044, "scvtf s4, w2, #32"],
    [0x1e64014b, "fcvtas w11, d10"],
    [0x1ee40319, "fcvtas w25, h24"],
    [0x1e240371, "fcvtas w17, s27"],
    [0x1ee60215, "fmov w21, h16"],
    [0x1e26028a, "fmov w10, s20"],
    [0x9e66031a, "fmov x26, d24"],
    [0x9eae02a4, "fmov x4, v21.d[1]"],
    [0x9e670189, "fmov d9, x12"],
    [0x1ee70114, "fmov h20, w8"],
    [0x1e2701c7, "fmov s7, w14"],
    [0x9eaf039a, "fmov v26.d[1], x28"],
    [0x1e620385, "scvtf d5, w28"],
    [0x1ee2027b, "scvtf h27, w19"],
    [0x1e2202ff, "scvtf s31, w23"],
    [0x1ef406bf, "fccmpe h21, h20, #0xf, eq"],
    [0x1e2db4dc, "fccmpe s6, s13, #0xc, lt"],
    [0x1e712230, "fcmpe d17, d17"],
    [0x1ee02398, "fcmpe h28, #0.0"],
    [0x1ee82190, "fcmpe h12, h8"],
    [0x1e2021b8, "fcmpe s13, #0.0"],
    [0x1e222290, "fcmpe s20, s2"],
    [0x1e60c294, "fabs d20, d20"],
    [0x1ee0c040, "fabs h0, h2"],
    [0x1e20c1ea, "fabs s10, s15"],
    [0x1e22c196, "fcvt d22, s12"],
    [0x1e63c3b6, "fcvt h22, d29"],
    [0x1e23c1a9, "fcvt h9, s13"],
    [0x1e624394, "fcvt s20, d28"],
    [0x1ee24320, "fcvt s0, h25"],
    [0x1e604146, "fmov d6, d10"],
    [0x1ee04040, "fmov h0, h2"],
    [0x1e204134, "fmov s20, s9"],
    [0x1e68c121, "frint32x d1, d9"],
    [0x1e28c27d, "frint32x s29, s19"],
    [0x1efe29e0, "fadd h0, h15, h30"],
    [0x1e3f2966, "fadd s6, s11, s31"],
    [0x1fd328ac, "fmadd h12, h5, h19, h10"],
    [0x1f162ce2, "fmadd s2, s7, s22, s11"],
    [0x1e6f3011, "fmov d17, #1.562500000000000000e+00"],
    [0x1ee5501f, "fmov h31, #1.300000000000000000e+01"],
    [0x1e28301c, "fmov s28, #1.328125000000000000e-01"],
    [0x1ee2ddc3, "fcsel h3, h14, h2, le"],
    [0x1e372d5a, "fcsel s26, s10, s23, cs"]
  ])("%i is %s", (word, text) => {
    expect(table.disassemble(word, here)).toBe(text)
    expect(table.assemble(text, here)).toBe(word)
  })
})

test("random words of every declaration read back", () => {
  const random = randomFrom(1)
  let read = 0
  for (const instruction of floatInstructions) {
    const words = legalWords(table, instruction, 40, random)
    expect(words.length, instruction.name).toBe(40)
    for (const word of words) expect(table.assemble(table.disassemble(word, here)!, here), `0x${word.toString(16)}`).toBe(word)
    read += words.length
  }
  expect(read).toBe(40 * floatInstructions.length)
})

test("should-be-zero bits of a comparison with zero are ignored", () => {
  expect(table.disassemble(0x1e202028, here)).toBe("fcmp s1, #0.0")
  expect(table.disassemble(0x1e3f2028, here)).toBe("fcmp s1, #0.0")
})

test("words that are not allocated", () => {
  const words = [
    0x1ea02820, // FADD, ftype 2
    0x1e209820, // opcode 9 of two sources
    0x9e260020, // FMOV Xd, Sn
    0x1e660020, // FMOV Wd, Dn
    0x1e2c0020, // FCVTAS with a rounding mode
    0x1e180020, // FCVTZS Wd with 64 fraction bits
    0x1e62c020, // FCVT Dd, Dn
    0x1ee84020, // FRINT32Z Hd
    0x0e62d420, // FADD of 1d
    0x2e02c420, // FCMLA of bytes
    0x2ec2e420, // FCADD of 1d
    0x2f421820, // FCMLA by element, H set in 64 bits
    0x2f821020, // FCMLA by element, singles in 64 bits
    0x0fe21020, // FMLA by element, doubles in 64 bits
    0x4fe21020 | 0x00200000, // FMLA by element, doubles, L set
    0x2f00f400, // FMOV Vd.1d
    0x0f08fc20, // fixed point of bytes
    0x0f40fc20, // fixed point of 1d
    0x0ee1c820, // URECPE of doubles
    0x2e216820 // FCVTXN from single
  ]
  for (const word of words) expect(table.decode(word >>> 0)?.name, `0x${word.toString(16)}`).toBeUndefined()
})

test("text that is no instruction", () => {
  const lines = [
    "fadd s0, d1, s2",
    "fadd v0.1d, v1.1d, v2.1d",
    "fadd v0.4s, v1.4s, v2.2s",
    "fcvt d0, d1",
    "fmov s0, #0.1",
    "fmov w0, d1",
    "fmla v0.8h, v1.8h, v16.h[0]",
    "fmla v0.4s, v1.4s, v2.s[4]",
    "fcvtzs w0, s1, #33",
    "fcvtzs v0.4s, v1.4s, #0",
    "fcmla v0.4s, v1.4s, v2.4s, #45",
    "fccmp s0, s1, #16, eq",
    "fmlal v0.4s, v1.8h, v2.8h"
  ]
  for (const line of lines) expect(table.assemble(line, here), line).toBeUndefined()
})
