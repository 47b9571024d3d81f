/** The first-fault register: what loads that do not fault leave behind. None of this is legal in streaming mode. */
import { choice, type Instruction, instruction } from "@eltwo/isa"
import { allTrue } from "./predicates.ts"

const FFR = 16
const BYTE = 8

export const setFirstFault = instruction({
  name: "SETFFR",
  encoding: "00100101001011001001000000000000",
  assembly: "setffr",
  feature: "SVE",
  access: "SVE",
  execute: (cpu) => cpu.setP(FFR, allTrue(cpu, BYTE))
})
export const writeFirstFault = instruction({
  name: "WRFFR",
  encoding: "00100101001010001001000 Pn:4 00000",
  assembly: "wrffr <Pn>.b",
  feature: "SVE",
  access: "SVE",
  execute: (cpu, { Pn }) => cpu.setP(FFR, cpu.P(Pn, cpu.unsigned(BYTE)))
})
export const readFirstFault = instruction({
  name: "RDFFR (unpredicated)",
  encoding: "0010010100011001111100000000 Pd:4",
  assembly: "rdffr <Pd>.b",
  feature: "SVE",
  access: "SVE",
  execute: (cpu, { Pd }) => cpu.setP(Pd, cpu.P(FFR, cpu.unsigned(BYTE)))
})
export const readFirstFaultPredicated = instruction({
  name: "RDFFR, RDFFRS (predicated)",
  encoding: "001001010 S 0110001111000 Pg:4 0 Pd:4",
  assembly: "<S> <Pd>.b, <Pg>/z",
  operands: { S: choice("S", "rdffr rdffrs") },
  feature: "SVE",
  access: "SVE",
  execute(cpu, { S, Pg, Pd }) {
    const B = cpu.unsigned(BYTE)
    const [governing, ffr] = [cpu.P(Pg, B), cpu.P(FFR, B)]
    const result = cpu.predicate(B, (i) => cpu.both(cpu.active(governing, i), cpu.active(ffr, i)))
    cpu.setP(Pd, result)
    if (S) cpu.setFlags(cpu.predicateFlags(governing, result))
  }
})

export const firstFaultInstructions: readonly Instruction[] = [setFirstFault, writeFirstFault, readFirstFault, readFirstFaultPredicated]
