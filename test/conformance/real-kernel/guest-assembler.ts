/** Small guests for the real kernel and for eltwo: assembly with labels and a few words of their own. */
import { base, composeOrThrow } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"

/** Guest-physical addresses and tags of the device page that kvm-program.c knows too. */
export const RAM = 0x40000000
export const VECTORS = RAM + 0x1000
export const DATA = RAM + 0x4000
export const TAG = { esr: 500, elr: 501, spsr: 502, vector: 503, serror: 507, abort: 508, irq: 509, switch: 510, end: 511 } as const

const isa = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const hex = (value: number): string => `0x${value.toString(16)}`
const WORD = 4

/** `set xN, value`: 64 bits in up to four instructions. */
const constant = (register: string, text: string): readonly string[] => {
  const value = BigInt.asUintN(64, BigInt(text))
  const parts = [0, 16, 32, 48].map((shift) => ({ shift, part: (value >> BigInt(shift)) & 0xffffn })).filter(({ part }) => part !== 0n)
  const [first, ...rest] = parts.length === 0 ? [{ shift: 0, part: 0n }] : parts
  return [`movz ${register}, #${first!.part}, lsl #${first!.shift}`, ...rest.map(({ shift, part }) => `movk ${register}, #${part}, lsl #${shift}`)]
}
/**
 * One instruction a line; `name:`; `=name` for a label as operand; `.word n`; `.at address` fills up; `set xN, value`; `report xN` writes to the next tag of the
 * device page, `report xN, tag` to that one; `;` begins a comment.
 */
export const assemble = (source: string): Uint8Array => {
  let tag = 0
  const expand = (line: string): readonly string[] => {
    const set = /^set (x\d+), (\S+)$/.exec(line)
    if (set) return constant(set[1]!, set[2]!)
    const report = /^report (x\w+)(?:, (\d+))?$/.exec(line)
    return report ? [`str ${report[1]}, [x19, #${8 * Number(report[2] ?? tag++)}]`] : [line]
  }
  const lines = source
    .split("\n")
    .map((line) => line.replace(/;.*/, "").trim())
    .filter((line) => line !== "")
    .flatMap(expand)
  const labels = new Map<string, number>()
  let at = RAM
  for (const line of lines)
    if (line.endsWith(":")) labels.set(line.slice(0, -1), at)
    else if (line.startsWith(".at ")) {
      const target = Number(line.slice(4))
      if (target < at) throw new Error(`${line}: code is there already, up to ${hex(at)}`)
      at = target
    } else at += WORD
  const words: number[] = []
  for (const line of lines) {
    const address = RAM + WORD * words.length
    if (line.endsWith(":")) continue
    if (line.startsWith(".at ")) {
      words.push(...new Array<number>((Number(line.slice(4)) - address) / WORD).fill(0))
      continue
    }
    const text = line.replace(/=(\w+)/g, (_, name: string) => hex(labels.get(name) ?? Number.NaN))
    const word = text.startsWith(".word ") ? Number(text.slice(6)) : isa.table.assemble(text, { address })
    if (word === undefined) throw new Error(`Cannot assemble '${line}'`)
    words.push(word)
  }
  return new Uint8Array(Uint32Array.from(words).buffer)
}

/** IRQ from EL1: the host is asked to lower the line. */
const IRQ_VECTOR = 5
/** The sixteen vectors: report syndrome, address and state, skip the instruction; x20 counts, x21 keeps the last syndrome. */
const vectors = Array.from({ length: 16 }, (_, slot) => {
  const skip = slot % 4 === 0
  return `
    .at ${hex(VECTORS + 128 * slot)}
    ${slot === 4 ? "" : `movz x28, #${slot}\nreport x28, ${TAG.vector}`}
    mrs x21, esr_el1
    mrs x26, far_el1
    mrs x28, elr_el1
    cbnz x24, =quiet${slot}
    report x21, ${TAG.esr}
    report x28, ${TAG.elr}
    mrs x27, spsr_el1
    report x27, ${TAG.spsr}
    quiet${slot}:
    ${slot === IRQ_VECTOR ? `report xzr, ${TAG.irq}` : ""}
    add x20, x20, #1
    cbz x22, =skip${slot}
    msr elr_el1, x22
    set x27, 0x3c5
    msr spsr_el1, x27
    movz x22, #0
    eret
    skip${slot}:
    ${skip ? "add x28, x28, #4" : ""}
    msr elr_el1, x28
    eret`
}).join("\n")

/**
 * A guest of this body. It has x19 = the device page; exceptions are reported and skipped, or with x22 set go on there at EL1, once; with x24 set they are
 * not reported. x20 counts them, x21 is the last syndrome, x26 the last fault address.
 */
export const guestImage = (body: string, more = ""): Uint8Array =>
  assemble(`
    movz x19, #0x900, lsl #16
    set x0, ${hex(VECTORS)}
    msr vbar_el1, x0
    set x0, 0x300000
    msr cpacr_el1, x0
    movz x20, #0
    movz x22, #0
    movz x24, #0
    isb
    ${body}
    report xzr, ${TAG.end}
    stay:
    b =stay
    ${vectors}
    .at ${hex(VECTORS + 0x800)}
    ${more}`)
