/** The first integration test of the switch path: who owns the FP registers, step by step, with a softirq that uses NEON between two guest runs. */

import { EC } from "@eltwo/isa"
import { HCR, type Host, type KvmEvent, kernelNeonBegin, type Mode, TIF } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { beforeAll, describe, expect, it } from "vitest"
import { vhe } from "../src/index.ts"
import { boot, bootScalable, DATA, GUEST_RAM, guest, isaWithoutSme, program } from "./machine.ts"

const HOST_V = 0xaaaa_0000_0000_000an
const GUEST_V = 0x6060_0000_0000_0006n
const NEON_V = 0xdead_dead_dead_deadn

/** One row: the state of the FP core, what is in force, and whose value V0 has. */
interface Row {
  readonly foreign: 0 | 1
  readonly last: string
  readonly owner: string
  readonly word: string
  /** LEN of ZCR_EL2, and of ZCR_EL1. */
  readonly zcr: readonly [el2: number, el1: number]
  readonly live: string
}

/** Words of CPTR_EL2: in the host, at EL0 of a program that may not use SVE, in a guest without the registers, and in one that has them. */
interface Words {
  readonly rest: string
  readonly closed: string
  readonly free: string
  readonly owned: string
}
interface Case {
  readonly mode: Mode
  readonly words: Words
  /** How vCPU state is saved; what each row has in ZCR_ELx, if the machine has it. */
  readonly format: "FPSIMD" | "SVE"
  readonly lengths?: readonly (readonly [el2: number, el1: number])[]
}
const CPACR_WORDS: Words = { rest: "0x00300000", closed: "0x00300000", free: "0x50000000", owned: "0x50300000" }
const CLASSIC_WORDS: Words = { rest: "0x000033ff", closed: "0x000033ff", free: "0x401037ff", owned: "0x401033ff" }
const CPACR_SVE: Words = { rest: "0x00330000", closed: "0x00310000", free: "0x50000000", owned: "0x50330000" }
/** Beside a kernel at EL1 the program's enables are those of CPACR_EL1. */
const HVHE_SVE: Words = { ...CPACR_SVE, closed: CPACR_SVE.rest }
const CLASSIC_SVE: Words = { rest: "0x000032ff", closed: "0x000032ff", free: "0x401037ff", owned: "0x401032ff" }
/** The program has 64 bytes, the vCPU at most 32; the guest asks for the most there is. Under VHE the host's length is in ZCR_EL2, and the guest's stays. */
const times = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value)
const AT_EL2 = [...times(4, [3, 0] as const), [1, 0], ...times(8, [1, 15] as const), [3, 15]] as const
/** At EL1 it is in the register that the guest uses too: hyp code leaves the guest's largest length there. */
const AT_EL1 = [...times(4, [15, 3] as const), [1, 0], ...times(4, [15, 1] as const), [1, 15], ...times(3, [15, 1] as const), [15, 3]] as const

const CASES: readonly Case[] = [
  { mode: vhe, words: CPACR_WORDS, format: "FPSIMD" },
  { mode: nvhe, words: CLASSIC_WORDS, format: "FPSIMD" },
  { mode: hvhe, words: CPACR_WORDS, format: "FPSIMD" },
  { mode: vhe, words: CPACR_SVE, format: "SVE", lengths: AT_EL2 },
  { mode: nvhe, words: CLASSIC_SVE, format: "SVE", lengths: AT_EL1 },
  { mode: hvhe, words: HVHE_SVE, format: "SVE", lengths: AT_EL1 }
]
/** What guest and program are made of. X1 of the guest is its value; the program's is at [x21]. */
const CODE = {
  FPSIMD: { opens: "mov x3, #0", sets: "fmov d0, x1", adds: "fmov d0, x2", loads: "ldr d0, [x21]", stores: "str d0, [x21, #64]" },
  SVE: { opens: "msr zcr_el1, x3", sets: "mov z0.d, x1", adds: "mov z0.d, x2", loads: "ldr z0, [x21]", stores: "str z0, [x21, #1, mul vl]" }
} as const

/** What each row must be. `last` "v": bound to the vCPU in its format. `sve`: happens with SVE only. */
interface Step {
  readonly step: string
  readonly n: number
  readonly foreign: 0 | 1
  readonly last: string
  readonly owner?: string
  readonly word: keyof Words
  readonly live?: string
  readonly loaded?: string
  readonly sve?: boolean
}
const STEPS: readonly Step[] = [
  { step: "A at EL0", n: 0, foreign: 0, last: "A / CURRENT", word: "rest", live: "A" },
  { step: "SVC (KVM_RUN)", n: 1, foreign: 0, last: "A / FPSIMD", word: "rest", live: "A" },
  { step: "load_fp", n: 2, foreign: 1, last: "null", owner: "free", word: "rest" },
  { step: "ctxflush, enter", n: 3, foreign: 1, last: "null", owner: "free", word: "free" },
  { step: "guest FP instruction, handler", n: 4, foreign: 1, last: "null", owner: "guest", word: "owned", loaded: "vcpu1" },
  { step: "IRQ exit, hyp done", n: 5, foreign: 1, last: "null", owner: "guest", word: "rest", live: "v" },
  { step: "ctxsync", n: 6, foreign: 0, last: "v", owner: "guest", word: "rest", live: "v" },
  { step: "IRQs on, softirq NEON", n: 7, foreign: 1, last: "null", owner: "guest", word: "rest", live: "NEON" },
  { step: "ctxflush, enter", n: 8, foreign: 1, last: "null", owner: "free", word: "free", live: "NEON" },
  { step: "guest FP instruction, handler", n: 9, foreign: 1, last: "null", owner: "guest", word: "owned", live: "v" },
  { step: "exit, ctxsync", n: 10, foreign: 0, last: "v", owner: "guest", word: "rest", live: "v" },
  { step: "put_fp", n: 11, foreign: 1, last: "null", owner: "guest", word: "rest", live: "v" },
  { step: "return to A", n: 12, foreign: 0, last: "A / CURRENT", word: "closed", live: "A" },
  { step: "A uses SVE again", n: 13, foreign: 0, last: "A / CURRENT", word: "rest", live: "A", sve: true }
]

describe.each(CASES)("FP ownership under $mode.name, golden trace with $format", ({ mode, words, format, lengths }) => {
  const rows: Row[] = []
  let events: KvmEvent[] = []
  let saved: { task: bigint; atSoftirq: readonly bigint[]; taskAfter: readonly bigint[] }

  beforeAll(() => {
    const host = format === "SVE" ? bootScalable(mode, isaWithoutSme) : boot(mode)
    const code = CODE[format]
    const cpu = host.cpus[0]!
    const { pe } = cpu
    // the guest opens FP, then counts in V0 until a HVC ends the run
    const { vcpu } = guest(
      `mov x0, #0x330000
       mov x3, #15
       msr cpacr_el1, x0
       isb
       ${code.opens}
       ${code.sets}
       nop
       fmov x2, d0
       add x2, x2, #1
       ${code.adds}
       movz x0, #0x8400, lsl #16
       hvc #0
       movz x0, #0x8400, lsl #16
       movk x0, #8
       hvc #0`,
      { host, sveMaxVl: format === "SVE" ? 32 : 0 }
    )
    vcpu.registers.x[1] = GUEST_V
    const { task, data } = program(
      host,
      `mov x21, #${DATA}
       ${code.loads}
       nop
       mov x0, x20
       mov x1, #0xae80
       mov x2, #0
       mov x8, #29
       svc #0
       ${code.stores}
       mov x8, #94
       svc #0`,
      new Uint8Array(new BigUint64Array(8).fill(HOST_V).buffer)
    )
    task.registers.x[20] = BigInt(task.open(vcpu.file))

    const row = (): Row => {
      const { controls } = pe
      const v0 = BigInt.asUintN(64, pe.v(0))
      return {
        foreign: cpu.current?.has(TIF.FOREIGN_FPSTATE) ? 1 : 0,
        last: cpu.last.st === null ? "null" : `${cpu.last.st === task.fp ? "A" : cpu.last.st === vcpu.fp ? "v" : "?"} / ${cpu.last.toSave}`,
        owner: cpu.fpOwner,
        word: `0x${controls.inForce(controls.slot.CPTR_EL2).toString(16).padStart(8, "0")}`,
        zcr: [Number(controls.inForce(controls.slot.ZCR_EL2)), Number(controls.inForce(controls.slot.ZCR_EL1))],
        live: v0 === HOST_V ? "A" : v0 === GUEST_V || v0 === GUEST_V + 1n ? "v" : v0 === NEON_V ? "NEON" : "-"
      }
    }
    // an interrupt arrives at the guest's NOP; its softirq uses NEON as soon as interrupts are on
    const interruptAt = BigInt(GUEST_RAM + 4 * 6)
    const programNop = BigInt(0x400000 + 4 * 3)
    host.run = {
      engine: "interp",
      trace: {
        instruction: (pc) => {
          if (pc === programNop && pe.el === 0) rows.push(row()) // 0
          if (pc !== interruptAt || pe.el !== 1 || pe.lines.irq || cpu.softirqs.length > 0) return
          pe.lines.irq = true
          pe.attention = true
          cpu.softirqs.push(() => {
            rows.push(row()) // 6
            kernelNeonBegin(cpu)
            saved = { ...saved, atSoftirq: [...new BigUint64Array((vcpu.fp.sve ?? vcpu.fp.fpsimd).slice(0, format === "SVE" ? 32 : 8).buffer)] }
            const image = new Uint8Array(528)
            new DataView(image.buffer).setBigUint64(0, NEON_V, true)
            cpu.port.load("fpsimd", image)
            rows.push(row()) // 7
          })
        }
      }
    }
    saved = { task: 0n, atSoftirq: [], taskAfter: [] }
    events = []
    const wanted = observer(host, words, (e) => {
      events.push(e)
      if (wanted(e)) rows.push(row())
    })
    expect(host.runTask(task, 1000)).toBe("ended")
    saved = {
      ...saved,
      task: new DataView(task.fp.fpsimd.buffer).getBigUint64(0, true),
      taskAfter: [...new BigUint64Array(data.slice(64, 128).buffer)]
    }
  })

  it.each(STEPS.filter(({ sve = false }) => !sve || format === "SVE"))("$n $step", ({ n, step: _, sve: __, word, loaded, last, ...fields }) => {
    if (lengths) expect(rows[n]!.zcr).toEqual(lengths[n])
    expect(rows[n]).toMatchObject({ ...fields, last: last === "v" ? `v / ${format}` : last, word: words[word] })
    if (loaded) expect(events.some((e) => e.what === "load" && e.where === "hyp" && e.memory === loaded)).toBe(true)
  })
  it("has exactly these steps", () => {
    expect(rows.length).toBe(format === "SVE" ? 14 : 13)
  })
  it("keeps every value: the guest's in its vCPU, the host's in the task", () => {
    // a system call drops what lies above V
    const kept = format === "SVE" ? 2 : 1
    expect(saved).toEqual({
      task: HOST_V,
      atSoftirq: times(format === "SVE" ? 4 : 1, GUEST_V),
      taskAfter: [...times(kept, HOST_V), ...times(8 - kept, 0n)]
    })
    expect(events.filter((e) => isFpTrap(e)).length).toBe(2)
  })
  it("does the FP trap in order: rest word, ISB, load, owned word, guest-enter's ISB, ERET; no other register of the host moves", () => {
    const at = events.findIndex((e) => isFpTrap(e))
    const steps =
      format === "SVE"
        ? ["exc", "msr", "isb", "mrs", "msr", "load", "msr", "msr", "owner", "msr", "isb"]
        : ["exc", "msr", "isb", "load", "owner", "msr", "isb"]
    expect(events.slice(at, at + steps.length).map((e) => e.what)).toEqual(steps)
    expect(events[at + steps.length]).toMatchObject({ what: "eret", to: "guest-el1", cptr: BigInt(words.owned) })
  })
})

const isFpTrap = (e: KvmEvent): boolean => e.what === "exc" && e.from.startsWith("guest") && (e.ec === EC.FPAccess || e.ec === EC.SVEAccess)

/** Says at which events the state is that of the next row. */
const observer = (host: Host, words: Words, listener: (e: KvmEvent) => void): ((e: KvmEvent) => boolean) => {
  const owned = BigInt(words.owned)
  const atEl2 = host.mode.hostEl === 2
  const STEPS: readonly ((e: KvmEvent) => boolean)[] = [
    // 1: the first thing KVM_RUN does
    (e) => e.what === "msr" && e.register === "VTTBR_EL2",
    // 2: vcpu_load is over
    (e) => e.what === "msr" && e.register === "HCR_EL2" && (e.value & HCR.VM) !== 0n,
    // 3: entered after the stage 2 fault of the first fetch as well
    (e) => e.what === "eret" && e.to === "guest-el1",
    // 4
    (e) => e.what === "eret" && e.to === "guest-el1" && e.cptr === owned,
    // 5: after the interrupt, the last thing hyp code does
    (e) => (atEl2 ? e.what === "isb" && e.where === "hyp" : e.what === "eret" && e.to === "host") && host.cpus[0]!.pe.lines.irq,
    // 8
    (e) => e.what === "eret" && e.to === "guest-el1" && e.cptr === BigInt(words.free),
    // 9
    (e) => e.what === "eret" && e.to === "guest-el1" && e.cptr === owned,
    // 10
    (e) => e.what === "hypercall",
    // 11: after FP the common traps are put back, or the counter's offset; SYSTEM_OFF came with another exit
    (e) => (atEl2 ? e.what === "regs-write" && e.list[0] === "HSTR_EL2" && e.values[0] === 0n : e.what === "exc" && e.hostCall === 16),
    // 12, and 13 after the trap
    (e) => e.what === "eret" && e.to === "host-el0",
    (e) => e.what === "eret" && e.to === "host-el0"
  ]
  let next = 0
  host.subscribe(listener)
  return (e) => {
    if (!STEPS[next]?.(e)) return false
    next++
    return true
  }
}
