import { describe, expect, it } from "vitest"
import { AddressSpace } from "../../src/personality/linux/address-space.ts"
import { PageAllocator, PageTables } from "../../src/personality/linux/page-tables.ts"
import { enterHandler, leaveHandler, SIGNAL_STACK_BYTES } from "../../src/personality/linux/signal-frame.ts"
import { type Action, CODE, SA, SIGNAL, type SignalInfo, Signals, SS } from "../../src/personality/linux/signals.ts"
import { SIGNAL_RETURN_ADDRESS } from "../../src/personality/linux/stub.ts"
import { fakeCpu, fakeMemory, RAM } from "./fixture.ts"

const HANDLER = 0x40_1234n
const STACK_AT = 0x7000_0000
const STACK_BYTES = 0x1_0000
const actionOf = (flags: number, mask = 0n, handler = HANDLER): Action => ({ handler, flags, restorer: 0x40_5678n, mask })
const info = (signal: number, more: Partial<SignalInfo> = {}): SignalInfo => ({ signal, code: CODE.user, ...more })

const fixture = () => {
  const memory = fakeMemory(4 << 20)
  const pages = new PageAllocator(memory, RAM)
  const space = new AddressSpace(memory, new PageTables(memory, pages), pages)
  space.map(STACK_AT, STACK_BYTES, 3)
  const cpu = fakeCpu(memory)
  for (let n = 0; n < 31; n++) cpu.setX(n, BigInt(n) * 0x0101_0101_0101_0101n)
  cpu.setSystem("SP_EL0", BigInt(STACK_AT + STACK_BYTES - 8))
  cpu.setSystem("ELR_EL1", 0x40_0abcn)
  cpu.setSystem("SPSR_EL1", 0x6300_1c00n)
  cpu.setSystem("FPSR", 0x0800_009fn)
  cpu.setSystem("FPCR", 0x03c0_0000n)
  cpu.setVectors(Uint8Array.from({ length: 512 }, (_, i) => (i * 7) & 255))
  return { cpu, space, signals: new Signals() }
}
const stateOf = ({ cpu }: ReturnType<typeof fixture>) => ({
  x: Array.from({ length: 31 }, (_, n) => cpu.x(n)),
  system: (["SP_EL0", "ELR_EL1", "SPSR_EL1", "FPSR", "FPCR"] as const).map((name) => cpu.system(name)),
  vectors: [...cpu.vectors()]
})

describe("signal frames", () => {
  it("have the layout of Linux's rt_sigframe", () => {
    const f = fixture()
    const { cpu, space, signals } = f
    const before = stateOf(f)
    signals.mask = 0x5n
    const fault = { address: 0x1200_0000_0000_1000n, syndrome: 0x9200_0047n }
    const segv = info(SIGNAL.SEGV, { code: CODE.segvNoPermission, address: fault.address, fault })
    expect(enterHandler(cpu, space, signals, segv, actionOf(SA.SIGINFO | SA.RESTORER, 0x80n))).toBe(true)

    const frame = Number(cpu.system("SP_EL0"))
    expect(frame % 16).toBe(0)
    const view = new DataView(space.read(frame, STACK_AT + STACK_BYTES - frame)!.buffer)
    const u32 = (at: number) => view.getUint32(at, true)
    const u64 = (at: number) => view.getBigUint64(at, true)
    expect([u32(0), u32(4), u32(8), u64(16)]).toEqual([11, 0, 2, 0x1000n])
    expect([u64(128), u64(136)], "uc_flags, uc_link").toEqual([0n, 0n])
    expect([u64(144), u32(152), u64(160)], "uc_stack").toEqual([0n, SS.DISABLE, 0n])
    expect(u64(168), "uc_sigmask").toBe(5n)
    const machine = 304
    expect(u64(machine), "fault_address").toBe(0x1000n)
    expect(Array.from({ length: 31 }, (_, n) => u64(machine + 8 + 8 * n))).toEqual(before.x)
    expect([u64(machine + 256), u64(machine + 264), u64(machine + 272)]).toEqual(before.system.slice(0, 3))
    const records = machine + 288
    expect([u32(records), u32(records + 4), u32(records + 8), u32(records + 12)]).toEqual([0x46508001, 528, 0x0800_009f, 0x03c0_0000])
    expect([...new Uint8Array(view.buffer, records + 16, 512)]).toEqual(before.vectors)
    expect([u32(records + 528), u32(records + 532), u64(records + 536)]).toEqual([0x45535201, 16, 0x9200_0047n])
    expect([u32(records + 544), u32(records + 548)]).toEqual([0, 0])
    expect([u64(4688), u64(4696)], "frame record").toEqual([before.x[29], before.x[30]])

    expect([cpu.x(0), cpu.x(1), cpu.x(2)]).toEqual([11n, BigInt(frame), BigInt(frame + 128)])
    expect([cpu.x(29), cpu.x(30)]).toEqual([BigInt(frame + 4688), 0x40_5678n])
    expect(cpu.system("ELR_EL1")).toBe(HANDLER)
    expect(cpu.system("SPSR_EL1"), "BTYPE and TCO are cleared, the rest stays").toBe(0x6100_1000n)
    expect(signals.mask).toBe(0x5n | 0x80n | (1n << 10n))
  })

  it("bring everything back", () => {
    const f = fixture()
    const before = stateOf(f)
    const { cpu, space, signals } = f
    signals.mask = 0x5n
    enterHandler(cpu, space, signals, info(SIGNAL.USR1), actionOf(0))
    expect(cpu.x(30)).toBe(BigInt(SIGNAL_RETURN_ADDRESS))
    expect(cpu.x(1), "without SA_SIGINFO").toBe(before.x[1])
    for (let n = 0; n < 29; n++) cpu.setX(n, 77n)
    cpu.setVectors(new Uint8Array(512))
    for (const name of ["FPSR", "FPCR", "SPSR_EL1", "ELR_EL1"] as const) cpu.setSystem(name, 0n)
    expect(leaveHandler(cpu, space, signals)).toBe(true)
    expect(stateOf(f)).toEqual(before)
    expect(signals.mask).toBe(0x5n)
  })

  it("nest", () => {
    const f = fixture()
    const { cpu, space, signals } = f
    const states = []
    for (let depth = 0; depth < 10; depth++) {
      states.push(stateOf(f))
      expect(enterHandler(cpu, space, signals, info(SIGNAL.USR1), actionOf(SA.NODEFER))).toBe(true)
      cpu.setVectors(new Uint8Array(512).fill(depth))
    }
    while (states.length > 0) {
      expect(leaveHandler(cpu, space, signals)).toBe(true)
      expect(stateOf(f)).toEqual(states.pop())
    }
  })

  it.each([
    ["no memory", 0x10_0000n],
    ["the first page", 0x100n],
    ["zero", 0n],
    ["above the process", 1n << 60n],
    ["the end of addresses", (1n << 64n) - 16n],
    ["too little room", BigInt(STACK_AT + 4000)]
  ])("are not built on a bad stack: %s", (_, sp) => {
    const f = fixture()
    f.cpu.setSystem("SP_EL0", sp)
    const before = stateOf(f)
    expect(enterHandler(f.cpu, f.space, f.signals, info(SIGNAL.USR1), actionOf(0))).toBe(false)
    expect(stateOf(f)).toEqual(before)
    expect(f.signals.mask).toBe(0n)
  })

  const spoil = (change: (view: DataView) => void): boolean => {
    const { cpu, space, signals } = fixture()
    enterHandler(cpu, space, signals, info(SIGNAL.USR1), actionOf(0))
    const frame = Number(cpu.system("SP_EL0"))
    const bytes = space.read(frame, 4688)!
    change(new DataView(bytes.buffer))
    space.write(frame, bytes)
    return leaveHandler(cpu, space, signals)
  }
  const RECORDS = 304 + 288
  it.each<readonly [string, boolean, (view: DataView) => void]>([
    ["as it was", true, () => {}],
    ["without FPSIMD record", false, (view) => view.setUint32(RECORDS, 0, true)],
    ["an end with a size", false, (view) => view.setUint32(RECORDS + 528 + 4, 16, true)],
    ["an FPSIMD record of another size", false, (view) => view.setUint32(RECORDS + 4, 544, true)],
    ["a record of size 0", false, (view) => view.setUint32(RECORDS + 4, 0, true)],
    ["an unknown record", false, (view) => [0x1234, 16].forEach((value, i) => void view.setUint32(RECORDS + 528 + 4 * i, value, true))],
    [
      "a record beyond the frame",
      false,
      (view) => [0x45535201, 0x7fff_fff0].forEach((value, i) => void view.setUint32(RECORDS + 528 + 4 * i, value, true))
    ],
    ["two FPSIMD records", false, (view) => [0x46508001, 528].forEach((value, i) => void view.setUint32(RECORDS + 528 + 4 * i, value, true))],
    [
      "records without end",
      false,
      (view) => {
        for (let at = RECORDS + 528; at + 16 <= 4688; at += 16) [0x45535201, 16].forEach((value, i) => void view.setUint32(at + 4 * i, value, true))
      }
    ],
    ["EL1", false, (view) => view.setBigUint64(304 + 272, 5n, true)],
    ["AArch32", false, (view) => view.setBigUint64(304 + 272, 0x10n, true)],
    ["masked interrupts", false, (view) => view.setBigUint64(304 + 272, 0x80n, true)],
    ["reserved bits, which are ignored", true, (view) => view.setBigUint64(304 + 272, 0xffff_ffff_fc3f_f820n & ~0x3dfn, true)]
  ])("are refused when malformed: %s", (_, good, change) => {
    expect(spoil(change)).toBe(good)
  })
  it("are refused where SP is not theirs", () => {
    const { cpu, space, signals } = fixture()
    for (const sp of [8n, 0n, 0x10_0000n, 1n << 52n, BigInt(STACK_AT + STACK_BYTES - 16)]) {
      cpu.setSystem("SP_EL0", sp)
      expect(leaveHandler(cpu, space, signals)).toBe(false)
    }
  })
})

describe("the alternate stack", () => {
  const ALTERNATE = { base: BigInt(STACK_AT), bytes: 0x4000n, flags: 0 }
  it("is used once, by handlers that ask for it", () => {
    const { cpu, space, signals } = fixture()
    expect(signals.setStack(ALTERNATE, cpu.system("SP_EL0"))).toBeUndefined()
    expect(signals.stackFlags(cpu.system("SP_EL0"))).toBe(0)
    enterHandler(cpu, space, signals, info(SIGNAL.USR1), actionOf(SA.ONSTACK))
    const first = cpu.system("SP_EL0")
    expect(first).toBe(BigInt(STACK_AT + 0x4000 - 16 - 4688))
    expect(signals.stackFlags(first)).toBe(SS.ONSTACK)
    expect(signals.setStack(ALTERNATE, first)).toBe("busy")
    enterHandler(cpu, space, signals, info(SIGNAL.USR2), actionOf(SA.ONSTACK))
    expect(cpu.system("SP_EL0")).toBe(first - 16n - 4688n)
    leaveHandler(cpu, space, signals)
    leaveHandler(cpu, space, signals)
    expect(signals.stack).toEqual(ALTERNATE)
  })
  it("disarms itself when asked to", () => {
    const { cpu, space, signals } = fixture()
    signals.setStack({ ...ALTERNATE, flags: SS.AUTODISARM }, cpu.system("SP_EL0"))
    enterHandler(cpu, space, signals, info(SIGNAL.USR1), actionOf(SA.ONSTACK))
    expect(signals.stackFlags(cpu.system("SP_EL0"))).toBe(SS.DISABLE)
    expect(leaveHandler(cpu, space, signals)).toBe(true)
    expect(signals.stack).toEqual({ ...ALTERNATE, flags: SS.AUTODISARM })
  })
  it("has a least size and known flags", () => {
    const signals = new Signals()
    expect(signals.setStack({ ...ALTERNATE, bytes: 5119n }, 0n)).toBe("too-small")
    expect(signals.setStack({ ...ALTERNATE, flags: 8 }, 0n)).toBe("invalid")
    expect(signals.setStack({ ...ALTERNATE, flags: SS.DISABLE }, 0n)).toBeUndefined()
    expect(signals.stackFlags(1n)).toBe(SS.DISABLE)
    expect(SIGNAL_STACK_BYTES).toBeLessThanOrEqual(5120)
  })
})

describe("pending signals", () => {
  const take = (signals: Signals): readonly (number | "stop")[] => {
    const taken: (number | "stop")[] = []
    for (let next = signals.next(); next !== undefined; next = signals.next()) taken.push(next.kind === "stop" ? "stop" : next.info.signal)
    return taken
  }
  const handled = (...numbers: readonly number[]): Signals => {
    const signals = new Signals()
    for (const number of numbers) signals.setAction(number, actionOf(0))
    return signals
  }
  it("are taken by rank: kill, faults, then by number; real-time ones are kept in order", () => {
    const signals = handled(SIGNAL.USR1, SIGNAL.SEGV, SIGNAL.TERM, 40, 41)
    for (const number of [41, SIGNAL.TERM, 40, SIGNAL.USR1, SIGNAL.USR1, SIGNAL.SEGV, 40]) signals.send(info(number, { value: 1n }))
    expect(take(signals)).toEqual([SIGNAL.SEGV, SIGNAL.USR1, SIGNAL.TERM, 40, 40, 41])
    signals.send(info(SIGNAL.SEGV))
    signals.send(info(SIGNAL.KILL))
    expect(signals.next()).toMatchObject({ kind: "kill", info: { signal: SIGNAL.KILL } })
  })
  it("wait while they are blocked, and are forgotten when they are ignored", () => {
    const signals = handled(SIGNAL.USR1)
    signals.mask = (1n << 64n) - 1n
    expect(signals.mask & ((1n << 8n) | (1n << 18n)), "SIGKILL and SIGSTOP cannot be blocked").toBe(0n)
    signals.send(info(SIGNAL.USR1))
    signals.send(info(SIGNAL.CHLD))
    expect(signals.deliverable).toBe(false)
    expect(signals.pendingSet()).toBe((1n << 9n) | (1n << 16n))
    signals.setAction(SIGNAL.USR1, actionOf(0, 0n, 1n))
    expect(signals.pendingSet()).toBe(1n << 16n)
    signals.mask = 0n
    expect(take(signals)).toEqual([])
    signals.send(info(SIGNAL.WINCH))
    expect(signals.pendingSet()).toBe(0n)
  })
  it("of faults cannot be blocked or ignored", () => {
    for (const prepare of [(s: Signals) => void (s.mask = 1n << 10n), (s: Signals) => s.setAction(SIGNAL.SEGV, actionOf(0, 0n, 1n))]) {
      const signals = handled(SIGNAL.SEGV)
      prepare(signals)
      signals.force(info(SIGNAL.SEGV))
      expect(signals.next()).toMatchObject({ kind: "kill" })
    }
    const signals = handled(SIGNAL.SEGV)
    signals.forceAfter(SIGNAL.USR1)
    expect(signals.next()).toMatchObject({ kind: "handle", info: { code: CODE.kernel } })
    signals.forceAfter(SIGNAL.SEGV)
    expect(signals.next()).toMatchObject({ kind: "kill" })
  })
  it("are so many at most", () => {
    const signals = handled(40)
    signals.mask = 1n << 39n
    let sent = 0
    while (signals.send(info(40))) sent++
    expect(sent).toBe(1024)
    expect(signals.send(info(SIGNAL.KILL))).toBe(true)
  })
  it("stop the process, and let it go on", () => {
    const signals = new Signals()
    signals.send(info(SIGNAL.TSTP))
    expect(signals.next()).toEqual({ kind: "stop" })
    expect(signals.stopped).toBe(true)
    signals.send(info(SIGNAL.TTIN))
    signals.send(info(SIGNAL.CONT))
    expect(signals.stopped).toBe(false)
    expect(signals.pendingSet()).toBe(0n)
  })
  it("with SA_RESETHAND are handled once; flags nobody knows are cleared", () => {
    const signals = new Signals()
    signals.setAction(SIGNAL.USR1, actionOf(SA.RESETHAND | 0x400 | 0x20))
    expect(signals.action(SIGNAL.USR1).flags).toBe(SA.RESETHAND)
    for (const kind of ["handle", "kill"]) {
      signals.send(info(SIGNAL.USR1))
      expect(signals.next()).toMatchObject({ kind })
    }
  })
})
