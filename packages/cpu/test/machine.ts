/** A small machine for tests: base A64, flat normal memory, programs assembled from text. */
import { base, composeOrThrow, Table } from "@eltwo/isa"
import { type Board, type BoardOptions, createBoard } from "../src/board.ts"
import type { Pe } from "../src/pe.ts"
import { setState, synchronize } from "../src/processor-state.ts"
import { readRegister, registerNamed, writeRegister } from "../src/system-registers.ts"

export const RAM = 0x40000000
const isa = composeOrThrow([base])
const table = new Table(isa.instructions, { systemNames: isa.systemNames })

/** Words of a program at `address`: one instruction a line, `name:` for labels, `=name` for a label as operand, `;` for comments. */
export const assemble = (source: string, address = RAM): Uint32Array => {
  const lines = source
    .split("\n")
    .map((line) => line.replace(/;.*/, "").trim())
    .filter((line) => line !== "")
  const labels = new Map<string, number>()
  let at = address
  for (const line of lines)
    if (line.endsWith(":")) labels.set(line.slice(0, -1), at)
    else at += 4
  at = address
  const words: number[] = []
  for (const line of lines) {
    if (line.endsWith(":")) continue
    const text = line.replace(/=(\w+)/g, (_, name: string) => `0x${labels.get(name)!.toString(16)}`)
    const word = text.startsWith(".word ") ? Number(text.slice(6)) : table.assemble(text, { address: at })
    if (word === undefined) throw new Error(`Cannot assemble '${line}'`)
    words.push(word)
    at += 4
  }
  return Uint32Array.from(words)
}
export const setRegister = (pe: Pe, name: string, value: bigint): void => {
  writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
}
export const getRegister = (pe: Pe, name: string): bigint => readRegister(pe, registerNamed(pe, name))

export interface TestMachine {
  readonly board: Board
  readonly pe: Pe
}
export const EL0 = 0
export const EL1 = 0b0101
export const EL2 = 0b1001
/** A machine about to execute `source` at the start of RAM, with the stack at the end of the first 64 KiB. PSTATE as in SPSR, by default EL1h. */
export const machine = (source: string, state = EL1, options: Partial<BoardOptions> = {}): TestMachine => {
  const board = createBoard({ isa, ramBase: RAM, ramBytes: 0x100000, memoryWhenOff: "normal", ...options })
  const pe = board.pes[0]!
  setRegister(pe, "HCR_EL2", 1n << 31n)
  setRegister(pe, "VBAR_EL1", BigInt(RAM + 0x80000))
  setRegister(pe, "VBAR_EL2", BigInt(RAM + 0x90000))
  board.write(RAM, new Uint8Array(assemble(source).buffer))
  setState(pe, state)
  pe.pc = BigInt(RAM)
  pe.x[31] = BigInt(RAM + 0x10000)
  return { board, pe }
}
/** RAM as an integer of `bytes` bytes. */
export const peek = (board: Board, address: number, bytes: number): bigint =>
  board.physical.read(address, bytes)!.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
export const poke = (board: Board, address: number, value: bigint, bytes = 8): void => {
  board.write(
    address,
    Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
  )
}
