/** The words of CPTR_EL2 in both layouts, for every kind of machine, against the values a real kernel writes. */

import type { ResolvedControl } from "@eltwo/isa"
import { cpuFeatures, GUEST_MDCR, guestHcrx, HOST_VHE_HCR, initialGuestHcr, trapWords } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { firstRunHcr, hostNvheHcr } from "../src/hyp/controls.ts"
import { vtcrOf } from "../src/stage2.ts"

/** Only where the fields of a control lie matters here. */
const control = (id: string, classic: number, cpacr: number): ResolvedControl =>
  ({ id, cptr: { low: classic, width: 1, e2h: { low: cpacr, width: 2 } } }) as unknown as ResolvedControl
const FP = control("fp", 10, 20)
const SVE = control("sve", 8, 16)
const SME = control("sme", 12, 24)
const MACHINES = { "FP only": [FP], SVE: [FP, SVE], "SVE and SME": [FP, SVE, SME] } as const

interface Words {
  readonly machine: keyof typeof MACHINES
  readonly spelling: "classic" | "cpacr"
  readonly rest: bigint
  readonly free: bigint
  readonly owned: bigint
  readonly ownedSve?: bigint
}
describe("trap words", () => {
  it.each<Words>([
    { machine: "SVE and SME", spelling: "classic", rest: 0x22ffn, free: 0x401037ffn, owned: 0x401033ffn, ownedSve: 0x401032ffn },
    { machine: "SVE", spelling: "classic", rest: 0x32ffn, free: 0x401037ffn, owned: 0x401033ffn, ownedSve: 0x401032ffn },
    { machine: "FP only", spelling: "classic", rest: 0x33ffn, free: 0x401037ffn, owned: 0x401033ffn },
    { machine: "SVE and SME", spelling: "cpacr", rest: 0x03330000n, free: 0x50000000n, owned: 0x50300000n, ownedSve: 0x50330000n },
    { machine: "SVE", spelling: "cpacr", rest: 0x00330000n, free: 0x50000000n, owned: 0x50300000n, ownedSve: 0x50330000n },
    { machine: "FP only", spelling: "cpacr", rest: 0x00300000n, free: 0x50000000n, owned: 0x50300000n }
  ])("$machine, $spelling", ({ machine, spelling, rest, free, owned, ownedSve }) => {
    const words = trapWords({ trapControls: MACHINES[machine] }, spelling)
    expect(words.register).toBe(spelling === "classic" ? "CPTR_EL2" : "CPACR_EL1")
    expect([words.rest, words.guest([]), words.guest(["fp"])]).toEqual([rest, free, owned])
    if (ownedSve !== undefined) expect(words.guest(["fp", "sve"])).toBe(ownedSve)
  })
})

/** ID registers of the processor that the recordings were made on, as far as the kernel's controls depend on them. */
const RECORDED: Readonly<Record<string, bigint>> = {
  ID_AA64PFR0_EL1: 1n << 28n, // RAS
  ID_AA64PFR2_EL1: 1n << 32n, // FPMR
  ID_AA64ISAR2_EL1: 1n << 16n, // MOPS
  ID_AA64MMFR0_EL1: 6n, // 52 bits
  ID_AA64MMFR1_EL1: (2n << 4n) | (1n << 8n) | (1n << 40n), // VMID16, VHE, HCX
  ID_AA64MMFR2_EL1: (1n << 40n) | (2n << 56n), // FWB, EVT
  ID_AA64MMFR3_EL1: (1n << 0n) | (1n << 4n) | (1n << 8n) // TCR2, SCTLR2, S1PIE
}
describe("control registers on the recorded processor", () => {
  const features = cpuFeatures((register) => RECORDED[register] ?? 0n)
  it("have the recorded values", () => {
    const E2H = 1n << 34n
    expect(initialGuestHcr(features) | firstRunHcr(features) | E2H).toBe(0x402_403c_807d_623fn)
    expect(initialGuestHcr(features) | firstRunHcr(features)).toBe(0x402_4038_807d_623fn)
    expect(HOST_VHE_HCR).toBe(0x4_8800_0038n)
    expect(hostNvheHcr(features)).toBe(0x400_0300_8000_0000n)
    expect(guestHcrx(features)).toBe(0x80cc20n)
    // six event counters there, none here
    expect(GUEST_MDCR | 6n).toBe(0x84e66n)
  })
  it("VTCR_EL2, but for hardware access flags and LPA2", () => {
    expect(vtcrOf(40, features) | (1n << 21n) | (1n << 32n)).toBe(0x1802e3558n)
  })
  it.each([
    [32, 0x20n, 0n],
    [36, 0x1cn, 1n],
    [40, 0x18n, 1n],
    [44, 0x14n, 2n],
    [48, 0x10n, 2n]
  ])("VTCR_EL2 of %i-bit guests", (bits, t0sz, sl0) => {
    const vtcr = vtcrOf(bits, features)
    expect([vtcr & 0x3fn, (vtcr >> 6n) & 3n]).toEqual([t0sz, sl0])
  })
})
