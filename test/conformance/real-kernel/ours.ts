/** The lines of the program in eltwo: the same machine monitor and the same guests, in a mode. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Mode } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { kvmProgram } from "../../../examples/kvm-program.ts"
import type { RealKernelGuest } from "./guests/guest.ts"

const isa = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const RAM_BASE = 0x80000000
const RAM_BYTES = 64 << 20
const MAX_VL = 2048
/** Every multiple of 128 bits, as the real kernel's processor has them; powers of two for the streaming ones. */
const VECTOR_LENGTHS = Array.from({ length: MAX_VL / 128 }, (_, i) => 128 * (i + 1))
const STREAMING_LENGTHS = [128, 256, 512, 1024, MAX_VL]

export const ourLines = (mode: Mode, guests: readonly RealKernelGuest[], engine: "interp" | "jit" = "jit"): readonly string[] => {
  const board = createBoard({
    isa,
    ramBase: RAM_BASE,
    ramBytes: RAM_BYTES,
    vectorLengths: VECTOR_LENGTHS,
    streamingVectorLengths: STREAMING_LENGTHS,
    counterFrequency: 1_000_000_000n
  })
  if (engine === "jit") attachJit(board)
  const lines: string[] = []
  kvmProgram(createHost({ board, mode, engine }), guests, (line) => lines.push(line))
  return lines
}
