/**
 * Runs the ported monitor with one guest: the example of docs/porting-a-c-vmm.md.
 *
 *   npx tsx examples/run-kvm-program.ts [vhe|nvhe|hvhe|pkvm]
 */
import { attachJit, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Mode } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "@eltwo/plugin-vhe"
import { type Guest, kvmProgram } from "./kvm-program.ts"

const MODES: Readonly<Record<string, Mode>> = { vhe, nvhe, hvhe, pkvm: protectedMode("hvhe") }

/** Computes 1.5 * 1.5, tells the device page, asks it for something, and switches the VM off. */
const CODE = [
  0xd2a12013, // movz x19, #0x900, lsl #16
  0xd2a00600, // movz x0, #0x30, lsl #16
  0xd5181040, // msr cpacr_el1, x0
  0xd5033fdf, // isb
  0x1e6f1000, // fmov d0, #1.5
  0x1e600801, // fmul d1, d0, d0
  0x9e660020, // fmov x0, d1
  0xf9000260, // str x0, [x19]
  0xf9404262, // ldr x2, [x19, #128]
  0xf9000662, // str x2, [x19, #8]
  0xd2b08000, // movz x0, #0x8400, lsl #16
  0xf2800100, // movk x0, #8
  0xd4000002 // hvc #0
]
const GUEST: Guest = {
  name: "example",
  image: new Uint8Array(Uint32Array.from(CODE).buffer),
  vcpus: 1,
  ramPages: 16,
  sve: false,
  oldPsci: false,
  nisv: false,
  readOnlyPage: false,
  log: false,
  filter: false
}

/** The lines that the program prints on a host in this mode. */
export const runExample = (mode: string): readonly string[] => {
  const plugin = MODES[mode]
  if (!plugin) throw new RangeError(`${mode} is not one of ${Object.keys(MODES).join(", ")}`)
  const isa = composeOrThrow([base, fpsimd, sve])
  const board = createBoard({ isa, ramBase: 0x8000_0000, ramBytes: 64 << 20, vectorLengths: [128, 256, 512] })
  attachJit(board)
  const lines: string[] = []
  kvmProgram(createHost({ board, mode: plugin, engine: "jit" }), [GUEST], (line) => lines.push(line))
  return lines
}
if (process.argv[1]?.endsWith("run-kvm-program.ts")) for (const line of runExample(process.argv[2] ?? "vhe")) console.log(line)
