/** Host programs at EL0, the FP core between tasks, crashes of the modelled kernel, and guests that mean harm. */

import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, defineMode, type KvmEvent, MODE_API_VERSION, REG, TIF, trapWords } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { boot, DATA, GUEST_RAM, guest, isa, newBoard, ok, program, RAM } from "../../../plugins/vhe/test/machine.ts"

const EXIT = "mov x8, #94\nsvc #0"

describe("host programs", () => {
  it("run at EL0 and make system calls", () => {
    const host = boot()
    const { task } = program(
      host,
      `mov x21, #${DATA}\nmov x0, #1\nmov x1, x21\nmov x2, #5\nmov x8, #64\nsvc #0\nadd x0, x0, #2\n${EXIT}`,
      new TextEncoder().encode("hello")
    )
    let output = ""
    task.files.set(1, {
      write: (bytes) => {
        output += new TextDecoder().decode(bytes)
        return bytes.length
      }
    })
    expect(host.runTask(task, 1000)).toBe("ended")
    expect([output, task.ended]).toEqual(["hello", { status: 7 }])
    expect(host.runTask(task, 1000)).toBe("ended")
  })
  it("give their memory back", () => {
    const host = boot()
    const before = host.pages.available
    const { task } = program(host, "again:\nb =again")
    expect(host.runTask(task, 10)).toBe("limit")
    expect(host.pages.available).toBeLessThan(before)
    expect(host.mapMemory(task, 0x700001, new Uint8Array(1), {})).toBe("EINVAL")
    expect(host.destroyTask(task)).toBeUndefined()
    expect(host.pages.available).toBe(before)
    expect(host.runTask(task, 10)).toBe("ended")
    expect(guest("hlt #5", { host }).vcpu.run(10)).toEqual({ reason: "debug", immediate: 5 })
  })
  it("get errors as negative numbers", () => {
    const host = boot()
    const { task, data } = program(
      host,
      `mov x21, #${DATA}
       mov x8, #999
       svc #0
       str x0, [x21]
       mov x0, #77
       mov x8, #29
       svc #0
       str x0, [x21, #8]
       mov x0, #1
       mov x1, #0
       mov x2, #5
       mov x8, #64
       svc #0
       str x0, [x21, #16]
       mov x0, #0
       mov x1, #4096
       mov x3, #1
       mov x4, #1
       mov x8, #222
       svc #0
       str x0, [x21, #24]
       ${EXIT}`
    )
    task.files.set(1, { write: (bytes) => bytes.length })
    expect(host.runTask(task, 1000)).toBe("ended")
    expect([...new BigInt64Array(data.slice(0, 32).buffer)]).toEqual([-38n, -9n, -14n, -22n])
  })
  it.each([
    ["mov x1, #0\nldr x2, [x1]", "SIGSEGV"],
    ["mov x1, #0\nbr x1", "SIGSEGV"],
    [`mov x1, #${DATA}\nbr x1`, "SIGSEGV"],
    ["msr ttbr0_el1, x1", "SIGILL"],
    [".word 0", "SIGILL"],
    ["brk #1", "SIGTRAP"],
    ["hlt #1", "SIGILL"],
    ["hvc #0", "SIGILL"],
    ["mov x1, #2\nbr x1", "SIGBUS"]
  ])("%s ends with a signal", (source, signal) => {
    const host = boot()
    const { task } = program(host, source)
    expect(host.runTask(task, 100)).toBe("ended")
    expect(task.ended).toMatchObject({ signal })
    // the kernel survives
    expect(guest("hlt #5", { host }).vcpu.run(10)).toEqual({ reason: "debug", immediate: 5 })
  })
  it("use no FP that is not theirs: two tasks by turns, and a guest between them", () => {
    const host = boot()
    const count = (start: bigint) =>
      program(
        host,
        `mov x21, #${DATA}\nldr d3, [x21]\nagain:\nfmov x1, d3\nadd x1, x1, #1\nfmov d3, x1\nstr d3, [x21, #8]\nb =again`,
        new Uint8Array(BigUint64Array.of(start).buffer)
      )
    const [a, b] = [count(1000n), count(5_000_000n)]
    const machine = guest("again:\nmov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nmovi v3.16b, #255\nhlt #1\nb =again", { host })
    for (let turn = 0; turn < 20; turn++) {
      host.runTask(a.task, 37)
      host.runTask(b.task, 53)
      if (turn % 3 === 0) {
        machine.vcpu.completeHalt()
        expect(machine.vcpu.run(1000)).toEqual({ reason: "debug", immediate: 1 })
      }
    }
    const value = (data: Uint8Array) => new BigUint64Array(data.slice(8, 16).buffer)[0]!
    // two instructions, then five a turn of the loop, of which the fourth stores
    const stored = (instructions: number) => BigInt(Math.floor((instructions - 2 + 1) / 5))
    expect([value(a.data), value(b.data)]).toEqual([1000n + stored(20 * 37), 5_000_000n + stored(20 * 53)])
  })
  it("pay for the guests they run: a guest that never ends costs no more than the program's time", () => {
    const host = boot()
    const machine = guest("again:\nb =again", { host })
    const { task, data } = program(
      host,
      `mov x21, #${DATA}\nmov x0, x20\nmov x1, #0xae80\nmov x2, #0\nmov x8, #29\nsvc #0\nstr x0, [x21]\nagain:\nb =again`
    )
    task.registers.x[20] = BigInt(task.open(machine.vcpu.file))
    expect(host.runTask(task, 1000)).toBe("limit")
    expect(machine.vcpu.lastExit).toEqual({ reason: "intr", deviceIrqLevel: 0 })
    expect(host.cpus[0]!.pe.retired).toBeLessThan(1020n)
    expect(host.runTask(task, 10)).toBe("limit")
    expect(new BigInt64Array(data.slice(0, 8).buffer)[0]).toBe(-4n)
  })
  it("stay live on the CPU when nobody else used the registers", () => {
    const host = boot()
    const { task } = program(host, "again:\nmov x8, #172\nsvc #0\nb =again")
    host.runTask(task, 30)
    const { loads } = host.account
    host.runTask(task, 300)
    expect(host.account.loads).toBe(loads)
    expect(task.has(TIF.FOREIGN_FPSTATE)).toBe(false)
  })
})

describe("events", () => {
  it("are made only while somebody listens, in virtual time", () => {
    const { vcpu, host } = guest("again:\nhlt #1\nb =again")
    const seen: KvmEvent[] = []
    vcpu.run(10)
    const stop = host.subscribe((e) => seen.push(e))
    vcpu.completeHalt()
    vcpu.run(10)
    stop()
    const { length } = seen
    vcpu.completeHalt()
    vcpu.run(10)
    expect(seen.length).toBe(length)
    expect(length).toBeGreaterThan(20)
    expect(seen.every((e, i) => i === 0 || e.time >= seen[i - 1]!.time)).toBe(true)
    expect(seen.map((e) => e.what)).toContain("exit")
  })
})

describe("crashes of the modelled kernel", () => {
  it("a mode that writes classic bits under E2H closes FP to the host: HostOops at the first save", () => {
    const broken = defineMode({
      ...vhe,
      name: "broken",
      worldSwitch: {
        ...vhe.worldSwitch,
        leave(cpu, vcpu) {
          vhe.worldSwitch.leave(cpu, vcpu)
          cpu.write("CPTR_EL2", trapWords(isa, "classic").rest)
          cpu.isb()
        }
      }
    })
    const { vcpu, host } = guest("mov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nfmov d0, x0\nhlt #1", { host: boot(broken) })
    const exit = vcpu.run(100)
    expect(exit).toMatchObject({
      reason: "crash",
      crash: { kind: "HostOops", message: expect.stringContaining("save fpsimd at EL2 trapped to EL2") }
    })
    if (typeof exit === "string" || exit.reason !== "crash") throw new Error("no crash")
    expect(exit.crash.esr >>> 26).toBe(0x07)
    expect(exit.crash.trail.at(-1)).toMatchObject({ operation: "save", operand: "vcpu1" })
    expect(exit.crash.trail.length).toBe(32)
    // nothing runs after it
    expect(vcpu.run(100)).toEqual(exit)
    expect(host.crash).toBe(exit.crash)
  })
  it("hyp code that loads FP before the barrier panics: control writes wait for ISB", () => {
    const hasty = defineMode({
      ...vhe,
      name: "hasty",
      hypExit: new Map([
        ...vhe.hypExit,
        [
          0x07,
          (cpu, vcpu) => {
            cpu.write("CPACR_EL1", 0x300000n)
            cpu.load("fpsimd", vcpu.fp.name, vcpu.fp.fpsimd)
            return true
          }
        ]
      ])
    })
    const { vcpu } = guest("mov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nfmov d0, x0\nhlt #1", { host: boot(hasty) })
    expect(vcpu.run(100)).toMatchObject({ reason: "crash", crash: { kind: "HypPanic", message: expect.stringContaining("load fpsimd") } })
  })
  it("a mode of another contract, or one the machine cannot run, is refused", () => {
    expect(() => boot({ ...vhe, apiVersion: MODE_API_VERSION + 1 })).toThrow(RangeError)
    const old = composeOrThrow([base, fpsimd], { features: { VHE: false } })
    expect(() => createHost({ board: createBoard({ isa: old, ramBase: RAM, ramBytes: 4 << 20 }), mode: vhe })).toThrow(/FEAT_VHE/)
  })
})

describe("a machine without FP", () => {
  it("boots, and its guests' FP instructions are UNDEFINED", () => {
    const plain = composeOrThrow([base, fpsimd], { features: { FP: false, AdvSIMD: false } })
    const host = createHost({ board: createBoard({ isa: plain, ramBase: RAM, ramBytes: 8 << 20 }), mode: vhe })
    const { vcpu } = guest("mov x1, #3\nhlt #1", { host })
    expect(vcpu.run(100)).toEqual({ reason: "debug", immediate: 1 })
  })
})

describe("guests that mean harm", () => {
  const random = (seed: number) => () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return seed >>> 0
  }
  it("random words at EL1 end in an exit, never in a crash or a hang", () => {
    const next = random(7)
    const host = boot()
    const machine = guest("nop", { host })
    const exits = new Map<string, number>()
    for (let round = 0; round < 60; round++) {
      const words = Uint32Array.from({ length: 256 }, () => {
        const word = next() ^ (next() >>> 16)
        // half of them system instructions, where the kernel has most to do
        return round % 2 ? word : ((word & 0x3fffff) | 0xd5000000) >>> 0
      })
      machine.vm.write(GUEST_RAM, new Uint8Array(words.buffer))
      machine.vcpu.init({ features: machine.vcpu.features! })
      for (let n = 0; n < 31; n++) machine.vcpu.setOneReg(REG.x(n), (BigInt(next()) << 32n) | BigInt(next()))
      machine.vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM))
      machine.vcpu.setOneReg(REG.system(3, 0, 12, 0, 0), BigInt(GUEST_RAM))
      for (let i = 0; i < 4; i++) {
        const exit = machine.vcpu.run(300)
        const reason = typeof exit === "string" ? exit : exit.reason
        exits.set(reason, (exits.get(reason) ?? 0) + 1)
        expect(["crash", "internalError", "EFAULT", "ENOMEM"]).not.toContain(reason)
        if (reason === "debug") machine.vcpu.refuseHalt()
        if (reason === "ENOSYS") break
        machine.vcpu.setMpState("runnable")
      }
    }
    expect(host.crash).toBeUndefined()
    expect(exits.get("intr")).toBeGreaterThan(0)
    // and the host still works
    const { vcpu } = guest("hlt #2", { host })
    expect(vcpu.run(10)).toEqual({ reason: "debug", immediate: 2 })
  })
  it("a guest that can only take exceptions ends with its time", () => {
    const { vcpu } = guest("movz x0, #0x0900, lsl #16\nmsr vbar_el1, x0\nisb\n.word 0")
    expect(vcpu.run(5000)).toMatchObject({ reason: "intr" })
  })
  it("too little RAM is one error", () => {
    expect(() => createHost({ board: createBoard({ isa, ramBase: RAM, ramBytes: 4096 }), mode: vhe })).toThrow(RangeError)
    const { vm } = guest("nop", { host: createHost({ board: newBoard(), mode: vhe }) })
    expect(vm.setMemoryRegion({ slot: 3, guestPhysical: 0, bytes: 2 ** 30 })).toBe("ENOMEM")
    expect(ok(vm.createVcpu(1)).name).toBe("vcpu2")
  })
})
