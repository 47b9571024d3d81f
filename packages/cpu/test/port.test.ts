/** The checked port: kernel and hypervisor models meet the gates that guests meet, and forgotten barriers show. */
import { base, composeOrThrow, SMTC } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { beforeEach, describe, expect, it } from "vitest"
import { Board, PE, PortTrap, portOf, registerNamed, startAt, synchronize, writeRegister } from "../src/index.ts"
import { scalable } from "./scalable-extension.ts"

const RAM = 0x40000000
const board = new Board({ isa: composeOrThrow([base, fpsimd, scalable]), ramBase: RAM, ramBytes: 1 << 16, memoryWhenOff: "normal", pes: 2 })
const pe = board.pes[0]!
const port = portOf(pe)
const E2H = 1n << 34n
const RW = 1n << 31n
const SMEN = 3n << 24n
const ZEN = 3n << 16n
const FPEN = 3n << 20n

/** A host kernel at EL2 under E2H, with FP open and the rest closed. */
beforeEach(() => {
  startAt(pe, 2, BigInt(RAM))
  pe.controls.mode = "strict"
  port.msr("HCR_EL2", RW | E2H)
  port.isb()
  port.msr("CPACR_EL1", FPEN)
  port.isb()
})

describe("control writes", () => {
  it("are not in force before isb: SVCR traps although SMEN was enabled", () => {
    expect(port.msr("CPACR_EL1", FPEN | SMEN)).toBeUndefined()
    expect(port.mrs("CPACR_EL1")).toBe(FPEN | SMEN)
    const trap = port.mrs("SVCR")
    expect(trap).toBeInstanceOf(PortTrap)
    const { operation, el, exception, esr } = trap as PortTrap
    expect({ operation, el, target: exception.target, esr }).toEqual({ operation: "mrs SVCR", el: 2, target: 2, esr: 0x76000000 | SMTC.access })
    expect((trap as PortTrap).message).toBe("mrs SVCR at EL2 trapped to EL2: EC 0x1d (SMEAccess)")
    port.isb()
    expect(port.mrs("SVCR")).toBe(0n)
  })
  it("that close a gate leave it open until isb", () => {
    port.msr("CPACR_EL1", 0n)
    expect(port.mrs("FPCR")).toBe(0n)
    port.isb()
    expect(port.mrs("FPCR")).toBeInstanceOf(PortTrap)
  })
  it("take effect with eret and with an exception", () => {
    port.msr("SPSR_EL2", 0x3c9n)
    port.msr("ELR_EL2", BigInt(RAM))
    port.msr("CPACR_EL1", FPEN | ZEN)
    expect(port.mrs("ZCR_EL2")).toBeInstanceOf(PortTrap)
    port.eret()
    expect(port.mrs("ZCR_EL2")).toBe(0n)
    port.msr("CPACR_EL1", FPEN)
    expect(port.mrs("ZCR_EL2")).toBe(0n)
    port.hvc(0)
    expect(port.mrs("ZCR_EL2")).toBeInstanceOf(PortTrap)
  })
  it("may take effect early in chaos mode, by the machine's seed", () => {
    const outcomes = (seed: bigint) => {
      const chaotic = new Board({ isa: board.isa, ramBase: RAM, ramBytes: 1 << 16, seed }).pes[0]!
      chaotic.controls.mode = "chaos"
      const p = portOf(chaotic)
      return Array.from({ length: 64 }, () => {
        p.msr("CPTR_EL2", 0n)
        p.isb()
        p.msr("CPTR_EL2", 1n << 10n)
        return typeof p.mrs("FPCR") === "bigint" ? "open" : "closed"
      })
    }
    const first = outcomes(1n)
    expect(new Set(first)).toEqual(new Set(["open", "closed"]))
    expect(outcomes(1n)).toEqual(first)
    expect(outcomes(2n)).not.toEqual(first)
  })
  it("of registers that control nothing are plain", () => {
    port.msr("TPIDR_EL2", 5n)
    port.msr("ELR_EL12", 6n)
    expect([port.mrs("TPIDR_EL2"), port.mrs("ELR_EL12")]).toEqual([5n, 6n])
  })
})

describe("register files", () => {
  it("pass the gate of their instructions", () => {
    port.msr("CPACR_EL1", 0n)
    port.isb()
    for (const trap of [port.save("fpsimd"), port.load("fpsimd", new Uint8Array(528)), port.zero("fpsimd")]) {
      expect(trap).toBeInstanceOf(PortTrap)
      expect((trap as PortTrap).exception.ec).toBe(7)
    }
  })
  it("come back as they were saved", () => {
    for (let n = 0; n < 32; n++) pe.setV(n, (BigInt(n) << 64n) | 0x1111n)
    port.msr("FPCR", 1n << 22n)
    port.msr("FPSR", 0x11n)
    const image = port.save("fpsimd") as Uint8Array
    expect([
      image.length,
      image[16],
      image[24],
      new DataView(image.buffer).getUint32(512, true),
      new DataView(image.buffer).getUint32(516, true)
    ]).toEqual([528, 0x11, 1, 0x11, 1 << 22])
    port.zero("fpsimd")
    expect([pe.v(31), port.mrs("FPCR"), port.mrs("FPSR")]).toEqual([0n, 0n, 0n])
    pe.z(3).fill(0xff)
    port.load("fpsimd", image)
    expect([pe.v(31), port.mrs("FPCR"), pe.z(3)[16], port.save("fpsimd")]).toEqual([(31n << 64n) | 0x1111n, 1n << 22n, 0, image])
  })
  it("hold no reserved bits, whatever the image says", () => {
    port.load("fpsimd", new Uint8Array(528).fill(0xff))
    expect([port.mrs("FPCR"), port.mrs("FPSR")]).toEqual([0x07ff2007n, 0xf800009fn])
  })
  it("include the general registers", () => {
    pe.x.fill(7n, 0, 31)
    const image = port.save("general") as Uint8Array
    expect(image.length).toBe(248)
    port.zero("general")
    expect(pe.x[30]).toBe(0n)
    port.load("general", image)
    expect(pe.x[30]).toBe(7n)
  })
  it("are refused under other names and in other sizes", () => {
    expect(() => port.save("fpu")).toThrow("This machine has no register file fpu")
    expect(() => port.load("fpsimd", new Uint8Array(527))).toThrow("An image of fpsimd has 528 bytes, not 527")
    expect(() => port.mrs("CR0")).toThrow("This machine has no register CR0")
    expect(() => port.sys("tlbi everything")).toThrow("There is no system instruction tlbi everything")
  })
})

describe("levels", () => {
  it("eret goes down, hvc comes back, and a trap of the host at EL1 can be entered at EL2", () => {
    writeRegister(pe, registerNamed(pe, "VBAR_EL2"), 0x40001000n)
    port.msr("HCR_EL2", RW | (1n << 18n))
    port.isb()
    port.msr("SPSR_EL2", 0x3c5n)
    port.msr("ELR_EL2", 0x40000040n)
    expect([port.eret(), port.el, pe.pc]).toEqual([undefined, 1, 0x40000040n])
    expect([port.hvc(3), port.el, pe.pc]).toEqual([undefined, 2, 0x40001400n])
    expect([port.mrs("ESR_EL2"), port.mrs("ELR_EL2"), port.mrs("SPSR_EL2")]).toEqual([0x5a000003n, 0x40000044n, 0x3c5n])
    port.eret()
    const trap = port.mrs("ID_AA64PFR0_EL1") as PortTrap
    expect([trap.exception.target, port.el]).toEqual([2, 1])
    port.take(trap)
    expect([port.el, port.mrs("ESR_EL2")]).toEqual([2, BigInt(trap.esr)])
  })
  it("an illegal eret sets PSTATE.IL, one at EL0 is UNDEFINED", () => {
    port.msr("SPSR_EL2", 0x3cdn)
    expect([port.eret(), port.el, pe.pstate & (1 << 20)]).toEqual([undefined, 2, 1 << 20])
    startAt(pe, 0, 0n)
    expect((port.eret() as PortTrap).esr).toBe(0x02000000)
    expect((port.hvc(0) as PortTrap).esr).toBe(0x02000000)
  })
})

describe("memory", () => {
  it("is read and written by virtual address", () => {
    expect(port.str(BigInt(RAM + 8), 8, 0x1122334455667788n)).toBeUndefined()
    expect([port.ldr(BigInt(RAM + 8), 8), port.ldr(BigInt(RAM + 10), 2), port.ldr(BigInt(RAM + 15), 1), port.ldr(BigInt(RAM + 9), 4)]).toEqual([
      0x1122334455667788n,
      0x5566n,
      0x11n,
      0x44556677n
    ])
    port.str(BigInt(RAM + 12), 2, 0xffffabcdn)
    expect(port.ldr(BigInt(RAM + 8), 8)).toBe(0x1122abcd55667788n)
  })
  it("reaches devices; other addresses are external aborts", () => {
    const writes: [number, number, bigint][] = []
    board.attach({ base: 0x9000000, bytes: 0x1000, read: (offset, size) => BigInt(offset * 16 + size), write: (...w) => writes.push(w) })
    expect(port.ldr(0x9000018n, 4)).toBe(0x184n)
    port.str(0x9000020n, 2, 0x12345n)
    expect(writes).toEqual([[0x20, 2, 0x2345n]])
    expect((port.ldr(0x8000000n, 4) as PortTrap).esr).toBe(0x96000010)
    expect((port.str(1n << 50n, 4, 0n) as PortTrap).esr).toBe(0x96000040)
  })
  it("is translated by AT and forgotten by TLBI with the checks of those", () => {
    expect(port.sys("at s1e2r", BigInt(RAM + 0x123))).toBeUndefined()
    synchronize(pe)
    expect((port.mrs("PAR_EL1") as bigint) & 0xffff_ffff_f001n).toBe(BigInt(RAM))
    expect(port.sys("tlbi alle2is")).toBeUndefined()
    startAt(pe, 1, 0n)
    expect((port.sys("tlbi alle2is") as PortTrap).esr).toBe(0x02000000)
    expect(port.sys("tlbi vmalle1")).toBeUndefined()
  })
})

describe("lists of registers", () => {
  const names = [
    "SCTLR_EL1",
    "CPACR_EL1",
    "TCR_EL1",
    "ELR_EL1",
    "SP_EL1",
    "CNTKCTL_EL1",
    "TPIDR_EL0",
    "HCR_EL2",
    "CNTHCTL_EL2",
    "VBAR_EL1",
    "FPCR",
    "NZCV"
  ]
  const list = { names, slots: names.map((_, i) => names.length - 1 - i) }
  const noise = (): BigUint64Array => BigUint64Array.from(names, (_, i) => BigInt.asUintN(64, 0x9e37_79b9_7f4a_7c15n * BigInt(i + 3)))

  it.each([0n, E2H])("move what MRS and MSR of each move, with HCR_EL2 %i", (e2h) => {
    const [one, other] = [0, 1].map(() => new Board({ isa: board.isa, ramBase: RAM, ramBytes: 1 << 16 }).pes[0]!) as [typeof pe, typeof pe]
    for (const each of [one, other]) {
      startAt(each, 2, BigInt(RAM))
      const its = portOf(each)
      its.msr("HCR_EL2", RW | e2h)
      its.isb()
      its.msr(e2h ? "CPACR_EL1" : "CPTR_EL2", e2h ? FPEN : 0n)
      its.isb()
    }
    const [lists, singles] = [portOf(one), portOf(other)]
    const values = noise()
    expect(lists.msrAll(list, values)).toBeUndefined()
    for (const [i, name] of names.entries()) expect(singles.msr(name, values[list.slots[i]!]!)).toBeUndefined()
    expect([...one.system]).toEqual([...other.system])
    expect([one.flags, one.fpcr]).toEqual([other.flags, other.fpcr])
    const memory = noise()
    expect(lists.mrsAll(list, memory)).toBeUndefined()
    for (const [i, name] of names.entries()) expect([name, memory[list.slots[i]!]]).toEqual([name, singles.mrs(name)])
    lists.isb()
    singles.isb()
    expect([...one.system]).toEqual([...other.system])
  })
  it("end where one is trapped, and names unknown to the machine are refused", () => {
    port.msr("CPACR_EL1", 0n)
    port.isb()
    const trapping = { names: ["TPIDR_EL0", "FPCR", "TPIDR_EL1"], slots: [0, 1, 2] }
    port.msr("TPIDR_EL1", 5n)
    expect(port.msrAll(trapping, BigUint64Array.of(1n, 2n, 3n))).toMatchObject({ operation: "msr FPCR", el: 2 })
    expect([port.mrs("TPIDR_EL0"), port.mrs("TPIDR_EL1")]).toEqual([1n, 5n])
    expect(() => port.mrsAll({ names: ["CR0"], slots: [0] }, new BigUint64Array(1))).toThrow("This machine has no register CR0")
  })
})

describe("vectors that become shorter", () => {
  const wide = new Board({ isa: board.isa, ramBase: RAM, ramBytes: 1 << 16, memoryWhenOff: "normal", vectorLengths: [128, 512] }).pes[0]!
  const its = portOf(wide)
  /** The length EL2 uses, as the field of ZCR_EL2. */
  const setLength = (field: bigint): void => {
    its.msr("ZCR_EL2", field)
    its.isb()
  }
  it.each([
    ["registers were written as such", 2, () => wide.z(7).fill(0xff)],
    ["code ran", 3, () => wide.bytes.fill(0xff, PE.Z, PE.Z + 64)]
  ] as const)("lose what was above, also when %s since they were short", (_, modelledEl, write) => {
    startAt(wide, 2, BigInt(RAM))
    its.msr("HCR_EL2", RW | E2H)
    its.isb()
    its.msr("CPACR_EL1", FPEN | ZEN)
    its.isb()
    setLength(3n)
    wide.z(7).fill(0xff)
    setLength(0n)
    expect(wide.vectorBits).toBe(128)
    wide.modelledEl = modelledEl
    setLength(3n)
    expect(wide.vectorBits).toBe(512)
    write()
    setLength(0n)
    expect([...wide.bytes.subarray(PE.Z, PE.Z + 32 * 256)].filter((byte, i) => byte !== 0 && i % 256 >= 16)).toEqual([])
  })
})
