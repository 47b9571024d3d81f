import { SLOT } from "@eltwo/kvm"
import { expect } from "vitest"
import { guest, host, nvhe, scenario, vhe } from "./scenario.ts"

const SOURCE = "main: mov x19, x30\nldr x1, =0x40020000\nmsr ttbr0_el1, x1\ncall 0x84000000\nreport 0, x20\nbr x19"

export default scenario("H4", "Under VHE the guest's TTBR0_EL1 is on the CPU from load to put: the copy in memory is stale until then", () => {
  for (const mode of [vhe, nvhe]) {
    const on = host(mode)
    const [cpu] = on.cpus
    const started = guest(on, SOURCE)
    const [vcpu] = started.vcpus
    const before = vcpu!.system[SLOT.TTBR0_EL1]!
    expect(before).not.toBe(0x40020000n)
    const seen: { readonly inMemory: bigint; readonly onCpu: bigint | undefined }[] = []
    const stop = on.subscribe((event) => {
      if (event.what !== "hypercall") return
      seen.push({ inMemory: vcpu!.system[SLOT.TTBR0_EL1]!, onCpu: mode === vhe ? cpu!.read("TTBR0_EL12") : undefined })
    })
    started.step(1000)
    stop()
    const after = vcpu!.system[SLOT.TTBR0_EL1]
    expect(seen[0]).toEqual(mode === vhe ? { inMemory: before, onCpu: 0x40020000n } : { inMemory: 0x40020000n, onCpu: undefined })
    expect(after).toBe(0x40020000n)
  }
})
