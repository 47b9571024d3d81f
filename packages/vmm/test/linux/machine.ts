/** Programs in assembly text, run on a processing element by either engine or on the modelled KVM. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { assemble, base, composeOrThrow, toElf } from "@eltwo/isa"
import { createHost } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { isElfProblem, parseElf } from "../../src/elf.ts"
import { startProgram } from "../../src/Program.ts"
import { directCpu } from "../../src/personality/linux/direct-cpu.ts"
import { hostBytes, kvmCpu } from "../../src/personality/linux/kvm-cpu.ts"
import type { Process } from "../../src/personality/linux/process.ts"
import { type FakeHost, fakeHost, RAM } from "./fixture.ts"

export const WAYS = ["interp", "jit", "kvm"] as const
export type WayName = (typeof WAYS)[number]

const isa = composeOrThrow([base, fpsimd])
const MEMORY = 16 << 20

export const elfOf = (source: string): Uint8Array => {
  const { assembly, problems } = assemble(source, { isa })
  if (problems !== undefined) throw new Error(problems.map(({ line, message, text }) => `${line}: ${message} in '${text}'`).join("\n"))
  return toElf(assembly)
}
const cpuOf = (way: WayName) => {
  const board = createBoard({ isa, ramBase: RAM, ramBytes: MEMORY + (way === "kvm" ? hostBytes(MEMORY) : 0) })
  if (way !== "interp") attachJit(board)
  if (way !== "kvm") return directCpu(board, isa, { engine: way })
  const cpu = kvmCpu(createHost({ board, mode: vhe, engine: "jit" }), MEMORY)
  if (typeof cpu === "string") throw new Error(cpu)
  return cpu
}
export interface Running {
  readonly process: Process
  readonly host: FakeHost
}
/** Loads a program; nothing of it has run yet. */
export const load = (image: Uint8Array, way: WayName, host = fakeHost()): Running => {
  const elf = parseElf(image, MEMORY)
  if (isElfProblem(elf)) throw new Error(elf.message)
  const program = startProgram(cpuOf(way), isa, host, elf, { path: "/test", args: ["one"], environment: ["A=B"], tracer: undefined })
  if (typeof program === "string") throw new Error(program)
  return { process: program.process, host }
}

/** Text for a system call with arguments that are put into X0, X1, ... */
export const call = (number: number, ...args: readonly (string | number)[]): string =>
  [
    ...args.map((value, n) => (typeof value === "number" ? `ldr x${n}, =${value}` : `${value.startsWith("x") ? "mov" : "adr"} x${n}, ${value}`)),
    `mov x8, #${number}`,
    "svc #0"
  ].join("\n")
export const NUMBER = {
  sigaltstack: 132,
  suspend: 133,
  sigaction: 134,
  sigprocmask: 135,
  write: 64,
  read: 63,
  exit: 93,
  nanosleep: 101,
  setitimer: 103,
  mmap: 222,
  kill: 129,
  getpid: 172,
  clone: 220
} as const
export const exit = (status: number | string): string => call(NUMBER.exit, status)
export const handle = (signal: number, action: string): string => call(NUMBER.sigaction, signal, action, 0, 8)
