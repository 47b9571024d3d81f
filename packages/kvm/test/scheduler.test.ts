/** Threads on one and several CPUs: guests with several vCPUs, host programs between them, and that the same seed gives the same run. */
import { describe, expect, it } from "vitest"
import { bootSmp, type Engine, guestWords, MODES, smpGuest } from "./smp-machine.ts"

/** X0 := SMC64 CPU_ON of vCPU 1 at `secondary`. */
const CPU_ON = "movz x0, #0xc400, lsl #16\nmovk x0, #3\nmov x1, #1\nadr x2, =secondary\nmov x3, #77\nhvc #0"
const LOCK = 0x8000
const BASE = "movz x20, #0x4000, lsl #16\nadd x20, x20, #8, lsl #12"
const EXCLUSIVE = "ldaxr w1, [x20]\ncbnz w1, =again\nmov w2, #1\nstxr w3, w2, [x20]\ncbnz w3, =again"
const LSE = "mov w1, #0\nmov w2, #1\ncasa w1, w2, [x20]\ncbnz w1, =again"
const ROUNDS = 300
const locked = (acquire: string) => `
  ${CPU_ON}
  mov x19, x0
  mov x26, #0
  b =begin
  secondary:
  mov x26, x0
  begin:
  ${BASE}
  mov x22, #${ROUNDS}
  again:
  ${acquire}
  ldr x4, [x20, #8]
  add x4, x4, #1
  str x4, [x20, #8]
  ldr x5, [x20, #16]
  eor x5, x5, x4
  str x5, [x20, #16]
  stlr wzr, [x20]
  subs x22, x22, #1
  b.ne =again
  hlt #9`
const xorTo = (n: number): bigint => Array.from({ length: n }, (_, i) => BigInt(i + 1)).reduce((x, i) => x ^ i, 0n)

describe.each(Object.entries(MODES))("two vCPUs under %s", (_, mode) => {
  describe.each([1, 2])("on %i CPUs", (pcpus) => {
    it.each([
      ["LDAXR and STXR", EXCLUSIVE, "interp"],
      ["LDAXR and STXR", EXCLUSIVE, "jit"],
      ["CAS", LSE, "interp"],
      ["CAS", LSE, "jit"]
    ] as const)("share a lock of %s", (_, acquire, engine: Engine) => {
      const host = bootSmp({ mode, pcpus, engine, scheduler: { quantum: 333, slice: 700 } })
      const { vm, vcpus, halts } = smpGuest(host, locked(acquire))
      expect(host.scheduler.run(10_000_000)).toBe("idle")
      expect(halts).toEqual([[9], [9]])
      expect(guestWords(vm, LOCK, 3)).toEqual([0n, BigInt(2 * ROUNDS), xorTo(2 * ROUNDS)])
      expect([vcpus[0]!.registers.x[19], vcpus[1]!.registers.x[26]]).toEqual([0n, 77n])
    })
  })
})
