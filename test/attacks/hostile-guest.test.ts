/**
 * A hostile protected guest against hyp code, its host and the other VMs. Each row says what the guest tries, has it executed by a VM of its own,
 * and names what the guest gets: X0, an exception at its own EL1, or the exit that user space sees. When the VM is gone every page belongs to whom
 * it belonged before, the page tables agree, and the victim runs on with its secret.
 */
import { describe, expect, it } from "vitest"
import { program } from "../../plugins/vhe/test/machine.ts"
import { type Answer, GUEST, hypercall, movs, PAGE, World } from "./world.ts"

type Row = readonly [words: string, source: string | ((w: World) => string), answer: Answer]
const MEMINFO = 0xc6000002n
const SHARE = 0xc6000003n
const UNSHARE = 0xc6000004n
/** SMCCC and PSCI. */
const NOT_SUPPORTED = "-1"
const INVALID_PARAMETER = "-3"
const PSCI_INVALID = "-2"
const OWN = BigInt(GUEST.secret)
const DEVICE = BigInt(GUEST.device)
const NOTHING = 0x70000000n
/** The first instruction that touches a page has it donated. */
const touch = `${movs("x9", OWN)}\nstr x9, [x9]`

const HYPERCALLS: readonly Row[] = [
  ["asks for the size of shares, with an argument", hypercall(MEMINFO, 1n, 0n, 0n), INVALID_PARAMETER],
  ["the same with the second", hypercall(MEMINFO, 0n, 1n, 0n), INVALID_PARAMETER],
  ["the same with the third", hypercall(MEMINFO, 0n, 0n, 1n << 63n), INVALID_PARAMETER],
  ["shares half a page", hypercall(SHARE, OWN + 0x800n, 0n, 0n), INVALID_PARAMETER],
  ["shares one byte behind its page", hypercall(SHARE, OWN + 1n, 0n, 0n), INVALID_PARAMETER],
  ["shares with a size", hypercall(SHARE, OWN, 0x2000n, 0n), INVALID_PARAMETER],
  ["shares with flags", hypercall(SHARE, OWN, 0n, 1n), INVALID_PARAMETER],
  ["shares beyond its address space", hypercall(SHARE, 1n << 52n, 0n, 0n), INVALID_PARAMETER],
  ["shares the last page of 64 bits", hypercall(SHARE, 0xffff_ffff_ffff_f000n, 0n, 0n), INVALID_PARAMETER],
  ["shares an address that wraps to its own page", hypercall(SHARE, (1n << 63n) + OWN, 0n, 0n), INVALID_PARAMETER],
  ["shares its page twice", `${touch}\n${hypercall(SHARE, OWN, 0n, 0n)}\n${hypercall(SHARE, OWN, 0n, 0n)}`, INVALID_PARAMETER],
  ["ends a share that never was", `${touch}\n${hypercall(UNSHARE, OWN, 0n, 0n)}`, INVALID_PARAMETER],
  [
    "ends a share twice",
    `${touch}\n${hypercall(SHARE, OWN, 0n, 0n)}\n${hypercall(UNSHARE, OWN, 0n, 0n)}\n${hypercall(UNSHARE, OWN, 0n, 0n)}`,
    INVALID_PARAMETER
  ],
  ["ends a share of a page it does not have: nothing is faulted in for that", hypercall(UNSHARE, OWN, 0n, 0n), INVALID_PARAMETER],
  ["ends a share of half a page", hypercall(UNSHARE, OWN + 8n, 0n, 0n), INVALID_PARAMETER],
  ["ends a share with an argument", `${touch}\n${hypercall(SHARE, OWN, 0n, 0n)}\n${hypercall(UNSHARE, OWN, 1n, 0n)}`, INVALID_PARAMETER],
  [
    "shares the physical address of the victim's secret: for the host it is a write to no memory",
    (w) => hypercall(SHARE, BigInt(w.victim.page.pfn * PAGE), 0n, 0n),
    "ESR 0x96000010"
  ],
  ["shares the physical address of hyp code", (w) => hypercall(SHARE, BigInt(w.hypPage * PAGE), 0n, 0n), "ESR 0x96000010"],
  ["shares a device", hypercall(SHARE, DEVICE, 0n, 0n), "ESR 0x96000010"],
  ["shares by the 32-bit id", hypercall(0x86000003n, OWN, 0n, 0n), NOT_SUPPORTED],
  ["shares by SMC, which is the host's to answer", hypercall(SHARE, OWN, 0n, 0n).replace("hvc #0", "smc #0"), NOT_SUPPORTED],
  ["shares by an SMC with an immediate", hypercall(SHARE, OWN, 0n, 0n).replace("hvc #0", "smc #1"), NOT_SUPPORTED],
  ["guards MMIO, which hyp code does not do", hypercall(0xc6000007n, DEVICE, 0n, 0n), NOT_SUPPORTED],
  ["makes the host's call to run a vCPU", hypercall(0xc6000009n), NOT_SUPPORTED],
  ["makes the host's call to share a page with hyp code", (w) => hypercall(0xc600001dn, BigInt(w.victim.page.pfn)), NOT_SUPPORTED],
  ["makes the host's call to donate the victim's page to itself", (w) => hypercall(0xc600001fn, BigInt(w.victim.page.pfn), 0x50000n), NOT_SUPPORTED],
  ["makes the host's call to take the victim's page by force", (w) => hypercall(0xc600002bn, BigInt(w.victim.page.pfn * PAGE)), NOT_SUPPORTED],
  ["makes the host's call to end the victim", (w) => hypercall(0xc600002dn, BigInt(w.victim.handle)), NOT_SUPPORTED],
  ["makes the host's call to forget the victim's translations", (w) => hypercall(0xc6000031n, BigInt(w.victim.handle)), NOT_SUPPORTED],
  ["asks what hyp code does: the four services, and nothing else", hypercall(0x86000000n), "29"]
]
const PSCI: readonly Row[] = [
  ["turns itself on", hypercall(0xc4000003n, 0n, OWN, 0n), "-4"],
  ["turns on a vCPU there is not", hypercall(0xc4000003n, 1n, OWN, 0n), PSCI_INVALID],
  ["turns on a vCPU with bits that no affinity has", hypercall(0xc4000003n, 1n << 63n, OWN, 0n), PSCI_INVALID],
  ["asks for an affinity level there is not", hypercall(0xc4000004n, 0n, 4n), PSCI_INVALID],
  ["suspends the system, which nobody allowed", hypercall(0xc400000en, OWN, 0n), NOT_SUPPORTED],
  ["resets in a way there is not", hypercall(0xc4000012n, 1n, 0n), PSCI_INVALID],
  ["turns the system off in a way there is not", hypercall(0xc4000015n, 7n, 0n), PSCI_INVALID]
]
const undefinedRows = (words: string, ...instructions: readonly string[]): readonly Row[] =>
  instructions.map((instruction) => [`${words}: ${instruction}`, `mov x0, #-1\n${instruction}`, "UNDEFINED"])
const REGISTERS: readonly Row[] = [
  ...undefinedRows(
    "takes EL2 over",
    "msr hcr_el2, x0",
    "msr vttbr_el2, x0",
    "msr vtcr_el2, x0",
    "msr sctlr_el2, x0",
    "msr cptr_el2, x0",
    "msr mdcr_el2, x0",
    "msr vbar_el2, x0",
    "msr elr_el2, x0",
    "msr ttbr0_el2, x0",
    "msr cntvoff_el2, x0",
    "mrs x0, far_el2"
  ),
  ...undefinedRows("acts on translations of others", "tlbi alle1", "tlbi alle2", "tlbi vmalls12e1", "tlbi ipas2e1, x0", "at s12e1r, x0"),
  ...undefinedRows(
    "uses what it was not given",
    "msr actlr_el1, x0",
    "mrs x0, tcr2_el1",
    "msr sctlr2_el1, x0",
    "msr pir_el1, x0",
    "mrs x0, dbgbcr1_el1",
    "dc isw, x0",
    "dc cisw, x0"
  ),
  ...undefinedRows("says that it is another processor", "msr s3_0_c0_c4_0, x0", "msr s3_0_c0_c0_0, x0"),
  ["returns to EL2", "movz x0, #0x3c9\nmsr spsr_el1, x0\nadr x0, =there\nmsr elr_el1, x0\neret\nthere:\nnop", "ESR 0x3a000000"],
  ["returns to EL3", "movz x0, #0x3cd\nmsr spsr_el1, x0\nadr x0, =there\nmsr elr_el1, x0\neret\nthere:\nnop", "ESR 0x3a000000"],
  ["takes debug exceptions for itself: they are not there", "mov x0, #-1\nmsr mdscr_el1, x0\nmrs x0, mdscr_el1", "0"],
  ["locks the host out of debug", "mov x0, #1\nmsr oslar_el1, x0\nmrs x0, oslsr_el1", "0"]
]
const sees = (address: bigint, access: string): string => `${movs("x9", address)}\n${access}`
const MMU_ON = "mov x1, #0xff\nmsr mair_el1, x1\nisb\nmrs x2, sctlr_el1\norr x2, x2, #1\nmsr sctlr_el1, x2\nisb"
const ACCESSES: readonly Row[] = [
  [
    "loads the victim's secret by its physical address: user space is asked, as for any device",
    (w) => sees(BigInt(w.victim.page.pfn * PAGE), "ldr x0, [x9]"),
    "mmio read"
  ],
  ["stores to hyp code's memory by its physical address", (w) => sees(BigInt(w.hypPage * PAGE), "str x9, [x9]"), "mmio write"],
  ["loads a pair from a device, which no syndrome describes", sees(DEVICE, "ldp x0, x1, [x9]"), "ESR 0x96000010"],
  ["stores a pair to a device", sees(DEVICE, "stp x0, x1, [x9]"), "ESR 0x96000010"],
  ["loads from a device and moves the address", sees(DEVICE, "ldr x0, [x9], #8"), "ESR 0x96000010"],
  ["makes an atomic access to a device", sees(DEVICE, "ldadd x0, x1, [x9]"), "ESR 0x96000010"],
  ["clears a device by cache maintenance", sees(DEVICE, "dc zva, x9"), "ESR 0x96000010"],
  ["executes a device", sees(DEVICE, "br x9"), "ESR 0x86000010"],
  [
    "executes the victim's code by its physical address",
    (w) => sees(BigInt(w.place(w.victim.handle, GUEST.code).pfn * PAGE), "br x9"),
    "ESR 0x86000010"
  ],
  [
    "has its translation tables where there is no memory",
    `${movs("x1", NOTHING)}\nmsr ttbr0_el1, x1\n${movs("x1", 0x803510n)}\nmsr tcr_el1, x1\n${MMU_ON}`,
    "intr"
  ],
  ["branches to itself for ever", "stay:\nb =stay", "intr"],
  ["waits for ever", "stay:\nwfi\nb =stay", "wfi"]
]

describe.each([
  ["a hostile protected guest", () => new World("nvhe")],
  ["a hostile protected guest on a host that was restored", () => new World("hvhe", 1, undefined, new World("hvhe"))]
] as const)("%s", (_, begin) => {
  const world = begin()
  describe.each([
    ["makes hypercalls", HYPERCALLS],
    ["calls PSCI", PSCI],
    ["uses registers", REGISTERS],
    ["accesses memory", ACCESSES]
  ] as const)("%s", (_, rows) => {
    it.each(rows)("%s", (_words, source, answer) => {
      const before = world.facts()
      const got = world.guest(typeof source === "string" ? source : source(world))
      expect(got.replace(/^mmio 0x\w+ (read|:=).*$/, (_all, how: string) => `mmio ${how === "read" ? "read" : "write"}`)).toBe(answer)
      expect(world.facts()).toEqual(before)
      expect(world.problems()).toEqual([])
    })
  })
  /** A guest that shares its page with the host, exits, ends the share, exits, and reports what is in the page. */
  const SHARES_AND_ENDS = `
    ${movs("x9", OWN)}
    ${movs("x10", DEVICE)}
    mov x11, #0x77
    str x11, [x9]
    ${hypercall(SHARE, OWN, 0n, 0n)}
    str x0, [x10]
    ${hypercall(UNSHARE, OWN, 0n, 0n)}
    str x0, [x10]
    ldr x0, [x9]
    str x0, [x10]`
  /** A host program that loads from the page again and again, and says so each time. */
  const READER = `
    movz x9, #0x60, lsl #16
  again:
    ldr x12, [x9]
    mov x8, #172
    svc #0
    b =again`
  it("ends a share while a host program has the page in its TLB: the next access is a SIGSEGV", () => {
    const w = new World()
    const guest = w.newVm(SHARES_AND_ENDS)
    expect(w.run(guest)).toBe("mmio 0x9000000 := 0x0")
    const { pfn } = w.place(guest.handle, GUEST.secret)
    const { task } = program(w.host, READER)
    w.host.inKernel(() => task.space.map(0x600000, pfn * PAGE, PAGE, { write: true }))
    expect(w.host.runTask(task, 200)).toBe("limit")
    expect(task.registers.x[12] ?? w.cpu.pe.x[12]).toBe(0x77n)
    expect(w.run(guest)).toBe("mmio 0x9000000 := 0x0")
    expect(w.host.runTask(task, 200)).toBe("ended")
    expect(task.ended).toMatchObject({ signal: "SIGSEGV" })
    expect(w.run(guest)).toBe("mmio 0x9000000 := 0x77")
    expect(w.problems()).toEqual([])
  })
  it("sees what the host writes while the page is shared, and nothing of what it writes afterwards", () => {
    const w = new World()
    const guest = w.newVm(SHARES_AND_ENDS)
    w.run(guest)
    const { pfn } = w.place(guest.handle, GUEST.secret)
    expect(w.programAccess(pfn, "mov x0, #0x55\nstr x0, [x9]")).toBe("ended 85")
    w.run(guest)
    expect(w.programAccess(pfn, "mov x0, #0x66\nstr x0, [x9]")).toBe("SIGSEGV")
    expect(w.run(guest)).toBe("mmio 0x9000000 := 0x55")
  })
  it("maps one page at two addresses of its own, writes by one and ends the share: the host has lost the page, whatever address was used", () => {
    const w = new World()
    // a table of 2 MiB blocks at GUEST.code + 0x8000: the first 1 GiB, the second, and the second again at the third
    const table = 0x40008000n
    const block = (address: bigint) => address | 0x701n
    const guest = w.newVm(`
      ${movs("x9", table)}
      ${movs("x1", block(0n))}
      str x1, [x9]
      ${movs("x1", block(0x40000000n))}
      str x1, [x9, #8]
      str x1, [x9, #16]
      msr ttbr0_el1, x9
      ${movs("x1", 0x5_0080_3519n)}
      msr tcr_el1, x1
      mov x1, #0xff
      msr mair_el1, x1
      isb
      mrs x2, sctlr_el1
      orr x2, x2, #1
      msr sctlr_el1, x2
      isb
      ${movs("x9", OWN + 0x40000000n)}
      mov x11, #0x77
      str x11, [x9]
      ${hypercall(SHARE, OWN, 0n, 0n)}
      hvc #0
      ${hypercall(UNSHARE, OWN, 0n, 0n)}
      mov x11, #0x99
      str x11, [x9]
      ${movs("x9", OWN)}
      ldr x0, [x9]
      hlt #1`)
    expect(w.run(guest)).toBe("hlt 1")
    expect(guest.vcpu.registers.x[0]).toBe(0x99n)
    const { pfn } = w.place(guest.handle, GUEST.secret)
    expect(w.programAccess(pfn)).toBe("SIGSEGV")
    expect(w.problems()).toEqual([])
  })
  it("has tried more than fifty attacks", () => {
    expect([HYPERCALLS, PSCI, REGISTERS, ACCESSES].flat().length).toBeGreaterThan(50)
  })
})
