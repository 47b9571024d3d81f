/** The work of `eltwo asm`. */

import { existsSync } from "node:fs"
import { type AssembledSection, type Assembly, assemble, type Machine, toElf, toFlat } from "@eltwo/isa"
import { GuestImageError, type VmmError } from "@eltwo/vmm"
import { Effect, Option } from "effect"
import type { AsmGiven } from "./commands/asm.ts"
import { type Context, fail, jsonText } from "./context.ts"
import { parseAddress, readInput, writeOutput } from "./input.ts"
import { dumpText, linesOf, lineText } from "./listing.ts"
import { withModel } from "./model.ts"
import { usageReport } from "./report.ts"

export const assembleSource = (context: Context, given: AsmGiven): Promise<void> => {
  if (given.flat && Option.isNone(given.output)) return Promise.resolve(fail(context, usageReport("--flat needs --output")))
  return withModel(context, given, ({ isa }) =>
    Effect.gen(function* () {
      const { name, text } = yield* sourceOf(given.source)
      const origin = Option.isSome(given.origin) ? yield* parseAddress("origin", given.origin.value) : undefined
      const { assembly, problems } = assemble(text, { isa, ...(origin === undefined ? {} : { origin }) })
      if (problems !== undefined) {
        const lines = problems.map(({ line, column, message, text }) => `${name}:${line}:${column}: ${message} in '${text}'`)
        return yield* new GuestImageError({
          path: name,
          reason: "assembly",
          at: problems[0]?.line,
          problems: lines,
          message: lines[0]!,
          hint: "The dialect is that of GNU as."
        })
      }
      if (Option.isSome(given.output)) {
        const bytes = given.flat ? toFlat(assembly) : toElf(assembly)
        yield* writeOutput(given.output.value, bytes)
        return given.json ? context.io.out(jsonText({ path: given.output.value, bytes: bytes.length })) : undefined
      }
      context.io.out(given.json ? jsonText(jsonOf(assembly, isa)) : textOf(assembly, isa))
    })
  )
}

/** A file that is there, standard input, or else the text itself. */
const sourceOf = (source: string): Effect.Effect<{ readonly name: string; readonly text: string }, VmmError> =>
  readInput(source).pipe(
    Effect.map((bytes) => ({ name: source, text: new TextDecoder().decode(bytes) })),
    Effect.catchIf(
      () => !/\.[sS]$|\//.test(source) && !existsSync(source),
      () => Effect.succeed({ name: "line", text: source })
    )
  )
const textOf = ({ sections }: Assembly, isa: Machine): string => sections.map((section) => sectionText(section, isa, sections.length > 1)).join("\n")
const sectionText = ({ name, address, length, bytes, executable, zeros }: AssembledSection, isa: Machine, titled: boolean): string => {
  const title = titled ? `${name}, ${length} bytes at 0x${address.toString(16)}\n` : ""
  if (zeros) return title
  return title + (executable ? linesOf(isa, bytes, address).map(lineText).join("") : dumpText(bytes, address))
}
const jsonOf = ({ entry, sections, symbols }: Assembly, isa: Machine) => ({
  entry,
  sections: sections.map(({ name, address, length, bytes, executable, writable }) => ({
    name,
    address,
    length,
    executable,
    writable,
    ...(executable ? { lines: linesOf(isa, bytes, address) } : { bytes: Buffer.from(bytes).toString("hex") })
  })),
  symbols
})
