/**
 * A hostile second VM on a protected VM's pages and registers, alone and with the host's help. Each row says what is tried, makes it, and names
 * what comes of it. Afterwards every page belongs to whom it belonged before, the page tables agree, and the victim runs on with its secret.
 */
import { linear, type Vm } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { hostSideOf } from "../../plugins/pkvm/src/host/side.ts"
import { type Answer, C, GUEST, gfnOf, hypercall, movs, PAGE, SECRET, World } from "./world.ts"

const SHARE = 0xc6000003n
const UNSHARE = 0xc6000004n
const ORDINARY = 0n
const SECRET_ADDRESS = BigInt(GUEST.secret)
const OWN_VALUE = "mmio 0x9000008 := 0x7"
const address = (pfn: number): bigint => BigInt(pfn * PAGE)
const pointer = (pfn: number): bigint => linear(pfn * PAGE)

/** Registers that a VM leaves full, and another VM looks at. */
const REGISTERS = [
  ...[
    "tpidr_el0",
    "tpidrro_el0",
    "tpidr_el1",
    "contextidr_el1",
    "ttbr0_el1",
    "ttbr1_el1",
    "far_el1",
    "esr_el1",
    "afsr0_el1",
    "afsr1_el1",
    "mair_el1",
    "amair_el1"
  ],
  ...["par_el1", "elr_el1", "spsr_el1", "sp_el0", "cntkctl_el1", "cntv_cval_el0", "cntp_cval_el0", "csselr_el1"]
]
/** What a VM finds there that nobody has used. */
const VALUE = 0x5ec2n
type LeakRow = readonly [register: string, fill: string, look: string]
const OPEN_FP = "mov x0, #0x300000\nmsr cpacr_el1, x0\nisb"
const LEAKS: readonly LeakRow[] = [
  ...REGISTERS.map((register): LeakRow => [register, `msr ${register}, x1`, `mrs x0, ${register}`]),
  ...[0, 1, 15, 16, 31].map((n): LeakRow => [`V${n}`, `${OPEN_FP}\nfmov d${n}, x1`, `${OPEN_FP}\nfmov x0, d${n}`]),
  ["the upper half of V7", `${OPEN_FP}\nmov v7.d[1], x1`, `${OPEN_FP}\nmov x0, v7.d[1]`],
  ["FPSR", `${OPEN_FP}\nmov x1, #0x1f\nmsr fpsr, x1`, `${OPEN_FP}\nmrs x0, fpsr`],
  ["FPCR", `${OPEN_FP}\nmov x1, #0x400000\nmsr fpcr, x1`, `${OPEN_FP}\nmrs x0, fpcr`],
  ...[2, 7, 15, 16, 18, 25, 29, 30].map((n): LeakRow => [`X${n}`, `mov x${n}, x1`, `mov x0, x${n}`])
]

type Row = readonly [words: string, attack: (w: World) => Answer, answer: Answer]
const withPage = (w: World, act: (pfn: number) => Answer): Answer => {
  const pfn = w.hostPages()
  const answer = act(pfn)
  w.freePages(pfn)
  return answer
}
/** The answer that counts, of two things done in this order. */
const second = (_first: Answer, answer: Answer): Answer => answer

const ALONE: readonly Row[] = [
  ["a protected VM loads from the address of the secret: it has its own page there", (w) => second(w.run(w.victim), w.run(w.other)), OWN_VALUE],
  ["an ordinary VM does the same", (w) => second(w.run(w.victim), w.run(w.ordinary)), OWN_VALUE],
  ["a protected VM that has nothing there gets a page of zeroes", (w) => w.guest(`${movs("x9", SECRET_ADDRESS)}\nldr x0, [x9]`), "0"],
  ["an ordinary VM that has nothing there gets one, too", (w) => w.guest(`${movs("x9", SECRET_ADDRESS)}\nldr x0, [x9]`, { type: ORDINARY }), "0"],
  ["a VM shares the page at the victim's address: its own", (w) => w.guest(hypercall(SHARE, SECRET_ADDRESS, 0n, 0n)), "0"],
  ["a VM ends the share of the page that the victim shares", (w) => w.guest(hypercall(UNSHARE, BigInt(GUEST.shared), 0n, 0n)), "-3"],
  ["an ordinary VM makes a call of protected ones", (w) => w.guest(hypercall(SHARE, SECRET_ADDRESS, 0n, 0n), { type: ORDINARY }), "-1"],
  ["an ordinary VM asks for the size of shares", (w) => w.guest(hypercall(0xc6000002n, 0n, 0n, 0n), { type: ORDINARY }), "-1"],
  ["a VM forgets all its translations everywhere", (w) => w.guest("tlbi vmalle1is\ndsb ish\nisb\nmov x0, #1"), "1"],
  [
    "a VM invalidates by address what the victim has translated",
    (w) => w.guest(`${movs("x0", SECRET_ADDRESS >> 12n)}\ntlbi vaae1is, x0\ndsb ish\nmov x0, #1`),
    "1"
  ],
  [
    "a VM cleans and invalidates the victim's addresses in caches",
    (w) => w.guest(`${movs("x9", SECRET_ADDRESS)}\ndc civac, x9\nic ivau, x9\nmov x0, #1`),
    "1"
  ],
  ["a VM looks for the secret in all of its memory", (w) => w.guest(SEARCH, { instructions: 20_000 }), "0"],
  ["an ordinary VM does the same", (w) => w.guest(SEARCH, { type: ORDINARY, instructions: 20_000 }), "0"],
  ["a VM turns the system off: its own", (w) => second(w.guest(hypercall(0x84000008n)), w.victim.vcpu.mpState), "runnable"],
  ["a VM turns its CPU off: its own", (w) => second(w.guest(hypercall(0x84000002n)), w.victim.vcpu.mpState), "runnable"],
  ["a VM turns on the victim's vCPU, which has the same number as its own", (w) => w.guest(hypercall(0xc4000003n, 0n, 0x666n, 0n)), "-4"]
]
/** ORs together the doublewords that are the secret, over all pages: 0 when there is none. */
const SEARCH = `
  ${movs("x9", BigInt(GUEST.code + 0x2000))}
  ${movs("x10", BigInt(GUEST.code + 0x10000))}
  ${movs("x11", SECRET)}
  mov x0, #0
search:
  ldr x12, [x9]
  add x9, x9, #512
  cmp x12, x11
  b.ne =other
  mov x0, #1
other:
  cmp x9, x10
  b.lo =search`

const HELPED: readonly Row[] = [
  [
    "the host donates the secret to the second VM",
    (w) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "the host donates it at the victim's own address",
    (w) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, w.victim.page.pfn, w.victim.page.gfn)),
    "EPERM"
  ],
  [
    "the host donates what the victim shares with the host to the second VM",
    (w) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, w.victim.shared.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "the host lends the secret to an ordinary VM",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused), 1, 7)),
    "EPERM"
  ],
  [
    "the host lends it for reading only",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused), 1, 4)),
    "EPERM"
  ],
  [
    "the host lends on what the victim shares with it",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.shared.pfn, gfnOf(GUEST.unused), 1, 7)),
    "EPERM"
  ],
  [
    "the host donates to the second VM what it has lent to an ordinary one",
    (w) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, w.ordinary.page.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "the host gives the second VM's page a second owner",
    (w) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, w.other.page.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "the host reclaims the victim's page by the second VM's handle",
    (w) => w.call(C.RECLAIM_DYING_GUEST_PAGE, w.other.handle, w.victim.page.gfn),
    "EINVAL"
  ],
  [
    "the host ends a loan at the victim's address by the second VM's handle",
    (w) => w.call(C.HOST_UNSHARE_GUEST, w.other.handle, w.victim.page.gfn, 1),
    "EINVAL"
  ],
  [
    "the host write-protects by the ordinary VM's handle where nothing is: nothing happens",
    (w) => w.call(C.HOST_WRPROTECT_GUEST, w.ordinary.handle, gfnOf(GUEST.unused), 1),
    "0"
  ],
  [
    "the host relaxes access by an ordinary vCPU where nothing is",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_RELAX_PERMS_GUEST, gfnOf(GUEST.unused), 7)),
    "EAGAIN"
  ],
  ["the host loads the second VM's vCPU and asks about the victim's fault", (w) => w.loaded(w.other, () => w.call(C.VCPU_IN_POISON_FAULT)), "0"],
  [
    "the host gives the second VM's vCPU a list for tables that is the victim's table",
    (w) => {
      const list = hostSideOf(w.host).memcache(w.other.vcpu)
      const claimed = 20
      for (let i = 0; i < claimed; i++) list.push(w.tablePage)
      const answer = withPage(w, (pfn) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused))))
      for (let i = 0; i < claimed; i++) list.pop()
      return answer
    },
    "ENOMEM"
  ],
  [
    "the host says that the second VM has the victim's VMID: hyp code has its own",
    (w) => {
      const { stage2 } = w.other.vm
      const own = stage2.vmid
      stage2.vmid = w.victim.vm.stage2.vmid
      const answer = w.run(w.other)
      stage2.vmid = own
      return answer
    },
    OWN_VALUE
  ],
  [
    "the host makes the second VM's vCPU the victim's in its own structure: the loaded one runs",
    (w) => {
      const { structure } = hostSideOf(w.host).vcpus.get(w.victim.vcpu)!
      return w.loaded(w.other, () => {
        const index = w.host.inKernel(() => w.cpu.load64(linear(structure)))
        w.call(C.VCPU_RUN, linear(structure))
        const { registers } = w.other.vcpu
        return String(index === 0n && registers.x[11] === 7n)
      })
    },
    "true"
  ],
  [
    "the host makes a second vCPU of the second VM in the place of the first",
    (w) => withPage(w, (area) => w.call(C.INIT_VCPU, w.other.handle, linear(hostSideOf(w.host).vcpus.get(w.victim.vcpu)!.structure), pointer(area))),
    "EINVAL"
  ],
  [
    "the host makes a VM of the second VM's handle with the victim's structure",
    (w) =>
      withPage(w, (area) =>
        withPage(w, (tables) => w.call(C.INIT_VM, linear(hostSideOf(w.host).vms.get(w.victim.vm)!.structure), pointer(area), pointer(tables)))
      ),
    "EINVAL"
  ],
  [
    "the host uses the second VM's page as memory of a vCPU of the victim",
    (w) => w.call(C.INIT_VCPU, w.victim.handle, linear(hostSideOf(w.host).vcpus.get(w.other.vcpu)!.structure), pointer(w.other.page.pfn)),
    "ENOMEM"
  ],
  [
    "the host forgets the second VM's translations by the victim's handle",
    (w) => second(w.call(C.TLB_FLUSH_VMID, w.victim.handle), w.run(w.other)),
    OWN_VALUE
  ],
  ["the host forgets translations of a handle that is nobody's", (w) => second(w.call(C.TLB_FLUSH_VMID, 0x10f0), w.run(w.other)), OWN_VALUE],
  [
    "the host gives the second VM the victim's stage 2 in its structure: hyp code's own is in force",
    (w) => {
      const forged = w.other.vm as { -readonly [K in "stage2"]: Vm[K] }
      const own = forged.stage2
      forged.stage2 = w.victim.vm.stage2
      const answer = w.run(w.other)
      forged.stage2 = own
      return answer
    },
    OWN_VALUE
  ],
  [
    "the host takes by force what the second VM shared back: it has it",
    (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.victim.shared.pfn)),
    "EAGAIN"
  ],
  ["a program maps the secret beside the second VM's page", (w) => w.programAccess(w.victim.page.pfn, "ldr x0, [x9]"), "SIGSEGV"]
]

describe("a hostile second VM", () => {
  const world = new World()
  const unchanged = (attack: () => void): void => {
    const before = world.facts()
    attack()
    expect(world.facts()).toEqual(before)
    expect(world.problems()).toEqual([])
  }
  describe("looks for what another VM left in registers", () => {
    it.each(LEAKS)("%s", (_, fill, look) => {
      unchanged(() => {
        const clean = world.guest(look)
        const left = world.newVm(`${movs("x1", VALUE)}\n${fill}\n${movs("x9", BigInt(GUEST.device))}\nstr x1, [x9]\nhlt #1`)
        expect(world.run(left)).toMatch(/^mmio/)
        // it stays as it is while the other runs
        expect(world.guest(look)).toBe(clean)
        expect(world.guest(look, { type: ORDINARY })).toBe(clean)
        left.vm.destroy()
      })
    })
  })
  describe.each([
    ["is alone", ALONE],
    ["has the host's help", HELPED]
  ] as const)("%s", (_, rows) => {
    it.each(rows)("%s", (_words, attack, answer) => {
      unchanged(() => expect(attack(world)).toBe(answer))
    })
  })
  it("has tried more than fifty attacks", () => {
    expect(LEAKS.length + ALONE.length + HELPED.length).toBeGreaterThan(50)
  })

  it("is lent a page that a third VM has as well: the end of one loan is not that of the other (H12)", () => {
    const w = new World()
    // it has touched two pages, so hyp code has pages left for its tables
    const third = w.newVm(`${movs("x9", SECRET_ADDRESS)}\nstr x9, [x9]\nhlt #1`, ORDINARY)
    expect(w.run(third)).toBe("hlt 1")
    const pfn = w.hostPages()
    const lend = (vm: typeof third) => w.loaded(vm, () => w.call(C.HOST_SHARE_GUEST, pfn, gfnOf(GUEST.unused), 1, 7))
    const end = (vm: typeof third) => w.call(C.HOST_UNSHARE_GUEST, vm.handle, gfnOf(GUEST.unused), 1)
    const page = () => w.facts().get(`page 0x${pfn.toString(16)}`)
    expect([lend(w.ordinary), lend(third)]).toEqual(["0", "0"])
    expect(page()).toContain("loans 2")
    expect([end(third), end(third)]).toEqual(["0", "ENOENT"])
    expect(page()).toContain("host SO, hyp NOPAGE, pins 0, loans 1")
    expect(w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))).toBe("EPERM")
    expect(end(w.ordinary)).toBe("0")
    expect(page()).toBeUndefined()
    expect(w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))).toBe("0")
    expect(w.problems()).toEqual([])
  })
  it("gets the page that was taken from the victim by force: it is clear, and the victim has lost it for good", () => {
    const w = new World()
    const { pfn } = w.victim.page
    expect(w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(pfn))).toBe("0")
    expect(w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))).toBe("0")
    expect(w.bytesOf(pfn).every((byte) => byte === 0)).toBe(true)
    expect(w.run(w.victim)).toBe("EFAULT")
    expect(w.run(w.other)).toBe(OWN_VALUE)
  })
  it("gets the handle of a VM that ended, and none of its pages", () => {
    const w = new World()
    const { handle, page, vm } = w.other
    expect(vm.destroy()).toBeUndefined()
    expect(w.valueAt(page.pfn)).toBe(0n)
    const next = w.newVm(`${movs("x9", SECRET_ADDRESS)}\nldr x0, [x9]\nhlt #1`)
    expect(next.handle).toBe(handle)
    expect(w.run(next)).toBe("hlt 1")
    expect(next.vcpu.registers.x[0]).toBe(0n)
    expect(w.problems()).toEqual([])
  })
})
