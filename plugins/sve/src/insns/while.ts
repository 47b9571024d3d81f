/** Loop control: predicates from a counter and its limit, and the end of a loop by comparison. */
import { type Condition, choice, type Instruction, instruction, sized } from "@eltwo/isa"
import { SVE, T } from "../operands.ts"
import { allTrue } from "./predicates.ts"

export const whileLess = instruction({
  name: "WHILELT, WHILELE, WHILELO, WHILELS (predicate)",
  encoding: "00100101 size:2 1 Rm:5 000 sf U 1 Rn:5 eq Pd:4",
  assembly: "<name> <Pd>.<T>, <Rn>, <Rm>",
  operands: { T, name: choice(["U:1", "eq:1"], "whilelt whilele whilelo whilels") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Rm, sf, U, Rn, eq, Pd }) {
    const E = cpu.unsigned(8 << size)
    const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
    const [start, limit] = [cpu.X(Rn, I), cpu.X(Rm, I)]
    // The counter wraps, but an element after one that fails is never true.
    const elements: Condition[] = []
    for (let i = 0; i < cpu.vectorBits / E.bits; i++) {
      const holds = I.test(I.add(start, I.constant(i)), eq ? "lessOrEqual" : "less", limit)
      elements.push(i === 0 ? holds : cpu.both(elements[i - 1]!, holds))
    }
    const result = cpu.predicate(E, (i) => elements[i]!)
    cpu.setP(Pd, result)
    cpu.setFlags(cpu.predicateFlags(allTrue(cpu, E.bits), result))
  }
})

const CARRY = 2
const ZERO = 0
/** N is the comparison; V says that neither it holds nor the last element was active (C). Z and C stay. */
export const compareAndTerminate = instruction({
  name: "CTERMEQ, CTERMNE",
  encoding: "001001011 sz 1 Rm:5 001000 Rn:5 ne 0000",
  assembly: "<ne> <n>, <m>",
  operands: { ne: choice("ne", "ctermeq ctermne"), n: sized("Rn", "sz"), m: sized("Rm", "sz") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { sz, Rm, Rn, ne }) {
    const I = cpu.unsigned(sz ? 64 : 32)
    const W = cpu.unsigned(32)
    const equal = I.test(cpu.X(Rn, I), "equal", cpu.X(Rm, I))
    const ends = ne ? cpu.negated(equal) : equal
    const flag = (condition: Condition, mask: number) => W.select(condition, W.constant(mask), W.constant(0))
    const carry = cpu.holds(CARRY)
    const overflow = cpu.both(cpu.negated(ends), cpu.negated(carry))
    cpu.setFlags(W.or(W.or(flag(ends, 8), flag(cpu.holds(ZERO), 4)), W.or(flag(carry, 2), flag(overflow, 1))))
  }
})

export const whileInstructions: readonly Instruction[] = [whileLess, compareAndTerminate]
