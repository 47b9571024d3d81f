/**
 * The recorded form of cases with scalable registers and what QEMU made of them. Only what an instruction changed is kept; the state before follows
 * from the seed.
 *
 *     batches u32 | per batch: data seed u32, cases u32, sha256 of the data afterwards (32 bytes), then the cases
 *     case: word u32, seed u32, outcome u8, changes u8, then per change: field u8 and its value
 */
import { type Case, OUTCOME } from "../differential/state.ts"
import { bytesAt, FIELDS } from "./compare.ts"
import { RECORD, writeState } from "./state.ts"

export interface GoldenBatch {
  readonly dataSeed: number
  readonly cases: readonly Case[]
  /** The record after each case. */
  readonly expected: readonly DataView[]
  /** Of the data after the last case, in hexadecimal. */
  readonly dataHash: string
}
const initialState = (test: Case): DataView => {
  const record = new DataView(new ArrayBuffer(RECORD.BYTES))
  writeState(test, record)
  return record
}

export const encodeGolden = (batches: readonly GoldenBatch[]): Uint8Array => {
  const parts: Uint8Array[] = []
  const words = (...values: number[]) => parts.push(new Uint8Array(Uint32Array.from(values).buffer))
  words(batches.length)
  for (const batch of batches) {
    words(batch.dataSeed, batch.cases.length)
    parts.push(Uint8Array.from(batch.dataHash.match(/../g)!, (pair) => Number.parseInt(pair, 16)))
    batch.cases.forEach((test, i) => {
      const before = initialState(test)
      const after = batch.expected[i]!
      const outcome = Number(after.getBigUint64(RECORD.OUTCOME, true))
      const changed =
        outcome === OUTCOME.fault
          ? []
          : FIELDS.flatMap(([, at, bytes], field) => (bytesAt(before, at, bytes).every((b, k) => b === after.getUint8(at + k)) ? [] : [field]))
      words(test.word, test.seed)
      parts.push(Uint8Array.of(outcome, changed.length))
      for (const field of changed) {
        const [, at, bytes] = FIELDS[field]!
        parts.push(Uint8Array.of(field), bytesAt(after, at, bytes))
      }
    })
  }
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export const decodeGolden = (file: Uint8Array): readonly GoldenBatch[] => {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  let at = 0
  const word = () => view.getUint32((at += 4) - 4, true)
  return Array.from({ length: word() }, () => {
    const dataSeed = word()
    const count = word()
    const dataHash = Array.from(file.subarray(at, at + 32), (b) => b.toString(16).padStart(2, "0")).join("")
    at += 32
    const cases: Case[] = []
    const expected: DataView[] = []
    for (let i = 0; i < count; i++) {
      const test = { word: word(), seed: word() }
      const after = initialState(test)
      after.setBigUint64(RECORD.OUTCOME, BigInt(view.getUint8(at)), true)
      const changes = view.getUint8(at + 1)
      at += 2
      for (let k = 0; k < changes; k++) {
        const [, offset, bytes] = FIELDS[view.getUint8(at)]!
        bytesAt(after, offset, bytes).set(file.subarray(at + 1, at + 1 + bytes))
        at += 1 + bytes
      }
      cases.push(test)
      expected.push(after)
    }
    return { dataSeed, cases, expected, dataHash }
  })
}
