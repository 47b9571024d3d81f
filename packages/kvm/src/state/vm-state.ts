/**
 * A VM as data: its registers, memory slots and settings, without the memory itself and without anything of the host it ran on. That is enough to go on as if
 * nothing had happened, on a host of the same mode or another: between two calls of KVM_RUN the host keeps nothing of a guest but this.
 */
import { PAGE_BYTES, PE, type Saved, type SavedFields, shape } from "@eltwo/cpu"
import { type Errno, isErrno } from "../errno.ts"
import type { Host } from "../host/host.ts"
import type { TableMemory } from "../host/page-tables.ts"
import { setIdRegister } from "../id-registers.ts"
import type { MemorySlot } from "../memory-slots.ts"
import type { FilterAction } from "../smccc-filter.ts"
import { BLOCK_BYTES, Stage2 } from "../stage2.ts"
import type { Vcpu } from "../vcpu.ts"
import { finalizeVcpu } from "../vcpu-init.ts"
import { FIRMWARE_BITMAPS, type FirmwareBitmap, MAX_VCPUS, type Vm } from "../vm.ts"
import { ACCOUNT_STATE, accountState, restoreAccount } from "./account-state.ts"
import { restoreVcpu, VCPU_STATE, type VcpuState, vcpuProblem, vcpuState } from "./vcpu-state.ts"

const MOST_SLOTS = 32767

/** What user space has chosen for a VM. */
export const VM_SETTINGS = {
  filter: { list: { fields: { base: "u32", count: "size", action: { oneOf: ["handle", "deny", "forward"] } } }, most: 10_000 },
  /** By encoding. */
  idRegisters: { list: { fields: { number: "u32", value: "u64" } }, most: 4096 },
  firmware: { list: { fields: { name: "text", value: "u64" } }, most: 16 },
  psciVersion: "u32",
  features: { maybe: "u32" },
  hasRun: "flag",
  nisvToUser: "flag",
  manualProtection: "flag",
  dirtyAtFirst: "flag",
  /** Interrupts of the virtual, the physical, and the virtual hypervisor's virtual and physical timer. */
  timerInterrupts: { list: "u32", most: 4 },
  counterOffset: { maybe: "u64" },
  /** User space chose it. */
  counterOffsetFixed: "flag"
} as const
export type VmSettings = SavedFields<typeof VM_SETTINGS>
/** A VM as a snapshot has it, but for its memory. */
export const VM_STATE = shape({
  fields: {
    ipaBits: "u32",
    slots: {
      list: {
        fields: {
          slot: "u32",
          guestPhysical: "size",
          bytes: "size",
          readonly: "flag",
          /** Guest-physical addresses and sizes of what stage 2 maps, 8 bytes each: so that the guest need not fault them in again. */
          mapped: "bytes"
        }
      },
      most: MOST_SLOTS
    },
    ...VM_SETTINGS,
    vcpus: { list: VCPU_STATE, most: MAX_VCPUS },
    /** The vCPU that ran last on the first CPU, whose translations that may still have; null: none did. */
    lastRan: { maybe: "u32" },
    /** Virtual time of the machine, which the guest's counters show. */
    retired: "u64",
    idle: "u64",
    account: ACCOUNT_STATE
  }
})
/** A value of VM_STATE. */
export type VmState = Saved<typeof VM_STATE>

/** Why a VM cannot be saved now. */
export interface VmBusy {
  readonly busy: string
  readonly protected?: true
}
/** Whether vmState gave a reason instead of a state. */
export const isVmBusy = <S extends object>(value: S | VmBusy): value is VmBusy => "busy" in value

/** The state of the only VM of a host, between two calls of KVM_RUN. `sealed`: nobody but the holder of a key will see it, so that it may be a protected VM's. */
export const vmState = (vm: Vm, { sealed = false }: { readonly sealed?: boolean } = {}): VmState | VmBusy => {
  const { host } = vm
  const busy = (vm.protected && !sealed ? PRIVATE : undefined) ?? busyWith(vm)
  if (busy !== undefined) return busy
  const { pe } = host.cpus[0]!
  return {
    ipaBits: vm.stage2.ipaBits,
    slots: [...vm.slots].map((slot) => ({
      slot: slot.slot,
      guestPhysical: slot.guestPhysical,
      bytes: slot.length,
      readonly: slot.readonly,
      mapped: mappedOf(vm, slot)
    })),
    ...settingsOf(vm),
    vcpus: vm.vcpus.flatMap((vcpu) => (vcpu ? [vcpuState(vcpu)] : [])),
    lastRan: host.cpus[0]!.lastRan.get(vm.id) ?? null,
    retired: pe.retired,
    idle: pe.doublewords[PE.IDLE >> 3]!,
    account: accountState(host.account)
  }
}
export const settingsOf = (vm: Vm): VmSettings => ({
  filter: vm.filter.entries.map(({ base, count, action }) => ({ base, count, action })),
  idRegisters: [...vm.idRegisters].map(([number, value]) => ({ number, value })).sort((a, b) => a.number - b.number),
  firmware: Object.entries(vm.firmware).map(([name, value]) => ({ name, value })),
  psciVersion: vm.psciVersion,
  features: vm.features ?? null,
  hasRun: vm.hasRun,
  nisvToUser: vm.nisvToUser,
  manualProtection: vm.manualProtection,
  dirtyAtFirst: vm.dirtyAtFirst,
  timerInterrupts: [...vm.timerInterrupts],
  counterOffset: vm.counterOffset ?? null,
  counterOffsetFixed: vm.counterOffsetFixed
})
const PRIVATE: VmBusy = { busy: "its memory is the guest's alone", protected: true }
const busyWith = (vm: Vm): VmBusy | undefined => {
  const { host } = vm
  if (vm.closed) return { busy: "it is closed" }
  if (vm.vgic) return { busy: "an interrupt controller in the kernel, which snapshots do not hold yet" }
  if ([...vm.slots].some(({ dirty }) => dirty)) return { busy: "a log of dirty pages" }
  if (host.crash) return { busy: "the host kernel has crashed" }
  if (host.busy !== undefined) return { busy: host.busy }
  if (vm.vcpus.some((vcpu) => vcpu?.loadedOn || vcpu?.thread)) return { busy: "a vCPU is in KVM_RUN" }
  const idles = host.cpus.map(({ idle }) => idle)
  if ([...host.tasks.values()].some((task) => task !== host.vmm && !task.ended && !idles.includes(task)))
    return { busy: "a thread or program of its host beside the one that runs it" }
  if (host.cpus.some(({ softirqs }) => softirqs.length > 0)) return { busy: "the host kernel has work to do" }
  return undefined
}

/** Descriptors read behind the processor's back: looking at a machine does not change it. */
const peek = ({ board }: Host): TableMemory => ({
  allocate: () => undefined,
  free: () => {},
  read: (physical) => board.physical.doubleword(physical) ?? 0n,
  write: () => {}
})
/** What the kernel maps is blocks where it can, else pages: see user_mem_abort. */
const mappedOf = ({ host, stage2 }: Vm, { guestPhysical, length, hostPhysical }: MemorySlot): Uint8Array => {
  if (host.mode.vms) return new Uint8Array(0)
  const { tables } = new Stage2(peek(host), stage2.tables.root, stage2.ipaBits, stage2.vmid, host.features)
  const found: bigint[] = []
  const end = guestPhysical + length
  const congruent = (hostPhysical - guestPhysical) % BLOCK_BYTES === 0
  for (let at = guestPhysical; at < end; ) {
    const whole = congruent && at % BLOCK_BYTES === 0 && at + BLOCK_BYTES <= end
    const leaf = tables.leaf(at)
    const bytes = leaf?.bytes ?? (whole ? BLOCK_BYTES : PAGE_BYTES)
    if (leaf) found.push(BigInt(at), BigInt(bytes))
    at += bytes
  }
  return new Uint8Array(BigUint64Array.from(found).buffer)
}

/**
 * Why a state cannot be restored, or the VM with everything but its memory. `kept` is what the host's mode saved beside it, as its shape says; without it, the
 * mode finds out again what it misses. A host on which it failed is not used any further.
 */
export const restoreVm = (host: Host, state: VmState, kept?: unknown): Vm | string => {
  if (state.ipaBits < 1 || state.ipaBits > 255) return `an address space of ${state.ipaBits} bits`
  const mode = kept === undefined ? undefined : host.mode.state
  const vm = host.createVm({ type: BigInt(state.ipaBits) | (mode?.vmType(kept) ?? 0n) })
  if (isErrno(vm)) return `KVM_CREATE_VM: ${vm}`
  const again = () => (mode ? inKernel(host, () => mode.restore(host.cpus[0]!, vm, kept)) : firstRuns(vm))
  const problem = times(state) ?? beforeVcpus(vm, state) ?? slots(vm, state) ?? vcpus(vm, state) ?? restoreIdRegisters(vm, state) ?? again()
  if (problem !== undefined) return problem
  restoreFlags(vm, state)
  if (state.lastRan !== null) host.cpus[0]!.lastRan.set(vm.id, state.lastRan)
  restoreAccount(host.account, state.account)
  // last, because every call of the host's interface takes time
  for (const { pe } of host.cpus) {
    pe.doublewords[PE.RETIRED >> 3] = state.retired
    pe.doublewords[PE.IDLE >> 3] = state.idle
  }
  return vm
}
const asked = (what: string, result: Errno | undefined): string | undefined => (result === undefined ? undefined : `${what}: ${result}`)

const times = ({ retired, idle }: VmState): string | undefined => (retired >> 63n || idle >> 63n ? "a virtual time beyond all ages" : undefined)
/** Puts settings that can be into a new VM; a string says which cannot. KVM_ARM_VCPU_INIT changes others. */
export const beforeVcpus = (vm: Vm, { filter, firmware, timerInterrupts }: VmSettings): string | undefined => {
  if (timerInterrupts.length !== 4 || timerInterrupts.some((interrupt) => interrupt < 16 || interrupt > 31))
    return "timers with other interrupts than PPIs"
  for (const { base, count, action } of filter) {
    const problem = asked("KVM_ARM_VM_SMCCC_FILTER", vm.filter.add({ base, count }, action as FilterAction, false))
    if (problem !== undefined) return problem
  }
  for (const { name, value } of firmware) {
    const known = FIRMWARE_BITMAPS[name as FirmwareBitmap] as { readonly maximum: bigint } | undefined
    if (known === undefined || !Object.hasOwn(FIRMWARE_BITMAPS, name) || value & ~known.maximum)
      return `firmware features ${name} 0x${value.toString(16)}`
    vm.firmware[name as FirmwareBitmap] = value
  }
  return undefined
}
const slots = (vm: Vm, state: VmState): string | undefined => {
  for (const { slot, guestPhysical, bytes, readonly, mapped } of state.slots) {
    const region = vm.setMemoryRegion({ slot, guestPhysical, bytes, readonly })
    if (isErrno(region)) return `KVM_SET_USER_MEMORY_REGION: ${region}`
    if ("kind" in region) return `KVM_SET_USER_MEMORY_REGION: ${region.message}`
    const problem = mapAgain(vm, guestPhysical, bytes, readonly, mapped)
    if (problem !== undefined) return problem
  }
  return undefined
}
const mapAgain = (vm: Vm, guestPhysical: number, length: number, readonly: boolean, mapped: Uint8Array): string | undefined => {
  const { host, stage2 } = vm
  if (mapped.length % 16 !== 0) return `${mapped.length} bytes of mappings`
  if (mapped.length === 0 || host.mode.vms) return undefined
  const words = new BigUint64Array(mapped.slice().buffer)
  const ranges: { readonly at: number; readonly physical: number; readonly bytes: number }[] = []
  let behind = guestPhysical
  for (let i = 0; i < words.length; i += 2) {
    const [at, bytes] = [Number(words[i]!), Number(words[i + 1]!)]
    const physical = vm.slots.physical(at, bytes)
    const isLeaf = (bytes === PAGE_BYTES || bytes === BLOCK_BYTES) && at % bytes === 0
    if (!isLeaf || at < behind || at + bytes > guestPhysical + length || physical === undefined || physical % bytes !== 0)
      return `a mapping of ${bytes} bytes at 0x${at.toString(16)}`
    ranges.push({ at, physical, bytes })
    behind = at + bytes
  }
  const done = host.inKernel(() => ranges.every(({ at, physical, bytes }) => stage2.map(at, physical, bytes, !readonly)))
  return done === true ? undefined : "no memory for stage 2"
}
/** Initialises and finalises a new vCPU and gives it a state; a string says why it cannot have that. `finalize` where hyp code knows the vCPU already. */
export const intoVcpu = (vcpu: Vcpu, saved: VcpuState, finalize = finalizeVcpu): string | undefined => {
  if (saved.features !== null) {
    const problem = asked("KVM_ARM_VCPU_INIT", vcpu.init({ features: saved.features }))
    if (problem !== undefined) return problem
  }
  if (saved.fp.sve !== null) {
    vcpu.fp.vl.sve = saved.fp.sveBytes
    if (!vcpu.vm.host.features.sveVls.includes(saved.fp.sveBytes)) return `vectors of ${saved.fp.sveBytes} bytes`
    const problem = asked("KVM_ARM_VCPU_FINALIZE", finalize(vcpu, SVE_FEATURE))
    if (problem !== undefined) return problem
  }
  const problem = vcpuProblem(vcpu, saved)
  if (problem !== undefined) return `vCPU ${saved.id}: ${problem}`
  restoreVcpu(vcpu, saved)
  return undefined
}
const vcpus = (vm: Vm, state: VmState): string | undefined => {
  for (const saved of state.vcpus) {
    const vcpu = vm.createVcpu(saved.id)
    if (isErrno(vcpu)) return `KVM_CREATE_VCPU: ${vcpu}`
    const problem = intoVcpu(vcpu, saved)
    if (problem !== undefined) return problem
  }
  return undefined
}
/** Kernel code that says what is wrong; a crash of the kernel is a problem like any other. */
const inKernel = (host: Host, code: () => string | undefined): string | undefined => {
  const problem = host.inKernel(code)
  return typeof problem === "object" ? problem.message : problem
}
/** Where hyp code keeps VMs it learns of them when they run first; all vCPUs are there by then. */
const firstRuns = ({ host, vcpus }: Vm): string | undefined => {
  const { vms } = host.mode
  if (!vms) return undefined
  return inKernel(host, () => {
    for (const vcpu of vcpus) {
      const refused = vcpu?.hasRun ? vms.firstRun(host.cpus[0]!, vcpu) : undefined
      if (refused !== undefined) return `the first KVM_RUN: ${refused}`
    }
    return undefined
  })
}
/** VH is the mode's, and nothing to a guest that has no EL2: whatever it was, the guest goes on reading it. */
const VH = 15n << 8n
const asHere = ({ name, host }: { readonly name: string; readonly host: bigint }, value: bigint): bigint =>
  name === "ID_AA64MMFR1_EL1" ? (value & ~VH) | (host & VH) : value
const SVE_FEATURE = 4
/** After VCPU_INIT, which resets them. */
export const restoreIdRegisters = (vm: Vm, { idRegisters }: VmSettings): string | undefined => {
  for (const { number, value } of idRegisters) {
    const register = vm.host.systemRegisters.get(number)
    if (register?.kind !== "id") return `ID register 0x${number.toString(16)}, which this machine does not have`
    if (setIdRegister(vm, register, asHere(register, value)) === undefined) vm.idRegisters.set(number, value)
    else return `${register.name} = 0x${value.toString(16)}; this machine offers 0x${register.host.toString(16)}`
  }
  return undefined
}
/** What else user space has chosen. */
export const restoreFlags = (vm: Vm, state: VmSettings): void => {
  vm.psciVersion = state.psciVersion
  vm.features = state.features ?? undefined
  vm.hasRun = state.hasRun
  vm.nisvToUser = state.nisvToUser
  vm.manualProtection = state.manualProtection
  vm.dirtyAtFirst = state.dirtyAtFirst
  vm.timerInterrupts.splice(0, 4, ...state.timerInterrupts)
  vm.counterOffset = state.counterOffset ?? undefined
  vm.counterOffsetFixed = state.counterOffsetFixed
}
