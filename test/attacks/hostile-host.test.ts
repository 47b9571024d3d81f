/**
 * A hostile host kernel and a hostile VMM against a protected VM and hyp code. Each row says the attack in words, makes it by hypercalls with
 * arguments of its own choice, by loads and stores of the kernel, or by programs, and names the answer. Afterwards every page belongs to whom it
 * belonged before, the page tables agree, and the victim runs on with its secret; where an attack may change something, the row says what.
 */
import { HCR, linear, MDCR, REG } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { hostSideOf } from "../../plugins/pkvm/src/host/side.ts"
import { type Answer, C, GUEST, gfnOf, PAGE, SECRET, World } from "./world.ts"

type Row = readonly [words: string, attack: (w: World) => Answer, answer: Answer]
/** Numbers wrap: a page number is shifted to an address. */
const WRAP = 1n << 52n
const address = (pfn: number): bigint => BigInt(pfn * PAGE)
const pointer = (pfn: number): bigint => linear(pfn * PAGE)

/** The answer that counts, of two calls in this order. */
const second = (_first: Answer, answer: Answer): Answer => answer

const SHARING: readonly Row[] = [
  ["shares the victim's page with hyp code", (w) => w.call(C.HOST_SHARE_HYP, w.victim.page.pfn), "EPERM"],
  ["the same with a page number that wraps to it", (w) => w.call(C.HOST_SHARE_HYP, WRAP + BigInt(w.victim.page.pfn)), "EPERM"],
  ["shares with hyp code what the victim shares with the host", (w) => w.call(C.HOST_SHARE_HYP, w.victim.shared.pfn), "EPERM"],
  ["shares hyp code's own page with it", (w) => w.call(C.HOST_SHARE_HYP, w.hypPage), "EPERM"],
  ["shares a page that is lent to an ordinary VM", (w) => w.call(C.HOST_SHARE_HYP, w.ordinary.page.pfn), "EPERM"],
  ["shares a device", (w) => w.call(C.HOST_SHARE_HYP, w.devicePage), "EPERM"],
  ["shares what is behind RAM", (w) => w.call(C.HOST_SHARE_HYP, w.behindRam), "EPERM"],
  ["shares the last page number there is", (w) => w.call(C.HOST_SHARE_HYP, WRAP - 1n), "EPERM"],
  ["ends a loan of the victim's page to hyp code that never was", (w) => w.call(C.HOST_UNSHARE_HYP, w.victim.page.pfn), "EPERM"],
  ["ends the loan of the victim's structure while hyp code has it pinned", (w) => w.call(C.HOST_UNSHARE_HYP, w.pinnedPage), "EBUSY"],
  ["takes hyp code's page as the end of a loan", (w) => w.call(C.HOST_UNSHARE_HYP, w.hypPage), "EPERM"]
]
const withPages = (w: World, act: (pfn: number) => Answer): Answer => {
  const pfn = w.hostPages()
  const answer = act(pfn)
  w.freePages(pfn)
  return answer
}
const GIVING: readonly Row[] = [
  [
    "donates the victim's page to the victim a second time, elsewhere",
    (w) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "donates the victim's page to another protected VM",
    (w) => w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "puts a page of its own in the place of the secret",
    (w) => withPages(w, (pfn) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, w.victim.page.gfn))),
    "EPERM"
  ],
  [
    "donates a page of hyp code's to the victim",
    (w) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, w.hypPage, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  [
    "donates a page that hyp code has pinned",
    (w) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, w.pinnedPage, gfnOf(GUEST.unused))),
    "EPERM"
  ],
  ["donates a device as memory", (w) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, w.devicePage, gfnOf(GUEST.unused))), "EPERM"],
  [
    "donates to an address beyond the guest's",
    (w) => withPages(w, (pfn) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, WRAP - 1n))),
    "ERANGE"
  ],
  ["donates with no vCPU loaded", (w) => withPages(w, (pfn) => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused))), "EINVAL"],
  [
    "donates with an ordinary VM's vCPU loaded",
    (w) => withPages(w, (pfn) => w.loaded(w.ordinary, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))),
    "EINVAL"
  ],
  [
    "lends the victim's page to an ordinary VM",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused), 1, 7)),
    "EPERM"
  ],
  [
    "lends what the victim shares with the host",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.shared.pfn, gfnOf(GUEST.unused), 1, 7)),
    "EPERM"
  ],
  [
    "lends hyp code's page to an ordinary VM",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.hypPage, gfnOf(GUEST.unused), 1, 7)),
    "EPERM"
  ],
  [
    "lends a page to the victim, to keep it",
    (w) => withPages(w, (pfn) => w.loaded(w.victim, () => w.call(C.HOST_SHARE_GUEST, pfn, gfnOf(GUEST.unused), 1, 7))),
    "EINVAL"
  ],
  [
    "lends a block that is not aligned and has the victim's page in it",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn - 1, gfnOf(GUEST.unused), 512, 7)),
    "EINVAL"
  ],
  [
    "lends an aligned block that has hyp code's pages in it",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.hypPage - (w.hypPage % 512), 0x80000, 512, 7)),
    "EPERM"
  ],
  ["lends no page at all", (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused), 0, 7)), "EINVAL"],
  [
    "lends as many pages as wrap to none",
    (w) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, w.victim.page.pfn, gfnOf(GUEST.unused), WRAP, 7)),
    "EINVAL"
  ],
  [
    "lends with access bits there are not",
    (w) => withPages(w, (pfn) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, pfn, gfnOf(GUEST.unused), 1, 0x17))),
    "EINVAL"
  ],
  [
    "has a list of pages for tables that begins with the victim's page",
    (w) => {
      const list = hostSideOf(w.host).memcache(w.victim.vcpu)
      list.push(w.victim.page.pfn)
      const answer = withPages(w, (pfn) => w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused))))
      list.pop()
      return answer
    },
    "ENOMEM"
  ],
  [
    "claims a long list of pages for tables, all of them hyp code's",
    (w) => {
      const list = hostSideOf(w.host).memcache(w.ordinary.vcpu)
      const claimed = 20
      for (let i = 0; i < claimed; i++) list.push(w.hypPage)
      const answer = withPages(w, (pfn) => w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, pfn, gfnOf(GUEST.unused), 1, 7)))
      for (let i = 0; i < claimed; i++) list.pop()
      return answer
    },
    "ENOMEM"
  ]
]
const TAKING: readonly Row[] = [
  [
    "ends a loan of the victim's secret, as of an ordinary VM's page",
    (w) => w.call(C.HOST_UNSHARE_GUEST, w.victim.handle, w.victim.page.gfn, 1),
    "EINVAL"
  ],
  ["the same with a handle that is nobody's", (w) => w.call(C.HOST_UNSHARE_GUEST, 0x10f0, w.victim.page.gfn, 1), "EINVAL"],
  [
    "the same with a handle whose low 16 bits are the victim's",
    (w) => w.call(C.HOST_UNSHARE_GUEST, 0x10000 + w.victim.handle, w.victim.page.gfn, 1),
    "EINVAL"
  ],
  ["ends a loan twice as large as it was", (w) => w.call(C.HOST_UNSHARE_GUEST, w.ordinary.handle, 0x40000, 512), "E2BIG"],
  ["takes write access from the victim's page", (w) => w.call(C.HOST_WRPROTECT_GUEST, w.victim.handle, w.victim.page.gfn, 1), "EINVAL"],
  ["asks whether the victim used its page", (w) => w.call(C.HOST_TEST_CLEAR_YOUNG_GUEST, w.victim.handle, w.victim.page.gfn, 1, 1), "EINVAL"],
  ["gives the victim more access", (w) => w.loaded(w.victim, () => w.call(C.HOST_RELAX_PERMS_GUEST, w.victim.page.gfn, 7)), "EINVAL"],
  ["makes the victim's page young", (w) => w.loaded(w.victim, () => w.call(C.HOST_MKYOUNG_GUEST, w.victim.page.gfn)), "EINVAL"],
  ["reclaims the victim's page as if the VM were dying", (w) => w.call(C.RECLAIM_DYING_GUEST_PAGE, w.victim.handle, w.victim.page.gfn), "EINVAL"],
  ["takes hyp code's page by force", (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.hypPage)), "EPERM"],
  ["takes the memory of hyp code's own vCPU by force", (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.hypVcpuPage)), "EPERM"],
  ["takes by force what it has anyway", (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.victim.shared.pfn)), "EAGAIN"],
  ["takes a device by force", (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.devicePage)), "EFAULT"],
  ["takes by force what is beyond all addresses", (w) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, (1n << 63n) + address(w.victim.page.pfn)), "EFAULT"],
  ["asks where the victim's last fault was, which was none", (w) => w.loaded(w.other, () => w.call(C.VCPU_IN_POISON_FAULT)), "0"],
  ["asks that with nothing loaded", (w) => w.call(C.VCPU_IN_POISON_FAULT), "EINVAL"]
]
const forgedVm = (w: World, fields: { readonly shared: boolean; readonly handle: number }, areaPfn?: number): Answer =>
  withPages(w, (structure) =>
    withPages(w, (area) =>
      withPages(w, (tables) => {
        if (fields.shared) w.call(C.HOST_SHARE_HYP, structure)
        w.host.inKernel(() => {
          for (const [field, value] of [fields.handle, 1, 1].entries()) w.cpu.store64(pointer(structure) + BigInt(8 * field), BigInt(value))
        })
        const answer = w.call(C.INIT_VM, pointer(structure), pointer(areaPfn ?? area), pointer(tables))
        if (fields.shared) w.call(C.HOST_UNSHARE_HYP, structure)
        return answer
      })
    )
  )
const forgedVcpu = (w: World, handle: number, structure: bigint, areaPfn?: number): Answer =>
  withPages(w, (area) => w.call(C.INIT_VCPU, handle, structure, pointer(areaPfn ?? area)))
const structureOf = (w: World): bigint => linear(hostSideOf(w.host).vcpus.get(w.victim.vcpu)!.structure)

const VMS: readonly Row[] = [
  ["ends the victim while its vCPU is loaded", (w) => w.loaded(w.victim, () => w.call(C.START_TEARDOWN_VM, w.victim.handle)), "EINVAL"],
  ["ends a VM that is not", (w) => w.call(C.START_TEARDOWN_VM, 0x10f0), "EINVAL"],
  ["ends what is below the first handle", (w) => w.call(C.START_TEARDOWN_VM, 0xfff), "EINVAL"],
  ["finishes a teardown that has not begun", (w) => w.call(C.FINALIZE_TEARDOWN_VM, w.victim.handle), "EINVAL"],
  ["gives back the victim's handle, to get it for another VM", (w) => second(w.call(C.UNRESERVE_VM, w.victim.handle), "silent"), "silent"],
  ["makes a VM of a structure it has not shared", (w) => forgedVm(w, { shared: false, handle: 0x1003 }), "EPERM"],
  ["makes a VM of the victim's handle", (w) => forgedVm(w, { shared: true, handle: w.victim.handle }), "EINVAL"],
  ["makes a VM of a handle it has not reserved", (w) => forgedVm(w, { shared: true, handle: 0x1050 }), "EINVAL"],
  ["makes a VM of handle 0, the host's own", (w) => forgedVm(w, { shared: true, handle: 0 }), "EINVAL"],
  [
    "gives the victim's page as memory of a new VM, which hyp code would clear",
    (w) => forgedVm(w, { shared: true, handle: 0x1050 }, w.victim.page.pfn),
    "ENOMEM"
  ],
  ["gives hyp code's page as memory of a new VM", (w) => forgedVm(w, { shared: true, handle: 0x1050 }, w.hypPage), "ENOMEM"],
  ["makes a VM with a pointer beyond RAM", (w) => w.call(C.INIT_VM, pointer(w.behindRam), pointer(w.behindRam), pointer(w.behindRam)), "EPERM"],
  ["makes the victim's vCPU a second time", (w) => forgedVcpu(w, w.victim.handle, structureOf(w)), "EINVAL"],
  ["makes a vCPU of a VM that is not", (w) => forgedVcpu(w, 0x10f0, structureOf(w)), "ENOENT"],
  ["makes a vCPU of a structure in the victim's page", (w) => forgedVcpu(w, w.victim.handle, pointer(w.victim.page.pfn)), "EBUSY"],
  [
    "gives the victim's page as memory of a vCPU, which hyp code would clear",
    (w) => forgedVcpu(w, w.victim.handle, structureOf(w), w.victim.page.pfn),
    "ENOMEM"
  ],
  ["runs without a vCPU", (w) => w.call(C.VCPU_RUN), "EINVAL"],
  ["runs with a pointer to the victim's structure, which does not matter", (w) => w.call(C.VCPU_RUN, structureOf(w)), "EINVAL"],
  ["loads a vCPU of an index that is not, and runs it", (w) => second(w.call(C.VCPU_LOAD, w.victim.handle, 1, 0), w.call(C.VCPU_RUN)), "EINVAL"],
  [
    "loads a vCPU of an index that is negative, and runs it",
    (w) => second(w.call(C.VCPU_LOAD, w.victim.handle, -1, 0), w.call(C.VCPU_RUN)),
    "EINVAL"
  ],
  [
    "loads the victim's vCPU on two CPUs, and runs it on the second",
    (w) =>
      w.loaded(w.victim, () => {
        const elsewhere = w.host.cpus[1]!
        w.callOn(elsewhere, C.VCPU_LOAD, w.victim.handle, 0, 0)
        return w.callOn(elsewhere, C.VCPU_RUN)
      }),
    "EINVAL"
  ],
  [
    "puts on one CPU what another has loaded",
    (w) =>
      w.loaded(w.victim, () => {
        w.callOn(w.host.cpus[1]!, C.VCPU_PUT)
        return String(w.state.pkvm.loaded.has(0))
      }),
    "true"
  ],
  [
    "loads another vCPU over the victim's, to have it run with the victim's memory",
    (w) =>
      w.loaded(w.victim, () => {
        w.call(C.VCPU_LOAD, w.ordinary.handle, 0, 0)
        return String([...w.state.pkvm.loaded.values()][0]!.vm.handle === w.victim.handle)
      }),
    "true"
  ]
]
const CALLS: readonly Row[] = [
  ...[0, 1, 2, 3, 4, 5, 6].map((id): Row => [`makes call ${id} of the time before protection`, (w) => w.call(id, 0, 0), "NOT_SUPPORTED"]),
  ...[50, 0xffff, 17, 24].map((id): Row => [`makes call ${id}, which there is not`, (w) => w.call(id), "NOT_SUPPORTED"]),
  ["makes a call with a bit above the function number", (w) => w.call(0x1_0000_0000 + C.HOST_SHARE_HYP, w.victim.page.pfn), "NOT_SUPPORTED"],
  ["finalizes its CPU again", (w) => w.call(C.PROT_FINALIZE), "EPERM"]
]
const ACCESSES: readonly Row[] = [
  ["a program loads the victim's secret", (w) => w.programAccess(w.victim.page.pfn), "SIGSEGV"],
  ["a program stores to the victim's secret", (w) => w.programAccess(w.victim.page.pfn, "str x9, [x9]"), "SIGSEGV"],
  ["a program executes the victim's code", (w) => w.programAccess(w.place(w.victim.handle, GUEST.code).pfn, "br x9"), "SIGSEGV"],
  ["a program clears the victim's page by cache maintenance", (w) => w.programAccess(w.victim.page.pfn, "dc zva, x9"), "SIGSEGV"],
  ["a program makes an atomic access to the victim's page", (w) => w.programAccess(w.victim.page.pfn, "ldadd x9, x0, [x9]"), "SIGSEGV"],
  ["a program loads hyp code's page", (w) => w.programAccess(w.hypPage), "SIGSEGV"],
  ["a program stores to hyp code's page", (w) => w.programAccess(w.hypPage, "str x9, [x9]"), "SIGSEGV"],
  ["a program loads the memory of hyp code's own vCPU", (w) => w.programAccess(w.hypVcpuPage), "SIGSEGV"],
  ["a program loads the buffer in which hyp code keeps FP registers", (w) => w.programAccess(w.fpBuffer), "SIGSEGV"],
  ["a program calls hyp code itself", (w) => w.programAccess(w.victim.shared.pfn, "hvc #0"), "SIGILL"],
  ["a program calls the firmware", (w) => w.programAccess(w.victim.shared.pfn, "smc #0"), "SIGILL"],
  ["a program loads a table of the victim's stage 2", (w) => w.programAccess(w.tablePage), "SIGSEGV"],
  ["the VMM reads the victim's secret by its own mapping", (w) => String(w.victim.vm.read(GUEST.secret, 8)), "EFAULT"],
  ["the VMM writes to the victim's code", (w) => w.victim.vm.write(GUEST.code, new Uint8Array(4)) ?? "done", "EFAULT"],
  ["the VMM writes across the end of what it may reach", (w) => w.victim.vm.write(GUEST.shared - 8, new Uint8Array(16)) ?? "done", "EFAULT"],
  ["the VMM deletes the victim's memory", (w) => String(w.victim.vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST.code, bytes: 0 })), "EPERM"],
  ["the VMM moves the victim's memory", (w) => String(w.victim.vm.setMemoryRegion({ slot: 0, guestPhysical: 0x50000000, bytes: 0x10000 })), "EPERM"],
  [
    "the VMM gives the victim memory that it may only read",
    (w) => String(w.victim.vm.setMemoryRegion({ slot: 1, guestPhysical: 0x60000000, bytes: PAGE, readonly: true })),
    "EPERM"
  ],
  ["the VMM asks for exits instead of aborts that describe nothing", (w) => w.victim.vm.enableCapability(177) ?? "done", "EINVAL"],
  ["the VMM moves the victim's counter", (w) => w.victim.vm.setCounterOffset({ offset: 1n }) ?? "done", "EINVAL"]
]

/** What the victim is while an attack changes it: Linux 7.2 protects memory and traps, not registers. */
const REGISTERS: readonly Row[] = [
  [
    "takes all traps off the victim in its copy of HCR_EL2: hyp code takes TWI, TWE and VSE, and nothing else",
    (w) => {
      const { vcpu } = w.victim
      const before = vcpu.hcr
      vcpu.hcr = 0n
      w.run(w.victim)
      const kept = before & ~(HCR.TWI | HCR.TWE)
      return vcpu.hcr === kept ? "kept" : vcpu.hcr.toString(16)
    },
    "kept"
  ],
  [
    "puts TGE, and no stage 2, into its copy of HCR_EL2",
    (w) => {
      w.victim.vcpu.hcr = HCR.TGE | HCR.RW
      w.run(w.victim)
      return String((w.victim.vcpu.hcr & (HCR.TGE | HCR.VM)) === HCR.VM)
    },
    "true"
  ],
  [
    "puts TGE into HCR_EL2 when it loads the vCPU",
    (w) => {
      w.call(C.VCPU_LOAD, w.victim.handle, 0, HCR.TGE)
      const { hcr } = [...w.state.vcpus.values()].find((v) => v.hostVcpu === w.victim.vcpu)!.state
      w.call(C.VCPU_PUT)
      return String((hcr & HCR.TGE) === 0n)
    },
    "true"
  ],
  [
    "forges EL2h as the victim's PSTATE: it runs at EL1",
    (w) => {
      w.victim.vcpu.registers.pstate = (w.victim.vcpu.registers.pstate & ~15n) | 9n
      w.run(w.victim)
      return `mode ${w.victim.vcpu.registers.pstate & 15n}`
    },
    "mode 5"
  ],
  ["sets EL3h by the interface", (w) => w.victim.vcpu.setOneReg(REG.pstate, 0xdn) ?? "done", "EINVAL"],
  [
    "takes MDCR_EL2's traps off the victim: it can, in Linux 7.2 the host's value is written at each run",
    (w) => {
      const before = w.victim.vcpu.mdcr
      w.victim.vcpu.mdcr = MDCR.TDRA
      const written: bigint[] = []
      const stop = w.host.subscribe((e) => {
        if (e.what === "regs-write" && e.list[0] === "MDCR_EL2") written.push(e.values[0]!)
      })
      w.run(w.victim)
      stop()
      w.victim.vcpu.mdcr = before
      return String(written[0] === MDCR.TDRA)
    },
    "true"
  ],
  [
    "reads the victim's registers: it can, in Linux 7.2 all of them are copied to the host",
    (w) => `0x${(w.victim.vcpu.getOneReg(REG.x(12)) as bigint).toString(16)}`,
    `0x${SECRET.toString(16)}`
  ],
  [
    "writes the victim's registers: it can, and the victim reports what the host put there",
    (w) => {
      const { vcpu } = w.victim
      // it is about to store X12 where it reports
      vcpu.mmio = undefined
      vcpu.registers.x[12] = 0x666n
      vcpu.registers.pc = reportingAt(w)
      return w.run(w.victim)
    },
    `mmio 0x${(GUEST.device + 8).toString(16)} := 0x666`
  ]
]
/** The victim's store to the device: the instruction before its branch. */
const reportingAt = (w: World): bigint => {
  const code = w.bytesOf(w.place(w.victim.handle, GUEST.code).pfn)
  const words = new Uint32Array(code.slice().buffer)
  const branch = words.findIndex((word) => word >>> 26 === 5)
  return BigInt(GUEST.code + 4 * (branch - 1))
}

describe.each([
  ["a hostile host", () => new World("hvhe", 2)],
  ["a hostile host that was saved and restored", () => new World("nvhe", 2, undefined, new World("nvhe", 2))]
] as const)("%s", (_, begin) => {
  const world = begin()
  describe.each([
    ["shares", SHARING],
    ["gives", GIVING],
    ["takes", TAKING],
    ["makes, loads and ends VMs", VMS],
    ["calls", CALLS],
    ["accesses", ACCESSES],
    ["has registers", REGISTERS]
  ] as const)("%s", (_, rows) => {
    it.each(rows)("%s", (_words, attack, answer) => {
      const before = world.facts()
      expect(attack(world)).toBe(answer)
      expect(world.facts()).toEqual(before)
      expect(world.problems()).toEqual([])
    })
  })
  it("has tried more than fifty attacks", () => {
    expect([SHARING, GIVING, TAKING, VMS, CALLS, ACCESSES, REGISTERS].flat().length).toBeGreaterThan(50)
  })
})

/** Attacks that do change something, each on a host of its own: what they cost, and that the secret is never among what the host gets. */
describe("a hostile host that spoils what it cannot have", () => {
  const poisoned = (w: World): readonly string[] => [
    w.facts().get(`vm 0 page 0x${GUEST.secret.toString(16)}`)!,
    w.facts().get(`page 0x${w.victim.page.pfn.toString(16)}`) ?? "the host's",
    w.run(w.victim)
  ]
  const SPOILED = ["poison", "the host's", "EFAULT"]

  it.each([
    ["the kernel loads the secret by its linear map", (w: World) => w.kernelAccess((cpu) => cpu.load64(pointer(w.victim.page.pfn))), "0x0"],
    ["the kernel stores over the secret", (w: World) => w.kernelAccess((cpu) => void cpu.store64(pointer(w.victim.page.pfn), 1n)), "stored"],
    ["the kernel takes the page by force", (w: World) => w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(w.victim.page.pfn)), "0"]
  ] as const)("%s: the page is cleared first, the guest page is poisoned for the VM's life", (_, attack, answer) => {
    const w = new World()
    expect(attack(w)).toBe(answer)
    expect([0n, 1n]).toContain(w.valueAt(w.victim.page.pfn))
    expect(
      w
        .bytesOf(w.victim.page.pfn)
        .slice(8)
        .every((byte) => byte === 0)
    ).toBe(true)
    expect(poisoned(w)).toEqual(SPOILED)
    const { pfn, gfn } = w.victim.page
    expect(w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, gfn))).toBe("EPERM")
    expect(w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))).toBe("0")
    expect(w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(pfn))).toBe("0")
    expect(w.problems().filter((problem) => !/the secret is another|the victim: EFAULT/.test(problem))).toEqual([])
  })
  it.each([
    ["a page of hyp code's", (w: World) => w.hypPage],
    ["hyp code's vCPU", (w: World) => w.hypVcpuPage],
    ["a table of the victim's", (w: World) => w.tablePage],
    ["the host's FP registers as hyp code keeps them", (w: World) => w.fpBuffer]
  ] as const)("the kernel loads or stores %s: it does not survive", (_, which) => {
    for (const store of [false, true]) {
      const w = new World()
      const before = w.bytesOf(which(w)).slice()
      const result = w.kernelAccess((cpu) => (store ? void cpu.store64(pointer(which(w)), 1n) : cpu.load64(pointer(which(w)))))
      expect(result).toBe("oops")
      expect(w.bytesOf(which(w))).toEqual(before)
    }
  })
  it("ends the victim: each page comes back cleared, but for the one that was shared; the handle is nobody's afterwards", () => {
    const w = new World()
    const { handle, page, shared, vm } = w.victim
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("0")
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("EINVAL")
    w.call(C.VCPU_LOAD, handle, 0, 0)
    expect(w.call(C.VCPU_RUN)).toBe("EINVAL")
    expect(w.valueAt(page.pfn)).toBe(SECRET)
    expect(w.programAccess(page.pfn)).toBe("SIGSEGV")
    expect(w.call(C.RECLAIM_DYING_GUEST_PAGE, handle, page.gfn)).toBe("0")
    expect(w.call(C.RECLAIM_DYING_GUEST_PAGE, handle, page.gfn)).toBe("ENOENT")
    expect(w.bytesOf(page.pfn).every((byte) => byte === 0)).toBe(true)
    expect(w.programAccess(page.pfn)).toBe("ended 0")
    expect(w.call(C.RECLAIM_DYING_GUEST_PAGE, handle, shared.gfn)).toBe("0")
    expect(w.call(C.RECLAIM_DYING_GUEST_PAGE, handle, gfnOf(GUEST.code))).toBe("0")
    expect(w.call(C.FINALIZE_TEARDOWN_VM, handle)).toBe("0")
    expect(w.call(C.FINALIZE_TEARDOWN_VM, handle)).toBe("EINVAL")
    expect(w.call(C.RECLAIM_DYING_GUEST_PAGE, handle, gfnOf(GUEST.code))).toBe("EINVAL")
    w.call(C.VCPU_LOAD, handle, 0, 0)
    expect(w.call(C.VCPU_RUN)).toBe("EINVAL")
    expect(w.call(C.RESERVE_VM)).toBe(String(handle))
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("EINVAL")
    expect(vm.closed).toBe(false)
  })
  it("ends the victim without reclaiming its pages: they are nobody's, and the host cannot read them", () => {
    const w = new World()
    const { handle, page } = w.victim
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("0")
    expect(w.call(C.FINALIZE_TEARDOWN_VM, handle)).toBe("0")
    expect(w.programAccess(page.pfn)).toBe("SIGSEGV")
    expect(w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(page.pfn))).toBe("EAGAIN")
    // another VM gets the handle: the note on the page names it now, but the page is not that VM's
    const next = w.newVm("nop")
    expect(next.handle).toBe(handle)
    next.vcpu.run(10)
    expect(w.call(C.FORCE_RECLAIM_GUEST_PAGE, address(page.pfn))).toMatch(/^(EAGAIN|ENOENT)$/)
    expect(w.programAccess(page.pfn)).toBe("SIGSEGV")
    expect(w.valueAt(page.pfn)).toBe(SECRET)
  })
  it("reserves every handle there is: ENOMEM, and the VMs that are run on", () => {
    const w = new World()
    for (let answer = ""; answer !== "ENOMEM"; ) answer = w.call(C.RESERVE_VM)
    expect(w.host.createVm({ type: 1n << 31n })).toBe("ENOMEM")
    expect(w.problems()).toEqual([])
    expect(w.call(C.UNRESERVE_VM, 0x10fe)).not.toBe("NOT_SUPPORTED")
    expect(w.call(C.RESERVE_VM)).toBe(String(0x10fe))
  })
})
