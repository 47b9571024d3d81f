import { compare, const32, const64, either, integer, type Node, plain, select, wrap } from "./node.ts"
import { I32, I64, i32, i64, MISC } from "./opcodes.ts"
import { FlagsOf, unlowered } from "./values.ts"
import type { WasmCpu } from "./wasm-cpu.ts"

const PAGE = 4096
const MEMORY_COPY = MISC + 10
const MEMORY_FILL = MISC + 11
/** Condition code CS. */
const CARRY = 2

const sum = (x: Node, y: Node): Node => integer(I64, i64.add, x, y)
const difference = (x: Node, y: Node): Node => integer(I64, i64.sub, x, y)
const below = (x: Node, y: Node): Node => compare(I64, i64.lt_u, x, y)
const least = (x: Node, y: Node): Node => select(below(x, y), x, y)
/** Bytes from an address up to the end of its page. */
const leftInPage = (address: Node): Node => difference(const64(PAGE), integer(I64, i64.and, address, const64(PAGE - 1)))

/** Stages of memory copy and memory set: the prologue works up to a page boundary, the others on what is left of less than a page. */
const PROLOGUE = 0
const EPILOGUE = 2

/** Copies bytes that lie in one page each. */
const copy = (cpu: WasmCpu, to: Node, from: Node, bytes: Node): void => {
  const target = cpu.memory.locate(to, 1, "write")
  const source = cpu.memory.locate(from, 1, "read")
  for (const n of [target.base, source.base, wrap(bytes)]) cpu.e.value(n)
  cpu.e.opcode(MEMORY_COPY)
  for (const index of [0, 0]) cpu.e.code.byte(index)
}
const fill = (cpu: WasmCpu, to: Node, value: Node, bytes: Node): void => {
  const target = cpu.memory.locate(to, 1, "write")
  for (const n of [target.base, value, wrap(bytes)]) cpu.e.value(n)
  cpu.e.opcode(MEMORY_FILL)
  cpu.e.code.byte(0)
}
const clearFlags = (cpu: WasmCpu): void => cpu.registers.setFlags(new FlagsOf("nibble", 32, const32(0), const32(0)))

/** What a main or epilogue step has left to do; leaves if that is refused, or a page or more. */
const remainder = (cpu: WasmCpu, count: Node): Node => {
  const size = cpu.settle(difference(const64(0), count))
  const refused = either(cpu.registers.holds(CARRY), compare(I64, i64.ge_u, size, const64(PAGE)))
  cpu.e.if(compare(I64, i64.ne, size, const64(0)), () => cpu.leaveIf(refused))
  return size
}

const copyStep = (cpu: WasmCpu, [runsEither, stage, options, Rd, Rs, Rn]: readonly number[]): Node => {
  const { registers } = cpu
  if ((options! & 3) !== 0 && cpu.state.el !== 0) return unlowered("an unprivileged copy")
  const [to, from, count] = [registers.x(Rd!), registers.x(Rs!), registers.x(Rn!)]
  if (stage !== PROLOGUE) {
    // what runs backwards has a positive count
    if (runsEither) cpu.leaveIf(compare(I64, i64.gt_s, count, const64(0)))
    const size = remainder(cpu, count)
    if (stage === EPILOGUE) {
      cpu.e.if(compare(I64, i64.ne, size, const64(0)), () => {
        const [first, second] = [cpu.settle(difference(to, size)), cpu.settle(difference(from, size))]
        cpu.leaveIf(either(below(leftInPage(first), size), below(leftInPage(second), size)))
        copy(cpu, first, second, size)
      })
      registers.setX(Rn!, const64(0))
    }
    return const32(0)
  }
  cpu.leaveIf(compare(I64, i64.gt_u, count, const64(PAGE)))
  if (runsEither) {
    // backwards: the target begins within the source; tags are not compared
    const distance = integer(I64, i64.shl, difference(to, from), const64(8))
    cpu.leaveIf(plain(I32, i32.and, below(distance, integer(I64, i64.shl, count, const64(8))), compare(I64, i64.ne, distance, const64(0))))
  }
  const step = cpu.settle(least(count, least(leftInPage(to), leftInPage(from))))
  cpu.e.if(compare(I64, i64.ne, step, const64(0)), () => copy(cpu, to, from, step))
  registers.setX(Rd!, sum(to, count))
  registers.setX(Rs!, sum(from, count))
  registers.setX(Rn!, difference(step, count))
  clearFlags(cpu)
  return const32(0)
}

const setStep = (cpu: WasmCpu, [stage, options, Rd, Rs, Rn]: readonly number[]): Node => {
  const { registers } = cpu
  if ((options! & 1) !== 0 && cpu.state.el !== 0) return unlowered("an unprivileged set")
  const [to, count] = [registers.x(Rd!), registers.x(Rn!)]
  const value = Rs === 31 ? const32(0) : wrap(registers.x(Rs!))
  if (stage !== PROLOGUE) {
    const size = remainder(cpu, count)
    if (stage === EPILOGUE) {
      cpu.e.if(compare(I64, i64.ne, size, const64(0)), () => {
        const first = cpu.settle(difference(to, size))
        cpu.leaveIf(below(leftInPage(first), size))
        fill(cpu, first, value, size)
      })
      registers.setX(Rn!, const64(0))
    }
    return const32(0)
  }
  cpu.leaveIf(compare(I64, i64.gt_u, count, const64(PAGE)))
  const step = cpu.settle(least(count, leftInPage(to)))
  cpu.e.if(compare(I64, i64.ne, step, const64(0)), () => fill(cpu, to, value, step))
  registers.setX(Rd!, sum(to, count))
  registers.setX(Rn!, difference(step, count))
  clearFlags(cpu)
  return const32(0)
}

/** By the helper's name; operands are those of the helper. They leave wherever the helper would do more than one page's worth, or fault. */
export const intrinsics: ReadonlyMap<string, (cpu: WasmCpu, operands: readonly number[]) => Node> = new Map([
  ["copyStep", copyStep],
  ["setStep", setStep]
])
