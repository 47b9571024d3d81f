/** A vCPU's memory for vectors is the host's, lent to hyp code: pinned from the first run to the end of the VM, so that the loan cannot end while hyp code writes there. */
import { HostCall } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, vmGuest } from "../../../test/vm-guests/machine.ts"
import { errnoIn, hostSideOf } from "../src/host/side.ts"
import { type Base, hypStateOf, protectedMode, tableProblems } from "../src/index.ts"
import { PAGE_BYTES, PageState } from "../src/ownership/page-state.ts"

describe.each(["hvhe", "nvhe"] as const satisfies readonly Base[])("base %s", (base) => {
  it("the host cannot take back what it lent before the VM is gone", () => {
    const host = bootHost({ mode: protectedMode(base), engine: "interp" })
    const { records } = hypStateOf(host)!.pkvm
    const side = hostSideOf(host)
    const guest = new RunningGuest(host, vmGuest("sve-sums"))
    const { address, bytes } = side.vcpus.get(guest.vcpus[0]!)!.sve!
    const pages = Array.from({ length: bytes / PAGE_BYTES }, (_, i) => address / PAGE_BYTES + i)
    const pins = () => pages.map((pfn) => records.refcount(pfn))
    expect(pins()).toEqual(pages.map(() => 0))
    guest.step(1000)
    expect(pins()).toEqual(pages.map(() => 1))
    const endLoan = () => host.inKernel(() => errnoIn(side.call(HostCall.pkvm_host_unshare_hyp, BigInt(pages[0]!))))
    expect(endLoan()).toBe("EBUSY")
    expect(tableProblems(host)).toEqual([])
    expect(guest.vm.destroy()).toBeUndefined()
    expect(pins()).toEqual(pages.map(() => 0))
    expect(pages.map((pfn) => records.hostState(pfn))).toEqual(pages.map(() => PageState.OWNED))
    expect(tableProblems(host)).toEqual([])
  })
})
