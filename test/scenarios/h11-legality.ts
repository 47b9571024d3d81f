import { expect } from "vitest"
import { C, GUEST, gfnOf, onBoth, type World } from "./protected.ts"
import { scenario } from "./scenario.ts"

interface Case {
  readonly state: string
  readonly pfn: (w: World) => number
  /** share_hyp, unshare_hyp, share_guest at another guest page, unshare_guest there, donate_guest at another guest page. */
  readonly answers: readonly [string, string, string, string, string]
}
const REFUSED = ["EPERM", "EPERM", "EPERM", "ENOENT", "EPERM"] as const
/** Rows of the legality matrix whose calls are all refused. The whole matrix, with what succeeds, is in the tests of page ownership. */
const CASES: readonly Case[] = [
  { state: "hyp code's own", pfn: (w) => w.hypPage, answers: REFUSED },
  { state: "shared with hyp code, pinned", pfn: (w) => w.pinnedPage, answers: ["EPERM", "EBUSY", "EPERM", "ENOENT", "EPERM"] },
  { state: "a protected guest's own", pfn: (w) => w.victim.page.pfn, answers: REFUSED },
  { state: "a protected guest's, shared with the host", pfn: (w) => w.victim.shared.pfn, answers: REFUSED },
  { state: "no memory", pfn: (w) => w.behindRam, answers: REFUSED }
]

export default scenario("H11", "Calls that the state of a page forbids: the errno of the matrix, and nothing changes", () => {
  onBoth((w) => {
    for (const { state, pfn, answers } of CASES) {
      const before = w.facts()
      const page = pfn(w)
      const gfn = gfnOf(GUEST.unused)
      const got = [
        w.call(C.HOST_SHARE_HYP, page),
        w.call(C.HOST_UNSHARE_HYP, page),
        w.loaded(w.ordinary, () => w.call(C.HOST_SHARE_GUEST, page, gfn, 1, 7)),
        w.call(C.HOST_UNSHARE_GUEST, w.ordinary.handle, gfn, 1),
        w.loaded(w.other, () => w.call(C.HOST_DONATE_GUEST, page, gfn))
      ]
      expect([state, ...got]).toEqual([state, ...answers])
      expect(w.facts()).toEqual(before)
    }
    expect(w.problems()).toEqual([])
  })
})
