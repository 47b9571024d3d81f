/** The modelled host: a Linux kernel with KVM on the processing elements of a board, in the mode a plugin gives. */
import { type Board, PAGE_BYTES, passTime, type RunOptions, virtualTime } from "@eltwo/cpu"
import { Account } from "../account.ts"
import { API_VERSION, checkExtension } from "../capabilities.ts"
import { type Crash, Crashed } from "../crash.ts"
import type { Errno } from "../errno.ts"
import { EventStream, type Listener } from "../events.ts"
import { kvmPartProblem } from "../extension-check.ts"
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
import { preempt, runUser, scheduleIn, type UserStop } from "./entry.ts"
import { flushTaskState } from "./fpstate.ts"
import type { TableMemory } from "./page-tables.ts"
import { PhysicalPages } from "./physical-pages.ts"
import { Scheduler, type SchedulerOptions } from "./scheduler.ts"
import { type HostFile, Task } from "./task.ts"
import { defaultLengths, probeVectorLengths } from "./vector-lengths.ts"
import { vmmIoctl, vmmTask } from "./vmm-task.ts"

/** What a host is booted on. */
export interface HostOptions {
  /** A board with its processing elements in reset, and RAM for the host and all its guests. */
  readonly board: Board
  /** How the kernel uses EL2. */
  readonly mode: Mode
  /** How host and guests run, as for cpu's run(). */
  readonly engine?: RunOptions["engine"]
  /** How threads take turns; without chance when left out. */
  readonly scheduler?: Partial<SchedulerOptions>
}
/** Where a host's kernel put what it needs first: its tables, a table without mappings, the page of its exception vectors. Physical addresses. */
export interface KernelPages {
  readonly root: number
  readonly emptyRoot: number
  readonly vectors: number
}
/** The next of each that is given out. */
export interface Numbers {
  task: number
  vm: number
  vmid: number
  asid: number
}
const PROTECTED = 1n << 31n
const IPA_SIZE = 0xffn
const DEFAULT_IPA_BITS = 40
const SMALLEST_IPA_BITS = 32
const ANY_REQUEST = 0
const ASID_SHIFT = 48n

/** A booted host kernel: /dev/kvm and what is under it. Calls give their result, an Errno, or the Crash that ended it. */
export class Host {
  /** Processing elements and memory it runs on. */
  readonly board: Board
  /** How it uses EL2. */
  readonly mode: Mode
  /** How the FP code of its era uses the registers around guests. */
  readonly hooks: FpHooks = ERA_H
  /** Physical memory by pages. */
  readonly pages: PhysicalPages
  /** Memory of page tables. */
  readonly tables: TableMemory
  /** What its processors have. */
  readonly features: CpuFeatures
  /** Its CPUs, by number. */
  readonly cpus: readonly PhysicalCpu[]
  /** What it counted since it booted. */
  readonly account = new Account()
  /** Which thread runs on which CPU, and when; see Scheduler. */
  readonly scheduler: Scheduler
  /** The CPU whose kernel code runs now; between runs, the one that calls through this interface are made on. */
  cpu: PhysicalCpu
  /** MIDR_EL1 of the first CPU, which guests see. */
  readonly midr: bigint
  /** Words of the register that traps FP, SVE and SME, as the mode spells it. */
  readonly trapWords: TrapWords
  /** Registers that are switched with guests. */
  readonly guestLists: GuestLists
  /** What guests and user space see of each system register, by encoding. */
  readonly systemRegisters: SystemRegisterTable
  /** Addresses of the kernel's and hyp code's exception vectors, as VBAR holds them. */
  readonly vectors: bigint
  /** VBAR of the vectors for exceptions of guests. */
  readonly guestVectors: bigint
  /** The thread that calls KVM through this interface: a real program at EL0 whose system calls the methods of Vm and Vcpu make. */
  readonly vmm: Task
  /** Who makes the calls of this interface: `vmm`, or the thread of the VMM that just got an exit. */
  caller: Task
  /** Set once the kernel has crashed: nothing runs any more. */
  crash: Crash | undefined
  /** What runs guests and programs with: may be changed between runs. */
  run: Omit<RunOptions, "instructions">

  /** Tasks by their number, until they are destroyed. */
  readonly tasks = new Map<number, Task>()
  /** VMs by their number, until they are destroyed. */
  readonly vms = new Map<number, Vm>()

  readonly #events = new EventStream()
  readonly #kernel: KernelPages
  #tableMapOn = false
  /** Calls of the host that are going on: an exit handler of the scheduler makes one inside another. */
  #calls = 0
  #next: Numbers = { task: 1, vm: 1, vmid: 1, asid: 1 }

  /**
   * Throws RangeError when the mode or the machine do not fit: another version of the mode contract, an extension whose `kvm` part is malformed or claims what
   * another one has, no FEAT_VHE for a mode that needs it, too little RAM.
   */
  constructor({ board, mode, engine, scheduler }: HostOptions) {
    if (mode.apiVersion !== MODE_API_VERSION)
      throw new RangeError(`Mode ${mode.name} is written for mode API ${mode.apiVersion}; this is ${MODE_API_VERSION}`)
    const problem = kvmPartProblem(board.pes[0]!.controls.machine)
    if (problem) throw new RangeError(problem)
    this.board = board
    this.mode = mode
    this.run = engine ? { engine } : {}
    this.pages = new PhysicalPages(board)
    this.cpus = board.pes.map((pe) => new PhysicalCpu(pe, this.#events, this.account))
    const boot = this.cpus[0]!
    this.cpu = boot
    this.scheduler = new Scheduler(this, scheduler)
    const { machine } = boot.pe.controls
    this.features = cpuFeatures((register) => (machine.registerByName.has(register) ? boot.read(register) : 0n), probeVectorLengths(boot))
    if (mode.e2h && !this.features.vhe) throw new RangeError(`Mode ${mode.name} needs FEAT_VHE`)
    this.midr = boot.read("MIDR_EL1")
    this.trapWords = trapWords(machine, mode.trapSpelling)
    this.guestLists = guestLists(this.features, mode.registers)
    this.systemRegisters = systemRegisterTable(machine, this.features, boot, mode)
    this.tables = this.#tableMemory()
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
    cpu.idle.isKernelThread = true
    cpu.current = cpu.idle
  }

  /** Everything that happens from now on; the result stops it. */
  subscribe(listener: Listener): () => void {
    return this.#events.subscribe(listener)
  }

  /** KVM_GET_API_VERSION. */
  readonly apiVersion = API_VERSION
  /** KVM_CHECK_EXTENSION of the system: 0 is "no". */
  checkExtension(capability: number): number {
    return checkExtension(this, undefined, capability)
  }
  /** KVM_CREATE_VM. `type`: IPA size in bits 7:0 (0: 40), bit 31 for a protected VM. */
  createVm({ type = 0n }: { readonly type?: bigint } = {}): Vm | Errno {
    const { vms } = this.mode
    const ipaBits = Number(type & IPA_SIZE) || DEFAULT_IPA_BITS
    if (type & ~(IPA_SIZE | PROTECTED)) return "EINVAL"
    if (type & PROTECTED && !vms?.protectedVms) return "EINVAL"
    // where stage 2 is hyp code's, nobody asks for its size
    if (!vms && (ipaBits < SMALLEST_IPA_BITS || ipaBits > this.features.physicalBits)) return "EINVAL"
    return Vm.create(this, this.#next.vm++, vms?.ipaBits(this) ?? ipaBits, (type & PROTECTED) !== 0n)
  }
  /** A host program's process: an empty address space and no files. */
  createTask(): Task | Errno {
    const root = this.tables.allocate()
    if (root === undefined) return "ENOMEM"
    const task = new Task(this.#next.task++, new AddressSpace(this.tables, root, this.#next.asid++, (physical) => this.touch(physical)))
    task.fp.vl = defaultLengths(this.features)
    this.tasks.set(task.id, task)
    return task
  }
  /** Another thread of a task's program: the same memory and files, registers of its own. */
  createThread(sibling: Task): Task {
    const task = new Task(this.#next.task++, sibling.space, sibling)
    task.fp.vl = defaultLengths(this.features)
    this.tasks.set(task.id, task)
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
  /** The kernel is about to copy to or from a page of memory: what EL2 does about an access of its, it does now. */
  touch(physical: number): void {
    if (this.board.physical.at(physical, 1) >= 0) this.cpu.touch(linear(physical))
  }
  /** Takes a thread away from wherever it runs and, with the last one, its program's memory. */
  destroyTask(task: Task): Crash | undefined {
    return this.inKernel(() => {
      this.releaseTask(task)
      return undefined
    })
  }
  /** The same, when the kernel runs already. */
  releaseTask(task: Task): void {
    task.ended ??= { status: 0 }
    if (task.schedule) this.scheduler.forget(task)
    this.leaveCpu(task)
    task.threads.delete(task)
    this.tasks.delete(task.id)
    flushTaskState(task)
    if (task.threads.size > 0) return
    task.space.tables.destroy()
    this.pages.free(task.space.tables.root, PAGE_BYTES)
    for (const { physical, bytes } of task.pages.splice(0)) this.pages.free(physical, bytes)
    this.cpu.sys("tlbi aside1is", BigInt(task.space.asid) << ASID_SHIFT)
  }
  /** The VMM thread's ioctl on one of its descriptors: from EL0 into the kernel and back. */
  ioctl(descriptor: number, request: number): Crash | undefined {
    return this.guard(() => {
      vmmIoctl(this, descriptor, request)
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
      vmmIoctl(this, descriptor, ANY_REQUEST)
      this.vmm.files.delete(descriptor)
      return result!.value
    })
  }
  /** The CPU on which calls through this interface are made, and runTask runs, from now on: that of this number, which is on. */
  useCpu(index: number): void {
    const cpu = this.cpus[index]
    if (cpu?.schedule.power !== "on") throw new RangeError(`There is no CPU ${index} that is on`)
    this.cpu = cpu
  }
  /** Runs kernel code on a CPU other than the one in use. */
  on<T>(cpu: PhysicalCpu, code: () => T): T {
    const here = this.cpu
    this.cpu = cpu
    try {
      return code()
    } finally {
      this.cpu = here
    }
  }
  /** Makes the way free for a task on the CPU in use: it leaves another one, and a thread of the scheduler leaves this one. */
  takeCpu(next: Task): void {
    const { cpu } = this
    if (cpu.current === next) return
    const old = this.leaveCpu(next)
    if (old) passTime(cpu.pe, virtualTime(old.pe))
    if (cpu.current?.schedule) this.scheduler.vacate(cpu)
  }
  /** Takes a task off the CPU that it is current on, wherever it is there, and lets that CPU idle. The result is the CPU. */
  leaveCpu(task: Task): PhysicalCpu | undefined {
    const cpu = this.cpus.find(({ current }) => current === task)
    if (cpu) this.on(cpu, () => scheduleIn(cpu, cpu.idle))
    return cpu
  }
  /** Gives a program the CPU in use for at most `instructions`, until it ends, waits for an interrupt that cannot come, or its time is up. */
  runTask(task: Task, instructions: number): UserStop | Crash {
    return this.guard(() => {
      if (task.ended) return "ended"
      if (task.schedule) throw new RangeError(`${task.name} runs when the scheduler says so`)
      const { cpu } = this
      this.takeCpu(task)
      preempt(cpu, task)
      return runUser(this, cpu, instructions)
    })
  }
  /** What it is in the middle of, when a listener, an exit handler or a file of a program asks; undefined between two calls of its interface. */
  get busy(): string | undefined {
    if (this.#events.delivering) return "a listener looks at an event"
    if (this.caller !== this.vmm) return "a thread of the VMM looks at an exit"
    return this.#calls > 0 ? "a call of it goes on" : undefined
  }
  /** Where its kernel put what it needs first. */
  get kernel(): KernelPages {
    return this.#kernel
  }
  /** Numbers of the task, VM, VMID and ASID that come next. */
  get numbers(): Readonly<Numbers> {
    return this.#next
  }
  /** For a host that goes on as another one. */
  restoreNumbers(numbers: Readonly<Numbers>): void {
    this.#next = { ...numbers }
  }
  /** VMIDs are not reused: 16 bits of them outlast any run of this model. */
  allocateVmid(): number | undefined {
    const limit = this.features.vmid16 ? 0x10000 : 0x100
    return this.#next.vmid < limit ? this.#next.vmid++ : undefined
  }

  /** Runs kernel code; a crash in it becomes a value, and the host's end. */
  guard<T>(code: () => T): T | Crash {
    if (this.#events.delivering)
      throw new RangeError("A listener does not call the host: what it wants done is done after the call that made the event")
    if (this.crash) return this.crash
    this.#calls++
    try {
      return code()
    } catch (error) {
      if (!(error instanceof Crashed)) throw error
      this.crash = error.crash
      return error.crash
    } finally {
      // a listener's exception must not leave kernel code half done
      if (--this.#calls === 0) this.#events.rethrow()
    }
  }

  #page(): number {
    const page = this.pages.allocate(PAGE_BYTES)
    if (page === undefined) throw new RangeError("RAM is too small for the host kernel")
    return page
  }
  /** Tables are read and written by the kernel's own loads and stores: physically until its MMU is on, then through its linear map. */
  #tableMemory(): TableMemory {
    const address = (physical: number): bigint => (this.#tableMapOn ? linear(physical) : BigInt(physical))
    return {
      allocate: () => this.pages.allocate(PAGE_BYTES),
      free: (page) => this.pages.free(page, PAGE_BYTES),
      read: (physical) => this.cpu.load64(address(physical)),
      write: (physical, descriptor) => this.cpu.store64(address(physical), descriptor)
    }
  }
}

/** Boots the modelled host. */
export const createHost = (options: HostOptions): Host => new Host(options)
