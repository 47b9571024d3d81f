/** The recorded guests that use SVE and SME, on the bare processor at EL1: every word decodes, and they write what the real kernel's guests wrote. */
import { readFileSync } from "node:fs"
import { attachJit, createBoard, registerNamed, returnFromException, run, startAt, synchronize, writeRegister } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import type { Engine } from "../differential/machine.ts"
import { scalableMachine } from "./machine.ts"

interface Guest {
  readonly guest: string
  readonly load: string
  readonly words: readonly string[]
}
const lines = readFileSync(new URL("../../golden/kvm-traces/guests.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
const guests = new Map(lines.map((line) => JSON.parse(line) as Guest).map((guest) => [guest.guest, guest]))

const RAM = 0x40000000
const DEVICE = 0x09000000
const PSCI_VERSION = 0x84000000n
const SYSTEM_OFF = 0x84000008n
const LIMIT = 1000

/** Runs a guest to SYSTEM_OFF and gives what it wrote to the device, by the number of the doubleword. `maximum` is the longest vector, in bytes. */
const writesOf = (name: string, maximum: number, engine: Engine): Readonly<Record<number, bigint>> => {
  const lengths = [16, 32, 64].filter((bytes) => bytes <= maximum).map((bytes) => bytes * 8)
  const board = createBoard({ isa: scalableMachine, ramBase: RAM, ramBytes: 0x10000, vectorLengths: lengths, streamingVectorLengths: lengths })
  const written: Record<number, bigint> = {}
  board.attach({ base: DEVICE, bytes: 0x1000, read: () => 0n, write: (offset, _bytes, value) => void (written[offset / 8] = value) })
  for (const { load, words } of [guests.get(name)!, guests.get("vectors")!])
    board.write(Number(load), new Uint8Array(Uint32Array.from(words, (word) => Number.parseInt(word, 16)).buffer))
  const pe = board.pes[0]!
  if (engine === "jit") attachJit(board, { hot: 1 })
  startAt(pe, 1, BigInt(RAM))
  for (const name of ["SMCR_EL1", "ZCR_EL1"]) writeRegister(pe, registerNamed(pe, name), 0n)
  synchronize(pe)
  pe.modelledEl = 2
  for (let steps = 0; steps < LIMIT; steps++) {
    const exit = run(pe, { instructions: LIMIT, engine })
    expect(exit.kind).toBe("exception")
    if (exit.kind === "exception") expect(exit.exception.ec).toBe(EC.HVC64)
    if (pe.x[0] === SYSTEM_OFF) return written
    expect(pe.x[0]).toBe(PSCI_VERSION)
    returnFromException(pe)
  }
  throw new Error(`${name} does not end`)
}

describe("recorded guests", () => {
  it.each(["g3-sve32", "g4-zcr32", "g6-sme"])("%s decodes", (name) => {
    const unknown = guests.get(name)!.words.filter((word) => scalableMachine.decode(Number.parseInt(word, 16)) === undefined)
    expect(unknown).toEqual([])
  })
  // Values as the recordings of the real kernel have them; marks 0, 1, ... in order.
  describe.each(["interp", "jit"] as const)("in %s", (engine) => {
    it("g3 with vectors of 32 bytes", () =>
      expect(writesOf("g3-sve32", 32, engine)).toEqual({ 0: 0x20n, 1: 0x20n, 2: 0x5f0n, 3: 0x3an, 4: 0x20n, 5: 0x20n, 6: 0x88n }))
    it("g3 with vectors of 64 bytes", () =>
      expect(writesOf("g3-sve64", 64, engine)).toEqual({ 0: 0x40n, 1: 0x40n, 2: 0x17e0n, 3: 0xc4n, 4: 0x40n, 5: 0x40n, 6: 0x88n }))
    it("g4, whose shorter vectors stay short", () =>
      expect(writesOf("g4-zcr32", 32, engine)).toEqual({ 0: 0x20n, 1: 0x10n, 2: 0n, 3: 0x88n, 4: 0x20n, 5: 0x88n }))
    // The recorded machine hides SME from guests; here it is there. The second SMSTART changes nothing, so the number is kept.
    it("g6 in streaming mode", () =>
      expect(writesOf("g6-sme", 32, engine)).toEqual({ 0: 0x3330000n, 1: 0x3ff8000000000000n, 2: 0x10n, 3: 0n, 4: 3n, 5: 0n }))
  })
})
