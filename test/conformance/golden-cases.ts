/**
 * The recorded form of cases and what QEMU made of them. Only what an instruction changed is kept; the state before follows from the seed.
 *
 *     batches u32 | per batch: data seed u32, cases u32, sha256 of the data afterwards (32 bytes), then the cases
 *     case: word u32, seed u32, outcome u8, changes u8, then per change: field u8 and its value
 */
import { createHash } from "node:crypto"
import { Random } from "./differential/random.ts"
import { type Case, DATA_BYTES, OUTCOME } from "./differential/state.ts"

export const hashOf = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex")
export const randomData = (seed: number): Uint8Array => {
  const random = new Random(seed)
  return Uint8Array.from({ length: DATA_BYTES }, () => random.word())
}

export interface GoldenBatch {
  readonly dataSeed: number
  readonly cases: readonly Case[]
  /** The record after each case. */
  readonly expected: readonly DataView[]
  /** Of the data after the last case, in hexadecimal. */
  readonly dataHash: string
}
/** A kind of record: its size, what of it a case can change, and how the state before a case is made. All in bytes. */
export interface GoldenRecord {
  readonly record: { readonly BYTES: number; readonly OUTCOME: number }
  /** The index is the field's number in the file. */
  readonly fields: readonly { readonly at: number; readonly bytes: number }[]
  readonly writeState: (test: Case, index: number, record: DataView) => void
}
const initialState = ({ record: { BYTES }, writeState }: GoldenRecord, test: Case, index: number): DataView => {
  const record = new DataView(new ArrayBuffer(BYTES))
  writeState(test, index, record)
  return record
}
export const bytesAt = (view: DataView, at: number, count: number): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, count)

export const encodeGolden = (kind: GoldenRecord, batches: readonly GoldenBatch[]): Uint8Array => {
  const { fields, record } = kind
  const parts: Uint8Array[] = []
  const words = (...values: number[]) => parts.push(new Uint8Array(Uint32Array.from(values).buffer))
  words(batches.length)
  for (const batch of batches) {
    words(batch.dataSeed, batch.cases.length)
    parts.push(Uint8Array.from(batch.dataHash.match(/../g)!, (pair) => Number.parseInt(pair, 16)))
    batch.cases.forEach((test, i) => {
      const before = initialState(kind, test, i)
      const after = batch.expected[i]!
      const outcome = Number(after.getBigUint64(record.OUTCOME, true))
      const changed =
        outcome === OUTCOME.fault
          ? []
          : fields.flatMap(({ at, bytes }, field) => (bytesAt(before, at, bytes).every((b, k) => b === after.getUint8(at + k)) ? [] : [field]))
      words(test.word, test.seed)
      parts.push(Uint8Array.of(outcome, changed.length))
      for (const field of changed) {
        const { at, bytes } = fields[field]!
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

export const decodeGolden = (kind: GoldenRecord, file: Uint8Array): readonly GoldenBatch[] => {
  const { fields, record } = kind
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
      const after = initialState(kind, test, i)
      after.setBigUint64(record.OUTCOME, BigInt(view.getUint8(at)), true)
      const changes = view.getUint8(at + 1)
      at += 2
      for (let k = 0; k < changes; k++) {
        const { at: offset, bytes } = fields[view.getUint8(at)]!
        bytesAt(after, offset, bytes).set(file.subarray(at + 1, at + 1 + bytes))
        at += 1 + bytes
      }
      cases.push(test)
      expected.push(after)
    }
    return { dataSeed, cases, expected, dataHash }
  })
}
