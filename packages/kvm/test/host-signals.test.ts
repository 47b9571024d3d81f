/** Signals to host programs: the frame on the stack, the handler's registers, rt_sigreturn, and frames that are not valid. */
import type { Host, Task } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { guest } from "../../../plugins/vhe/test/machine.ts"
import { SIGNAL, sendSignal } from "../src/host/signal-state.ts"
import { bootScalable, DATA, EXIT, type MachineOptions, PROGRAM, STACK, scalableProgram, syscall } from "./scalable-machine.ts"

const RECORDS = 592
const MAGIC = { FPSIMD: 0x46508001, SVE: 0x53564501, ZA: 0x54366345, ZT: 0x5a544e01, FPMR: 0x46504d52, TPIDR2: 0x54504902, EXTRA: 0x45585401 }
const NAME = new Map(Object.entries(MAGIC).map(([name, magic]) => [magic, name]))
const SA_RESTORER = 0x04000000n

interface Handled {
  readonly host: Host
  readonly task: Task
  readonly data: Uint8Array
  readonly stack: Uint8Array
  /** Bytes of the stack from an address. */
  at(address: bigint, bytes: number): Uint8Array
}
/** A program that waits after `before`; `after` follows. It has a handler of SIGUSR1, SIGILL and SIGSEGV with `handler` as code, which returns by the restorer. */
const waiting = (before: string, handler: string, after = "", options: MachineOptions = {}): Handled => {
  const host = bootScalable(options)
  const { task, data } = scalableProgram(
    host,
    `mov x20, #${DATA}
     b =start
     nop; nop
     restorer:
     ${syscall(139)}
     handler:
     ${handler}
     ret
     start:
     ${before}
     wait:
     ldr x9, [x20, #8]
     cbz x9, =wait
     ${after}
     ${EXIT}`,
    new Uint8Array(0x2000)
  )
  const action = { handler: BigInt(PROGRAM + 4 * 6), flags: SA_RESTORER, restorer: BigInt(PROGRAM + 4 * 4), mask: 0n }
  for (const signal of [SIGNAL.SIGUSR1, SIGNAL.SIGILL, SIGNAL.SIGSEGV]) task.signals.actions.set(signal, action)
  const top = STACK - 0x48000
  const place = host.inKernel(() => task.space.physical(top)!)
  if (typeof place !== "number") throw new Error(place.message)
  const stack = host.pages.view(place, 0x48000)
  return { host, task, data, stack, at: (address, bytes) => stack.subarray(Number(address) - top, Number(address) - top + bytes) }
}
const go = ({ host, task }: Handled, instructions = 400): unknown => host.runTask(task, instructions)
const signal = ({ host, task }: Handled, number: number = SIGNAL.SIGUSR1): unknown => host.inKernel(() => sendSignal(task, number))
/** Lets the program go on behind its loop, to its end. */
const release = (program: Handled): void => {
  program.data[8] = 1
  expect(go(program, 2000)).toBe("ended")
}
const word = (bytes: Uint8Array, at = 0): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true)

interface Found {
  readonly name: string
  readonly address: bigint
  readonly bytes: Uint8Array
}
/** The records of a frame, in their order, those beyond it included. */
const recordsAt = (program: Handled, frame: bigint): readonly Found[] => {
  const found: Found[] = []
  for (let address = frame + BigInt(RECORDS); ; ) {
    const head = program.at(address, 32)
    const view = new DataView(head.buffer, head.byteOffset)
    const [magic, size] = [view.getUint32(0, true), view.getUint32(4, true)]
    if (magic === 0) return found
    const name = NAME.get(magic) ?? "?"
    found.push({ name, address, bytes: program.at(address, size) })
    address = name === "EXTRA" ? view.getBigUint64(8, true) : address + BigInt(size)
  }
}
const HANG = "hang:\nb =hang"
const FILL = "movi v0.16b, #0x5a\nmovi v31.16b, #0x13"

describe("a signal frame", () => {
  it.each([
    { name: "V alone", before: FILL, records: ["FPSIMD 528", "SVE 16", "FPMR 16", "TPIDR2 16", "ZA 16"] },
    { name: "SVE of 64 bytes", before: `${FILL}\nptrue p0.b`, records: ["FPSIMD 528", `SVE ${16 + 2192}`, "FPMR 16", "TPIDR2 16", "ZA 16"] },
    { name: "ZA and ZT0", before: `${FILL}\nsmstart za`, records: ["FPSIMD 528", "SVE 16", "FPMR 16", "TPIDR2 16", `ZA ${16 + 1024}`, "ZT 80"] },
    {
      name: "streaming mode",
      before: `smstart sm\nmov z0.b, #0x5a\nmov z31.b, #0x13`,
      records: ["FPSIMD 528", `SVE ${16 + 1104}`, "FPMR 16", "TPIDR2 16", "ZA 16"]
    },
    {
      name: "more than 4096 bytes",
      before: `mov x0, #63\nmov x1, #256\n${syscall(167)}\nsmstart\nmov z0.b, #0x5a\nmov z31.b, #0x13`,
      records: ["FPSIMD 528", "EXTRA 32", `SVE ${16 + 8736}`, "FPMR 16", "TPIDR2 16", `ZA ${16 + 65536}`, "ZT 80"]
    }
  ])("of $name", ({ before, records }) => {
    const program = waiting(before, HANG)
    go(program)
    signal(program)
    go(program, 3)
    const found = recordsAt(program, stackPointer(program))
    expect(found.map(({ name, bytes }) => `${name} ${bytes.length}`)).toEqual(records)
    const [fpsimd] = found
    // FPSR, FPCR, then V0 to V31
    expect([fpsimd!.bytes[16], fpsimd!.bytes[16 + 31 * 16]]).toEqual([0x5a, 0x13])
  })
  it("has the registers, the mask and what happened", () => {
    const program = waiting("mov x5, #55", HANG)
    go(program)
    signal(program)
    go(program, 3)
    const frame = stackPointer(program)
    const view = program.at(frame, RECORDS)
    expect([view[0], word(view, 312 + 8 * 5), word(view, 560), word(view, 168)]).toEqual([SIGNAL.SIGUSR1, 55n, BigInt(STACK), 0n])
    expect(word(view, 568)).toBeGreaterThan(BigInt(PROGRAM))
    const { x } = program.host.cpu.pe
    expect([x[0], x[1], x[2], x[30]]).toEqual([BigInt(SIGNAL.SIGUSR1), frame, frame + 128n, BigInt(PROGRAM + 16)])
    expect(program.task.signals.blocked).toBe(1n << BigInt(SIGNAL.SIGUSR1 - 1))
  })
})
/** The program is at user level. */
const stackPointer = ({ host }: Handled): bigint => host.cpu.pe.x[31]!

describe("a handler", () => {
  it("begins outside streaming mode, without ZA and TPIDR2_EL0, and SVE as it was", () => {
    const program = waiting(
      `smstart\nmov x1, #9\nmsr tpidr2_el0, x1\nmov z1.b, #7`,
      "str q1, [x20, #16]\nmrs x1, svcr\nstr x1, [x20, #32]\nmrs x1, tpidr2_el0\nstr x1, [x20, #40]",
      "str z1, [x20, #1, mul vl]\nmrs x1, svcr\nstr x1, [x20, #128]"
    )
    go(program)
    signal(program)
    go(program)
    expect([word(program.data, 16), word(program.data, 32), word(program.data, 40)]).toEqual([0n, 0n, 0n])
    release(program)
    expect([word(program.data, 32), word(program.data, 56), word(program.data, 128)]).toEqual([0x0707070707070707n, 0x0707070707070707n, 3n])
  })
  it("sees the vectors outside streaming mode, and cannot change them for the program", () => {
    const program = waiting("mov z1.b, #7", "str z1, [x20, #1, mul vl]\nmov z1.b, #1", "str z1, [x20, #2, mul vl]")
    go(program)
    signal(program)
    go(program)
    release(program)
    expect([word(program.data, 64 + 56), word(program.data, 128), word(program.data, 128 + 56)]).toEqual(Array(3).fill(0x0707070707070707n))
  })
  it("of SIGILL can step over the instruction and leaves predicates alone", () => {
    // the handler adds 4 to the PC in the frame
    const program = waiting(
      "",
      "ldr x4, [x1, #568]\nadd x4, x4, #4\nstr x4, [x1, #568]",
      "ptrue p0.b\nmov z1.b, #7\nudf #0\nstr z1, [x20, #1, mul vl]\nstr p0, [x20, #16, mul vl]"
    )
    release(program)
    expect([word(program.data, 64), word(program.data, 128), program.task.ended]).toEqual([0x0707070707070707n, 2n ** 64n - 1n, { status: 0 }])
  })
  it("that is not there means the end", () => {
    const program = waiting("", "nop")
    program.task.signals.actions.clear()
    go(program)
    signal(program)
    expect([go(program), program.task.ended]).toMatchObject(["ended", { signal: "SIGUSR1" }])
  })
  it("finds no room on the stack: SIGSEGV, and then the end", () => {
    const program = waiting("mov x1, #4096\nmov sp, x1", "nop")
    go(program)
    signal(program)
    expect([go(program), program.task.ended]).toMatchObject(["ended", { signal: "SIGSEGV" }])
  })
  it("is not entered while the signal is blocked", () => {
    const program = waiting("", "mov x1, #1\nstr x1, [x20, #16]")
    program.task.signals.blocked = 1n << BigInt(SIGNAL.SIGUSR1 - 1)
    go(program)
    signal(program)
    go(program)
    expect(word(program.data, 16)).toBe(0n)
    program.task.signals.blocked = 0n
    program.host.inKernel(() => {})
    go(program)
    expect(word(program.data, 16)).toBe(1n)
  })
})

describe("rt_sigreturn", () => {
  /** Returns from a handler whose frame `change` has altered while it hung; what became of the program. */
  const returned = (
    before: string,
    change: (program: Handled, records: ReadonlyMap<string, Found>, frame: Uint8Array) => void,
    after = "",
    options: MachineOptions = {}
  ): Handled => {
    const program = waiting(before, "ldr x4, [x20, #16]\ncbz x4, 0x400018", after, options)
    go(program)
    signal(program)
    go(program, 50)
    const frame = stackPointer(program)
    change(program, new Map(recordsAt(program, frame).map((record) => [record.name, record])), program.at(frame, 4688))
    program.task.signals.actions.clear()
    program.data[16] = 1
    program.data[8] = 1
    go(program, 3000)
    return program
  }
  const valid = { status: 0 }
  const invalid = { signal: "SIGSEGV" }
  const set16 = ({ bytes }: Found, at: number, value: number): void => new DataView(bytes.buffer, bytes.byteOffset).setUint16(at, value, true)
  const set32 = ({ bytes }: Found, at: number, value: number): void => new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true)

  it("takes V from the FPSIMD record, and the rest of a vector from the SVE record", () => {
    const { data, task } = returned(
      "mov z1.b, #7",
      (_, records) => {
        records.get("FPSIMD")!.bytes.fill(1, 16 + 16, 16 + 32)
        records.get("SVE")!.bytes.fill(2, 16 + 64, 16 + 128)
      },
      "str z1, [x20, #1, mul vl]"
    )
    expect([task.ended, ...[64, 72, 80, 120].map((at) => word(data, at))]).toEqual([
      valid,
      0x0101010101010101n,
      0x0101010101010101n,
      0x0202020202020202n,
      0x0202020202020202n
    ])
  })
  it("without vectors ends streaming mode", () => {
    const { data, task } = returned(
      "smstart sm",
      (program, records) => {
        // the records after it move down over it
        const { address, bytes } = records.get("SVE")!
        const rest = program.at(address + BigInt(bytes.length), 64).slice()
        program.at(address, 64).set(rest)
      },
      "mrs x1, svcr\nstr x1, [x20, #64]"
    )
    expect([task.ended, word(data, 64)]).toEqual([valid, 0n])
  })
  it("takes ZA, ZT0, FPMR and TPIDR2_EL0", () => {
    const { data, task } = returned(
      "smstart za",
      (_, records) => {
        records.get("ZA")!.bytes.fill(3, 16)
        records.get("ZT")!.bytes.fill(4, 16)
        records.get("FPMR")!.bytes[8] = 0x41
        records.get("TPIDR2")!.bytes[8] = 9
      },
      "mov w12, #5\nstr za[w12, 0], [x20]\nadd x1, x20, #128\nstr zt0, [x1]\nmrs x1, fpmr\nstr x1, [x20, #256]\nmrs x1, tpidr2_el0\nstr x1, [x20, #264]"
    )
    expect([task.ended, ...[0, 128, 256, 264].map((at) => word(data, at))]).toEqual([valid, 0x0303030303030303n, 0x0404040404040404n, 0x41n, 9n])
  })
  it.each([
    ["no FPSIMD record", "", (r) => set32(r.get("FPSIMD")!, 0, 0)],
    ["an FPSIMD record of another size", "", (r) => set32(r.get("FPSIMD")!, 4, 512)],
    ["another vector length", "ptrue p0.b", (r) => set16(r.get("SVE")!, 8, 32)],
    ["vectors without payload in streaming mode", "", (r) => set16(r.get("SVE")!, 10, 1)],
    ["a record that is unknown", "", (r) => set32(r.get("FPMR")!, 0, 0x12345678)],
    ["a record twice", "", (r) => set32(r.get("TPIDR2")!, 0, MAGIC.FPMR)],
    ["a record of size 0", "", (r) => set32(r.get("FPMR")!, 4, 0)],
    ["a size that is no multiple of 16", "", (r) => set32(r.get("FPMR")!, 4, 24)],
    ["a size beyond the frame", "", (r) => set32(r.get("ZA")!, 4, 0xfffff0)],
    ["ZA of another length", "smstart za", (r) => set16(r.get("ZA")!, 8, 64)],
    ["ZT0 without ZA", "smstart za", (r) => set32(r.get("ZA")!, 0, 0x12345678)],
    ["two registers of ZT", "smstart za", (r) => set16(r.get("ZT")!, 8, 2)]
  ] as readonly [string, string, (records: ReadonlyMap<string, Found>) => void][])("refuses %s", (_, before, change) => {
    expect(returned(before, (_program, records) => change(records)).task.ended).toMatchObject(invalid)
  })
  it.each([
    ["a kernel's PSTATE", (frame) => (frame[576] = 9)],
    ["masked interrupts", (frame) => (frame[576] = 0x80)]
  ] as readonly [string, (frame: Uint8Array) => unknown][])("refuses %s", (_, change) => {
    expect(returned("", (_program, _records, frame) => void change(frame)).task.ended).toMatchObject(invalid)
  })
  it("refuses records beyond the frame that are elsewhere", () => {
    const before = `mov x0, #63\nmov x1, #256\n${syscall(167)}\nsmstart`
    expect(returned(before, () => {}).task.ended).toEqual(valid)
    expect(returned(before, (_, r) => r.get("EXTRA")!.bytes.fill(0, 8, 9)).task.ended).toMatchObject(invalid)
    expect(returned(before, (_, r) => set32(r.get("EXTRA")!, 16, 0xfffffff0)).task.ended).toMatchObject(invalid)
    expect(returned(before, (_, r) => set32(r.get("EXTRA")!, 16, 64)).task.ended).toMatchObject(invalid)
  })
  it("at a stack that is not there, or odd", () => {
    for (const sp of ["mov x1, #4096\nmov sp, x1", "sub sp, sp, #8"]) {
      const program = waiting(`${sp}\n${syscall(139)}`, "nop")
      program.task.signals.actions.clear()
      go(program)
      expect(program.task.ended).toMatchObject(invalid)
    }
  })
})

describe("system calls about signals", () => {
  it("install handlers, block, send", () => {
    const program = waiting(
      `mov x1, #${PROGRAM}
       add x1, x1, #24
       str x1, [x20, #256]
       movz x1, #0x400, lsl #16
       str x1, [x20, #264]
       mov x1, #${PROGRAM}
       add x1, x1, #16
       str x1, [x20, #272]
       str xzr, [x20, #280]
       mov x0, #12
       add x1, x20, #256
       mov x2, #0
       mov x3, #8
       ${syscall(134)}
       str x0, [x20, #512]
       ${syscall(178)}
       mov x1, #12
       ${syscall(129)}
       str x0, [x20, #520]
       mov x0, #9
       add x1, x20, #256
       mov x2, #0
       ${syscall(134)}
       str x0, [x20, #528]
       mov x0, #99
       mov x1, #12
       ${syscall(129)}
       str x0, [x20, #536]
       mov x1, #0x800
       str x1, [x20, #288]
       mov x0, #0
       add x1, x20, #288
       add x2, x20, #296
       mov x3, #8
       ${syscall(135)}
       str x0, [x20, #544]
       ${syscall(178)}
       mov x1, #12
       ${syscall(129)}`,
      "mov x1, #1\nldr x2, [x20, #24]\nadd x2, x2, x1\nstr x2, [x20, #24]"
    )
    go(program)
    // the second one is blocked
    expect([word(program.data, 24), ...[512, 520, 528, 536, 544, 296].map((at) => BigInt.asIntN(64, word(program.data, at)))]).toEqual([
      1n,
      0n,
      0n,
      -22n,
      -3n,
      0n,
      0n
    ])
    expect(program.task.signals.pending.map(({ number }) => number)).toEqual([12])
  })
})

it("a VMM that is killed makes no more calls", () => {
  const host = bootScalable()
  const { vcpu } = guest("hlt #1", { host })
  expect(host.inKernel(() => sendSignal(host.vmm, SIGNAL.SIGKILL))).toBeUndefined()
  expect(host.vmm.ended).toMatchObject({ signal: "SIGKILL" })
  const crash = { kind: "HostOops", message: `${host.vmm.name} has ended: there is no VMM any more` }
  expect([vcpu.run(10), host.inKernel(() => 1)]).toMatchObject([{ reason: "crash", crash }, crash])
})
