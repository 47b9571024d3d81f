/** Whole registers to and from memory: what saves and restores the register file. */
import { type Cpu, helper, type Instruction, instruction, signed, type Value } from "@eltwo/isa"
import { SVE, signExtend } from "../operands.ts"

/** Alignment that is checked where accesses must be aligned, in bits: a quadword of a vector, a halfword of a predicate. */
const VECTOR_UNIT = 128
const PREDICATE_UNIT = 16
const BITS_PER_PREDICATE_BIT = 8

interface Offset {
  readonly imm9h: number
  readonly imm9l: number
  readonly Rn: number
}
const operands = { offset: signed(["imm9h:6", "imm9l:3"], { default: 0 }) }
/** The offset counts whole registers of `bytes` bytes. */
const addressOf = (cpu: Cpu, { imm9h, imm9l, Rn }: Offset, bytes: number): Value => {
  const A = cpu.unsigned(64)
  return A.add(cpu.XSP(Rn), A.constant(signExtend((imm9h << 3) | imm9l, 9) * bytes))
}
const predicateToBytes = helper({ name: "predicateToBytes", takes: ["predicate"], gives: "vector", pure: true, run: (_host, p) => p })
const bytesToPredicate = helper({ name: "bytesToPredicate", takes: ["vector"], gives: "predicate", pure: true, run: (_host, bytes) => bytes })

export const loadVectorRegister = instruction({
  name: "LDR (vector)",
  encoding: "1000010110 imm9h:6 010 imm9l:3 Rn:5 Zt:5",
  assembly: "ldr <Zt>, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands,
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm9h, imm9l, Rn, Zt }) {
    const Q = cpu.unsigned(VECTOR_UNIT)
    const address = addressOf(cpu, { imm9h, imm9l, Rn }, cpu.vectorBits / 8)
    cpu.setZ(Zt, cpu.loadVector(Q, address, { memory: Q, lanes: cpu.vectorBits / VECTOR_UNIT }))
  }
})
export const storeVectorRegister = instruction({
  name: "STR (vector)",
  encoding: "1110010110 imm9h:6 010 imm9l:3 Rn:5 Zt:5",
  assembly: "str <Zt>, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands,
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm9h, imm9l, Rn, Zt }) {
    const Q = cpu.unsigned(VECTOR_UNIT)
    cpu.storeVector(cpu.Z(Zt, Q), addressOf(cpu, { imm9h, imm9l, Rn }, cpu.vectorBits / 8), { memory: Q })
  }
})
export const loadPredicateRegister = instruction({
  name: "LDR (predicate)",
  encoding: "1000010110 imm9h:6 000 imm9l:3 Rn:5 0 Pt:4",
  assembly: "ldr <Pt>, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands,
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm9h, imm9l, Rn, Pt }) {
    const H = cpu.unsigned(PREDICATE_UNIT)
    const bits = cpu.vectorBits / BITS_PER_PREDICATE_BIT
    const address = addressOf(cpu, { imm9h, imm9l, Rn }, bits / 8)
    cpu.setP(Pt, cpu.call(bytesToPredicate, cpu.loadVector(H, address, { memory: H, lanes: bits / PREDICATE_UNIT })))
  }
})
export const storePredicateRegister = instruction({
  name: "STR (predicate)",
  encoding: "1110010110 imm9h:6 000 imm9l:3 Rn:5 0 Pt:4",
  assembly: "str <Pt>, [<Xn|SP>(, #<offset>, mul vl)?]",
  operands,
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm9h, imm9l, Rn, Pt }) {
    const H = cpu.unsigned(PREDICATE_UNIT)
    const address = addressOf(cpu, { imm9h, imm9l, Rn }, cpu.vectorBits / BITS_PER_PREDICATE_BIT / 8)
    const bytes = cpu.call(predicateToBytes, cpu.P(Pt, cpu.unsigned(8)))
    cpu.storeVector(cpu.reinterpret(bytes, H), address, { memory: H })
  }
})

export const loadStoreInstructions: readonly Instruction[] = [loadVectorRegister, storeVectorRegister, loadPredicateRegister, storePredicateRegister]
