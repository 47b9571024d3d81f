/** Arguments that no page's state makes right, blocks, and which of two reasons to refuse is told. */
import { describe, expect, it } from "vitest"
import { guestShareHost, guestUnshareHost, hypMemInfo, memShare, memUnshare } from "../src/ownership/guest-host.ts"
import { makeYoung, relaxPermissions, testClearYoung, writeProtect } from "../src/ownership/guest-permissions.ts"
import { errnoRegister, HostCall, type HostCallContext, hostCall } from "../src/ownership/host-calls.ts"
import { hostShareFfa, hostUnshareFfa } from "../src/ownership/host-ffa.ts"
import { hostDonateGuest, hostShareGuest, hostUnshareGuest } from "../src/ownership/host-guest.ts"
import { hostDonateHyp, hostShareHyp, hostUnshareHyp, hypDonateHost, pinShared, unpinShared } from "../src/ownership/host-hyp.ts"
import { loadVcpu, putVcpu } from "../src/ownership/hyp-vm.ts"
import { PageStack } from "../src/ownership/memcache.ts"
import { REFCOUNT_MAX, SHARE_COUNT_MAX } from "../src/ownership/page-records.ts"
import { PAGE_BYTES, PageState, Prot } from "../src/ownership/page-state.ts"
import { forceReclaim, isPoisoned, reclaimFromDying } from "../src/ownership/reclaim.ts"
import { bytesOf, describeWorld, makeWorld, must, type World } from "./world.ts"

/** Blocks of four pages, so that whole blocks are easy to look at. */
const BLOCK = 4
const LIST_PAGES = 12
const RAM = { pfn: 0x100, pages: 112 }
/** Right behind the first region, but another. */
const MORE = { pfn: 0x170, pages: 16 }
const world = (): World => makeWorld({ regions: [RAM, MORE], physicalBits: 24, fanout: BLOCK, levels: 3 }, LIST_PAGES)
const PAGE_LIMIT = 2 ** 12
const RW = Prot.R | Prot.W

/** Does something that must fail with an error and change nothing. */
const refused = (w: World, errno: string, act: () => unknown): void => {
  const before = describeWorld(w, RAM.pfn, RAM.pages + MORE.pages)
  w.pkvm.memory.takeCleared()
  expect(act()).toBe(errno)
  expect(describeWorld(w, RAM.pfn, RAM.pages + MORE.pages)).toEqual(before)
  expect(w.pkvm.memory.takeCleared()).toEqual([])
}
const aligned = (pfn: number) => Math.ceil(pfn / BLOCK) * BLOCK

describe("ranges of physical memory", () => {
  it("must lie in one region", () => {
    const w = world()
    const { pkvm } = w
    const last = RAM.pfn + RAM.pages - 1
    for (const act of [hostDonateHyp, hypDonateHost, hostShareFfa, hostUnshareFfa]) {
      refused(w, "EINVAL", () => act(pkvm, last, 2))
      refused(w, "EINVAL", () => act(pkvm, MORE.pfn + MORE.pages - 1, 2))
      refused(w, "EPERM", () => act(pkvm, MORE.pfn + MORE.pages, 2))
      refused(w, "EINVAL", () => act(pkvm, RAM.pfn - 1, 2))
      refused(w, "EINVAL", () => act(pkvm, PAGE_LIMIT - 1, 2))
      refused(w, "EINVAL", () => act(pkvm, PAGE_LIMIT, 1))
      refused(w, "EINVAL", () => act(pkvm, last, 2 ** 52))
      refused(w, "EINVAL", () => act(pkvm, last, 0))
    }
    must(hostShareHyp(pkvm, last), "share")
    must(hostShareHyp(pkvm, MORE.pfn), "share")
    refused(w, "EINVAL", () => pinShared(pkvm, { address: MORE.pfn * PAGE_BYTES - 8, bytes: 16 }))
  })
  it("must be in one state throughout", () => {
    const w = world()
    const { pkvm } = w
    const at = w.firstFree
    must(hostShareHyp(pkvm, at + 2), "share")
    refused(w, "EPERM", () => hostDonateHyp(pkvm, at, 3))
    refused(w, "EPERM", () => hostShareFfa(pkvm, at, 3))
    refused(w, "EPERM", () => pinShared(pkvm, bytesOf(at + 1, 2)))
    must(hostDonateHyp(pkvm, at, 2), "donate")
    refused(w, "EPERM", () => hypDonateHost(pkvm, at, 3))
    pkvm.records.setRefcount(at + 1, 1)
    refused(w, "EBUSY", () => hypDonateHost(pkvm, at, 2))
    pkvm.records.setRefcount(at + 1, 0)
    expect(hypDonateHost(pkvm, at, 2)).toBe(undefined)
  })
  it("are rounded outwards for pins, which count", () => {
    const { pkvm, firstFree } = world()
    for (const page of [0, 1]) must(hostShareHyp(pkvm, firstFree + page), "share")
    const range = { address: firstFree * PAGE_BYTES + 4000, bytes: 200 }
    expect(pinShared(pkvm, range)).toBe(undefined)
    expect(pinShared(pkvm, bytesOf(firstFree))).toBe(undefined)
    expect([0, 1].map((page) => pkvm.records.refcount(firstFree + page))).toEqual([2, 1])
    unpinShared(pkvm, range)
    expect([0, 1].map((page) => pkvm.hypStage1.mapped.has(firstFree + page))).toEqual([true, false])
    expect(hostUnshareHyp(pkvm, firstFree)).toBe("EBUSY")
    expect(hostUnshareHyp(pkvm, firstFree + 1)).toBe(undefined)
  })
  it("panic hyp when pins no longer fit their count", () => {
    const { pkvm, firstFree } = world()
    must(hostShareHyp(pkvm, firstFree), "share")
    must(pinShared(pkvm, bytesOf(firstFree)), "pin")
    pkvm.records.setRefcount(firstFree, REFCOUNT_MAX)
    expect(() => pinShared(pkvm, bytesOf(firstFree))).toThrow(/pinned 65535 times/)
  })
})

describe("guest pages beyond the input range", () => {
  it("are ERANGE wherever tables are walked", () => {
    const w = world()
    const { pkvm, vms, firstFree } = w
    const { vm, vcpu } = vms.A
    const { vm: secret, vcpu: secretVcpu } = vms.P
    const end = vm.stage2.pages
    expect(end).toBe(64)
    for (const gfn of [end, 2 ** 52 - 1]) {
      refused(w, "ERANGE", () => hostShareGuest(pkvm, vcpu, firstFree, gfn, 1, RW))
      refused(w, "ERANGE", () => hostUnshareGuest(pkvm, vm, gfn, 1))
      refused(w, "ERANGE", () => relaxPermissions(vm, gfn, RW))
      refused(w, "ERANGE", () => writeProtect(pkvm, vm, gfn, 1))
      refused(w, "ERANGE", () => testClearYoung(pkvm, vm, gfn, 1, true))
      refused(w, "ERANGE", () => hostDonateGuest(pkvm, secretVcpu, firstFree, gfn))
      refused(w, "ERANGE", () => guestShareHost(pkvm, secret, gfn))
      refused(w, "ERANGE", () => guestUnshareHost(pkvm, secret, gfn))
      refused(w, "ERANGE", () => reclaimFromDying(pkvm, secret, gfn))
      refused(w, "ERANGE", () => isPoisoned(secret, gfn))
      makeYoung(vm, gfn)
    }
    refused(w, "ERANGE", () => hostShareGuest(pkvm, vcpu, aligned(firstFree), end, BLOCK, RW))
  })
})

describe("blocks", () => {
  const shared = (w: World, gfn = 8) => {
    const pfn = aligned(w.firstFree)
    must(hostShareGuest(w.pkvm, w.vms.A.vcpu, pfn, gfn, BLOCK, RW), "share")
    return pfn
  }
  it("are of one size and aligned", () => {
    const w = world()
    const { pkvm, vms } = w
    const pfn = aligned(w.firstFree)
    for (const pages of [0, 2, 3, 5, 8, 16]) {
      refused(w, "EINVAL", () => hostShareGuest(pkvm, vms.A.vcpu, pfn, 8, pages, RW))
      refused(w, "EINVAL", () => hostUnshareGuest(pkvm, vms.A.vm, 8, pages))
      refused(w, "EINVAL", () => writeProtect(pkvm, vms.A.vm, 8, pages))
      refused(w, "EINVAL", () => testClearYoung(pkvm, vms.A.vm, 8, pages, true))
    }
    refused(w, "EINVAL", () => hostShareGuest(pkvm, vms.A.vcpu, pfn + 1, 8, BLOCK, RW))
    refused(w, "EINVAL", () => hostShareGuest(pkvm, vms.A.vcpu, pfn, 9, BLOCK, RW))
    refused(w, "EINVAL", () => hostUnshareGuest(pkvm, vms.A.vm, 9, BLOCK))
    refused(w, "EINVAL", () => writeProtect(pkvm, vms.A.vm, 10, BLOCK))
    refused(w, "EINVAL", () => hostShareGuest(pkvm, vms.A.vcpu, PAGE_LIMIT, 8, BLOCK, RW))
  })
  it("are shared and unshared whole", () => {
    const w = world()
    const { pkvm, vms } = w
    const before = describeWorld(w, w.firstFree, 24)
    const pfn = shared(w)
    expect(Array.from({ length: BLOCK }, (_, i) => pkvm.records.shareCount(pfn + i))).toEqual([1, 1, 1, 1])
    refused(w, "E2BIG", () => hostUnshareGuest(pkvm, vms.A.vm, 8, 1))
    refused(w, "E2BIG", () => hostUnshareGuest(pkvm, vms.A.vm, 11, 1))
    refused(w, "E2BIG", () => guestShareHost(pkvm, vms.A.vm, 9))
    refused(w, "E2BIG", () => guestUnshareHost(pkvm, vms.A.vm, 9))
    refused(w, "ENOENT", () => hostUnshareGuest(pkvm, vms.A.vm, 12, BLOCK))
    expect(hostUnshareGuest(pkvm, vms.A.vm, 8, BLOCK)).toBe(undefined)
    expect(describeWorld(w, w.firstFree, 24)).toEqual(before)
  })
  it("take pages that are lent already, and refuse any other", () => {
    const w = world()
    const { pkvm, vms } = w
    const pfn = aligned(w.firstFree)
    must(hostShareGuest(pkvm, vms.B.vcpu, pfn + 2, 3, 1, RW), "share")
    must(hostShareGuest(pkvm, vms.A.vcpu, pfn, 8, BLOCK, RW), "share")
    expect(Array.from({ length: BLOCK }, (_, i) => pkvm.records.shareCount(pfn + i))).toEqual([1, 1, 2, 1])
    must(hostUnshareGuest(pkvm, vms.A.vm, 8, BLOCK), "unshare")
    expect(Array.from({ length: BLOCK }, (_, i) => pkvm.records.hostState(pfn + i))).toEqual([
      PageState.OWNED,
      PageState.OWNED,
      PageState.SHARED_OWNED,
      PageState.OWNED
    ])
    must(hostShareHyp(pkvm, pfn + 3), "share")
    refused(w, "EPERM", () => hostShareGuest(pkvm, vms.A.vcpu, pfn, 8, BLOCK, RW))
    must(hostUnshareHyp(pkvm, pfn + 3), "unshare")
    must(hostShareGuest(pkvm, vms.A.vcpu, pfn + 8, 9, 1, RW), "share")
    refused(w, "EPERM", () => hostShareGuest(pkvm, vms.A.vcpu, pfn, 8, BLOCK, RW))
    refused(w, "ENOENT", () => hostUnshareGuest(pkvm, vms.A.vm, 8, BLOCK))
    must(hostShareGuest(pkvm, vms.A.vcpu, pfn + 9, 8, 1, RW), "share")
    refused(w, "E2BIG", () => hostUnshareGuest(pkvm, vms.A.vm, 8, BLOCK))
  })
  it("change access and age as a whole", () => {
    const w = world()
    const { pkvm, vms } = w
    shared(w)
    expect(testClearYoung(pkvm, vms.A.vm, 10, 1, false)).toBe(true)
    expect(testClearYoung(pkvm, vms.A.vm, 10, 1, true)).toBe(true)
    expect(testClearYoung(pkvm, vms.A.vm, 8, BLOCK, true)).toBe(false)
    makeYoung(vms.A.vm, 11)
    expect(writeProtect(pkvm, vms.A.vm, 9, 1)).toBe(undefined)
    expect(relaxPermissions(vms.A.vm, 10, Prot.X)).toBe(undefined)
    expect(vms.A.vm.stage2.walk(8)).toMatchObject({ pages: BLOCK, prot: Prot.R | Prot.X, young: true })
  })
})

describe("which reason is told", () => {
  it("share_guest: access, range, size, memory, guest page, host page, list", () => {
    const w = world()
    const { pkvm, vms } = w
    const { vcpu } = vms.A
    const pfn = w.firstFree
    must(hostShareGuest(pkvm, vcpu, pfn, 5, 1, RW), "share")
    must(hostShareHyp(pkvm, pfn + 1), "share")
    must(hostShareGuest(pkvm, vcpu, pfn + 2, 6, 1, RW), "share")
    pkvm.records.setShareCount(pfn + 2, SHARE_COUNT_MAX)
    const drained = new PageStack()
    while (vcpu.memcache.length > 1) drained.push(vcpu.memcache.pop()!)
    refused(w, "EINVAL", () => hostShareGuest(pkvm, vcpu, RAM.pfn - 1, 5, 1, 8))
    refused(w, "EINVAL", () => hostShareGuest(pkvm, vcpu, RAM.pfn - 1, 5, 2, RW))
    refused(w, "EPERM", () => hostShareGuest(pkvm, vcpu, RAM.pfn - 1, vms.A.vm.stage2.pages, 1, RW))
    refused(w, "ERANGE", () => hostShareGuest(pkvm, vcpu, pfn + 2, vms.A.vm.stage2.pages, 1, RW))
    refused(w, "EPERM", () => hostShareGuest(pkvm, vcpu, pfn + 2, 5, 1, RW))
    refused(w, "EBUSY", () => hostShareGuest(pkvm, vcpu, pfn + 2, 7, 1, RW))
    refused(w, "EPERM", () => hostShareGuest(pkvm, vcpu, pfn + 1, 7, 1, RW))
    refused(w, "ENOMEM", () => hostShareGuest(pkvm, vcpu, pfn + 3, 7, 1, RW))
    vcpu.memcache.push(drained.pop()!)
    expect(hostShareGuest(pkvm, vcpu, pfn + 3, 7, 1, RW)).toBe(undefined)
  })
  it("donate_guest: host page, guest page, list", () => {
    const w = world()
    const { pkvm, vms } = w
    const { vcpu } = vms.P
    must(hostDonateGuest(pkvm, vcpu, w.firstFree, 5), "donate")
    while (vcpu.memcache.length > 1) vcpu.memcache.pop()
    refused(w, "EPERM", () => hostDonateGuest(pkvm, vcpu, w.firstFree, vms.P.vm.stage2.pages))
    refused(w, "ERANGE", () => hostDonateGuest(pkvm, vcpu, w.firstFree + 1, vms.P.vm.stage2.pages))
    refused(w, "EPERM", () => hostDonateGuest(pkvm, vcpu, w.firstFree + 1, 5))
    refused(w, "ENOMEM", () => hostDonateGuest(pkvm, vcpu, w.firstFree + 1, 6))
  })
  it("relax: access before guest page", () => {
    const w = world()
    refused(w, "EINVAL", () => relaxPermissions(w.vms.A.vm, 5, -1))
    refused(w, "EINVAL", () => relaxPermissions(w.vms.A.vm, w.vms.A.vm.stage2.pages, 8))
    refused(w, "EAGAIN", () => relaxPermissions(w.vms.A.vm, 5, 0))
  })
})

describe("registers", () => {
  const context = (w: World): HostCallContext => ({
    pkvm: w.pkvm,
    cpu: 0,
    hostMemcache: () => new PageStack(),
    faultPage: () => undefined,
    handBack: () => {}
  })
  const MAX = 2n ** 64n - 1n
  it("lose what an address cannot hold, except where a count is checked", () => {
    const w = world()
    const page = BigInt(w.firstFree)
    const high = 0xabcn << 52n
    const call = (id: number, ...x: [bigint, bigint, bigint, bigint]) => hostCall(context(w), id, x)
    expect(call(HostCall.HOST_SHARE_HYP, high | page, 0n, 0n, 0n)).toBe(0n)
    expect(call(HostCall.HOST_UNSHARE_HYP, page, 0n, 0n, 0n)).toBe(0n)
    loadVcpu(w.pkvm, 0, w.vms.A.handle, 0)
    refused(w, String(errnoRegister("EINVAL")), () => String(call(HostCall.HOST_SHARE_GUEST, high | page, 5n, 1n, 6n)))
    expect(call(HostCall.HOST_SHARE_GUEST, page, high | 5n, 1n, 6n)).toBe(0n)
    expect(call(HostCall.HOST_UNSHARE_GUEST, 0xffff_0000n | BigInt(w.vms.A.handle), 5n, 1n, 0n)).toBe(0n)
    putVcpu(w.pkvm, 0)
  })
  it("may hold anything: an answer, and no change", () => {
    const w = world()
    for (const id of Object.values(HostCall)) {
      if (id === HostCall.RESERVE_VM) continue
      for (const loaded of ["A", "P"] as const) {
        loadVcpu(w.pkvm, 0, w.vms[loaded].handle, 0)
        const before = describeWorld(w, w.firstFree, 16)
        for (const value of [MAX, 2n ** 63n, 2n ** 52n - 1n]) expect(typeof hostCall(context(w), id, [value, value, value, value])).toBe("bigint")
        expect(describeWorld(w, w.firstFree, 16)).toEqual(before)
        putVcpu(w.pkvm, 0)
      }
    }
    for (const id of [0, 28, 40, 41, 49, 50]) expect(hostCall(context(w), id, [0n, 0n, 0n, 0n])).toBe(undefined)
  })
  it("come with the host's list of pages for tables, which is taken first", () => {
    const w = world()
    const { pkvm, vms, firstFree: at } = w
    const { vcpu, handle } = vms.P
    while (vcpu.memcache.length > 0) vcpu.memcache.pop()
    const list = new PageStack()
    const call = (id: number, ...x: [bigint, bigint, bigint, bigint]) => hostCall({ ...context(w), hostMemcache: () => list }, id, x)
    const donate = (pfn: number) => call(HostCall.HOST_DONATE_GUEST, BigInt(pfn), 5n, 0n, 0n)
    for (const pfn of [at, at + 1]) list.push(pfn)
    expect(donate(at + 3)).toBe(errnoRegister("EINVAL"))
    expect(list.length).toBe(2)
    loadVcpu(pkvm, 0, handle, 0)
    expect(donate(at)).toBe(errnoRegister("EPERM"))
    expect([list.length, vcpu.memcache.length, pkvm.records.hypState(at)]).toEqual([0, 2, PageState.OWNED])
    list.push(RAM.pfn - 1)
    expect(donate(at + 3)).toBe(0n)
    expect(list.length).toBe(1)
    while (vcpu.memcache.length > 0) vcpu.memcache.pop()
    expect(donate(at + 4)).toBe(errnoRegister("ENOMEM"))
    expect(errnoRegister("EHWPOISON")).toBe(2n ** 64n - 133n)
  })
  it("keep x1 where a call answers nothing", () => {
    const w = world()
    for (const id of [HostCall.UNRESERVE_VM, HostCall.VCPU_LOAD, HostCall.VCPU_PUT]) expect(hostCall(context(w), id, [77n, 0n, 0n, 0n])).toBe(77n)
  })
  it("answer the guest 0 or -3, or fault its page in", () => {
    const w = world()
    const { pkvm, vms } = w
    const { vm, vcpu } = vms.P
    must(hostDonateGuest(pkvm, vcpu, w.firstFree, 5), "donate")
    const [ok, invalid] = [
      { kind: "answer", x0: 0n },
      { kind: "answer", x0: -3n }
    ]
    expect(hypMemInfo(0n, 0n, 0n)).toEqual({ kind: "answer", x0: 4096n })
    expect(hypMemInfo(0n, 1n, 0n)).toEqual(invalid)
    const ipa = 5n * 4096n
    expect(memShare(pkvm, vm, ipa + 8n, 0n, 0n)).toEqual(invalid)
    expect(memShare(pkvm, vm, ipa, 1n, 0n)).toEqual(invalid)
    expect(memShare(pkvm, vm, ipa, 0n, 1n)).toEqual(invalid)
    expect(memShare(pkvm, vm, 6n * 4096n, 0n, 0n)).toEqual({ kind: "fault-in", ipa: 6n * 4096n })
    expect(memShare(pkvm, vm, MAX - 4095n, 0n, 0n)).toEqual(invalid)
    expect(memUnshare(pkvm, vm, ipa, 0n, 0n)).toEqual(invalid)
    expect(memUnshare(pkvm, vm, 6n * 4096n, 0n, 0n)).toEqual(invalid)
    expect(memShare(pkvm, vm, ipa, 0n, 0n)).toEqual(ok)
    expect(pkvm.hostStage2.entries.get(w.firstFree)).toBe("mapped")
    expect(memShare(pkvm, vm, ipa, 0n, 0n)).toEqual(invalid)
    expect(memUnshare(pkvm, vm, ipa, 0n, 1n)).toEqual(invalid)
    expect(memUnshare(pkvm, vm, ipa, 0n, 0n)).toEqual(ok)
    expect(pkvm.hostStage2.owner(w.firstFree)).toEqual({ kind: "guest", handle: vms.P.handle, gfn: 5 })
    must(forceReclaim(pkvm, w.firstFree), "reclaim")
    expect(memShare(pkvm, vm, ipa, 0n, 0n)).toEqual(invalid)
  })
})
