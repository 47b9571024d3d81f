/** Options that several commands have. Their values go to the VMM as text: its schema says what is wrong with them. */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A text option that may be left out. */
export const text = (name: string, pseudoName: string, description: string) =>
  Options.text(name).pipe(Options.withPseudoName(pseudoName), Options.withDescription(description), Options.optional)
export const many = (name: string, pseudoName: string, description: string) =>
  Options.text(name).pipe(Options.withPseudoName(pseudoName), Options.withDescription(description), Options.repeated)
export const flag = (name: string, description: string) => Options.boolean(name).pipe(Options.withDescription(description))

/** An argument. What looks like an option is none: @effect/cli takes unknown options, and known ones without their value, for arguments. */
export const argument = (name: string, description: string) =>
  Args.text({ name }).pipe(
    Args.mapEffect((value) =>
      /^-./.test(value) ? Effect.fail(HelpDoc.p(`Option '${value}' is unknown here or lacks its value`)) : Effect.succeed(value)
    ),
    Args.withDescription(description)
  )

export const json = flag("json", "Print results and errors as JSON.")
/** What makes the instruction set of a machine. */
export const machine = {
  cpu: text("cpu", "MODEL", "max[,FEATURE=on|off...][,vl=BITS][,svl=BITS] (default max)"),
  plugin: many("plugin", "PLUGIN", "Another plugin: a name, ./path.js or package, then ,option=value; may be repeated.")
}

/** What asks for a snapshot in the course of a run. */
export const snapshot = {
  snapshotAt: many(
    "snapshot-at",
    "POINT",
    "Save the guest to the file of --output and go on: after a count of its instructions, or at an event and the next time it is with its user space: exit, trap, fp, hypercall, psci, syscall or signal, with :WHAT and ,N for the Nth (exit:mmio, trap:fp, hypercall:0x84000000, psci:cpu_on, syscall:write,3, signal:usr1). May be repeated; an event is looked for from the point before."
  ),
  output: text("output", "FILE", "Where the snapshot goes; - is standard output. With several points, {n} in it is their number from 1.").pipe(
    Options.withAlias("o")
  ),
  stop: flag("stop", "End the run when the last snapshot is made."),
  keyFile: text("key-file", "FILE", "A key of 32 bytes that snapshots are sealed with: also those of a protected VM. Restoring needs the same."),
  force: flag("force", "Overwrite the file of --output.")
}

export type Value = Option.Option<string> | readonly string[] | boolean | string
/** Only what was given, as the VMM wants it: an option left out is its schema's to fill in. */
export const given = (options: Readonly<Record<string, Value>>): Record<string, unknown> => {
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "boolean") {
      if (value) values[name] = true
    } else if (typeof value === "string") values[name] = value
    else if (!Option.isOption(value)) {
      if (value.length > 0) values[name] = value
    } else if (Option.isSome(value)) values[name] = value.value
  }
  return values
}

/** Loads the code of a command when it is needed: help and errors of usage come at once. */
export const later = <Module>(load: () => Promise<Module>, act: (module: Module) => Promise<void>): Effect.Effect<void> =>
  Effect.promise(async () => act(await load()))
