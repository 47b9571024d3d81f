/** What a machine made of the cases: one line each, as the probe prints it. */
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { attachJit, createBoard, refuseHalt, run, startAt } from "../../../packages/cpu/src/index.ts"
import { type Case, CODE, caseBytes, type Program, RAM_BYTES, TABLES } from "./cases.ts"

/** Vector and level, ESR, FAR, HPFAR, ELR relative to the instruction, SPSR, DAIF in the handler, X0, X1. */
export const COLUMNS = ["vector", "esr", "far", "hpfar", "elr", "spsr", "daif", "x0", "x1"] as const
const END = 4
const MAXIMUM_INSTRUCTIONS = 40_000_000
const SLICE = 1_000_000

/** Runs the cases on this project's processor and gives what the probe prints. */
export const runProgram = (code: Uint8Array, { cases, tables }: Program, engine: "interp" | "jit" = "interp"): readonly string[] => {
  const board = createBoard({ isa: composeOrThrow([base, fpsimd]), ramBase: 0x40000000, ramBytes: RAM_BYTES }),
    pe = board.pes[0]!,
    output: number[] = []
  if (engine === "jit") attachJit(board, { hot: 4 })
  let ended = false
  board.attach({
    base: 0x9000000,
    bytes: 0x1000,
    read: () => 0n,
    write(offset, _size, value) {
      if (offset !== 0 || ended) return
      if (value === BigInt(END)) ended = true
      else output.push(Number(value & 0xffn))
    }
  })
  board.write(CODE, code)
  board.write(CODE + code.length, caseBytes(cases))
  board.write(TABLES, tables)
  startAt(pe, 2, BigInt(CODE))
  while (!ended && pe.retired < MAXIMUM_INSTRUCTIONS) {
    const exit = run(pe, { instructions: SLICE, engine })
    if (exit.kind === "halt") refuseHalt(pe)
    else if (exit.kind !== "limit") throw new Error(`The probe ended with ${exit.kind} at 0x${pe.pc.toString(16)}`)
  }
  return linesOf(Buffer.from(output).toString("latin1"))
}
export const linesOf = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== String.fromCharCode(END))

/** SPSR bits that the other side has states for: ALLINT, TCO and BTYPE; and the flags and DIT, which exception entry keeps here and clears there. */
const NOT_COMPARED = 0xf3002c00n
/** A stage 2 permission fault on a walk through Device memory: the other side reports it at level 0, the architecture at that of the descriptor. */
const WALK_FAULT = 0xb19n
/** A line in the form that both sides must agree on. */
export const comparable = ({ par }: Case, line: string): string => {
  const columns = line.split(" ").map((text) => BigInt(`0x${text}`))
  columns[5]! &= ~NOT_COMPARED
  if (par && (columns[8]! & ~6n) === (WALK_FAULT & ~6n)) columns[8] = WALK_FAULT
  return columns.map((value) => value.toString(16)).join(" ")
}
