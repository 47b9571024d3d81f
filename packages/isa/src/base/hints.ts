/** Hint space, and waiting for events. */
import { helper, type SystemOperation } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, unsigned } from "../operands.ts"

/** Hints that do nothing here: those with a name by their number. Extensions that are not implemented make theirs a NOP. */
const names: Readonly<Record<number, string>> = {
  0: "nop",
  6: "dgh",
  7: "xpaclri",
  8: "pacia1716",
  10: "pacib1716",
  12: "autia1716",
  14: "autib1716",
  17: "psb csync",
  18: "tsb csync",
  19: "gcsb dsync",
  20: "csdb",
  22: "clrbhb",
  24: "paciaz",
  25: "paciasp",
  26: "pacibz",
  27: "pacibsp",
  28: "autiaz",
  29: "autiasp",
  30: "autibz",
  31: "autibsp",
  32: "bti r",
  34: "bti c",
  36: "bti j",
  38: "bti jc",
  39: "pacm",
  40: "chkfeat x16",
  48: "stshh keep",
  49: "stshh strm",
  50: "shuh",
  51: "shuh ph",
  52: "stcph"
}
const number = unsigned(["CRm:4", "op2:3"], { hex: true })
export const hint = instruction({
  name: "HINT, NOP, BTI, PACIASP, AUTIASP, ...",
  encoding: "11010101000000110010 CRm:4 op2:3 11111",
  assembly: "hint #<number>",
  operands: {
    number,
    named: choice(
      ["CRm:4", "op2:3"],
      Array.from({ length: 128 }, (_, i) => names[i] ?? "-")
    )
  },
  aliases: [{ text: "<named>" }, { text: "bti", fields: { CRm: 4, op2: 0 }, prefer: false }],
  ignored: ["CRm", "op2"],
  execute: () => {}
})

const waits: readonly SystemOperation[] = ["yield", "waitForEvent", "waitForInterrupt"]
/** YIELD, WFE and WFI: another processor or the host may run. */
export const waitHelper = helper({
  name: "wait",
  takes: ["number"],
  gives: "none",
  run: (host, op2) => host.system(waits[op2 - 1]!, op2 === 1 ? 0n : -1n)
})
export const waitHint = instruction({
  name: "YIELD, WFE, WFI",
  encoding: "11010101000000110010 0000 op2:3 11111",
  where: (f) => f.op2 >= 1 && f.op2 <= 3,
  assembly: "<op2>",
  operands: { op2: choice("op2", "- yield wfe wfi - - - -"), number: unsigned("op2", { hex: true }) },
  aliases: [{ text: "hint #<number>", prefer: false }],
  endsBlock: true,
  execute: (cpu, { op2 }) => cpu.call(waitHelper, op2)
})
export const sendEvent = helper({
  name: "sendEvent",
  takes: ["number"],
  gives: "none",
  run: (host, local) => host.system(local ? "sendEventLocal" : "sendEvent", 0n)
})
export const eventHint = instruction({
  name: "SEV, SEVL",
  encoding: "11010101000000110010 0000 10 L 11111",
  assembly: "<L>",
  operands: { L: choice("L", "sev sevl"), number: unsigned("L", { offset: 4, hex: true }) },
  aliases: [{ text: "hint #<number>", prefer: false }],
  execute: (cpu, { L }) => cpu.call(sendEvent, L)
})
/** The operand is the virtual count to wait for. */
export const waitUntil = helper({
  name: "waitUntil",
  takes: ["number", "doubleword"],
  gives: "none",
  run: (host, interrupt, count) => host.system(interrupt ? "waitForInterrupt" : "waitForEvent", count)
})
export const waitWithTimeout = instruction({
  name: "WFET, WFIT",
  encoding: "11010101 00000011 0001 0000 00 I Rd:5",
  assembly: "<I> <Xd>",
  operands: { I: choice("I", "wfet wfit") },
  feature: "WFxT",
  endsBlock: true,
  execute: (cpu, { I, Rd }) => cpu.call(waitUntil, I, cpu.X(Rd))
})

export const synchronizeErrors = helper({
  name: "synchronizeErrors",
  takes: [],
  gives: "none",
  run: (host) => host.system("errorBarrier", 0n)
})
/** Without FEAT_RAS a NOP. */
export const errorBarrier = instruction({
  name: "ESB",
  encoding: "11010101000000110010 0010 000 11111",
  assembly: "esb",
  aliases: [{ text: "hint #0x10", prefer: false }],
  execute: (cpu) => cpu.call(synchronizeErrors)
})

export const hints: readonly Instruction[] = [hint, waitHint, eventHint, waitWithTimeout, errorBarrier]
