/** A Linux program as something to drive: the process of the Linux personality on a processor, its outcome, and what it did. */

import type { Machine } from "@eltwo/isa"
import type { Runnable } from "./drive.ts"
import type { Elf } from "./elf.ts"
import type { GuestCpu } from "./personality/linux/guest.ts"
import type { Host } from "./personality/linux/host.ts"
import { Process, type ProcessEnd, type ProcessOptions } from "./personality/linux/process.ts"
import { STUB_ADDRESS, stubSource } from "./personality/linux/stub.ts"
import type { Tracer } from "./Trace.ts"

export interface ProgramOptions {
  /** What the program sees as its own path, argv[0]. */
  readonly path: string
  readonly args: readonly string[]
  readonly environment: readonly string[]
  readonly tracer: Tracer | undefined
}
export interface Program extends Runnable<ProcessEnd> {
  readonly process: Process
}

/** Puts the EL1 stub at the start of RAM. The base has every instruction of it; one that is missing is a defect. */
const installStub = ({ memory }: GuestCpu, { table }: Machine): void => {
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset)
  for (const { offset, text } of stubSource())
    for (const [i, line] of text.entries()) {
      const reading = table.read(line, { address: STUB_ADDRESS + offset + 4 * i })
      if ("problem" in reading) throw new Error(`The EL1 stub: ${reading.problem}`)
      view.setUint32(offset + 4 * i, reading.word, true)
    }
}

/** Loads a program; a string says why it cannot start. */
export const startProgram = (
  cpu: GuestCpu,
  isa: Machine,
  host: Host,
  elf: Elf,
  { path, args, environment, tracer }: ProgramOptions
): Program | string => {
  installStub(cpu, isa)
  const process = Process.start(cpu, host, elf, { path, args, environment, ...listenersOf(cpu, tracer) })
  return typeof process === "string" ? process : programOf(cpu, process)
}
/** What of a process the trace wants to hear. */
export const listenersOf = (cpu: GuestCpu, tracer: Tracer | undefined): Pick<ProcessOptions, "onSystemCall" | "onSignal"> => {
  if (tracer?.wants.has("syscalls") !== true) return {}
  const { emit } = tracer
  return {
    onSystemCall: ({ name, args, result }) =>
      emit({ type: "syscall", step: cpu.retired(), name, args, result, implemented: !name.startsWith("syscall_") }),
    onSignal: ({ signal, code, address }) =>
      emit({ type: "signal", step: cpu.retired(), signal, code, ...(address === undefined ? {} : { address }) })
  }
}
/** A process as something to drive. */
export const programOf = (cpu: GuestCpu, process: Process): Program => ({
  process,
  run: (instructions) => {
    const stop = process.run(instructions)
    return stop.kind === "limit" ? undefined : stop
  },
  executed: () => Number(cpu.retired()),
  signal: (signal) => process.send(signal)
})
