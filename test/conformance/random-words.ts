/**
 * Random instruction words, which whatever they do to the guest must not end the machine: alone, and as programs of random words.
 * `tsx test/conformance/random-words.ts [COUNT] [SEED] [interp|jit]` executes COUNT words (10,000,000 by default), half at EL0 and half at EL1.
 */
import { pathToFileURL } from "node:url"
import {
  attachJit,
  type Board,
  createBoard,
  executeWord,
  PE,
  type Pe,
  registerNamed,
  run,
  setState,
  startAt,
  synchronize,
  writeRegister
} from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { Random } from "./differential/random.ts"

const RAM = 0x40000000
const RAM_BYTES = 0x100000
const CODE = RAM + 0x80000
/** The state that decides what a word can reach: everything before the TLBs. */
const STATE_BYTES = PE.TLBS
/** Exception vectors of EL1 and EL2: return to the instruction after the one that failed. */
const VECTORS = RAM + 0x90000
const VECTORS_BYTES = 0x800
const SKIP = [0xd5384020, 0x91001000, 0xd5184020, 0xd69f03e0] // mrs x0, elr_el1; add x0, x0, #4; msr elr_el1, x0; eret
const SETTINGS: Readonly<Record<string, bigint>> = { CPACR_EL1: 3n << 20n, VBAR_EL1: BigInt(VECTORS), VBAR_EL2: BigInt(VECTORS) }
const PROGRAM_WORDS = 256
const PROGRAM_STEPS = 200

export interface RandomWordsOptions {
  readonly count: number
  readonly seed: number
  readonly el: 0 | 1
  /** Called on the new board: attaches an engine. */
  readonly prepare?: (board: Board) => void
}
export interface RandomWordsResult {
  /** Words executed alone, and instructions of programs. */
  readonly executed: number
  readonly retired: number
}

/** Executes `count` words at an exception level. Throws what the machine throws, with the word or the program's seed. */
export const executeRandomWords = ({ count, seed, el, prepare }: RandomWordsOptions): RandomWordsResult => {
  const random = new Random(seed)
  const board = createBoard({ isa: composeOrThrow([base, fpsimd]), ramBase: RAM, ramBytes: RAM_BYTES, memoryWhenOff: "normal" })
  prepare?.(board)
  const pe = board.pes[0]!
  startAt(pe, el, BigInt(CODE))
  for (const [name, value] of Object.entries(SETTINGS)) writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
  const vectors = Uint32Array.from(SKIP)
  for (let at = 0; at < VECTORS_BYTES; at += 0x80) board.write(VECTORS + at, new Uint8Array(vectors.buffer))
  const initial = pe.bytes.slice(0, STATE_BYTES)
  const { pstate } = pe
  let restoredVersion = 0
  let executed = 0
  let retired = 0

  const restore = () => {
    retired += Number(pe.retired)
    pe.bytes.set(initial)
    pe.restored()
    restoredVersion = pe.controls.version
    registers()
  }
  const registers = () => {
    for (let n = 0; n < 31; n++) pe.x[n] = random.chance(60) ? BigInt(RAM + (random.word() % RAM_BYTES)) : random.doubleword()
    pe.x[31] = BigInt(RAM + 0x40000 + 16 * random.below(1024))
    for (let n = 0; n < 32; n++) pe.setV(n, (random.doubleword() << 64n) | random.doubleword())
    pe.flags = random.below(16)
    pe.fpcr = random.chance(50) ? 0 : random.word() & 0x07c80000
  }
  const controlsChanged = () => pe.controls.version !== restoredVersion || pe.controls.pending

  restore()
  while (executed < count) {
    if (random.chance(1)) {
      const programSeed = random.word()
      restore()
      try {
        executed += runProgram(board, pe, new Random(programSeed))
      } catch (cause) {
        throw new Error(`A program of random words (seed ${programSeed}) at EL${el} ended the machine: ${(cause as Error).message}`, { cause })
      }
      restore()
      continue
    }
    const word = random.word()
    pe.pc = BigInt(CODE + 4 * random.below(1024))
    try {
      executeWord(pe, word)
    } catch (cause) {
      throw new Error(`0x${word.toString(16)} at EL${el} ended the machine: ${(cause as Error).message}`, { cause })
    }
    executed++
    if (controlsChanged()) restore()
    else if (pe.pstate !== pstate) setState(pe, pstate)
    if (executed % 64 === 0) registers()
  }
  restore()
  return { executed, retired }
}

/** Runs a page of random words from its start; every other word is drawn from a few so that loops and data flow come about. */
const runProgram = (board: Board, pe: Pe, random: Random): number => {
  const words = Uint32Array.from({ length: PROGRAM_WORDS }, () => random.word())
  for (let i = 0; i < PROGRAM_WORDS; i += 2) words[i] = random.pick(COMMON)(random)
  board.write(CODE, new Uint8Array(words.buffer))
  pe.pc = BigInt(CODE)
  const before = pe.retired
  run(pe, { instructions: PROGRAM_STEPS })
  return Math.max(1, Number(pe.retired - before))
}
const COMMON: readonly ((r: Random) => number)[] = [
  (r) => (0x8b000000 | (r.below(31) << 16) | (r.below(31) << 5) | r.below(31)) >>> 0, // ADD (shifted register)
  (r) => (0xf9400000 | (r.below(8) << 10) | (r.below(31) << 5) | r.below(31)) >>> 0, // LDR (unsigned offset)
  (r) => (0xf9000000 | (r.below(8) << 10) | (r.below(31) << 5) | r.below(31)) >>> 0, // STR
  (r) => (0x54000000 | ((r.below(64) & 0x7ffff) << 5) | r.below(14)) >>> 0, // B.cond forward
  (r) => (0x54000000 | (((0x80000 - r.below(32)) & 0x7ffff) << 5) | r.below(14)) >>> 0, // B.cond back
  (r) => (0x1e602800 | (r.below(32) << 16) | (r.below(32) << 5) | r.below(32)) >>> 0, // FADD (double)
  (r) => (0xd5380000 | r.below(0x80000)) >>> 0 // MRS
]
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [count = "10000000", seed = "1", engine = "interp"] = process.argv.slice(2)
  for (const el of [0, 1] as const) {
    const start = performance.now()
    const prepare = engine === "jit" ? { prepare: (board: Board) => void attachJit(board, { hot: 2 }) } : {}
    const result = executeRandomWords({ count: Number(count) / 2, seed: Number(seed) + el, el, ...prepare })
    const seconds = (performance.now() - start) / 1000
    console.log(`EL${el}: ${result.executed} executed, ${result.retired} retired, ${seconds.toFixed(1)} s`)
  }
}
