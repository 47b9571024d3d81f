/** Exits a second: a guest that does nothing but PSCI_VERSION, in each mode and engine. `npx tsx test/bench/exits.ts [exits]`; processor time counts. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { createHost, type Mode } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { guest, RAM, scalableIsa } from "../../plugins/vhe/test/machine.ts"

const EXITS = Number(process.argv[2] ?? 100_000)
const LOOP = 3
const MODES: readonly Mode[] = [vhe, nvhe, hvhe, protectedMode("hvhe")]

const exitsPerSecond = (mode: Mode, engine: "interp" | "jit"): number => {
  const board = createBoard({
    isa: scalableIsa,
    ramBase: RAM,
    ramBytes: 48 << 20,
    vectorLengths: [128, 256, 512],
    streamingVectorLengths: [128, 256]
  })
  if (engine === "jit") attachJit(board)
  const host = createHost({ board, mode, engine })
  const { vcpu } = guest("movz x19, #0x8400, lsl #16\nagain:\nmov x0, x19\nhvc #0\nb =again", { host })
  vcpu.run(LOOP * 1000)
  const { entries } = host.account
  const before = process.cpuUsage()
  vcpu.run(LOOP * EXITS)
  const { user, system } = process.cpuUsage(before)
  return ((host.account.entries - entries) / (user + system)) * 1e6
}
for (const mode of MODES)
  for (const engine of ["interp", "jit"] as const)
    console.log(`${mode.name} ${engine} ${Math.round(exitsPerSecond(mode, engine) / 100) / 10} k exits/s`)
