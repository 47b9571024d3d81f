/** eltwo run GUEST [-- ARGS] */
import * as Command from "@effect/cli/Command"
import type { Context } from "../context.ts"
import * as shared from "../options.ts"
import { command } from "../options.ts"

export const runOptions = {
  ...shared.machine,
  mode: shared.text("mode", "MODE", "vhe|nvhe|hvhe|pkvm or a plugin's: how the host kernel uses EL2 (default vhe)"),
  era: shared.text("era", "A..H", "Which Linux the modelled kernel behaves like (default H)."),
  engine: shared.text("engine", "ENGINE", "jit|interp (default jit)"),
  mem: shared.text("mem", "SIZE", "RAM of the guest: 64M, 1G ... (default 256M)"),
  seed: shared.text("seed", "N", "Seed of everything random (default 0)."),
  vcpus: shared.text("vcpus", "N", "Virtual CPUs of an image in a VM (default 1); PSCI CPU_ON starts all but the first."),
  pcpus: shared.text("pcpus", "N", "Physical CPUs of the modelled host (default 1)."),
  migration: shared.text(
    "migration",
    "POLICY",
    "affinity|random: whether threads of the host stay on their CPU, or --seed decides (default affinity)"
  ),
  kind: shared.text(
    "kind",
    "KIND",
    "auto|linux|vm|bare: a Linux program, an image at EL1 of a VM, an image without a modelled kernel (default auto)"
  ),
  protected: shared.flag("protected", "The memory of an image in a VM is its own: its host cannot read it (--mode pkvm)."),
  bare: shared.flag("bare", "The same as --kind bare."),
  el: shared.text("el", "1|2", "Exception level a bare image starts at (default 2)."),
  root: shared.text("root", "DIR", "Folder a Linux program sees as /; read only."),
  rootWritable: shared.flag("root-writable", "The program may change what is under --root."),
  env: shared.many("env", "NAME=VALUE", "A variable of the program's environment; may be repeated."),
  clock: shared.text("clock", "SECONDS", "Start of the guest's clock, seconds since 1970, or now (default 2025-01-01)."),
  signal: shared.many("signal", "NAME@INSNS[,every=INSNS]", "Sends a signal at that count of instructions; may be repeated."),
  maxInsns: shared.text("max-insns", "N", "Stop after N instructions (20M, 1e9): exit code 124."),
  timeout: shared.text("timeout", "TIME", "Stop after that time (5s, 200ms, 1m): exit code 124."),
  trace: shared.text(
    "trace",
    "KINDS",
    "insn,exc,syscalls of the guest, fp,trap,page,sched of the host: any of them, to standard error or --trace-file"
  ),
  traceFile: shared.text("trace-file", "FILE", "Where the trace goes."),
  ...shared.snapshot,
  json: shared.flag("json", "Standard output is JSON lines: the guest's output, the trace and the result as events."),
  quiet: shared.flag("quiet", "No account after the run.", "q"),
  account: shared.flag("account", "The whole account: register files, exits, trap words, calls of hyp code, KVM_RUN."),
  verbose: shared.flag("verbose", "A longer account.", "v"),
  guest: shared.argument("guest", "An ELF file, a flat image, a source (.s), or a folder with program.s")
}

export const run = (context: Context) =>
  command("run", runOptions, (given) =>
    shared.later(
      () => import("../run-guest.ts"),
      ({ runGuest }) => runGuest(context, given)
    )
  ).pipe(
    Command.withDescription(`Runs a guest: eltwo run [OPTIONS] GUEST [-- ARGS]. What follows -- is the guest's. Its output is eltwo's, its exit status too.

  eltwo run guests/hello
  eltwo run --root . ./busybox -- sha256sum /README.md
  eltwo run --snapshot-at 100 --snapshot-at trap:fp -o hello-{n}.el2 guests/hello`)
  )
/** What the line says. */
export type RunGiven = Command.Command.ParseConfig<typeof runOptions>
