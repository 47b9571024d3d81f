/** Options that several commands have. Their values go to the VMM as text: its schema says what is wrong with them. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Types from "effect/Types"

/** How an option is written. */
export interface OptionForm {
  readonly name: string
  /** A letter instead of the name. */
  readonly alias: string | undefined
  /** What stands for its value in help; undefined: it has none. */
  readonly value: string | undefined
  readonly isRepeatable: boolean
}
const FORMS = new WeakMap<object, OptionForm>()
const formed = <T extends object>(option: T, form: OptionForm): T => {
  FORMS.set(option, form)
  return option
}
const OPTIONS_OF = new Map<string, readonly OptionForm[]>()
/** The options that a command was made with. */
export const optionsOf = (command: string): readonly OptionForm[] => OPTIONS_OF.get(command) ?? []
/** A command of @effect/cli whose options are known by their forms. */
export const command = <Name extends string, const Config extends Command.Command.Config>(
  name: Name,
  config: Config,
  act: (given: Types.Simplify<Command.Command.ParseConfig<Config>>) => Effect.Effect<void>
) => {
  const forms = Object.values(config).map((option) => FORMS.get(option as object))
  OPTIONS_OF.set(
    name,
    forms.filter((form) => form !== undefined)
  )
  return Command.make(name, config, act)
}

const textOf = (name: string, value: string, description: string, alias: string | undefined) => {
  const option = Options.text(name).pipe(Options.withPseudoName(value), Options.withDescription(description))
  return alias === undefined ? option : Options.withAlias(option, alias)
}
/** A text option that may be left out. */
export const text = (name: string, value: string, description: string, alias?: string) =>
  formed(textOf(name, value, description, alias).pipe(Options.optional), { name, alias, value, isRepeatable: false })
export const many = (name: string, value: string, description: string) =>
  formed(textOf(name, value, description, undefined).pipe(Options.repeated), { name, alias: undefined, value, isRepeatable: true })
export const flag = (name: string, description: string, alias?: string) => {
  const option = Options.boolean(name).pipe(Options.withDescription(description))
  return formed(alias === undefined ? option : Options.withAlias(option, alias), { name, alias, value: undefined, isRepeatable: false })
}

/** An argument, which is not empty. */
export const argument = (name: string, description: string) =>
  Args.text({ name }).pipe(
    Args.mapEffect((value) => (value === "" ? Effect.fail(HelpDoc.p(`<${name}> is empty`)) : Effect.succeed(value))),
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
    "Save the guest to the file of --output and go on: after a count of its instructions, or at an event and the next time it is with its user space: exit, trap, fp, hypercall, psci, syscall or signal, with :WHAT and ,N for the Nth (exit:mmio, trap:fp, hypercall:0x84000000, psci:cpu_on, syscall:write,3, signal:usr1); of a bare image exception and semihosting (exception:irq, semihosting:write0). May be repeated; an event is looked for from the point before. Several CPUs are saved at the end of a round, of 100000 instructions on each."
  ),
  output: text("output", "FILE", "Where the snapshot goes; - is standard output. With several points, {n} in it is their number from 1.", "o"),
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
