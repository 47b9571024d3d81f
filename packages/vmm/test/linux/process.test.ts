/** Running programs: signals at any instruction, calls that wait, timers, limits. */
import { describe, expect, it } from "vitest"
import { SIGNAL } from "../../src/personality/linux/signals.ts"
import { fakeHost, randomFrom } from "./fixture.ts"
import { call, elfOf, exit, handle, load, NUMBER, WAYS } from "./machine.ts"

const { USR1, USR2, ALRM, TERM, STOP, CONT } = SIGNAL
const action = (name: string, handler: string, flags = 4) => `.align 3\n${name}: .quad ${handler}, ${flags}, 0, 0`
const text = (...lines: readonly string[]) => elfOf(`.text\n.global _start\n_start:\n${lines.join("\n")}`)

/** A long calculation over general registers, flags and vectors; its handler spoils all of them. X27 is the count of signals, kept in memory. */
const CALCULATION = text(
  handle(USR1, "act"),
  `adr x1, seed
ld1 {v0.4s-v3.4s}, [x1]
mov x0, #1
mov x2, #3000
mov x9, #0
loop:
subs x2, x2, #1
adc x0, x0, x2
eor x9, x9, x0, ror #7
add v0.4s, v0.4s, v1.4s
eor v1.16b, v1.16b, v2.16b
mul v2.4s, v2.4s, v3.4s
fadd d4, d4, d0
add v3.4s, v3.4s, v0.4s
stp x0, x9, [sp, #-16]!
ldp x3, x4, [sp], #16
cmp x2, #0
b.ne loop
adr x1, out
stp x0, x9, [x1]
st1 {v0.4s-v3.4s}, [x1]
str x9, [x1, #64]
mrs x5, fpsr
str x5, [x1, #72]`,
  call(NUMBER.write, 1, "out", 80),
  exit(0),
  `handler:
adr x3, count
ldr x4, [x3]
add x4, x4, #1
str x4, [x3]
movi v0.16b, #1
movi v3.16b, #3
mov x9, #-1
msr fpsr, xzr
cmp xzr, xzr
ret`,
  action("act", "handler"),
  ".align 4\nseed: .word 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16",
  ".data\n.align 4\nout: .space 80\n.global count\ncount: .quad 0"
)

describe.each(WAYS)("signals from outside (%s)", (way) => {
  it("leave no trace in the program they interrupt, wherever it is", () => {
    const alone = load(CALCULATION, way)
    expect(alone.process.run(1_000_000)).toEqual({ kind: "exited", status: 0 })
    const random = randomFrom(3)
    const { process, host } = load(CALCULATION, way)
    let delivered = 0
    process.run(100)
    for (;;) {
      process.send(USR1)
      delivered++
      // Long enough for the handler, so that none finds another one pending.
      const stop = process.run(30 + random(60))
      if (stop.kind !== "limit") {
        expect(stop).toEqual({ kind: "exited", status: 0 })
        break
      }
    }
    expect(delivered).toBeGreaterThan(400)
    expect(host.written[1]).toBe(alone.host.written[1])
  })

  it("find the program at every single instruction", () => {
    const alone = load(CALCULATION, way)
    alone.process.run(1_000_000)
    for (let at = 1; at < 50; at += way === "kvm" ? 5 : 1) {
      const { process, host } = load(CALCULATION, way)
      process.run(at)
      process.send(USR1)
      const stop = process.run(1_000_000)
      // Before its handler is there, the signal ends it.
      if (stop.kind === "killed") expect([stop.signal, at < 12]).toEqual([USR1, true])
      else expect(host.written[1]).toBe(alone.host.written[1])
    }
  })

  it("end it, or do nothing when they are ignored", () => {
    const { process } = load(text("loop: b loop"), way)
    expect(process.run(1000)).toEqual({ kind: "limit" })
    process.send(SIGNAL.WINCH)
    expect(process.run(1000)).toEqual({ kind: "limit" })
    process.send(TERM)
    expect(process.run(1000)).toMatchObject({ kind: "killed", signal: TERM })
    expect(process.run(1000)).toMatchObject({ kind: "killed", signal: TERM })
  })

  it("stop it and let it go on", () => {
    const { process } = load(text("loop: b loop"), way)
    process.run(100)
    process.send(STOP)
    expect(process.run(1000)).toEqual({ kind: "waiting", for: "signal" })
    expect(process.run(1000)).toEqual({ kind: "waiting", for: "signal" })
    process.send(CONT)
    expect(process.run(1000)).toEqual({ kind: "limit" })
    process.send(STOP)
    process.run(1)
    process.send(SIGNAL.KILL)
    expect(process.run(1000)).toMatchObject({ kind: "killed", signal: SIGNAL.KILL })
  })
})

describe.each(WAYS)("calls that wait (%s)", (way) => {
  const waiter = (body: string, flags = 4) =>
    text(
      handle(USR1, "act"),
      handle(USR2, "act"),
      handle(ALRM, "act"),
      body,
      `handler: adr x3, count
ldr x4, [x3]
add x4, x4, #1
str x4, [x3]
ret`,
      action("act", "handler", flags),
      "zero: .quad 0",
      "second: .quad 1, 0",
      "timer: .quad 0, 0, 0, 300000",
      "soon: .quad 0, 0, 0, 1000",
      "blocked: .quad 1 << (12 - 1)",
      ".data\n.align 3\ncount: .quad 0\nremaining: .quad 0, 0\nbuffer: .space 64"
    )
  /** Ends with the call's result, as an error number, times 10, plus the number of signals handled. */
  const REPORT = `neg x0, x0
mov x1, #10
mul x0, x0, x1
adr x3, count
ldr x4, [x3]
add x0, x0, x4
mov x8, #93
svc #0`
  const EINTR = 4

  it("sigsuspend waits for a signal, under a mask that goes away", () => {
    const image = waiter(`${call(NUMBER.sigprocmask, 0, "blocked", 0, 8)}
${call(NUMBER.suspend, "zero", 8)}
mov x20, x0
${call(NUMBER.sigprocmask, 0, 0, "remaining", 8)}
adr x1, remaining
ldr x1, [x1]
cmp x1, #1 << (12 - 1)
csel x0, x20, xzr, eq
${REPORT}`)
    const { process } = load(image, way)
    expect(process.run(10_000)).toEqual({ kind: "waiting", for: "signal" })
    expect(process.run(10_000)).toEqual({ kind: "waiting", for: "signal" })
    process.send(USR2)
    expect(process.run(10_000)).toEqual({ kind: "exited", status: 10 * EINTR + 1 })
  })

  it("sleep is over when the time has passed, without instructions", () => {
    const { process } = load(waiter(`${call(NUMBER.nanosleep, "second", 0)}\n${REPORT}`), way)
    expect(process.run(10_000)).toEqual({ kind: "exited", status: 0 })
    expect(process.cpu.nanoseconds()).toBeGreaterThan(1_000_000_000n)
    expect(process.cpu.retired()).toBeLessThan(1000n)
  })

  it("a timer interrupts sleep, which tells what was left", () => {
    const image = waiter(`${call(NUMBER.setitimer, 0, "timer", 0)}
${call(NUMBER.nanosleep, "second", "remaining")}
mov x20, x0
${call(NUMBER.write, 1, "remaining", 16)}
mov x0, x20
${REPORT}`)
    const pieces: number[] = []
    const host = fakeHost()
    Object.assign(host.streams, { writeOutput: (_: number, bytes: Uint8Array) => pieces.push(...bytes) > 0 })
    const { process } = load(image, way, host)
    expect(process.run(10_000)).toEqual({ kind: "exited", status: 10 * EINTR + 1 })
    const [seconds, nanoseconds] = new BigUint64Array(Uint8Array.from(pieces).buffer)
    expect(seconds).toBe(0n)
    expect(Number(nanoseconds)).toBeGreaterThan(699_000_000)
    expect(Number(nanoseconds)).toBeLessThan(700_000_100)
  })

  it("a timer interrupts a calculation at its instruction", () => {
    const { process } = load(waiter(`${call(NUMBER.setitimer, 0, "soon", 0)}\nloop: adr x3, count\nldr x0, [x3]\ncbz x0, loop\n${exit(7)}`), way)
    expect(process.run(10_000_000)).toEqual({ kind: "exited", status: 7 })
    expect(Math.abs(Number(process.cpu.retired()) - 1_000_000)).toBeLessThan(200)
  })

  it("a read waits for input; SA_RESTART begins it again after a handler", () => {
    for (const [flags, expected] of [
      [4, 10 * EINTR + 1],
      [0x10000004, 256 - 30 + 1]
    ] as const) {
      const host = fakeHost()
      host.input = [undefined, undefined, undefined, undefined, new TextEncoder().encode("abc")]
      const { process } = load(waiter(`${call(NUMBER.read, 0, "buffer", 64)}\n${REPORT}`, flags), way, host)
      expect(process.run(10_000)).toEqual({ kind: "waiting", for: "input" })
      expect(process.run(10_000)).toEqual({ kind: "waiting", for: "input" })
      process.send(USR1)
      let stop = process.run(10_000)
      while (stop.kind === "waiting") stop = process.run(10_000)
      expect(stop).toEqual({ kind: "exited", status: expected & 255 })
    }
  })

  it("a call nobody knows is ENOSYS, and counted", () => {
    const { process } = load(waiter(`${call(NUMBER.clone, 17, 0, 0, 0, 0)}\n${REPORT}`), way)
    expect(process.run(10_000)).toEqual({ kind: "exited", status: (38 * 10) & 255 })
    expect([...process.unimplemented]).toEqual([[NUMBER.clone, 1]])
  })

  it("memory is used up: the program is killed and said why", () => {
    const { process } = load(
      waiter(
        `loop: ${call(NUMBER.mmap, 0, 1 << 20, 3, 0x22, -1, 0)}\nmov x1, x0\nadd x2, x1, #1 << 20\ntouch: str x2, [x1]\nadd x1, x1, #4096\ncmp x1, x2\nb.ne touch\nb loop`
      ),
      way
    )
    expect(process.run(1_000_000)).toMatchObject({ kind: "killed", signal: SIGNAL.KILL, outOfMemory: true })
  })
})

describe.each(WAYS)("hostile programs (%s)", (way) => {
  it("of random instructions end, or are still running: nothing else happens", () => {
    const random = randomFrom(17)
    const ends: Record<string, number> = {}
    for (let i = 0; i < 25; i++) {
      const words = Array.from({ length: 200 }, () => `.inst ${(random(0x1_0000) * 0x1_0000 + random(0x1_0000)) >>> 0}`)
      const { process } = load(
        text(
          handle(SIGNAL.ILL, "act"),
          ...words,
          exit(0),
          "skip: ldr x4, [x2, #440]\nadd x4, x4, #4\nstr x4, [x2, #440]\nret",
          action("act", "skip", 4)
        ),
        way
      )
      const { kind } = process.run(20_000)
      ends[kind] = (ends[kind] ?? 0) + 1
      expect(["killed", "exited", "limit", "waiting"]).toContain(kind)
    }
    expect(ends["killed"]).toBeGreaterThan(5)
  })

  it("whose handler faults in its own frame end", () => {
    const image = text(
      handle(SIGNAL.SEGV, "act"),
      "mov x1, #16\nldr x0, [x1]",
      exit(1),
      "handler: mov x1, #16\nldr x0, [x1]",
      action("act", "handler", 0x40000004)
    )
    const { process } = load(image, way)
    let stop = process.run(100_000)
    while (stop.kind === "limit") stop = process.run(100_000)
    // Each fault takes a frame until the stack has no room: then it is killed.
    expect(stop).toMatchObject({ kind: "killed", signal: SIGNAL.SEGV })
  })

  it("that return from no handler are killed", () => {
    const { process } = load(text("mov x8, #139\nsvc #0"), way)
    expect(process.run(1000)).toMatchObject({ kind: "killed", signal: SIGNAL.SEGV })
  })
})
