/** The account of a run: how it ended and what it did, in a few lines. */
import { type RunEnd, type RunResult, signalName } from "@eltwo/vmm"

const count = (n: number | bigint): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ",")
const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`
const hex = (value: bigint | number): string => `0x${value.toString(16)}`

/** How a run ended, in words. */
export const endText = (end: RunEnd): string => {
  switch (end.kind) {
    case "exited":
      return `exited with ${end.status}`
    case "killed":
      return `killed by ${signalName(end.signal)} at ${hex(end.pc)}${end.fault === undefined ? "" : `, address ${hex(end.fault)}`}${end.outOfMemory ? ", out of memory (see --mem)" : ""}`
    case "unhandled":
      return `stopped by an exception at ${hex(end.pc)} that nothing handles: EC ${hex(end.ec)}, ISS ${hex(end.iss)}${end.far === undefined ? "" : `, FAR ${hex(end.far)}`} at EL${end.el}`
    case "idle":
      return `waits at ${hex(end.pc)} for an interrupt that cannot come`
    case "interrupted":
      return `interrupted by ${signalName(end.signal)}`
    case "saved":
      return "saved"
    case "limit":
      return end.limit === "instructions" ? "stopped by --max-insns" : "stopped by --timeout"
  }
}
const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${name} ${count(n)}`)
    .join(", ") || "none"

/** The account of a run; with `verbose` also the bytes moved and the machine. */
export const accountText = ({ end, account, machine }: RunResult, verbose: boolean): string => {
  const { instructions, milliseconds, kvm, systemCalls, unimplemented = {} } = account
  const rate = milliseconds > 0 ? `, ${(Number(instructions) / 1000 / milliseconds).toFixed(1)} M/s` : ""
  const lines = [`eltwo: ${endText(end)} after ${count(instructions)} instructions in ${(milliseconds / 1000).toFixed(2)} s${rate}`]
  if (kvm !== undefined) {
    const bytes = (n: number) => (verbose ? ` (${count(n)} bytes)` : "")
    lines.push(`  exits        ${listed(kvm.exits)}`)
    lines.push(
      `  FP registers ${plural(kvm.fpTraps, "trap")}, ${plural(kvm.saves, "save")}${bytes(kvm.savedBytes)}, ${plural(kvm.loads, "load")}${bytes(kvm.loadedBytes)}`
    )
  }
  if (systemCalls !== undefined)
    lines.push(`  system calls ${count(systemCalls)}${Object.keys(unimplemented).length === 0 ? "" : `; not implemented: ${listed(unimplemented)}`}`)
  if (verbose) {
    const { kind, engine, mode, era, seed, memory, plugins, features } = machine
    lines.push(
      `  machine      ${kind}, ${engine}${mode === undefined ? "" : `, mode ${mode}, era ${era}`}, ${count(memory)} bytes of RAM, seed ${seed}`
    )
    lines.push(`  plugins      ${plugins.join(", ")}`, `  features     ${features.join(" ")}`)
  }
  return `${lines.join("\n")}\n`
}

/** Rows of cells as columns: the first one to the left, numbers to the right. */
const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")
  return rows.map((row) => `  ${line(row)}\n`).join("")
}
const counted = (title: string, counts: Readonly<Record<string, number>>): string => {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a)
  return rows.length === 0 ? "" : `\n${table([[title, "count"], ...rows.map(([name, n]) => [name, count(n)] as const)])}`
}
/** What the switch path of a run did: register files moved, then exits, registers, calls and returns by how often. */
export const switchText = ({ account: { kvm }, machine }: RunResult): string => {
  if (kvm === undefined) return ""
  const moved = Object.entries(kvm.registerFiles).map(
    ([name, { saves, savedBytes, loads, loadedBytes }]) => [name, ...[saves, savedBytes, loads, loadedBytes].map(count)] as const
  )
  return [
    `\n${table([[`register file (mode ${machine.mode})`, "saves", "bytes", "loads", "bytes"], ...moved])}`,
    counted("exits by class", kvm.exits),
    counted("registers written", kvm.writes),
    counted("calls of hyp code", kvm.hostCalls),
    counted("KVM_RUN came back with", kvm.runs),
    `\n${table([
      ["guest entries", count(kvm.entries)],
      ["traps on FP, SVE or SME", count(kvm.fpTraps)],
      ["ISB of kernel and hyp code", count(kvm.barriers)]
    ])}`
  ].join("")
}
