import { expect } from "vitest"
import { C, onBoth } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H18", "Teardown while a vCPU is loaded: EINVAL; when it is put it starts, and nothing is loaded any more", () => {
  onBoth((w) => {
    const { handle } = w.other
    expect(w.loaded(w.other, () => w.call(C.START_TEARDOWN_VM, handle))).toBe("EINVAL")
    expect(w.run(w.other)).toMatch(/^mmio/)
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("0")
    expect(w.loaded(w.other, () => w.call(C.VCPU_RUN))).toBe("EINVAL")
    expect(w.call(C.START_TEARDOWN_VM, handle)).toBe("EINVAL")
    expect(w.problems()).toEqual([])
  })
})
