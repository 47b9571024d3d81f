/** Loads and stores of the release consistency extensions: acquire loads that later releases do not wait for. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice, signed } from "../operands.ts"
import { displaced, generalRegister, ordering, signedField, transfer, transferAllowed, transferNames, transferWide } from "./addressing.ts"

export const loadAcquirePc = instruction({
  name: "LDAPR, LDAPRB, LDAPRH",
  encoding: "size:2 111 0 00 101 (11111) 1 100 00 Rn:5 Rt:5",
  assembly: "<op> <Rt>, [<Xn|SP>]",
  operands: { op: choice("size", "ldaprb ldaprh ldapr ldapr"), Rt: generalRegister("Rt", (f: { readonly size: number }) => f.size === 3) },
  feature: "LRCPC",
  execute(cpu, { size, Rn, Rt }) {
    const T = cpu.unsigned(8 << size)
    cpu.setX(Rt, cpu.load(T, cpu.XSP(Rn), ordering(true, false)), T)
  }
})
export const unscaledOrdered = instruction({
  name: "LDAPUR, LDAPURB, LDAPURSB, LDAPURH, LDAPURSH, LDAPURSW, STLUR, STLURB, STLURH",
  encoding: "size:2 011001 opc:2 0 imm9:9 00 Rn:5 Rt:5",
  where: transferAllowed,
  assembly: "<op> <Rt>, [<Xn|SP>(, #<imm9>)?]",
  operands: {
    op: choice(["size:2", "opc:2"], transferNames("stlur", "ldapur")),
    Rt: generalRegister("Rt", transferWide),
    imm9: signed("imm9:9", { default: 0 })
  },
  feature: "LRCPC2",
  execute(cpu, f) {
    transfer(cpu, f, displaced(cpu, cpu.XSP(f.Rn), signedField(f.imm9, 9)), ordering(f.opc !== 0, f.opc === 0))
  }
})

export const loadStoreOrdered: readonly Instruction[] = [loadAcquirePc, unscaledOrdered]
