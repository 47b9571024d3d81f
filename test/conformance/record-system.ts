/**
 * Exceptions, system registers and translations as QEMU has them, for packages/cpu/test/system-golden.test.ts.
 *
 *   npx tsx test/conformance/record-system.ts                      writes the golden file
 *   npx tsx test/conformance/record-system.ts compare SEED [N]     compares other cases, N times as many, and writes nothing
 *
 * Needs the oracle: ORACLE names a directory whose bin/ has as, ld, objcopy and qemu-system-aarch64; otherwise the prefixed tools on PATH.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { runTool } from "./oracle.ts"
import { CODE, caseBytes, type Program, programOf, RAM_BYTES, TABLES } from "./system/cases.ts"
import { comparable, linesOf, runProgram } from "./system/results.ts"

const here = dirname(fileURLToPath(import.meta.url))
const GOLDEN = join(here, "../golden/system.json.gz")
const GOLDEN_SEED = 1
const CPU = "max,sve=off,sme=off,pauth=off,lpa2=off"

/** The probe's code and the address of its instruction slot. */
const assemble = (folder: string): { readonly code: Uint8Array; readonly slot: bigint } => {
  const file = (name: string) => join(folder, name)
  runTool("as", ["-o", file("probe.o"), join(here, "system/probe.s")])
  runTool("ld", [`-Ttext=0x${CODE.toString(16)}`, "-o", file("probe.elf"), file("probe.o")])
  runTool("objcopy", ["-O", "binary", file("probe.elf"), file("probe.bin")])
  const symbols = runTool("objdump", ["-t", file("probe.elf")]).toString()
  const slot = /^([0-9a-f]+) .* slot$/m.exec(symbols)?.[1]
  if (slot === undefined) throw new Error("The probe has no slot")
  return { code: new Uint8Array(readFileSync(file("probe.bin"))), slot: BigInt(`0x${slot}`) }
}
const runQemu = (folder: string, code: Uint8Array, { cases, tables }: Program): readonly string[] => {
  const file = (name: string) => join(folder, name)
  writeFileSync(file("image"), Buffer.concat([code, caseBytes(cases)]))
  writeFileSync(file("tables"), tables)
  const load = (name: string, address: number) => ["-device", `loader,file=${file(name)},addr=0x${address.toString(16)},force-raw=on`]
  runTool("qemu-system-aarch64", [
    ...["-M", "virt,virtualization=on,gic-version=3", "-cpu", CPU, "-m", `${RAM_BYTES >> 20}`, "-display", "none", "-monitor", "none"],
    ...[
      "-serial",
      `file:${file("output")}`,
      ...load("image", CODE),
      ...load("tables", TABLES),
      "-device",
      `loader,addr=0x${CODE.toString(16)},cpu-num=0`
    ]
  ])
  return linesOf(readFileSync(file("output"), "latin1"))
}

const [mode, seedText = "2", amountText = "1"] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), "record-system-"))
try {
  const { code, slot } = assemble(folder)
  const program = programOf(mode === "compare" ? Number(seedText) : GOLDEN_SEED, slot, Number(amountText))
  const theirs = runQemu(folder, code, program)
  const ours = runProgram(code, program)
  const { cases } = program
  if (theirs.length !== cases.length || ours.length !== cases.length)
    throw new Error(`${cases.length} cases, ${theirs.length} of QEMU, ${ours.length} of ours`)
  let different = 0
  const kept: string[] = []
  cases.forEach((test, i) => {
    const [a, b] = [comparable(test, theirs[i]!), comparable(test, ours[i]!)]
    kept.push(a)
    if (a === b) return
    different++
    if (different > 40) return
    const controls = Object.entries(test.controls).map(([name, value]) => `${name}=${value.toString(16)}`)
    console.log(`${test.name} at EL${test.el}, x0 ${test.x0?.toString(16)}, ${controls.join(" ")}\n  QEMU ${a}\n  ours ${b}`)
  })
  console.log(`${cases.length} cases, ${different} differ`)
  if (mode !== "compare") {
    writeFileSync(
      GOLDEN,
      gzipSync(JSON.stringify({ seed: GOLDEN_SEED, slot: slot.toString(), code: Buffer.from(code).toString("base64"), lines: kept }), { level: 9 })
    )
    console.log(`wrote ${GOLDEN}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
