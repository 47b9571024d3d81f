/**
 * Storms: guests of two VMs, host programs and their second threads on one to four CPUs, in an order that a seed chooses, with CPUs that go and come. Every
 * register of everybody is compared with a machine of its own, on which nothing else ever ran.
 */
import { createBoard, type Pe, registerNamed, run, startAt, writeRegister } from "@eltwo/cpu"
import { brokenInvariants, type Host, offlineCpu, onlineCpu, REG, resumeCpu, suspendCpu, type Task, type Vcpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, GUEST_RAM, isa, ok, PROGRAM, PSCI_0_2 } from "../../../plugins/vhe/test/machine.ts"
import { fpMemory } from "../src/host/fp-memory.ts"
import { kernelNeonBegin, kernelNeonEnd } from "../src/host/kernel-neon.ts"
import {
  BANK,
  moveAll,
  OUT,
  pointTo,
  prepare,
  randomBank,
  scalableProgram,
  randomOf as scalableRandom,
  type Use,
  usedParts
} from "./scalable-machine.ts"
import { bootSmp, type Engine, eventHash, MODES } from "./smp-machine.ts"

const FIRST = "mov x0, #0x300000\nmsr cpacr_el1, x0\nisb"
/** Changes all vector registers, FPCR, FPSR, TPIDR_EL0 and flags in every turn; X28 counts turns. `call` may change X0 to X3 only. */
const body = (call: string) =>
  [
    "again:",
    "add x28, x28, #1",
    "add x10, x10, x11",
    "eor x11, x11, x10, ror #7",
    "fmov d0, x10",
    ...Array.from({ length: 32 }, (_, n) => `add v${n}.2d, v${n}.2d, v${(n + 31) % 32}.2d`),
    "ubfx x12, x10, #5, #2",
    "lsl x12, x12, #22",
    "msr fpcr, x12",
    "and x13, x11, #31",
    "msr fpsr, x13",
    "msr tpidr_el0, x11",
    call,
    "mov x0, xzr",
    "mov x1, xzr",
    "mov x2, xzr",
    "mov x3, xzr",
    "subs x14, x10, x11",
    "eor v9.16b, v9.16b, v17.16b",
    "b =again"
  ].join("\n")
const GUEST = { code: `${FIRST}\n${body("mov x0, #0x84000000\nhvc #0")}`, alone: `${FIRST}\n${body("mov x0, #0x84000000\nnop")}` }
const HOST = { code: body("mov x8, #172\nsvc #0"), alone: body("mov x8, #172\nnop") }

interface Registers {
  readonly x: readonly bigint[]
  readonly sp: bigint
  readonly pc: bigint
  readonly flags: number
  readonly v: readonly bigint[]
  readonly fpsr: bigint
  readonly fpcr: bigint
  readonly tpidr: bigint
}
const fpOf = (image: Uint8Array): Pick<Registers, "v" | "fpsr" | "fpcr"> => {
  const view = new DataView(image.buffer, image.byteOffset)
  return {
    v: Array.from({ length: 32 }, (_, n) => view.getBigUint64(16 * n, true) | (view.getBigUint64(16 * n + 8, true) << 64n)),
    fpsr: BigInt(view.getUint32(512, true)),
    fpcr: BigInt(view.getUint32(516, true))
  }
}
const NZCV_SHIFT = 28n
const ofTask = ({ registers, fp, tpidr }: Task): Registers => ({
  x: [...registers.x],
  sp: registers.sp,
  pc: registers.pc,
  flags: Number((registers.pstate >> NZCV_SHIFT) & 15n),
  tpidr,
  ...fpOf(fp.fpsimd)
})
const ofVcpu = (vcpu: Vcpu): Registers => ({
  x: [...vcpu.registers.x],
  sp: vcpu.registers.sp,
  pc: vcpu.registers.pc,
  flags: Number((vcpu.registers.pstate >> NZCV_SHIFT) & 15n),
  tpidr: vcpu.getOneReg(REG.system(3, 3, 13, 0, 2)) as bigint,
  ...fpOf(vcpu.fp.fpsimd)
})

/** The same program alone on a machine. */
class Alone {
  readonly #pe: Pe
  readonly #start: bigint
  readonly #turn: bigint
  readonly #before: bigint
  constructor(code: string, address: number, seed: bigint, isGuest: boolean) {
    const board = createBoard({ isa, ramBase: address, ramBytes: 0x10000 })
    const bytes = assemble(code, address)
    board.write(address, bytes)
    this.#pe = board.pes[0]!
    startAt(this.#pe, 1, BigInt(address))
    this.#pe.x.fill(0n)
    for (let n = 0; n < 32; n++) this.#pe.setV(n, 0n)
    for (const [n, value] of start(seed)) this.#pe.x[n] = value
    this.#start = BigInt(address)
    this.#before = isGuest ? 3n : 0n
    this.#turn = BigInt(bytes.length / 4) - this.#before
    // as the kernel has it for its programs
    writeRegister(this.#pe, registerNamed(this.#pe, "CPACR_EL1"), 3n << 20n)
    this.#pe.controls.synchronize()
  }
  /** Runs on to where somebody else is, and says what is there. */
  at({ x, pc }: Registers): Registers {
    const pe = this.#pe
    const place = (pc - this.#start) / 4n
    const turns = place === this.#before || place < this.#before ? x[28]! : x[28]! - 1n
    const wanted = turns * this.#turn + place
    for (let left = Number(wanted - pe.retired); left > 0; left = Number(wanted - pe.retired)) run(pe, { instructions: left, engine: "interp" })
    return {
      x: [...pe.x.subarray(0, 31)],
      sp: 0n,
      pc: pe.pc,
      flags: pe.flags,
      v: Array.from({ length: 32 }, (_, n) => pe.v(n)),
      fpsr: BigInt(pe.fpsr),
      fpcr: BigInt(pe.fpcr),
      tpidr: pe.system[pe.controls.machine.registerByName.get("TPIDR_EL0")!.slot]!
    }
  }
}
const start = (seed: bigint): readonly (readonly [number, bigint])[] => [
  [10, BigInt.asUintN(64, seed * 0x9e3779b97f4a7c15n)],
  [11, BigInt.asUintN(64, (seed + 7n) * 0xbf58476d1ce4e5b9n)]
]

interface Party {
  readonly name: string
  readonly alone: Alone
  registers(): Registers
}
const parties = (
  host: Host,
  isAlone: boolean
): { readonly all: readonly Party[]; readonly vcpus: readonly Vcpu[]; readonly tasks: readonly Task[] } => {
  const all: Party[] = []
  const vcpus: Vcpu[] = []
  const tasks: Task[] = []
  for (const name of isAlone ? [] : ["a", "b"]) {
    const vm = ok(host.createVm())
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x10000 }))
    vm.write(GUEST_RAM, assemble(GUEST.code))
    for (let id = 0; id < 2; id++) {
      const vcpu = ok(vm.createVcpu(id))
      vcpu.init({ features: PSCI_0_2 })
      vcpu.registers.pc = BigInt(GUEST_RAM)
      const seed = BigInt(vcpus.length + 1)
      for (const [n, value] of start(seed)) vcpu.registers.x[n] = value
      vcpus.push(vcpu)
      host.scheduler.spawnVcpu(vcpu, (exit) => {
        throw new Error(`${name}${id}: ${JSON.stringify(exit, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}`)
      })
      all.push({ name: `vm ${name}, vcpu ${id}`, alone: new Alone(GUEST.alone, GUEST_RAM, seed, true), registers: () => ofVcpu(vcpu) })
    }
  }
  const first = ok(host.createTask())
  ok(host.mapMemory(first, PROGRAM, assemble(HOST.code, PROGRAM), { execute: true }))
  const other = ok(host.createTask())
  ok(host.mapMemory(other, PROGRAM, assemble(HOST.code, PROGRAM), { execute: true }))
  for (const task of isAlone ? [first] : [first, host.createThread(first), other]) {
    const seed = BigInt(100 + tasks.length)
    task.registers.pc = BigInt(PROGRAM)
    for (const [n, value] of start(seed)) task.registers.x[n] = value
    tasks.push(host.scheduler.spawn(task))
    all.push({ name: task.name, alone: new Alone(HOST.alone, PROGRAM, seed, false), registers: () => ofTask(task) })
  }
  return { all, vcpus, tasks }
}
const randomOf = (seed: number) => (below: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return (seed >>> 8) % below
}

interface Storm {
  readonly mode: keyof typeof MODES
  readonly pcpus: number
  readonly engine: Engine
  readonly seed: number
  readonly rounds: number
  /** A single program, which finds its registers where it left them long ago. */
  readonly isAlone?: boolean
  /** The machine has SVE, SME and FPMR, and more programs use them. */
  readonly isScalable?: boolean
}
const USES: readonly Use[] = [{ sve: 32 }, { sve: 64, sme: 16 }, { sme: 32, streaming: true, fa64: true }]
/** Programs that load all registers once, and store them for ever. Gives a check of what was stored last. */
const scalableParties = (host: Host, seed: number): (() => void) => {
  const random = scalableRandom(seed)
  const all = USES.map((use) => {
    const bank = randomBank(random, use)
    const source = `${prepare(use)}\n${pointTo(0)}\n${moveAll(use, "load")}\n${pointTo(OUT)}\nagain:\n${moveAll(use, "store")}\nadd x28, x28, #1\nb =again`
    const data = new Uint8Array(2 * BANK.bytes)
    data.set(bank)
    const program = scalableProgram(host, source, data)
    host.scheduler.spawn(program.task)
    return { ...program, bank, use }
  })
  return () => {
    for (const { task, data, bank, use } of all) {
      expect(task.ended).toBeUndefined()
      if (task.registers.x[28]! > 0n) expect(usedParts(data, use, OUT)).toEqual(usedParts(bank, use))
    }
    expect(all.some(({ task }) => task.registers.x[28]! > 1n)).toBe(true)
  }
}
/** One storm; gives a hash of all events. */
const storm = ({
  mode,
  pcpus,
  engine,
  seed,
  rounds,
  isAlone = false,
  isScalable = false
}: Storm): { hash: number; migrations: number; preemptions: number } => {
  const host = bootSmp({
    mode: MODES[mode],
    pcpus,
    engine,
    isScalable,
    scheduler: { seed, quantum: 61 + (seed % 200), slice: 80 + (seed % 150), migration: "random" }
  })
  const { all, vcpus, tasks } = parties(host, isAlone)
  const checkScalable = isScalable ? scalableParties(host, seed) : () => {}
  const random = randomOf(seed)
  const seen = { migrations: 0, preemptions: 0 }
  const hash = eventHash(host, (event) => {
    if (event.what !== "sched") return
    if (event.kind === "migrate") seen.migrations++
    if (event.kind === "preempt-in-kvm") seen.preemptions++
  })
  const check = (where: string): void => {
    const broken = brokenInvariants(host, vcpus)
    if (broken.length > 0) throw new Error(`${where}: ${broken.join("; ")}`)
  }
  const power = (): void => {
    const index = random(pcpus)
    const on = host.cpus.filter((cpu) => cpu.schedule.power === "on").length
    if (host.cpus[index]!.schedule.power === "off") expect(onlineCpu(host, index)).toBeUndefined()
    else if (host.cpus[index]!.schedule.power === "suspended") expect(resumeCpu(host, index)).toBeUndefined()
    else if (random(2) && on > 1) expect(offlineCpu(host, index)).toBeUndefined()
    else {
      expect(suspendCpu(host, index)).toBeUndefined()
      if (on === 1) expect(resumeCpu(host, index, 1000)).toBeUndefined()
    }
  }
  for (let round = 0; round < rounds; round++) {
    expect(host.scheduler.run(1)).toBe("limit")
    check(`round ${round}`)
    const what = random(12)
    if (what === 0) power()
    else if (what === 1) host.scheduler.setAffinity(tasks[random(tasks.length)]!, random(2) ? undefined : [random(pcpus)])
    else if (what === 2) {
      const cpu = host.cpus[random(pcpus)]!
      const buffer = fpMemory("neon")
      if (cpu.schedule.power === "on")
        cpu.softirqs.push(() => {
          kernelNeonBegin(cpu, buffer)
          for (let n = 0; n < 32; n++) cpu.pe.setV(n, 0xdeadn)
          kernelNeonEnd(cpu, buffer)
        })
    }
    check(`after round ${round}`)
    if (round % 16 !== 15) continue
    expect(host.scheduler.park()).toBeUndefined()
    check(`parked after round ${round}`)
    for (const { name, alone, registers } of all) {
      const found = registers()
      const expected = alone.at(found)
      // the result of a call, for an instruction or two
      expect({ name, ...found, sp: 0n, x: found.x.slice(1) }).toEqual({ name, ...expected, x: expected.x.slice(1) })
    }
  }
  checkScalable()
  return { hash: hash.value, ...seen }
}

describe.each(["vhe", "nvhe", "hvhe", "pkvm"] as const)("storms under %s", (mode) => {
  it.each([1, 2, 3])("of seed %i leave every register alone", (seed) => {
    const { migrations, preemptions } = storm({ mode, pcpus: 1 + seed, engine: seed === 2 ? "jit" : "interp", seed, rounds: 112 })
    expect(migrations).toBeGreaterThan(20)
    expect(preemptions).toBeGreaterThan(20)
  })
})
describe("a program that nobody disturbs", () => {
  it("moves about between CPUs that still have its old registers", () => {
    const { migrations } = storm({ mode: "vhe", pcpus: 3, engine: "interp", seed: 4, rounds: 160, isAlone: true })
    expect(migrations).toBeGreaterThan(20)
  })
})
describe.each(["vhe", "nvhe", "hvhe", "pkvm"] as const)("storms under %s with SVE, SME and FPMR", (mode) => {
  it("leave every register alone", () => {
    const { migrations } = storm({ mode, pcpus: 3, engine: "jit", seed: 21, rounds: 208, isScalable: true })
    expect(migrations).toBeGreaterThan(100)
  })
})
describe("the same seed", () => {
  it("gives the same events again, and in the other engine", () => {
    const first = storm({ mode: "nvhe", pcpus: 3, engine: "interp", seed: 11, rounds: 48 })
    expect(storm({ mode: "nvhe", pcpus: 3, engine: "interp", seed: 11, rounds: 48 })).toEqual(first)
    expect(storm({ mode: "nvhe", pcpus: 3, engine: "jit", seed: 11, rounds: 48 })).toEqual(first)
    expect(storm({ mode: "nvhe", pcpus: 3, engine: "interp", seed: 12, rounds: 48 }).hash).not.toBe(first.hash)
  })
})
