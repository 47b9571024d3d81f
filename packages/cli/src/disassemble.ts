/** The work of `eltwo disasm`. */
import { existsSync } from "node:fs"
import { GuestImageError, isElfProblem, looksLikeElf, OptionError, parseElf, type VmmError } from "@eltwo/vmm"
import { Effect, Option } from "effect"
import type { DisasmGiven } from "./commands/disasm.ts"
import { type Context, jsonText } from "./context.ts"
import { parseAddress, readInput } from "./input.ts"
import { type Line, linesOf, lineText } from "./listing.ts"
import { withModel } from "./model.ts"

interface Code {
  readonly address: bigint
  readonly bytes: Uint8Array
}
const MAX_MEMORY = 2 ** 32

export const disassembleGiven = (context: Context, given: DisasmGiven): Promise<void> =>
  withModel(context, given, ({ isa }) =>
    Effect.gen(function* () {
      const address = Option.isSome(given.address) ? yield* parseAddress("address", given.address.value) : 0n
      const code = yield* codeOf(given.what, address)
      const lines = code.flatMap(({ address, bytes }): readonly Line[] => linesOf(isa, bytes, address))
      context.io.out(given.json ? jsonText(lines) : lines.map(lineText).join(""))
    })
  )

/** Words when all of them look like one and none is a file. */
const codeOf = (what: readonly string[], address: bigint): Effect.Effect<readonly Code[], VmmError> => {
  const [first = ""] = what
  if (what.length === 1 && (existsSync(first) || first === "-" || !isWord(first))) return fileCode(first, address)
  const wrong = what.find((text) => !isWord(text))
  if (wrong !== undefined)
    return OptionError.of(
      [{ option: "what", message: `'${wrong}' is not a word of 8 hexadecimal digits` }],
      "Several arguments are words: 8b020020 d65f03c0."
    )
  const words = Uint32Array.from(what, (text) => Number.parseInt(text.replace(/^0x/, ""), 16))
  const bytes = new Uint8Array(4 * words.length)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
  return Effect.succeed([{ address, bytes }])
}
const isWord = (text: string): boolean => /^(0x)?[0-9a-fA-F]{8}$/.test(text)

const fileCode = (path: string, address: bigint): Effect.Effect<readonly Code[], VmmError> =>
  Effect.flatMap(
    readInput(path, "Words have 8 hexadecimal digits; anything else names a file."),
    (bytes): Effect.Effect<readonly Code[], VmmError> => {
      if (!looksLikeElf(bytes)) return Effect.succeed([{ address, bytes }])
      const elf = parseElf(bytes, MAX_MEMORY)
      if (isElfProblem(elf))
        return new GuestImageError({
          path,
          reason: elf.reason,
          at: elf.at,
          message: `${path}: ${elf.message}`,
          hint: "Only AArch64 executables can be read."
        })
      return Effect.succeed(elf.segments.filter(({ executable }) => executable).map(({ address, contents }) => ({ address, bytes: contents })))
    }
  )
