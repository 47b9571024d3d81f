/**
 * What attacks are made on: a protected host with a protected VM that has a secret (the victim), a second protected VM, and an ordinary one.
 * Everything that must not change is described as text, so that an attack can be seen to have changed nothing.
 */
import { type Board, createBoard } from "@eltwo/cpu"
import {
  createHost,
  type Host,
  hostState,
  type Mode,
  PageTables,
  type PhysicalCpu,
  type RunExit,
  restoreHost,
  Task,
  type Vcpu,
  VcpuFeature,
  type Vm
} from "@eltwo/kvm"
import { type Base, protectedMode } from "@eltwo/plugin-pkvm"
import { handleHostTrap } from "../../packages/kvm/src/nvhe/host-call.ts"
import { tableProblems, tablesInMemory } from "../../plugins/pkvm/src/check-tables.ts"
import { hostSideOf } from "../../plugins/pkvm/src/host/side.ts"
import { PKVM_CALLS } from "../../plugins/pkvm/src/hyp/calls.ts"
import type { RealGuestStage2 } from "../../plugins/pkvm/src/hyp/guest-stage2.ts"
import { ADDRESS, protIn, VALID } from "../../plugins/pkvm/src/hyp/leaves.ts"
import { type HypState, hypStateOf } from "../../plugins/pkvm/src/hyp/state.ts"
import { guestStateIn, ownerIn, POISONED_DESCRIPTOR } from "../../plugins/pkvm/src/ownership/descriptors.ts"
import { PKVM_ERRNO } from "../../plugins/pkvm/src/ownership/errno.ts"
import type { HypVm } from "../../plugins/pkvm/src/ownership/hyp-vm.ts"
import { vmByHandle } from "../../plugins/pkvm/src/ownership/vm-table.ts"
import { hostFpMemory } from "../../plugins/pkvm/src/vcpu/host-fp.ts"
import { ownerName, protName, stateName } from "../../plugins/pkvm/test/world.ts"
import { assemble, isa, ok, program, RAM } from "../../plugins/vhe/test/machine.ts"

export const PAGE = 4096
export const RAM_BYTES = 8 << 20
/** Guest-physical addresses: code, the victim's secret, what it shares with the host, its vectors, no memory. */
export const GUEST = {
  code: 0x40000000,
  vectors: 0x40001000,
  secret: 0x40004000,
  shared: 0x40005000,
  unused: 0x4000a000,
  device: 0x09000000
} as const
const GUEST_BYTES = 0x10000
export const SECRET = 0x5ec2_e75e_c2e7_5ec2n
const PROTECTED = 1n << 31n
const FIRST_CALL = 0xc6000000n
/** Numbers of the host's hypercalls, as an attacker knows them. */
export const C = {
  PROT_FINALIZE: 7,
  VCPU_RUN: 9,
  HOST_SHARE_HYP: 29,
  HOST_UNSHARE_HYP: 30,
  HOST_DONATE_GUEST: 31,
  HOST_SHARE_GUEST: 32,
  HOST_UNSHARE_GUEST: 33,
  HOST_RELAX_PERMS_GUEST: 34,
  HOST_WRPROTECT_GUEST: 35,
  HOST_TEST_CLEAR_YOUNG_GUEST: 36,
  HOST_MKYOUNG_GUEST: 37,
  RESERVE_VM: 38,
  UNRESERVE_VM: 39,
  INIT_VM: 40,
  INIT_VCPU: 41,
  VCPU_IN_POISON_FAULT: 42,
  FORCE_RECLAIM_GUEST_PAGE: 43,
  RECLAIM_DYING_GUEST_PAGE: 44,
  START_TEARDOWN_VM: 45,
  FINALIZE_TEARDOWN_VM: 46,
  VCPU_LOAD: 47,
  VCPU_PUT: 48,
  TLB_FLUSH_VMID: 49
} as const
export const gfnOf = (address: number): number => address / PAGE

export const movs = (register: string, value: bigint): string =>
  [0, 16, 32, 48]
    .map((shift, i) => `${i === 0 ? "movz" : "movk"} ${register}, #0x${((value >> BigInt(shift)) & 0xffffn).toString(16)}, lsl #${shift}`)
    .join("\n")
/** Instructions that make a hypercall with these registers. */
export const hypercall = (...values: readonly bigint[]): string => [...values.map((value, i) => movs(`x${i}`, value)), "hvc #0"].join("\n")

/** Writes its secret, shares another page with the host, then reports the secret for ever. */
const VICTIM = `
  ${movs("x9", BigInt(GUEST.device))}
  ${movs("x10", BigInt(GUEST.secret))}
  ${movs("x11", SECRET)}
  str x11, [x10]
  ${hypercall(0xc6000003n, BigInt(GUEST.shared), 0n, 0n)}
  str x0, [x9]
again:
  ldr x12, [x10]
  str x12, [x9, #8]
  b =again`
/** Writes to its page, then reports it for ever. */
const BYSTANDER = `
  ${movs("x9", BigInt(GUEST.device))}
  ${movs("x10", BigInt(GUEST.secret))}
  mov x11, #7
  str x11, [x10]
again:
  ldr x12, [x10]
  str x12, [x9, #8]
  b =again`

export interface Place {
  readonly gfn: number
  readonly pfn: number
}
export interface AttackedVm {
  readonly vm: Vm
  readonly vcpu: Vcpu
  readonly handle: number
  /** The page at GUEST.secret. */
  readonly page: Place
}
export interface GuestOptions {
  /** As for KVM_CREATE_VM: a protected VM unless said. */
  readonly type?: bigint
  /** KVM_RUN calls, and instructions in each. */
  readonly runs?: number
  readonly instructions?: number
}
const UNDEFINED = 0x0200_0000n
/** An answer of hyp code: an errno by its name, a number, or that there is no such call. */
export type Answer = string

export class World {
  readonly host: Host
  readonly state: HypState
  /** A protected VM whose page at GUEST.secret has SECRET, and which shares GUEST.shared with the host. */
  readonly victim: AttackedVm & { readonly shared: Place }
  /** Another protected VM. */
  readonly other: AttackedVm
  /** An ordinary VM, whose pages are on loan from the host. */
  readonly ordinary: AttackedVm

  /** `saved`: one that this one is restored from, of the same base and as many CPUs. */
  constructor(base: Base = "hvhe", cpus = 1, board: Board = createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES, pes: cpus }), saved?: World) {
    const mode = protectedMode(base)
    this.host = saved ? restored(saved.host, board, mode) : createHost({ board, mode })
    this.state = hypStateOf(this.host)!
    if (saved) {
      const here = <T extends AttackedVm>(of: T): T => ({ ...of, vm: this.host.vms.get(of.vm.id)!, vcpu: this.host.vms.get(of.vm.id)!.vcpus[0]! })
      this.victim = here(saved.victim)
      this.other = here(saved.other)
      this.ordinary = here(saved.ordinary)
      return
    }
    const victim = this.newVm(VICTIM, PROTECTED)
    const shared = ((exit) => exit)(victim.vcpu.run(10_000))
    if (typeof shared === "string" || shared.reason !== "mmio" || shared.value !== 0n)
      throw new Error(`The victim does not share: ${JSON.stringify(shared, (_, v) => (typeof v === "bigint" ? String(v) : v))}`)
    victim.vcpu.run(10_000)
    this.victim = { ...victim, page: this.place(victim.handle, GUEST.secret), shared: this.place(victim.handle, GUEST.shared) }
    const bystander = (type: bigint): AttackedVm => {
      const made = this.newVm(BYSTANDER, type)
      made.vcpu.run(10_000)
      return { ...made, page: this.place(made.handle, GUEST.secret) }
    }
    this.other = bystander(PROTECTED)
    this.ordinary = bystander(0n)
  }
  get cpu(): PhysicalCpu {
    return this.host.cpus[0]!
  }
  /** A VM about to execute `source`, its vectors reporting ESR_EL1 by HLT #9. */
  newVm(source: string, type: bigint = PROTECTED): Omit<AttackedVm, "page"> {
    const vm = ok(this.host.createVm({ type }))
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST.code, bytes: GUEST_BYTES }))
    const report = assemble("mrs x20, esr_el1\nmrs x21, elr_el1\nmrs x22, far_el1\nhlt #9", GUEST.vectors + 0x200)
    for (const [address, bytes] of [
      [GUEST.code, assemble(source, GUEST.code)],
      [GUEST.vectors + 0x200, report]
    ] as const) {
      const problem = vm.write(address, bytes)
      if (problem) throw new Error(problem)
    }
    const vcpu = ok(vm.createVcpu(0))
    const refused = vcpu.init({ features: 1 << VcpuFeature.PSCI_0_2 })
    if (refused) throw new Error(refused)
    vcpu.registers.pc = BigInt(GUEST.code)
    return { vm, vcpu, handle: hostSideOf(this.host).vms.get(vm)!.handle }
  }
  /** Where a guest's page is. */
  place(handle: number, address: number): Place {
    const descriptor = this.descriptor(vmByHandle(this.state.pkvm.vms, handle)!, address)
    if (!(descriptor & VALID)) throw new Error(`0x${address.toString(16)} of VM 0x${handle.toString(16)} is not mapped`)
    return { gfn: gfnOf(address), pfn: Number(descriptor & ADDRESS) / PAGE }
  }
  /** The descriptor of a guest's page as it lies in memory. */
  descriptor({ stage2 }: HypVm, address: number): bigint {
    const refuse = (): never => {
      throw new Error("only read")
    }
    const read = (at: number): bigint => this.host.board.physical.doubleword(at) ?? 0n
    const memory = { allocate: refuse, free: refuse, write: refuse, read }
    return new PageTables(memory, (stage2 as RealGuestStage2).root, 0, this.host.features.physicalBits).entry(address).descriptor
  }
  /** Pages of the host's own that nobody else has. */
  hostPages(count = 1, alignment = PAGE): number {
    const address = this.host.pages.allocate(count * PAGE, alignment)
    if (address === undefined) throw new Error("no memory")
    return address / PAGE
  }
  freePages(pfn: number, count = 1): void {
    this.host.pages.free(pfn * PAGE, count * PAGE)
  }
  /** A page of hyp code's own, the structure of the victim's VM that hyp code has pinned, and pages that are no RAM: behind it, and a device. */
  get hypPage(): number {
    return this.state.pool.pfn + 1
  }
  get pinnedPage(): number {
    return Math.floor(hostSideOf(this.host).vms.get(this.victim.vm)!.structure / PAGE)
  }
  /** More of hyp code's memory: its vCPU of the victim, a table of the victim's, and where it keeps the host's FP registers. */
  get hypVcpuPage(): number {
    return this.#victimVm.vcpus[0]!.area.address / PAGE
  }
  get tablePage(): number {
    return (this.#victimVm.stage2 as RealGuestStage2).root / PAGE
  }
  get fpBuffer(): number {
    return hostFpMemory(this.cpu).address / PAGE
  }
  get #victimVm(): HypVm {
    return vmByHandle(this.state.pkvm.vms, this.victim.handle)!
  }
  readonly behindRam = (RAM + RAM_BYTES) / PAGE
  readonly devicePage = gfnOf(GUEST.device)

  /** The kernel's hypercall with these arguments, on a CPU. */
  call(id: number, ...args: readonly (number | bigint)[]): Answer {
    return this.callOn(this.cpu, id, ...args)
  }
  callOn(cpu: PhysicalCpu, id: number, ...args: readonly (number | bigint)[]): Answer {
    const make = (): Answer => {
      const { x } = cpu.pe
      x[0] = FIRST_CALL + BigInt(id)
      x.fill(0n, 1, 8)
      for (const [i, value] of args.entries()) x[1 + i] = BigInt.asUintN(64, BigInt(value))
      cpu.hvc()
      handleHostTrap(cpu, PKVM_CALLS)
      return x[0] === 0n ? named(x[1]!) : "NOT_SUPPORTED"
    }
    const answer = cpu === this.cpu ? this.host.inKernel(make) : this.host.guard(make)
    return typeof answer === "string" ? answer : answer.message
  }
  /** Something the host's kernel does with a vCPU loaded. */
  loaded(vm: Pick<AttackedVm, "handle">, act: () => Answer): Answer {
    this.call(C.VCPU_LOAD, vm.handle, 0, 0)
    const answer = act()
    this.call(C.VCPU_PUT)
    return answer
  }
  /** A load or store of the host's kernel, by the linear map: the value, or that the kernel did not survive it. */
  kernelAccess(access: (cpu: PhysicalCpu) => bigint | undefined): Answer {
    const result = this.host.inKernel(() => ({ value: access(this.cpu) }))
    return "trail" in result ? "oops" : result.value === undefined ? "stored" : `0x${result.value.toString(16)}`
  }
  /** A program whose page at 0x600000 the host's kernel has mapped to a physical page: what it loads or how it ends. */
  programAccess(pfn: number, access = "ldr x0, [x9]"): Answer {
    const { task } = program(this.host, `movz x9, #0x60, lsl #16\n${access}\nmov x8, #94\nsvc #0`)
    this.host.inKernel(() => task.space.map(0x600000, pfn * PAGE, PAGE, { write: true, execute: true }))
    this.host.runTask(task, 1000)
    const ended = task instanceof Task ? task.ended : undefined
    const answer = ended && "signal" in ended ? ended.signal : `ended ${ended?.status}`
    this.host.destroyTask(task)
    return answer
  }
  /** One run of a vCPU, as words. */
  run({ vcpu }: Pick<AttackedVm, "vcpu">, instructions = 10_000): Answer {
    return exitName(vcpu.run(instructions))
  }
  /**
   * What a guest of its own comes to that executes `source` and then stops, its vectors reporting exceptions: X0, or the exception, or the exit.
   * The VM ends afterwards and its memory is the host's again.
   */
  guest(source: string, { type = PROTECTED, runs = 1, instructions = 5000 }: GuestOptions = {}): Answer {
    const guest = this.newVm(`${movs("x19", BigInt(GUEST.vectors))}\nmsr vbar_el1, x19\nisb\n${source}\nhlt #1`, type)
    let exit = ""
    for (let i = 0; i < runs; i++) exit = this.run(guest, instructions)
    const { x } = guest.vcpu.registers
    if (exit === "hlt 1") exit = BigInt.asIntN(64, x[0]!).toString()
    if (exit === "hlt 9") exit = x[20] === UNDEFINED ? "UNDEFINED" : `ESR 0x${x[20]!.toString(16)}`
    const crash = guest.vm.destroy()
    return crash ? `crash: ${crash.message}` : exit
  }
  /** Bytes of a page, whoever has it. */
  bytesOf(pfn: number): Uint8Array {
    return this.host.board.physical.read(pfn * PAGE, PAGE)!
  }
  valueAt(pfn: number): bigint {
    return new DataView(this.bytesOf(pfn).slice().buffer).getBigUint64(0, true)
  }

  /** Who has what: every page that is not of hyp code's pool, and everything that VMs map. What tables have been made on demand does not matter. */
  facts(): ReadonlyMap<string, string> {
    const { pkvm, pool } = this.state
    const { records, vms } = pkvm
    const { host: hostTables } = tablesInMemory(this.state)
    const facts = new Map<string, string>()
    const owner = (pfn: number): string => ownerName(ownerIn(hostTables.entry(pfn * PAGE).descriptor))
    const first = RAM / PAGE
    for (let pfn = first; pfn < first + RAM_BYTES / PAGE; pfn++) {
      if (pfn >= pool.pfn && pfn < pool.pfn + pool.pages) continue
      const host = stateName(records.hostState(pfn))
      const hyp = stateName(records.hypState(pfn))
      const usual = host === "OWNED" && hyp === "NOPAGE" && records.refcount(pfn) === 0 && records.shareCount(pfn) === 0
      if (usual) continue
      facts.set(
        `page 0x${pfn.toString(16)}`,
        `host ${host}, hyp ${hyp}, pins ${records.refcount(pfn)}, loans ${records.shareCount(pfn)}, owner ${owner(pfn)}`
      )
    }
    for (const [index, slot] of vms.slots.entries()) {
      if (slot === undefined) continue
      facts.set(
        `vm ${index}`,
        slot === "reserved" ? "reserved" : `dying ${slot.dying}, vCPUs ${slot.vcpus.map((v) => (v ? `on ${v.loadedOn}` : "none")).join()}`
      )
      if (slot === "reserved") continue
      for (const address of guestPages()) {
        const d = this.descriptor(slot, address)
        const leaf = `${stateName(guestStateIn(d))} ${protName(protIn(d))} at 0x${(d & ADDRESS).toString(16)}`
        facts.set(`vm ${index} page 0x${address.toString(16)}`, d & VALID ? leaf : d === POISONED_DESCRIPTOR ? "poison" : "nothing")
      }
    }
    return facts
  }
  /** What is wrong: tables that disagree with the records, a secret that somebody changed, a victim that does not run. Empty is well. */
  problems(): readonly string[] {
    const problems = [...tableProblems(this.host)]
    if (this.valueAt(this.victim.page.pfn) !== SECRET) problems.push("the secret is another")
    const exit = this.run(this.victim)
    if (exit !== REPORTS_SECRET) problems.push(`the victim: ${exit}`)
    return problems
  }
}
/** The same host once more, on a board of its own. */
const restored = (host: Host, board: Board, mode: Mode): Host => {
  const state = hostState(host, { sealed: true })
  const again = "busy" in state ? state.busy : restoreHost(state, { board, mode, memory: host.board.physical.contents() })
  if (typeof again === "string") throw new Error(again)
  return again
}
const guestPages = (): readonly number[] => Array.from({ length: GUEST_BYTES / PAGE }, (_, i) => GUEST.code + i * PAGE)
const REPORTS_SECRET = `mmio 0x${(GUEST.device + 8).toString(16)} := 0x${SECRET.toString(16)}`

const ERRNO_NAMES = new Map<bigint, string>(Object.entries(PKVM_ERRNO).map(([name, value]) => [-BigInt(value), name]))
const named = (register: bigint): string => {
  const signed = BigInt.asIntN(64, register)
  return ERRNO_NAMES.get(signed) ?? signed.toString()
}
export const exitName = (exit: RunExit | string): string => {
  if (typeof exit === "string") return exit
  if (exit.reason === "mmio") return `mmio 0x${exit.physical.toString(16)} ${exit.isWrite ? `:= 0x${exit.value.toString(16)}` : "read"}`
  if (exit.reason === "debug") return `hlt ${exit.immediate}`
  if (exit.reason === "crash") return `crash: ${exit.crash.message}`
  return exit.reason
}
