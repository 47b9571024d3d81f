/** A static Linux program run in this process: on the modelled KVM, as users run it, or on a processing element alone. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine } from "@eltwo/isa"
import { createHost } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { isElfProblem, parseElf } from "../../packages/vmm/src/elf.ts"
import { nodePlatform } from "../../packages/vmm/src/node.ts"
import { startProgram } from "../../packages/vmm/src/Program.ts"
import { directCpu } from "../../packages/vmm/src/personality/linux/direct-cpu.ts"
import type { GuestCpu } from "../../packages/vmm/src/personality/linux/guest.ts"
import type { HostTree } from "../../packages/vmm/src/personality/linux/host.ts"
import { hostBytes, kvmCpu } from "../../packages/vmm/src/personality/linux/kvm-cpu.ts"
import type { ProcessStop } from "../../packages/vmm/src/personality/linux/process.ts"
import type { TraceListener } from "../../packages/vmm/src/Trace.ts"

export type EngineName = "interp" | "jit"
export type MachineName = "kvm" | "direct"
export interface LinuxGuest {
  readonly program: Uint8Array
  /** Program name and arguments. */
  readonly args: readonly string[]
  readonly engine: EngineName
  readonly machine?: MachineName
  readonly environment?: readonly string[]
  readonly input?: Uint8Array
  readonly tree?: HostTree
  readonly memoryBytes?: number
  /** Instructions after which the run is given up. */
  readonly limit?: number
  /** Sees system calls and signals. */
  readonly onEvent?: TraceListener
}
export interface LinuxOutcome {
  readonly output: Buffer
  readonly errors: Buffer
  readonly end: ProcessStop
  /** As a shell would see it: the status, or 128 + the signal; undefined when the program did not end. */
  readonly status: number | undefined
  readonly instructions: bigint
  readonly milliseconds: number
  /** Numbers of system calls that do not exist here, with their counts. */
  readonly unimplemented: ReadonlyMap<number, number>
}

/** Also makes V8 offer what the engine can use. */
export const platform = nodePlatform()
const RAM = 0x4000_0000
const DAY = 86_400n * 1_000_000_000n
const machines: Partial<Record<MachineName, Machine>> = {}

const makeCpu = (name: MachineName, engine: EngineName, memoryBytes: number): { readonly cpu: GuestCpu; readonly isa: Machine } => {
  const isa = (machines[name] ??= composeOrThrow([base, fpsimd]))
  const board = createBoard({ isa, ramBase: RAM, ramBytes: memoryBytes + (name === "kvm" ? hostBytes(memoryBytes) : 0) })
  if (engine === "jit") attachJit(board)
  if (name === "direct") return { cpu: directCpu(board, isa, { engine }), isa }
  const cpu = kvmCpu(createHost({ board, mode: vhe, engine }), memoryBytes)
  if (typeof cpu === "string") throw new Error(cpu)
  return { cpu, isa }
}

/** A process that has not executed anything yet, with what it wrote. Throws when the program cannot be loaded. */
export const startLinux = (guest: LinuxGuest) => {
  const memoryBytes = guest.memoryBytes ?? 256 << 20
  const { cpu, isa } = makeCpu(guest.machine ?? "direct", guest.engine, memoryBytes)
  const elf = parseElf(guest.program, memoryBytes)
  if (isElfProblem(elf)) throw new Error(elf.message)
  const written: Record<1 | 2, Uint8Array[]> = { 1: [], 2: [] }
  const input = guest.input ?? new Uint8Array(0)
  let taken = 0
  const host = {
    streams: {
      readInput: (bytes: number) => input.subarray(taken, (taken = Math.min(input.length, taken + bytes))),
      writeOutput: (stream: 1 | 2, bytes: Uint8Array) => written[stream].push(bytes.slice()) > 0,
      isTerminal: () => false
    },
    tree: guest.tree,
    startTime: 20_000n * DAY,
    random: (bytes: number) => new Uint8Array(bytes).fill(0x5a)
  }
  const [path = "program", ...args] = guest.args
  const tracer = guest.onEvent && { wants: new Set(["syscalls"] as const), emit: guest.onEvent }
  const program = startProgram(cpu, isa, host, elf, { path, args, environment: guest.environment ?? [], tracer })
  if (typeof program === "string") throw new Error(program)
  return { process: program.process, cpu, output: () => Buffer.concat(written[1]), errors: () => Buffer.concat(written[2]) }
}

export const statusOf = (end: ProcessStop): number | undefined =>
  end.kind === "exited" ? end.status : end.kind === "killed" ? 128 + end.signal : undefined

/** Runs a program to its end or its limit. */
export const runLinux = (guest: LinuxGuest): LinuxOutcome => {
  const { process, cpu, output, errors } = startLinux(guest)
  const before = performance.now()
  const limit = BigInt(guest.limit ?? 20_000_000_000)
  let end = process.run(Number(limit))
  while (end.kind === "limit" && cpu.retired() < limit) end = process.run(Number(limit - cpu.retired()))
  return {
    output: output(),
    errors: errors(),
    end,
    status: statusOf(end),
    instructions: cpu.retired(),
    milliseconds: performance.now() - before,
    unimplemented: process.unimplemented
  }
}
