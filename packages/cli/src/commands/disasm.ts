/** eltwo disasm FILE|HEX... */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

const options = {
  ...shared.machine,
  address: shared.text("address", "ADDRESS", "Address of the first word, for words and flat files (default 0)."),
  json: shared.json,
  what: shared.argument("what", "A file (ELF or flat), or words of 8 hexadecimal digits").pipe(Args.atLeast(1))
}
export const disasm = (context: Context) =>
  command("disasm", options, (given) =>
    shared.later(
      () => import("../disassemble.ts"),
      ({ disassembleGiven }) => disassembleGiven(context, given)
    )
  ).pipe(
    Command.withDescription(`Disassembles words, the executable segments of an ELF file, or a flat file.

  eltwo disasm 8b020020 d65f03c0
  eltwo disasm program.elf`)
  )
export type DisasmGiven = Command.Command.ParseConfig<typeof options>
