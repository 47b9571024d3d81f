/** The binding between a CPU's FP registers and their owner: what each operation does to LAST, FOREIGN_FPSTATE and the registers. */

import { type Host, type PhysicalCpu, type Task, TIF } from "@eltwo/kvm"
import { beforeEach, describe, expect, it } from "vitest"
import { boot, ok } from "../../../plugins/vhe/test/machine.ts"
import { fpMemory } from "../src/host/fp-memory.ts"
import {
  bindState,
  bindTask,
  flushCpuState,
  flushTaskState,
  isLive,
  restoreCurrentState,
  saveAndFlushCpuState,
  saveUserState,
  threadSwitch
} from "../src/host/fpstate.ts"
import { localIrqDisable, localIrqEnable } from "../src/host/masking.ts"
import { NR_CPUS } from "../src/host/task.ts"

let host: Host
let cpu: PhysicalCpu
let a: Task
let b: Task

/** The kernel is in a system call of task A, whose state is live. */
beforeEach(() => {
  host = boot()
  cpu = host.cpus[0]!
  a = ok(host.createTask())
  b = ok(host.createTask())
})
const inKernel = <T>(code: () => T): T => {
  const result = host.inKernel(() => {
    const { current } = cpu
    localIrqDisable(cpu)
    cpu.current = a
    a.clear(TIF.FOREIGN_FPSTATE)
    bindTask(cpu)
    const value = code()
    cpu.current = current
    cpu.last.st = null
    current!.set(TIF.FOREIGN_FPSTATE)
    localIrqEnable(cpu)
    return { value }
  })
  if (!("value" in result)) throw new Error(JSON.stringify(result))
  return result.value
}
const setV0 = (value: bigint): void => cpu.pe.setV(0, value)
const first = (task: { fp: { fpsimd: Uint8Array } }): bigint => new DataView(task.fp.fpsimd.buffer).getBigUint64(0, true)
const foreign = (task: Task): boolean => task.has(TIF.FOREIGN_FPSTATE)

describe("the FP core", () => {
  it("binds a task: LAST is it, and it was last here", () =>
    inKernel(() => {
      expect([cpu.last.st, cpu.last.toSave, a.fpsimdCpu]).toEqual([a.fp, "CURRENT", 0])
      expect(isLive(cpu, a)).toBe(true)
    }))
  it("saves to whoever is bound, unless the registers are dead", () =>
    inKernel(() => {
      setV0(1n)
      saveUserState(cpu)
      expect(first(a)).toBe(1n)
      const other = fpMemory("vcpu1")
      bindState(cpu, other, "FPSIMD")
      setV0(2n)
      saveUserState(cpu)
      expect([first(a), first({ fp: other })]).toEqual([1n, 2n])
      a.set(TIF.FOREIGN_FPSTATE)
      setV0(3n)
      saveUserState(cpu)
      expect(first({ fp: other })).toBe(2n)
    }))
  it("flush cpu forgets the CPU's side only", () =>
    inKernel(() => {
      flushCpuState(cpu)
      expect([cpu.last.st, foreign(a), a.fpsimdCpu, isLive(cpu, a)]).toEqual([null, true, 0, false])
    }))
  it("flush task forgets the task's side only", () =>
    inKernel(() => {
      flushTaskState(a)
      expect([cpu.last.st, foreign(a), a.fpsimdCpu, isLive(cpu, a)]).toEqual([a.fp, true, NR_CPUS, false])
    }))
  it("save and flush writes back first", () =>
    inKernel(() => {
      setV0(9n)
      saveAndFlushCpuState(cpu)
      expect([first(a), cpu.last.st, foreign(a)]).toEqual([9n, null, true])
    }))
  it("a switch saves the outgoing task; the incoming one is live only if both halves say so", () =>
    inKernel(() => {
      setV0(5n)
      threadSwitch(cpu, b)
      expect([first(a), foreign(b)]).toEqual([5n, true])
      // A comes back with nobody between: its registers are still here
      cpu.current = b
      threadSwitch(cpu, a)
      expect(foreign(a)).toBe(false)
      // it ran on another CPU meanwhile: the pointer alone is not enough
      cpu.current = b
      a.fpsimdCpu = 1
      threadSwitch(cpu, a)
      expect(foreign(a)).toBe(true)
      // the CPU number alone is not either
      a.fpsimdCpu = 0
      cpu.last.st = b.fp
      cpu.current = b
      threadSwitch(cpu, a)
      expect(foreign(a)).toBe(true)
      cpu.current = a
    }))
  it("return to user loads only what is not here", () =>
    inKernel(() => {
      const { loads } = host.account
      restoreCurrentState(cpu)
      expect(host.account.loads).toBe(loads)
      setV0(7n)
      saveAndFlushCpuState(cpu)
      setV0(0n)
      restoreCurrentState(cpu)
      expect([host.account.loads, cpu.pe.v(0), isLive(cpu, a), foreign(a)]).toEqual([loads + 1, 7n, true, false])
    }))
  it("live registers that are nobody's are a bug of the kernel", () => {
    const crash = host.inKernel(() => {
      localIrqDisable(cpu)
      cpu.last.st = null
      saveUserState(cpu)
    })
    expect(crash).toMatchObject({ kind: "HostOops", message: "Live FP registers are bound to nobody" })
  })
})
