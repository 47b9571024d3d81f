/** Hosts on machines with SVE, SME and FPMR, and host programs that fill registers from memory and store them again, for tests. */
import { createBoard } from "@eltwo/cpu"
import { createHost, type Host, type Mode, type Task } from "@eltwo/kvm"
import { vhe } from "@eltwo/plugin-vhe"
import { assemble as assembleLines, DATA, scalableIsa as isa, ok, PROGRAM, RAM } from "../../../plugins/vhe/test/machine.ts"

export { DATA, isa, ok, PROGRAM }

const RAM_BYTES = 48 << 20
/** All powers of two, in bytes. */
export const POWERS = [16, 32, 64, 128, 256] as const

export interface MachineOptions {
  readonly mode?: Mode
  readonly engine?: "interp" | "jit"
  readonly pes?: number
  /** In bytes. */
  readonly sveVls?: readonly number[]
  readonly smeVls?: readonly number[]
  readonly machine?: typeof isa
  readonly ramBytes?: number
}
export const bootScalable = ({
  mode = vhe,
  engine = "interp",
  pes = 1,
  sveVls = POWERS,
  smeVls = POWERS,
  machine = isa,
  ramBytes = RAM_BYTES
}: MachineOptions = {}): Host =>
  createHost({
    board: createBoard({
      isa: machine,
      ramBase: RAM,
      ramBytes,
      pes,
      vectorLengths: sveVls.map((bytes) => 8 * bytes),
      streamingVectorLengths: smeVls.map((bytes) => 8 * bytes)
    }),
    mode,
    engine
  })

/** Words of a program at `address`, as on any machine; a semicolon ends an instruction. */
export const assemble = (source: string, address: number): Uint8Array => assembleLines(source.replaceAll(";", "\n"), address)

export const STACK = 0x700000
const STACK_BYTES = 0x48000
/** A host program: code, `data` that it may write, and a stack. */
export const scalableProgram = (
  host: Host,
  source: string,
  data: Uint8Array = new Uint8Array(1)
): { readonly task: Task; readonly data: Uint8Array } => {
  const task = ok(host.createTask())
  ok(host.mapMemory(task, PROGRAM, assemble(source, PROGRAM), { execute: true }))
  const view = ok(host.mapMemory(task, DATA, data, { write: true }))
  ok(host.mapMemory(task, STACK - STACK_BYTES, new Uint8Array(STACK_BYTES), { write: true }))
  task.registers.pc = BigInt(PROGRAM)
  task.registers.sp = BigInt(STACK)
  return { task, data: view }
}

/** Which registers a program uses. */
export interface Use {
  /** Vector length to ask for, in bytes; undefined: no SVE. */
  readonly sve?: number
  /** The same of streaming mode; undefined: no SME. */
  readonly sme?: number
  /** It is in streaming mode while it waits; otherwise only ZA is on. */
  readonly streaming?: boolean
  /** FFR exists in streaming mode. */
  readonly fa64?: boolean
}
/** Byte offsets of a bank of registers in memory. */
export const BANK = { fpcr: 0, fpsr: 8, fpmr: 16, tpidr2: 24, zt: 64, vectors: 0x1000, za: 0x4000, bytes: 0x14000 } as const
export const OUT = BANK.bytes

const SET_SVE = 50
const SET_SME = 63
export const syscall = (number: number): string => `mov x8, #${number}; svc #0`
const vectorRange = Array.from({ length: 32 }, (_, n) => n)
const predicates = Array.from({ length: 16 }, (_, n) => n)

/** Instructions that ask for vector lengths and switch on what the program uses. */
export const prepare = ({ sve, sme, streaming }: Use): string =>
  [
    ...(sve ? [`mov x0, #${SET_SVE}`, `mov x1, #${sve}`, syscall(167)] : []),
    ...(sme ? [`mov x0, #${SET_SME}`, `mov x1, #${sme}`, syscall(167), streaming ? "smstart" : "smstart za"] : [])
  ].join("\n")
type Direction = "load" | "store"
const mnemonic = (direction: Direction): string => (direction === "load" ? "ldr" : "str")
const atVectors = [`mov x1, #${BANK.vectors}`, "add x1, x20, x1"]
/** V0 to V31 between the bank at X20 and the CPU. All of these need X0 to X7. */
export const moveSimd = (direction: Direction): readonly string[] => [
  ...atVectors,
  ...vectorRange.map((n) => `${mnemonic(direction)} q${n}, [x1, #${16 * n}]`)
]
/** Z, P and, where it is accessible, FFR. */
export const moveVectors = (direction: Direction, ffr: boolean): readonly string[] => {
  const move = mnemonic(direction)
  const isLoad = direction === "load"
  return [
    ...atVectors,
    ...vectorRange.map((n) => `${move} z${n}, [x1, #${n}, mul vl]`),
    "addvl x2, x1, #31",
    "addvl x2, x2, #1",
    ...(ffr && isLoad ? ["ldr p0, [x2, #16, mul vl]", "wrffr p0.b"] : []),
    ...predicates.map((n) => `${move} p${n}, [x2, #${n}, mul vl]`),
    ...(ffr && !isLoad ? ["rdffr p0.b", "str p0, [x2, #16, mul vl]", "ldr p0, [x2]"] : [])
  ]
}
/** ZT0 and ZA. */
export const moveArray = (direction: Direction): readonly string[] => {
  const move = mnemonic(direction)
  const label = `rows${direction}`
  return [
    `add x4, x20, #${BANK.zt}`,
    `${move} zt0, [x4]`,
    `mov x4, #${BANK.za}`,
    "add x4, x20, x4",
    "mov w12, #0",
    "rdsvl x3, #1",
    `${label}:`,
    `${move} za[w12, 0], [x4]`,
    "add x4, x4, x3",
    "add w12, w12, #1",
    "cmp w12, w3",
    `b.lt =${label}`
  ]
}
export const moveStatus = (direction: Direction, tpidr2: boolean): readonly string[] =>
  [...(["fpcr", "fpsr", "fpmr"] as const), ...(tpidr2 ? (["tpidr2"] as const) : [])].flatMap((name) => {
    const register = name === "tpidr2" ? "tpidr2_el0" : name
    const at = `[x20, #${BANK[name]}]`
    return direction === "load" ? [`ldr x0, ${at}`, `msr ${register}, x0`] : [`mrs x0, ${register}`, `str x0, ${at}`]
  })
/** All registers a program uses. */
export const moveAll = (use: Use, direction: Direction): string =>
  [
    ...(use.streaming ? moveVectors(direction, use.fa64 === true) : use.sve !== undefined ? moveVectors(direction, true) : moveSimd(direction)),
    ...(use.sme ? moveArray(direction) : []),
    ...moveStatus(direction, use.sme !== undefined)
  ].join("\n")
export const pointTo = (offset: number): string =>
  `mov x20, #${DATA}; movz x7, #${offset & 0xffff}; movk x7, #${offset >> 16}, lsl #16; add x20, x20, x7`
export const EXIT = syscall(94)

/** Numbers by a seed. */
export const randomOf = (seed: number): ((below: number) => number) => {
  let state = (seed * 2654435761 + 12345) >>> 0
  return (below) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}
/** A bank of random values as these registers can hold them. */
export const randomBank = (random: (below: number) => number, use: Use): Uint8Array => {
  const bank = new Uint8Array(BANK.bytes)
  for (let i = 0; i < bank.length; i++) bank[i] = random(256)
  const view = new DataView(bank.buffer)
  view.setBigUint64(BANK.fpcr, BigInt((random(4) << 22) | (random(2) << 24) | (random(2) << 25)), true)
  view.setBigUint64(BANK.fpsr, BigInt((random(0xffffffff) & 0x0800009f) >>> 0), true)
  view.setBigUint64(BANK.fpmr, BigInt(random(0xffffffff) & 0xc1ff), true)
  // FFR: leading ones only
  const vl = use.streaming ? use.sme : use.sve
  if (vl) {
    const at = BANK.vectors + 34 * vl
    const ones = random(vl + 1)
    for (let i = 0; i < vl; i++) bank[at + (i >> 3)] = i & 7 ? bank[at + (i >> 3)]! | (i < ones ? 1 << (i & 7) : 0) : i < ones ? 1 : 0
  }
  return bank
}
/** The parts of a bank that the program moves, as one array. */
export const usedParts = (bank: Uint8Array, use: Use, from = 0): Uint8Array => {
  const vl = use.streaming ? use.sme! : (use.sve ?? 0)
  const ffr = use.streaming ? use.fa64 : true
  const vectorBytes = vl ? 34 * vl + (ffr ? vl / 8 : 0) : 512
  const part = (at: number, bytes: number): Uint8Array => bank.slice(from + at, from + at + bytes)
  const parts = [part(0, use.sme ? 32 : 24), part(BANK.vectors, vectorBytes), ...(use.sme ? [part(BANK.zt, 64), part(BANK.za, use.sme ** 2)] : [])]
  return Buffer.concat(parts)
}
