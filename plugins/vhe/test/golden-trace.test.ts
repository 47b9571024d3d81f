/** The first integration test of the switch path: who owns the FP registers, step by step, with a softirq that uses NEON between two guest runs. */

import { HCR, type Host, type KvmEvent, kernelNeonBegin, TIF } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { beforeAll, describe, expect, it } from "vitest"
import { vhe } from "../src/index.ts"
import { boot, DATA, GUEST_RAM, guest, program } from "./machine.ts"

const HOST_V = 0xaaaa_0000_0000_000an
const GUEST_V = 0x6060_0000_0000_0006n
const NEON_V = 0xdead_dead_dead_deadn

/** One row: the state of the FP core, what is in force, and whose value V0 has. */
interface Row {
  readonly foreign: 0 | 1
  readonly last: string
  readonly owner: string
  readonly word: string
  readonly live: string
}

/** Words of CPTR_EL2: in the host, in a guest without the registers, and in one that has them. */
const CPACR_WORDS = { rest: "0x00300000", free: "0x50000000", owned: "0x50300000" }
const CLASSIC_WORDS = { rest: "0x000033ff", free: "0x401037ff", owned: "0x401033ff" }

describe.each([
  { mode: vhe, words: CPACR_WORDS },
  { mode: nvhe, words: CLASSIC_WORDS },
  { mode: hvhe, words: CPACR_WORDS }
])("FP ownership under $mode.name, FPSIMD part of the golden trace", ({ mode, words }) => {
  const rows: Row[] = []
  let events: KvmEvent[] = []
  let saved: { task: bigint; atSoftirq: bigint; taskAfter: bigint }

  beforeAll(() => {
    const host = boot(mode)
    const cpu = host.cpus[0]!
    const { pe } = cpu
    // the guest opens FP, then counts in V0 until a HVC ends the run
    const { vcpu } = guest(
      `mov x0, #0x300000
       msr cpacr_el1, x0
       isb
       fmov d0, x1
       nop
       fmov x2, d0
       add x2, x2, #1
       fmov d0, x2
       movz x0, #0x8400, lsl #16
       hvc #0
       movz x0, #0x8400, lsl #16
       movk x0, #8
       hvc #0`,
      { host }
    )
    vcpu.registers.x[1] = GUEST_V
    const { task, data } = program(
      host,
      `mov x21, #${DATA}
       ldr d0, [x21]
       nop
       mov x0, x20
       mov x1, #0xae80
       mov x2, #0
       mov x8, #29
       svc #0
       str d0, [x21, #8]
       mov x8, #94
       svc #0`,
      new Uint8Array(BigUint64Array.of(HOST_V).buffer)
    )
    task.registers.x[20] = BigInt(task.open(vcpu.file))

    const row = (): Row => {
      const { controls } = pe
      const v0 = pe.v(0)
      return {
        foreign: cpu.current?.has(TIF.FOREIGN_FPSTATE) ? 1 : 0,
        last: cpu.last.st === null ? "null" : `${cpu.last.st === task.fp ? "A" : cpu.last.st === vcpu.fp ? "v" : "?"} / ${cpu.last.toSave}`,
        owner: cpu.fpOwner,
        word: `0x${controls.inForce(controls.slot.CPTR_EL2).toString(16).padStart(8, "0")}`,
        live: v0 === HOST_V ? "A" : v0 === GUEST_V || v0 === GUEST_V + 1n ? "v" : v0 === NEON_V ? "NEON" : "-"
      }
    }
    // an interrupt arrives at the guest's NOP; its softirq uses NEON as soon as interrupts are on
    const interruptAt = BigInt(GUEST_RAM + 4 * 4)
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
            saved = { ...saved, atSoftirq: new DataView(vcpu.fp.fpsimd.buffer).getBigUint64(0, true) }
            const image = new Uint8Array(528)
            new DataView(image.buffer).setBigUint64(0, NEON_V, true)
            cpu.port.load("fpsimd", image)
            rows.push(row()) // 7
          })
        }
      }
    }
    saved = { task: 0n, atSoftirq: 0n, taskAfter: 0n }
    events = []
    const wanted = observer(host, words, (e) => {
      events.push(e)
      if (wanted(e)) rows.push(row())
    })
    expect(host.runTask(task, 1000)).toBe("ended")
    saved = { ...saved, task: new DataView(task.fp.fpsimd.buffer).getBigUint64(0, true), taskAfter: new BigUint64Array(data.slice(8, 16).buffer)[0]! }
  })

  it.each([
    { step: "A at EL0", n: 0, foreign: 0, last: "A / CURRENT", word: "rest", live: "A" },
    { step: "SVC (KVM_RUN)", n: 1, foreign: 0, last: "A / FPSIMD", word: "rest", live: "A" },
    { step: "load_fp", n: 2, foreign: 1, last: "null", owner: "free", word: "rest" },
    { step: "ctxflush, enter", n: 3, foreign: 1, last: "null", owner: "free", word: "free" },
    { step: "guest FP instruction, handler", n: 4, foreign: 1, last: "null", owner: "guest", word: "owned", loaded: "vcpu1" },
    { step: "IRQ exit, hyp done", n: 5, foreign: 1, last: "null", owner: "guest", word: "rest", live: "v" },
    { step: "ctxsync", n: 6, foreign: 0, last: "v / FPSIMD", owner: "guest", word: "rest", live: "v" },
    { step: "IRQs on, softirq NEON", n: 7, foreign: 1, last: "null", owner: "guest", word: "rest", live: "NEON" },
    { step: "ctxflush, enter", n: 8, foreign: 1, last: "null", owner: "free", word: "free", live: "NEON" },
    { step: "guest FP instruction, handler", n: 9, foreign: 1, last: "null", owner: "guest", word: "owned", live: "v" },
    { step: "exit, ctxsync", n: 10, foreign: 0, last: "v / FPSIMD", owner: "guest", word: "rest", live: "v" },
    { step: "put_fp", n: 11, foreign: 1, last: "null", owner: "guest", word: "rest", live: "v" },
    { step: "return to A", n: 12, foreign: 0, last: "A / CURRENT", word: "rest", live: "A" }
  ] as const)("$n $step", ({ n, step: _, word, ...expected }) => {
    const { loaded, ...fields } = { loaded: undefined, ...expected } as { loaded: string | undefined }
    expect(rows[n]).toMatchObject({ ...fields, word: words[word] })
    if (loaded) expect(events.some((e) => e.what === "load" && e.where === "hyp" && e.memory === loaded)).toBe(true)
  })
  it("has exactly these steps", () => {
    expect(rows.length).toBe(13)
  })
  it("keeps every value: the guest's in its vCPU, the host's in the task", () => {
    expect(saved).toEqual({ task: HOST_V, atSoftirq: GUEST_V, taskAfter: HOST_V })
    expect(events.filter((e) => e.what === "exc" && e.ec === 0x07).length).toBe(2)
  })
  it("does the FP trap in order: rest word, ISB, load, owned word, guest-enter's ISB, ERET; no other register of the host moves", () => {
    const at = events.findIndex((e) => e.what === "exc" && e.ec === 0x07)
    expect(events.slice(at, at + 7).map((e) => e.what)).toEqual(["exc", "msr", "isb", "load", "owner", "msr", "isb"])
    expect(events[at + 7]).toMatchObject({ what: "eret", to: "guest-el1", cptr: BigInt(words.owned) })
  })
})

/** Says at which events the state is that of the next row. */
const observer = (host: Host, words: typeof CPACR_WORDS, listener: (e: KvmEvent) => void): ((e: KvmEvent) => boolean) => {
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
    // 12
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
