/** A GuestCpu that is a vCPU of the modelled KVM: each run is KVM_RUN, each register access KVM_GET_ONE_REG or KVM_SET_ONE_REG. */
import { passTime, virtualTime } from "@eltwo/cpu"
import { type Host, isErrno, type MemorySlot, REG, type RunExit, type Vcpu, VcpuFeature, type Vm } from "@eltwo/kvm"
import type { GuestCpu, GuestMemory, GuestRegister, GuestStop } from "./guest.ts"
import { SERVICE_CALL } from "./stub.ts"

/** Host memory beside the guest's: kernel and stage-2 tables, the VMM thread. */
export const hostBytes = (guestBytes: number): number => (16 << 20) + Math.ceil(guestBytes / 256 / 2 ** 20) * 2 ** 20
const RAM_BASE = 0x4000_0000
/** A run is at most this many instructions. */
const MAX_SLICE = 0x7fff_0000

const SYSTEM: Readonly<Record<Exclude<GuestRegister, "ELR_EL1" | "SPSR_EL1" | "SP_EL0" | "FPCR" | "FPSR">, bigint>> = {
  ESR_EL1: REG.system(3, 0, 5, 2, 0),
  FAR_EL1: REG.system(3, 0, 6, 0, 0),
  TPIDR_EL0: REG.system(3, 3, 13, 0, 2),
  TPIDR_EL1: REG.system(3, 0, 13, 0, 4),
  TTBR0_EL1: REG.system(3, 0, 2, 0, 0),
  TCR_EL1: REG.system(3, 0, 2, 0, 2),
  MAIR_EL1: REG.system(3, 0, 10, 2, 0),
  SCTLR_EL1: REG.system(3, 0, 1, 0, 0),
  VBAR_EL1: REG.system(3, 0, 12, 0, 0),
  CPACR_EL1: REG.system(3, 0, 1, 0, 2),
  CNTKCTL_EL1: REG.system(3, 0, 14, 1, 0)
}
const REGISTER: Readonly<Record<GuestRegister, bigint>> = {
  ...SYSTEM,
  ELR_EL1: REG.elrEl1,
  SPSR_EL1: REG.spsrEl1,
  SP_EL0: REG.sp,
  FPCR: REG.fpcr,
  FPSR: REG.fpsr
}
const X = Array.from({ length: 31 }, (_, n) => REG.x(n))
const V = Array.from({ length: 32 }, (_, n) => REG.v(n))
const MASK64 = (1n << 64n) - 1n

/** A vCPU, and the VM it is of. */
export interface KvmCpu extends GuestCpu {
  readonly vm: Vm
}
/** Creates the VM: `guestBytes` of RAM and one vCPU. A string says what the host refused. */
export const kvmCpu = (host: Host, guestBytes: number): KvmCpu | string => {
  const vm = host.createVm()
  if (isErrno(vm)) return `KVM_CREATE_VM: ${vm}`
  const region = vm.setMemoryRegion({ slot: 0, guestPhysical: RAM_BASE, bytes: guestBytes })
  if (isErrno(region)) return `KVM_SET_USER_MEMORY_REGION: ${region}`
  if ("kind" in region) return `KVM_SET_USER_MEMORY_REGION: ${region.message}`
  const filtered = vm.setSmcccFilter({ base: SERVICE_CALL, count: 1 }, "forward")
  if (filtered !== undefined) return `KVM_ARM_VM_SMCCC_FILTER: ${filtered}`
  const vcpu = vm.createVcpu(0)
  if (isErrno(vcpu)) return `KVM_CREATE_VCPU: ${vcpu}`
  const initialised = vcpu.init({ features: 1 << VcpuFeature.PSCI_0_2 })
  if (initialised !== undefined) return `KVM_ARM_VCPU_INIT: ${initialised}`
  return cpuOf(vm, vcpu, vm.slots.at(RAM_BASE)!)
}
/** The processor of a VM that a snapshot restored: RAM in slot 0, vCPU 0. A string says what is missing. */
export const restoredCpu = (vm: Vm, guestBytes: number): KvmCpu | string => {
  const slot = vm.slots.at(RAM_BASE)
  const vcpu = vm.vcpus[0]
  if (slot?.guestPhysical !== RAM_BASE || slot.length !== guestBytes) return "a VM with other memory"
  return vcpu === undefined ? "a VM without vCPU 0" : cpuOf(vm, vcpu, slot)
}

/** So many of them, and it is stuck: what the program's kernel needs was overwritten from outside. */
const PATIENCE = 1000
const cpuOf = (vm: Vm, vcpu: Vcpu, { hostPhysical, length: ramBytes }: MemorySlot): KvmCpu => {
  const { host } = vm
  const { code, physical, ram } = host.board
  const get = (id: bigint): bigint => {
    const value = vcpu.getOneReg(id)
    if (isErrno(value)) throw new Error(`KVM_GET_ONE_REG 0x${id.toString(16)}: ${value}`)
    return value
  }
  const set = (id: bigint, value: bigint): void => {
    const error = vcpu.setOneReg(id, value)
    if (error !== undefined) throw new Error(`KVM_SET_ONE_REG 0x${id.toString(16)}: ${error}`)
  }
  const memory: GuestMemory = {
    base: RAM_BASE,
    bytes: physical.bytes.subarray(hostPhysical - ram.base + ram.offset).subarray(0, ramBytes),
    touch: (at, length) => void physical.at(hostPhysical + at, length),
    written: (guestPhysical, length) => {
      const address = vm.slots.physical(guestPhysical, length)
      if (address === undefined) return
      physical.at(address, length)
      code.storedRange(address, length)
    }
  }
  const pe = host.board.pes[0]!
  /** Calls of KVM_RUN, one behind the other, in which nothing but exceptions happened. */
  let barren = 0
  const stopOf = (exit: RunExit): GuestStop | "again" => {
    switch (exit.reason) {
      case "hypercall":
        return { kind: "service" }
      case "intr":
        return { kind: "limit" }
      case "wfi":
        return "again"
      case "debug":
        vcpu.refuseHalt()
        return "again"
      case "crash":
        return { kind: "dead", message: `${exit.crash.kind}: ${exit.crash.message}` }
      case "internalError":
        return { kind: "dead", message: exit.message }
      default:
        return { kind: "dead", message: `the virtual machine stopped with exit ${exit.reason}` }
    }
  }
  return {
    vm,
    memory,
    x: (n) => get(X[n]!),
    setX: (n, value) => set(X[n]!, value),
    pc: () => get(REG.pc),
    setPc: (value) => set(REG.pc, value),
    pstate: () => get(REG.pstate),
    setPstate: (value) => set(REG.pstate, value),
    system: (name) => get(REGISTER[name]),
    setSystem: (name, value) => set(REGISTER[name], value),
    vectors: () => {
      const out = new BigUint64Array(64)
      V.forEach((id, n) => {
        const value = get(id)
        out[2 * n] = value & MASK64
        out[2 * n + 1] = value >> 64n
      })
      return new Uint8Array(out.buffer)
    },
    setVectors: (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, 512)
      V.forEach((id, n) => set(id, view.getBigUint64(16 * n, true) | (view.getBigUint64(16 * n + 8, true) << 64n)))
    },
    idRegister: (encoding) => {
      const value = vcpu.getOneReg(REG.system(encoding >> 14, (encoding >> 11) & 7, (encoding >> 7) & 15, (encoding >> 3) & 15, encoding & 7))
      return isErrno(value) ? undefined : value
    },
    features: pe.controls.machine.features,
    retired: () => BigInt(host.account.instructions),
    nanoseconds: () => virtualTime(pe),
    sleep: (nanoseconds) => passTime(pe, virtualTime(pe) + nanoseconds),
    stopped: () => host.run.trace?.stopped?.() ?? false,
    run: (instructions) => {
      const { account } = host
      const end = account.instructions + Math.min(instructions, MAX_SLICE)
      for (;;) {
        const left = end - account.instructions
        if (left <= 0 || host.run.trace?.stopped?.()) return { kind: "limit" }
        const before = account.instructions
        const exit = vcpu.run(left)
        barren = !isErrno(exit) && exit.reason === "intr" && account.instructions === before ? barren + 1 : 0
        if (barren > PATIENCE) return { kind: "dead", message: "the program's kernel takes one exception after the other and executes nothing" }
        if (isErrno(exit)) return { kind: "dead", message: `KVM_RUN: ${exit}` }
        const stop = stopOf(exit)
        if (stop !== "again") return stop
      }
    }
  }
}
