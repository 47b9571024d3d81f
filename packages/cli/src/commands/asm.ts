/** eltwo asm SOURCE */
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

const options = {
  ...shared.machine,
  output: shared.text("output", "FILE", "Write the program there: an ELF file, or its bytes with --flat.", "o"),
  flat: shared.flag("flat", "With --output: the bytes alone."),
  origin: shared.text("origin", "ADDRESS", "Address of the first section (default 0x400000)."),
  json: shared.json,
  source: shared.argument("source", "A file, - for standard input, or the text of instructions")
}
export const asm = (context: Context) =>
  command("asm", options, (given) =>
    shared.later(
      () => import("../assemble-source.ts"),
      ({ assembleSource }) => assembleSource(context, given)
    )
  ).pipe(
    Command.withDescription(`Assembles: a listing, or a file with --output.

  eltwo asm 'add x0, x1, x2; ret'
  eltwo asm -o program.elf program.s`)
  )
export type AsmGiven = Command.Command.ParseConfig<typeof options>
