/** Branches: immediate, conditional, compare or test and branch, and to registers. */
import type { Cpu } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, condition, label, sized, unsigned } from "../operands.ts"
import { signedField } from "./addressing.ts"
import { registerType } from "./integers.ts"

/** The address `instructions` words from this one. */
const target = (cpu: Cpu, instructions: number): bigint => BigInt.asUintN(64, cpu.address + BigInt(instructions * 4))
const link = (cpu: Cpu): void => cpu.setX(30, cpu.unsigned(64).constant(cpu.address + 4n))

export const branchImmediate = instruction({
  name: "B, BL",
  encoding: "op 00101 imm26:26",
  assembly: "<op> <imm26>",
  operands: { op: choice("op", "b bl"), imm26: label("imm26:26") },
  endsBlock: true,
  execute(cpu, { op, imm26 }) {
    if (op) link(cpu)
    cpu.branch(cpu.unsigned(64).constant(target(cpu, signedField(imm26, 26))))
  }
})
const conditionalOperands = { cond: condition("cond"), imm19: label("imm19:19") }
export const branchConditional = instruction({
  name: "B.cond",
  encoding: "0101010 0 imm19:19 0 cond:4",
  assembly: "b.<cond> <imm19>",
  operands: conditionalOperands,
  aliases: [{ text: "b<cond> <imm19>", prefer: false }],
  endsBlock: true,
  execute: (cpu, { imm19, cond }) => cpu.branchIf(cpu.holds(cond), target(cpu, signedField(imm19, 19)))
})
export const branchConsistent = instruction({
  name: "BC.cond",
  encoding: "0101010 0 imm19:19 1 cond:4",
  assembly: "bc.<cond> <imm19>",
  operands: conditionalOperands,
  feature: "HBC",
  endsBlock: true,
  execute: (cpu, { imm19, cond }) => cpu.branchIf(cpu.holds(cond), target(cpu, signedField(imm19, 19)))
})
export const compareAndBranch = instruction({
  name: "CBZ, CBNZ",
  encoding: "sf 011010 op imm19:19 Rt:5",
  assembly: "<op> <Rt>, <imm19>",
  operands: { op: choice("op", "cbz cbnz"), imm19: label("imm19:19"), Rt: sized("Rt", "sf") },
  endsBlock: true,
  execute(cpu, { sf, op, imm19, Rt }) {
    const T = registerType(cpu, sf)
    const zero = T.test(cpu.X(Rt, T), "equal", T.constant(0))
    cpu.branchIf(op ? cpu.negated(zero) : zero, target(cpu, signedField(imm19, 19)))
  }
})
export const testAndBranch = instruction({
  name: "TBZ, TBNZ",
  encoding: "b5 011011 op b40:5 imm14:14 Rt:5",
  assembly: "<op> <Rt>, #<bit>, <imm14>",
  operands: { op: choice("op", "tbz tbnz"), bit: unsigned(["b5:1", "b40:5"]), imm14: label("imm14:14"), Rt: sized("Rt", "b5") },
  aliases: [{ text: "<op> <Xt>, #<bit>, <imm14>", fields: { b5: 0 }, prefer: false }],
  endsBlock: true,
  execute(cpu, { b5, op, b40, imm14, Rt }) {
    const T = cpu.unsigned(64)
    const bit = T.and(cpu.X(Rt), T.constant(1n << BigInt((b5 << 5) | b40)))
    const clear = T.test(bit, "equal", T.constant(0))
    cpu.branchIf(op ? cpu.negated(clear) : clear, target(cpu, signedField(imm14, 14)))
  }
})
export const branchRegister = instruction({
  name: "BR, BLR, RET",
  encoding: "1101011 0 0 opc:2 11111 000000 Rn:5 00000",
  where: (f) => f.opc < 3,
  assembly: "<opc> <Xn>",
  operands: { opc: choice("opc", "br blr ret -") },
  aliases: [{ text: "ret", fields: { opc: 2, Rn: 30 } }],
  endsBlock: true,
  execute(cpu, { opc, Rn }) {
    const destination = cpu.X(Rn)
    if (opc === 1) link(cpu)
    cpu.branch(destination)
  }
})

export const branches: readonly Instruction[] = [
  branchImmediate,
  branchConditional,
  branchConsistent,
  compareAndBranch,
  testAndBranch,
  branchRegister
]
