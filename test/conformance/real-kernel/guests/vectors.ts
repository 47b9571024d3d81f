/** FP, Advanced SIMD and SVE across calls, exits and trapped accesses. */
import { guest, type RealKernelGuest, smccc } from "./guest.ts"

const FP = `
    fmov d0, #1.5
    fmov d1, #-2.25
    fmul d2, d0, d1
    fmov x0, d2
    report x0
    movz x1, #3
    scvtf d3, x1
    fdiv d4, d0, d3
    fmov x0, d4
    report x0
    mrs x0, fpsr
    report x0
    mrs x0, fpcr
    report x0
    set x1, 0x0123456789abcdef
    dup v31.2d, x1
    ${smccc(0x84000000)}
    fmov x0, d31
    report x0
    fmov x0, v31.d[1]
    report x0
    set x1, 0x01c00000
    msr fpcr, x1
    fdiv d5, d0, d3
    fmov x0, d5
    report x0
    set x1, 0x7ff4000000000000
    fmov d6, x1
    fadd d6, d6, d0
    fmov x0, d6
    report x0
    ldr x2, [x19, #1608]
    mrs x0, fpcr
    report x0
    fmov x0, d6
    report x0
    report x2
    msr fpcr, xzr
    msr fpsr, xzr
    fmov d7, xzr
    fdiv d8, d0, d7
    mrs x0, fpsr
    report x0
    fmov x0, d8
    report x0
    aese v0.16b, v31.16b
    fmov x0, d0
    report x0
    uaddlv h1, v31.16b
    fmov x0, d1
    report x0
    fcvt h9, d3
    fmov x0, d9
    report x0
    frint32x d9, d2
    fmov x0, d9
    report x0`

const SVE_BODY = (zcr: string): string => `
    set x0, 0x330000
    msr cpacr_el1, x0
    isb
    mrs x0, s3_0_c1_c2_0
    report x0
    set x0, ${zcr}
    msr s3_0_c1_c2_0, x0
    isb
    mrs x0, s3_0_c1_c2_0
    report x0
    rdvl x0, #1
    report x0
    ptrue p0.b
    index z0.s, #0, #1
    index z31.d, #3, #5
    uaddv d1, p0, z0.s
    fmov x0, d1
    report x0
    ${smccc(0x84000000)}
    uaddv d1, p0, z31.d
    fmov x0, d1
    report x0
    ldr x0, [x19, #1608]
    uaddv d1, p0, z0.s
    fmov x0, d1
    report x0
    msr s3_0_c1_c2_0, xzr
    isb
    rdvl x0, #1
    report x0
    add z2.s, z0.s, z0.s
    set x0, 15
    msr s3_0_c1_c2_0, x0
    isb
    ptrue p0.b
    uaddv d1, p0, z2.s
    fmov x0, d1
    report x0
    set x0, 0x300000
    msr cpacr_el1, x0
    isb
    rdvl x0, #1
    fmov x1, d31
    report x1
    msr cpacr_el1, xzr
    isb
    ptrue p0.b
    fmov x1, d31
    mrs x0, s3_0_c1_c2_0
    report x0
    mrs x0, s3_0_c0_c4_4
    report x0
    mrs x0, s3_0_c0_c4_0
    report x0`

export const VECTOR_GUESTS: readonly RealKernelGuest[] = [
  guest("fp", FP),
  guest("sve-absent", `${SVE_BODY("15")}`),
  guest("sve", SVE_BODY("15"), { sve: true }),
  guest("sve-short", SVE_BODY("1"), { sve: true })
]
