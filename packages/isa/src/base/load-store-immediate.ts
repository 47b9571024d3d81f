/** Loads and stores of one general register at an immediate offset. */
import type { MemoryAttributes } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, signed } from "../operands.ts"
import {
  displaced,
  generalRegister,
  type Indexing,
  scaledOffset,
  signedField,
  transfer,
  transferAllowed,
  transferNames,
  transferWide
} from "./addressing.ts"

type Size = { readonly size: number }
const Rt = generalRegister("Rt", transferWide)

export const unsignedImmediate = instruction({
  name: "LDR, STR, LDRB, STRB, LDRSB, LDRH, STRH, LDRSH, LDRSW (immediate, unsigned offset)",
  encoding: "size:2 111 0 01 opc:2 imm12:12 Rn:5 Rt:5",
  where: transferAllowed,
  assembly: "<op> <Rt>, [<Xn|SP>(, #<imm12>)?]",
  operands: { op: choice(["size:2", "opc:2"], transferNames("str", "ldr")), Rt, imm12: scaledOffset("imm12", 12, "unsigned", (f: Size) => f.size) },
  execute(cpu, f) {
    transfer(cpu, f, displaced(cpu, cpu.XSP(f.Rn), f.imm12 << f.size))
  }
})

const indexed = (indexing: Indexing, mode: "01" | "11", address: string) =>
  instruction({
    name: `LDR, STR, LDRB, STRB, LDRSB, LDRH, STRH, LDRSH, LDRSW (immediate, ${indexing}-indexed)`,
    encoding: `size:2 111 0 00 opc:2 0 imm9:9 ${mode} Rn:5 Rt:5`,
    where: transferAllowed,
    assembly: `<op> <Rt>, ${address}`,
    operands: { op: choice(["size:2", "opc:2"], transferNames("str", "ldr")), Rt, imm9: signed("imm9:9") },
    execute(cpu, f) {
      const base = cpu.XSP(f.Rn)
      const moved = displaced(cpu, base, signedField(f.imm9, 9))
      transfer(cpu, f, indexing === "post" ? base : moved)
      cpu.setXSP(f.Rn, moved)
    }
  })
export const postIndexed = indexed("post", "01", "[<Xn|SP>], #<imm9>")
export const preIndexed = indexed("pre", "11", "[<Xn|SP>, #<imm9>]!")

const unscaled = (name: string, mode: "00" | "10", [store, load]: readonly [string, string], attributes?: MemoryAttributes) =>
  instruction({
    name,
    encoding: `size:2 111 0 00 opc:2 0 imm9:9 ${mode} Rn:5 Rt:5`,
    where: transferAllowed,
    assembly: "<op> <Rt>, [<Xn|SP>(, #<imm9>)?]",
    aliases: mode === "00" ? [{ text: "<scaled> <Rt>, [<Xn|SP>, #<imm9>]", prefer: false }] : [],
    operands: {
      op: choice(["size:2", "opc:2"], transferNames(store, load)),
      scaled: choice(["size:2", "opc:2"], transferNames("str", "ldr")),
      Rt,
      imm9: signed("imm9:9", { default: 0 })
    },
    execute(cpu, f) {
      transfer(cpu, f, displaced(cpu, cpu.XSP(f.Rn), signedField(f.imm9, 9)), attributes)
    }
  })
export const unscaledImmediate = unscaled("LDUR, STUR, LDURB, STURB, LDURSB, LDURH, STURH, LDURSH, LDURSW", "00", ["stur", "ldur"])
export const unprivileged = unscaled("LDTR, STTR, LDTRB, STTRB, LDTRSB, LDTRH, STTRH, LDTRSH, LDTRSW", "10", ["sttr", "ldtr"], {
  unprivileged: true
})

export const loadStoreImmediate: readonly Instruction[] = [unsignedImmediate, postIndexed, preIndexed, unscaledImmediate, unprivileged]
