/**
 * What guests of test/vm-guests report on a machine whose interrupt controller is QEMU's own, for test/vgic-guests.test.ts: the CPU interface and the
 * distributor of a VM should not differ from it.
 *
 *   npx tsx test/conformance/record-vgic.ts
 *
 * Needs the oracle: ORACLE names a directory whose bin/ has qemu-system-aarch64; otherwise the one on PATH.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assemble, toFlat } from "@eltwo/isa"
import { isa } from "../vm-guests/machine.ts"
import { runTool } from "./oracle.ts"

/** Those that ask nothing of user space, and nothing about what implementations choose. */
export const GUESTS = ["vgic-timer", "vgic-priority", "vgic-sgi"]
const here = dirname(fileURLToPath(import.meta.url))
const guests = join(here, "../vm-guests")
const ORIGIN = 0x40400000
const RAM = 0x40000000
/** Reports go to memory, two doublewords each: a page for each vCPU. */
const LOG = 0x48000000
const LOG_BYTES = 0x1000

const recordedPrelude = (): string =>
  readFileSync(join(guests, "prelude.inc"), "utf8")
    .replace("DEVICE, 0x09000000", `DEVICE, 0x${LOG.toString(16)}`)
    .replace("str\t\\value, [x28, #8 * (\\tag)]", "mov\tx16, #\\tag\n\tstp\tx16, \\value, [x28], #16")
    .replace("_start:\n", "_start:\n\tmrs\tx20, mpidr_el1\n\tand\tx20, x20, #0xff\n")

const record = (name: string, folder: string): readonly string[] => {
  const { assembly, problems } = assemble(`${recordedPrelude()}\n${readFileSync(join(guests, `${name}.s`), "utf8")}`, { isa, origin: ORIGIN })
  if (problems) throw new Error(problems.map(({ line, message }) => `${name}: ${line}: ${message}`).join("\n"))
  const file = (what: string) => join(folder, `${name}.${what}`)
  writeFileSync(file("image"), toFlat(assembly))
  const at = `addr=0x${ORIGIN.toString(16)}`
  runTool("qemu-system-aarch64", [
    ...["-M", "virt,gic-version=3,memory-backend=m", "-cpu", "max", "-smp", "2", "-m", "256"],
    ...["-object", `memory-backend-file,id=m,mem-path=${file("ram")},size=256M,share=on`],
    ...["-display", "none", "-monitor", "none", "-serial", "none"],
    ...["-device", `loader,file=${file("image")},${at},force-raw=on`, "-device", `loader,${at},cpu-num=0`]
  ])
  const memory = readFileSync(file("ram"))
  return [0, 1].flatMap((vcpu) => reportsIn(memory.subarray(LOG - RAM + vcpu * LOG_BYTES, LOG - RAM + (vcpu + 1) * LOG_BYTES), vcpu))
}
/** Two empty entries end a log. */
const reportsIn = (log: Buffer, vcpu: number): readonly string[] => {
  const entries = Array.from({ length: LOG_BYTES / 16 }, (_, n) => [log.readBigUInt64LE(16 * n), log.readBigUInt64LE(16 * n + 8)] as const)
  const isEmpty = (n: number): boolean => entries[n]?.every((word) => word === 0n) ?? true
  const end = entries.findIndex((_, n) => isEmpty(n) && isEmpty(n + 1))
  return entries.slice(0, end).map(([tag, value]) => `${vcpu}:${tag} 0x${value.toString(16)}`)
}

const folder = mkdtempSync(join(tmpdir(), "record-vgic-"))
try {
  const reports = Object.fromEntries(GUESTS.map((name) => [name, record(name, folder)]))
  writeFileSync(join(here, "../golden/vgic-guests.json"), `${JSON.stringify(reports, undefined, 1)}\n`)
  for (const [name, lines] of Object.entries(reports)) console.log(`${name}: ${lines.length} reports`)
} finally {
  rmSync(folder, { recursive: true })
}
