/** Hyp code's vCPUs without the rest of hyp code: a host kernel whose hypercall 9 runs them, and whose guest memory is the kernel's own. */
import {
  defineMode,
  HOST_CALLS,
  type Host,
  HostCall,
  type HostCallTable,
  kernelAtEl1,
  type Mode,
  TRUSTING,
  type Vcpu,
  worldSwitchBy
} from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { type HypState, keepHypState } from "../src/hyp/state.ts"
import { type HypVcpu, newHypVcpu } from "../src/hyp-vcpu.ts"
import { loadVcpu } from "../src/ownership/hyp-vm.ts"
import { createHostFp } from "../src/vcpu/host-fp.ts"
import { initHypVcpu, loadHypVcpu, runHypVcpu, saveHost, viewOf } from "../src/vcpu/vcpu.ts"
import { type InMemoryPkvm, inMemoryPkvm } from "./in-memory.ts"
import { makeVm } from "./world.ts"

const running = new WeakMap<Vcpu, HypVcpu>()
const TABLE: HostCallTable = new Map([
  ...HOST_CALLS,
  [
    HostCall.kvm_vcpu_run,
    (cpu) => {
      const loaded = cpu.loaded && running.get(cpu.loaded)
      return BigInt(runHypVcpu(cpu, loaded, cpu.loaded?.vm.host.features.sme ?? false))
    }
  ]
])
const modeOn = (base: Mode): Mode => {
  const { name: _, ...rest } = base
  return defineMode({
    ...rest,
    name: `pkvm-vcpus-${base.name}`,
    ...kernelAtEl1(TABLE),
    worldSwitch: worldSwitchBy({ ...TRUSTING, guestTraps: (vcpu) => viewOf(vcpu).traps, guestLists: (vcpu) => viewOf(vcpu).lists }),
    fp: { toGuest: () => {}, toHost: () => {}, saveHost }
  })
}
export const MODES: readonly Mode[] = [modeOn(hvhe), modeOn(nvhe)]

export interface VcpuWorld {
  readonly pkvm: InMemoryPkvm
  readonly hyp: HypVcpu
}
const LIST_PAGES = 4
/** Lets hyp code run a vCPU of the host as one of a protected or ordinary VM. What init_vcpu says is thrown. */
export const adopt = (host: Host, vcpu: Vcpu, isProtected: boolean): VcpuWorld => {
  const pkvm = inMemoryPkvm({ regions: [{ pfn: 0x100, pages: 64 }] })
  const { vcpu: pages, handle } = makeVm(pkvm, 0x100, isProtected, LIST_PAGES)
  const hyp: HypVcpu = { ...newHypVcpu(vcpu, 0, isProtected), pages }
  const refused = host.inKernel(() => {
    createHostFp(host)
    return initHypVcpu((name) => host.cpus[0]!.read(name), hyp)
  })
  if (refused) throw new Error(JSON.stringify(refused))
  // all that the calls of a guest need of it
  const state: Pick<HypState, "host" | "vcpus" | "cpu"> & { pkvm: InMemoryPkvm } = { host, pkvm, vcpus: new Map([[pages, hyp]]), cpu: host.cpus[0]! }
  keepHypState(state as unknown as HypState)
  running.set(vcpu, hyp)
  loadVcpu(pkvm, 0, handle, 0)
  loadHypVcpu(hyp, vcpu.hcr)
  return { pkvm, hyp }
}
