/** Random lives of host programs with SVE, SME and FPMR, against a model in which every task simply has registers of its own. */
import { base, composeOrThrow } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { Lives } from "./lives.ts"
import type { isa } from "./scalable-machine.ts"

const without = (features: Readonly<Record<string, boolean>>): typeof isa => composeOrThrow([base, fpsimd, sve, sme, fpmr], { features })
const ALL = [16, 32, 48, 64, 80, 96, 112, 128, 256]
describe("random lives of host programs", () => {
  it.each([
    { name: "everything", options: {} },
    { name: "translated", options: { engine: "jit" } },
    { name: "lengths that differ", options: { sveVls: ALL, smeVls: [32, 64], engine: "jit" } },
    { name: "nvhe", options: { mode: nvhe, engine: "jit" } },
    { name: "hvhe", options: { mode: hvhe } },
    { name: "pkvm", options: { mode: protectedMode("hvhe"), engine: "jit" } },
    { name: "no FA64", options: { machine: without({ SME_FA64: false }), mode: vhe } },
    { name: "SVE alone", options: { machine: composeOrThrow([base, fpsimd, sve, fpmr]), smeVls: [] } },
    { name: "SME alone", options: { machine: without({ SVE: false }), sveVls: [] } }
  ] as const)("$name", ({ options }) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const lives = new Lives(seed, options)
      for (let step = 0; step < STEPS; step++)
        try {
          lives.step()
        } catch (error) {
          throw new Error(`Seed ${seed}, step ${step}: ${error instanceof Error ? error.stack : textOf(error)}`)
        }
      for (const program of lives.programs) lives.check(program)
      expect(lives.reports).toBeGreaterThan(2)
    }
  })
})
const textOf = (value: unknown): string => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))
const SEEDS = Number(process.env["FP_SEEDS"] ?? 1)
const STEPS = 120
