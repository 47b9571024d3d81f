/** The command in this process: what it prints and its exit code. */
import type { Io } from "../src/context.ts"
import { main } from "../src/main.ts"

export interface Printed {
  readonly exit: number
  readonly out: string
  readonly error: string
}
export const command = async (...argv: readonly string[]): Promise<Printed> => {
  const texts = { out: "", error: "" }
  const add = (to: "out" | "error") => (text: string | Uint8Array) => {
    texts[to] += typeof text === "string" ? text : Buffer.from(text).toString("latin1")
  }
  const io: Io = { out: add("out"), error: add("error"), colours: false }
  const exit = await main(argv, io)
  return { exit, ...texts }
}
/** The lines of --json. */
export const jsonLines = (text: string): readonly Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
export const errorOf = ({
  error
}: Printed): { readonly code: string; readonly message: string; readonly hint: string; readonly problems?: unknown } =>
  (JSON.parse(error) as { error: never }).error
