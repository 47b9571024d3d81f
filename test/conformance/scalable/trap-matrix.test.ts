/** Which exception SVE, SME and FPMR instructions take under each setting of the controls, against results recorded from another emulator. */
import { readFileSync } from "node:fs"
import { Board, executeWord, type Pe, registerNamed, returnFromException, startAt, writeRegister, writeSvcr } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"

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
const matrix = JSON.parse(readFileSync(new URL("../../golden/a64-trap-matrix.json", import.meta.url), "utf8")) as Matrix

const RAM = 0x40000000
/** Somewhere with memory behind it, for instructions that load. */
const DATA = BigInt(RAM + 0x8000)
const ENTP2 = 1n << 60n
const hex = (text: string): bigint => BigInt(`0x${text}`)

const boardOf = (isa: Machine): Pe => {
  const board = new Board({ isa, ramBase: RAM, ramBytes: 1 << 16, vectorLengths: [128, 256, 512], streamingVectorLengths: [128, 256] })
  return board.pes[0]!
}
/** Enters `el` by ERET from EL2 with the controls set, and executes one word there. */
const outcomeOf = (pe: Pe, controls: Controls, el: number, word: number): Outcome => {
  startAt(pe, 2, BigInt(RAM))
  const set = (name: string, value: bigint) => {
    if (pe.controls.machine.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
  }
  writeSvcr(pe, 0)
  set("HCR_EL2", hex(controls.HCR_EL2))
  pe.controls.synchronize()
  for (const name of ["CPACR_EL1", "CPTR_EL2", "SMCR_EL1", "SMCR_EL2"] as const) set(name, hex(controls[name]))
  set("ZCR_EL1", 15n)
  set("ZCR_EL2", 15n)
  set("SCTLR_EL1", (BigInt(controls.SCTLR_EL1_EnFPM) << 34n) | ENTP2)
  set("HCRX_EL2", BigInt(controls.HCRX_EL2_EnFPM) << 23n)
  set("HFGRTR_EL2", 0n)
  set("SPSR_EL2", BigInt((el << 2) | (el === 0 ? 0 : 1)))
  set("ELR_EL2", BigInt(RAM))
  pe.controls.synchronize()
  writeSvcr(pe, controls.SVCR)
  returnFromException(pe)
  pe.modelledEl = 1
  pe.x.fill(DATA)
  const exit = executeWord(pe, word)
  if (exit.kind !== "exception") return "ok"
  const { target, ec, iss } = exit.exception
  return [`EL${target}`, `0x${ec.toString(16).padStart(2, "0")}`, `0x${iss.toString(16)}`]
}
/** What the recording emulator does against the architecture: ZCR_EL1 behind FPEN and SMEN too, and SMTC 4 shown as 0. */
const deviates = (name: string, recorded: Outcome, ours: Outcome): boolean => {
  if (name === "MRS ZCR1") return recorded !== "ok" && ["0x07", "0x1d"].includes(recorded[1]) && (ours === "ok" || ours[1] === "0x19")
  return name === "LDR zt0" && recorded !== "ok" && recorded[1] === "0x1d" && recorded[2] === "0x0" && ours[2] === "0x4"
}

describe("trap matrix", () => {
  it("has the same exceptions", () => {
    const pe = boardOf(composeOrThrow([base, fpsimd, sve, sme, fpmr]))
    const different = new Set<string>()
    let compared = 0
    for (const { case: setting, el, r } of matrix.results)
      for (const [name, recorded] of Object.entries(r)) {
        const ours = outcomeOf(pe, matrix.controls[setting]!, el, Number(matrix.instructions[name]))
        compared++
        if (JSON.stringify(ours) === JSON.stringify(recorded)) continue
        different.add(deviates(name, recorded, ours) ? `meant: ${name}` : `${setting} EL${el} ${name}: ${ours}, recorded ${recorded}`)
      }
    expect(compared).toBe(99 * 21)
    expect([...different].sort()).toEqual(["meant: LDR zt0", "meant: MRS ZCR1"])
  })
  const everywhere = { ...matrix.controls["all-on nVHE"]!, SVCR: 0 }
  const undefinedAt = (el: number) => [el === 2 ? "EL2" : "EL1", "0x00", "0x0"]
  it.each([
    ["sve", [sve], ["RDSVL", "SMSTART", "MRS SVCR", "SMOPA", "ZERO za", "LDR zt0", "MRS TPIDR2", "MRS SMCR1", "MRS SMPRI1", "MRS FPMR", "F1CVTL v"]],
    ["fpmr", [fpmr], ["SVE add z", "SVE rdffr", "RDVL", "ADDVL", "RDSVL", "MRS ZCR1", "MRS SVCR", "SMOPA"]],
    ["nothing", [], ["SVE add z", "RDVL", "RDSVL", "SMSTART", "MRS FPMR", "F1CVTL v", "MRS TPIDR2", "MRS SMCR1", "MRS ZCR1", "MRS SMPRI1"]]
  ] as const)("with %s alone the others' instructions are UNDEFINED", (_name, plugins, names) => {
    const pe = boardOf(composeOrThrow([base, fpsimd, ...plugins]))
    for (const name of names)
      for (const el of [0, 1, 2]) expect([name, outcomeOf(pe, everywhere, el, Number(matrix.instructions[name]))]).toEqual([name, undefinedAt(el)])
  })
  it("traps of EL0 to EL1 go to EL2 under TGE: with their own class, except that of FP", () => {
    const pe = boardOf(composeOrThrow([base, fpsimd, sve, sme, fpmr]))
    const closed = { ...everywhere, HCR_EL2: "88000000", CPACR_EL1: "0" }
    const at = (name: string) => outcomeOf(pe, closed, 0, Number(matrix.instructions[name]))
    expect(at("SVE add z")).toEqual(["EL2", "0x19", "0x0"])
    expect(at("RDSVL")).toEqual(["EL2", "0x1d", "0x0"])
    expect(at("FMOV d,d")).toEqual(["EL2", "0x00", "0x0"])
  })
  it("SVE instructions need streaming mode where there is SME without SVE", () => {
    const pe = boardOf(composeOrThrow([base, fpsimd, sve, sme], { features: { SVE: false } }))
    const add = Number(matrix.instructions["SVE add z"])
    const at = (controls: Partial<Controls>, el: number) => outcomeOf(pe, { ...everywhere, ...controls }, el, add)
    expect(at({}, 1)).toEqual(["EL1", "0x1d", "0x2"])
    expect(at({ SVCR: 1 }, 1)).toBe("ok")
    expect(at({ CPACR_EL1: "330000" }, 1)).toEqual(["EL1", "0x1d", "0x0"])
    expect(at({ CPACR_EL1: "3000000" }, 1)).toEqual(["EL1", "0x07", "0x1e00000"])
    expect(at({ CPTR_EL2: "1000" }, 2)).toEqual(["EL2", "0x1d", "0x0"])
    for (const name of ["SVE rdffr", "MRS ZCR1"]) expect(outcomeOf(pe, everywhere, 1, Number(matrix.instructions[name]))).toEqual(undefinedAt(1))
  })
})
