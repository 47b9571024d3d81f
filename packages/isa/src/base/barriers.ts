/** Barriers, and CLREX. */
import { helper } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, unsigned } from "../operands.ts"

const domains = (reserved: readonly string[]): readonly string[] => {
  const named = "- oshld oshst osh - nshld nshst nsh - ishld ishst ish - ld st sy".split(" ")
  return named.map((name, CRm) => (name === "-" ? reserved[CRm >> 2]! : name))
}
const unnamed = ["#0x00", "#0x04", "#0x08", "#0x0c"]
/** Memory accesses happen in program order here, so this barrier has nothing to do. */
export const dataMemoryBarrier = instruction({
  name: "DMB",
  encoding: "11010101000000110011 CRm:4 1 01 11111",
  assembly: "dmb <domain>",
  operands: { domain: choice("CRm", domains(unnamed)), number: unsigned("CRm") },
  aliases: [{ text: "dmb #<number>", prefer: false }],
  ignored: ["CRm"],
  execute: () => {}
})
/** The number is CRm << 3 | op2. */
export const barrierHelper = helper({
  name: "barrier",
  takes: ["number"],
  gives: "none",
  run: (host, number) => host.system("barrier", BigInt(number))
})
export const dataSynchronizationBarrier = instruction({
  name: "DSB, SSBB, PSSBB",
  encoding: "11010101000000110011 CRm:4 1 00 11111",
  assembly: "dsb <domain>",
  operands: { domain: choice("CRm", domains(unnamed)), number: unsigned("CRm") },
  aliases: [
    { text: "ssbb", fields: { CRm: 0 } },
    { text: "pssbb", fields: { CRm: 4 } },
    { text: "dsb #<number>", prefer: false }
  ],
  execute: (cpu, { CRm }) => cpu.call(barrierHelper, (CRm << 3) | 4)
})
export const barrierNoExtraTime = instruction({
  name: "DSB (nXS)",
  encoding: "11010101000000110011 imm2:2 10 0 01 11111",
  assembly: "dsb <imm2>",
  operands: { imm2: choice("imm2", "oshnxs nshnxs ishnxs synxs"), number: unsigned("imm2", { scale: 4, offset: 16 }) },
  aliases: [{ text: "dsb #<number>", prefer: false }],
  feature: "XS",
  execute: (cpu, { imm2 }) => cpu.call(barrierHelper, (((imm2 << 2) | 2) << 3) | 1)
})
export const speculationBarrier = instruction({
  name: "SB",
  encoding: "11010101000000110011 (0000) 1 11 11111",
  assembly: "sb",
  feature: "SB",
  execute: (cpu) => cpu.call(barrierHelper, 7)
})
export const synchronize = helper({ name: "synchronize", takes: [], gives: "none", run: (host) => host.system("synchronize", 0n) })
export const instructionBarrier = instruction({
  name: "ISB",
  encoding: "11010101000000110011 CRm:4 1 10 11111",
  assembly: "isb( #<CRm>)?",
  operands: { CRm: unsigned("CRm", { hex: true, default: 15 }) },
  aliases: [{ text: "isb sy", fields: { CRm: 15 }, prefer: false }],
  ignored: ["CRm"],
  endsBlock: true,
  execute: (cpu) => cpu.call(synchronize)
})
export const clearExclusive = helper({ name: "clearExclusive", takes: [], gives: "none", run: (host) => host.system("clearExclusive", 0n) })
export const clearExclusiveMonitor = instruction({
  name: "CLREX",
  encoding: "11010101000000110011 CRm:4 0 10 11111",
  assembly: "clrex( #<CRm>)?",
  operands: { CRm: unsigned("CRm", { hex: true, default: 15 }) },
  ignored: ["CRm"],
  execute: (cpu) => cpu.call(clearExclusive)
})

export const barriers: readonly Instruction[] = [
  dataMemoryBarrier,
  dataSynchronizationBarrier,
  barrierNoExtraTime,
  speculationBarrier,
  instructionBarrier,
  clearExclusiveMonitor
]
