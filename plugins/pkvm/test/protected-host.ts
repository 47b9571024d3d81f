/** A protected host for tests: its kernel's hypercalls, VMs whose guests do little, and programs that touch memory they may or may not have. */
import { createBoard } from "@eltwo/cpu"
import { createHost, type Host, hostCall, type KvmEvent, type Mode, type Vcpu, type Vm } from "@eltwo/kvm"
import { assemble, GUEST_RAM, isa, ok, PSCI_0_2, RAM } from "../../vhe/test/machine.ts"
import { PKVM_CALLS } from "../src/hyp/calls.ts"
import { type HypState, hypStateOf } from "../src/hyp/state.ts"
import { type Base, protectedMode } from "../src/index.ts"

export const PROTECTED = 1n << 31n
const RAM_BYTES = 16 << 20

export const bootProtected = (base: Base, cpus = 1, mode: Mode = protectedMode(base)): Host =>
  createHost({ board: createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES, pes: cpus }), mode })
export const stateOf = (host: Host): HypState => hypStateOf(host)!

/** What the kernel on a CPU gets back: X0 and X1, or what it crashed with. */
export const kernelCall = (host: Host, call: number, ...args: readonly (number | bigint)[]): bigint | string => {
  const result = host.inKernel(() => hostCall(host.cpus[0]!, PKVM_CALLS, call, ...args.map(BigInt)))
  return typeof result === "bigint" ? BigInt.asIntN(64, result) : result.message
}
/** Runs code of the kernel. */
export const inKernel = <T>(host: Host, code: () => T) => host.inKernel(code)

export interface RunningVm {
  readonly vm: Vm
  readonly vcpu: Vcpu
}
/** A VM of 64 KiB with one vCPU about to execute `source`. */
export const newVm = (host: Host, source: string, type = 0n): RunningVm => {
  const vm = ok(host.createVm({ type }))
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x10000 }))
  const problem = vm.write(GUEST_RAM, assemble(source))
  if (problem) throw new Error(problem)
  const vcpu = ok(vm.createVcpu(0))
  const refused = vcpu.init({ features: PSCI_0_2 })
  if (refused) throw new Error(refused)
  vcpu.registers.pc = BigInt(GUEST_RAM)
  return { vm, vcpu }
}
/** Events of one kind while something happens. */
export const during = <K extends KvmEvent["what"]>(host: Host, what: K, act: () => void): readonly Extract<KvmEvent, { what: K }>[] => {
  const events: Extract<KvmEvent, { what: K }>[] = []
  const stop = host.subscribe((e) => {
    if (e.what === what) events.push(e as Extract<KvmEvent, { what: K }>)
  })
  act()
  stop()
  return events
}
/** Everything of hyp code's that lies in memory: records and tables. */
export const poolBytes = (host: Host): Uint8Array => {
  const { pool } = stateOf(host)
  return host.board.physical.read(pool.pfn * 4096, pool.pages * 4096)!
}
