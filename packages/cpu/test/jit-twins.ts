/** Two machines with the same code and state, one for each engine, and what differs after both ran. */
import {
  attachJit,
  type Board,
  createBoard,
  type Exit,
  type Jit,
  type Pe,
  registerNamed,
  run,
  setState,
  synchronize,
  writeRegister
} from "@eltwo/cpu"
import { base, composeOrThrow, type Instruction } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { PE } from "../src/layout.ts"

export const machine = composeOrThrow([base, fpsimd])

export const CODE = 0x1_0000
export const DATA = 0x20_0000
export const DATA_BYTES = 0x4000
const RAM_BYTES = 4 << 20
/** One block maps the first GiB: Normal memory, everything allowed at EL0. Everything beyond faults. */
const TABLE = 0x1000
const BLOCK = 1 | (1 << 6) | (3 << 8) | (1 << 10)
const SCTLR_SP_ALIGNMENT = 0x18n
const SCTLR_MSCEN = 1n << 33n
const CONTROLS: Readonly<Record<string, bigint>> = {
  MAIR_EL1: 0xffn,
  TCR_EL1: 25n | (1n << 8n) | (1n << 10n) | (3n << 12n) | (1n << 23n),
  TTBR0_EL1: BigInt(TABLE),
  SCTLR_EL1: 0x30d0_0800n | 0x1005n | (1n << 26n) | (1n << 15n) | (1n << 14n) | SCTLR_SP_ALIGNMENT | SCTLR_MSCEN,
  CPACR_EL1: 3n << 20n,
  CPTR_EL2: 0x33ffn & ~(1n << 10n),
  HCR_EL2: 1n << 31n,
  HCRX_EL2: 1n << 11n
}

/** Numbers from a seed: xorshift of 32 bits. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 1
  }
  word(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return this.#state >>> 0
  }
  below(limit: number): number {
    return this.word() % limit
  }
  doubleword(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word())
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.word() & 255)
  }
}

const SPECIAL_64 = [
  0n,
  1n << 63n,
  0x3ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  1n,
  0x10_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x43e0_0000_0000_0000n,
  0x3fe0_0000_0000_0000n
]
const SPECIAL_32 = [0, 0x8000_0000, 0x3f80_0000, 0x7f80_0000, 0x7fc0_0000, 0x7f80_0001, 1, 0x80_0000, 0x7f7f_ffff, 0x4f00_0000, 0x3f00_0000]
const SPECIAL_X = [0n, 1n, (1n << 64n) - 1n, 1n << 63n, 1n << 31n, (1n << 63n) - 1n, 0xffff_ffffn]

export interface State {
  readonly x: bigint[]
  /** Low and high halves of V0, V1 ... */
  readonly v: bigint[]
  flags: number
  fpcr: number
  fpsr: number
}
export const IXC = 0x10

/** Half of the vector registers hold numbers of ordinary size, the rest anything or special values. */
const vectorHalf = (random: Random): bigint => {
  switch (random.below(8)) {
    case 0:
      return random.pick(SPECIAL_64)
    case 1:
      return (BigInt(random.pick(SPECIAL_32)) << 32n) | BigInt(random.pick(SPECIAL_32))
    case 2:
      return random.doubleword()
    case 3:
    case 4: {
      const single = () => BigInt(((random.word() & 0x8000_0000) | ((107 + random.below(40)) << 23) | (random.word() & 0x7f_ffff)) >>> 0)
      return (single() << 32n) | single()
    }
    default:
      return (random.doubleword() & 0x800f_ffff_ffff_ffffn) | (BigInt(1003 + random.below(40)) << 52n)
  }
}
const general = (random: Random): bigint => {
  switch (random.below(5)) {
    case 0:
    case 1:
      return BigInt(DATA + 64 + random.below(DATA_BYTES - 1024)) & ~(random.below(2) ? 7n : 0n)
    case 2:
      return BigInt(random.below(256))
    case 3:
      return random.pick(SPECIAL_X)
    default:
      return random.doubleword()
  }
}
export const randomState = (random: Random): State => ({
  x: Array.from({ length: 32 }, (_, n) => (n === 31 ? BigInt(DATA + 0x1000 + 16 * random.below(64)) : general(random))),
  v: Array.from({ length: 64 }, () => vectorHalf(random)),
  flags: random.below(16),
  fpcr: 0,
  fpsr: IXC
})

const createMachine = (): Pe => {
  const board = createBoard({ isa: machine, ramBase: 0, ramBytes: RAM_BYTES })
  const pe = board.pes[0]!
  pe.modelledEl = 1
  board.write(TABLE, new Uint8Array(BigUint64Array.of(BigInt(BLOCK)).buffer))
  for (const [name, value] of Object.entries(CONTROLS)) writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
  return pe
}
/** Byte address in the machine's memory of a guest-physical address. */
export const ramAt = ({ ram }: Board, physical: number): number => ram.offset + physical - ram.base
const dataOf = ({ board }: Pe): Uint8Array => board.physical.bytes.subarray(ramAt(board, DATA), ramAt(board, DATA) + DATA_BYTES)

/** Slices of a run: all at once, or of random lengths. */
export type Slicing = (left: number) => number

export class Twins {
  readonly interp = createMachine()
  readonly jit = createMachine()
  readonly engine: Jit

  /** `hot` 1: everything is translated before it is executed the first time. */
  constructor(hot = 1) {
    this.engine = attachJit(this.jit.board, { hot })
  }
  load(state: State, words: readonly number[], data: Uint8Array): void {
    for (const pe of [this.interp, this.jit]) {
      setState(pe, 0)
      pe.clearExclusive()
      pe.board.write(CODE, new Uint8Array(Uint32Array.from(words).buffer))
      pe.board.write(DATA, data)
      state.x.forEach((value, n) => {
        pe.x[n] = value
      })
      for (let n = 0; n < 32; n++) pe.setV(n, state.v[2 * n]! | (state.v[2 * n + 1]! << 64n))
      pe.flags = state.flags
      pe.fpcr = state.fpcr
      pe.fpsr = state.fpsr
      pe.pc = BigInt(CODE)
    }
  }
  /** Runs both for `instructions`; gives what differs. */
  run(instructions: number, slicing: Slicing = (left) => left): string[] {
    const { interp, jit } = this
    const [before, jitBefore] = [interp.retired, jit.retired]
    const exit = run(interp, { instructions, engine: "interp" })
    let jitExit: Exit = { kind: "limit" }
    for (let left = instructions; left > 0 && jitExit.kind === "limit"; ) {
      const slice = slicing(left)
      jitExit = run(jit, { instructions: slice, engine: "jit" })
      left -= slice
    }
    const out = this.differences()
    if (interp.retired - before !== jit.retired - jitBefore) out.push(`retired: ${interp.retired - before}, not ${jit.retired - jitBefore}`)
    if (exit.kind !== jitExit.kind) out.push(`exit: ${exit.kind}, not ${jitExit.kind}`)
    return out
  }
  differences(): string[] {
    const { interp, jit } = this
    const out: string[] = []
    const note = (what: string, wanted: bigint | number, got: bigint | number) => {
      if (wanted !== got) out.push(`${what}: ${wanted.toString(16)}, not ${got.toString(16)}`)
    }
    for (let n = 0; n < 32; n++) {
      note(`X${n}`, interp.x[n]!, jit.x[n]!)
      note(`V${n}`, interp.v(n), jit.v(n))
    }
    note("flags", interp.flags, jit.flags)
    note("FPSR", interp.fpsr, jit.fpsr)
    note("PC", interp.pc, jit.pc)
    note("monitor", interp.words[PE.MONITOR_SIZE >> 2]!, jit.words[PE.MONITOR_SIZE >> 2]!)
    if (Buffer.compare(dataOf(interp), dataOf(jit)) !== 0) out.push("memory")
    interp.system.forEach((value, slot) => {
      note(`system register ${slot}`, value, jit.system[slot]!)
    })
    return out
  }
}

/** A random word of an instruction, or undefined when none was found. */
export const randomWord = (random: Random, instruction: Instruction): number | undefined => {
  for (let tries = 0; tries < 200; tries++) {
    const word = (instruction.value | (random.word() & ~instruction.mask)) >>> 0
    if (machine.decode(word) === instruction) return word
  }
  return undefined
}
/** What a list of words is, for messages. */
export const listing = (words: readonly number[]): string =>
  words.map((word) => `${word.toString(16).padStart(8, "0")} ${machine.decode(word)?.name ?? "?"}`).join("\n")
