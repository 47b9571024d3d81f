// The file of recorded results: one line of JSON, then for every case the result's bytes and one byte of FPSR exceptions; all of it compressed.
// Operands are not stored: they follow from the seed. A checksum tells when they no longer are those of the recording.
import { gunzipSync, gzipSync } from "node:zlib"
import { type Random, randomWords } from "./softfloat-operands.ts"
import { type Case, drawCase, type Operation, type Outcome, operations } from "./softfloat-operations.ts"

export const GOLDEN_FILE = new URL("./golden-softfloat.bin.gz", import.meta.url)

export interface GoldenHeader {
  readonly seed: number
  readonly casesPerOperation: number
  readonly operations: readonly string[]
  readonly checksum: number
}

const RESULT_BYTES = 16
const resultBytes = (operation: Operation) => Math.ceil((operation.resultBits * operation.lanes) / 8)

function fold(checksum: number, x: bigint): number {
  const half = (n: number) => Number(BigInt.asUintN(32, x >> BigInt(32 * n)))
  return [0, 1, 2, 3].reduce((sum, n) => (Math.imul(sum, 0x01000193) ^ half(n)) >>> 0, checksum)
}

/** Folds one case into a running checksum. */
export const foldCase = (checksum: number, { fpcr, operands }: Case): number => operands.reduce(fold, fold(checksum, BigInt(fpcr)))

/** The operand sequence of one operation: it depends on the operation's name, so operations can come and go. */
export function randomOf(operation: Operation, seed: number): Random {
  const named = [...operation.name].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0, seed >>> 0)
  return randomWords(named)
}

/** `count` cases of an operation. */
export function casesOf(operation: Operation, seed: number, count: number): Case[] {
  const random = randomOf(operation, seed)
  return Array.from({ length: count }, () => drawCase(random, operation))
}

/** Packs outcomes in the order of `operations` and of `casesOf`. */
export function packGolden(header: GoldenHeader, outcomes: readonly (readonly Outcome[])[]): Uint8Array {
  const bytes = operations.flatMap((operation, n) => outcomes[n]!.flatMap((outcome) => [...outcomeBytes(operation, outcome), outcome.flags]))
  return gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), Buffer.from(bytes)]), { level: 9 })
}

function outcomeBytes(operation: Operation, { result }: Outcome): Uint8Array {
  const cell = Buffer.alloc(RESULT_BYTES)
  cell.writeBigUInt64LE(BigInt.asUintN(64, result), 0)
  cell.writeBigUInt64LE(result >> 64n, 8)
  return cell.subarray(0, resultBytes(operation))
}

export interface Golden {
  readonly header: GoldenHeader
  /** Outcomes per operation, in the order of the header's names. */
  readonly outcomes: readonly (readonly Outcome[])[]
}

export function unpackGolden(file: Uint8Array): Golden {
  const bytes = gunzipSync(file)
  const start = bytes.indexOf(10) + 1
  const header = JSON.parse(bytes.toString("utf8", 0, start)) as GoldenHeader
  let at = start
  const next = (operation: Operation): Outcome => {
    const cell = Buffer.alloc(RESULT_BYTES)
    const length = resultBytes(operation)
    bytes.copy(cell, 0, at, at + length)
    at += length + 1
    return { result: cell.readBigUInt64LE(0) | (cell.readBigUInt64LE(8) << 64n), flags: bytes[at - 1]! }
  }
  const outcomes = header.operations.map((name) => {
    const operation = operations.find((candidate) => candidate.name === name)
    if (operation === undefined) throw new Error(`golden file has an unknown operation: ${name}`)
    return Array.from({ length: header.casesPerOperation }, () => next(operation))
  })
  return { header, outcomes }
}
