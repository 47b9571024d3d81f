/**
 * Small guests that report what they see by stores to a device page, and hosts to run them on. A guest is a source in this folder behind prelude.inc; its
 * first lines say what it needs: `// needs: sve fpmr vcpus=2`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { attachJit, createBoard } from "@eltwo/cpu"
import { assemble, base, composeOrThrow, type Machine, toFlat } from "@eltwo/isa"
import {
  type AfterRun,
  createHost,
  DEVICE_TYPE,
  type Errno,
  type Host,
  IRQ_TYPE,
  isErrno,
  type Mode,
  type RunExit,
  type Vcpu,
  VcpuFeature,
  VGIC_ADDRESS,
  VGIC_CTRL,
  VGIC_GROUP,
  type VgicDevice,
  type Vm
} from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"

const folder = fileURLToPath(new URL(".", import.meta.url))
export const GUEST_RAM = 0x40000000
const GUEST_BYTES = 1 << 20
const DEVICE = 0x09000000
const HOST_RAM = 0x80000000
/** The device register that sets the line of a shared interrupt: number << 1 | level. */
const IRQ_REGISTER = 100 * 8
/** What every device register reads as. */
const DEVICE_VALUE = 0x1122334455667788n

/** A store to a device page: which vCPU's page, which register (8 bytes each), what. */
export type Report = `${number}:${string} ${string}`
export interface VmGuest {
  readonly name: string
  readonly needs: ReadonlySet<string>
  readonly vcpus: number
  readonly image: Uint8Array
}
export const isa: Machine = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const prelude = readFileSync(`${folder}prelude.inc`, "utf8")

/** A guest's image by its file name without .s. */
export const vmGuest = (name: string): VmGuest => guestOf(name, readFileSync(`${folder}${name}.s`, "utf8"))
/** The same of a source. */
export const guestOf = (name: string, source: string): VmGuest => {
  const needs = new Set(/^\/\/ needs: (.*)$/m.exec(source)?.[1]?.split(" ") ?? [])
  const vcpus = Number([...needs].find((need) => need.startsWith("vcpus="))?.slice(6) ?? 1)
  const { assembly, problems } = assemble(`${prelude}\n${source}`, { isa, origin: GUEST_RAM })
  if (problems) {
    const first = prelude.split("\n").length
    throw new Error(problems.map(({ line, message, text }) => `${name}.s:${line - first}: ${message} in '${text}'`).join("\n"))
  }
  return { name, needs, vcpus, image: toFlat(assembly) }
}
export const vmGuests = (): readonly VmGuest[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".s"))
    .sort()
    .map((file) => vmGuest(file.slice(0, -2)))

export interface HostChoice {
  readonly mode: Mode
  readonly engine: "interp" | "jit"
  readonly cpus?: number
  readonly machine?: Machine
}
const PLAIN_BOARD = { ramBase: HOST_RAM, ramBytes: 48 << 20 } as const
export const HOST_BOARD = { ...PLAIN_BOARD, vectorLengths: [128, 256, 512], streamingVectorLengths: [128, 256] } as const
/** A host whose processor has SVE of 16 to 64 bytes and SME of 16 and 32. */
export const bootHost = ({ mode, engine, cpus = 1, machine = isa }: HostChoice): Host => {
  const board = createBoard({ ...(machine === isa ? HOST_BOARD : PLAIN_BOARD), isa: machine, pes: cpus })
  if (engine === "jit") attachJit(board)
  return createHost({ board, mode, engine })
}
/** The result of a call that must succeed. */
const must = <T>(result: T): Exclude<T, string | undefined> => {
  if (result === undefined || isErrno(result)) throw new Error(`A call failed: ${String(result)}`)
  return result as never
}

/** A VM that was restored, and what its guest had reported. */
export interface RestoredGuest {
  readonly vm: Vm
  readonly reports: readonly Report[]
  readonly end: string | undefined
}
/** A guest in a VM of its own, and what it has reported so far. */
export class RunningGuest {
  readonly vm: Vm
  readonly vcpus: readonly Vcpu[]
  readonly reports: Report[] = []
  /** How it ended. */
  end: string | undefined

  constructor(host: Host, guest: VmGuest | RestoredGuest, type = 0n) {
    if ("vm" in guest) {
      this.vm = guest.vm
      this.vcpus = guest.vm.vcpus.flatMap((vcpu) => vcpu ?? [])
      this.reports.push(...guest.reports)
      this.end = guest.end
      return
    }
    const { image, needs, vcpus } = guest
    this.vm = must(host.createVm({ type }))
    must(this.vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: GUEST_BYTES }))
    const problem = this.vm.write(GUEST_RAM, image)
    if (problem) throw new Error(problem)
    this.vcpus = Array.from({ length: vcpus }, (_, id) => must(this.vm.createVcpu(id)))
    const scalable = needs.has("sve")
    const controller = needs.has("vgic") ? this.#interruptController() : undefined
    for (const [id, vcpu] of this.vcpus.entries()) {
      const off = id > 0 ? 1 << VcpuFeature.POWER_OFF : 0
      const features = (1 << VcpuFeature.PSCI_0_2) | off | (scalable ? 1 << SVE : 0)
      const refused = vcpu.init({ features }) ?? (scalable ? vcpu.finalize(SVE) : undefined)
      if (refused) throw new Error(refused)
      vcpu.registers.pc = BigInt(GUEST_RAM)
      vcpu.registers.x[20] = BigInt(id)
    }
    const uninitialised = controller?.setAttribute(VGIC_GROUP.CTRL, VGIC_CTRL.INIT, 0n)
    if (uninitialised) throw new Error(uninitialised)
  }
  #interruptController(): VgicDevice {
    const controller = must(this.vm.createDevice(DEVICE_TYPE.VGIC_V3))
    const refused =
      controller.setAttribute(VGIC_GROUP.ADDR, VGIC_ADDRESS.V3_DIST, 0x08000000n) ??
      controller.setAttribute(VGIC_GROUP.ADDR, VGIC_ADDRESS.V3_REDIST, 0x080a0000n)
    if (refused) throw new Error(refused)
    return controller
  }
  /** One KVM_RUN of a vCPU, and the answer to its exit. */
  step(instructions: number, which = 0): RunExit["reason"] {
    const exit = this.vcpus[which]!.run(instructions)
    this.#answer(exit, which)
    return isErrno(exit) ? "unknown" : exit.reason
  }
  /** Gives each vCPU a thread of the host's scheduler. */
  schedule(host: Host): this {
    for (const [which, vcpu] of this.vcpus.entries()) host.scheduler.spawnVcpu(vcpu, (exit) => this.afterRun(exit, which))
    return this
  }
  /** User space of a vCPU's thread. */
  afterRun(exit: RunExit | Errno, which: number): AfterRun {
    this.#answer(exit, which)
    return this.end === undefined ? "run" : "stop"
  }
  #answer(exit: RunExit | Errno, which: number): void {
    if (isErrno(exit)) {
      this.end = exit
      return
    }
    switch (exit.reason) {
      case "mmio":
        if (exit.isWrite) this.#report(exit)
        else this.vcpus[which]!.setMmioData(BigInt.asUintN(8 * exit.bytes, DEVICE_VALUE))
        break
      case "systemEvent":
        this.end = `systemEvent ${exit.type}`
        break
      case "intr":
      case "stopped":
        break
      case "wfi":
        // another vCPU may wake it
        if (this.vcpus.length === 1) this.end = exit.reason
        break
      case "crash":
        this.end = `${exit.crash.kind}: ${exit.crash.message}`
        break
      default:
        this.end = exit.reason
    }
  }
  /** Turns of `slice` instructions for each vCPU that is on, until the VM ends. */
  run(slice = 1000, turns = 20_000): this {
    for (let turn = 0; this.end === undefined; turn++) {
      if (turn === turns) {
        this.end = "did not end"
        break
      }
      for (let i = 0; i < this.vcpus.length && this.end === undefined; i++) if (this.vcpus[i]!.mpState === "runnable") this.step(slice, i)
    }
    return this
  }
  /** What it reported, by vCPU: how those of two vCPUs interleave is not the guest's to see. */
  result(): { readonly end: string | undefined; readonly reports: readonly string[] } {
    return { end: this.end, reports: [...this.reports].sort((a, b) => Number(a.split(":")[0]) - Number(b.split(":")[0])) }
  }
  #report({ physical, bytes, value }: Extract<RunExit, { reason: "mmio" }>): void {
    const at = physical - DEVICE
    if ((at & 0xfff) === IRQ_REGISTER)
      must(this.vm.setIrqLine({ type: IRQ_TYPE.SPI, vcpu: 0, number: Number(value >> 1n), level: (value & 1n) === 1n }) ?? true)
    const which = bytes === 8 && at % 8 === 0 ? String((at & 0xfff) / 8) : `+${at & 0xfff}/${bytes}`
    this.reports.push(`${at >> 12}:${which} 0x${value.toString(16)}`)
  }
}
/** KVM_ARM_VCPU_SVE. */
const SVE = 4
