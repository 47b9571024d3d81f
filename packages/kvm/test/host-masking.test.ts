/** The kernel's rules about interrupts, softirqs, preemption and the FPSIMD context: each breach is a crash that names the rule. */
import type { Host, PhysicalCpu } from "@eltwo/kvm"
import { beforeEach, describe, expect, it } from "vitest"
import { boot } from "../../../plugins/vhe/test/machine.ts"
import { switchTo } from "../src/host/entry.ts"
import { fpMemory } from "../src/host/fp-memory.ts"
import {
  bindState,
  bindTask,
  flushCpuState,
  saveAndFlushCpuState,
  saveUserState,
  syscallEnter,
  syscallExit,
  threadSwitch
} from "../src/host/fpstate.ts"
import {
  getFpContext,
  localBhDisable,
  localBhEnable,
  localIrqDisable,
  localIrqEnable,
  localIrqRestore,
  localIrqSave,
  preemptDisable,
  preemptEnable,
  putFpContext,
  withFpContext
} from "../src/host/masking.ts"

let host: Host
let cpu: PhysicalCpu
beforeEach(() => {
  host = boot()
  cpu = host.cpu
})
/** What kernel code in a system call, interrupts on, comes to. */
const inKernel = (code: () => void): unknown => host.inKernel(() => void code())
const oops = (rule: string) => ({ kind: "HostOops", message: `lockdep: ${rule}` })

describe("the FPSIMD context", () => {
  it.each([
    ["fpsimd_save_user_state", () => saveUserState(cpu)],
    ["fpsimd_flush_cpu_state", () => flushCpuState(cpu)],
    ["fpsimd_bind_state_to_cpu", () => bindState(cpu, fpMemory("x"), "FPSIMD")],
    ["fpsimd_bind_state_to_cpu", () => bindTask(cpu)]
  ] as const)("is what %s needs", (name, code) => {
    expect(inKernel(code)).toMatchObject(oops(`${name} without the FPSIMD context and with interrupts on`))
  })
  it.each([
    ["fpsimd_thread_switch", () => threadSwitch(cpu, host.vmm)],
    ["fpsimd_syscall_enter", () => syscallEnter(cpu)],
    ["fpsimd_syscall_exit", () => syscallExit(cpu)]
  ] as const)("does not do for %s", (name, code) => {
    expect(inKernel(() => withFpContext(cpu, code))).toMatchObject(oops(`${name} with interrupts on`))
  })
  it("is had with softirqs off, with interrupts off, and in a softirq", () => {
    expect(
      inKernel(() => {
        withFpContext(cpu, () => saveUserState(cpu))
        const irqsOff = localIrqSave(cpu)
        saveUserState(cpu)
        localIrqRestore(cpu, irqsOff)
        cpu.softirqs.push(() => saveAndFlushCpuState(cpu))
        localIrqDisable(cpu)
        localIrqEnable(cpu)
      })
    ).toBeUndefined()
    expect(cpu.last.st).toBe(host.vmm.fp)
  })
  it("with interrupts off leaves softirqs alone", () => {
    expect(
      inKernel(() => {
        localIrqDisable(cpu)
        const before = getFpContext(cpu)
        expect(cpu.masking.softirqsOff).toBe(0)
        putFpContext(cpu, before)
        localIrqEnable(cpu)
      })
    ).toBeUndefined()
  })
})

describe("softirqs", () => {
  it("wait until they are enabled", () => {
    const seen: string[] = []
    inKernel(() => {
      localBhDisable(cpu)
      localBhDisable(cpu)
      cpu.softirqs.push(() => seen.push("softirq"))
      localIrqDisable(cpu)
      localIrqEnable(cpu)
      localBhEnable(cpu)
      seen.push("still off")
      localBhEnable(cpu)
    })
    expect(seen).toEqual(["still off", "softirq"])
  })
  it("do not interrupt each other", () => {
    const seen: string[] = []
    inKernel(() => {
      cpu.softirqs.push(() => {
        cpu.softirqs.push(() => seen.push("second"))
        localIrqDisable(cpu)
        localIrqEnable(cpu)
        seen.push("first")
      })
      localIrqDisable(cpu)
      localIrqEnable(cpu)
    })
    expect(seen).toEqual(["first", "second"])
  })
  it("are not enabled with interrupts off", () => {
    expect(
      inKernel(() => {
        localBhDisable(cpu)
        localIrqDisable(cpu)
        localBhEnable(cpu)
      })
    ).toMatchObject(oops("softirqs are enabled with interrupts off"))
  })
  it("are enabled as often as they were disabled", () => {
    expect(inKernel(() => localBhEnable(cpu))).toMatchObject(oops("softirqs are enabled that nobody disabled"))
  })
  it("leave interrupts on", () => {
    cpu.softirqs.push(() => localIrqDisable(cpu))
    expect(inKernel(() => {})).toMatchObject(oops("a softirq left interrupts off"))
  })
})

describe("the scheduler", () => {
  it.each([
    ["softirqs are off", () => localBhDisable(cpu)],
    ["preemption is off", () => preemptDisable(cpu)]
  ] as const)("is not entered while %s", (_, code) => {
    expect(
      inKernel(() => {
        code()
        switchTo(cpu, cpu.idle)
      })
    ).toMatchObject(oops("scheduling while atomic"))
  })
  it("nor from a softirq", () => {
    cpu.softirqs.push(() => switchTo(cpu, cpu.idle))
    expect(inKernel(() => {})).toMatchObject(oops("scheduling while atomic"))
  })
  it("preemption is enabled as often as it was disabled", () => {
    expect(
      inKernel(() => {
        preemptDisable(cpu)
        preemptEnable(cpu)
        preemptEnable(cpu)
      })
    ).toMatchObject(oops("preemption is enabled that nobody disabled"))
  })
})
