/** Host programs whose lives are random: what they do, what the kernel does to them, and a model in which every task simply has registers of its own. */

import { run } from "@eltwo/cpu"
import { type Host, hasZa, isErrno, isStreaming, type PhysicalCpu, type Task, TIF, type Vcpu, VcpuFeature } from "@eltwo/kvm"
import { expect } from "vitest"
import { interruptUser, returnToUser, switchTo } from "../src/host/entry.ts"
import { execTask } from "../src/host/exec.ts"
import { fpMemory, smeBytes, sveBytes } from "../src/host/fp-memory.ts"
import { saveAndFlushCpuState } from "../src/host/fpstate.ts"
import { brokenInvariants } from "../src/host/invariants.ts"
import { kernelNeonBegin, kernelNeonEnd } from "../src/host/kernel-neon.ts"
import { serveSoftirqs } from "../src/host/masking.ts"
import { getRegisterSet, NT, setRegisterSet } from "../src/host/regsets.ts"
import { SIGNAL, sendSignal } from "../src/host/signal-state.ts"
import { closestLength, defaultLengths } from "../src/host/vector-lengths.ts"
import { PrivateRegisters } from "./private-registers.ts"
import {
  assemble,
  BANK,
  bootScalable,
  DATA,
  type MachineOptions,
  moveArray,
  moveSimd,
  moveStatus,
  moveVectors,
  ok,
  PROGRAM,
  randomOf,
  syscall
} from "./scalable-machine.ts"

const SLOTS = 8
const CODE_BYTES = 0x2000
/** Code of a program at user level, or of a handler by its depth. */
const PIECE_BYTES = 0x800
const DATA_BYTES = BANK.bytes
const STACK_BYTES = 0x30000
const STACKS = 0x1000000
/** Where handlers begin: a loop. */
const HANDLER = PROGRAM + SLOTS * CODE_BYTES
const MOST_TASKS = 6
const DEPTH = 2
const FPCR_BITS = 0x03c00000
const FPSR_BITS = 0x0800009f
const FPMR_BITS = 0xc1ff

const GUEST_RAM = 0x40000000
const GUEST_FILE = 4
/** What it reports: 1 while all is well. Between two looks it makes a call that the kernel answers without coming back to user level. */
const REPORT = "mov x10, #0x09000000\nagain:\nstr x11, [x10]"
const CALL = "movz x0, #0x8400, lsl #16\nhvc #0"
const LOOK_AT_VECTORS = `cmpne p0.b, p7/z, z0.b, #7; cset w1, ne; cmpne p0.b, p1/z, z31.b, #9; cset w2, ne
  orr w1, w1, w2; eor w1, w1, #1; and w11, w11, w1`
const VECTOR_GUEST = `mov x0, #0x330000; msr cpacr_el1, x0; isb; mov x0, #15; msr zcr_el1, x0; isb
  mov x11, #1; ptrue p1.b; mov z0.b, #7; mov z31.b, #9; mov p7.b, p1.b
  ${REPORT}; ${LOOK_AT_VECTORS}; ${CALL}; ${LOOK_AT_VECTORS}; b =again`
const LOOK_AT_V = "fmov x1, d0; fmov x2, d31; cmp x1, x2; cset w1, eq; and w11, w11, w1"
const SIMD_GUEST = `mov x0, #0x300000; msr cpacr_el1, x0; isb
  mov x11, #1; movi v0.16b, #7; movi v31.16b, #7
  ${REPORT}; ${LOOK_AT_V}; ${CALL}; ${LOOK_AT_V}; b =again`
interface Program {
  readonly task: Task
  readonly slot: number
  /** Physical addresses of its code and of its banks. */
  readonly at: { readonly code: number; readonly data: number }
  /** What it uses by itself. */
  readonly uses: { readonly sve: boolean; readonly sme: boolean }
  registers: PrivateRegisters
  /** Registers as they were when the handlers in progress began. */
  frames: PrivateRegisters[]
}
const assembled = new Map<string, Uint8Array>()
const code = (source: string, address: number): Uint8Array => {
  const key = `${address} ${source}`
  let words = assembled.get(key)
  if (!words) assembled.set(key, (words = assemble(source, address)))
  return words
}

export class Lives {
  readonly host: Host
  readonly random: (below: number) => number
  programs: Program[] = []
  readonly vcpus: readonly Vcpu[]
  readonly fa64: boolean
  /** How often a guest said that all is well. */
  reports = 0
  #inKernel: (() => void) | undefined

  constructor(seed: number, options: MachineOptions) {
    this.random = randomOf(seed)
    this.host = bootScalable({ pes: 2, ...options })
    this.fa64 = this.host.features.fa64
    this.vcpus = this.#guests()
    for (let n = 0; n < 3; n++) this.programs.push(this.#start(n))
  }
  /** Two vCPUs of one VM that look whether their registers are still what they were, again and again. */
  #guests(): readonly Vcpu[] {
    const { host } = this
    const vm = ok(host.createVm())
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x1000 }) ?? true)
    const hasVectors = host.features.sve
    expect(vm.write(GUEST_RAM, assemble(hasVectors ? VECTOR_GUEST : SIMD_GUEST, GUEST_RAM))).toBeUndefined()
    return [0, 1].map((n) => {
      const vcpu = ok(vm.createVcpu(n))
      expect(vcpu.init({ features: hasVectors ? 1 << VcpuFeature.SVE : 0 })).toBeUndefined()
      if (hasVectors) expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
      vcpu.registers.pc = BigInt(GUEST_RAM)
      return vcpu
    })
  }
  get #cpu(): PhysicalCpu {
    return this.host.cpu
  }
  #start(slot: number): Program {
    const { host, random } = this
    const task = ok(host.createTask())
    const words = new Uint8Array(SLOTS * CODE_BYTES + 0x1000)
    words.set(assemble("again:\nb =again", HANDLER), SLOTS * CODE_BYTES)
    ok(host.mapMemory(task, PROGRAM, words, { execute: true }))
    ok(host.mapMemory(task, DATA, new Uint8Array(SLOTS * DATA_BYTES), { write: true }))
    ok(host.mapMemory(task, STACKS, new Uint8Array(SLOTS * STACK_BYTES), { write: true }))
    task.registers.pc = BigInt(HANDLER)
    task.registers.sp = BigInt(STACKS + (slot + 1) * STACK_BYTES)
    const uses = { sve: host.features.sve && random(3) > 0, sme: host.features.sme && random(3) > 0 }
    const program: Program = {
      task,
      slot,
      at: this.#places(task, slot),
      uses,
      registers: new PrivateRegisters(defaultLengths(host.features)),
      frames: []
    }
    task.files.set(3, {
      ioctl: () => {
        this.#inKernel!()
        return 0
      }
    })
    for (const [n, vcpu] of this.vcpus.entries()) task.files.set(GUEST_FILE + n, vcpu.file)
    task.signals.actions.set(SIGNAL.SIGUSR1, { handler: BigInt(HANDLER), flags: 0x44000000n, restorer: 0n, mask: 0n })
    return program
  }
  #places(task: Task, slot: number): Program["at"] {
    return this.#call(() => ({
      code: task.space.physical(PROGRAM + slot * CODE_BYTES)!,
      data: task.space.physical(DATA + slot * DATA_BYTES)!
    }))
  }
  #fail(problem: unknown): never {
    throw new Error(JSON.stringify(problem, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v)))
  }
  #call<T>(codeInKernel: () => T): T {
    const result = this.host.inKernel(() => ({ value: codeInKernel() }))
    return "value" in result ? result.value : this.#fail(result)
  }

  /** Lets a program do `source` at user level, with other things happening in between. */
  do({ task, slot, at: places, frames }: Program, source: string, budget = 300): void {
    const { host } = this
    // what a handler interrupted stays as it is
    const offset = frames.length * PIECE_BYTES
    const at = PROGRAM + slot * CODE_BYTES + offset
    const words = code(
      `mov x20, #${DATA}\nmov x7, #${slot}\nmovz x6, #${DATA_BYTES & 0xffff}\nmovk x6, #${DATA_BYTES >> 16}, lsl #16\nmadd x20, x7, x6, x20\n${source}\ndone:\nb =done`,
      at
    )
    if (words.length > PIECE_BYTES) throw new Error("The code is too long")
    host.board.write(places.code + offset, words)
    const where = host.cpus.find((cpu) => cpu.current === task && cpu.pe.el === 0)
    if (where) where.pe.pc = BigInt(at)
    else task.registers.pc = BigInt(at)
    for (let left = budget; left > 0; ) {
      const part = this.random(3) === 0 ? 1 + this.random(left) : left
      const stop = host.runTask(task, part)
      if (stop !== "limit") this.#fail({ stop, ended: task.ended, warnings: host.cpus.map((c) => c.warnings) })
      left -= part
      if (left > 0) this.#between(task)
    }
  }
  /** What may happen to a program at any moment without its noticing. */
  #between(task: Task): void {
    const { host, random } = this
    const other = this.programs[random(this.programs.length)]!
    switch (random(6)) {
      case 0:
        if (other.task !== task) this.#spin(other.task)
        break
      case 1:
        this.#softirq()
        break
      case 2:
        this.#call(() => (random(2) ? saveAndFlushCpuState(this.#cpu) : undefined))
        break
      case 3:
        host.useCpu(random(host.cpus.length))
        break
      case 4:
        this.#spin(task)
        break
      case 5:
        // it runs as soon as the kernel enables interrupts, whyever it was entered
        this.#softirqOn(this.#cpu)
        break
    }
  }
  #spin(task: Task): void {
    const stop = this.host.runTask(task, 1 + this.random(5))
    if (stop !== "limit") this.#fail({ stop, ended: task.ended })
  }
  /** An interrupt of whoever runs here, whose softirq uses NEON. */
  #softirq(): void {
    const cpu = this.#cpu
    const { current, pe } = cpu
    if (!current || pe.el !== 0 || current.ended) return
    this.#softirqOn(cpu)
    pe.lines.irq = true
    pe.attention = true
    if (this.programs.some(({ task }) => task === current)) this.#spin(current)
  }
  #softirqOn(cpu: PhysicalCpu): void {
    cpu.softirqs.push(() => this.#neon(cpu, () => {}))
  }
  /** A section of kernel-mode NEON around `inside`, which must not touch its registers. */
  #neon(cpu: PhysicalCpu, inside: () => void): void {
    const state = fpMemory("neon")
    kernelNeonBegin(cpu, state)
    const image = Uint8Array.from({ length: 528 }, (_, i) => (i < 512 ? this.random(256) : 0))
    cpu.load("fpsimd", "kernel", image)
    inside()
    const found = new Uint8Array(528)
    cpu.save("fpsimd", "kernel", found)
    expect(Buffer.compare(found, image)).toBe(0)
    kernelNeonEnd(cpu, state)
  }

  /** The banks a program moves its registers through. */
  #data({ at }: Program): Uint8Array {
    return this.host.pages.view(at.data, DATA_BYTES)
  }
  #view(program: Program): DataView {
    const data = this.#data(program)
    return new DataView(data.buffer, data.byteOffset, data.length)
  }
  #bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.random(256))
  }

  /** All the program can see is as the model has it. */
  check(program: Program): void {
    const { registers: r, uses } = program
    const data = this.#data(program)
    const usesVectors = r.sm || uses.sve
    const ffr = r.sm ? this.fa64 : true
    this.do(
      program,
      [
        ...(usesVectors ? moveVectors("store", ffr) : moveSimd("store")),
        ...(r.za ? moveArray("store") : []),
        ...moveStatus("store", this.host.features.sme),
        ...(uses.sme || r.sm || r.za ? ["mrs x0, svcr", "str x0, [x20, #32]"] : [])
      ].join("\n"),
      220 + (r.za ? 5 * r.vl.sme : 0)
    )
    const same = (what: string, found: Uint8Array, expected: Uint8Array): void => {
      if (Buffer.compare(found, expected) !== 0)
        throw new Error(`${program.task.name}: ${what}\n${Buffer.from(found).toString("hex")}\n${Buffer.from(expected).toString("hex")}`)
    }
    const at = (offset: number, length: number): Uint8Array => data.slice(offset, offset + length)
    if (usesVectors) {
      const expected = r.vectors(ffr)
      same("vectors", at(BANK.vectors, expected.length - (ffr ? 0 : r.length / 8)), ffr ? expected : expected.subarray(0, 34 * r.length))
    } else same("V", at(BANK.vectors, 512), r.fpsimd().subarray(0, 512))
    if (r.za) {
      same("ZA", at(BANK.za, r.vl.sme ** 2), r.array)
      same("ZT0", at(BANK.zt, 64), r.zt)
    }
    const view = this.#view(program)
    expect([view.getUint32(BANK.fpcr, true), view.getUint32(BANK.fpsr, true), view.getBigUint64(BANK.fpmr, true)]).toEqual([r.fpcr, r.fpsr, r.fpmr])
    if (this.host.features.sme) expect(view.getBigUint64(BANK.tpidr2, true)).toBe(r.tpidr2)
    if (uses.sme || r.sm || r.za) expect(view.getUint32(32, true)).toBe((r.sm ? 1 : 0) | (r.za ? 2 : 0))
  }
  /** New values in some registers. */
  write(program: Program): void {
    const { random } = this
    const { registers: r, uses } = program
    const data = this.#data(program)
    const view = this.#view(program)
    const usesVectors = r.sm || uses.sve
    const n = random(32)
    const at = `mov x1, #${BANK.vectors}\nadd x1, x20, x1`
    switch (random(usesVectors ? 6 : 3)) {
      case 0: {
        const low = this.#bytes(16)
        data.set(low, BANK.vectors)
        this.do(program, `${at}\nldr q${n}, [x1]`)
        r.setLow(n, low)
        break
      }
      case 1: {
        r.fpcr = (random(0xffffffff) & FPCR_BITS) >>> 0
        r.fpsr = (random(0xffffffff) & FPSR_BITS) >>> 0
        r.fpmr = BigInt(random(0xffffffff) & FPMR_BITS)
        view.setBigUint64(BANK.fpcr, BigInt(r.fpcr), true)
        view.setBigUint64(BANK.fpsr, BigInt(r.fpsr), true)
        view.setBigUint64(BANK.fpmr, r.fpmr, true)
        this.do(program, moveStatus("load", false).join("\n"))
        break
      }
      case 2:
        this.#writeArray(program)
        break
      case 3:
      case 4: {
        const ffr = r.sm ? this.fa64 : true
        const bytes = this.#bytes(34 * r.length + r.length / 8)
        bytes.fill(255, 34 * r.length)
        data.set(bytes, BANK.vectors)
        this.do(program, moveVectors("load", ffr).join("\n"))
        r.setVectors(bytes, ffr)
        break
      }
      default: {
        const vector = this.#bytes(r.length)
        data.set(vector, BANK.vectors)
        this.do(program, `${at}\nldr z${n}, [x1]`)
        r.vector(n).set(vector)
      }
    }
  }
  #writeArray(program: Program): void {
    const { registers: r } = program
    const data = this.#data(program)
    if (this.host.features.sme) {
      r.tpidr2 = BigInt(this.random(0xffffffff))
      this.#view(program).setBigUint64(BANK.tpidr2, r.tpidr2, true)
      this.do(program, `ldr x0, [x20, #${BANK.tpidr2}]\nmsr tpidr2_el0, x0`)
    }
    if (!r.za) return
    r.array = this.#bytes(r.vl.sme ** 2)
    r.zt = this.#bytes(64)
    data.set(r.array, BANK.za)
    data.set(r.zt, BANK.zt)
    this.do(program, moveArray("load").join("\n"), 60 + 5 * r.vl.sme)
  }
  mode(program: Program): void {
    if (!program.uses.sme) return
    const { registers: r } = program
    const start = this.random(3) > 0
    const which = this.random(3)
    this.do(program, `${start ? "smstart" : "smstop"} ${["sm", "za", ""][which]}`)
    if (which !== 1) r.setStreaming(start)
    if (which !== 0) r.setZa(start)
  }
  systemCall(program: Program): void {
    this.do(program, syscall(178))
    program.registers.systemCall()
  }
  setLength(program: Program): void {
    if (program.frames.length > 0) return
    const { random, host } = this
    const kind = random(2) ? "sve" : "sme"
    const supported = kind === "sve" ? host.features.sveVls : host.features.smeVls
    const length = 16 * (1 + random(20))
    const [inherit, onexec] = [random(4) === 0, random(4) === 0]
    const argument = length | (inherit ? 1 << 17 : 0) | (onexec ? 1 << 18 : 0)
    const call = `movz x1, #${argument & 0xffff}\nmovk x1, #${argument >> 16}, lsl #16\nmov x0, #${kind === "sve" ? 50 : 63}\n${syscall(167)}\nstr x0, [x20, #40]`
    this.do(program, call)
    const { registers: r } = program
    r.systemCall()
    const result = this.#view(program).getBigInt64(40, true)
    if (supported.length === 0) return expect(result).toBe(-22n)
    const vl = closestLength(supported, length)
    expect(result).toBe(BigInt(vl | (inherit ? 1 << 17 : 0)))
    if (!onexec) r.setLength(kind, vl)
    r.onexec[kind] = onexec || inherit ? vl : 0
    r.inherit[kind] = inherit
  }
  /** A system call in which the kernel uses NEON, interrupted by a softirq that does too, and preempted. */
  kernelNeon(program: Program): void {
    const { host, random } = this
    const other = this.programs.find(({ task }) => task !== program.task && !host.cpus.some((cpu) => cpu.current === task))
    this.#inKernel = () => {
      const cpu = host.cpu
      this.#neon(cpu, () => {
        if (random(2)) {
          this.#softirqOn(cpu)
          serveSoftirqs(cpu)
        }
        if (other && random(2)) this.#preempted(cpu, program.task, other.task)
        if (random(2)) this.#elsewhere(cpu, program.task)
      })
    }
    this.do(program, `mov x0, #3\nmov x1, #0\n${syscall(29)}`)
    program.registers.systemCall()
  }
  #preempted(cpu: PhysicalCpu, task: Task, other: Task): void {
    switchTo(cpu, other)
    returnToUser(cpu)
    if (run(cpu.pe, { instructions: 3 }).kind !== "limit") this.#fail("The other task does not spin")
    interruptUser(cpu)
    switchTo(cpu, task)
  }
  /** The task is preempted in the kernel, goes on on another CPU, and comes back. */
  #elsewhere(cpu: PhysicalCpu, task: Task): void {
    const there = this.host.cpus.find((c) => c !== cpu)!
    const { current } = there
    switchTo(cpu, cpu.idle)
    interruptUser(there)
    switchTo(there, task)
    if (this.random(2)) {
      this.#softirqOn(there)
      serveSoftirqs(there)
    }
    switchTo(there, current!)
    if (current !== there.idle) returnToUser(there)
    switchTo(cpu, task)
  }
  /** KVM_RUN of a guest that uses all vectors. */
  guest(program: Program): void {
    const which = this.random(this.vcpus.length)
    const stop = this.host.subscribe((e) => {
      if (e.what === "exc" && e.from === "guest-el1" && this.random(2)) this.#softirqOn(this.#cpu)
    })
    this.do(program, `mov x0, #${GUEST_FILE + which}\nmov x1, #0xae80\nmov x2, #0\n${syscall(29)}`, 400)
    program.registers.systemCall()
    stop()
    const exit = this.vcpus[which]!.lastExit
    if (isErrno(exit)) throw new Error(`KVM_RUN: ${exit}`)
    // its time may have been over before
    if (exit.reason === "mmio") this.reports++
    if (exit.reason !== "intr") expect(exit).toMatchObject({ reason: "mmio", isWrite: true, value: 1n })
  }
  fork(program: Program): void {
    const { host, random } = this
    if (this.programs.length >= MOST_TASKS) this.#end(this.programs[random(this.programs.length)]!)
    if (!this.programs.includes(program)) return
    const slot = Array.from({ length: SLOTS }, (_, n) => n).find((n) => !this.programs.some((p) => p.slot === n))!
    const isThread = random(3) === 0
    const before = new Set(host.tasks.keys())
    this.do(
      program,
      `mov x0, #${isThread ? 0x100 : 0}\nmov x1, #0x${(STACKS + (slot + 1) * STACK_BYTES).toString(16)}\n${syscall(220)}`.replace(
        /mov x1, #0x(\w+)(\w{4})\n/,
        "movz x1, #0x$2\nmovk x1, #0x$1, lsl #16\n"
      )
    )
    const { registers: r } = program
    r.systemCall()
    const child = [...host.tasks.values()].find(({ id }) => !before.has(id))
    if (!child) return this.#fail("There is no child")
    this.programs.push({ task: child, slot, at: this.#places(child, slot), uses: program.uses, registers: r.child(isThread), frames: [] })
  }
  #end({ task }: Program): void {
    if (this.programs.length < 3) return
    this.programs = this.programs.filter((p) => p.task !== task)
    // it comes into the kernel where it runs
    const where = this.host.cpus.find(({ current }) => current === task)
    if (where) this.host.useCpu(where.index)
    const result = this.host.destroyTask(task)
    if (result) this.#fail(result)
  }
  signal(program: Program): void {
    if (program.frames.length === DEPTH) return
    const { registers: r, task } = program
    if (program.uses.sme && this.random(2)) {
      this.do(program, "smstart sm")
      r.setStreaming(true)
    }
    if (this.random(2)) this.#call(() => sendSignal(task, SIGNAL.SIGUSR1))
    else {
      this.do(program, `mov x0, #${task.id}\nmov x1, #${SIGNAL.SIGUSR1}\n${syscall(129)}`)
      r.systemCall()
    }
    this.#spin(task)
    program.frames.push(r.clone())
    r.enterHandler()
  }
  signalReturn(program: Program): void {
    const frame = program.frames.at(-1)
    if (!frame) return
    this.do(program, syscall(139))
    program.frames.pop()
    program.registers = frame
  }
  /** A new program in the same memory: at first it does nothing, as a handler does. */
  exec(program: Program): void {
    const { host } = this
    const { task, slot } = program
    this.#inKernel = () => execTask(host.cpu, task, { pc: BigInt(HANDLER), sp: BigInt(STACKS + (slot + 1) * STACK_BYTES) })
    this.do(program, `mov x0, #3\nmov x1, #0\n${syscall(29)}`)
    program.registers = program.registers.exec(defaultLengths(host.features), host.features)
    program.frames = []
    task.signals.blocked = 0n
    task.signals.actions.set(SIGNAL.SIGUSR1, { handler: BigInt(HANDLER), flags: 0x44000000n, restorer: 0n, mask: 0n })
  }
  /** A tracer looks at a register set of a stopped task, or writes it. */
  trace(program: Program): void {
    const { host, random } = this
    const { task, registers: r } = program
    if (host.cpus.some((cpu) => cpu !== host.cpu && cpu.current === task)) return
    const types = [
      NT.PRFPREG,
      NT.ARM_FPMR,
      ...(host.features.sve ? [NT.ARM_SVE] : []),
      ...(host.features.sme ? [NT.ARM_SSVE, NT.ARM_ZA, NT.ARM_ZT] : [])
    ]
    const type = types[random(types.length)]!
    const found = this.#call(() => getRegisterSet(host.cpu, task, type))
    if (isErrno(found)) return this.#fail(found)
    this.#compareSet(r, type, found)
    if (random(2)) return
    const image = this.#newSet(r, type)
    const problem = this.#call(() => ({ problem: setRegisterSet(host.cpu, task, type, image) }))
    expect(problem).toEqual({ problem: undefined })
  }
  #compareSet(r: PrivateRegisters, type: number, found: Uint8Array): void {
    const equal = (at: number, expected: Uint8Array): void => expect(Buffer.compare(found.subarray(at, at + expected.length), expected)).toBe(0)
    if (type === NT.PRFPREG) equal(0, r.fpsimd())
    if (type === NT.ARM_FPMR) equal(0, new Uint8Array(BigUint64Array.of(r.fpmr).buffer))
    if (type === NT.ARM_ZT) equal(0, r.za ? r.zt : new Uint8Array(64))
    if (type === NT.ARM_ZA) {
      expect(found.length).toBe(r.za ? 16 + r.vl.sme ** 2 : 16)
      if (r.za) equal(16, r.array)
    }
    if (type !== NT.ARM_SVE && type !== NT.ARM_SSVE) return
    if (r.sm !== (type === NT.ARM_SSVE)) return expect(found.length).toBe(16)
    const isSve = (found[12]! & 1) !== 0
    if (isSve) equal(16, r.vectors(r.sm ? this.fa64 : true))
    else {
      equal(16, r.fpsimd())
      // nothing but V may be there
      const only = r.clone()
      only.dropUpper()
      expect(Buffer.compare(only.vectors(true), r.vectors(true))).toBe(0)
    }
  }
  #newSet(r: PrivateRegisters, type: number): Uint8Array {
    const { random } = this
    const header = (vl: number, flags: number, rest: number): Uint8Array => {
      const image = new Uint8Array(16 + rest)
      const view = new DataView(image.buffer)
      view.setUint32(0, image.length, true)
      view.setUint16(8, vl, true)
      view.setUint16(12, flags, true)
      return image
    }
    const inherits = (kind: "sve" | "sme"): number => (r.inherit[kind] ? 2 : 0)
    /** The header asks for the length there is. */
    const keepsLength = (kind: "sve" | "sme"): void => {
      r.onexec[kind] = r.inherit[kind] ? r.vl[kind] : 0
    }
    const newStatus = (): Uint8Array => {
      r.fpcr = (random(0xffffffff) & FPCR_BITS) >>> 0
      r.fpsr = (random(0xffffffff) & FPSR_BITS) >>> 0
      return new Uint8Array(Uint32Array.of(r.fpsr, r.fpcr).buffer)
    }
    if (type === NT.PRFPREG) {
      r.dropUpper()
      for (let n = 0; n < 32; n++) r.low(n).set(this.#bytes(16))
      newStatus()
      return r.fpsimd()
    }
    if (type === NT.ARM_FPMR) {
      r.fpmr = BigInt(random(0xffffffff) & FPMR_BITS)
      return new Uint8Array(BigUint64Array.of(r.fpmr).buffer)
    }
    if (type === NT.ARM_ZT) {
      r.setZa(true)
      r.zt = this.#bytes(64)
      return r.zt
    }
    if (type === NT.ARM_ZA) {
      keepsLength("sme")
      if (random(3) === 0) {
        r.setZa(false)
        return header(r.vl.sme, inherits("sme"), 0)
      }
      r.setZa(true)
      r.array = this.#bytes(r.vl.sme ** 2)
      const image = header(r.vl.sme, inherits("sme"), r.array.length)
      image.set(r.array, 16)
      return image
    }
    const kind = type === NT.ARM_SVE ? "sve" : "sme"
    keepsLength(kind)
    r.sm = kind === "sme"
    if (kind === "sve" && random(3) === 0) {
      r.dropUpper()
      for (let n = 0; n < 32; n++) r.low(n).set(this.#bytes(16))
      newStatus()
      const image = header(r.vl.sve, inherits("sve"), 528)
      image.set(r.fpsimd(), 16)
      return image
    }
    const vl = r.length
    const status = Math.ceil((16 + 34 * vl + vl / 8) / 16) * 16
    const image = header(vl, 1 | inherits(kind), status)
    const bytes = this.#bytes(34 * vl + vl / 8)
    bytes.fill(0, 34 * vl)
    image.set(bytes, 16)
    image.set(newStatus(), status)
    r.setVectors(bytes, true)
    return image
  }

  /** One thing happens. */
  step(): void {
    const { random } = this
    if (random(4) === 0) this.host.useCpu(random(this.host.cpus.length))
    const program = this.programs[random(this.programs.length)]!
    const happenings = [
      () => this.write(program),
      () => this.write(program),
      () => this.write(program),
      () => this.mode(program),
      () => this.mode(program),
      () => this.systemCall(program),
      () => this.setLength(program),
      () => this.kernelNeon(program),
      () => this.fork(program),
      () => this.signal(program),
      () => this.signalReturn(program),
      () => this.trace(program),
      () => this.trace(program),
      () => this.guest(program),
      () => this.guest(program),
      () => this.check(program),
      () => this.check(program),
      () => this.#softirq(),
      () => (random(4) === 0 ? this.exec(program) : this.check(program))
    ]
    happenings[random(happenings.length)]!()
    this.#invariants()
  }
  #invariants(): void {
    const { host } = this
    expect(brokenInvariants(host, this.vcpus)).toEqual([])
    for (const { task } of this.programs) {
      const { fp } = task
      // FPSIMD format never goes with streaming mode, and what is in use has its memory
      if (fp.fpType === "FPSIMD") expect(isStreaming(fp) && task.has(TIF.FOREIGN_FPSTATE)).toBe(false)
      else expect(fp.sve!.length).toBeGreaterThanOrEqual(sveBytes(isStreaming(fp) ? fp.vl.sme : fp.vl.sve))
      if (task.has(TIF.SME)) expect([fp.sve === null, fp.sme === null]).toEqual([false, false])
      if (hasZa(fp)) expect(fp.sme!.length).toBeGreaterThanOrEqual(smeBytes(fp.vl.sme))
    }
    for (const cpu of host.cpus) {
      expect(cpu.warnings).toEqual([])
      const { current, pe, last } = cpu
      if (!current || pe.el !== 0) continue
      // at user level: the registers are bound to the task, and open is what its flags say
      expect([current.has(TIF.FOREIGN_FPSTATE), last.st === current.fp, current.fpsimdCpu, last.toSave]).toEqual([false, true, cpu.index, "CURRENT"])
      const { controls } = pe
      const word = controls.inForce(controls.e2h && controls.tge ? controls.slot.CPTR_EL2 : controls.slot.CPACR_EL1)
      if (host.features.sve) expect((word & (1n << 17n)) !== 0n).toBe(current.has(TIF.SVE))
      if (host.features.sme) expect((word & (1n << 25n)) !== 0n).toBe(current.has(TIF.SME))
      if (current.has(TIF.SVE) && !(pe.svcr & 1)) expect(pe.vectorBits / 8).toBe(current.fp.vl.sve)
      if (current.has(TIF.SME)) expect(pe.streamingVectorBits / 8).toBe(current.fp.vl.sme)
    }
  }
}
