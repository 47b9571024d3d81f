/** Exception generation and return. */
import { type Exception, helper } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, unsigned } from "../operands.ts"

const immediate = { imm16: unsigned("imm16", { hex: true }) }
const calls: readonly Exception[] = ["supervisorCall", "hypervisorCall", "secureMonitorCall"]

export const exceptionCall = instruction({
  name: "SVC, HVC, SMC",
  encoding: "11010100 000 imm16:16 000 LL:2",
  where: (f) => f.LL !== 0,
  assembly: "<LL> #<imm16>",
  operands: { ...immediate, LL: choice("LL", "- svc hvc smc") },
  endsBlock: true,
  execute: (cpu, { imm16, LL }) => cpu.raise(calls[LL - 1]!, imm16)
})
export const breakpoint = instruction({
  name: "BRK",
  encoding: "11010100 001 imm16:16 000 00",
  assembly: "brk #<imm16>",
  operands: immediate,
  endsBlock: true,
  execute: (cpu, { imm16 }) => cpu.raise("breakpoint", imm16)
})
export const halt = instruction({
  name: "HLT",
  encoding: "11010100 010 imm16:16 000 00",
  assembly: "hlt #<imm16>",
  operands: immediate,
  endsBlock: true,
  execute: (cpu, { imm16 }) => cpu.raise("halt", imm16)
})
/** Debug state is not modelled, and outside of it these are UNDEFINED. */
export const debugCall = instruction({
  name: "DCPS1, DCPS2, DCPS3",
  encoding: "11010100 101 imm16:16 000 LL:2",
  where: (f) => f.LL !== 0,
  assembly: "<LL>( #<imm16>)?",
  operands: { imm16: unsigned("imm16", { hex: true, default: 0 }), LL: choice("LL", "- dcps1 dcps2 dcps3") },
  ignored: ["imm16", "LL"],
  endsBlock: true,
  execute: (cpu) => cpu.raise("undefined", 0)
})
export const debugReturn = instruction({
  name: "DRPS",
  encoding: "1101011 0101 11111 000000 11111 00000",
  assembly: "drps",
  endsBlock: true,
  execute: (cpu) => cpu.raise("undefined", 0)
})
export const undefinedInstruction = instruction({
  name: "UDF",
  encoding: "0000000000000000 imm16:16",
  assembly: "udf #<imm16>",
  operands: { imm16: unsigned("imm16") },
  ignored: ["imm16"],
  endsBlock: true,
  execute: (cpu) => cpu.raise("undefined", 0)
})

export const returnFromException = helper({
  name: "returnFromException",
  takes: [],
  gives: "none",
  run: (host) => host.system("returnFromException", 0n)
})
export const exceptionReturn = instruction({
  name: "ERET",
  encoding: "1101011 0100 11111 000000 11111 00000",
  assembly: "eret",
  endsBlock: true,
  execute: (cpu) => cpu.call(returnFromException)
})

export const exceptions: readonly Instruction[] = [exceptionCall, breakpoint, halt, debugCall, debugReturn, undefinedInstruction, exceptionReturn]
