/** Loads and stores of two general registers. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice } from "../operands.ts"
import { displaced, generalRegister, type Indexing, scaledOffset, signedField } from "./addressing.ts"

type Opc = { readonly opc: number }
const scale = (f: Opc) => (f.opc === 2 ? 3 : 2)
const wide = (f: Opc) => f.opc !== 0
const operands = {
  Rt: generalRegister("Rt", wide),
  Rt2: generalRegister("Rt2", wide),
  imm7: scaledOffset("imm7", 7, "signed", scale)
}

const pair = (name: string, mode: "000" | "001" | "010" | "011", indexing: Indexing, words: string, address: string) =>
  instruction({
    name,
    encoding: `opc:2 101 0 ${mode} L imm7:7 Rt2:5 Rn:5 Rt:5`,
    where: (f) => f.opc === 0 || f.opc === 2 || (f.opc === 1 && f.L === 1 && mode !== "000"),
    assembly: `<op> <Rt>, <Rt2>, ${address}`,
    operands: { ...operands, op: choice(["opc:2", "L:1"], words) },
    execute(cpu, { opc, L, imm7, Rt2, Rn, Rt }) {
      const memory = cpu.unsigned(8 << scale({ opc }))
      const T = cpu.unsigned(wide({ opc }) ? 64 : 32)
      const element = opc === 1 ? cpu.signed(32) : memory
      const base = cpu.XSP(Rn)
      const moved = displaced(cpu, base, signedField(imm7, 7) * (memory.bits / 8))
      const first = indexing === "post" ? base : moved
      const second = displaced(cpu, first, memory.bits / 8)
      if (L) {
        cpu.setX(Rt, T.from(cpu.load(memory, first), element), T)
        cpu.setX(Rt2, T.from(cpu.load(memory, second), element), T)
      } else {
        cpu.store(memory, first, cpu.X(Rt, memory))
        cpu.store(memory, second, cpu.X(Rt2, memory))
      }
      if (indexing !== "offset") cpu.setXSP(Rn, moved)
    }
  })
const PLAIN = "stp ldp - ldpsw stp ldp - -"
const OFFSET = "[<Xn|SP>(, #<imm7>)?]"
export const noAllocatePair = pair("LDNP, STNP", "000", "offset", "stnp ldnp - - stnp ldnp - -", OFFSET)
export const pairPostIndexed = pair("LDP, STP, LDPSW (post-indexed)", "001", "post", PLAIN, "[<Xn|SP>], #<imm7>")
export const pairOffset = pair("LDP, STP, LDPSW (signed offset)", "010", "offset", PLAIN, OFFSET)
export const pairPreIndexed = pair("LDP, STP, LDPSW (pre-indexed)", "011", "pre", PLAIN, "[<Xn|SP>, #<imm7>]!")

export const loadStorePair: readonly Instruction[] = [noAllocatePair, pairPostIndexed, pairOffset, pairPreIndexed]
