/** Records what GNU as and ld make of the sources beside this file: `ORACLE=... npx tsx packages/isa/test/asm/record.ts` writes golden.json. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { runTool } from "../../../../test/conformance/oracle.ts"
import { readElf } from "./elf-reader.ts"

const here = fileURLToPath(new URL(".", import.meta.url))
/** The sections where our layout has them. */
const SCRIPT = `ENTRY(_start)
SECTIONS {
  . = 0x400000; .text : { *(.text .text.*) }
  . = ALIGN(4096); .rodata : { *(.rodata .rodata.*) }
  . = ALIGN(4096); .data : { *(.data .data.*) } .bss : { *(.bss .bss.*) }
  /DISCARD/ : { *(.comment .eh_frame .note*) }
}`

const folder = mkdtempSync("/tmp/asm-")
const script = join(folder, "layout.ld")
writeFileSync(script, SCRIPT)
const golden: Record<string, object> = {}
for (const source of readdirSync(here).filter((name) => name.endsWith(".s"))) {
  const [object, program] = [join(folder, "a.o"), join(folder, "a.elf")]
  runTool("as", ["-march=armv9.4-a+crypto", join(here, source), "-o", object])
  runTool("ld", ["--no-relax", "--no-warn-rwx-segments", "-T", script, object, "-o", program])
  const { entry, sections, symbols } = readElf(readFileSync(program))
  golden[source] = {
    entry: `0x${entry.toString(16)}`,
    sections: sections.map(({ name, address, length, bytes }) => ({
      name,
      address: `0x${address.toString(16)}`,
      length,
      bytes: Buffer.from(bytes).toString("base64")
    })),
    // Sections and the mapping symbols of the ELF for AArch64 have no place in our files.
    symbols: Object.fromEntries(
      symbols
        .filter(({ name, info, section }) => section !== 0 && name !== "" && !/^\$[xd]/.test(name) && (info & 15) < 3)
        .map(({ name, value }) => [name, `0x${value.toString(16)}`])
    )
  }
}
rmSync(folder, { recursive: true })
writeFileSync(join(here, "golden.json"), `${JSON.stringify(golden, undefined, 1)}\n`)
