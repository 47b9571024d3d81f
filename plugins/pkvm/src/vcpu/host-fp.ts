/**
 * The host's FP registers while a guest uses them. The host kernel has saved its own beforehand, as in every mode; but hyp code does not rely on
 * that: at each run the registers are the host's, their state goes to memory of hyp code's own when a guest first needs them, and comes back at the
 * exit.
 */
import {
  type FpMemory,
  fpMemory,
  guestName,
  type Host,
  lengthField,
  loadScalable,
  type PhysicalCpu,
  SLOT,
  saveScalable,
  sveBytes,
  type Vcpu
} from "@eltwo/kvm"
import { type ByteRange, PAGE_BYTES } from "../ownership/page-state.ts"

const FPSIMD = "fpsimd"
/** Where vectors begin in a buffer; V, FPSR and FPCR are before them. */
const VECTORS_AT = 1024
const NO_VECTORS = 0

interface HostFp {
  readonly range: ByteRange
  readonly memory: FpMemory
  /** Host's ZCR_EL1. */
  zcr: bigint
  /** Largest vector length of the host, in bytes; 0 without SVE. */
  readonly vl: number
}
const buffers = new WeakMap<PhysicalCpu, HostFp>()

/**
 * Makes a buffer for each CPU, of the host's largest vector length; gives their pages, which are hyp code's from now on. Throws RangeError when RAM
 * is too small.
 */
export const createHostFp = (host: Host): readonly ByteRange[] => {
  const vl = host.features.sve ? (host.features.sveVls.at(-1) ?? NO_VECTORS) : NO_VECTORS
  const bytes = Math.ceil((VECTORS_AT + (vl ? sveBytes(vl) : 0)) / PAGE_BYTES) * PAGE_BYTES
  return host.cpus.map((cpu) => {
    const address = host.pages.allocate(bytes)
    if (address === undefined) throw new RangeError("RAM is too small for hyp code")
    const view = host.pages.view(address, bytes)
    const empty = fpMemory(`hyp-host${cpu.index + 1}`, { sve: vl, sme: 0 })
    const memory: FpMemory = {
      ...empty,
      fpsimd: view.subarray(0, empty.fpsimd.length),
      sve: vl ? view.subarray(VECTORS_AT, VECTORS_AT + sveBytes(vl)) : null
    }
    const range = { address, bytes }
    buffers.set(cpu, { range, memory, zcr: 0n, vl })
    return range
  })
}
/** Where a CPU's buffer is. */
export const hostFpMemory = (cpu: PhysicalCpu): ByteRange => bufferOf(cpu).range
const bufferOf = (cpu: PhysicalCpu): HostFp => {
  const found = buffers.get(cpu)
  if (!found) throw cpu.bug("Hyp code has no memory for the host's FP state")
  return found
}
const zcrName = ({ mode }: Host): string => guestName("ZCR_EL1", mode.registers)

/** In the guest's FP trap, all registers open. FPMR is kept only where the guest could change it. */
export const saveHostFp = (cpu: PhysicalCpu, { vm }: Vcpu, hasFpmr: boolean): void => {
  const buffer = bufferOf(cpu)
  const { memory, vl } = buffer
  vm.host.pages.writes(memory.fpsimd)
  if (memory.sve) vm.host.pages.writes(memory.sve)
  if (vl) {
    buffer.zcr = cpu.readMain(zcrName(vm.host))
    cpu.writeMain("ZCR_EL2", lengthField(vl))
    saveScalable(cpu, memory, { vl, ffr: true })
  } else cpu.save(FPSIMD, memory.name, memory.fpsimd)
  if (hasFpmr) memory.fpmr = cpu.readMain("FPMR")
}

/** After the run, the host's trap word written but not yet in force: the guest's registers to its memory, and the host's back. */
export const switchFpToHost = (cpu: PhysicalCpu, vcpu: Vcpu, hasFpmr: boolean): void => {
  if (cpu.fpOwner !== "guest") return
  const buffer = bufferOf(cpu)
  cpu.isb()
  saveGuestFp(cpu, vcpu, buffer.vl)
  if (hasFpmr) vcpu.fp.fpmr = cpu.readMain("FPMR")
  const { memory, vl, zcr } = buffer
  if (vl) {
    cpu.writeMain("ZCR_EL2", lengthField(vl))
    loadScalable(cpu, memory, { vl, ffr: true })
    cpu.writeMain(zcrName(vcpu.vm.host), zcr)
  } else cpu.load(FPSIMD, memory.name, memory.fpsimd)
  if (hasFpmr) cpu.writeMain("FPMR", memory.fpmr)
  cpu.fpOwner = "host"
}
const saveGuestFp = (cpu: PhysicalCpu, { fp, system, vm }: Vcpu, hostVl: number): void => {
  const { sve: vl } = fp.vl
  if (!vl) {
    cpu.save(FPSIMD, fp.name, fp.fpsimd)
    return
  }
  system[SLOT.ZCR_EL1] = cpu.readMain(zcrName(vm.host))
  if (cpu.readMain("ZCR_EL2") !== lengthField(vl)) cpu.writeMain("ZCR_EL2", lengthField(vl))
  if (fp.sve) vm.host.pages.writes(fp.sve)
  saveScalable(cpu, fp, { vl, ffr: true })
  fp.fpType = "SVE"
  cpu.writeMain("ZCR_EL2", lengthField(hostVl))
}
