/** Loads and stores of one general register at a register offset, and loads relative to the instruction. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice, label } from "../operands.ts"
import { extendedIndex, generalRegister, indexOperand, signedField, transfer, transferAllowed, transferNames, transferWide } from "./addressing.ts"

export const registerOffset = instruction({
  name: "LDR, STR, LDRB, STRB, LDRSB, LDRH, STRH, LDRSH, LDRSW (register)",
  encoding: "size:2 111 0 00 opc:2 1 Rm:5 option:3 S 10 Rn:5 Rt:5",
  where: (f) => transferAllowed(f) && (f.option & 2) !== 0,
  assembly: "<op> <Rt>, [<Xn|SP>, <index>]",
  operands: {
    op: choice(["size:2", "opc:2"], transferNames("str", "ldr")),
    Rt: generalRegister("Rt", transferWide),
    index: indexOperand((f: { readonly size: number }) => f.size)
  },
  execute(cpu, f) {
    transfer(cpu, f, cpu.unsigned(64).add(cpu.XSP(f.Rn), extendedIndex(cpu, f, f.size)))
  }
})

export const loadLiteral = instruction({
  name: "LDR, LDRSW (literal)",
  encoding: "opc:2 011 0 00 imm19:19 Rt:5",
  where: (f) => f.opc !== 3,
  assembly: "<op> <Rt>, <imm19>",
  operands: {
    op: choice("opc", "ldr ldr ldrsw -"),
    Rt: generalRegister("Rt", (f: { readonly opc: number }) => f.opc !== 0),
    imm19: label("imm19:19")
  },
  execute(cpu, { opc, imm19, Rt }) {
    const address = cpu.unsigned(64).constant(cpu.address + BigInt(signedField(imm19, 19) * 4))
    transfer(cpu, { size: opc === 1 ? 3 : 2, opc: opc === 2 ? 2 : 1, Rt }, address)
  }
})

export const loadStoreRegister: readonly Instruction[] = [registerOffset, loadLiteral]
