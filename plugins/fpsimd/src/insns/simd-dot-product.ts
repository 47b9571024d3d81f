/** AdvSIMD products of bytes summed into words: dot products and 2x2 matrices. */
import { type Cpu, choice, type Integer, instruction, type Value, type Vector } from "@eltwo/isa"
import { byteArrangement, type ElementFields, element, elementIndex, elementRegister } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"

const words = choice("Q", "2s 4s")
/** Types of the bytes of the first and the second source. */
const byteTypes = (cpu: Cpu, n: number, m: number): readonly [Integer, Integer] => [lanes.elementType(cpu, 0, n), lanes.elementType(cpu, 0, m)]
/** sum + the four products of the bytes of x and y. */
const dot =
  (S: Integer, N: Integer, M: Integer) =>
  (sum: Value, x: Value, y: Value): Value =>
    [0, 1, 2, 3].reduce((total, k) => S.add(total, S.multiply(S.part(x, k, N), S.part(y, k, M))), sum)
interface DotProduct {
  readonly Q: number
  readonly Rn: number
  readonly Rd: number
}
/** `unsignedN` and `unsignedM` are 1 for unsigned bytes; `second` gives the second source as words. */
const dotProduct = (cpu: Cpu, f: DotProduct, unsignedN: number, unsignedM: number, second: (S: Integer, bits: number) => Vector): void => {
  const S = cpu.signed(32)
  const bits = f.Q ? 128 : 64
  const lane = dot(S, ...byteTypes(cpu, unsignedN, unsignedM))
  const sources = [cpu.V(f.Rd, S, bits), cpu.V(f.Rn, S, bits), second(S, bits)]
  cpu.setV(
    f.Rd,
    cpu.map(S, sources, (sum, x, y) => lane(sum!, x!, y!))
  )
}

export const dotVector = instruction({
  name: "SDOT, UDOT (vector)",
  encoding: "0 Q U 01110 10 0 Rm:5 1001 0 1 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: choice("U", "sdot udot"), Ta: words, Tb: byteArrangement },
  feature: "DotProd",
  access: "SIMD",
  execute: (cpu, { Q, U, Rm, Rn, Rd }) => dotProduct(cpu, { Q, Rn, Rd }, U, U, (S, bits) => cpu.V(Rm, S, bits))
})
export const mixedDotVector = instruction({
  name: "USDOT (vector)",
  encoding: "0 Q 0 01110 10 0 Rm:5 1001 1 1 Rn:5 Rd:5",
  assembly: "usdot <Vd>.<Ta>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { Ta: words, Tb: byteArrangement },
  feature: "I8MM",
  access: "SIMD",
  execute: (cpu, { Q, Rm, Rn, Rd }) => dotProduct(cpu, { Q, Rn, Rd }, 1, 0, (S, bits) => cpu.V(Rm, S, bits))
})
/** Four bytes are chosen as a word is. */
const quadruple = element(() => 2, ["-", "-", "4b"])
const broadcast = (cpu: Cpu, S: Integer, f: ElementFields, bits: number): Vector =>
  cpu.splat(S, cpu.lane(cpu.V(elementRegister(2, f), S), elementIndex(2, f)), bits)
export const dotByElement = instruction({
  name: "SDOT, UDOT (by element)",
  encoding: "0 Q U 01111 10 L M Rm:4 1110 H 0 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <m>",
  operands: { op: choice("U", "sdot udot"), Ta: words, Tb: byteArrangement, m: quadruple },
  feature: "DotProd",
  access: "SIMD",
  execute: (cpu, { Q, U, L, M, Rm, H, Rn, Rd }) => dotProduct(cpu, { Q, Rn, Rd }, U, U, (S, bits) => broadcast(cpu, S, { L, M, Rm, H }, bits))
})
export const mixedDotByElement = instruction({
  name: "USDOT, SUDOT (by element)",
  encoding: "0 Q 0 01111 unsigned 0 L M Rm:4 1111 H 0 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <m>",
  operands: { op: choice("unsigned", "sudot usdot"), Ta: words, Tb: byteArrangement, m: quadruple },
  feature: "I8MM",
  access: "SIMD",
  execute: (cpu, { Q, unsigned, L, M, Rm, H, Rn, Rd }) =>
    dotProduct(cpu, { Q, Rn, Rd }, unsigned, 1 - unsigned, (S, bits) => broadcast(cpu, S, { L, M, Rm, H }, bits))
})
export const matrixMultiply = instruction({
  name: "SMMLA, UMMLA, USMMLA (vector)",
  encoding: "0 1 U 01110 10 0 Rm:5 1010 mixed 1 Rn:5 Rd:5",
  where: (f) => f.U === 0 || f.mixed === 0,
  assembly: "<op> <Vd>.4s, <Vn>.16b, <Vm>.16b",
  operands: { op: choice(["mixed:1", "U:1"], "smmla ummla usmmla -") },
  feature: "I8MM",
  access: "SIMD",
  execute(cpu, { U, Rm, mixed, Rn, Rd }) {
    const S = cpu.signed(32)
    const lane = dot(S, ...byteTypes(cpu, U | mixed, U))
    const n = cpu.V(Rn, S)
    const m = cpu.V(Rm, S)
    // Word i of the result is row i >> 1 of n times row i & 1 of m; a row of eight bytes is two words.
    const rows = (half: number) => cpu.permute(S, [n], (i) => (i & 2) + half)
    const columns = (half: number) => cpu.permute(S, [m], (i) => 2 * (i & 1) + half)
    const sources = [cpu.V(Rd, S), rows(0), columns(0), rows(1), columns(1)]
    cpu.setV(
      Rd,
      cpu.map(S, sources, (sum, x0, y0, x1, y1) => lane(lane(sum!, x0!, y0!), x1!, y1!))
    )
  }
})

export const simdDotProduct = [dotVector, mixedDotVector, dotByElement, mixedDotByElement, matrixMultiply]
