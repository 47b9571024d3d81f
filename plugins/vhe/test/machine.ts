/** A modelled host under VHE on a machine with base and FPSIMD, and programs and guests for it, for tests. */
import { type Board, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Host, isErrno, type Mode, Task, Vcpu, VcpuFeature, Vm } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "../src/index.ts"

export const isa = composeOrThrow([base, fpsimd])
export const RAM = 0x80000000
const RAM_BYTES = 32 << 20
export const GUEST_RAM = 0x40000000
export const PSCI_0_2 = 1 << VcpuFeature.PSCI_0_2

export const boot = (mode: Mode = vhe): Host => createHost({ board: newBoard(), mode })
export const newBoard = (): Board => createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES })

/** The result of a call that must succeed. */
export const ok = <T>(result: T): Exclude<T, string | undefined | { kind: "HostOops" | "HypPanic" }> => {
  if (isErrno(result) || result === undefined || (typeof result === "object" && result !== null && "trail" in result))
    throw new Error(`Call failed: ${JSON.stringify(result)}`)
  return result as never
}

/** Words of a program at `address`: one instruction a line, `name:` for labels, `=name` for a label as operand, `.word n`, `;` for comments. */
export const assemble = (source: string, address = GUEST_RAM): Uint8Array => {
  const lines = source
    .split("\n")
    .map((line) => line.replace(/;.*/, "").trim())
    .filter((line) => line !== "")
  const labels = new Map<string, number>()
  let at = address
  for (const line of lines)
    if (line.endsWith(":")) labels.set(line.slice(0, -1), at)
    else at += 4
  const words: number[] = []
  at = address
  for (const line of lines) {
    if (line.endsWith(":")) continue
    const text = line.replace(/=(\w+)/g, (_, name: string) => `0x${labels.get(name)!.toString(16)}`)
    const word = text.startsWith(".word ") ? Number(text.slice(6)) : isa.table.assemble(text, { address: at })
    if (word === undefined) throw new Error(`Cannot assemble '${line}'`)
    words.push(word)
    at += 4
  }
  return new Uint8Array(Uint32Array.from(words).buffer)
}

export interface Guest {
  readonly host: Host
  readonly vm: Vm
  readonly vcpu: Vcpu
}
/** A VM with RAM at GUEST_RAM holding `code`, and one vCPU about to execute it. */
export const guest = (code: string | Uint8Array, { host = boot(), bytes = 0x10000, features = PSCI_0_2 } = {}): Guest => {
  const vm = ok(host.createVm())
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes }))
  const problem = vm.write(GUEST_RAM, typeof code === "string" ? assemble(code) : code)
  if (problem) throw new Error(problem)
  const vcpu = ok(vm.createVcpu(0))
  const refused = vcpu.init({ features })
  if (refused) throw new Error(refused)
  vcpu.registers.pc = BigInt(GUEST_RAM)
  return { host, vm, vcpu }
}

export const PROGRAM = 0x400000
export const DATA = 0x500000
/** A host program with one page of code and one of data. */
export const program = (host: Host, source: string, data: Uint8Array = new Uint8Array(0)): { readonly task: Task; readonly data: Uint8Array } => {
  const task = ok(host.createTask())
  ok(host.mapMemory(task, PROGRAM, assemble(source, PROGRAM), { execute: true }))
  const view = ok(host.mapMemory(task, DATA, data, { write: true }))
  task.registers.pc = BigInt(PROGRAM)
  return { task, data: view }
}
export { Task, Vcpu, Vm }
