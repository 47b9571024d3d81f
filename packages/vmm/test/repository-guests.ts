/** The guests of the repository as tests run them: what their folders say, with input and output as texts. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { RunRequest, RunResult } from "../src/index.ts"
import { runGuest } from "../src/node.ts"

export const GUESTS_FOLDER = fileURLToPath(new URL("../../../guests/", import.meta.url))
/** What a guest's expect.json says. */
export interface Expectation {
  readonly kind: "linux" | "bare" | "vm"
  readonly el?: 1 | 2
  readonly args?: readonly string[]
  readonly stdin?: string
  readonly stdout: string
  readonly status: number
}
export interface RepositoryGuest {
  readonly name: string
  readonly expectation: Expectation
}
export const repositoryGuests: readonly RepositoryGuest[] = readdirSync(GUESTS_FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, expectation: JSON.parse(readFileSync(`${GUESTS_FOLDER}${name}/expect.json`, "utf8")) as Expectation }))

/** Runs a guest with the input its folder says. */
export const runRepositoryGuest = async (
  { name, expectation: { args = [], stdin = "" } }: RepositoryGuest,
  options: Partial<RunRequest>
): Promise<RunResult & { readonly stdout: string; readonly errors: string }> => {
  let input = new TextEncoder().encode(stdin)
  const output: Readonly<Record<1 | 2, number[]>> = { 1: [], 2: [] }
  const result = await runGuest({
    guest: `${GUESTS_FOLDER}${name}`,
    args: [...args],
    mem: "32M",
    maxInsns: 20_000_000,
    streams: {
      readInput: (bytes) => {
        const piece = input.subarray(0, bytes)
        input = input.subarray(piece.length)
        return piece
      },
      writeOutput: (stream, bytes) => {
        output[stream].push(...bytes)
        return true
      },
      isTerminal: () => false
    },
    ...options
  })
  const textOf = (bytes: readonly number[]) => new TextDecoder().decode(Uint8Array.from(bytes))
  return { ...result, stdout: textOf(output[1]), errors: textOf(output[2]) }
}
