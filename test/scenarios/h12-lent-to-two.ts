import { expect } from "vitest"
import { C, GUEST, gfnOf, movs, onBoth, pageFact } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario(
  "H12",
  "A page lent to two ordinary VMs: after the first loan ends it is lent still, after the second it is the host's",
  () => {
    onBoth((w) => {
      // a VM that has touched two pages has left hyp code pages for its tables
      const second = w.newVm(`${movs("x9", BigInt(GUEST.secret))}\nstr x9, [x9]\nhlt #1`, 0n)
      expect(w.run(second)).toBe("hlt 1")
      const pfn = w.hostPages()
      const gfn = gfnOf(GUEST.unused)
      for (const vm of [w.ordinary, second]) expect(w.loaded(vm, () => w.call(C.HOST_SHARE_GUEST, pfn, gfn, 1, 7))).toBe("0")
      expect(pageFact(w, pfn)).toContain("host SO, hyp NOPAGE, pins 0, loans 2")
      expect(w.call(C.HOST_UNSHARE_GUEST, w.ordinary.handle, gfn, 1)).toBe("0")
      expect(pageFact(w, pfn)).toContain("host SO, hyp NOPAGE, pins 0, loans 1")
      expect(w.call(C.HOST_UNSHARE_GUEST, second.handle, gfn, 1)).toBe("0")
      expect(pageFact(w, pfn)).toBeUndefined()
    })
  }
)
