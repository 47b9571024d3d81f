import { expect } from "vitest"
import { C, GUEST, gfnOf, onBoth, PAGE, pageFact } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario(
  "H13",
  "A donated page taken back by force: cleared, poisoned; the guest's access fails the run, the guest page is dead",
  () => {
    onBoth((w) => {
      const { pfn, gfn } = w.victim.page
      expect(w.call(C.FORCE_RECLAIM_GUEST_PAGE, pfn * PAGE)).toBe("0")
      expect(w.bytesOf(pfn).every((byte) => byte === 0)).toBe(true)
      expect(pageFact(w, pfn)).toBeUndefined()
      expect(w.facts().get(`vm 0 page 0x${GUEST.secret.toString(16)}`)).toBe("poison")
      expect([w.run(w.victim), w.run(w.victim)]).toEqual(["EFAULT", "EFAULT"])
      expect(w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, gfn))).toBe("EPERM")
      // the page itself can be used elsewhere at once, also by this VM
      expect(w.loaded(w.victim, () => w.call(C.HOST_DONATE_GUEST, pfn, gfnOf(GUEST.unused)))).toBe("0")
    })
  }
)
