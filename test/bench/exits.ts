/**
 * Guest exits a second, by mode and engine. Part of `npm run bench`; alone:
 *
 *     npx tsx test/bench/exits.ts [--runs N]
 *
 * Entries of the guest for each second of processor time, the best of some runs, in thousands. The guests do nothing else than to leave, in these ways:
 *
 * - `hvc`: a call that the host kernel answers (PSCI_VERSION);
 * - `wfe`: a trapped wait, after which the guest goes on;
 * - `mmio`: a store to nothing, which user space completes by the next KVM_RUN: vcpu_put and vcpu_load each time;
 * - `fp`: the same, and the first use of FP after it, which takes the registers from the host.
 *
 * There is no column for QEMU: what is measured is the modelled kernel's work on the processor, which QEMU has no model of.
 */
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { attachJit, createBoard } from "@eltwo/cpu"
import { createHost, isErrno, type Mode } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { guest, RAM, scalableIsa } from "../../plugins/vhe/test/machine.ts"

const MODES: readonly Mode[] = [vhe, nvhe, hvhe, protectedMode("hvhe")]
const ENGINES = ["interp", "jit"] as const
const NOTHING_THERE = "movz x1, #0x900, lsl #16"
const GUESTS = {
  hvc: "movz x19, #0x8400, lsl #16\nagain:\nmov x0, x19\nhvc #0\nb =again",
  wfe: "again:\nwfe\nb =again",
  mmio: `${NOTHING_THERE}\nagain:\nstr w0, [x1]\nb =again`,
  fp: `${NOTHING_THERE}\nmovz x2, #0x30, lsl #16\nmsr cpacr_el1, x2\nisb\nagain:\nfmov d0, x1\nstr w0, [x1]\nb =again`
} as const
/** Entries until the host has compiled what they need, and of one run. */
const WARM = 15_000
const ENTRIES = 20_000
/** Instructions of one KVM_RUN: a guest that leaves only to the kernel comes back to user space for this. */
const SLICE = 3000

/** Thousands of entries for each second of processor time. */
const exitsPerSecond = (mode: Mode, engine: (typeof ENGINES)[number], program: string, runs: number): number => {
  const board = createBoard({
    isa: scalableIsa,
    ramBase: RAM,
    ramBytes: 48 << 20,
    vectorLengths: [128, 256, 512],
    streamingVectorLengths: [128, 256]
  })
  if (engine === "jit") attachJit(board)
  const host = createHost({ board, mode, engine })
  const { vcpu } = guest(program, { host })
  const enter = (entries: number): void => {
    for (const end = host.account.entries + entries; host.account.entries < end; ) {
      const exit = vcpu.run(SLICE)
      if (isErrno(exit) || !(exit.reason === "intr" || exit.reason === "mmio")) throw new Error(`The guest stopped: ${JSON.stringify(exit)}`)
    }
  }
  enter(WARM)
  let best = 0
  for (let run = 0; run < runs; run++) {
    const { entries } = host.account
    const before = process.cpuUsage()
    enter(ENTRIES)
    const { user, system } = process.cpuUsage(before)
    best = Math.max(best, ((host.account.entries - entries) / (user + system)) * 1e3)
  }
  return best
}

export const benchExits = (runs: number): void => {
  const names = Object.keys(GUESTS)
  console.log(`\nGuest exits, thousands a second of processor time, best of ${runs} runs`)
  console.log(`mode   engine ${names.map((name) => name.padStart(8)).join("")}`)
  for (const mode of MODES)
    for (const engine of ENGINES) {
      const cells = Object.values(GUESTS).map((program) => exitsPerSecond(mode, engine, program, runs).toFixed(1).padStart(8))
      console.log(`${mode.name.padEnd(6)} ${engine.padEnd(7)}${cells.join("")}`)
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { runs: { type: "string", default: "3" } } })
  benchExits(Math.max(1, Number(values.runs) || 1))
}
