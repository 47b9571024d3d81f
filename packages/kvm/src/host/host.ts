/** The modelled host: a Linux kernel with KVM on the processing elements of a board, in the mode a plugin gives. */
import { type Board, PAGE_BYTES, type RunOptions } from "@eltwo/cpu"
import { Account } from "../account.ts"
import { type Crash, Crashed } from "../crash.ts"
import type { Errno } from "../errno.ts"
import { EventStream, type Listener } from "../events.ts"
import { ERA_H, type FpHooks } from "../fp.ts"
import { type GuestLists, guestLists } from "../guest-context.ts"
import { type TrapWords, trapWords } from "../hyp/trap-words.ts"
import { MODE_API_VERSION, type Mode } from "../mode.ts"
import { type SystemRegisterTable, systemRegisterTable } from "../system-registers.ts"
import { Vm } from "../vm.ts"
import { AddressSpace, kernelTables, linear, type Permissions } from "./address-space.ts"
import { enableKernelSpace, initialiseEl2 } from "./boot.ts"
import { PhysicalCpu } from "./cpu.ts"
import { type CpuFeatures, cpuFeatures } from "./cpu-features.ts"
import { preempt, runUser, type UserStop } from "./entry.ts"
import { flushTaskState } from "./fpstate.ts"
import type { TableMemory } from "./page-tables.ts"
import { PhysicalPages } from "./physical-pages.ts"
import { Scheduler } from "./scheduler.ts"
import { type HostFile, Task } from "./task.ts"
import { defaultLengths, probeVectorLengths } from "./vector-lengths.ts"
import { vmmIoctl, vmmTask } from "./vmm-task.ts"

export interface HostOptions {
  /** A board with its processing elements in reset, and RAM for the host and all its guests. */
  readonly board: Board
  readonly mode: Mode
  /** How host and guests run, as for cpu's run(). */
  readonly engine?: RunOptions["engine"]
}
const PROTECTED = 1n << 31n
const IPA_SIZE = 0xffn
const DEFAULT_IPA_BITS = 40
const SMALLEST_IPA_BITS = 32
const ANY_REQUEST = 0
const ASID_SHIFT = 48n

export class Host {
  readonly board: Board
  readonly mode: Mode
  readonly hooks: FpHooks = ERA_H
  readonly pages: PhysicalPages
  readonly tables: TableMemory
  readonly features: CpuFeatures
  readonly cpus: readonly PhysicalCpu[]
  readonly account = new Account()
  /** Which thread runs on which CPU, and when; see Scheduler. */
  readonly scheduler = new Scheduler(this)
  /** MIDR_EL1 of the first CPU, which guests see. */
  readonly midr: bigint
  readonly trapWords: TrapWords
  readonly guestLists: GuestLists
  readonly systemRegisters: SystemRegisterTable
  /** Addresses of the kernel's and hyp code's exception vectors, as VBAR holds them. */
  readonly vectors: bigint
  readonly guestVectors: bigint
  /** The thread that calls KVM through this interface: a real program at EL0 whose system calls the methods of Vm and Vcpu make. */
  readonly vmm: Task
  /** Set once the kernel has crashed: nothing runs any more. */
  crash: Crash | undefined
  /** What runs guests and programs with: may be changed between runs. */
  run: Omit<RunOptions, "instructions">

  readonly #events = new EventStream()
  #tableMapOn = false
  #nextTask = 1
  #nextVm = 1
  #nextVmid = 1
  #nextAsid = 1

  /** Throws RangeError when the mode or the machine do not fit: another version of the mode contract, no FEAT_VHE for a mode that needs it, too little RAM. */
  constructor({ board, mode, engine }: HostOptions) {
    if (mode.apiVersion !== MODE_API_VERSION)
      throw new RangeError(`Mode ${mode.name} is written for mode API ${mode.apiVersion}; this is ${MODE_API_VERSION}`)
    this.board = board
    this.mode = mode
    this.run = engine ? { engine } : {}
    this.pages = new PhysicalPages(board)
    this.cpus = board.pes.map((pe) => new PhysicalCpu(pe, this.#events, this.account))
    const boot = this.cpus[0]!
    const { machine } = boot.pe.controls
    this.features = cpuFeatures((register) => (machine.registerByName.has(register) ? boot.read(register) : 0n), probeVectorLengths(boot))
    if (mode.e2h && !this.features.vhe) throw new RangeError(`Mode ${mode.name} needs FEAT_VHE`)
    this.midr = boot.read("MIDR_EL1")
    this.trapWords = trapWords(machine, mode.trapSpelling)
    this.guestLists = guestLists(this.features, mode.registers)
    this.systemRegisters = systemRegisterTable(machine, this.features, boot)
    this.tables = this.#tableMemory(boot)
    const vectors = this.#page()
    this.vectors = linear(vectors)
    this.guestVectors = linear(vectors + PAGE_BYTES / 2)
    this.#kernel = {
      root: kernelTables(this.tables, this.#page(), board.ram.base, board.ram.bytes).root,
      emptyRoot: this.#page(),
      vectors
    }
    for (const cpu of this.cpus) {
      cpu.hostEl = mode.hostEl
      cpu.features = this.features
      cpu.mode = mode
      this.startCpu(cpu)
    }
    this.#tableMapOn = true
    mode.finalize?.(this)
    this.vmm = vmmTask(this)
    this.caller = this.vmm
    preempt(boot, this.vmm)
  }
  /** A CPU that comes out of reset becomes one that runs the kernel, with nothing else to do. */
  startCpu(cpu: PhysicalCpu): void {
    const { root, emptyRoot, vectors } = this.#kernel
    initialiseEl2(cpu, this.features)
    this.mode.init(cpu, this)
    enableKernelSpace(cpu, this.features, root, emptyRoot, vectors)
    cpu.idle ??= new Task(0, new AddressSpace(this.tables, emptyRoot, 0), undefined, `swapper/${cpu.index}`)
    cpu.current = cpu.idle
  }

  /** Everything that happens from now on; the result stops it. */
  subscribe(listener: Listener): () => void {
    return this.#events.subscribe(listener)
  }

  /** KVM_CREATE_VM. `type`: IPA size in bits 7:0 (0: 40), bit 31 for a protected VM. */
  createVm({ type = 0n }: { readonly type?: bigint } = {}): Vm | Errno {
    const { vms } = this.mode
    const ipaBits = Number(type & IPA_SIZE) || DEFAULT_IPA_BITS
    if (type & ~(IPA_SIZE | PROTECTED)) return "EINVAL"
    if (type & PROTECTED && !vms?.protectedVms) return "EINVAL"
    if (ipaBits < SMALLEST_IPA_BITS || ipaBits > this.features.physicalBits) return "EINVAL"
    return Vm.create(this, this.#nextVm++, vms?.ipaBits(this) ?? ipaBits, (type & PROTECTED) !== 0n)
  }
  /** A host program's process: an empty address space and no files. */
  createTask(): Task | Errno {
    const root = this.tables.allocate()
    if (root === undefined) return "ENOMEM"
    const task = new Task(this.#nextTask++, new AddressSpace(this.tables, root, this.#nextAsid++))
    task.fp.vl = defaultLengths(this.features)
    return task
  }
  /** Gives a program memory at a user address (page aligned), beginning with `content`; the result is a view of it. */
  mapMemory(task: Task, address: number, content: Uint8Array, permissions: Permissions): Uint8Array | Errno | Crash {
    return this.inKernel(() => {
      const bytes = Math.max(1, Math.ceil(content.length / PAGE_BYTES)) * PAGE_BYTES
      const physical = this.pages.allocate(bytes)
      if (physical === undefined) return "ENOMEM"
      const problem = task.space.map(address, physical, bytes, permissions)
      if (problem) {
        this.pages.free(physical, bytes)
        return problem
      }
      task.pages.push({ physical, bytes })
      this.board.write(physical, content)
      return this.pages.view(physical, bytes)
    })
  }
  /** Takes a program's memory back. It must not run any more. */
  destroyTask(task: Task): Crash | undefined {
    return this.inKernel(() => {
      task.ended ??= { status: 0 }
      flushTaskState(task)
      task.space.tables.destroy()
      this.pages.free(task.space.tables.root, PAGE_BYTES)
      for (const { physical, bytes } of task.pages.splice(0)) this.pages.free(physical, bytes)
      this.cpus[0]!.sys("tlbi aside1is", BigInt(task.space.asid) << ASID_SHIFT)
      return undefined
    })
  }
  /** The VMM thread's ioctl on one of its descriptors: from EL0 into the kernel and back. */
  ioctl(descriptor: number, request: number): Crash | undefined {
    return this.guard(() => {
      vmmIoctl(this, this.cpus[0]!, descriptor, request)
      return undefined
    })
  }
  /** Runs kernel code in a system call of the VMM thread. */
  inKernel<T>(code: () => T): T | Crash {
    return this.guard(() => {
      let result: { readonly value: T } | undefined
      const file: HostFile = {
        ioctl: () => {
          result = { value: code() }
          return 0
        }
      }
      const descriptor = this.vmm.open(file)
      vmmIoctl(this, this.cpus[0]!, descriptor, ANY_REQUEST)
      this.vmm.files.delete(descriptor)
      return result!.value
    })
  }
  /** Gives a program the (first) CPU for at most `instructions`, until it ends, waits for an interrupt that cannot come, or its time is up. */
  runTask(task: Task, instructions: number): UserStop | Crash {
    return this.guard(() => {
      if (task.ended) return "ended"
      const cpu = this.cpus[0]!
      preempt(cpu, task)
      return runUser(this, cpu, instructions)
    })
  }
  /** VMIDs are not reused: 16 bits of them outlast any run of this model. */
  allocateVmid(): number | undefined {
    const limit = this.features.vmid16 ? 0x10000 : 0x100
    return this.#nextVmid < limit ? this.#nextVmid++ : undefined
  }

  /** Runs kernel code; a crash in it becomes a value, and the host's end. */
  guard<T>(code: () => T): T | Crash {
    if (this.crash) return this.crash
    try {
      return code()
    } catch (error) {
      if (!(error instanceof Crashed)) throw error
      this.crash = error.crash
      return error.crash
    }
  }

  #page(): number {
    const page = this.pages.allocate(PAGE_BYTES)
    if (page === undefined) throw new RangeError("RAM is too small for the host kernel")
    return page
  }
  /** Tables are read and written by the kernel's own loads and stores: physically until its MMU is on, then through its linear map. */
  #tableMemory(cpu: PhysicalCpu): TableMemory {
    const address = (physical: number): bigint => (this.#tableMapOn ? linear(physical) : BigInt(physical))
    return {
      allocate: () => this.pages.allocate(PAGE_BYTES),
      free: (page) => this.pages.free(page, PAGE_BYTES),
      read: (physical) => cpu.load64(address(physical)),
      write: (physical, descriptor) => cpu.store64(address(physical), descriptor)
    }
  }
}

/** Boots the modelled host. */
export const createHost = (options: HostOptions): Host => new Host(options)
