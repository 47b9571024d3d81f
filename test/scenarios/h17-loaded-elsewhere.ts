import { expect } from "vitest"
import { C, onBoth } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H17", "A vCPU that another CPU has loaded: the load says nothing, and the run is EINVAL", () => {
  onBoth((w) => {
    const [first, second] = w.host.cpus
    w.callOn(first!, C.VCPU_LOAD, w.victim.handle, 0, 0)
    w.callOn(second!, C.VCPU_LOAD, w.victim.handle, 0, 0)
    expect(w.callOn(second!, C.VCPU_RUN)).toBe("EINVAL")
    expect([...w.state.pkvm.loaded.keys()]).toEqual([first!.index])
    w.callOn(first!, C.VCPU_PUT)
    w.callOn(second!, C.VCPU_LOAD, w.victim.handle, 0, 0)
    expect([...w.state.pkvm.loaded.keys()]).toEqual([second!.index])
    w.callOn(second!, C.VCPU_PUT)
    expect(w.problems()).toEqual([])
  }, 2)
})
