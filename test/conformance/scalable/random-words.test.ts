/** Random words of the SVE and SME encoding space, in all modes and at EL0 and EL1: whatever they do to the guest, the machine goes on. */
import { type Board, createBoard, executeWord, type Pe, registerNamed, setState, startAt, synchronize, writeRegister, writeSvcr } from "@eltwo/cpu"
import { describe, expect, it } from "vitest"
import { Random } from "../differential/random.ts"
import { scalableMachine } from "./machine.ts"

const RAM = 0x40000000
const RAM_BYTES = 0x100000
const CODE = RAM + 0x80000
const LENGTHS = [128, 256, 512, 1024, 2048]
const WORDS = 15_000
const ENABLES: Readonly<Record<string, bigint>> = { CPACR_EL1: 0x333_0000n, SCTLR_EL1: (1n << 34n) | (1n << 60n) }
/** Bits 31:24 of the spaces: SVE arithmetic and memory, SME, and system instructions for SMSTART. */
const TOPS = [
  0x04, 0x05, 0x24, 0x25, 0x44, 0x45, 0x64, 0x65, 0x84, 0x85, 0xa4, 0xa5, 0xe4, 0xe5, 0x80, 0x81, 0xa0, 0xa1, 0xc0, 0xc1, 0xe0, 0xe1, 0x2e, 0x6e
]
const SVCR_WORDS = [0xd503427f, 0xd503437f, 0xd503447f, 0xd503457f, 0xd503467f, 0xd503477f]

const machine = (el: 0 | 1): { readonly board: Board; readonly pe: Pe } => {
  const board = createBoard({
    isa: scalableMachine,
    ramBase: RAM,
    ramBytes: RAM_BYTES,
    memoryWhenOff: "normal",
    vectorLengths: LENGTHS,
    streamingVectorLengths: LENGTHS
  })
  const pe = board.pes[0]!
  startAt(pe, el, BigInt(CODE))
  for (const [name, value] of Object.entries(ENABLES)) writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
  return { board, pe }
}

describe("random scalable words", () => {
  it.each([0, 1] as const)(`${WORDS} of them at EL%i leave the machine alive`, (el) => {
    const { pe } = machine(el)
    const random = new Random(40 + el)
    const { pstate } = pe
    let retired = 0
    for (let i = 0; i < WORDS; i++) {
      if (i % 64 === 0) {
        for (const name of ["ZCR_EL1", "SMCR_EL1"])
          writeRegister(pe, registerNamed(pe, name), BigInt(random.below(16)) | (BigInt(random.below(4)) << 30n))
        synchronize(pe)
        writeSvcr(pe, random.below(4))
        for (let n = 0; n < 31; n++) pe.x[n] = random.chance(60) ? BigInt(RAM + (random.word() % RAM_BYTES)) : random.doubleword()
        for (let n = 0; n < 32; n++) pe.setV(n, (random.doubleword() << 64n) | random.doubleword())
        for (let n = 0; n < 17; n++) pe.p(n).set(Uint8Array.from({ length: pe.vectorBits / 64 }, () => random.below(256)))
        pe.fpcr = random.chance(50) ? 0 : random.word() & 0x07c80007
      }
      const word = random.chance(2) ? random.pick(SVCR_WORDS) : ((random.pick(TOPS) << 24) | (random.word() & 0xffffff)) >>> 0
      pe.pc = BigInt(CODE)
      const exit = executeWord(pe, word)
      if (exit.kind === "limit" && pe.pc === BigInt(CODE + 4)) retired++
      if (pe.pstate !== pstate) setState(pe, pstate)
      // What lies beyond the length in force stays clear.
      if (i % 64 === 63)
        for (let n = 0; n < 32; n++)
          expect(
            pe
              .z(n)
              .subarray(pe.vectorBits / 8)
              .every((byte) => byte === 0)
          ).toBe(true)
    }
    expect(retired).toBeGreaterThan(WORDS / 10)
  })
})
