/**
 * Guests with FP, SVE and FPMR beside host programs that use SVE, SME and FPMR, with kernel-mode NEON in softirqs between their exits and migration between
 * two processors: random programs, vector lengths and interruptions, compared with registers that nobody else ever touches. What must hold at each step of the switch is checked there.
 */
import { attachJit, createBoard, executeWord, type Pe, readRegister, registerNamed, startAt } from "@eltwo/cpu"
import { createHost, type FpHooks, type Host, type KvmEvent, kernelNeonBegin, type Mode, SLOT, type Task, TIF, type Vcpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, DATA, GUEST_RAM, guest, isaWithoutSme, PROGRAM, program, RAM, scalableIsa } from "../plugins/vhe/test/machine.ts"
import { MODES } from "./vm-guests/modes.ts"

/** A reproducible choice. */
class Random {
  #state: number
  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) | 1
  }
  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % limit
  }
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }
}

/** As expect().toBe, but made for being called at every step. */
const must = (what: string, actual: unknown, wanted: unknown): void => {
  if (actual !== wanted) expect({ [what]: actual }).toEqual({ [what]: wanted })
}
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** What a run is about. Lengths in bytes. */
interface Setting {
  readonly hasSme: boolean
  readonly lengths: readonly number[]
  /** Of the vCPU; 0: without SVE. */
  readonly sveMaxVl: number
  readonly guest: readonly string[]
}
const STEPS = 120
const PSCI_VERSION = 0x10003n
const setting = (random: Random): Setting => {
  const lengths = [16, ...Array.from({ length: 15 }, (_, i) => 16 * (i + 2)).filter(() => random.chance(40))]
  const sveMaxVl = random.chance(80) ? random.pick(lengths) : 0
  return { hasSme: random.chance(60), lengths, sveMaxVl, guest: guestProgram(random, sveMaxVl > 0) }
}

/** A program without branches: X9 is the device, X10 to X15 are values, X16 is scratch. */
const guestProgram = (random: Random, hasSve: boolean): readonly string[] => {
  const x = () => `x${10 + random.below(6)}`
  const n = () => random.below(32)
  const p = () => random.below(8)
  const fp: readonly (() => readonly string[])[] = [
    () => [`fmov d${n()}, ${x()}`],
    () => [`fmov ${x()}, d${n()}`],
    () => [`fadd d${n()}, d${n()}, d${n()}`],
    () => [`fmul s${n()}, s${n()}, s${n()}`],
    () => [`add v${n()}.16b, v${n()}.16b, v${n()}.16b`],
    () => [`eor v${n()}.16b, v${n()}.16b, v${n()}.16b`],
    () => [`msr fpcr, ${x()}`],
    () => [`msr fpsr, ${x()}`],
    () => [`mrs ${x()}, fpsr`],
    () => [`msr fpmr, ${x()}`],
    () => [`mrs ${x()}, fpmr`]
  ]
  const sve: readonly (() => readonly string[])[] = [
    () => [`index z${n()}.b, #${random.below(16)}, #${random.below(16)}`],
    () => [`mov z${n()}.d, ${x()}`],
    () => [`add z${n()}.d, z${n()}.d, z${n()}.d`],
    () => [`eor z${n()}.d, z${n()}.d, z${n()}.d`],
    () => [`ptrue p${p()}.${random.pick(["b", "h", "s", "d"])}`],
    () => [`whilelo p${p()}.b, xzr, ${x()}`],
    () => ["setffr"],
    () => [`wrffr p${p()}.b`],
    () => [`rdffr p${p()}.b`],
    () => [`uaddv d${n()}, p${p()}, z${n()}.b`],
    () => [`rdvl ${x()}, #1`],
    () => [`cntp ${x()}, p${p()}, p${p()}.b`],
    () => [`mrs ${x()}, zcr_el1`],
    () => [`mov x16, #${random.below(16)}`, "msr zcr_el1, x16", ...(random.chance(50) ? ["isb"] : [])]
  ]
  const plain: readonly (() => readonly string[])[] = [
    () => [`add ${x()}, ${x()}, ${x()}`],
    () => [`movk ${x()}, #${random.below(0x10000)}, lsl #${16 * random.below(4)}`],
    () => [`str ${x()}, [x9, #${8 * random.below(32)}]`],
    () => ["movz x0, #0x8400, lsl #16", "hvc #0"]
  ]
  const prologue = [
    "mov x9, #0x9000000",
    `mov x0, #${hasSve ? 0x330000 : 0x300000}`,
    "msr cpacr_el1, x0",
    "isb",
    ...[10, 11, 12, 13, 14, 15].map((r) => `mov x${r}, #${random.below(0x10000)}`)
  ]
  const steps = Array.from({ length: STEPS }, () => random.pick(random.chance(35) ? plain : hasSve && random.chance(60) ? sve : fp)()).flat()
  return [...prologue, ...steps, "movz x0, #0x8400, lsl #16", "movk x0, #8", "hvc #0"]
}

/** Registers of a guest that has its processor alone. */
interface Registers {
  readonly x: readonly bigint[]
  /** V or Z, P and FFR in the layout of the vCPU's memory. */
  readonly vectors: Uint8Array
  readonly fpsr: bigint
  readonly fpcr: bigint
  readonly fpmr: bigint
  readonly zcr: bigint
}
const vectorsOf = (pe: Pe, sveMaxVl: number): Uint8Array => {
  const vl = sveMaxVl || 16
  const image = new Uint8Array(sveMaxVl ? 34 * vl + vl / 8 : 512)
  for (let n = 0; n < 32; n++) image.set(pe.z(n).subarray(0, vl), n * vl)
  if (sveMaxVl) for (let n = 0; n < 17; n++) image.set(pe.p(n).subarray(0, vl / 8), 32 * vl + (n * vl) / 8)
  return image
}
/** The registers before each instruction. */
const ideal = ({ guest: lines, sveMaxVl, lengths }: Setting): readonly Registers[] => {
  const vectorLengths = lengths.filter((l) => l <= (sveMaxVl || 16)).map((l) => 8 * l)
  const board = createBoard({ isa: isaWithoutSme, ramBase: RAM, ramBytes: 1 << 20, vectorLengths })
  const pe = board.pes[0]!
  startAt(pe, 1, BigInt(RAM))
  const words = new Uint32Array(assemble(lines.join("\n")).buffer)
  const read = (name: string) => readRegister(pe, registerNamed(pe, name))
  return lines.map((line, i) => {
    const before: Registers = {
      x: [...pe.x.subarray(0, 31)],
      vectors: vectorsOf(pe, sveMaxVl),
      fpsr: read("FPSR"),
      fpcr: read("FPCR"),
      fpmr: read("FPMR"),
      zcr: read("ZCR_EL1")
    }
    if (line.startsWith("hvc")) pe.x[0] = PSCI_VERSION
    else if (!line.startsWith("str")) must(line, executeWord(pe, words[i]!).kind, "limit")
    return before
  })
}
const kept = ({ registers, fp, system }: Vcpu, sveMaxVl: number): Registers => {
  const status = new DataView(fp.fpsimd.buffer, fp.fpsimd.byteOffset)
  return {
    x: [...registers.x],
    vectors: fp.sve ?? fp.fpsimd.slice(0, 512),
    fpsr: BigInt(status.getUint32(512, true)),
    fpcr: BigInt(status.getUint32(516, true)),
    fpmr: fp.fpmr,
    zcr: sveMaxVl ? system[SLOT.ZCR_EL1]! : 0n
  }
}

const compare = (at: number, actual: Registers, wanted: Registers): void => {
  for (let n = 0; n < 31; n++) must(`X${n} before instruction ${at}`, actual.x[n], wanted.x[n])
  for (const name of ["fpsr", "fpcr", "fpmr", "zcr"] as const) must(`${name} before instruction ${at}`, actual[name], wanted[name])
  if (!same(actual.vectors, wanted.vectors)) expect({ at, vectors: actual.vectors }).toEqual({ at, vectors: wanted.vectors })
}

/** Bits of what the program uses before a KVM_RUN. */
const USES = { SVE: 1, SME: 2, STREAMING: 4 } as const
/** Where its data page has what, in bytes; a vector has at most 64, a row of ZA 32. */
const AT = {
  uses: 8,
  fpcr: 16,
  fpsr: 24,
  fpmr: 32,
  done: 40,
  status: 64,
  z: 0x400,
  p: 0xc00,
  za: 0x1000,
  zOut: 0x1400,
  pOut: 0x1c00,
  zaOut: 0x2000
} as const
const DATA_BYTES = 0x2400
const all = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join("\n")
const rows = (verb: "ldr" | "str", from: number): string => `
  rdsvl x26, #1
  mov w12, #0
  add x25, x21, #${from >> 12}, lsl #12
  add x25, x25, #${from & 0xfff}
${verb}rows:
  ${verb} za[w12, 0], [x25]
  add x25, x25, x26
  add w12, w12, #1
  cmp w12, w26
  b.ne =${verb}rows`
const pointer = (register: string, at: number): string => `add ${register}, x21, #${at >> 12}, lsl #12\nadd ${register}, ${register}, #${at & 0xfff}`
/** Loads its registers from its data, calls KVM_RUN on descriptor X20, stores them, and writes to descriptor 1; until told that it is done. */
const hostProgram = (hasSme: boolean): string => `
  mov x21, #${DATA}
again:
  ldr x22, [x21, #${AT.uses}]
  ldr x1, [x21, #${AT.fpmr}]
  msr fpmr, x1
  ldr x1, [x21, #${AT.fpcr}]
  msr fpcr, x1
  ${pointer("x23", AT.z)}
  ${pointer("x24", AT.p)}
  tbnz x22, #0, =vectors
  ${all(32, (n) => `ldr q${n}, [x23, #${16 * n}]`)}
  b =loaded
vectors:
  ldr p0, [x24, #16, mul vl]
  wrffr p0.b
  ${all(32, (n) => `ldr z${n}, [x23, #${n}, mul vl]`)}
  ${all(16, (n) => `ldr p${n}, [x24, #${n}, mul vl]`)}
loaded:
  ldr x1, [x21, #${AT.fpsr}]
  msr fpsr, x1
  ${hasSme ? `tbz x22, #1, =ready\nsmstart za\n${rows("ldr", AT.za)}\nready:\ntbz x22, #2, =call\nsmstart sm\ncall:` : ""}
  mov x0, x20
  mov x1, #0xae80
  mov x2, #0
  mov x8, #29
  svc #0
  ${pointer("x23", AT.zOut)}
  ${pointer("x24", AT.pOut)}
  mrs x1, fpsr
  mrs x2, fpcr
  mrs x3, fpmr
  stp x1, x2, [x21, #${AT.status}]
  str x3, [x21, #${AT.status + 16}]
  ${all(32, (n) => `str q${n}, [x23, #${16 * n}]`)}
  tbz x22, #0, =stored
  ${all(32, (n) => `str z${n}, [x23, #${n}, mul vl]`)}
  ${all(16, (n) => `str p${n}, [x24, #${n}, mul vl]`)}
  rdffr p0.b
  str p0, [x24, #16, mul vl]
stored:
  ${hasSme ? `tbz x22, #1, =report\n${rows("str", AT.zaOut)}\nsmstop za\nreport:` : ""}
  mov x0, #1
  mov x1, x21
  mov x2, #8
  mov x8, #64
  svc #0
  ldr x1, [x21, #${AT.done}]
  cbz x1, =again
  mov x0, #0
  mov x8, #94
  svc #0`

const HOST_PROGRAMS = { sme: assemble(hostProgram(true), PROGRAM), plain: assemble(hostProgram(false), PROGRAM) } as const

/** FPSR after PSTATE.SM has changed. */
const FPSR_AFTER_SM = 0x0800009fn
const FPCR_BITS = 0x07c80000n
const FPSR_BITS = 0xf800009fn
const FPMR_BITS = 0x3f_ff7f_c1ffn
/** Fills a program's data, and checks what it finds in its registers after a system call. */
class HostData {
  readonly #random: Random
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #hasSme: boolean
  readonly #vl: number

  constructor(random: Random, bytes: Uint8Array, hasSme: boolean, vl: number) {
    this.#random = random
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#hasSme = hasSme
    this.#vl = vl
  }
  fill(): void {
    const random = this.#random
    this.#bytes.set(random.bytes(AT.zOut - AT.z), AT.z)
    this.#bytes.fill(0xee, AT.zOut)
    const sme = this.#hasSme && random.chance(40) ? USES.SME : 0
    const streaming = this.#hasSme && random.chance(20) ? USES.STREAMING : 0
    this.#set(AT.uses, BigInt((random.chance(70) ? USES.SVE : 0) | sme | streaming))
    const word = () => BigInt(random.below(0x7fffffff)) * 0x1_0001n
    this.#set(AT.fpcr, word() & FPCR_BITS)
    this.#set(AT.fpsr, word() & FPSR_BITS)
    this.#set(AT.fpmr, word() & FPMR_BITS)
  }
  finish(): void {
    this.#set(AT.done, 1n)
  }
  check(): void {
    const uses = Number(this.#get(AT.uses))
    const streaming = (uses & USES.STREAMING) !== 0
    const [sve, vl] = [(uses & USES.SVE) !== 0, this.#vl]
    const stride = sve ? vl : 16
    for (let n = 0; n < 32; n++) {
      const out = this.#bytes.subarray(AT.zOut + n * stride, AT.zOut + (n + 1) * stride)
      const expected = new Uint8Array(stride)
      if (!streaming) expected.set(this.#bytes.subarray(AT.z + n * stride, AT.z + n * stride + 16))
      if (!same(out, expected)) expect([`Z${n}`, ...out]).toEqual([`Z${n}`, ...expected])
    }
    if (sve)
      must(
        "P and FFR are zero",
        this.#bytes.subarray(AT.pOut, AT.pOut + (17 * vl) / 8).every((byte) => byte === 0),
        true
      )
    expect([0, 8, 16].map((at) => this.#get(AT.status + at))).toEqual([
      streaming ? FPSR_AFTER_SM : this.#get(AT.fpsr),
      this.#get(AT.fpcr),
      streaming ? 0n : this.#get(AT.fpmr)
    ])
    if (uses & USES.SME) must("ZA", same(this.#bytes.subarray(AT.zaOut, AT.zaOut + 1024), this.#bytes.subarray(AT.za, AT.za + 1024)), true)
  }
  #get(at: number): bigint {
    return this.#view.getBigUint64(at, true)
  }
  #set(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true)
  }
}

/** A second program, which is only ever interrupted: it counts in X1 and in every byte of Z1. */
const COUNTER = `
  ptrue p3.b
  setffr
  mov z1.b, #0
  mov z2.b, #1
  mov x1, #0
again:
  add x1, x1, #1
  add z1.b, z1.b, z2.b
  b =again`
const COUNTER_BYTES = assemble(COUNTER, PROGRAM)
const checkCounter = ({ fp, registers: { x } }: Task): void => {
  const vl = fp.vl.sve
  const [first, ...others] = fp.sve!.subarray(vl, 2 * vl)
  expect(others.every((byte) => byte === first)).toBe(true)
  expect([Number(x[1]! & 0xffn), Number((x[1]! - 1n) & 0xffn)]).toContain(first)
  expect(fp.sve!.subarray(34 * vl, 34 * vl + vl / 8).every((byte) => byte === 0xff)).toBe(true)
}

/** Words of CPTR_EL2 in a guest. */
const WORDS = {
  cpacr: { free: 0x50000000n, fp: 0x50300000n, sve: 0x50330000n },
  classic: { free: 0x401037ffn, fp: 0x401033ffn, sve: 0x401032ffn }
} as const
const HCR_VM = 1n
/** What must hold at the exception returns of a run. */
const checkReturn = (host: Host, vcpu: Vcpu, e: Extract<KvmEvent, { what: "eret" }>): void => {
  const cpu = host.cpus[e.cpu]!
  const { pe, current, last } = cpu
  const { controls } = pe
  const { slot } = controls
  const foreign = current!.has(TIF.FOREIGN_FPSTATE)
  const isProtected = host.mode.name === "pkvm"
  if (e.to.startsWith("guest")) {
    const owned = cpu.fpOwner === "guest"
    const words = WORDS[host.mode.trapSpelling]
    must("CPTR_EL2", e.cptr, owned ? (vcpu.fp.vl.sve ? words.sve : words.fp) : words.free)
    must("SVCR", pe.svcr, 0)
    must("registers of the guest that are somebody else's too", owned && foreign && last.st !== null, false)
    if (owned && vcpu.fp.vl.sve) must("ZCR_EL2", controls.inForce(slot.ZCR_EL2), BigInt(vcpu.fp.vl.sve / 16 - 1))
  } else if (e.to === "host-el0") {
    // a protected host is behind a stage 2 itself
    must("HCR_EL2.VM", e.hcr & HCR_VM, isProtected ? HCR_VM : 0n)
    must("FOREIGN_FPSTATE", foreign, false)
    must("bound to the program", last.st === current!.fp && last.toSave, "CURRENT")
    const enables = host.mode.hostEl === 2 ? e.cptr : e.cpacr
    must("ZEN", (enables >> 16n) & 3n, current!.has(TIF.SVE) ? 3n : 1n)
    if (current!.has(TIF.SVE) && !(pe.svcr & 1)) must("vector length", pe.vectorBits / 8, current!.fp.vl.sve)
    if (host.mode.hostEl === 1) must("VTTBR_EL2 is the host's", controls.inForce(slot.VTTBR_EL2) !== 0n, isProtected)
  }
}
/** The hooks, with what must hold after each, and softirqs that use NEON after exits. */
const checkedHooks = (hooks: FpHooks, random: Random): FpHooks => ({
  load(cpu, vcpu) {
    hooks.load(cpu, vcpu)
    must("processors that the vCPU is loaded on", vcpu.vm.host.cpus.filter(({ loaded }) => loaded === vcpu).length, 1)
    must("after vcpu_load: bound to nobody", cpu.current!.has(TIF.FOREIGN_FPSTATE) && cpu.last.st, null)
    must("after vcpu_load: owner", cpu.fpOwner, "free")
    must("after vcpu_load: SVCR", cpu.pe.svcr, 0)
  },
  ctxFlush(cpu, vcpu) {
    hooks.ctxFlush(cpu, vcpu)
    must("before the entry: owner without registers", cpu.current!.has(TIF.FOREIGN_FPSTATE) && cpu.fpOwner !== "free", false)
  },
  ctxSync(cpu, vcpu) {
    hooks.ctxSync(cpu, vcpu)
    const { sve } = vcpu.fp.vl
    if (cpu.fpOwner === "guest") {
      const { last } = cpu
      must("after the exit: FOREIGN_FPSTATE", cpu.current!.has(TIF.FOREIGN_FPSTATE), false)
      must("after the exit: bound to the vCPU", last.st === vcpu.fp && last.toSave, sve ? "SVE" : "FPSIMD")
      must("after the exit: bound length", last.sveVl, sve)
      if (sve) must("after the exit: vector length", cpu.vectorLength(), sve)
    }
    if (random.chance(30))
      cpu.softirqs.push(() => {
        kernelNeonBegin(cpu)
        const noise = random.bytes(528)
        noise.fill(0, 512)
        cpu.port.load("fpsimd", noise)
      })
  },
  put(cpu, vcpu) {
    const owned = cpu.fpOwner === "guest"
    hooks.put(cpu, vcpu)
    must("after vcpu_put: bound to the vCPU", cpu.last.st === vcpu.fp, false)
    must("after vcpu_put: registers of the guest live", owned && !cpu.current!.has(TIF.FOREIGN_FPSTATE), false)
  }
})

const CPUS = 2
/** One run of a setting: how many exits, and which registers the guest had at its end. */
const switched = (
  seed: number,
  { hasSme, lengths, sveMaxVl, guest: lines }: Setting,
  expected: readonly Registers[],
  mode: Mode,
  engine: "interp" | "jit"
) => {
  const random = new Random(seed)
  const streamingVectorLengths = hasSme ? { streamingVectorLengths: [256] } : {}
  const isa = hasSme ? scalableIsa : isaWithoutSme
  const board = createBoard({ isa, ramBase: RAM, ramBytes: 32 << 20, pes: CPUS, vectorLengths: lengths.map((l) => 8 * l), ...streamingVectorLengths })
  if (engine === "jit") attachJit(board, { hot: 1 })
  const host = createHost({ board, mode, engine })
  const { vcpu } = guest(assemble(lines.join("\n")), { host, sveMaxVl })
  Object.assign(host, { hooks: checkedHooks(host.hooks, random) })
  const { task, data } = program(host, HOST_PROGRAMS[hasSme ? "sme" : "plain"], new Uint8Array(DATA_BYTES))
  const other = program(host, COUNTER_BYTES).task
  task.registers.x[20] = BigInt(task.open(vcpu.file))
  const own = new HostData(random, data, hasSme, task.fp.vl.sve)
  own.fill()
  let exits = 0
  const entered = new Set<number>()
  task.files.set(1, {
    write(bytes) {
      own.check()
      own.fill()
      if (typeof vcpu.lastExit === "object" && vcpu.lastExit.reason === "systemEvent") own.finish()
      return bytes.length
    }
  })
  host.subscribe((e) => {
    if (e.what === "eret") checkReturn(host, vcpu, e)
    if (e.what === "eret" && e.to.startsWith("guest")) entered.add(e.cpu)
    if (e.what !== "exit") return
    exits++
    const at = Number(vcpu.registers.pc - BigInt(GUEST_RAM)) / 4
    // behind the last call there is nothing
    if (expected[at]) compare(at, kept(vcpu, sveMaxVl), expected[at])
  })
  for (let turns = 0; !task.ended; turns++) {
    must("ends", turns < 5000, true)
    // whoever is next goes on on another processor, or on the same
    if (random.chance(30)) host.useCpu(random.below(CPUS))
    must("runs", ["limit", "ended"].includes(host.runTask(task, 20 + random.below(200)) as string), true)
    if (random.chance(30)) must("the counter", host.runTask(other, 5 + random.below(200)), "limit")
  }
  expect(host.runTask(other, 10)).toBe("limit")
  expect(host.runTask(host.vmm, 1)).toBe("limit")
  checkCounter(other)
  expect(task.ended).toEqual({ status: 0 })
  expect(host.cpus.flatMap(({ warnings }) => warnings)).toEqual([])
  expect(vcpu.lastExit).toMatchObject({ reason: "systemEvent" })
  expect(entered.size).toBe(CPUS)
  return exits
}

/** Seeds of the runs: with and without SVE in the guest, with and without SME in the host. */
const RUNS = [2, 7, 13].map((seed) => {
  const chosen = setting(new Random(seed))
  return { seed, chosen, expected: ideal(chosen) }
})
describe.each(MODES)("FP state, $banner", (mode) => {
  it.each(["interp", "jit"] as const)("is everybody's own, whoever else uses the registers: %s", (engine) => {
    const exits = RUNS.map(({ seed, chosen, expected }) => switched(seed, chosen, expected, mode, engine))
    expect(Math.min(...exits)).toBeGreaterThan(7)
  })
})
it("The runs differ in what guest and host have", () => {
  expect(new Set(RUNS.map(({ chosen: { sveMaxVl } }) => sveMaxVl > 0)).size).toBe(2)
  expect(new Set(RUNS.map(({ chosen: { hasSme } }) => hasSme)).size).toBe(2)
})
