import { beforeEach, describe, expect, test } from "vitest"
import { copyStep, setStep } from "../src/base/memory-copy.ts"
import type { Host } from "../src/builder.ts"

const BASE = 0x50000000n
const BYTES = 0x40000
const LIMIT = BASE + BigInt(BYTES)
const PAGE = 4096n
/** Registers of all cases. */
const [Rd, Rs, Rn] = [0, 1, 2]
const PROLOGUE = 0
const MAIN = 1
const EPILOGUE = 2

class Refused extends Error {
  constructor(readonly syndrome: number) {
    super(`refused with ${syndrome.toString(16)}`)
  }
}
class Fault extends Error {}

/** Memory from BASE to `limit`, and a record of who was allowed to touch it. */
class Machine {
  readonly x = new BigUint64Array(32)
  readonly memory = Uint8Array.from({ length: BYTES }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff)
  nzcv = 0xf
  limit = LIMIT
  readonly unprivileged = new Set<string>()
  #at(address: bigint, bytes: number): number {
    const plain = BigInt.asUintN(56, address)
    if (plain / PAGE !== (plain + BigInt(bytes) - 1n) / PAGE) throw new Error(`${bytes} bytes at ${address.toString(16)} leave their page`)
    if (plain < BASE || plain + BigInt(bytes) > this.limit) throw new Fault(address.toString(16))
    return Number(plain - BASE)
  }
  readonly host = {
    X: (n: number) => this.x[n]!,
    writeX: (n: number, value: bigint) => {
      this.x[n] = value
    },
    flags: () => this.nzcv,
    writeFlags: (nzcv: number) => {
      this.nzcv = nzcv
    },
    copy: (to, from, bytes, writing, reading) => {
      const source = this.#at(from, bytes)
      const target = this.#at(to, bytes)
      if (writing?.unprivileged) this.unprivileged.add("write")
      if (reading?.unprivileged) this.unprivileged.add("read")
      this.memory.copyWithin(target, source, source + bytes)
    },
    fill: (address, value, bytes, attributes) => {
      const target = this.#at(address, bytes)
      if (attributes?.unprivileged) this.unprivileged.add("write")
      this.memory.fill(Number(value), target, target + bytes)
    },
    raise: (_exception: string, syndrome: number): never => {
      throw new Refused(syndrome)
    }
  } satisfies Partial<Host> as unknown as Host
  start(to: bigint, from: bigint, size: bigint): void {
    this.x[Rd] = to
    this.x[Rs] = from
    this.x[Rn] = size
  }
  /** Destination, source and size, the size signed. */
  registers(): readonly [bigint, bigint, bigint] {
    return [this.x[Rd]!, this.x[Rs]!, BigInt.asIntN(64, this.x[Rn]!)]
  }
  /** Executes one stage until it does not ask to be executed again; gives how often that was. */
  stage(operation: "copyForward" | "copy" | "set", stage: number, options = 0): number {
    const once = () =>
      operation === "set"
        ? setStep.run(this.host, stage, options, Rd, Rs, Rn)
        : copyStep.run(this.host, operation === "copy" ? 1 : 0, stage, options, Rd, Rs, Rn)
    let times = 1
    while (once() === 1) times++
    return times
  }
}
let machine: Machine
beforeEach(() => {
  machine = new Machine()
})

describe("registers after prologue, main step and epilogue, as another emulator has them", () => {
  const size = (n: number) => BigInt(n)
  test.each([
    ["set", 0x1010, 0xab, 100, 0x1074, 0, 0],
    ["set", 0x1010, 0xab, 0, 0x1010, 0, 0],
    ["set", 0x1f10, 0xab, 0x3000, 0x4f10, -12048, -3856],
    ["set", 0x1010, 0xab, 0x5678, 0x6688, -18056, -1672],
    ["set", 0x2000, 0xab, 0x2000, 0x4000, -4096, 0],
    ["copyForward", 0x1010, 0x11020, 100, 0x1074, 0, 0],
    ["copyForward", 0x1f10, 0x11e20, 0x3000, 0x4f10, -12048, -3856],
    ["copyForward", 0x1e10, 0x11f20, 0x3000, 0x4e10, -12064, -3872],
    ["copy", 0x1010, 0x1020, 0x2345, 0x3355, -4965, -869],
    ["copy", 0x1020, 0x1010, 0x2345, 0x1020, 8176, 4080],
    ["copy", 0x3020, 0x1f10, 0x4345, 0x3020, 16624, 4064],
    ["copy", 0x3020, 0x3020, 0x4345, 0x7365, -13157, -869],
    ["copy", 0x3020, 0x1020, 0x2000, 0x5020, -4128, -32]
  ] as const)("%s to %i of %i, %i bytes", (operation, to, from, bytes, end, afterPrologue, afterMain) => {
    const source = operation === "set" ? size(from) : BASE + size(from)
    const wanted = machine.memory.slice()
    if (operation === "set") wanted.fill(from, to, to + bytes)
    else wanted.copyWithin(to, from, from + bytes)
    machine.start(BASE + size(to), source, size(bytes))
    ;[afterPrologue, afterMain, 0].forEach((left, stage) => {
      machine.stage(operation, stage)
      const moved = operation === "set" ? 0n : size(end - to)
      expect(machine.registers()).toEqual([BASE + size(end), source + moved, size(left)])
      expect(machine.nzcv).toBe(0)
    })
    expect(Buffer.compare(machine.memory, wanted)).toBe(0)
  })
})

test("any ranges, overlapping in either direction, end as memmove leaves them", () => {
  let seed = 1
  const below = (limit: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % limit
  }
  for (let i = 0; i < 300; i++) {
    const bytes = below(i % 3 ? 300 : 20000)
    const from = below(0x8000)
    const to = i % 2 ? from + below(2 * bytes + 1) - bytes + 0x8000 : below(0x8000)
    const start = i % 2 ? from + 0x8000 : from
    const wanted = machine.memory.slice()
    wanted.copyWithin(to, start, start + bytes)
    machine.start(BASE + BigInt(to), BASE + BigInt(start), BigInt(bytes))
    for (const stage of [PROLOGUE, MAIN, EPILOGUE]) machine.stage("copy", stage)
    expect(Buffer.compare(machine.memory, wanted), `${bytes} bytes from ${start} to ${to}`).toBe(0)
    expect(machine.x[Rn]).toBe(0n)
  }
})

test("a size beyond the largest is cut to it", () => {
  machine.start(BASE + 0x1010n, 0xabn, BigInt.asUintN(64, -5n))
  machine.stage("set", PROLOGUE)
  expect(machine.registers()).toEqual([0x800000005000100fn, 0xabn, -9223372036854771727n])
  machine.start(BASE + 0x1010n, BASE + 0x11010n, 0x0100_0000_0000_0000n)
  machine.stage("copy", PROLOGUE)
  expect(machine.registers()).toEqual([0x8000005000100fn, 0x8000005001100fn, -36028797018959887n])
})

test("the direction is chosen by addresses without their tags", () => {
  const tagged = (1n << 56n) + BASE + 0x1020n
  machine.start(tagged, BASE + 0x1010n, 0x100n)
  machine.stage("copy", PROLOGUE)
  expect(machine.registers()).toEqual([tagged, BASE + 0x1010n, 0n])
})

describe("a fault in the middle", () => {
  test("of a forward copy: the registers hold the progress, and the copy goes on from there", () => {
    machine.limit = BASE + 0x4000n
    machine.start(BASE + 0x3800n, BASE + 0x1080n, 0x2700n)
    machine.stage("copy", PROLOGUE)
    expect(() => machine.stage("copy", MAIN)).toThrow(Fault)
    expect(machine.registers()[2]).toBe(-(0x5f00n - 0x4000n))
    machine.limit = LIMIT
    const wanted = new Machine().memory
    wanted.copyWithin(0x3800, 0x1080, 0x1080 + 0x2700)
    machine.stage("copy", MAIN)
    machine.stage("copy", EPILOGUE)
    expect(machine.x[Rn]).toBe(0n)
    expect(machine.memory.subarray(0x3800, 0x5f00)).toEqual(wanted.subarray(0x3800, 0x5f00))
  })
  test("of the prologue: nothing has changed", () => {
    machine.start(LIMIT, BASE, 0x100n)
    expect(() => machine.stage("copyForward", PROLOGUE)).toThrow(Fault)
    expect(machine.registers()).toEqual([LIMIT, BASE, 0x100n])
    expect(machine.nzcv).toBe(0xf)
  })
  test("of a set", () => {
    machine.start(LIMIT + 0x1800n, 0xcdn, BigInt.asUintN(64, -0x3000n))
    machine.nzcv = 0
    expect(() => machine.stage("set", MAIN)).toThrow(Fault)
    expect(machine.registers()).toEqual([LIMIT + 0x1800n, 0xcdn, -6144n])
  })
})

describe("registers that no earlier stage leaves", () => {
  const refused = (run: () => void): number => {
    try {
      run()
    } catch (error) {
      if (error instanceof Refused) return error.syndrome
      throw error
    }
    throw new Error("not refused")
  }
  const OPTION_A = 1 << 16
  const REGISTERS = (Rd << 10) | (Rs << 5) | Rn
  test("C says the other algorithm; no work to do is accepted all the same", () => {
    machine.nzcv = 0b0010
    machine.start(BASE + 0x3010n, 0xabn, BigInt.asUintN(64, -0x10n))
    expect(refused(() => machine.stage("set", MAIN, 3))).toBe((1 << 24) | (3 << 19) | (1 << 17) | OPTION_A | REGISTERS)
    expect(refused(() => machine.stage("copy", EPILOGUE))).toBe((1 << 18) | (1 << 17) | OPTION_A | REGISTERS)
    machine.x[Rn] = 0n
    for (const stage of [MAIN, EPILOGUE]) for (const operation of ["set", "copy", "copyForward"] as const) machine.stage(operation, stage)
    expect(machine.nzcv).toBe(0b0010)
  })
  test("an epilogue leaves a page or more to the main step", () => {
    machine.nzcv = 0
    machine.start(BASE + 0x3010n, BASE + 0x13010n, BigInt.asUintN(64, -0x1800n))
    for (const operation of ["copy", "copyForward"] as const)
      expect(refused(() => machine.stage(operation, EPILOGUE))).toBe((1 << 18) | OPTION_A | REGISTERS)
    expect(refused(() => machine.stage("set", EPILOGUE))).toBe((1 << 24) | (1 << 18) | OPTION_A | REGISTERS)
    machine.x[Rn] = 0x180n
    expect(refused(() => machine.stage("copyForward", EPILOGUE))).toBe((1 << 18) | OPTION_A | REGISTERS)
    machine.stage("copy", EPILOGUE)
    expect(machine.registers()[2]).toBe(0n)
  })
})

test("options say which side is accessed as unprivileged", () => {
  const sides = (operation: "copy" | "set", options: number) => {
    machine = new Machine()
    machine.start(BASE, operation === "set" ? 0n : BASE + 0x100n, 16n)
    machine.stage(operation, PROLOGUE, options)
    return [...machine.unprivileged].join(" ")
  }
  expect([0, 1, 2, 3, 4, 15].map((options) => sides("copy", options))).toEqual(["", "write", "read", "write read", "", "write read"])
  expect([0, 1, 2, 3].map((options) => sides("set", options))).toEqual(["", "write", "", "write"])
})

test("a long main step lets interrupts in", () => {
  const pages = 600
  const cyclic = new Machine()
  const fill = cyclic.host.fill.bind(cyclic.host)
  cyclic.host.fill = (address, value, bytes) => fill(BASE + (address % BigInt(BYTES)), value, bytes)
  cyclic.start(BASE + BigInt(pages) * PAGE, 1n, BigInt.asUintN(64, -BigInt(pages) * PAGE))
  cyclic.nzcv = 0
  expect(cyclic.stage("set", MAIN)).toBe(3)
  expect(cyclic.x[Rn]).toBe(0n)
})
