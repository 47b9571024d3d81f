/** Streaming mode itself: entering and leaving it, and its vector length as a number. */
import { choice, helper, type Instruction, instruction, signed, unsigned } from "@eltwo/isa"

const signExtend6 = (value: number): number => (value << 26) >> 26
/** Operands of MSR (immediate) that name SVCR. */
const [OP1, OP2] = [3, 3]
/** PSTATE.SM and PSTATE.ZA; the registers they hide are cleared with them. The access check is that of SVCR. */
const writeStreamingMode = helper({
  name: "writeStreamingMode",
  takes: ["number"],
  gives: "none",
  run: (host, immediate) => host.writePstate(OP1, OP2, immediate)
})
export const startStop = instruction({
  name: "SMSTART, SMSTOP",
  encoding: "1101010100000011 0100 0 which:2 value 01111111",
  where: (f) => f.which !== 0,
  assembly: "<value> <which>",
  operands: {
    value: choice("value", "smstop smstart"),
    which: choice("which", "- sm za -"),
    name: choice("which", "- svcrsm svcrza svcrsmza"),
    immediate: unsigned("value")
  },
  aliases: [
    { text: "<value>", fields: { which: 3 } },
    { text: "msr <name>, #<immediate>", prefer: false }
  ],
  endsBlock: true,
  feature: "SME",
  execute: (cpu, { which, value }) => cpu.call(writeStreamingMode, (which << 1) | value)
})

const BYTES_PER_VL = 8
const BYTES_PER_PL = 64
export const readStreamingLength = instruction({
  name: "RDSVL",
  encoding: "000001001011111101011 imm6:6 Rd:5",
  assembly: "rdsvl <Xd>, #<imm6>",
  operands: { imm6: signed("imm6:6") },
  feature: "SME",
  access: "SME",
  execute: (cpu, { imm6, Rd }) => cpu.setX(Rd, cpu.unsigned(64).constant(signExtend6(imm6) * (cpu.streamingVectorBits / BYTES_PER_VL)))
})
export const addStreamingLength = instruction({
  name: "ADDSVL, ADDSPL",
  encoding: "000001000 op 1 Rn:5 01011 imm6:6 Rd:5",
  assembly: "<op> <Xd|SP>, <Xn|SP>, #<imm6>",
  operands: { op: choice("op", "addsvl addspl"), imm6: signed("imm6:6") },
  feature: "SME",
  access: "SME",
  execute(cpu, { op, Rn, imm6, Rd }) {
    const A = cpu.unsigned(64)
    const bytes = cpu.streamingVectorBits / (op ? BYTES_PER_PL : BYTES_PER_VL)
    cpu.setXSP(Rd, A.add(cpu.XSP(Rn), A.constant(signExtend6(imm6) * bytes)))
  }
})

export const streamingInstructions: readonly Instruction[] = [startStop, readStreamingLength, addStreamingLength]
