import type { RegionEngine } from "./board.ts"
import { instructionException } from "./exception.ts"
import type { Exit } from "./exit.ts"
import { Interpreter, type Trace } from "./interp/interpreter.ts"
import { LEAVE, PE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { pendingInterrupt } from "./pending.ts"
import { deriveForEngines } from "./processor-state.ts"
import { timerDeadline } from "./timer.ts"

/** How far a processing element runs, and how. */
export interface RunOptions {
  /** How many instructions may retire; each exception taken counts as one, so that a run always ends. */
  readonly instructions: number
  /** "jit" (the default) uses translated code where the board has an engine for it; the instruction trace needs the interpreter. */
  readonly engine?: "interp" | "jit"
  readonly trace?: Trace
}

const interpreters = new WeakMap<Pe, Interpreter>()
/** The interpreter of a processing element, made when first needed. */
export const interpreterOf = (pe: Pe): Interpreter => {
  let interpreter = interpreters.get(pe)
  if (!interpreter) interpreters.set(pe, (interpreter = new Interpreter(pe)))
  return interpreter
}

/**
 * Runs a processing element until its slice is used up or something ends it. Deterministic: the same state gives the same exit, the same state and
 * the same count of retired instructions in either engine.
 */
export const run = (pe: Pe, { instructions, engine = "jit", trace }: RunOptions): Exit => {
  const interpreter = interpreterOf(pe)
  const regions = engine === "jit" && !trace?.instruction ? pe.board.regions : undefined
  interpreter.trace = trace
  pe.attention = true
  if (!pe.translation.selected) deriveForEngines(pe)
  let left = instructions
  let untilDeadline = 0
  while (left > 0) {
    if (pe.attention || untilDeadline <= 0) {
      pe.attention = false
      const interrupt = pendingInterrupt(pe)
      if (interrupt) {
        left--
        const exit = interpreter.take(interrupt)
        if (exit) return exit
        continue
      }
      untilDeadline = timerDeadline(pe)
    }
    const slice = Math.min(left, untilDeadline)
    const result = regions ? runRegions(pe, regions, interpreter, slice) : interpreter.run(slice)
    if (typeof result !== "number") return result
    left -= slice - result
    untilDeadline -= slice - result
  }
  return { kind: "limit" }
}

const BUDGET = PE.BUDGET >> 2
const MAXIMUM_BUDGET = 2 ** 30
/** As Interpreter.run, with translated code where there is any. */
const runRegions = (pe: Pe, regions: RegionEngine, interpreter: Interpreter, count: number): Exit | number => {
  let left = count
  while (left > 0) {
    const budget = Math.min(left, MAXIMUM_BUDGET)
    pe.words[BUDGET] = budget
    const leave = regions.enter(pe)
    const used = budget - pe.signedWords[BUDGET]!
    if (used > 0) pe.retire(used)
    left -= used
    if (left <= 0) break
    if ((leave === LEAVE.next && used > 0) || (leave === LEAVE.budget && left > budget - used)) continue
    // What does not cover the next block is less than a block. A miss is mended by the access itself.
    const alone = leave === LEAVE.interpret && used > 0
    const result = alone ? interpreter.run(1) : interpreter.run(left, leave !== LEAVE.budget)
    if (typeof result !== "number") return result
    left = alone ? left - 1 + result : result
    if (pe.attention) return left
  }
  return 0
}

/** Executes exactly one instruction, or takes exactly one exception. */
export const step = (pe: Pe, trace?: Trace): Exit => run(pe, { instructions: 1, engine: "interp", ...(trace ? { trace } : {}) })

/** After Exit "halt" or "secureMonitorCall": the host has done what the instruction asked for, and it retires. */
export const completeHalt = (pe: Pe): void => {
  pe.pc = BigInt.asUintN(64, pe.pc + 4n)
  pe.retire(1)
}
/** After Exit "halt": the host does not know the immediate, and HLT is UNDEFINED. Gives the exit of a modelled kernel's exception. */
export const refuseHalt = (pe: Pe): Exit | undefined => interpreterOf(pe).take(instructionException(pe, "undefined", 0).exception)

/**
 * Puts `word` into RAM at the PC and executes it alone. The PC must be a multiple of 4 and, as a physical address, in RAM: for machines whose
 * translation is off or flat. For tests: the rest of the state is set and read through `pe` and `pe.board`.
 */
export const executeWord = (pe: Pe, word: number): Exit => {
  const { physical, code } = pe.board
  const address = Number(pe.pc)
  const at = physical.at(address, 4)
  if (at < 0) throw new RangeError(`The PC 0x${address.toString(16)} is not in RAM`)
  code.stored(address, 4)
  physical.view.setUint32(at, word, true)
  return step(pe)
}
