/**
 * A small virtual machine monitor, ported line by line: test/conformance/kvm-program.c is the program for Linux, this is the same for eltwo. Functions have the
 * same names and stand in the same order; each prints the same lines. An ioctl becomes a method, its structure the arguments, and -1 with errno the errno.
 *
 *   npx tsx examples/kvm-program.ts [MODE]
 */
import {
  Capability,
  DEVICE_GROUP,
  ERRNO,
  type Errno,
  type Host,
  isErrno,
  KVM_RUN,
  type MemoryRegion,
  type MpState,
  type RunExit,
  type Vcpu,
  VcpuFeature,
  type Vm
} from "@eltwo/kvm"

const RAM = 0x4000_0000
const DEVICE = 0x0900_0000
const PAGE = 4096
const CORE = (word: number): bigint => 0x6030000000100000n + BigInt(word)
const PC = CORE(0x40)
const PSTATE = CORE(0x42)
const SYS = (op0: number, op1: number, CRn: number, CRm: number, op2: number): bigint =>
  0x6030000000130000n | BigInt((op0 << 14) | (op1 << 11) | (CRn << 7) | (CRm << 3) | op2)
const FIRMWARE = (n: number): bigint => 0x6030000000140000n + BigInt(n)
const BITMAP = (n: number): bigint => 0x6030000000160000n + BigInt(n)
const V0 = 0x6040000000100054n
const Z0 = 0x6080000000150000n
const VLS = 0x606000000015ffffn
const PSCI = 1 << VcpuFeature.PSCI_0_2
const SVE = 1 << VcpuFeature.SVE

/** A guest to run: kvm-program.c reads the same from a file. */
export interface Guest {
  readonly name: string
  readonly image: Uint8Array
  readonly vcpus: number
  readonly ramPages: number
  readonly sve: boolean
  /** They have PSCI 0.1 only. */
  readonly oldPsci: boolean
  /** KVM_CAP_ARM_NISV_TO_USER; a read-only page at READ_ONLY_AT; dirty pages are logged and reported. */
  readonly nisv: boolean
  readonly readOnlyPage: boolean
  readonly log: boolean
  /** Calls 0xc6000000..3 are forwarded, 0xc7000000 is denied. */
  readonly filter: boolean
}

export const kvmProgram = (kvm: Host, guests: readonly Guest[], say: (line: string) => void): void => {
  /** A call and its answer. */
  const call = <T>(name: string, result: T | Errno): T => {
    say(isErrno(result) ? `call ${name}: -${ERRNO[result]}` : `call ${name}: ok`)
    return result as T
  }
  const hex = (value: bigint | number): string => (BigInt(value) === 0n ? "0" : `0x${BigInt(value).toString(16)}`)

  // ---- the machine ------------------------------------------------------------
  const create_vm = (type: bigint): Vm => kvm.createVm({ type }) as Vm
  const set_memory = (vm: Vm, slot: number, gpa: number, size: number, flags: { readonly readonly?: boolean; readonly logDirty?: boolean } = {}) =>
    vm.setMemoryRegion({ slot, guestPhysical: gpa, bytes: size, ...flags }) as MemoryRegion | Errno
  const new_vcpu = (vm: Vm, id: number, features: number): Vcpu => {
    const vcpu = vm.createVcpu(id) as Vcpu
    if (features) vcpu.init({ features })
    return vcpu
  }
  const value_of = (vcpu: Vcpu, id: bigint): bigint => {
    const value = vcpu.getOneReg(id)
    return isErrno(value) ? 0n : value
  }
  const set_events = (vcpu: Vcpu, pending: boolean, has_esr: boolean, abort: boolean, esr: bigint, reserved: number): Errno | undefined =>
    vcpu.setEvents({ serrorPending: pending, serrorHasEsr: has_esr, serrorEsr: esr, extDabtPending: abort, reserved })
  const set_mp_state = (vcpu: Vcpu, state: number): Errno | undefined => {
    const names: Readonly<Record<number, MpState>> = { 0: "runnable", 5: "stopped", 10: "suspended" }
    return vcpu.setMpState(names[state] ?? (`${state}` as MpState))
  }
  const set_filter = (vm: Vm, base: number, count: number, action: number): Errno | undefined =>
    vm.setSmcccFilter({ base, count }, (["handle", "deny", "forward"] as const)[action] ?? (`${action}` as "deny"))
  const irq_line = (vm: Vm, type: number, vcpu: number, number: number, level: number): Errno | undefined =>
    vm.setIrqLine({ type, vcpu, number, level: level !== 0 })
  const set_reg = (vcpu: Vcpu, id: bigint, value: bigint): Errno | undefined => vcpu.setOneReg(id, value)
  const get_reg = (vcpu: Vcpu, id: bigint): bigint | Errno => vcpu.getOneReg(id)
  const ioctl = (vcpu: Vcpu, request: number, argument = 0n): Errno | undefined => {
    const result = vcpu.file.ioctl!(request, argument)
    return result < 0 ? (Object.keys(ERRNO) as Errno[]).find((name) => ERRNO[name] === -result)! : undefined
  }

  // ---- what the kernel offers --------------------------------------------------
  const capabilities = (): void => {
    const vm = create_vm(0n)
    for (let number = 0; number < 256; number++) {
      const system = kvm.checkExtension(number)
      const machine = vm.checkExtension(number)
      if (system !== 0 || machine !== 0) say(`cap ${number}: ${system} ${machine}`)
    }
    call("api version", kvm.apiVersion === 12 ? undefined : "EINVAL")
    const target = call("preferred target", vm.preferredTarget())
    say(`target: ${target.target} ${target.features}`)
    vm.destroy()
  }

  // ---- calls, most of them wrong ------------------------------------------------
  const memory_calls = (): void => {
    const vm = create_vm(0n)
    call("memory of 100 bytes", set_memory(vm, 0, RAM, 100))
    call("memory at an odd address", set_memory(vm, 0, RAM + 1, PAGE))
    call("memory slot 40000", set_memory(vm, 40000, RAM, PAGE))
    call("delete a slot that is not there", set_memory(vm, 0, 0, 0))
    call("memory beyond the IPA size", set_memory(vm, 5, 2 ** 52 - PAGE, 2 * PAGE))
    call("memory whose end wraps", set_memory(vm, 5, 2 ** 64 - PAGE, 2 * PAGE))
    call("memory", set_memory(vm, 0, RAM, 16 * PAGE))
    call("resize a slot", set_memory(vm, 0, RAM, 8 * PAGE))
    call("make a slot read-only", set_memory(vm, 0, RAM, 16 * PAGE, { readonly: true }))
    call("overlap a slot", set_memory(vm, 1, RAM + 8 * PAGE, 16 * PAGE))
    call("move a slot", set_memory(vm, 0, RAM + 64 * PAGE, 16 * PAGE))
    call("log of a slot without one", vm.getDirtyLog(0))
    call("log of no slot", vm.getDirtyLog(7))
    call("log of slot 40000", vm.getDirtyLog(40000))
    call("begin to log", set_memory(vm, 0, RAM + 64 * PAGE, 16 * PAGE, { logDirty: true }))
    call("log", vm.getDirtyLog(0))
    call("clear without the capability", vm.clearDirtyLog({ slot: 0, firstPage: 0, pages: 16 }))
    call("manual protection with a wrong flag", vm.enableCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, { argument: 4n }))
    call("manual protection", vm.enableCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, { argument: 1n }))
    call("clear from page 1", vm.clearDirtyLog({ slot: 0, firstPage: 1, pages: 15 }))
    call("clear 3 pages", vm.clearDirtyLog({ slot: 0, firstPage: 0, pages: 3 }))
    call("clear beyond the slot", vm.clearDirtyLog({ slot: 0, firstPage: 64, pages: 64 }))
    call("clear to the end", vm.clearDirtyLog({ slot: 0, firstPage: 0, pages: 16 }))
    call("stop logging", set_memory(vm, 0, RAM + 64 * PAGE, 16 * PAGE))
    call("log after that", vm.getDirtyLog(0))
    call("delete a slot", set_memory(vm, 0, 0, 0))
    vm.destroy()
  }
  const creation_calls = (): void => {
    call("create type bit 9", kvm.createVm({ type: 1n << 9n }))
    call("create type 0x7f00", kvm.createVm({ type: 0x7f00n }))
    call("create IPA size 31", kvm.createVm({ type: 31n }))
    call("create IPA size 200", kvm.createVm({ type: 200n }))
    const vm = create_vm(0n)
    call("vcpu id 100000", vm.createVcpu(100_000))
    call("vcpu id 512", vm.createVcpu(512))
    const vcpu = call("vcpu id 0", vm.createVcpu(0))
    call("vcpu id 0 again", vm.createVcpu(0))
    call("run before init", vcpu.run())
    call("run with an argument", ioctl(vcpu, KVM_RUN, 1n))
    call("get pc before init", get_reg(vcpu, PC))
    call("finalize before init", vcpu.finalize(VcpuFeature.SVE))
    call("list before init", vcpu.getRegList())
    call("events before init", set_events(vcpu, false, false, false, 0n, 0))
    call("stopped before init", set_mp_state(vcpu, 5))
    call("init target 0x7777", vcpu.init({ target: 0x7777, features: PSCI }))
    call("init feature bit 9", vcpu.init({ features: 1 << 9 }))
    call("init feature bit 31", vcpu.init({ features: 2 ** 31 }))
    call("init one half of pointer authentication", vcpu.init({ features: 1 << 5 }))
    call("init with EL2", vcpu.init({ features: 1 << 7 }))
    call("init", vcpu.init({ features: PSCI }))
    call("init with POWER_OFF too", vcpu.init({ features: PSCI | 1 }))
    call("init with other features", vcpu.init({ features: 0 }))
    call("init another vCPU with other features", (vm.createVcpu(1) as Vcpu).init({ features: 0 }))
    call("finalize feature 0", vcpu.finalize(0))
    call("finalize SVE without it", vcpu.finalize(VcpuFeature.SVE))
    call("get Z0 without SVE", get_reg(vcpu, Z0))
    call("get vector lengths without SVE", get_reg(vcpu, VLS))
    call("MTE after a vCPU", vm.enableCapability(Capability.ARM_MTE))
    call("NISV with flags", vm.enableCapability(Capability.ARM_NISV_TO_USER, { flags: 1 }))
    call("NISV", vm.enableCapability(Capability.ARM_NISV_TO_USER))
    call("an unknown capability", vm.enableCapability(9999))
    call("writable implementation registers after a vCPU", vm.enableCapability(Capability.ARM_WRITABLE_IMP_ID_REGS))
    vm.destroy()
  }
  const sve_calls = (): void => {
    const vm = create_vm(0n)
    const vcpu = vm.createVcpu(0) as Vcpu
    const beyond = (1n << 512n) - 1n
    call("init with SVE", vcpu.init({ features: PSCI | SVE }))
    call("run with SVE not finalized", vcpu.run())
    call("list with SVE not finalized", vcpu.getRegList())
    call("get Z0 with SVE not finalized", get_reg(vcpu, Z0))
    const lengths = call("get vector lengths", get_reg(vcpu, VLS))
    say(`vector lengths: ${isErrno(lengths) ? lengths : hex(lengths)}`)
    call("set vector lengths with a hole", set_reg(vcpu, VLS, 5n))
    call("set no vector lengths", set_reg(vcpu, VLS, 0n))
    call("set vector lengths beyond the host's", set_reg(vcpu, VLS, beyond))
    call("finalize", vcpu.finalize(VcpuFeature.SVE))
    call("finalize again", vcpu.finalize(VcpuFeature.SVE))
    call("set vector lengths after that", set_reg(vcpu, VLS, isErrno(lengths) ? 1n : lengths))
    call("get Z0", get_reg(vcpu, Z0))
    call("get Z0 slice 1", get_reg(vcpu, Z0 + 1n))
    call("get V0 with SVE", get_reg(vcpu, V0))
    call("get ZCR_EL1", get_reg(vcpu, SYS(3, 0, 1, 2, 0)))
    vm.destroy()
  }
  const register_calls = (): void => {
    let vm = create_vm(0n)
    let vcpu = new_vcpu(vm, 0, PSCI)
    const isar0 = SYS(3, 0, 0, 6, 0)
    const pfr0 = SYS(3, 0, 0, 4, 0)
    const pfr1 = SYS(3, 0, 0, 4, 1)
    const ctr = SYS(3, 3, 0, 0, 1)
    call("list too small", vcpu.getRegList(3))
    call("get an id of another architecture", get_reg(vcpu, 0x4030000000100000n))
    call("get pc as 32 bits", get_reg(vcpu, 0x6020000000100040n))
    call("get X0 at half", get_reg(vcpu, CORE(1)))
    call("get a core register past the end", get_reg(vcpu, CORE(0x200)))
    call("get an unknown coprocessor", get_reg(vcpu, 0x6030000000770000n))
    call("get an unknown system register", get_reg(vcpu, 0x603000000013ffffn))
    call("get a system register as 32 bits", get_reg(vcpu, 0x602000000013c080n))
    call("get SVCR", get_reg(vcpu, 0x603000000013da12n))
    call("set PSTATE EL3h", set_reg(vcpu, PSTATE, 0x3cdn))
    call("set PSTATE EL2h", set_reg(vcpu, PSTATE, 0x3c9n))
    call("set PSTATE of AArch32 svc", set_reg(vcpu, PSTATE, 0x1d3n))
    call("set PSTATE EL0t", set_reg(vcpu, PSTATE, 0x3c0n))
    call("set PSTATE EL1h", set_reg(vcpu, PSTATE, 0x3c5n))
    call("PSCI 0.1 with the feature", set_reg(vcpu, FIRMWARE(0), 1n))
    call("PSCI 2.0", set_reg(vcpu, FIRMWARE(0), 0x20000n))
    call("PSCI 1.1", set_reg(vcpu, FIRMWARE(0), 0x10001n))
    call("PSCI 1.3", set_reg(vcpu, FIRMWARE(0), 0x10003n))
    call("workaround level 7", set_reg(vcpu, FIRMWARE(1), 7n))
    call("firmware register 4", get_reg(vcpu, FIRMWARE(4)))
    call("bitmap beyond", set_reg(vcpu, BITMAP(3), 4n))
    call("bitmap 9", get_reg(vcpu, BITMAP(9)))
    call("ISAR0 above the host's", set_reg(vcpu, isar0, value_of(vcpu, isar0) | (0xfn << 20n)))
    call("ISAR0 with atomics taken away", set_reg(vcpu, isar0, value_of(vcpu, isar0) & ~(0xfn << 20n)))
    call("PFR0 without EL0", set_reg(vcpu, pfr0, value_of(vcpu, pfr0) & ~0xfn))
    call("PFR0 with SVE", set_reg(vcpu, pfr0, value_of(vcpu, pfr0) | (1n << 32n)))
    call("PFR1 with SME", set_reg(vcpu, pfr1, value_of(vcpu, pfr1) | (1n << 24n)))
    call("MIDR", set_reg(vcpu, SYS(3, 0, 0, 0, 0), 0n))
    call("CTR_EL0 reserved L1Ip", set_reg(vcpu, ctr, value_of(vcpu, ctr) & ~(3n << 14n)))
    call("mp state 7", set_mp_state(vcpu, 7))
    call("mp state suspended", set_mp_state(vcpu, 10))
    call("mp state runnable", set_mp_state(vcpu, 0))
    call("events with a reserved byte", set_events(vcpu, false, false, false, 0n, 1))
    call("events with a syndrome beyond ISS", set_events(vcpu, true, true, false, 1n << 25n, 0))
    call("events with a syndrome and nothing pending", set_events(vcpu, false, true, false, 1n << 25n, 0))
    call("debug control bit 2", vcpu.setGuestDebug(4))
    call("debug off", vcpu.setGuestDebug(0))
    call("KVM_GET_REGS", ioctl(vcpu, 0x8360ae81))
    call("KVM_GET_FPU", ioctl(vcpu, 0x81a0ae8c))
    call("unknown call of a vCPU", ioctl(vcpu, 0xae7f))
    call("IRQ line 2 of a vCPU", irq_line(vm, 0, 0, 2, 1))
    call("IRQ line of vCPU 9", irq_line(vm, 0, 9, 0, 1))
    call("SPI without a controller", irq_line(vm, 1, 0, 40, 1))
    call("PPI without a controller", irq_line(vm, 2, 0, 20, 1))
    call("IRQ line of type 3", irq_line(vm, 3, 0, 0, 1))
    call("IRQ line off", irq_line(vm, 0, 0, 0, 0))
    call("counter offset with a reserved word", vm.setCounterOffset({ offset: 0n, reserved: 1n }))
    call("counter offset", vm.setCounterOffset({ offset: 0n }))
    call("has timer attribute 0", vcpu.hasAttribute(DEVICE_GROUP.TIMER_CTRL, 0))
    call("has timer attribute 9", vcpu.hasAttribute(DEVICE_GROUP.TIMER_CTRL, 9))
    call("timer PPI without a controller", vcpu.setAttribute(DEVICE_GROUP.TIMER_CTRL, 0, 27))
    call("has PMU attribute", vcpu.hasAttribute(DEVICE_GROUP.PMU_V3_CTRL, 1))
    call("has attribute of group 77", vcpu.hasAttribute(77, 0))
    call("VM has the filter", vm.hasAttribute(DEVICE_GROUP.SMCCC_CTRL, 0))
    call("VM has attribute 5 of the filter", vm.hasAttribute(DEVICE_GROUP.SMCCC_CTRL, 5))
    call("filter of nothing", set_filter(vm, 0xc6000000, 0, 2))
    call("filter that wraps", set_filter(vm, 0xffffffff, 2, 2))
    call("filter action 3", set_filter(vm, 0xc6000000, 1, 3))
    call("filter of architecture calls", set_filter(vm, 0x8000ffff, 1, 1))
    call("filter", set_filter(vm, 0xc6000000, 4, 2))
    call("filter again", set_filter(vm, 0xc6000003, 4, 1))
    call("device of type 99", vm.createDevice(99))
    call("run with immediate exit", vcpu.run(undefined, { immediateExit: true }))
    call("filter after a run", set_filter(vm, 0xc7000000, 1, 1))
    call("ISAR0 after a run", set_reg(vcpu, isar0, value_of(vcpu, isar0) | (0xfn << 20n)))
    call("ISAR0 after a run, the same", set_reg(vcpu, isar0, value_of(vcpu, isar0)))
    call("bitmap after a run", set_reg(vcpu, BITMAP(3), 3n))
    call("bitmap after a run, the same", set_reg(vcpu, BITMAP(3), 0n))
    call("PSCI 1.0 after a run", set_reg(vcpu, FIRMWARE(0), 0x10000n))
    call("a vCPU after a run", vm.createVcpu(1))
    set_events(vcpu, false, false, true, 0n, 0)
    say(`after an external abort: pc ${hex(value_of(vcpu, PC))} esr ${hex(value_of(vcpu, SYS(3, 0, 5, 2, 0)))}`)
    set_events(vcpu, true, true, false, 0x123n, 0)
    const events = vcpu.getEvents()
    if (!isErrno(events)) say(`events: ${+events.serrorPending} ${+events.serrorHasEsr} ${+events.extDabtPending} ${hex(events.serrorEsr)}`)
    vm.destroy()
    vm = create_vm(0n)
    vcpu = new_vcpu(vm, 0, 1 << VcpuFeature.POWER_OFF)
    call("PSCI 0.2 without the feature", set_reg(vcpu, FIRMWARE(0), 2n))
    call("PSCI 0.1 without the feature", set_reg(vcpu, FIRMWARE(0), 1n))
    vm.destroy()
  }
  /** Every register of the list: id, first word of its value, and whether it takes its own value. */
  const list_registers = (): void => {
    const vm = create_vm(0n)
    const vcpu = new_vcpu(vm, 0, PSCI)
    const list = vcpu.getRegList()
    for (const id of isErrno(list) ? [] : list) {
      const value = vcpu.getOneReg(id)
      const refused = isErrno(value) || vcpu.setOneReg(id, value) !== undefined
      say(`reg ${hex(id)}: ${hex(isErrno(value) ? 0n : BigInt.asUintN(64, value))}${refused ? " refused" : ""}`)
    }
    const masks = call("writable masks", vm.writableMasks())
    if (!isErrno(masks)) for (const [i, mask] of masks.entries()) if (mask !== 0n) say(`mask ${i}: ${hex(mask)}`)
    call("writable masks of range 1", vm.writableMasks(1))
    vm.destroy()
  }

  // ---- guests -------------------------------------------------------------------
  const TAG_SERROR = 507
  const TAG_ABORT = 508
  const TAG_IRQ = 509
  const TAG_SWITCH = 510
  const TAG_END = 511
  const MAX_EXITS = 40000
  const READ_ANSWER = 0x8182838485868788n
  const READ_ONLY_AT = 0x5000_0000
  /** Stands for the alarm: instructions a run may take. */
  const ALARM = 5_000_000
  interface Machine {
    readonly guest: Guest
    readonly vm: Vm
    readonly vcpus: readonly Vcpu[]
    current: number
    ended: number
  }
  /** The next vCPU that has not ended, or the same. */
  const next_vcpu = (m: Machine): void => {
    for (let i = 1; i <= m.guest.vcpus; i++) {
      const other = (m.current + i) % m.guest.vcpus
      if (!(m.ended & (1 << other))) {
        m.current = other
        return
      }
    }
  }
  /** One exit. False: the VM is over. */
  const handle_exit = (m: Machine, run: RunExit): boolean => {
    const { name } = m.guest
    const cpu = m.current
    const vcpu = m.vcpus[cpu]!
    switch (run.reason) {
      case "mmio": {
        if (!run.isWrite) {
          vcpu.setMmioData(READ_ANSWER)
          say(`guest ${name} ${cpu} read ${hex(run.physical)} ${run.bytes}`)
          return true
        }
        if (run.physical < DEVICE || run.physical >= DEVICE + PAGE || run.bytes !== 8) {
          say(`guest ${name} ${cpu} write ${hex(run.physical)} ${run.bytes} ${hex(run.value)}`)
          return true
        }
        const tag = Math.floor((run.physical - DEVICE) / 8)
        if (tag === TAG_END) {
          m.ended |= 1 << cpu
          say(`guest ${name} ${cpu} end`)
          next_vcpu(m)
          return m.ended !== (1 << m.guest.vcpus) - 1
        }
        if (tag === TAG_SWITCH) next_vcpu(m)
        else if (tag === TAG_IRQ) irq_line(m.vm, 0, cpu, 0, Number(run.value))
        else if (tag === TAG_ABORT) set_events(vcpu, false, false, true, 0n, 0)
        else if (tag === TAG_SERROR) set_events(vcpu, true, run.value !== 0n, false, run.value, 0)
        else say(`guest ${name} ${cpu} ${tag} ${hex(run.value)}`)
        return true
      }
      case "systemEvent":
        say(`guest ${name} ${cpu} event ${run.type} ${run.data.length} ${hex(run.data[0] ?? 0n)}`)
        return false
      case "hypercall":
        say(`guest ${name} ${cpu} call ${hex(run.nr)} ${hex(run.smc ? 1 : 0)}`)
        set_reg(vcpu, CORE(0), 0x600dn)
        return true
      case "nisv":
        say(`guest ${name} ${cpu} nisv ${hex(run.iss)} ${hex(run.physical)}`)
        set_reg(vcpu, PC, value_of(vcpu, PC) + 4n)
        return true
      case "debug":
        // HLT is for a debugger outside of the machine, which the real one does not have
        vcpu.refuseHalt()
        return true
      default:
        say(`guest ${name} ${cpu} exit ${run.reason}`)
        return false
    }
  }
  const report_log = (m: Machine, when: string): void => {
    const log = m.vm.getDirtyLog(0)
    if (!(log instanceof Uint8Array)) return
    for (let page = 0; page < m.guest.ramPages; page++) if (log[page >> 3]! & (1 << (page & 7))) say(`guest ${m.guest.name} dirty ${when} ${page}`)
  }
  const run_guest = (guest: Guest): void => {
    const vm = create_vm(0n)
    set_memory(vm, 0, RAM, guest.ramPages * PAGE)
    vm.write(RAM, guest.image)
    if (guest.readOnlyPage) set_memory(vm, 1, READ_ONLY_AT, PAGE, { readonly: true })
    if (guest.nisv) vm.enableCapability(Capability.ARM_NISV_TO_USER)
    if (guest.filter) {
      set_filter(vm, 0xc6000000, 4, 2)
      set_filter(vm, 0xc7000000, 1, 1)
    }
    const problems: (Errno | undefined)[] = []
    const vcpus: Vcpu[] = []
    for (let i = 0; i < guest.vcpus; i++) {
      const vcpu = vm.createVcpu(i) as Vcpu
      problems.push(vcpu.init({ features: (guest.oldPsci ? 0 : PSCI) | (guest.sve ? SVE : 0) | (i > 0 ? 1 : 0) }))
      if (guest.sve) problems.push(vcpu.finalize(VcpuFeature.SVE))
      problems.push(set_reg(vcpu, PC, BigInt(RAM)))
      vcpus.push(vcpu)
    }
    if (guest.log) set_memory(vm, 0, RAM, guest.ramPages * PAGE, { logDirty: true })
    const m: Machine = { guest, vm, vcpus, current: 0, ended: 0 }
    const problem = problems.find((p) => p !== undefined)
    if (problem !== undefined) say(`guest ${guest.name} refused ${ERRNO[problem]}`)
    let level = 0
    for (let exits = 0; problem === undefined && exits < MAX_EXITS; exits++) {
      const run = vcpus[m.current]!.run(ALARM)
      if (isErrno(run) || run.reason === "intr" || run.reason === "wfi" || run.reason === "stopped") {
        const errno = isErrno(run) ? ERRNO[run] : ERRNO.EINTR
        if (!isErrno(run) && run.reason === "intr" && run.deviceIrqLevel !== level) {
          level = run.deviceIrqLevel
          say(`guest ${guest.name} ${m.current} interrupts ${level}`)
          continue
        }
        say(`guest ${guest.name} ${m.current} errno ${errno}`)
        break
      }
      if (!handle_exit(m, run)) break
    }
    const last = vcpus[m.current]!
    if (problem === undefined) say(`guest ${guest.name} pc ${hex(value_of(last, PC))} pstate ${hex(value_of(last, PSTATE))}`)
    if (guest.log) {
      report_log(m, "first")
      report_log(m, "again")
    }
    vm.destroy()
  }

  capabilities()
  creation_calls()
  memory_calls()
  sve_calls()
  register_calls()
  list_registers()
  for (const guest of guests) run_guest(guest)
  say("done")
}
