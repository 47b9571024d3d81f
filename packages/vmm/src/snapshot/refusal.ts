/** Refusing a snapshot: inside this folder by throwing the error that the reader's caller gets as a value. */
import { type SnapshotCode, SnapshotError } from "../errors.ts"

export interface Reason {
  /** Where in the snapshot: a section, a field. */
  readonly path: string
  readonly expected: string
  readonly actual: string
  readonly hint: string
  /** In one sentence, where that says it better than the fields. */
  readonly message?: string
}
export const refusal = (code: SnapshotCode, { path, expected, actual, hint, message }: Reason): SnapshotError =>
  new SnapshotError({ code, path, expected, actual, hint, message: message ?? `${path}: expected ${expected}, found ${actual}` })
export const refuse = (code: SnapshotCode, reason: Reason): never => {
  throw refusal(code, reason)
}
/** The result of reading, or the refusal it ended with. */
export const reading = <T>(read: () => T): T | SnapshotError => {
  try {
    return read()
  } catch (error) {
    if (error instanceof SnapshotError) return error
    throw error
  }
}
export const isRefusal = (value: unknown): value is SnapshotError => value instanceof SnapshotError
