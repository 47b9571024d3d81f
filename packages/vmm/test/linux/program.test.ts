/** How a program finds its memory, stack and arguments when it begins. */
import { describe, expect, it } from "vitest"
import type { Elf, Segment } from "../../src/elf.ts"
import { hwcap, hwcap2 } from "../../src/personality/linux/hwcap.ts"
import { isUserIdRegister, userIdRegister } from "../../src/personality/linux/id-registers.ts"
import { Process } from "../../src/personality/linux/process.ts"
import { CODE_AT, DATA_AT, fakeCpu, fakeHost, fakeMemory, smallElf } from "./fixture.ts"

const start = (elf: Elf, args: readonly string[] = [], environment: readonly string[] = [], bytes = 16 << 20): Process | string =>
  Process.start(fakeCpu(fakeMemory(bytes), ["FP", "AdvSIMD", "LSE", "MOPS"]), fakeHost(), elf, { path: "/bin/program", args, environment })
const started = (...given: Parameters<typeof start>): Process => {
  const process = start(...given)
  if (typeof process === "string") throw new Error(process)
  return process
}
const segment = (address: number, memoryBytes: number, more: Partial<Segment> = {}): Segment => ({
  address: BigInt(address),
  physical: 0n,
  contents: new Uint8Array(0),
  memoryBytes,
  readable: true,
  writable: true,
  executable: false,
  ...more
})

describe("the start of a program", () => {
  it("puts arguments, environment and auxiliary vector on the stack as the ABI says", () => {
    const { cpu, space } = started(smallElf(), ["one", "", "ünï"], ["A=B", "PATH="])
    const sp = Number(cpu.system("SP_EL0"))
    expect(sp % 16).toBe(0)
    const words = new BigUint64Array(space.readSome(sp, 8 * 80).slice().buffer)
    const text = (at: bigint): string => new TextDecoder().decode(space.readString(Number(at), 4096) as Uint8Array)
    expect(words[0]).toBe(4n)
    expect([...words.slice(1, 5)].map(text)).toEqual(["/bin/program", "one", "", "ünï"])
    expect(words[5]).toBe(0n)
    expect([...words.slice(6, 8)].map(text)).toEqual(["A=B", "PATH="])
    expect(words[8]).toBe(0n)
    const auxiliary = new Map<bigint, bigint>()
    for (let i = 9; words[i] !== 0n; i += 2) auxiliary.set(words[i]!, words[i + 1]!)
    const of = (key: number) => auxiliary.get(BigInt(key))
    expect([of(6), of(9), of(11), of(17), of(23)]).toEqual([4096n, BigInt(CODE_AT), 1000n, 100n, 0n])
    expect(of(16)).toBe(0x903n)
    expect(of(26)).toBe(1n << 43n)
    expect(text(of(15)!)).toBe("aarch64")
    expect(text(of(31)!)).toBe("/bin/program")
    expect([...space.read(Number(of(25)), 16)!]).toEqual(new Array(16).fill(7))
    expect(of(51)! <= 5120n).toBe(true)
  })
  it("gives segments their permissions and contents, zeros after them, and the break behind them", () => {
    const elf = {
      ...smallElf(),
      segments: [...smallElf().segments, segment(0x50_0000, 0x3456, { contents: Uint8Array.of(1, 2, 3), executable: true, writable: false })]
    }
    const { space } = started(elf)
    expect(space.areaAt(CODE_AT)?.protection).toBe(5)
    expect(space.areaAt(DATA_AT)?.protection).toBe(3)
    expect(space.areaAt(0x50_0000)?.protection).toBe(5)
    expect([...space.read(0x50_0000, 5)!]).toEqual([1, 2, 3, 0, 0])
    expect(space.areaAt(0x50_4000)).toBeUndefined()
    expect([space.brkStart, space.brk]).toEqual([0x50_4000, 0x50_4000])
  })
  it("lets two segments share a page", () => {
    const elf = {
      ...smallElf(),
      segments: [
        ...smallElf().segments,
        segment(0x50_0000, 0x800, { contents: Uint8Array.of(1), writable: false }),
        segment(0x50_0800, 0x2000, { contents: Uint8Array.of(2) })
      ]
    }
    const { space } = started(elf)
    expect([space.read(0x50_0000, 1)![0], space.read(0x50_0800, 1)![0]]).toEqual([1, 2])
    expect(space.areaAt(0x50_0000)?.protection).toBe(3)
  })
  it("places position-independent programs by their alignment", () => {
    const { cpu, space } = started({ ...smallElf(), relocatable: true, alignment: 1 << 21 })
    const entry = Number(cpu.system("ELR_EL1"))
    expect((entry - CODE_AT) % (1 << 21)).toBe(0)
    expect(space.areaAt(entry)?.protection).toBe(5)
    expect(space.areaAt(CODE_AT)).toBeUndefined()
  })
  it("has an executable stack only when the program asks for one", () => {
    const stackOf = ({ cpu, space }: Process) => space.areaAt(Number(cpu.system("SP_EL0")))?.protection
    expect(stackOf(started(smallElf()))).toBe(3)
    expect(stackOf(started({ ...smallElf(), executableStack: true }))).toBe(7)
  })
  it.each<readonly [string, RegExp, () => Process | string]>([
    ["a segment at the first page", /outside/, () => start({ ...smallElf(), segments: [segment(0x800, 16)] })],
    ["a segment in the stack", /outside/, () => start({ ...smallElf(), segments: [segment(0x0000_ffff_efff_f000, 16)] })],
    ["a segment at the end of addresses", /outside/, () => start({ ...smallElf(), segments: [segment(0xffff_ffff_f000, 4096)] })],
    [
      "too little memory for the contents",
      /--mem/,
      () => start({ ...smallElf(), segments: [segment(0x50_0000, 4 << 20, { contents: new Uint8Array(4 << 20) })] }, [], [], 1 << 20)
    ],
    ["hardly any memory", /--mem/, () => start(smallElf(), [], [], 63 * 4096)],
    ["arguments that are too long", /arguments/, () => start(smallElf(), ["x".repeat(3 << 20)])]
  ])("is refused with a reason for %s", (_, reason, attempt) => {
    expect(attempt()).toMatch(reason)
  })
})

describe("what the processor can do, as programs see it", () => {
  it("is in the hwcaps by the names of features", () => {
    expect(hwcap(new Set())).toBe(1n << 11n)
    expect(hwcap(new Set(["FP16", "SHA512", "DIT"]))).toBe((1n << 9n) | (1n << 10n) | (1n << 11n) | (1n << 21n) | (1n << 24n))
    expect(hwcap2(new Set(["SVE2", "MOPS", "nothing"]))).toBe((1n << 1n) | (1n << 43n))
  })
  it("is in the ID registers, of which some fields are shown", () => {
    const all = (1n << 64n) - 1n
    const id = (crm: number, op2: number) => 0xc000 | (crm << 3) | op2
    expect(userIdRegister(id(0, 0), 0x410f_d4f0n), "MIDR").toBe(0x410f_d4f0n)
    expect(userIdRegister(id(0, 5), all), "MPIDR").toBe(0x8000_0000n)
    expect(userIdRegister(id(0, 6), all), "REVIDR").toBe(0n)
    expect(userIdRegister(id(4, 0), all), "PFR0").toBe(0x000f_000f_00ff_0011n)
    expect(userIdRegister(id(5, 0), all), "DFR0").toBe(6n)
    expect(userIdRegister(id(6, 0), all), "ISAR0").toBe(0xf0ff_ffff_f0ff_fff0n)
    expect(userIdRegister(id(7, 0), 0n), "MMFR0").toBe(0xff00_0000n)
    expect(userIdRegister(id(7, 4), all)).toBe(0n)
    expect([id(0, 1), id(1, 0), id(2, 0), id(7, 7), id(8, 0)].map(isUserIdRegister)).toEqual([false, false, true, true, false])
  })
})
