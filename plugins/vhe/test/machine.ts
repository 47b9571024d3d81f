/** Modelled hosts on a machine with base and FPSIMD, or with all extensions, and programs and guests for them, for tests. */
import { type Board, type BoardOptions, createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine } from "@eltwo/isa"
import { createHost, type Host, isErrno, type Mode, Task, Vcpu, VcpuFeature, Vm } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "../src/index.ts"

export const isa = composeOrThrow([base, fpsimd])
/** All extensions; and the same without SME, as a kernel that was told not to use it has it. */
export const scalableIsa = composeOrThrow([base, fpsimd, sve, sme, fpmr])
export const isaWithoutSme = composeOrThrow([base, fpsimd, sve, fpmr])
/** In bits: every length of SVE, and of streaming mode. */
const ALL_LENGTHS = {
  vectorLengths: Array.from({ length: 16 }, (_, i) => 128 * (i + 1)),
  streamingVectorLengths: [128, 256, 512, 1024, 2048]
} as const
export const RAM = 0x80000000
const RAM_BYTES = 32 << 20
export const GUEST_RAM = 0x40000000
export const PSCI_0_2 = 1 << VcpuFeature.PSCI_0_2

export const boot = (mode: Mode = vhe): Host => createHost({ board: newBoard(), mode })
export const newBoard = (): Board => createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES })
/** A board with every vector length that its machine's features allow, unless `options` say which. */
export const scalableBoard = (machine: Machine = scalableIsa, options: Partial<BoardOptions> = {}): Board => {
  const { vectorLengths, streamingVectorLengths } = ALL_LENGTHS
  const streaming = machine.features.has("SME") ? { streamingVectorLengths } : {}
  return createBoard({ isa: machine, ramBase: RAM, ramBytes: RAM_BYTES, vectorLengths, ...streaming, ...options })
}
export const bootScalable = (mode: Mode = vhe, machine: Machine = scalableIsa): Host => createHost({ board: scalableBoard(machine), mode })

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
    const text = line.replace(/=(\w+)/g, (_, name: string) => {
      if (!labels.has(name)) throw new Error(`No label ${name}`)
      return `0x${labels.get(name)!.toString(16)}`
    })
    const word = text.startsWith(".word ") ? Number(text.slice(6)) : scalableIsa.table.assemble(text, { address: at })
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
/** KVM_REG_ARM64_SVE_VLS. */
export const VLS = 0x606000000015ffffn
/** Gives a vCPU lengths of up to `bytes`, as far as the processor has them, and finalises it. */
export const finalizeSve = (vcpu: Vcpu, bytes: number): void => {
  const lengths = ok(vcpu.getOneReg(VLS)) & ((1n << BigInt(bytes / 16)) - 1n)
  const problem = vcpu.setOneReg(VLS, lengths) ?? vcpu.finalize(VcpuFeature.SVE)
  if (problem) throw new Error(problem)
}
/** A VM with RAM at GUEST_RAM holding `code`, and one vCPU about to execute it; with SVE if `sveMaxVl` (bytes) is not 0. */
export const guest = (code: string | Uint8Array, { host = boot(), bytes = 0x10000, features = PSCI_0_2, sveMaxVl = 0 } = {}): Guest => {
  const vm = ok(host.createVm())
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes }))
  const problem = vm.write(GUEST_RAM, typeof code === "string" ? assemble(code) : code)
  if (problem) throw new Error(problem)
  const vcpu = ok(vm.createVcpu(0))
  const refused = vcpu.init({ features: features | (sveMaxVl > 0 ? 1 << VcpuFeature.SVE : 0) })
  if (refused) throw new Error(refused)
  if (sveMaxVl > 0) finalizeSve(vcpu, sveMaxVl)
  vcpu.registers.pc = BigInt(GUEST_RAM)
  return { host, vm, vcpu }
}

export const PROGRAM = 0x400000
export const DATA = 0x500000
/** A host program with its code, in text or assembled for PROGRAM, and its data. */
export const program = (
  host: Host,
  source: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0)
): { readonly task: Task; readonly data: Uint8Array } => {
  const task = ok(host.createTask())
  ok(host.mapMemory(task, PROGRAM, typeof source === "string" ? assemble(source, PROGRAM) : source, { execute: true }))
  const view = ok(host.mapMemory(task, DATA, data, { write: true }))
  task.registers.pc = BigInt(PROGRAM)
  return { task, data: view }
}
export { Task, Vcpu, Vm }
