/** A static Linux program on a processing element alone: the personality and an engine, without command line and modelled kernel. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine, Table } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { isElfProblem, parseElf } from "../../packages/vmm/src/elf.ts"
import { directCpu } from "../../packages/vmm/src/personality/linux/direct-cpu.ts"
import type { HostTree } from "../../packages/vmm/src/personality/linux/host.ts"
import { Process, type ProcessStop, type SystemCallRecord } from "../../packages/vmm/src/personality/linux/process.ts"
import { STUB_ADDRESS, stubSource } from "../../packages/vmm/src/personality/linux/stub.ts"

export type EngineName = "interp" | "jit"
export interface LinuxGuest {
  readonly program: Uint8Array
  /** Program name and arguments. */
  readonly args: readonly string[]
  readonly engine: EngineName
  readonly environment?: readonly string[]
  readonly input?: Uint8Array
  readonly tree?: HostTree
  readonly memoryBytes?: number
  /** Instructions after which the run is given up. */
  readonly limit?: number
  readonly onSystemCall?: (call: SystemCallRecord) => void
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

const RAM = 0x4000_0000
const DAY = 86_400n * 1_000_000_000n
let machine: Machine | undefined

/** A process that has not executed anything yet, with what it wrote. Throws when the program cannot be loaded. */
export const startLinux = (guest: LinuxGuest) => {
  machine ??= composeOrThrow([base, fpsimd])
  const memoryBytes = guest.memoryBytes ?? 256 << 20
  const board = createBoard({ isa: machine, ramBase: RAM, ramBytes: memoryBytes })
  if (guest.engine === "jit") attachJit(board)
  const table = new Table(machine.instructions)
  for (const { offset, text } of stubSource()) {
    const words = text.map((line, i) => table.assemble(line, { address: STUB_ADDRESS + offset + 4 * i, systemNames: machine!.systemNames }))
    board.write(RAM + offset, new Uint8Array(Uint32Array.from(words as number[]).buffer))
  }
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
  const process = Process.start(directCpu(board, machine, { engine: guest.engine }), host, elf, {
    path,
    args,
    environment: guest.environment ?? [],
    ...(guest.onSystemCall && { onSystemCall: guest.onSystemCall })
  })
  if (typeof process === "string") throw new Error(process)
  return { process, board, output: () => Buffer.concat(written[1]), errors: () => Buffer.concat(written[2]) }
}

export const statusOf = (end: ProcessStop): number | undefined =>
  end.kind === "exited" ? end.status : end.kind === "killed" ? 128 + end.signal : undefined

/** Runs a program to its end or its limit. */
export const runLinux = (guest: LinuxGuest): LinuxOutcome => {
  const { process, board, output, errors } = startLinux(guest)
  const before = performance.now()
  const end = process.run(guest.limit ?? 20_000_000_000)
  return {
    output: output(),
    errors: errors(),
    end,
    status: statusOf(end),
    instructions: board.pes[0]!.retired,
    milliseconds: performance.now() - before,
    unimplemented: process.unimplemented
  }
}
