/** Hosts with several CPUs, and guests with several vCPUs under the scheduler, for tests. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { createHost, type Host, type KvmEvent, type Mode, type SchedulerOptions, type Task, type Vcpu, type Vm } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { assemble, GUEST_RAM, isa, ok, PSCI_0_2, RAM } from "../../../plugins/vhe/test/machine.ts"

export const MODES = { vhe, nvhe, hvhe, pkvm: protectedMode("hvhe") } as const
export type Engine = "interp" | "jit"

export interface SmpOptions {
  readonly mode?: Mode
  readonly pcpus?: number
  readonly engine?: Engine
  readonly scheduler?: Partial<SchedulerOptions>
}
export const bootSmp = ({ mode = vhe, pcpus = 2, engine = "interp", scheduler = {} }: SmpOptions = {}): Host => {
  const board = createBoard({ isa, ramBase: RAM, ramBytes: 32 << 20, pes: pcpus })
  if (engine === "jit") attachJit(board)
  return createHost({ board, mode, engine, scheduler })
}

export interface SmpGuest {
  readonly vm: Vm
  readonly vcpus: readonly Vcpu[]
  readonly threads: readonly Task[]
  /** HLTs by vCPU, in the order they came. */
  readonly halts: number[][]
}
/** Where secondary vCPUs start, if the code does not say something else. */
export const POWER_OFF = 1
/** A VM whose first vCPU begins at GUEST_RAM; the others are off until PSCI CPU_ON. `hlt` stops a vCPU's thread; other exits are failures. */
export const smpGuest = (host: Host, code: string, vcpuCount = 2, bytes = 0x10000): SmpGuest => {
  const vm = ok(host.createVm())
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes }))
  const problem = vm.write(GUEST_RAM, assemble(code))
  if (problem) throw new Error(problem)
  const halts: number[][] = []
  const vcpus: Vcpu[] = []
  const threads: Task[] = []
  for (let id = 0; id < vcpuCount; id++) {
    const vcpu = ok(vm.createVcpu(id))
    const refused = vcpu.init({ features: PSCI_0_2 | (id > 0 ? POWER_OFF : 0) })
    if (refused) throw new Error(refused)
    if (id === 0) vcpu.registers.pc = BigInt(GUEST_RAM)
    halts.push([])
    vcpus.push(vcpu)
    threads.push(
      host.scheduler.spawnVcpu(vcpu, (exit) => {
        if (typeof exit === "string" || exit.reason !== "debug")
          throw new Error(`vCPU ${id}: ${JSON.stringify(exit, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}`)
        halts[id]!.push(exit.immediate)
        return "stop"
      })
    )
  }
  return { vm, vcpus, threads, halts }
}
/** Doublewords of guest memory from an offset into it. */
export const guestWords = (vm: Vm, offset: number, count: number): readonly bigint[] => [
  ...new BigUint64Array((vm.read(GUEST_RAM + offset, 8 * count) as Uint8Array).slice().buffer)
]

/** FNV-1a over the text of every event: two runs with the same hash did the same. */
export const eventHash = (host: Host, each?: (event: KvmEvent) => void): { value: number; count: number } => {
  const hash = { value: 0x811c9dc5, count: 0 }
  host.subscribe((event) => {
    each?.(event)
    hash.count++
    const text = JSON.stringify(event, (_, v: unknown) => (typeof v === "bigint" ? v.toString(36) : v))
    for (let i = 0; i < text.length; i++) hash.value = Math.imul(hash.value ^ text.charCodeAt(i), 0x01000193)
  })
  return hash
}
