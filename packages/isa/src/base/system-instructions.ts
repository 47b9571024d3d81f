/** SYS and SYSL: maintenance of caches, translations and predictions, by encoding. */
import { helper } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { once } from "../once.ts"
import { type Operand, register, systemEncoding, unsigned } from "../operands.ts"
import { type SystemInstruction, systemInstructionNames } from "./system-instruction-names.ts"

interface Encoding {
  readonly op1: number
  readonly CRn: number
  readonly CRm: number
  readonly op2: number
}
const encodingOf = (f: Encoding): number => systemEncoding(1, f.op1, f.CRn, f.CRm, f.op2)

/** One of the named encodings that stand in this line. */
const named = (line: (entry: SystemInstruction) => boolean): Operand<Encoding> => {
  const entries = once(() => systemInstructionNames().filter(line))
  const byEncoding = once(() => new Map(entries().map(({ encoding, name }) => [encoding, name])))
  const fields = once(
    () =>
      new Map(
        entries().map(({ encoding, name }) => {
          return [name, { op1: (encoding >> 11) & 7, CRn: (encoding >> 7) & 15, CRm: (encoding >> 3) & 15, op2: encoding & 7 }]
        })
      )
  )
  return {
    get spellings() {
      return [...fields().keys()]
    },
    print: (f) => byEncoding().get(encodingOf(f)),
    read(text, at) {
      const match = /(\w+)(?:[ \t]+(\w+))?/y
      match.lastIndex = at
      const words = match.exec(text)
      if (!words) return []
      const found = [`${words[1]} ${words[2]}`, words[1]!].find((name) => fields().has(name))
      if (found === undefined) return []
      return [{ end: found === words[1] ? at + found.length : at + words[0].length, fields: fields().get(found)! }]
    }
  }
}
const isOneWord = (entry: SystemInstruction): boolean => !entry.name.includes(" ")

/** Maintenance has effects beyond registers; which encodings exist, and for whom, the system model decides. */
export const maintain = helper({
  name: "maintain",
  takes: ["number", "doubleword"],
  gives: "none",
  run(host, encoding, operand) {
    host.maintain(encoding, operand)
  }
})
const numbers = {
  op1: unsigned("op1"),
  CRn: register("C", "CRn", { limit: 15 }),
  CRm: register("C", "CRm", { limit: 15 }),
  op2: unsigned("op2")
}
export const systemInstruction = instruction({
  name: "SYS, AT, CFP, CPP, DC, DVP, IC, TLBI",
  encoding: "1101010100 0 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5",
  assembly: "sys #<op1>, <CRn>, <CRm>, #<op2>, <Xt>",
  operands: {
    ...numbers,
    addressed: named((entry) => entry.register !== "never" && !isOneWord(entry)),
    registered: named((entry) => entry.register !== "never" && isOneWord(entry)),
    bare: named((entry) => entry.register !== "always")
  },
  aliases: [
    { text: "<bare>", fields: { Rt: 31 } },
    { text: "<addressed>, <Xt>" },
    { text: "<registered> <Xt>" },
    { text: "sys #<op1>, <CRn>, <CRm>, #<op2>", fields: { Rt: 31 } }
  ],
  endsBlock: true,
  execute: (cpu, f) => cpu.call(maintain, encodingOf(f), cpu.X(f.Rt))
})

/** DC ZVA is alone because it only stores: memset's inner loop need not end a block. */
export const zeroBlock = helper({
  name: "zeroBlock",
  takes: ["doubleword"],
  gives: "none",
  run(host, address) {
    host.maintain(systemEncoding(1, 3, 7, 4, 1), address)
  }
})
export const dataCacheZero = instruction({
  name: "DC ZVA",
  encoding: "1101010100 0 01 011 0111 0100 001 Rt:5",
  assembly: "dc zva, <Xt>",
  aliases: [{ text: "sys #3, C7, C4, #1, <Xt>", prefer: false }],
  execute: (cpu, { Rt }) => cpu.call(zeroBlock, cpu.X(Rt))
})

export const maintainWithResult = helper({
  name: "maintainWithResult",
  takes: ["number"],
  gives: "doubleword",
  run: (host, encoding) => host.maintain(encoding, 0n)
})
export const systemInstructionWithResult = instruction({
  name: "SYSL",
  encoding: "1101010100 1 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5",
  assembly: "sysl <Xt>, #<op1>, <CRn>, <CRm>, #<op2>",
  operands: numbers,
  aliases: [
    { text: "gcspopm", fields: { op1: 3, CRn: 7, CRm: 7, op2: 1, Rt: 31 } },
    { text: "gcspopm <Xt>", fields: { op1: 3, CRn: 7, CRm: 7, op2: 1 } },
    { text: "gcsss2 <Xt>", fields: { op1: 3, CRn: 7, CRm: 7, op2: 3 } },
    { text: "gicr <Xt>, cdia", fields: { op1: 0, CRn: 12, CRm: 3, op2: 0 } },
    { text: "gicr <Xt>, cdnmia", fields: { op1: 0, CRn: 12, CRm: 3, op2: 1 } }
  ],
  endsBlock: true,
  execute: (cpu, f) => cpu.setX(f.Rt, cpu.call(maintainWithResult, encodingOf(f)))
})

export const systemInstructions: readonly Instruction[] = [systemInstruction, dataCacheZero, systemInstructionWithResult]
