/** The trap key: one number for everything but the physical PC that translated code depends on. Equal keys: the same code is right. */

import type { Board } from "./board.ts"
import { evaluate, needsLegality } from "./gates.ts"
import { PE, PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { accessIsFree, readRegister, registerNamed } from "./system-registers.ts"

/** FPCR bits that arithmetic depends on: AHP, DN, FZ, RMode, FZ16, EBF, NEP, AH, FIZ. */
const FPCR_BITS = [26, 25, 24, 23, 22, 19, 13, 2, 1, 0]
const FP_CLASS_BITS = FPCR_BITS.length + 1
/** More different facts than this in one run are a guest's mischief; a key has room for 2^21. */
const MAXIMUM_FACTS = 2 ** 16
const FPCR_MASK = FPCR_BITS.reduce((mask, bit) => mask | (1 << bit), 0)
const IXC = 1 << 4

/**
 * Floating-point class of a key: 0 and 1 are the default FPCR (round to nearest, nothing flushed), 1 with FPSR.IXC set already; other values are
 * 2 x the compressed FPCR.
 */
export const floatClass = (key: number): number => key & ((1 << FP_CLASS_BITS) - 1)

/** Numbers of the facts seen on a board, shared by its processing elements. */
export class FactNumbers {
  readonly #limit: number
  readonly #numbers = new Map<string, number>()
  readonly #listeners: (() => void)[] = []
  constructor(limit = MAXIMUM_FACTS) {
    this.#limit = limit
  }
  number(facts: string): number {
    const known = this.#numbers.get(facts)
    if (known !== undefined) return known
    if (this.#numbers.size === this.#limit) {
      this.#numbers.clear()
      for (const listener of this.#listeners) listener()
    }
    const fresh = this.#numbers.size
    this.#numbers.set(facts, fresh)
    return fresh
  }
  onReset(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
const numbers = new WeakMap<Board, FactNumbers>()
const numbersOf = (board: Board): FactNumbers => {
  let known = numbers.get(board)
  if (!known) numbers.set(board, (known = new FactNumbers()))
  return known
}
/** Calls `listener` when the numbers have run out and begin anew: code kept by an older key must go. */
export const onTrapKeysReset = (board: Board, listener: () => void): void => numbersOf(board).onReset(listener)

/** What is known while the control registers in force hold certain values. */
interface Remembered {
  readonly words: Uint32Array
  /** Numbers of the facts, by PSTATE, SVCR and vector lengths. */
  readonly numbers: Map<number, number>
}
/** A guest, its host and hyp code, and a few more. */
const MAXIMUM_REMEMBERED = 8

export class TrapKeys {
  /** Set by whoever changes PSTATE, SVCR or control registers in force. */
  stale = true
  readonly #pe: Pe
  /** The latest first. */
  readonly #remembered: Remembered[] = []
  /** Slots of the control registers, and their words in force. */
  readonly #slots: readonly number[]
  readonly #words: Uint32Array
  #version = -1
  #facts = 0

  constructor(pe: Pe) {
    this.#pe = pe
    this.#slots = (pe.controls.machine.registers ?? []).filter(({ control }) => control).map(({ slot }) => slot)
    this.#words = new Uint32Array(2 * this.#slots.length)
    onTrapKeysReset(pe.board, () => {
      this.stale = true
      this.#remembered.length = 0
      this.#version = -1
    })
  }
  /** An unsigned 32-bit number. */
  key(): number {
    if (this.stale) {
      this.#facts = this.#currentFacts()
      this.stale = false
    }
    return (this.#facts * 2 ** FP_CLASS_BITS + classOf(this.#pe.fpcr, this.#pe.fpsr)) >>> 0
  }
  #currentFacts(): number {
    const { controls, words, svcr, board, vectorBits, streamingVectorBits } = this.#pe
    if (this.#version !== controls.version) this.#recall()
    this.#version = controls.version
    const { numbers } = this.#remembered[0]!
    const lengths = (vectorBits / 128 - 1) | ((streamingVectorBits / 128 - 1) << 4)
    const state = (words[PE.PSTATE >> 2]! & KEPT_STATE) | (svcr << 4) | (lengths << 6)
    const known = numbers.get(state)
    if (known !== undefined) return known
    const fresh = numbersOf(board).number(factsOf(this.#pe))
    this.#recall()
    this.#remembered[0]!.numbers.set(state, fresh)
    return fresh
  }
  /** Brings what is remembered of the values that are in force now to the front. */
  #recall(): void {
    const { controls } = this.#pe
    const slots = this.#slots
    const now = this.#words
    for (let i = 0; i < slots.length; i++) {
      now[2 * i] = controls.low(slots[i]!)
      now[2 * i + 1] = controls.high(slots[i]!)
    }
    const remembered = this.#remembered
    const at = remembered.findIndex(({ words }) => sameWords(words, now))
    if (at === 0) return
    remembered.unshift(at < 0 ? { words: now.slice(), numbers: new Map() } : remembered.splice(at, 1)[0]!)
    if (remembered.length > MAXIMUM_REMEMBERED) remembered.pop()
  }
}
const sameWords = (one: Uint32Array, two: Uint32Array): boolean => {
  let i = 0
  while (i < two.length && one[i] === two[i]) i++
  return i === two.length
}
/** The number of the trap context a processing element is in: translated code is kept for one of them. */
export const trapKey = (pe: Pe): number => pe.trapKeys.key()

const classOf = (fpcr: number, fpsr: number): number => {
  if ((fpcr & FPCR_MASK) === 0) return fpsr & IXC ? 1 : 0
  let packed = 0
  for (const bit of FPCR_BITS) packed = (packed << 1) | ((fpcr >>> bit) & 1)
  return packed << 1
}

/** Registers that engines may read or write in place while nothing traps the access. */
export const IN_PLACE = ["TPIDR_EL0", "TPIDRRO_EL0"] as const
/** Registers whose value is part of the key, while reading them is free. */
export const CONSTANT = ["DCZID_EL0"] as const
const KEPT_STATE = PSTATE.EL | PSTATE.SP | PSTATE.IL

const factsOf = (pe: Pe): string => {
  const { controls, words, translation } = pe,
    { machine } = controls,
    regime = translation.current()
  const verdicts = [...machine.gates.values()].map((gate) =>
      evaluate(pe, gate, true) ? 0 : needsLegality(gate) && evaluate(pe, gate, false) ? 1 : 2
    ),
    inPlace = IN_PLACE.map((name) => (accessIsFree(pe, name, true) ? 1 : 0) + (accessIsFree(pe, name, false) ? 2 : 0)),
    constants = CONSTANT.map((name) => (accessIsFree(pe, name, true) ? readRegister(pe, registerNamed(pe, name)) : "-")),
    checks = (pe.alignmentCheck ? 1 : 0) | (pe.nonAligned ? 2 : 0) | (pe.stackAlignmentCheck ? 4 : 0),
    topByte = regime.ranges.map((r) => (r?.topByteIgnored ? 1 : 0))
  return [
    words[PE.PSTATE >> 2]! & KEPT_STATE,
    verdicts.join(""),
    inPlace.join(""),
    constants.join(""),
    checks,
    topByte.join(""),
    regime.name,
    pe.vectorBits,
    pe.streamingVectorBits,
    pe.svcr
  ].join()
}
