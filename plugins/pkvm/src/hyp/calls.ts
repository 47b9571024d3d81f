/** The host's hypercalls as hyp code answers them: by number, and by how far the start of protection has come. */
import { HOST_CALLS, HostCall, type HostCallHandler, type HostCallTable, type PhysicalCpu } from "@eltwo/kvm"
import { type HypVcpu, newHypVcpu } from "../hyp-vcpu.ts"
import type { Outcome } from "../ownership/errno.ts"
import { errnoRegister, type HostCallContext, hostCall as ownershipCall, HostCall as PageCall } from "../ownership/host-calls.ts"
import { type HypVm, initVcpu, initVm } from "../ownership/hyp-vm.ts"
import { vmByHandle, vmidOf } from "../ownership/vm-table.ts"
import { initHypVcpu, loadHypVcpu, runHypVcpu } from "../vcpu/vcpu.ts"
import { kvmHypInit, pkvmInit, protFinalize } from "./boot.ts"
import type { RealGuestStage2 } from "./guest-stage2.ts"
import { hostDataOf } from "./host-data.ts"
import { orPanic } from "./panic.ts"
import { type HypState, hypStateOf, hypStateOn, loadedHypVcpu } from "./state.ts"
import { FIRST_TABLE_BYTES, hypVcpuBytes, hypVmBytes, physicalOf, readField, STRUCTURE_BYTES, VCPU_FIELD, VM_FIELD } from "./structures.ts"
import { forgetDescribed, forgetDescribedHere, forgetGuest } from "./tlb.ts"

/** Before protection is in force: below 29. After that: from 7 on. */
const FIRST_AFTER = 7
const END_BEFORE = 29
const END = 50
const VECTOR_SLOTS = 4n

/** X1 to X4. */
const argumentsOf = ({ pe: { x } }: PhysicalCpu): readonly [bigint, bigint, bigint, bigint] => [x[1]!, x[2]!, x[3]!, x[4]!]
const done = (outcome: Outcome): bigint => (outcome === undefined ? 0n : errnoRegister(outcome))

const EC_ABORTS: ReadonlySet<number> = new Set([0x20, 0x24])
const FSC_TYPE = 0x3c
const TRANSLATION = 0x04

const contextOf = (state: HypState, cpu: PhysicalCpu): HostCallContext => {
  const data = hostDataOf(state.host)
  return {
    pkvm: state.pkvm,
    cpu: cpu.index,
    hostMemcache: (pages) => data.memcache(state.vcpus.get(pages)!.hostVcpu),
    faultPage: (pages) => {
      const { esr, hpfar } = state.vcpus.get(pages)!.state.fault
      return EC_ABORTS.has(esr >>> 26) && (esr & FSC_TYPE) === TRANSLATION ? Number(hpfar >> 4n) : undefined
    },
    handBack: (pages) => data.handBack(pages)
  }
}

const initVmCall = (cpu: PhysicalCpu, state: HypState): Outcome => {
  const [vm, area, tables] = argumentsOf(cpu)
  const field = (which: keyof typeof VM_FIELD): bigint => readField(cpu, vm, VM_FIELD[which])
  const handle = (): number => Number(BigInt.asUintN(16, field("handle")))
  const createdVcpus = (): number => Number(field("createdVcpus"))
  const outcome = initVm(state.pkvm, {
    hostVm: { address: physicalOf(vm), bytes: STRUCTURE_BYTES },
    get createdVcpus() {
      return createdVcpus()
    },
    get handle() {
      return handle()
    },
    get protected() {
      return field("isProtected") !== 0n
    },
    get area() {
      return { address: physicalOf(area), bytes: hypVmBytes(createdVcpus()) }
    },
    tables: { address: physicalOf(tables), bytes: FIRST_TABLE_BYTES }
  })
  if (outcome === undefined) stage2Of(state, handle())!.vmid = vmidOf(handle())
  return outcome
}
const stage2Of = (state: HypState, handle: number): RealGuestStage2 | undefined =>
  vmByHandle(state.pkvm.vms, handle)?.stage2 as RealGuestStage2 | undefined

const initVcpuCall = (cpu: PhysicalCpu, state: HypState): Outcome => {
  const [handleRegister, vcpu, area] = argumentsOf(cpu)
  const handle = Number(BigInt.asUintN(16, handleRegister))
  const field = (which: keyof typeof VCPU_FIELD): bigint => readField(cpu, vcpu, VCPU_FIELD[which])
  const index = (): number => Number(field("index"))
  let made: ReturnType<typeof newHypVcpu> | undefined
  const outcome = initVcpu(state.pkvm, {
    handle,
    hostVcpu: { address: physicalOf(vcpu), bytes: STRUCTURE_BYTES },
    get index() {
      return index()
    },
    area: { address: physicalOf(area), bytes: hypVcpuBytes },
    check: (vm) => {
      const hostVcpu = hostDataOf(state.host).vcpuAt(physicalOf(vcpu))
      if (!hostVcpu || hostVcpu.features === undefined) return "EINVAL"
      made = newHypVcpu(hostVcpu, index(), vm.protected)
      return initHypVcpu((name) => state.idRegisters.get(name)!, made)
    },
    // only what hyp code will use of it
    get sve() {
      return made?.state.fp.sve ? { address: physicalOf(field("sveBuffer")), bytes: Number(field("sveBytes")) } : undefined
    }
  })
  const pages = vmByHandle(state.pkvm.vms, handle)?.vcpus[made?.index ?? -1]
  if (outcome === undefined && made && pages) state.vcpus.set(pages, { ...made, pages })
  return outcome
}

const afterwards: Readonly<Record<number, (cpu: PhysicalCpu, state: HypState) => bigint>> = {
  [HostCall.pkvm_prot_finalize]: (cpu, state) => done(protFinalize(cpu, state)),
  [HostCall.kvm_vcpu_run]: (cpu, state) => {
    const vcpu = loadedHypVcpu(state, cpu)
    return BigInt(runHypVcpu(cpu, vcpu, state.host.features.sme))
  },
  [HostCall.kvm_tlb_flush_vmid]: (cpu) => {
    forgetDescribed(cpu, cpu.pe.x[1]!)
    return 0n
  },
  [HostCall.kvm_flush_cpu_context]: (cpu) => {
    forgetDescribedHere(cpu, cpu.pe.x[1]!)
    return 0n
  },
  [HostCall.pkvm_init_vm]: (cpu, state) => done(initVmCall(cpu, state)),
  [HostCall.pkvm_init_vcpu]: (cpu, state) => done(initVcpuCall(cpu, state)),
  [HostCall.pkvm_vcpu_load]: (cpu, state) => {
    const [handle, index, hcr] = argumentsOf(cpu)
    const before = loadedHypVcpu(state, cpu)
    ownershipCall(contextOf(state, cpu), HostCall.pkvm_vcpu_load, [handle, index, hcr, 0n])
    const vcpu = loadedHypVcpu(state, cpu)
    if (!vcpu || before) return handle
    loadHypVcpu(vcpu, hcr)
    forgetOthers(cpu, state, vcpu)
    return handle
  },
  [HostCall.pkvm_finalize_teardown_vm]: (cpu, state) => {
    const args = argumentsOf(cpu)
    const used = stage2Of(state, Number(BigInt.asUintN(16, args[0])))?.pagesInUse() ?? []
    const result = ownershipCall(contextOf(state, cpu), HostCall.pkvm_finalize_teardown_vm, args)!
    if (result === 0n) for (const pfn of used) state.lost.set(pfn, (state.lost.get(pfn) ?? 0) + 1)
    return result
  },
  [HostCall.pkvm_tlb_flush_vmid]: (cpu, state) => {
    const stage2 = stage2Of(state, Number(BigInt.asUintN(16, cpu.pe.x[1]!)))
    if (stage2) forgetGuest(cpu, state.pkvm.hostStage2.vtcr, stage2)
    return cpu.pe.x[1]!
  },
  [HostCall.vgic_v3_save_aprs]: (cpu) => interruptState(cpu, HostCall.vgic_v3_save_aprs),
  [HostCall.vgic_v3_restore_vmcr_aprs]: (cpu) => interruptState(cpu, HostCall.vgic_v3_restore_vmcr_aprs)
}
/** Without an interrupt controller in the VM there is nothing to move; the kernel calls all the same. */
const interruptState = (cpu: PhysicalCpu, call: number): bigint => (cpu.loaded?.vm.vgic && HOST_CALLS.get(call)?.(cpu, cpu.pe.x[1]!)) ?? cpu.pe.x[1]!
/** Another vCPU of the VM ran here last: its translations are not this one's. */
const forgetOthers = (cpu: PhysicalCpu, state: HypState, { pages: { vm }, index }: HypVcpu): void => {
  const ran = state.lastRan.get(cpu) ?? new Map<HypVm, number>()
  state.lastRan.set(cpu, ran)
  if ((ran.get(vm) ?? index) !== index) forgetGuest(cpu, state.pkvm.hostStage2.vtcr, vm.stage2 as RealGuestStage2)
  ran.set(vm, index)
}
const pageCall =
  (call: number): HostCallHandler =>
  (cpu) => {
    return ownershipCall(contextOf(hypStateOn(cpu), cpu), call, argumentsOf(cpu))
  }
/** What is asked before hyp code has data of its own. */
const early: Readonly<Record<number, (cpu: PhysicalCpu) => bigint>> = {
  [HostCall.kvm_hyp_init]: (cpu) => {
    kvmHypInit(cpu, hypStateOn(cpu).host)
    return 0n
  },
  [HostCall.pkvm_init]: (cpu) => done(pkvmInit(cpu, hostDataOf(cpu).host, Number(cpu.pe.x[1]), Number(cpu.pe.x[2]))),
  [HostCall.pkvm_cpu_set_vector]: (cpu) => (cpu.pe.x[1]! < VECTOR_SLOTS ? 0n : errnoRegister("EINVAL"))
}

const answer = (call: number): HostCallHandler | undefined => {
  const after = afterwards[call]
  if (after) return (cpu) => after(cpu, hypStateOn(cpu))
  if (early[call]) return early[call]
  return Object.values<number>(PageCall).includes(call) ? pageCall(call) : HOST_CALLS.get(call)
}
/** Refuses what does not belong to the time, and reports the pages that changed hands. */
const guarded =
  (call: number, handler: HostCallHandler): HostCallHandler =>
  (cpu, argument) => {
    const initialised = hypStateOf(hostDataOf(cpu).host)?.initialised ?? false
    if (initialised ? call < FIRST_AFTER : call >= END_BEFORE) return undefined
    const result = orPanic(cpu, () => handler(cpu, argument))
    const state = hypStateOf(hostDataOf(cpu).host)
    if (cpu.events.listening) state?.records.report(cpu, "host", (HostCall[call] ?? String(call)).replace(/^pkvm_/, ""))
    return result
  }

export const PKVM_CALLS: HostCallTable = new Map(
  Array.from({ length: END }, (_, call) => [call, answer(call)] as const).flatMap(([call, handler]) =>
    handler ? [[call, guarded(call, handler)] as const] : []
  )
)
