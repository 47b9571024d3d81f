/** System registers: who may reach which, under which names, what traps, what is kept, and when it takes effect. */
import { base, composeOrThrow, systemSyndrome } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { beforeEach, describe, expect, it } from "vitest"
import { Abort } from "../src/exception.ts"
import {
  Board,
  type Pe,
  PortTrap,
  portOf,
  readSystemRegister,
  registerNamed,
  setState,
  startAt,
  synchronize,
  writePstateImmediate,
  writeRegister
} from "../src/index.ts"

const machine = composeOrThrow([base, fpsimd])
const pe: Pe = new Board({ isa: machine, ramBase: 0x40000000, ramBytes: 1 << 16, pes: 2 }).pes[0]!
const port = portOf(pe)
const EL1H = 0b0101
const EL2H = 0b1001
const E2H = 1n << 34n
const TGE = 1n << 27n
const RW = 1n << 31n

const set = (name: string, value: bigint) => {
  writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
}
/** Value, or "EC target" of the trap; checks the syndrome of EC 0x18. */
const outcome = (name: string, result: bigint | PortTrap | undefined, isRead: boolean): bigint | string => {
  if (!(result instanceof PortTrap)) return result ?? "done"
  const { ec, iss, target } = result.exception
  if (ec === 0x18) expect(iss).toBe(systemSyndrome(machine.systemNames.encoding(name.toLowerCase(), isRead ? "read" : "write")!, 0, isRead).iss)
  return `0x${ec.toString(16)} EL${target}`
}
const read = (name: string) => outcome(name, port.mrs(name), true)
const write = (name: string, value: bigint) => outcome(name, port.msr(name, value), false)

beforeEach(() => {
  startAt(pe, 1, 0x40000000n)
  pe.controls.mode = "strict"
})

/** What the kernel's switch path saves and restores around a guest. */
const SWITCHED =
  "AFSR0_EL1 AFSR0_EL12 AFSR1_EL1 AFSR1_EL12 AMAIR_EL1 AMAIR_EL12 CNTKCTL_EL1 CNTKCTL_EL12 CONTEXTIDR_EL1 CONTEXTIDR_EL12 CPACR_EL1 CPACR_EL12 ELR_EL1 ELR_EL12 ELR_EL2 ESR_EL1 ESR_EL12 FAR_EL1 FAR_EL12 HCRX_EL2 HDFGRTR_EL2 HDFGWTR_EL2 HFGITR_EL2 HFGRTR_EL2 HFGWTR_EL2 HSTR_EL2 MAIR_EL1 MAIR_EL12 MDCR_EL2 PAR_EL1 PIRE0_EL1 PIRE0_EL12 PIR_EL1 PIR_EL12 SCTLR2_EL1 SCTLR2_EL12 SCTLR_EL1 SCTLR_EL12 SPSR_EL1 SPSR_EL12 SPSR_EL2 SP_EL1 TCR2_EL1 TCR2_EL12 TCR_EL1 TCR_EL12 TPIDRRO_EL0 TPIDR_EL0 TPIDR_EL1 TTBR0_EL1 TTBR0_EL12 TTBR1_EL1 TTBR1_EL12 VBAR_EL1 VBAR_EL12 VDISR_EL2 VMPIDR_EL2 VPIDR_EL2 VTCR_EL2 HCR_EL2 CPTR_EL2 FPEXC32_EL2 VTTBR_EL2 VBAR_EL2 MDSCR_EL1 HACR_EL2 VSESR_EL2 CNTVOFF_EL2 CNTHCTL_EL2 CNTV_CTL_EL02 CNTV_CVAL_EL02 CNTP_CTL_EL02 CNTP_CVAL_EL02 TPIDR_EL2 CONTEXTIDR_EL2".split(
    " "
  )

describe("the registers of a world switch", () => {
  it("can all be read and written at EL2", () => {
    setState(pe, EL2H)
    set("HCR_EL2", RW | E2H)
    set("CPTR_EL2", 3n << 20n)
    for (const name of SWITCHED) {
      expect([name, typeof read(name)]).toEqual([name, "bigint"])
      expect([name, write(name, read(name) as bigint)]).toEqual([name, "done"])
      synchronize(pe)
      set("HCR_EL2", RW | E2H)
    }
  })
  const TWINS =
    "SCTLR CPACR:CPTR TTBR0 TTBR1 TCR TCR2 PIR PIRE0 SCTLR2 SPSR ELR AFSR0 AFSR1 ESR FAR MAIR AMAIR VBAR CONTEXTIDR CNTKCTL:CNTHCTL".split(" ")
  it.each(TWINS)("%s: the EL1 name reaches the EL2 register under E2H, the EL12 name the EL1 register", (pair) => {
    const [stem, other = stem] = pair.split(":")
    const el1 = registerNamed(pe, `${stem}_EL1`),
      el2 = registerNamed(pe, `${other}_EL2`)
    setState(pe, EL2H)
    set("HCR_EL2", RW)
    expect(read(`${stem}_EL12`)).toBe("0x0 EL2")
    write(`${stem}_EL1`, 0x0123_4567_89ab_cdefn)
    const plain = pe.system[el1.slot]
    set("HCR_EL2", RW | E2H)
    expect(read(`${stem}_EL12`)).toBe(plain)
    pe.system[el1.slot] = 0x11n
    pe.system[el2.slot] = 0x22n
    write(`${stem}_EL1`, (1n << 64n) - 1n)
    expect(pe.system[el1.slot]).toBe(0x11n)
    expect(pe.system[el2.slot]).not.toBe(0x22n)
    pe.system[el2.slot] = 0x22n
    write(`${stem}_EL12`, (1n << 64n) - 1n)
    expect(pe.system[el2.slot]).toBe(0x22n)
    setState(pe, EL1H)
    expect(read(`${stem}_EL12`)).toBe("0x0 EL1")
    expect(read(`${other}_EL2`)).toBe("0x0 EL1")
  })
  it.each(["CNTP_TVAL", "CNTP_CTL", "CNTP_CVAL", "CNTV_TVAL", "CNTV_CTL", "CNTV_CVAL"])("%s_EL0 is the EL2 timer's under E2H", (stem) => {
    setState(pe, EL2H)
    set("HCR_EL2", RW | E2H)
    const hyp = stem.replace("CNTP", "CNTHP").replace("CNTV", "CNTHV")
    write(`${stem}_EL02`, 0x2n)
    write(`${stem}_EL0`, 0x1n)
    const near = (a: bigint | string, b: bigint) => (stem.endsWith("CTL") ? (a as bigint) & 3n : a) === b
    expect([near(read(`${hyp}_EL2`), 1n), near(read(`${stem}_EL02`), 2n), near(read(`${stem}_EL0`), 1n)]).toEqual([true, true, true])
    set("HCR_EL2", RW)
    expect(read(`${stem}_EL02`)).toBe("0x0 EL2")
    expect(near(read(`${stem}_EL0`), 2n)).toBe(true)
  })
})

describe("identification", () => {
  it("reads as zero where it is reserved, and cannot be written", () => {
    for (let CRm = 1; CRm < 8; CRm++)
      for (let op2 = 0; op2 < 8; op2++) expect(machine.registerByEncoding.has((3 << 14) | (CRm << 3) | op2)).toBe(true)
    expect(read("ID_AA64ISAR0_EL1")).toBe(machine.registerByName.get("ID_AA64ISAR0_EL1")!.reset)
    expect(read("ID_AA64SMFR0_EL1")).toBe(0n)
    expect(write("ID_AA64PFR0_EL1", 0n)).toBe("0x0 EL1")
  })
  it("says what the processor is", () => {
    expect([read("MIDR_EL1"), read("MPIDR_EL1"), read("CTR_EL0"), read("DCZID_EL0")]).toEqual([0x000f0510n, 0x80000000n, 0x8444c004n, 4n])
    expect(portOf(pe.board.pes[1]!).mrs("MPIDR_EL1")).toBe(0x80000001n)
    // FP and AdvSIMD with half precision, EL0 to EL2 in AArch64
    expect((read("ID_AA64PFR0_EL1") as bigint) & 0xffffffn).toBe(0x110111n)
    expect(composeOrThrow([base]).registerByName.get("ID_AA64PFR0_EL1")!.reset & 0xff0000n).toBe(0xff0000n)
  })
  it("shows EL1 the virtual MIDR and MPIDR", () => {
    set("VPIDR_EL2", 0x1234n)
    set("VMPIDR_EL2", 0x80000707n)
    expect([read("MIDR_EL1"), read("MPIDR_EL1")]).toEqual([0x1234n, 0x80000707n])
    setState(pe, EL2H)
    expect([read("MIDR_EL1"), read("MPIDR_EL1")]).toEqual([0x000f0510n, 0x80000000n])
  })
  it("is reported as a system register access at EL0, other registers of EL1 as UNDEFINED", () => {
    setState(pe, 0)
    expect([read("ID_AA64PFR0_EL1"), read("MIDR_EL1"), read("SCTLR_EL1"), read("VBAR_EL2")]).toEqual(["0x18 EL1", "0x18 EL1", "0x0 EL1", "0x0 EL1"])
    set("HCR_EL2", RW | TGE | E2H)
    expect([read("ID_AA64PFR0_EL1"), read("SCTLR_EL1")]).toEqual(["0x18 EL2", "0x0 EL2"])
  })
  it("describes the caches that CSSELR_EL1 selects", () => {
    const geometry = (selector: bigint) => {
      write("CSSELR_EL1", selector)
      return read("CCSIDR_EL1")
    }
    expect([geometry(0n), geometry(1n), geometry(2n), geometry(3n)]).toEqual([0xfe01an, 0xfe01an, 0x7fe03an, 0n])
  })
})

describe("traps of EL1 to EL2", () => {
  const VM = "SCTLR TTBR0 TTBR1 TCR ESR FAR AFSR0 AFSR1 MAIR AMAIR CONTEXTIDR TCR2 PIR PIRE0 SCTLR2".split(" ").map((stem) => `${stem}_EL1`)
  const bit = (n: number) => RW | (1n << BigInt(n))
  it.each<[string, bigint, readonly string[], "read" | "write" | "both"]>([
    ["TVM", bit(26), VM, "write"],
    ["TRVM", bit(30), VM, "read"],
    ["TID3", bit(18), ["ID_AA64PFR0_EL1", "ID_PFR0_EL1", "MVFR0_EL1", "ID_AA64MMFR3_EL1"], "read"],
    ["TID2", bit(17), ["CTR_EL0", "CCSIDR_EL1", "CLIDR_EL1", "CSSELR_EL1"], "read"],
    ["TID4", bit(49), ["CCSIDR_EL1", "CLIDR_EL1", "CSSELR_EL1"], "read"],
    ["TID1", bit(16), ["AIDR_EL1", "REVIDR_EL1"], "read"],
    ["TACR", bit(21), ["ACTLR_EL1"], "both"],
    ["TERR", bit(36), ["ERRIDR_EL1"], "read"],
    ["TLOR", bit(35), ["LORC_EL1", "LORSA_EL1"], "both"]
  ])("HCR_EL2.%s", (_, hcr, names, which) => {
    for (const name of names) {
      for (const isRead of which === "both" ? [true, false] : [which === "read"]) {
        const access = () => (isRead ? read(name) : write(name, 0n))
        expect([name, access()]).not.toEqual([name, "0x18 EL2"])
        set("HCR_EL2", hcr)
        expect([name, access()]).toEqual([name, "0x18 EL2"])
        set("HCR_EL2", RW)
      }
    }
  })
  it("do not concern EL2", () => {
    set("HCR_EL2", bit(26) | bit(30) | bit(18))
    setState(pe, EL2H)
    expect(write("SCTLR_EL1", read("SCTLR_EL1") as bigint)).toBe("done")
  })
  it("by CPTR_EL2.TCPAC and MDCR_EL2", () => {
    set("CPTR_EL2", 1n << 31n)
    expect([read("CPACR_EL1"), write("CPACR_EL1", 0n)]).toEqual(["0x18 EL2", "0x18 EL2"])
    set("MDCR_EL2", 1n << 9n)
    expect([read("MDSCR_EL1"), read("DBGBVR0_EL1"), typeof read("OSLSR_EL1")]).toEqual(["0x18 EL2", "0x18 EL2", "bigint"])
    set("MDCR_EL2", 1n << 10n)
    expect([typeof read("MDSCR_EL1"), read("OSLSR_EL1")]).toEqual(["bigint", "0x18 EL2"])
  })
  it("fine-grained: a bit for each register and direction; some trap when 0", () => {
    set("HFGRTR_EL2", (1n << 29n) | (3n << 57n))
    expect([read("SCTLR_EL1"), write("SCTLR_EL1", 0n), typeof read("PIR_EL1")]).toEqual(["0x18 EL2", "done", "bigint"])
    set("HFGWTR_EL2", (1n << 35n) | (1n << 33n))
    expect([write("TPIDR_EL1", 0n), write("PIR_EL1", 0n), read("TPIDR_EL1")]).toEqual(["0x18 EL2", "0x18 EL2", 0n])
    setState(pe, 0)
    expect(write("TPIDR_EL0", 0n)).toBe("0x18 EL2")
    set("HCR_EL2", RW | TGE | E2H)
    expect(write("TPIDR_EL0", 0n)).toBe("done")
  })
  it("by HCRX_EL2: TCR2 and SCTLR2 are closed unless enabled", () => {
    expect([typeof read("TCR2_EL1"), typeof read("SCTLR2_EL1")]).toEqual(["bigint", "bigint"])
    set("HCRX_EL2", 0n)
    expect([read("TCR2_EL1"), write("SCTLR2_EL1", 0n)]).toEqual(["0x18 EL2", "0x18 EL2"])
  })
})

describe("controls of EL0", () => {
  const user = (sctlr: bigint) => {
    set("SCTLR_EL1", sctlr)
    setState(pe, 0)
  }
  it("SCTLR_EL1.UCT opens CTR_EL0, UMA the interrupt masks", () => {
    user(0n)
    expect([read("CTR_EL0"), read("DAIF"), write("DAIF", 0n)]).toEqual(["0x18 EL1", "0x18 EL1", "0x18 EL1"])
    expect(() => writePstateImmediate(pe, 3, 6, 2)).toThrow(Abort)
    user((1n << 15n) | (1n << 9n))
    expect([read("CTR_EL0"), write("DAIF", 0x80n), read("DAIF")]).toEqual([0x8444c004n, "done", 0x80n])
    writePstateImmediate(pe, 3, 7, 2)
    expect(read("DAIF")).toBe(0n)
  })
  it("DCZID_EL0 says whether DC ZVA is prohibited", () => {
    user(0n)
    expect(read("DCZID_EL0")).toBe(0x14n)
    user(1n << 14n)
    expect(read("DCZID_EL0")).toBe(4n)
    set("HCR_EL2", RW | (1n << 28n))
    expect(read("DCZID_EL0")).toBe(0x14n)
  })
  it("TPIDRRO_EL0 is read only there; writing CNTFRQ_EL0 takes EL2", () => {
    write("TPIDRRO_EL0", 5n)
    expect(write("CNTFRQ_EL0", 1n)).toBe("0x0 EL1")
    setState(pe, 0)
    expect([read("TPIDRRO_EL0"), write("TPIDRRO_EL0", 6n), write("TPIDR_EL0", 7n), read("TPIDR_EL0")]).toEqual([5n, "0x0 EL1", "done", 7n])
  })
  it("CNTKCTL_EL1 opens counters and timers, CNTHCTL_EL2 in host mode", () => {
    setState(pe, 0)
    const names = ["CNTFRQ_EL0", "CNTPCT_EL0", "CNTVCT_EL0", "CNTP_CTL_EL0", "CNTV_CTL_EL0"]
    const open = () => names.map((name) => (typeof read(name) === "bigint" ? "open" : read(name)))
    set("CNTKCTL_EL1", 0n)
    expect(open()).toEqual(names.map(() => "0x18 EL1"))
    set("CNTKCTL_EL1", 2n)
    expect(open()).toEqual(["open", "0x18 EL1", "open", "0x18 EL1", "0x18 EL1"])
    set("CNTKCTL_EL1", 0x301n)
    expect(open()).toEqual(["open", "open", "0x18 EL1", "open", "open"])
    set("CNTHCTL_EL2", 0n)
    expect(open()).toEqual(["open", "0x18 EL2", "0x18 EL1", "0x18 EL2", "open"])
    set("HCR_EL2", RW | E2H | TGE)
    expect(open()).toEqual(names.map(() => "0x18 EL2"))
    set("CNTHCTL_EL2", 0x303n)
    expect(open()).toEqual(names.map(() => "open"))
  })
})

describe("fields", () => {
  it("keep RES0 and RES1, whatever is written", () => {
    write("SCTLR_EL1", 0n)
    expect(read("SCTLR_EL1")).toBe(0x30500980n)
    write("SCTLR_EL1", (1n << 64n) - 1n)
    expect((read("SCTLR_EL1") as bigint) & (1n << 34n)).toBe(0n)
    write("CONTEXTIDR_EL1", (1n << 64n) - 1n)
    expect(read("CONTEXTIDR_EL1")).toBe(0xffffffffn)
    write("VBAR_EL1", 0x12345678n)
    expect(read("VBAR_EL1")).toBe(0x12345000n)
  })
  it("of CPTR_EL2 follow E2H, and the wrong layout opens nothing", () => {
    setState(pe, EL2H)
    set("HCR_EL2", RW)
    write("CPTR_EL2", 0n)
    synchronize(pe)
    expect(read("CPTR_EL2")).toBe(0x33ffn)
    set("HCR_EL2", RW | E2H)
    write("CPTR_EL2", 0x33ffn)
    expect(read("CPTR_EL2")).toBe(0n)
    synchronize(pe)
    expect(read("FPCR")).toBe("0x7 EL2")
    write("CPTR_EL2", 3n << 20n)
    synchronize(pe)
    expect(read("FPCR")).toBe(0n)
  })
  it("of FPCR and FPSR are those an all-features processor has", () => {
    set("CPACR_EL1", 3n << 20n)
    write("FPCR", (1n << 64n) - 1n)
    write("FPSR", (1n << 64n) - 1n)
    expect([read("FPCR"), read("FPSR")]).toEqual([0x07ff2007n, 0xf800009fn])
    set("CPACR_EL1", 0n)
    expect([read("FPCR"), read("FPSR")]).toEqual(["0x7 EL1", "0x7 EL1"])
  })
})

describe("process state", () => {
  it("NZCV, SPSel, PAN, UAO, DIT, SSBS and CurrentEL read and write PSTATE", () => {
    write("NZCV", 0xa0000000n)
    expect([read("NZCV"), pe.flags, read("CurrentEL"), read("SPSel")]).toEqual([0xa0000000n, 10, 4n, 1n])
    for (const [name, bit] of [
      ["PAN", 22n],
      ["UAO", 23n],
      ["DIT", 24n],
      ["SSBS", 12n]
    ] as const) {
      write(name, 1n << bit)
      expect([read(name), pe.pstate & (1 << Number(bit))]).toEqual([1n << bit, 1 << Number(bit)])
      write(name, 0n)
      expect(read(name)).toBe(0n)
    }
    expect(write("CurrentEL", 0n)).toBe("0x0 EL1")
  })
  it("has a stack pointer for each level; the selected one is in use", () => {
    pe.x[31] = 0x1111n
    write("SP_EL0", 0x100n)
    expect(read("SP_EL1")).toBe("0x0 EL1")
    write("SPSel", 0n)
    expect([pe.x[31], read("SP_EL0")]).toEqual([0x100n, "0x0 EL1"])
    setState(pe, EL2H)
    expect([read("SP_EL1"), read("SP_EL0"), read("SP_EL2")]).toEqual([0x1111n, 0x100n, "0x0 EL2"])
    write("SP_EL1", 0x2222n)
    setState(pe, EL1H)
    expect(pe.x[31]).toBe(0x2222n)
  })
  it("RNDR gives other numbers each time, the same in each run, and clears NZCV", () => {
    pe.flags = 15
    const first = read("RNDR")
    pe.retire(1)
    expect([typeof first, pe.flags, first === read("RNDR")]).toEqual(["bigint", 0, false])
  })
})

describe("what is not there", () => {
  it("is UNDEFINED; implementation defined space is trapped by HCR_EL2.TIDCP", () => {
    const encoding = (3 << 14) | (15 << 7)
    for (const [hcr, ec] of [
      [RW, 0],
      [RW | (1n << 20n), 0x18]
    ] as const) {
      set("HCR_EL2", hcr)
      expect(machine.registerByEncoding.has(encoding)).toBe(false)
      try {
        readSystemRegister(pe, encoding, 3)
        expect.unreachable()
      } catch (error) {
        expect((error as Abort).exception.ec).toBe(ec)
      }
    }
  })
  it("includes what a plugin would bring", () => {
    for (const name of ["ZCR_EL1", "SMCR_EL1", "SVCR", "FPMR", "TPIDR2_EL0"]) expect(machine.registerByName.has(name)).toBe(false)
  })
})
