/** The host kernel's counted shares: one hypercall a page however many structures are on it, and no half-done call. */
import { describe, expect, it } from "vitest"
import type { Outcome } from "../src/ownership/errno.ts"
import { hostDonateHyp, hostShareHyp, hostUnshareHyp, pinShared, unpinShared } from "../src/ownership/host-hyp.ts"
import { HostShares } from "../src/ownership/host-shares.ts"
import { PAGE_BYTES, PageState } from "../src/ownership/page-state.ts"
import { inMemoryPkvm } from "./in-memory.ts"
import { bytesOf, must } from "./world.ts"

const FIRST = 0x100
const at = (page: number, offset = 0) => (FIRST + page) * PAGE_BYTES + offset

const host = () => {
  const pkvm = inMemoryPkvm({ regions: [{ pfn: FIRST, pages: 16 }] })
  const calls: string[] = []
  const noted = (name: string, pfn: number, outcome: Outcome): Outcome => {
    calls.push(`${name} ${pfn - FIRST}${outcome ? ` ${outcome}` : ""}`)
    return outcome
  }
  const shares = new HostShares({
    share: (pfn) => noted("share", pfn, hostShareHyp(pkvm, pfn)),
    unshare: (pfn) => noted("unshare", pfn, hostUnshareHyp(pkvm, pfn))
  })
  const takeCalls = () => calls.splice(0)
  const state = () =>
    Array.from({ length: 16 }, (_, i) => [pkvm.records.hostState(FIRST + i), pkvm.records.hypState(FIRST + i), shares.count(FIRST + i)])
  return { pkvm, shares, takeCalls, state }
}

describe("kvm_share_hyp", () => {
  it("asks hyp for the first and the last structure on a page only", () => {
    const { shares, takeCalls } = host()
    expect(shares.share(at(3, 100), at(3, 200))).toBe(undefined)
    expect(shares.share(at(3, 200), at(5, 1))).toBe(undefined)
    expect(takeCalls()).toEqual(["share 3", "share 4", "share 5"])
    expect([...shares.entries()]).toEqual([
      [FIRST + 3, 2],
      [FIRST + 4, 1],
      [FIRST + 5, 1]
    ])
    expect(shares.unshare(at(3, 200), at(5, 1))).toEqual([])
    expect(takeCalls()).toEqual(["unshare 4", "unshare 5"])
    expect(shares.unshare(at(3, 100), at(3, 200))).toEqual([])
    expect(takeCalls()).toEqual(["unshare 3"])
    expect([...shares.entries()]).toEqual([])
  })
  it("undoes a call whose third page fails", () => {
    const { pkvm, shares, takeCalls, state } = host()
    must(hostDonateHyp(pkvm, FIRST + 5, 1), "donate")
    const before = state()
    expect(shares.share(at(3), at(7))).toBe("EPERM")
    expect(takeCalls()).toEqual(["share 3", "share 4", "share 5 EPERM", "unshare 3", "unshare 4"])
    expect(state()).toEqual(before)
  })
  it("leaves a page shared that was shared before the call that failed", () => {
    const { pkvm, shares, takeCalls, state } = host()
    must(shares.share(at(4), at(4, 8)), "share")
    must(hostDonateHyp(pkvm, FIRST + 5, 1), "donate")
    takeCalls()
    const before = state()
    expect(shares.share(at(3), at(6))).toBe("EPERM")
    expect(takeCalls()).toEqual(["share 3", "share 5 EPERM", "unshare 3"])
    expect(state()).toEqual(before)
    expect(pkvm.records.hostState(FIRST + 4)).toBe(PageState.SHARED_OWNED)
  })
  it("leaks a page that hyp has pinned, and what a rollback cannot undo", () => {
    const { pkvm, shares } = host()
    must(shares.share(at(3), at(5)), "share")
    must(pinShared(pkvm, bytesOf(FIRST + 3)), "pin")
    expect(shares.unshare(at(3), at(5))).toEqual([{ pfn: FIRST + 3, errno: "EBUSY" }])
    expect([shares.count(FIRST + 3), shares.count(FIRST + 4)]).toEqual([1, 0])
    unpinShared(pkvm, bytesOf(FIRST + 3))
    expect(shares.unshare(at(3), at(4))).toEqual([])
  })
  it("reports pages that were never shared, and goes on", () => {
    const { shares, takeCalls } = host()
    must(shares.share(at(4), at(5)), "share")
    expect(shares.unshare(at(3), at(6))).toEqual([
      { pfn: FIRST + 3, errno: "ENOENT" },
      { pfn: FIRST + 5, errno: "ENOENT" }
    ])
    expect(shares.unshare(0, at(6))).toEqual([])
    expect(takeCalls()).toEqual(["share 4", "unshare 4"])
    expect(shares.share(at(6), at(6))).toBe(undefined)
    expect(takeCalls()).toEqual([])
  })
})
