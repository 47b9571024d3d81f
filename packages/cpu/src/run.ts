import type { Exit } from "./exit.ts"
import { Interpreter, type Trace } from "./interp/interpreter.ts"
import { instructionException, pendingInterrupt, timerDeadline } from "./interp/services.ts"
import type { Pe } from "./pe.ts"

export interface RunOptions {
  /** How many instructions may retire; each exception taken counts as one, so that a run always ends. Less than 2^32. */
  readonly instructions: number
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
export const run = (pe: Pe, { instructions, trace }: RunOptions): Exit => {
  const interpreter = interpreterOf(pe)
  interpreter.trace = trace
  pe.attention = true
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
    const result = interpreter.run(slice)
    if (typeof result !== "number") return result
    left -= slice - result
    untilDeadline -= slice - result
  }
  return { kind: "limit" }
}

/** Executes exactly one instruction, or takes exactly one exception. */
export const step = (pe: Pe, trace?: Trace): Exit => run(pe, trace ? { instructions: 1, trace } : { instructions: 1 })

/** After Exit "halt": the host has done what HLT asked for, and the instruction retires. */
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
