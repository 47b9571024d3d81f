import { describe, expect, it } from "vitest"
import type { Device } from "../src/memory.ts"
import { completeHalt, executeWord, refuseHalt, run, step } from "../src/run.ts"
import { assemble, EL0, EL2, getRegister, machine, peek, RAM, setRegister } from "./machine.ts"

const FIBONACCI = `
  mov x0, #12
  bl =fib
  hlt #7
fib:
  cmp x0, #2
  b.lo =done
  stp x29, x30, [sp, #-32]!
  str x19, [sp, #16]
  mov x19, x0
  sub x0, x0, #1
  bl =fib
  mov x1, x0
  sub x0, x19, #2
  mov x19, x1
  bl =fib
  add x0, x0, x19
  ldr x19, [sp, #16]
  ldp x29, x30, [sp], #32
done:
  ret`
/** Instructions fib(n) takes: 3 at the bottom, else 15 and its two calls. */
const fibonacciCount = (n: number): number => (n < 2 ? 3 : 15 + fibonacciCount(n - 1) + fibonacciCount(n - 2))

describe("run", () => {
  it("calls, returns and keeps a stack", () => {
    const { pe } = machine(FIBONACCI)
    expect(run(pe, { instructions: 100_000 })).toEqual({ kind: "halt", immediate: 7 })
    expect(pe.x[0]).toBe(144n)
    expect(pe.x[31]).toBe(BigInt(RAM + 0x10000))
    expect(pe.retired).toBe(BigInt(2 + fibonacciCount(12)))
  })
  it("retires exactly as many instructions as asked, in any slices", () => {
    const whole = machine(FIBONACCI).pe
    run(whole, { instructions: 1000 })
    const sliced = machine(FIBONACCI).pe
    for (let left = 1000, slice = 1; left > 0; slice = (slice % 7) + 1) {
      const now = Math.min(slice, left)
      expect(run(sliced, { instructions: now })).toEqual({ kind: "limit" })
      left -= now
    }
    expect(whole.retired).toBe(1000n)
    expect(sliced.retired).toBe(1000n)
    expect(sliced.bytes.subarray(0, 0x180)).toEqual(whole.bytes.subarray(0, 0x180))
  })
  it("ends in an endless loop of exceptions too", () => {
    const { pe } = machine("udf #0")
    pe.pc = BigInt(RAM + 0x80200) // the vector of the exception itself holds zeros, which are UNDEFINED
    expect(run(pe, { instructions: 50 })).toEqual({ kind: "limit" })
    expect(pe.retired).toBe(0n)
  })
  it("calls of the supervisor retire, undefined instructions do not", () => {
    const { pe } = machine("nop\n svc #5\n", EL0)
    run(pe, { instructions: 2 })
    expect(pe.retired).toBe(2n)
    expect(getRegister(pe, "ELR_EL1")).toBe(BigInt(RAM + 8))
    expect(getRegister(pe, "ESR_EL1")).toBe(0x56000005n)
    expect(pe.pc).toBe(BigInt(RAM + 0x80400))
    const undefinedThere = machine("nop\n udf #0\n", EL0).pe
    run(undefinedThere, { instructions: 2 })
    expect(undefinedThere.retired).toBe(1n)
    expect(getRegister(undefinedThere, "ELR_EL1")).toBe(BigInt(RAM + 4))
    expect(getRegister(undefinedThere, "ESR_EL1")).toBe(0x02000000n)
  })
  it("hands exceptions of a modelled level over after their entry", () => {
    const { pe } = machine("svc #5\n", EL0)
    pe.modelledEl = 1
    const exit = run(pe, { instructions: 10 })
    expect(exit).toMatchObject({ kind: "exception", exception: { target: 1, ec: 0x15, iss: 5 } })
    expect(pe.el).toBe(1)
    const below = machine("svc #5\n", EL0).pe
    below.modelledEl = 2
    expect(run(below, { instructions: 1 })).toEqual({ kind: "limit" })
  })
  it("lets the host complete HLT or refuse it", () => {
    const { pe } = machine("hlt #0xf000\n mov x0, #1\n")
    expect(run(pe, { instructions: 10 })).toEqual({ kind: "halt", immediate: 0xf000 })
    expect(pe.pc).toBe(BigInt(RAM))
    completeHalt(pe)
    run(pe, { instructions: 1 })
    expect([pe.x[0], pe.retired]).toEqual([1n, 2n])
    const other = machine("hlt #1").pe
    run(other, { instructions: 10 })
    expect(refuseHalt(other)).toBeUndefined()
    expect(getRegister(other, "ESR_EL1")).toBe(0x02000000n)
    expect(other.retired).toBe(0n)
  })
  it("waits for interrupts, and not when one is pending", () => {
    const { pe } = machine("wfi\n mov x0, #1\n")
    expect(run(pe, { instructions: 10 })).toEqual({ kind: "wait", event: "interrupt" })
    expect(pe.retired).toBe(1n)
    expect(pe.pc).toBe(BigInt(RAM + 4))
    const pending = machine("msr daifset, #15\n wfi\n mov x0, #1\n hlt #0\n").pe
    step(pending)
    pending.lines.irq = true
    expect(run(pending, { instructions: 10 }).kind).toBe("halt")
    expect(pending.x[0]).toBe(1n)
  })
  it("takes an interrupt that a device raises before the next instruction", () => {
    const { board, pe } = machine("msr daifclr, #15\n mov x1, #0x10000000\n str w0, [x1]\n mov x0, #1\n")
    const device: Device = { base: 0x10000000, bytes: 4096, read: () => 0n, write: () => void (pe.lines.irq = true) }
    board.attach(device)
    run(pe, { instructions: 4 })
    expect(pe.pc).toBe(BigInt(RAM + 0x80280))
    expect(getRegister(pe, "ELR_EL1")).toBe(BigInt(RAM + 12))
    expect(pe.retired).toBe(3n)
  })
  it("takes a timer interrupt at the instruction the timer is due", () => {
    const { pe } = machine("msr daifclr, #15\n loop:\n add x0, x0, #1\n b =loop\n")
    setRegister(pe, "CNTV_CVAL_EL0", 100n) // 100 ticks of 16 ns
    setRegister(pe, "CNTV_CTL_EL0", 1n)
    run(pe, { instructions: 1601 })
    expect(pe.retired).toBe(1600n)
    expect(pe.pc).toBe(BigInt(RAM + 0x80280))
  })
  it("traces instructions and exceptions, and only when asked", () => {
    const seen: string[] = []
    const { pe } = machine("mov x0, #1\n svc #0\n", EL0)
    const trace = {
      instruction: (pc: bigint, word: number) => seen.push(`${pc - BigInt(RAM)}:${word.toString(16)}`),
      exception: ({ ec }: { ec: number }) => seen.push(`exception ${ec}`)
    }
    run(pe, { instructions: 2, trace })
    expect(seen).toEqual(["0:d2800020", "4:d4000001", "exception 21"])
    const { pe: silent } = machine("mov x0, #1\n svc #0\n", EL0)
    run(silent, { instructions: 2 })
    expect(seen.length).toBe(3)
  })
  it("steps one instruction or one exception", () => {
    const { pe } = machine("mov x0, #1\n udf #0\n")
    expect(step(pe)).toEqual({ kind: "limit" })
    expect(pe.pc).toBe(BigInt(RAM + 4))
    step(pe)
    expect(pe.pc).toBe(BigInt(RAM + 0x80200))
  })
  it("executes a word alone", () => {
    const { pe } = machine("", EL0)
    const [add] = assemble("add x0, x1, x2")
    for (let i = 0; i < 10; i++) {
      pe.pc = BigInt(RAM)
      pe.x[1] = BigInt(i)
      pe.x[2] = 5n
      expect(executeWord(pe, add!)).toEqual({ kind: "limit" })
      expect(pe.x[0]).toBe(BigInt(i + 5))
    }
    pe.pc = 0n
    expect(() => executeWord(pe, add!)).toThrow(RangeError)
  })
  it("is the same run for the same seed, and another for another", () => {
    const numbers = (seed: bigint) => {
      const { pe } = machine("mrs x0, rndr\n mrs x1, rndr\n hlt #0\n", EL2, { seed })
      run(pe, { instructions: 10 })
      return [pe.x[0], pe.x[1]]
    }
    expect(numbers(1n)).toEqual(numbers(1n))
    expect(numbers(1n)).not.toEqual(numbers(2n))
    expect(new Set(numbers(1n)).size).toBe(2)
  })
})

describe("code and data in the same memory", () => {
  it("executes what it has just written", () => {
    const [patch] = assemble("mov x0, #2")
    const source = `
      mov x5, #${patch! & 0xffff}
      movk x5, #${patch! >>> 16}, lsl #16
      adr x6, =target
      mov x7, #2
    loop:
    target:
      mov x0, #1
      add x1, x1, x0
      str w5, [x6]
      subs x7, x7, #1
      b.ne =loop
      hlt #0`
    const { pe } = machine(source)
    expect(run(pe, { instructions: 100 }).kind).toBe("halt")
    expect(pe.x[1]).toBe(3n)
  })
  it("sees code rewritten in another page, byte by byte and by the host", () => {
    const far = RAM + 0x5000
    const source = `
      mov x9, #${far >>> 16}, lsl #16
      movk x9, #${far & 0xffff}
      blr x9
      mov x2, x0
      mov w3, #0x40     ; the immediate of mov x0, #1 begins at bit 5
      strb w3, [x9]
      blr x9
      hlt #0`.replace(`mov x9, #${far >>> 16}, lsl #16`, `movz x9, #${far >>> 16}, lsl #16`)
    const { board, pe } = machine(source)
    board.write(far, new Uint8Array(assemble("mov x0, #1\n ret").buffer))
    run(pe, { instructions: 100 })
    expect([pe.x[2], pe.x[0]]).toEqual([1n, 2n])
    board.write(far, new Uint8Array(assemble("mov x0, #9").buffer))
    pe.pc = BigInt(far)
    step(pe)
    expect(pe.x[0]).toBe(9n)
  })
  it("keeps code that shares its page with data which is stored to again and again", () => {
    const { board, pe } = machine(`
      adr x6, =data
      mov x7, #3000
    loop:
      str x7, [x6]
      ldr x8, [x6]
      add x1, x1, x8
      subs x7, x7, #1
      b.ne =loop
      hlt #0
      nop
    data:
      nop
      nop`)
    expect(run(pe, { instructions: 100_000 }).kind).toBe("halt")
    expect(pe.x[1]).toBe(BigInt((3000 * 3001) / 2))
    expect(peek(board, Number(pe.x[6]), 8)).toBe(1n)
  })
})
