/** Moves between general and system registers, and immediate writes of PSTATE fields. */
import { helper } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { systemEncoding, systemRegister, unsigned, writtenSystemRegister } from "../operands.ts"

export const readSystemRegister = instruction({
  name: "MRS",
  encoding: "1101010100 1 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5",
  assembly: "mrs <Xt>, <register>",
  operands: { register: systemRegister },
  execute: (cpu, { o0, op1, CRn, CRm, op2, Rt }) => cpu.setX(Rt, cpu.systemRegister(systemEncoding(2 + o0, op1, CRn, CRm, op2)))
})
export const writeSystemRegister = instruction({
  name: "MSR (register)",
  encoding: "1101010100 0 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5",
  assembly: "msr <register>, <Xt>",
  operands: { register: writtenSystemRegister },
  endsBlock: true,
  execute: (cpu, { o0, op1, CRn, CRm, op2, Rt }) => cpu.setSystemRegister(systemEncoding(2 + o0, op1, CRn, CRm, op2), cpu.X(Rt))
})

/** Interrupt masks, the stack pointer and translation controls in PSTATE change at once. */
export const writePstate = helper({
  name: "writePstate",
  takes: ["number", "number", "number"],
  gives: "none",
  run: (host, op1, op2, immediate) => host.writePstate(op1, op2, immediate)
})
type Bits = "000" | "001" | "010" | "011" | "100" | "101" | "110" | "111"
const bits = (value: number): Bits => value.toString(2).padStart(3, "0") as Bits
const pstateField = (field: string, op1: number, op2: number, feature?: string) =>
  instruction({
    name: `MSR ${field} (immediate)`,
    encoding: `1101010100 0 00 ${bits(op1)} 0100 CRm:4 ${bits(op2)} 11111`,
    assembly: `msr ${field.toLowerCase()}, #<CRm>`,
    operands: { CRm: unsigned("CRm", { hex: true }) },
    endsBlock: true,
    ...(feature === undefined ? {} : { feature }),
    execute: (cpu, { CRm }) => cpu.call(writePstate, op1, op2, CRm)
  })

export const systemRegisterMoves: readonly Instruction[] = [
  readSystemRegister,
  writeSystemRegister,
  pstateField("SPSel", 0, 5),
  pstateField("DAIFSet", 3, 6),
  pstateField("DAIFClr", 3, 7),
  pstateField("UAO", 0, 3, "UAO"),
  pstateField("PAN", 0, 4, "PAN"),
  pstateField("SSBS", 3, 1, "SSBS"),
  pstateField("DIT", 3, 2, "DIT")
]
