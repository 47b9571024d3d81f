/** VMs and vCPUs of a whole host as data. Their tables and memory are in the host's RAM: what is kept is where. A vCPU may be in KVM_RUN, and on a CPU. */
import { type Saved, shape } from "@eltwo/cpu"
import { newDirtyBitmap } from "../dirty-log.ts"
import type { Host } from "../host/host.ts"
import { Stage2 } from "../stage2.ts"
import { Vcpu } from "../vcpu.ts"
import { makeVectors } from "../vcpu-init.ts"
import { MAX_VCPUS, Vm } from "../vm.ts"
import { Impossible, mustBeRam, taskAt } from "./references.ts"
import { VCPU_STATE, vcpuState } from "./vcpu-state.ts"
import { beforeVcpus, intoVcpu, restoreFlags, restoreIdRegisters, settingsOf, VM_SETTINGS } from "./vm-state.ts"

const MOST_SLOTS = 32767
const LIST_REGISTER_BYTES = 8
const MAX_DESCRIPTOR = 1 << 20

/** A VM as a snapshot of a whole host has it. */
export const MACHINE_VM_STATE = shape({
  fields: {
    id: "u32",
    ipaBits: "u32",
    /** Physical address of stage 2's first tables. */
    root: "size",
    vmid: "u32",
    slots: {
      list: {
        fields: {
          slot: "u32",
          guestPhysical: "size",
          bytes: "size",
          readonly: "flag",
          physical: "size",
          /** Pages written, while they are logged: see KVM_GET_DIRTY_LOG. */
          dirty: { maybe: "bytes" }
        }
      },
      most: MOST_SLOTS
    },
    ...VM_SETTINGS,
    dead: "flag"
  }
})
export type MachineVmState = Saved<typeof MACHINE_VM_STATE>

/** A vCPU as a snapshot of a whole host has it. */
export const MACHINE_VCPU_STATE = shape({
  fields: {
    vm: "u32",
    vcpu: VCPU_STATE,
    /** In the VMM. */
    descriptor: "u32",
    /** Physical address of struct kvm_run, once somebody has asked for it. */
    page: { maybe: "size" },
    immediateExit: "flag",
    /** State in the processor's virtual CPU interface. */
    interrupts: { fields: { vmcr: "u64", ap0r0: "u64", ap1r0: "u64", hcr: "u64", lists: "bytes", used: "u32" } },
    /** The thread of the scheduler that is in KVM_RUN of it. */
    thread: { maybe: "u32" },
    /** WFI: until this virtual time, or for ever. */
    sleep: { maybe: { fields: { until: { maybe: "u64" } } } }
  }
})
export type MachineVcpuState = Saved<typeof MACHINE_VCPU_STATE>

export const machineVmState = (vm: Vm): MachineVmState => ({
  id: vm.id,
  ipaBits: vm.stage2.ipaBits,
  root: vm.stage2.tables.root,
  vmid: vm.stage2.vmid,
  slots: Array.from(vm.slots, ({ slot, guestPhysical, length, readonly, hostPhysical, dirty }) => ({
    slot,
    guestPhysical,
    bytes: length,
    readonly,
    physical: hostPhysical,
    dirty: dirty?.slice() ?? null
  })),
  ...settingsOf(vm),
  dead: vm.dead
})
export const machineVcpuState = (host: Host, vcpu: Vcpu): MachineVcpuState => {
  const { interrupts, thread, sleep } = vcpu
  const { vmcr, ap0r0, ap1r0, hcr, lists, used } = interrupts
  return {
    vm: vcpu.vm.id,
    vcpu: vcpuState(vcpu),
    descriptor: vcpu.descriptor,
    page: vcpu.page.mapped ?? null,
    immediateExit: vcpu.immediateExit,
    interrupts: { vmcr, ap0r0, ap1r0, hcr, lists: new Uint8Array(lists.buffer.slice(0)), used },
    // one that has ended counts as none
    thread: thread && host.tasks.get(thread.id) === thread ? thread.id : null,
    sleep: sleep ? { until: sleep.until ?? null } : null
  }
}

/** Makes a VM whose tables are in RAM, without its vCPUs. Throws Impossible. */
export const makeVm = (host: Host, state: MachineVmState, isProtected: boolean): Vm => {
  const { id, ipaBits, root, vmid, slots } = state
  if (id === 0 || host.vms.has(id)) throw new Impossible(`VM ${id} twice`)
  if (ipaBits < 32 || ipaBits > 48) throw new Impossible(`an address space of ${ipaBits} bits`)
  if (vmid > (host.features.vmid16 ? 0xffff : 0xff)) throw new Impossible(`VMID ${vmid}`)
  mustBeRam(host, root, Stage2.rootBytes(ipaBits), "tables of stage 2")
  if (root % Stage2.rootBytes(ipaBits) !== 0) throw new Impossible("tables of stage 2 that are not aligned")
  const vm = Vm.restored(host, id, new Stage2(host.tables, root, ipaBits, vmid, host.features), isProtected)
  for (const { slot, guestPhysical, bytes, readonly, physical, dirty } of slots) {
    mustBeRam(host, physical, bytes, `memory slot ${slot}`)
    const checked = vm.slots.check({ slot, guestPhysical, bytes, readonly }, ipaBits)
    if (typeof checked === "string" || checked.existing || bytes === 0) throw new Impossible(`memory slot ${slot} of ${bytes} bytes`)
    const added = { slot, guestPhysical, length: bytes, readonly, hostPhysical: physical }
    if (dirty && dirty.length !== newDirtyBitmap(added, false).length) throw new Impossible(`a log of ${dirty.length} bytes for slot ${slot}`)
    vm.slots.add({ ...added, dirty: dirty?.slice() })
  }
  const problem = beforeVcpus(vm, state)
  if (problem !== undefined) throw new Impossible(problem)
  return vm
}
/** Makes a vCPU of it, with all but its thread. Throws Impossible. */
export const makeVcpu = (host: Host, state: MachineVcpuState): void => {
  const vm = host.vms.get(state.vm)
  const { id } = state.vcpu
  if (!vm || id >= MAX_VCPUS || vm.vcpus[id]) throw new Impossible(`vCPU ${id} of VM ${state.vm} is twice, or there is no such VM`)
  if (state.descriptor > MAX_DESCRIPTOR) throw new Impossible(`descriptor ${state.descriptor}`)
  const vcpu = new Vcpu(vm, id, state.descriptor)
  vm.vcpus[id] = vcpu
  const problem = intoVcpu(vcpu, state.vcpu, makeVectors)
  if (problem !== undefined) throw new Impossible(problem)
  if (state.page !== null) mustBeRam(host, state.page, 4096, "struct kvm_run")
  vcpu.page.restore(state.page ?? undefined)
  vcpu.immediateExit = state.immediateExit
  vcpu.sleep = state.sleep ? { until: state.sleep.until ?? undefined } : undefined
}
/** What of a VM must come behind its vCPUs and its interrupt controller. Throws Impossible. */
export const finishVm = (vm: Vm, state: MachineVmState): void => {
  const problem = restoreIdRegisters(vm, state)
  if (problem !== undefined) throw new Impossible(problem)
  restoreFlags(vm, state)
  vm.dead = state.dead
}
/** What of a vCPU must come behind the controller, and the tasks. Throws Impossible. */
export const finishVcpu = (host: Host, { vm, vcpu: { id }, interrupts, thread }: MachineVcpuState): void => {
  const vcpu = host.vms.get(vm)!.vcpus[id]!
  const { lists, used, ...words } = interrupts
  const own = vcpu.interrupts
  if (lists.length !== own.lists.byteLength || used > lists.length / LIST_REGISTER_BYTES) throw new Impossible(`${used} list registers in use`)
  Object.assign(own, words, { used })
  new Uint8Array(own.lists.buffer).set(lists)
  vcpu.thread = thread === null ? undefined : taskAt(host, thread)
  if (vcpu.thread && vcpu.thread.position?.vcpu !== vcpu) throw new Impossible(`${vcpu.name} has a thread that is not in KVM_RUN`)
}
