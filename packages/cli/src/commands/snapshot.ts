/** eltwo snapshot create|inspect|show|diff|verify|flatten */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"
import { runOptions } from "./run.ts"

const keyFile = shared.text("key-file", "FILE", "The key of 32 bytes that the snapshots are sealed with, all of them.")
const file = shared.argument("file", "A snapshot; - is standard input")
const load = () => import("../snapshot-tools.ts")

const inspect = (context: Context) =>
  command("inspect", { json: shared.json, file }, ({ file }) => shared.later(load, (tools) => tools.inspectFile(context, file))).pipe(
    Command.withDescription(`Prints what a snapshot says of itself: machine, time, parent, sections.

  eltwo snapshot inspect hello.el2
  eltwo snapshot inspect --json - < hello.el2`)
  )
const show = (context: Context) =>
  command(
    "show",
    { keyFile, json: shared.json, file, section: shared.argument("section", "A section, or a place in it: vm.vcpus.[0].pc") },
    ({ file, section, ...looking }) => shared.later(load, (tools) => tools.showSection(context, file, section, looking))
  ).pipe(
    Command.withDescription(`Prints the values of a section, or of a place in it.

  eltwo snapshot show hello.el2 vm.vcpus.[0].pc
  eltwo snapshot show --json hello.el2 run`)
  )
const diff = (context: Context) =>
  command(
    "diff",
    { keyFile, json: shared.json, before: shared.argument("before", "A snapshot"), after: shared.argument("after", "Another one") },
    ({ before, after, ...looking }) => shared.later(load, (tools) => tools.diffFiles(context, before, after, looking))
  ).pipe(
    Command.withDescription(`Prints what two snapshots have different; exit code 1 when there is something.

  eltwo snapshot diff before.el2 after.el2
  eltwo snapshot diff --json before.el2 after.el2`)
  )
const verify = (context: Context) =>
  command("verify", { keyFile, json: shared.json, files: file.pipe(Args.atLeast(1)) }, ({ files, ...looking }) =>
    shared.later(load, (tools) => tools.verifyFiles(context, files, looking))
  ).pipe(
    Command.withDescription(`Checks snapshots to the last byte; exit code 65 when one of them is refused.

What is sealed is checked with --key-file; without it, only what is outside of the seal.

  eltwo snapshot verify hello.el2
  eltwo snapshot verify --json *.el2`)
  )
const flatten = (context: Context) =>
  command(
    "flatten",
    {
      parent: shared.many("parent", "FILE", "A snapshot this one builds on, the full one first; may be repeated."),
      output: shared.snapshot.output,
      force: shared.snapshot.force,
      keyFile,
      json: shared.json,
      file
    },
    (given) => shared.later(load, (tools) => tools.flattenFiles(context, given))
  ).pipe(
    Command.withDescription(`Makes one full snapshot of an incremental one and those it builds on.

With --key-file they are sealed, and so is what is made of them.

  eltwo snapshot flatten --parent full.el2 -o whole.el2 changes.el2
  eltwo snapshot flatten --parent full.el2 --parent first.el2 -o - second.el2 | eltwo restore --resume -`)
  )
const create = (context: Context) =>
  command("create", runOptions, (given) =>
    shared.later(
      () => import("../run-guest.ts"),
      ({ runGuest }) => runGuest(context, { ...given, stop: true })
    )
  ).pipe(
    Command.withDescription(`Runs a guest up to --snapshot-at, saves it to --output and ends: eltwo run with --stop.

  eltwo snapshot create --snapshot-at 1M -o hello.el2 guests/hello
  eltwo snapshot create --snapshot-at syscall:write,2 -o second-write.el2 guests/hello`)
  )

export const snapshot = (context: Context) =>
  Command.make("snapshot").pipe(
    Command.withDescription(`Snapshots of guests: made, looked into, compared, checked, joined.

  eltwo snapshot create --snapshot-at 1M -o hello.el2 guests/hello
  eltwo snapshot inspect hello.el2`),
    Command.withSubcommands([create(context), inspect(context), show(context), diff(context), verify(context), flatten(context)])
  )
