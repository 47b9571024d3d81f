/** Additions and subtractions: immediate, shifted and extended register, with carry. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice, computed, type Operand, unsigned } from "../operands.ts"
import { addSettingFlags, CARRY, registerType, shift, shiftAmount, shifted } from "./integers.ts"

type Immediate = { readonly imm12: number; readonly sh: number }
const immediateOperands = {
  imm12: unsigned("imm12", { hex: true }),
  sh: choice("sh", ["lsl #0", "lsl #12"], 0),
  /** A number that needs the shift, given without one. */
  large: computed<Immediate>({
    print: () => undefined,
    parse: (value) => (value >= 4096n && value < 1n << 24n && value % 4096n === 0n ? { imm12: Number(value >> 12n), sh: 1 } : undefined)
  }),
  /** A negative number: the opposite operation. */
  negative: computed<Immediate>({
    print: () => undefined,
    parse: (value) => (value < 0n && value > -4096n ? { imm12: Number(-value), sh: 0 } : undefined)
  })
}
const amount = (f: Immediate): number => f.imm12 << (12 * f.sh)

export const addImmediate = instruction({
  name: "ADD, SUB (immediate)",
  encoding: "sf op 0 100010 sh imm12:12 Rn:5 Rd:5",
  assembly: "<op> <Rd|SP>, <Rn|SP>, #<imm12>(, <sh>)?",
  operands: { ...immediateOperands, op: choice("op", "add sub"), opposite: choice("op", "sub add") },
  aliases: [
    { text: "mov <Rd|SP>, <Rn|SP>", fields: { op: 0, imm12: 0, sh: 0 }, prefer: (f) => f.Rd === 31 || f.Rn === 31 },
    { text: "<op> <Rd|SP>, <Rn|SP>, #<large>", prefer: false },
    { text: "<opposite> <Rd|SP>, <Rn|SP>, #<negative>", prefer: false }
  ],
  execute(cpu, { sf, op, sh, imm12, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const x = cpu.XSP(Rn, T)
    const y = T.constant(amount({ imm12, sh }))
    cpu.setXSP(Rd, op ? T.subtract(x, y) : T.add(x, y), T)
  }
})

export const addImmediateFlags = instruction({
  name: "ADDS, SUBS (immediate)",
  encoding: "sf op 1 100010 sh imm12:12 Rn:5 Rd:5",
  assembly: "<op> <Rd>, <Rn|SP>, #<imm12>(, <sh>)?",
  operands: {
    ...immediateOperands,
    op: choice("op", "adds subs"),
    opposite: choice("op", "subs adds"),
    compare: choice("op", "cmn cmp"),
    oppositeCompare: choice("op", "cmp cmn")
  },
  aliases: [
    { text: "<compare> <Rn|SP>, #<imm12>(, <sh>)?", fields: { Rd: 31 } },
    { text: "<compare> <Rn|SP>, #<large>", fields: { Rd: 31 }, prefer: false },
    { text: "<oppositeCompare> <Rn|SP>, #<negative>", fields: { Rd: 31 }, prefer: false },
    { text: "<op> <Rd>, <Rn|SP>, #<large>", prefer: false },
    { text: "<opposite> <Rd>, <Rn|SP>, #<negative>", prefer: false }
  ],
  execute(cpu, { sf, op, sh, imm12, Rn, Rd }) {
    const T = registerType(cpu, sf)
    cpu.setX(Rd, addSettingFlags(cpu, T, op, cpu.XSP(Rn, T), T.constant(amount({ imm12, sh }))), T)
  }
})

export const addShifted = instruction({
  name: "ADD, ADDS, SUB, SUBS (shifted register)",
  encoding: "sf op S 01011 shift:2 0 Rm:5 imm6:6 Rn:5 Rd:5",
  where: (f) => f.shift !== 3 && (f.sf === 1 || f.imm6 < 32),
  assembly: "<op> <Rd>, <Rn>, <Rm>(, <shift> #<imm6>)?",
  operands: {
    op: choice(["op:1", "S:1"], "add adds sub subs"),
    compare: choice("op", "cmn cmp"),
    negate: choice("S", "neg negs"),
    shift,
    imm6: shiftAmount
  },
  aliases: [
    { text: "<compare> <Rn>, <Rm>(, <shift> #<imm6>)?", fields: { S: 1, Rd: 31 } },
    { text: "<negate> <Rd>, <Rm>(, <shift> #<imm6>)?", fields: { op: 1, Rn: 31 } }
  ],
  execute(cpu, { sf, op, S, shift, Rm, imm6, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const x = cpu.X(Rn, T)
    const y = shifted(cpu, T, cpu.X(Rm, T), shift, imm6)
    cpu.setX(Rd, S ? addSettingFlags(cpu, T, op, x, y) : op ? T.subtract(x, y) : T.add(x, y), T)
  }
})

interface Extended {
  readonly sf: number
  readonly S: number
  readonly Rm: number
  readonly option: number
  readonly imm3: number
  readonly Rn: number
  readonly Rd: number
}
const EXTENSIONS = "uxtb uxth uxtw uxtx sxtb sxth sxtw sxtx".split(" ")
/** The extension that takes the register as it is. */
const plain = (f: { readonly sf: number }): number => (f.sf ? 3 : 2)
const isWide = (f: { readonly sf: number; readonly option: number }): boolean => f.sf === 1 && (f.option & 3) === 3
/** The register with its extension: `w2, uxtw #2`. Beside the stack pointer the plain extension is spelt LSL, or nothing without an amount. */
const extended: Operand<Extended> = {
  print(f) {
    const name = `${isWide(f) ? "x" : "w"}${f.Rm === 31 ? "zr" : f.Rm}`
    const asShift = f.option === plain(f) && (f.Rn === 31 || (f.S === 0 && f.Rd === 31))
    const extension = asShift ? (f.imm3 === 0 ? "" : ", lsl") : `, ${EXTENSIONS[f.option]}`
    return name + extension + (f.imm3 === 0 ? "" : ` #${f.imm3}`)
  },
  read(text, at, known) {
    const pattern = /([xw])(\d+|zr)(?:\s*,\s*(lsl|[us]xt[bhwx])(?:\s*#?\s*(\d+))?)?(?![0-9a-z_])/y
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (!match) return []
    const [all, letter, number, extension = "lsl", shift] = match
    const Rm = number === "zr" ? 31 : Number(number)
    const sf = known["sf"] ?? 0
    const option = extension === "lsl" ? plain({ sf }) : EXTENSIONS.indexOf(extension)
    if (Rm > 31 || number === "31" || (match[3] === "lsl" && shift === undefined)) return []
    // The assembler also takes a W register's name for what is extended from 64 bits and the other way round; we do not.
    if ((letter === "x") !== isWide({ sf, option })) return []
    return [{ end: at + all.length, fields: { Rm, option, imm3: Number(shift ?? 0) } }]
  }
}

export const addExtended = instruction({
  name: "ADD, ADDS, SUB, SUBS (extended register)",
  encoding: "sf op S 01011 00 1 Rm:5 option:3 imm3:3 Rn:5 Rd:5",
  where: (f) => f.imm3 <= 4,
  assembly: "<op> <Rd>, <Rn|SP>, <extended>",
  operands: { op: choice(["op:1", "S:1"], "add adds sub subs"), compare: choice("op", "cmn cmp"), extended },
  aliases: [
    { text: "<compare> <Rn|SP>, <extended>", fields: { S: 1, Rd: 31 } },
    { text: "<op> <Rd|SP>, <Rn|SP>, <extended>", fields: { S: 0 } }
  ],
  execute(cpu, { sf, op, S, Rm, option, imm3, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const bits = Math.min(8 << (option & 3), T.bits)
    const x = cpu.XSP(Rn, T)
    const narrow = option & 4 ? cpu.signed(bits) : cpu.unsigned(bits)
    const y = T.shiftLeft(T.from(cpu.X(Rm, narrow), narrow), imm3)
    if (S) cpu.setX(Rd, addSettingFlags(cpu, T, op, x, y), T)
    else cpu.setXSP(Rd, op ? T.subtract(x, y) : T.add(x, y), T)
  }
})

export const addCarry = instruction({
  name: "ADC, ADCS, SBC, SBCS",
  encoding: "sf op S 11010000 Rm:5 000000 Rn:5 Rd:5",
  assembly: "<op> <Rd>, <Rn>, <Rm>",
  operands: { op: choice(["op:1", "S:1"], "adc adcs sbc sbcs"), negate: choice("S", "ngc ngcs") },
  aliases: [{ text: "<negate> <Rd>, <Rm>", fields: { op: 1, Rn: 31 } }],
  execute(cpu, { sf, op, S, Rm, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const y = cpu.X(Rm, T)
    const { result, flags } = T.addWithCarry(cpu.X(Rn, T), op ? T.not(y) : y, cpu.holds(CARRY))
    cpu.setX(Rd, result, T)
    if (S) cpu.setFlags(flags)
  }
})

export const addSubtract: readonly Instruction[] = [addImmediate, addImmediateFlags, addShifted, addExtended, addCarry]
