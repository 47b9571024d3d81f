/** Whole hosts in states that are rarely there: saved and restored while they are, and going on. */
import { PE } from "@eltwo/cpu"
import { Capability, type Host, type HostFile, offlineCpu, onlineCpu, resumeCpu, suspendCpu, TIF, type Vm } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { switchTo } from "../../packages/kvm/src/host/entry.ts"
import { fpMemory } from "../../packages/kvm/src/host/fp-memory.ts"
import { kernelNeonBegin, kernelNeonEnd } from "../../packages/kvm/src/host/kernel-neon.ts"
import { SIGNAL, sendSignal } from "../../packages/kvm/src/host/signal-state.ts"
import {
  BANK,
  bootScalable,
  moveAll,
  OUT,
  pointTo,
  prepare,
  randomBank,
  randomOf,
  scalableProgram,
  usedParts
} from "../../packages/kvm/test/scalable-machine.ts"
import { bootSmp, CPU_ON, counting, EXCLUSIVE, guestWords, LOCK, locked, ROUNDS, smpGuest } from "../../packages/kvm/test/smp-machine.ts"
import { DATA, GUEST_RAM, guest, ok, PROGRAM, program } from "../../plugins/vhe/test/machine.ts"
import { dataAt, dataOf, goesOn, MODES, restoredHost, savedHost, taskOf, vmOf } from "./law.ts"

const STOP = { onExit: () => () => "stop" as const }
const PAGE = 4096
const RAM_BYTES = 4 << 20

describe.each(MODES)("under %s", (_, mode) => {
  describe("a log of dirty pages", () => {
    const PAGES = 64
    /** Stores to one page after the other, from page 16 to 63 and again. */
    const writer = `
      outer:
      movz x1, #0x4001, lsl #16
      movz x2, #48
      again:
      str x3, [x1]
      add x3, x3, #1
      add x1, x1, #1, lsl #12
      subs x2, x2, #1
      b.ne =again
      b =outer`
    const logged = (vm: Vm): readonly number[] => {
      const log = vm.getDirtyLog(0)
      if (!(log instanceof Uint8Array)) throw new Error(`no log: ${JSON.stringify(log)}`)
      return Array.from({ length: PAGES }, (_, page) => page).filter((page) => log[page >> 3]! & (1 << (page & 7)))
    }
    const begun = () => {
      const host = bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 1, scheduler: { quantum: 50, slice: 400 } })
      const { vm } = smpGuest(host, writer, 1, PAGES * PAGE)
      host.scheduler.run(2000)
      return { host, vm }
    }
    const start = (vm: Vm) => ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: PAGES * PAGE, logDirty: true }))
    const bits = (host: Host): number => [...vmOf(host).slots][0]!.dirty!.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0)
    it("with some pages in it goes on, and is read", () => {
      const { host, vm } = begun()
      start(vm)
      host.scheduler.run(60)
      const read = goesOn(host, {
        live: (each) => {
          expect(bits(each)).toBeGreaterThan(0)
          expect(bits(each)).toBeLessThan(48)
        },
        goOn: (each) => {
          each.scheduler.run(50)
          const first = logged(vmOf(each))
          each.scheduler.run(50)
          return [first, logged(vmOf(each)), logged(vmOf(each))]
        }
      })
      expect([read[0]!.length > 5, read[1]!.length > 5, read[2]]).toEqual([true, true, []])
      // pages 16 to 63 are all that is written
      expect(Math.min(...read[0]!, ...read[1]!)).toBeGreaterThanOrEqual(16)
    })
    it("that is empty notices the next write", () => {
      const { host, vm } = begun()
      start(vm)
      host.scheduler.run(60)
      logged(vm)
      const read = goesOn(host, {
        live: (each) => expect(bits(each)).toBe(0),
        goOn: (each) => {
          each.scheduler.run(50)
          return logged(vmOf(each))
        }
      })
      expect(read.length).toBeGreaterThan(5)
    })
    it("that user space clears by pieces is cleared by pieces", () => {
      const { host, vm } = begun()
      expect(vm.enableCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, { argument: 3n })).toBeUndefined()
      start(vm)
      const read = goesOn(host, {
        live: (each) => expect([bits(each), vmOf(each).manualProtection, vmOf(each).dirtyAtFirst]).toEqual([PAGES, true, true]),
        goOn: (each) => {
          const result = vmOf(each).clearDirtyLog({ slot: 0, firstPage: 0, pages: PAGES })
          each.scheduler.run(50)
          return [result, logged(vmOf(each)), logged(vmOf(each))]
        }
      })
      expect(read[0]).toBeUndefined()
      expect(read[1]).toEqual(read[2])
      expect((read[1] as readonly number[]).length).toBeGreaterThan(5)
      expect((read[1] as readonly number[]).length).toBeLessThan(48)
    })
  })

  it("a task that was scheduled out in a section of kernel-mode NEON has the kernel's registers there", () => {
    const host = bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 2 })
    const { task } = program(
      host,
      `mov x20, #${DATA}\nmovi v0.16b, #0x5a\nagain:\nstr d0, [x20]\nadd x1, x1, #1\nstr x1, [x20, #8]\nb =again`,
      new Uint8Array(16)
    )
    host.runTask(task, 50)
    const junk = new Uint8Array(528).fill(0x13, 0, 512)
    /** As a call of the task that sleeps in it. */
    const asTask = (each: Host, code: () => void): unknown =>
      each.inKernel(() => {
        const { cpu } = each
        switchTo(cpu, taskOf(each, task))
        code()
        switchTo(cpu, each.vmm)
      })
    asTask(host, () => {
      kernelNeonBegin(host.cpu, fpMemory("neon"))
      host.cpu.load("fpsimd", "kernel", junk)
    })
    const result = goesOn(host, {
      live: (each) => {
        const { kernelFpsimd, flags } = taskOf(each, task)
        expect(kernelFpsimd?.fpsimd.subarray(0, 512)).toEqual(junk.subarray(0, 512))
        expect(flags & TIF.KERNEL_FPSTATE).not.toBe(0)
      },
      goOn: (each) => {
        let inside = 0n
        const crash = asTask(each, () => {
          inside = each.cpu.pe.v(7)
          kernelNeonEnd(each.cpu, taskOf(each, task).kernelFpsimd!)
        })
        const before = dataOf(each, task, 2)
        const stop = each.runTask(taskOf(each, task), 50)
        const after = dataOf(each, task, 2)
        return { crash, inside, stop, d0: after[0], moved: after[1]! > before[1]! }
      }
    })
    expect(result).toEqual({
      crash: undefined,
      inside: 0x13131313131313131313131313131313n,
      stop: "limit",
      d0: 0x5a5a5a5a5a5a5a5an,
      moved: true
    })
  })

  it("CPUs that are off or suspended come back", () => {
    const host = bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 3, scheduler: { quantum: 400, slice: 900 } })
    smpGuest(host, locked(EXCLUSIVE))
    const { task } = program(host, counting, new Uint8Array(8))
    host.scheduler.spawn(task, { affinity: [1] })
    host.scheduler.run(2000)
    expect([offlineCpu(host, 2), suspendCpu(host, 1)]).toEqual([undefined, undefined])
    host.scheduler.run(500)
    const result = goesOn(host, {
      live: (each) => expect(each.cpus.map(({ schedule }) => schedule.power)).toEqual(["on", "suspended", "off"]),
      goOn: (each) => {
        each.scheduler.run(500)
        const still = dataOf(each, task, 1)
        const back = [onlineCpu(each, 2), resumeCpu(each, 1)]
        each.scheduler.run(30_000)
        return {
          back,
          moved: dataOf(each, task, 1)[0]! > still[0]!,
          words: guestWords(vmOf(each), LOCK, 2),
          on: each.cpus.map(({ schedule }) => schedule.power)
        }
      },
      options: STOP
    })
    expect(result).toEqual({ back: [undefined, undefined], moved: true, words: [0n, BigInt(2 * ROUNDS)], on: ["on", "on", "on"] })
  })

  it("a vCPU that PSCI has switched off, one that sleeps, and one that user space has suspended", () => {
    const host = bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 2, scheduler: { quantum: 400 } })
    // the first sleeps by CPU_SUSPEND until its timer, then switches the second one on again, which goes off each time
    const code = `
      b =first
      secondary:
      mov x21, x0
      ldr x1, [x21]
      add x1, x1, #1
      str x1, [x21]
      movz x0, #0x8400, lsl #16
      movk x0, #2
      hvc #0
      hlt #13
      first:
      movz x21, #0x4000, lsl #16
      add x21, x21, #8, lsl #12
      again:
      mrs x1, cntvct_el0
      mov x2, #20000
      add x1, x1, x2
      msr cntv_cval_el0, x1
      mov x1, #1
      msr cntv_ctl_el0, x1
      isb
      ${CPU_ON.replace("#77", "x21")}
      movz x0, #0x8400, lsl #16
      movk x0, #1
      hvc #0
      ldr x3, [x21, #8]
      add x3, x3, #1
      str x3, [x21, #8]
      b =again`
    const { vm } = smpGuest(host, code, 2, 0x10000, () => "run")
    const third = guest("again:\nadd x1, x1, #1\nb =again", { host })
    host.scheduler.spawnVcpu(third.vcpu, () => "run")
    host.scheduler.run(4000)
    third.vcpu.setMpState("suspended")
    host.scheduler.run(2000)
    const before = guestWords(vm, LOCK, 2)
    const result = goesOn(host, {
      live: (each) => {
        const [first, second] = vmOf(each).vcpus
        expect([first!.mpState, first!.sleep?.until !== undefined, second!.mpState, vmOf(each, 2).vcpus[0]!.mpState]).toEqual([
          "runnable",
          true,
          "stopped",
          "suspended"
        ])
      },
      goOn: (each) => {
        each.scheduler.run(100_000)
        const suspended = vmOf(each, 2).vcpus[0]!
        const still = suspended.registers.x[1]
        each.scheduler.run(1000)
        const stood = suspended.registers.x[1] === still
        suspended.setMpState("runnable")
        each.scheduler.run(1000)
        each.scheduler.park()
        return { words: guestWords(vmOf(each), LOCK, 2), stood, moved: suspended.registers.x[1]! > still! }
      }
    })
    expect(before[0]).toBeGreaterThan(0n)
    expect(result.words[0]! > before[0]! && result.words[1]! > before[1]!).toBe(true)
    expect([result.stood, result.moved]).toEqual([true, true])
  })

  it("signals of a program: blocked, pending, in a handler, with what happened", () => {
    const SA_RESTORER = 0x04000000n
    const host = bootScalable({ mode, ramBytes: RAM_BYTES })
    const { task } = scalableProgram(
      host,
      `mov x20, #${DATA}
       b =start
       restorer:
       mov x8, #139; svc #0
       handler:
       add x21, x20, x0, lsl #3
       ldr x22, [x21]
       add x22, x22, #1
       str x22, [x21]
       ldr w23, [x1, #8]
       ldr x24, [x1, #16]
       str x23, [x20]
       str x24, [x20, #8]
       hold:
       ldr x9, [x20, #240]
       cbz x9, =hold
       ret
       start:
       movi v0.16b, #0x5a
       again:
       add x28, x28, #1
       b =again`,
      new Uint8Array(0x2000)
    )
    const action = { handler: BigInt(PROGRAM + 4 * 4), flags: SA_RESTORER, restorer: BigInt(PROGRAM + 4 * 2), mask: 1n << 11n }
    for (const number of [SIGNAL.SIGUSR1, SIGNAL.SIGUSR2, SIGNAL.SIGTERM]) task.signals.actions.set(number, action)
    host.runTask(task, 100)
    task.signals.blocked = 1n << BigInt(SIGNAL.SIGTERM - 1)
    const send = (number: number, code: number) => host.inKernel(() => sendSignal(task, number, { code, address: BigInt(number) * 0x1000n, esr: 0n }))
    send(SIGNAL.SIGUSR1, -6)
    host.runTask(task, 20)
    // in the handler of SIGUSR1 now, which blocks SIGUSR2; SIGTERM is blocked anyway
    send(SIGNAL.SIGUSR2, -1)
    send(SIGNAL.SIGTERM, 0)
    const result = goesOn(host, {
      live: (each) => {
        const { pending, blocked } = taskOf(each, task).signals
        expect(pending).toEqual([
          { number: SIGNAL.SIGUSR2, code: -1, address: 0xc000n, esr: 0n },
          { number: SIGNAL.SIGTERM, code: 0, address: 0xf000n, esr: 0n }
        ])
        expect(blocked).toBe((1n << 9n) | (1n << 11n) | (1n << 14n))
        expect(dataOf(each, task, 16)[SIGNAL.SIGUSR1]).toBe(1n)
      },
      goOn: (each) => {
        const here = taskOf(each, task)
        const steps = [each.runTask(here, 200), dataOf(each, task, 16)]
        each.board.write(dataAt(each, task) + 240, Uint8Array.of(1))
        steps.push(each.runTask(here, 300), dataOf(each, task, 16))
        each.inKernel(() => void (here.signals.blocked = 0n))
        steps.push(each.runTask(here, 300), dataOf(each, task, 16))
        return steps
      }
    })
    const counts = [1, 3, 5].map((step) =>
      [SIGNAL.SIGUSR1, SIGNAL.SIGUSR2, SIGNAL.SIGTERM].map((number) => (result[step] as readonly bigint[])[number])
    )
    expect(counts).toEqual([
      [1n, 0n, 0n],
      [1n, 1n, 0n],
      [1n, 1n, 1n]
    ])
  })

  it("a program with vector lengths of its own, in streaming mode with ZA, ZT0, FPMR", () => {
    const host = bootScalable({ mode, ramBytes: RAM_BYTES })
    const use = { sve: 64, sme: 32, streaming: true, fa64: true }
    const bank = randomBank(randomOf(5), use)
    const data = new Uint8Array(2 * BANK.bytes + 16)
    data.set(bank)
    const source = `${prepare(use)}\n${pointTo(0)}\n${moveAll(use, "load")}\n${pointTo(2 * BANK.bytes)}\nwait:\nldr x9, [x20]\ncbz x9, =wait\n${pointTo(OUT)}\n${moveAll(use, "store")}\nagain:\nb =again`
    const { task } = scalableProgram(host, source, data)
    host.runTask(task, 1000)
    for (const where of ["in registers", "in memory"] as const) {
      if (where === "in memory") host.inKernel(() => {})
      const fork = restoredHost(savedHost(host), host, "interp")
      const result = goesOn(fork, {
        live: (each) => {
          const { fp, id } = taskOf(each, task)
          expect([fp.vl, each.cpu.current?.id === id]).toEqual([{ sve: 64, sme: 32 }, where === "in registers"])
          if (where === "in registers") expect([each.cpu.pe.svcr, each.cpu.pe.doublewords[PE.FPMR >> 3] !== 0n]).toEqual([3, true])
        },
        goOn: (each) => {
          const here = taskOf(each, task)
          each.board.write(dataAt(each, task) + 2 * BANK.bytes, Uint8Array.of(1))
          const stop = each.runTask(here, 2000)
          return [stop, usedParts(each.pages.view(dataAt(each, task), data.length), use, OUT)]
        }
      })
      expect(result).toEqual(["limit", usedParts(bank, use)])
    }
  })

  it("an SError that waits for a guest, and one that its ESB has deferred", () => {
    const { host, vcpu } = guest(
      `movz x21, #0x4000, lsl #16
       add x21, x21, #8, lsl #12
       again:
       ldr x1, [x21]
       cbz x1, =again
       esb
       hold:
       ldr x1, [x21, #8]
       cbz x1, =hold
       mrs x2, disr_el1
       str x2, [x21, #16]
       hlt #5`,
      { host: bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 1 }) }
    )
    vcpu.run(30)
    expect(vcpu.setEvents({ serrorPending: true, serrorHasEsr: true, serrorEsr: 0x1234n, extDabtPending: false })).toBeUndefined()
    vcpu.run(20)
    const VSE = 1n << 8n
    const write = (each: Host, offset: number) => vmOf(each).write(GUEST_RAM + LOCK + offset, Uint8Array.of(1))
    goesOn(host, {
      live: (each) => {
        const { hcr, vsesr } = vmOf(each).vcpus[0]!
        expect([(hcr & VSE) !== 0n, vsesr]).toEqual([true, 0x1234n])
      },
      goOn: (each) => {
        write(each, 0)
        return vmOf(each).vcpus[0]!.run(30)
      }
    })
    const end = goesOn(host, {
      // the guest has been through its ESB, and has not read DISR_EL1
      live: (each) => expect((vmOf(each).vcpus[0]!.hcr & VSE) === 0n).toBe(true),
      goOn: (each) => {
        write(each, 8)
        return [vmOf(each).vcpus[0]!.run(30), guestWords(vmOf(each), LOCK + 16, 1)]
      }
    })
    expect(end).toEqual([{ reason: "debug", immediate: 5 }, [0x8000_1234n]])
  })

  it("a program that drives a VM of its own through struct kvm_run, with a file open", () => {
    const host = bootSmp({ mode, ramBytes: RAM_BYTES, pcpus: 1 })
    const { vm, vcpu } = guest("movz x1, #0x900, lsl #16\nagain:\nadd x0, x0, #1\nstr x0, [x1]\nb =again", { host })
    const RUN = 0x600000
    const { task } = program(
      host,
      `mov x21, #${DATA}
       mov x0, #${RUN}
       mov x1, #4096
       mov x2, #3
       mov x3, #1
       mov x4, #7
       mov x8, #222
       svc #0
       mov x22, x0
       again:
       mov x0, #7
       mov x1, #0xae80
       mov x2, #0
       mov x8, #29
       svc #0
       ldr w1, [x22, #8]
       ldr x2, [x22, #32]
       ldr x3, [x22, #40]
       str x1, [x21]
       str x2, [x21, #8]
       str x3, [x21, #16]
       mov x0, #8
       add x1, x21, #16
       mov x2, #1
       mov x8, #64
       svc #0
       b =again`,
      new Uint8Array(24)
    )
    const written: number[] = []
    const file: HostFile = {
      name: "log",
      write: (bytes) => {
        written.push(...bytes)
        return bytes.length
      }
    }
    task.files.set(7, vcpu.file)
    task.files.set(8, file)
    host.runTask(task, 200)
    expect(written.length).toBeGreaterThan(3)
    const page = vcpu.page.mapped!
    const result = goesOn(host, {
      live: (each) => expect([vmOf(each).vcpus[0]!.page.mapped, [...taskOf(each, task).files.keys()]]).toEqual([page, [7, 8]]),
      goOn: (each) => {
        written.length = 0
        const stop = each.runTask(taskOf(each, task), 300)
        return [stop, [...written], dataOf(each, task, 3)]
      },
      options: { files: (name) => (name === "log" ? file : undefined) }
    })
    expect(result[0]).toBe("limit")
    expect((result[1] as readonly number[]).length).toBeGreaterThan(3)
    // KVM_EXIT_MMIO, where, and what
    expect((result[2] as readonly bigint[]).slice(0, 2)).toEqual([6n, 0x9000000n])
    // its page is the guest's like any other: who watches what is written sees the exit
    const seen = new Set<number>()
    host.board.written.watch((number) => seen.add(number))
    const before = host.pages.view(page, PAGE).slice()
    vm.vcpus[0]!.run(10)
    expect(Buffer.compare(before, host.pages.view(page, PAGE))).not.toBe(0)
    expect(seen.has((page - host.board.ram.base) / PAGE)).toBe(true)
  })
})
