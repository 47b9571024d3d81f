/** Which exception each instruction takes under each setting of the controls, against results recorded from another emulator. */
import { readFileSync } from "node:fs"
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { describe, expect, it } from "vitest"
import { returnFromException } from "../src/exception.ts"
import { Board, executeWord, type Pe, registerNamed, startAt, writeRegister } from "../src/index.ts"
import { writeSvcr } from "../src/vector-length.ts"
import { scalable } from "./scalable-extension.ts"

type Outcome = "ok" | readonly [target: string, ec: string, iss: string]
interface Controls {
  readonly CPACR_EL1: string
  readonly CPTR_EL2: string
  readonly HCR_EL2: string
  readonly SVCR: number
  readonly SMCR_EL1: string
  readonly SMCR_EL2: string
  readonly SCTLR_EL1_EnFPM: number
  readonly HCRX_EL2_EnFPM: number
}
interface Matrix {
  readonly instructions: Readonly<Record<string, string>>
  readonly controls: Readonly<Record<string, Controls>>
  readonly results: readonly { readonly case: string; readonly el: 0 | 1 | 2; readonly r: Readonly<Record<string, Outcome>> }[]
}
const matrix = JSON.parse(readFileSync(new URL("../../../test/golden/a64-trap-matrix.json", import.meta.url), "utf8")) as Matrix

const RAM = 0x40000000
const hex = (text: string): bigint => BigInt(`0x${text}`)
const CONTROLLED = ["CPACR_EL1", "CPTR_EL2", "SMCR_EL1", "SMCR_EL2"] as const

/** Enters `el` by ERET from EL2 with the controls set, and executes one word there. */
const outcomeOf = (pe: Pe, controls: Controls, el: number, word: number): Outcome => {
  startAt(pe, 2, BigInt(RAM))
  const set = (name: string, value: bigint) => {
    if (pe.controls.machine.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
  }
  writeSvcr(pe, 0)
  set("HCR_EL2", hex(controls.HCR_EL2))
  pe.controls.synchronize()
  for (const name of CONTROLLED) set(name, hex(controls[name]))
  set("ZCR_EL1", 15n)
  set("ZCR_EL2", 15n)
  const enables = (BigInt(controls.SCTLR_EL1_EnFPM) << 34n) | (1n << 60n)
  set("SCTLR_EL1", enables)
  set("HCRX_EL2", BigInt(controls.HCRX_EL2_EnFPM) << 23n)
  set("SPSR_EL2", BigInt((el << 2) | (el === 0 ? 0 : 1)))
  set("ELR_EL2", BigInt(RAM))
  pe.controls.synchronize()
  writeSvcr(pe, controls.SVCR)
  returnFromException(pe)
  pe.modelledEl = 1
  const exit = executeWord(pe, word)
  if (exit.kind !== "exception") return "ok"
  const { target, ec, iss } = exit.exception
  expect(Number(pe.system[pe.controls.slot[target === 2 ? "ESR_EL2" : "ESR_EL1"]]!)).toBe(((ec << 26) | (1 << 25) | iss) >>> 0)
  expect(pe.el).toBe(target)
  expect(pe.system[pe.controls.slot[target === 2 ? "ELR_EL2" : "ELR_EL1"]]).toBe(BigInt(RAM))
  return [`EL${target}`, `0x${ec.toString(16).padStart(2, "0")}`, `0x${iss.toString(16)}`]
}
const boardOf = (isa: Board["isa"]): Pe => new Board({ isa, ramBase: RAM, ramBytes: 1 << 16 }).pes[0]!

/** What the recording emulator does against the architecture. */
const deviates = (name: string, recorded: Outcome, ours: Outcome): boolean => {
  if (recorded === "ok" || name === "MRS ZCR1") return name === "MRS ZCR1" && (ours === "ok" || ours[1] === "0x19") && recorded[1] !== "0x00"
  return name === "LDR zt0" && recorded[1] === "0x1d" && recorded[2] === "0x0" && ours[2] === "0x4"
}
const compare = (pe: Pe, names: readonly string[]) => {
  let compared = 0
  const deviations = new Set<string>()
  for (const { case: setting, el, r } of matrix.results)
    for (const name of names) {
      const recorded = r[name]!,
        ours = outcomeOf(pe, matrix.controls[setting]!, el, Number(matrix.instructions[name]))
      compared++
      if (JSON.stringify(ours) === JSON.stringify(recorded)) continue
      if (!deviates(name, recorded, ours)) expect({ setting, el, name, outcome: ours }).toEqual({ setting, el, name, outcome: recorded })
      deviations.add(`${setting} EL${el} ${name}`)
    }
  return { compared, deviations }
}

describe("trap matrix", () => {
  it("has the same exceptions for FP, SIMD and base registers, with fpsimd alone", () => {
    const pe = boardOf(composeOrThrow([base, fpsimd]))
    const names = ["FMOV d,d", "ADD v.4s", "MRS FPCR", "MRS CPACR"]
    // streaming mode needs SME
    const { results } = matrix
    expect(results.length).toBe(99)
    let compared = 0
    for (const { case: setting, el, r } of results) {
      const controls = matrix.controls[setting]!
      if (controls.SVCR & 1) continue
      for (const name of names) {
        compared++
        expect({ setting, el, name, outcome: outcomeOf(pe, controls, el, Number(matrix.instructions[name])) }).toEqual({
          setting,
          el,
          name,
          outcome: r[name]
        })
      }
    }
    expect(compared).toBe(312)
  })
  it("has the same exceptions for SVE, SME and FPMR when their gates are declared", () => {
    const pe = boardOf(composeOrThrow([base, fpsimd, scalable]))
    const { compared, deviations } = compare(pe, Object.keys(matrix.instructions))
    expect(compared).toBe(99 * 21)
    // ZCR_EL1 also behind FPEN and SMEN, and SMTC 4 shown as 0
    expect([...deviations].sort()).toMatchInlineSnapshot(`
      [
        "CPACR FPEN=0 ZEN=3 SMEN=3 EL1 MRS ZCR1",
        "CPACR FPEN=3 ZEN=0 SMEN=0 SM=1 EL1 MRS ZCR1",
        "CPACR FPEN=3 ZEN=3 SMEN=0 SM=1 EL1 MRS ZCR1",
        "ZA=1 EZT0 EL1=0 EL0 LDR zt0",
        "ZA=1 EZT0 EL1=0 EL1 LDR zt0",
        "ZA=1 EZT0 EL2=0 EL0 LDR zt0",
        "ZA=1 EZT0 EL2=0 EL1 LDR zt0",
        "ZA=1 EZT0 EL2=0 EL2 LDR zt0",
        "nVHE TFP EL1 MRS ZCR1",
        "nVHE TFP EL2 MRS ZCR1",
        "nVHE TSM SM=1 EL1 MRS ZCR1",
        "nVHE TSM SM=1 EL2 MRS ZCR1",
      ]
    `)
  })
  it("makes everything of absent plugins UNDEFINED", () => {
    const pe = boardOf(composeOrThrow([base]))
    const controls = matrix.controls["all-on nVHE"]!
    for (const name of Object.keys(matrix.instructions).filter((n) => n !== "MRS CPACR"))
      for (const el of [0, 1, 2])
        expect(outcomeOf(pe, controls, el, Number(matrix.instructions[name]))).toEqual([el === 2 ? "EL2" : "EL1", "0x00", "0x0"])
  })
})
