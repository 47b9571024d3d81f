/** First uses of SVE and SME by host programs, system calls, vector lengths, exec, fork, power states: step by step. */
import { PE } from "@eltwo/cpu"
import { base, composeOrThrow, EC } from "@eltwo/isa"
import { type Host, type KvmEvent, type PhysicalCpu, type Task, TIF } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"
import { smeAccess, sveAccess } from "../src/host/access-traps.ts"
import { offlineCpu, onlineCpu, resumeCpu, suspendCpu } from "../src/host/cpu-power.ts"
import { switchTo } from "../src/host/entry.ts"
import { execTask } from "../src/host/exec.ts"
import { fpMemory } from "../src/host/fp-memory.ts"
import { flushTaskState, isLive, restoreCurrentState, saveAndFlushCpuState } from "../src/host/fpstate.ts"
import { kernelNeonBegin, kernelNeonEnd } from "../src/host/kernel-neon.ts"
import { setTaskLength } from "../src/host/task-vectors.ts"
import { bootScalable, DATA, EXIT, type MachineOptions, PROGRAM, scalableProgram, syscall } from "./scalable-machine.ts"

/** A host with one program, run for `instructions` or to its end. */
const started = (
  source: string,
  options: MachineOptions = {},
  instructions = 10_000
): { host: Host; cpu: PhysicalCpu; task: Task; data: Uint8Array } => {
  const host = bootScalable(options)
  const { task, data } = scalableProgram(host, `mov x20, #${DATA}\n${source}\n${EXIT}`, new Uint8Array(0x2000))
  const stop = host.runTask(task, instructions)
  if (typeof stop !== "string") throw new Error(stop.message)
  return { host, cpu: host.cpu, task, data }
}
const words = (data: Uint8Array, at: number, count: number): readonly bigint[] => [...new BigUint64Array(data.slice(at, at + 8 * count).buffer)]
/** Runs kernel code as a system call of the task, which is current and live. */
const inCall = <T>(host: Host, task: Task, code: (cpu: PhysicalCpu) => T): T => {
  let result: { readonly value: T } | undefined
  task.files.set(9, {
    ioctl: () => {
      result = { value: code(host.cpu) }
      return 0
    }
  })
  const stop = host.runTask(task, 1000)
  if (!result) throw new Error(JSON.stringify(stop, (_, v) => (typeof v === "bigint" ? v.toString() : v)))
  return result.value
}
const CALL = `mov x0, #9\nmov x1, #0\n${syscall(29)}`
/** What governs the host's EL0 under VHE: the value in force. */
const inForce = ({ pe: { controls } }: PhysicalCpu, register: "ZCR_EL2" | "SMCR_EL2" | "CPTR_EL2"): bigint =>
  controls.inForce(controls.slot[register])
/** Bytes of V0. */
const FILL = "movi v0.16b, #0x5a"
const ONES = 0x5a5a5a5a5a5a5a5an

describe("the first SVE instruction", () => {
  it("keeps V and finds the rest zero, whatever was there before", () => {
    const { host, task, data } = started(`${FILL}\nptrue p0.b\nstr z0, [x20]\nagain:\nb =again`, {}, 20)
    expect(words(data, 0, 8)).toEqual([ONES, ONES, 0n, 0n, 0n, 0n, 0n, 0n])
    expect([task.fp.vl.sve, task.fp.sve!.length]).toEqual([64, 34 * 64 + 8])
    expect(inForce(host.cpu, "ZCR_EL2")).toBe(3n)
    expect(isLive(host.cpu, task)).toBe(true)
  })
  it("after its registers went away: memory is made SVE, and no CPU has it", () => {
    const { host, task, data } = started(`${FILL}\n${CALL}\nstr z0, [x20]\nagain:\nb =again`, {}, 3)
    inCall(host, task, (cpu) => {
      saveAndFlushCpuState(cpu)
      // the trap of an instruction is handled with the registers gone; the CPU was this one
      expect(sveAccess(cpu, task)).toBe("resume")
      expect([task.fp.fpType, task.fpsimdCpu, task.has(TIF.SVE)]).toEqual(["SVE", -1, true])
    })
    host.runTask(task, 5)
    expect(words(data, 0, 4)).toEqual([ONES, ONES, 0n, 0n])
  })
  it("where another CPU ran it meanwhile: what is stale here stays unused", () => {
    const { host, task } = started(`${FILL}\n${CALL}\nagain:\nb =again`, { pes: 2 }, 3)
    inCall(host, task, (cpu) => {
      saveAndFlushCpuState(cpu)
      cpu.last.st = task.fp
      task.fpsimdCpu = cpu.index
      sveAccess(cpu, task)
      expect(isLive(cpu, task)).toBe(false)
    })
  })
  it("kills when there is no memory", () => {
    const host = bootScalable()
    const { task } = scalableProgram(host, `nop\nptrue p0.b\n${EXIT}`)
    host.runTask(task, 1)
    host.cpu.failAllocations = 1
    expect([host.runTask(task, 10), task.ended]).toMatchObject(["ended", { signal: "SIGKILL" }])
  })
  it("twice is reported", () => {
    const { host, task } = started(`ptrue p0.b\n${CALL}`, {}, 2)
    inCall(host, task, (cpu) => sveAccess(cpu, task))
    expect(host.cpu.warnings).toEqual([`${task.name} trapped on SVE although it may use it`])
  })
})
describe("the first SME instruction", () => {
  it("opens SME, with memory for ZA", () => {
    const { host, task } = started("smstart za\nagain:\nb =again", {}, 5)
    expect([task.has(TIF.SME), task.has(TIF.SVE), task.fp.vl.sme, task.fp.sme!.length]).toEqual([true, false, 32, 32 * 32 + 64])
    expect([host.cpu.pe.svcr, inForce(host.cpu, "SMCR_EL2")]).toEqual([2, 0xc0000001n])
  })
  it.each([
    ["smstart sm\nsmstop sm\nzero {za}", 3],
    ["smstart sm\nldr za[w12, 0], [x20]", 3],
    ["smstart sm\nldr zt0, [x20]", 3],
    ["smstart za\nfmopa za0.s, p0/m, p0/m, z0.s, z1.s", 2]
  ])("%s is SIGILL: the mode is wrong", (source, reason) => {
    const { task } = started(source)
    expect(task.ended).toMatchObject({ signal: "SIGILL" })
    const { esr } = task.ended as { esr: bigint }
    expect([Number(esr >> 26n), Number(esr & 7n)]).toEqual([EC.SMEAccess, reason])
  })
  it("looks at the reason only: reserved bits of the syndrome mean nothing", () => {
    const { host, task } = started(CALL, {}, 1)
    inCall(host, task, (cpu) => {
      expect(smeAccess(cpu, task, 4)).toBe("SIGILL")
      expect(smeAccess(cpu, task, 0x100008)).toBe("resume")
    })
  })
  it("after its registers went away binds nothing", () => {
    const { host, task } = started(CALL, {}, 1)
    inCall(host, task, (cpu) => {
      saveAndFlushCpuState(cpu)
      cpu.last.st = task.fp
      smeAccess(cpu, task, 0)
      expect([task.fpsimdCpu, isLive(cpu, task)]).toEqual([-1, false])
    })
  })
})

describe("a system call", () => {
  it("zeroes what is not V, and leaves SVE open", () => {
    const { task, data } = started(`ptrue p1.b\nmov z1.b, #7\n${syscall(178)}\nstr z1, [x20]\nstr p1, [x20, #32, mul vl]\nagain:\nb =again`, {}, 20)
    expect(words(data, 0, 5)).toEqual([0x0707070707070707n, 0x0707070707070707n, 0n, 0n, 0n])
    expect([words(data, 256, 1), task.has(TIF.SVE)]).toEqual([[0n], true])
  })
  it("closes SVE when its registers came back from memory as FPSIMD", () => {
    const { host, task } = started(`ptrue p1.b\nmov z1.b, #7\n${CALL}\nagain:\nb =again`, {}, 3)
    inCall(host, task, (cpu) => saveAndFlushCpuState(cpu))
    expect([task.has(TIF.SVE), task.fp.fpType, inForce(host.cpu, "CPTR_EL2") >> 16n]).toEqual([false, "FPSIMD", 0x131n])
  })
  it("ends streaming mode with all that follows, and keeps ZA, ZT0 and TPIDR2_EL0", () => {
    const { data } = started(
      `smstart
       mov x1, #0x41
       msr fpmr, x1
       msr tpidr2_el0, x1
       mov w12, #0
       ptrue p0.b
       mov z1.b, #7
       str z1, [x20]
       ldr za[w12, 0], [x20]
       ldr zt0, [x20]
       ${syscall(178)}
       mrs x1, svcr
       str x1, [x20, #512]
       mrs x1, fpmr
       str x1, [x20, #520]
       mrs x1, fpsr
       str x1, [x20, #528]
       mrs x1, tpidr2_el0
       str x1, [x20, #536]
       str q1, [x20, #544]
       str za[w12, 0], [x20]
       add x1, x20, #256
       str zt0, [x1]`
    )
    expect(words(data, 512, 6)).toEqual([2n, 0n, 0x0800009fn, 0x41n, 0n, 0n])
    expect([words(data, 0, 4), words(data, 256, 4)]).toEqual([Array(4).fill(0x0707070707070707n), Array(4).fill(0x0707070707070707n)])
  })
})

describe("prctl", () => {
  const call = (option: number, argument: number): string =>
    `mov x0, #${option}\nmovz x1, #${argument & 0xffff}\nmovk x1, #${argument >> 16}, lsl #16\n${syscall(167)}\nstr x0, [x20], #8`
  const results = (calls: readonly (readonly [number, number])[], options: MachineOptions = {}): readonly bigint[] => {
    const { data } = started(calls.map(([option, argument]) => call(option, argument)).join("\n"), options)
    return [...new BigInt64Array(data.slice(0, 8 * calls.length).buffer)]
  }
  const [INHERIT, ONEXEC] = [1 << 17, 1 << 18]
  it("says and sets lengths: the nearest that there is", () => {
    expect(
      results([
        [51, 0],
        [50, 16],
        [51, 0],
        [50, 48],
        [50, 8192],
        [50, 128 | INHERIT],
        [51, 0],
        [50, 64 | ONEXEC],
        [51, 0],
        [64, 0],
        [63, 256],
        [63, 16 | INHERIT]
      ])
    ).toEqual([64, 16, 16, 32, 256, 128 | INHERIT, 128 | INHERIT, 64, 128, 32, 256, 16 | INHERIT].map(BigInt))
  })
  it.each([[[50, 0]], [[50, 8]], [[50, 24]], [[50, 8208]], [[50, 64 | (1 << 19)]], [[63, 0]], [[65, 16]]] as const)("refuses %j", (wrong) => {
    expect(results([wrong])).toEqual([-22n])
  })
  it("refuses what the machine has not", () => {
    expect(results([[63, 32]], { machine: composeOrThrow([base, fpsimd, sve, fpmr]), smeVls: [] })).toEqual([-22n])
  })
  it("without memory changes nothing", () => {
    const { host, task } = started(`smstart\nptrue p0.b\nmov z1.b, #7\n${CALL}\nagain:\nb =again`, {}, 4)
    inCall(host, task, (cpu) => {
      const before = [task.fp.vl.sve, task.fp.vl.sme, task.fp.sve, task.fp.sme]
      cpu.failAllocations = 1
      expect(setTaskLength(cpu, task, "sve", 128, 0)).toBe("ENOMEM")
      cpu.failAllocations = 1
      expect(setTaskLength(cpu, task, "sme", 128, 0)).toBe("ENOMEM")
      expect([task.fp.vl.sve, task.fp.vl.sme, task.fp.sve, task.fp.sme]).toEqual(before)
      expect(isLive(cpu, task)).toBe(true)
    })
  })
  it("of SVE leaves ZA alone, of SME switches it off", () => {
    const { host, task } = started(`smstart za\n${CALL}\nagain:\nb =again`, {}, 2)
    inCall(host, task, (cpu) => {
      setTaskLength(cpu, task, "sve", 128, 0)
      expect(task.fp.svcr).toBe(2n)
      setTaskLength(cpu, task, "sme", 128, 0)
      expect([task.fp.svcr, task.fp.sme!.length]).toEqual([0n, 128 * 128 + 64])
    })
  })
})

describe("exec", () => {
  it("forgets all FP state, and takes the length asked for", () => {
    const { host, task } = started(`smstart\nptrue p0.b\nmov x1, #0x41\nmsr fpmr, x1\n${CALL}\nagain:\nb =again`, {}, 5)
    task.vlOnexec.sve = 128
    inCall(host, task, (cpu) => execTask(cpu, task, { pc: BigInt(PROGRAM + 4 * 9), sp: 0n }))
    const { fp } = task
    expect([fp.fpmr, fp.svcr, fp.sve, fp.sme, fp.vl, fp.fpType, task.flags & (TIF.SVE | TIF.SME)]).toEqual([
      0n,
      0n,
      null,
      null,
      { sve: 128, sme: 32 },
      "FPSIMD",
      0
    ])
    expect([host.cpu.pe.doublewords[PE.FPMR >> 3], host.cpu.pe.svcr, inForce(host.cpu, "CPTR_EL2") >> 16n, task.vlOnexec.sve]).toEqual([
      0n,
      0,
      0x131n,
      0
    ])
  })
})

describe("clone", () => {
  const cloned = (flags: number): { parent: Task; child: Task; host: Host } => {
    const { host, task } = started(
      `smstart za\nmov x1, #5\nmsr tpidr2_el0, x1\nmov w12, #0\nldr za[w12, 0], [x20]\nldr zt0, [x20]\nmov x0, #${flags}\nmov x1, #0\n${syscall(220)}\nagain:\nb =again`,
      {},
      30
    )
    const child = [...host.tasks.values()].at(-1)!
    return { parent: task, child, host }
  }
  it("gives a process ZA, ZT0 and TPIDR2_EL0", () => {
    const { parent, child, host } = cloned(0)
    host.runTask(child, 3)
    expect([child.fp.svcr, child.tpidr2, child.fp.svcr, host.cpu.pe.svcr]).toEqual([2n, 5n, 2n, 2])
    expect([child.fp.sme, child.has(TIF.SME), child.has(TIF.SVE)]).toEqual([parent.fp.sme, true, false])
    expect(child.fp.sme).not.toBe(parent.fp.sme)
  })
  it("lets the child run where the scheduler lets it", () => {
    const host = bootScalable({ pes: 2 })
    const { task, data } = scalableProgram(
      host,
      `mov x20, #${DATA}\nmov x0, #0x100\nmov x1, #0\n${syscall(220)}\ncbz x0, =child\nptrue p0.b\nmov z1.b, #7\nwait:\nldr x2, [x20]\ncbz x2, =wait\nstr z1, [x20, #1, mul vl]\n${EXIT}\nchild:\nmov z1.b, #1\nmov x1, #1\nstr x1, [x20]\n${syscall(93)}`
    )
    host.scheduler.spawn(task)
    host.scheduler.run(300_000)
    expect([task.ended, ...[...host.tasks.values()].slice(2).map(({ ended }) => ended)]).toEqual([
      { status: expect.any(Number) },
      { status: expect.any(Number) }
    ])
    expect(words(data, 64, 1)).toEqual([0x0707070707070707n])
  })
  it("gives a thread neither", () => {
    const { parent, child, host } = cloned(0x100)
    host.runTask(child, 3)
    expect([child.fp.svcr, child.tpidr2, host.cpu.pe.svcr, child.has(TIF.SME)]).toEqual([0n, 0n, 0, false])
    expect([child.space === parent.space, child.fp.vl]).toEqual([true, parent.fp.vl])
  })
})

describe("registers in an unexpected length", () => {
  it("cannot be saved: the task is killed", () => {
    const { host, task } = started(`ptrue p0.b\nagain:\nb =again`, {}, 3)
    const { cpu } = host
    cpu.softirqs.push(() => cpu.write("ZCR_EL1", 1n))
    cpu.pe.lines.irq = true
    cpu.pe.attention = true
    expect(host.runTask(task, 1)).toBe("limit")
    host.inKernel(() => {})
    expect([host.runTask(task, 10), task.ended]).toMatchObject(["ended", { signal: "SIGKILL" }])
    expect(host.cpu.warnings).toEqual(["Vectors of 32 bytes are live where 64 are expected"])
  })
})

/** What the kernel does to FP state, in the words of a recording of the real one. */
const stepsOf = (events: readonly KvmEvent[]): readonly string[] =>
  events.flatMap((e) => {
    if (e.what === "msr" || e.what === "mrs") return [`${e.what} ${e.register} ${e.value.toString(16)}`]
    if (e.what === "save" || e.what === "load") return [`${e.what} ${e.component}`]
    return e.what === "smstop" ? [`smstop ${e.which}`] : e.what === "exc" ? [`exc ${e.ec.toString(16)}`] : []
  })
describe("the steps of the kernel", () => {
  it("are those of the real one: first SVE instruction, call, save, load, bind", () => {
    const { host, task } = started(`${CALL}\nptrue p0.b\n${CALL}\nptrue p0.b\nagain:\nb =again`, {}, 1)
    const events: KvmEvent[] = []
    task.files.set(9, {
      ioctl: () => {
        saveAndFlushCpuState(host.cpu)
        return 0
      }
    })
    host.subscribe((e) => events.push(e))
    host.runTask(task, 20)
    expect(stepsOf(events)).toEqual([
      // a call of a program without SVE
      "exc 15",
      "smstop sm",
      "mrs FPMR 0",
      "mrs SVCR 0",
      "save fpsimd",
      "smstop sm+za",
      "msr SVCR 0",
      "msr FPMR 0",
      "load fpsimd",
      // its first SVE instruction: EL0 is opened
      "exc 19",
      "mrs ZCR_EL1 0",
      "msr ZCR_EL1 3",
      "msr CPACR_EL1 1330000",
      // a call with SVE: what is saved is V alone, and return to user closes SVE again
      "exc 15",
      "smstop sm",
      "mrs FPMR 0",
      "mrs SVCR 0",
      "save fpsimd",
      "smstop sm+za",
      "msr SVCR 0",
      "msr FPMR 0",
      "load fpsimd",
      "msr CPACR_EL1 1310000",
      // the length is still there
      "exc 19",
      "mrs ZCR_EL1 3",
      "msr CPACR_EL1 1330000"
    ])
  })
  it("after a guest's resting word close SME first, then SVE", () => {
    const { host, task, cpu } = started(`${CALL}\nagain:\nb =again`, {}, 1)
    const events: KvmEvent[] = []
    task.files.set(9, {
      ioctl: () => {
        saveAndFlushCpuState(cpu)
        cpu.write("CPACR_EL1", host.trapWords.rest)
        return 0
      }
    })
    host.subscribe((e) => events.push(e))
    host.runTask(task, 10)
    expect(stepsOf(events).slice(-3)).toEqual(["load fpsimd", "msr CPACR_EL1 1330000", "msr CPACR_EL1 1310000"])
  })
})

describe("the order of loading", () => {
  it("is lengths, SVCR, ZA, FPMR, vectors", () => {
    const { host, task } = started("smstart\nptrue p0.b\nmov x1, #0x41\nmsr fpmr, x1\nagain:\nb =again", {}, 8)
    host.inKernel(() => {})
    const events: KvmEvent[] = []
    host.subscribe((e) => events.push(e))
    host.runTask(task, 1)
    const from = events.findLastIndex((e) => e.what === "mrs" && e.register === "SMCR_EL1")
    const steps = events
      .slice(from)
      .flatMap((e) => (e.what === "msr" ? [`${e.register}=${e.value.toString(16)}`] : e.what === "load" ? [e.component] : []))
    expect(steps).toEqual(["SVCR=3", "za", "zt", "FPMR=41", "sve", "CPACR_EL1=3310000"])
  })
})

describe("power states", () => {
  it("of a CPU that goes: its task goes on elsewhere, and is not taken for live when the CPU is back", () => {
    const { host, task } = started(`ptrue p0.b\nmov z1.b, #7\nwait:\nldr x2, [x20]\ncbz x2, =wait\nstr z1, [x20, #1, mul vl]`, { pes: 2 }, 0)
    host.useCpu(1)
    host.runTask(task, 20)
    expect(isLive(host.cpus[1]!, task)).toBe(true)
    host.useCpu(0)
    host.inKernel(() => {})
    host.runTask(task, 3)
    expect([offlineCpu(host, 1), onlineCpu(host, 1)]).toEqual([undefined, undefined])
    expect([isLive(host.cpus[1]!, task), isLive(host.cpus[0]!, task)]).toEqual([false, true])
    host.useCpu(1)
    expect(host.runTask(task, 3)).toBe("limit")
    expect(host.cpu.pe.z(1)[63]).toBe(7)
  })
  it("write the registers back first", () => {
    const { host, task, cpu } = started(`${FILL}\nptrue p0.b\n${CALL}\nagain:\nb =again`, {}, 3)
    inCall(host, task, () => {
      saveAndFlushCpuState(cpu)
      expect([cpu.last.st, task.has(TIF.FOREIGN_FPSTATE), task.fp.fpsimd[0]]).toEqual([null, true, 0x5a])
    })
  })
  it("that lose registers: ZT0 and full A64 work again afterwards", () => {
    const { host, task, data } = started(
      `mov w12, #0\nmov x1, #77\nstr x1, [x20]\nsmstart za\nldr zt0, [x20]\nwait:\nldr x2, [x20, #8]\ncbz x2, =wait\nadd x1, x20, #64\nstr zt0, [x1]`,
      { pes: 2 },
      20
    )
    host.useCpu(1)
    host.inKernel(() => {})
    host.useCpu(0)
    host.inKernel(() => {})
    expect([suspendCpu(host, 0), resumeCpu(host, 0)]).toEqual([undefined, undefined])
    host.useCpu(0)
    expect(inForce(host.cpu, "SMCR_EL2") & 0xc0000000n).toBe(0xc0000000n)
    data[8] = 1
    expect(host.runTask(task, 100)).toBe("ended")
    expect([words(data, 64, 1), task.ended]).toEqual([[77n], { status: 0 }])
  })
})

it("a softirq that takes registers just loaded has them loaded again", () => {
  const { host, task, cpu } = started(`${FILL}\nagain:\nb =again`, {}, 3)
  host.inKernel(() => {})
  let before = 1
  host.subscribe((e) => {
    if (e.what === "load" && e.memory === task.name && before-- > 0) cpu.softirqs.push(() => kernelNeonBegin(cpu, fpMemory("neon")))
  })
  expect(host.runTask(task, 1)).toBe("limit")
  expect([isLive(cpu, task), before]).toEqual([true, -1])
})

describe("kernel-mode NEON", () => {
  const junk = (byte: number): Uint8Array => new Uint8Array(528).fill(byte, 0, 512)
  const live = (cpu: PhysicalCpu): number => Number(cpu.pe.v(0) & 0xffn)
  it("of a task that begins it on one CPU and ends it on another leaves nothing to user level", () => {
    const { host, task, cpu } = started(`${FILL}\n${CALL}\nagain:\nb =again`, { pes: 2 }, 3)
    inCall(host, task, () => {
      const there = host.cpus[1]!
      const state = fpMemory("neon")
      switchTo(cpu, cpu.idle)
      switchTo(there, task)
      kernelNeonBegin(there, state)
      there.load("fpsimd", "kernel", junk(1))
      switchTo(there, there.idle)
      // this CPU still says that it has the task's registers
      expect([cpu.last.st === task.fp, task.fpsimdCpu]).toEqual([true, 0])
      switchTo(cpu, task)
      expect([live(cpu), isLive(cpu, task)]).toEqual([1, false])
      kernelNeonEnd(cpu, state)
      switchTo(cpu, cpu.idle)
      switchTo(cpu, task)
    })
    host.runTask(task, 1)
    expect(live(cpu)).toBe(0x5a)
  })
  it("does not happen in hardware interrupts, nor twice in one task", () => {
    const { host, task, cpu } = started(CALL, {}, 1)
    task.files.set(9, {
      ioctl: () => {
        kernelNeonBegin(cpu, fpMemory("a"))
        kernelNeonBegin(cpu, fpMemory("b"))
        return 0
      }
    })
    expect(host.runTask(task, 100)).toMatchObject({ kind: "HostOops", message: "kernel_neon_begin inside a section of the same task" })
  })
  it("may be used with interrupts off", () => {
    const { host, task } = started(CALL, {}, 1)
    inCall(host, task, (cpu) => {
      cpu.masking.irqsOff = true
      const state = fpMemory("neon")
      kernelNeonBegin(cpu, state)
      kernelNeonEnd(cpu, state)
      cpu.masking.irqsOff = false
      cpu.masking.inHardirq = true
      expect(() => kernelNeonBegin(cpu, state)).toThrow()
      cpu.masking.inHardirq = false
      // what follows finds a task without state
      flushTaskState(task)
      restoreCurrentState(cpu)
    })
  })
})
