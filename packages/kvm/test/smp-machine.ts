/** Hosts with several CPUs, and guests with several vCPUs under the scheduler, for tests. */
import { attachJit, createBoard } from "@eltwo/cpu"
import {
  brokenInvariants,
  createHost,
  type ExitHandler,
  type Host,
  type KvmEvent,
  type Mode,
  type SchedulerOptions,
  type Task,
  type Vcpu,
  type Vm
} from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { expect } from "vitest"
import { assemble, DATA, GUEST_RAM, isa, ok, PSCI_0_2, RAM } from "../../../plugins/vhe/test/machine.ts"
import { POWERS, isa as scalable } from "./scalable-machine.ts"

export const MODES = { vhe, nvhe, hvhe, pkvm: protectedMode("hvhe") } as const
export type Engine = "interp" | "jit"

export interface SmpOptions {
  readonly mode?: Mode
  readonly pcpus?: number
  readonly engine?: Engine
  /** The machine has SVE, SME and FPMR. */
  readonly isScalable?: boolean
  readonly scheduler?: Partial<SchedulerOptions>
  readonly ramBytes?: number
}
export const bootSmp = ({
  mode = vhe,
  pcpus = 2,
  engine = "interp",
  isScalable = false,
  scheduler = {},
  ramBytes = 32 << 20
}: SmpOptions = {}): Host => {
  const lengths = isScalable ? POWERS.map((bytes) => 8 * bytes) : []
  const machine = isScalable ? scalable : isa
  const board = createBoard({ isa: machine, ramBase: RAM, ramBytes, pes: pcpus, vectorLengths: lengths, streamingVectorLengths: lengths })
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
const failing: ExitHandler = (exit) => {
  throw new Error(JSON.stringify(exit, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v)))
}
/** A VM whose first vCPU begins at GUEST_RAM; the others are off until PSCI CPU_ON. `hlt` stops a vCPU's thread; other exits are failures. */
export const smpGuest = (host: Host, code: string, vcpuCount = 2, bytes = 0x10000, otherwise: ExitHandler = failing): SmpGuest => {
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
        if (typeof exit === "string" || exit.reason !== "debug") return otherwise(exit)
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

/** X0 := SMC64 CPU_ON of vCPU 1 at `secondary`. */
export const CPU_ON = "movz x0, #0xc400, lsl #16\nmovk x0, #3\nmov x1, #1\nadr x2, =secondary\nmov x3, #77\nhvc #0"
export const LOCK = 0x8000
export const BASE = "movz x20, #0x4000, lsl #16\nadd x20, x20, #8, lsl #12"
export const EXCLUSIVE = "ldaxr w1, [x20]\ncbnz w1, =again\nmov w2, #1\nstxr w3, w2, [x20]\ncbnz w3, =again"
export const LSE = "mov w1, #0\nmov w2, #1\ncasa w1, w2, [x20]\ncbnz w1, =again"
export const ROUNDS = 300
export const locked = (acquire: string) => `
  ${CPU_ON}
  mov x19, x0
  mov x26, #0
  b =begin
  secondary:
  mov x26, x0
  begin:
  ${BASE}
  mov x22, #${ROUNDS}
  again:
  ${acquire}
  ldr x4, [x20, #8]
  add x4, x4, #1
  str x4, [x20, #8]
  ldr x5, [x20, #16]
  eor x5, x5, x4
  str x5, [x20, #16]
  stlr wzr, [x20]
  subs x22, x22, #1
  b.ne =again
  hlt #9`
/** Runs until nothing happens any more; nothing is broken after any round. */
export const settle = (host: Host, vcpus: readonly Vcpu[], rounds = 20_000): void => {
  for (let i = 0; i < rounds; i++) {
    const stop = host.scheduler.run(1)
    expect(brokenInvariants(host, vcpus)).toEqual([])
    if (stop === "limit") continue
    expect(stop).toBe("idle")
    return
  }
  throw new Error("It never ends")
}
export const scheduling = (host: Host): (KvmEvent & { readonly what: "sched" })[] => {
  const seen: (KvmEvent & { readonly what: "sched" })[] = []
  host.subscribe((event) => {
    if (event.what === "sched") seen.push(event)
  })
  return seen
}
export const doubleword = (data: Uint8Array, index = 0): bigint => new BigUint64Array(data.slice(8 * index, 8 * index + 8).buffer)[0]!

export const counting = `mov x21, #${DATA}\nagain:\nadd x1, x1, #1\nstr x1, [x21]\nb =again`
export const onCpus = (host: Host): readonly (string | undefined)[] => host.cpus.map(({ current }) => current?.name)
