/** Who is called by a guest or a host in the middle of a step cannot save it: it is between two states. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Host, hostState, isErrno, vmState } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import type { Guest } from "../../src/Guest.ts"
import { saveHost } from "../../src/host-snapshot.ts"
import { consoleOf, difference, guestPath, saved, start } from "./machines.ts"

const BUSY =
  "SNAPSHOT_BUSY guest: expected a guest between two instructions, found one in the middle of a step, which a listener or a stream looks at"
const said = (value: unknown): unknown => (value instanceof SnapshotError ? `${value.code} ${value.message}` : value)

describe.each([
  ["hello", ["insn"]],
  ["signals", ["syscalls"]],
  ["signals", ["exc", "fp"]],
  ["hello-vm", ["trap"]],
  ["hello-vm", ["insn"]],
  ["hello-bare", ["insn"]],
  ["semihosting", ["exc"]]
] as const)("%s, heard at %j", (name, trace) => {
  it.each(["interp", "jit"] as const)("is not saved, kept or run by a listener or a stream, in %s", async (engine) => {
    const seen = new Set<unknown>()
    let guest: Guest | undefined
    const ask = () => {
      if (guest === undefined || seen.size > 100) return
      seen.add(said(guest.snapshot())).add(said(guest.keep()))
      expect(() => guest!.run(1)).toThrow(RangeError)
    }
    const console = consoleOf()
    const writeOutput = (stream: 1 | 2, bytes: Uint8Array) => {
      ask()
      return console.writeOutput(stream, bytes)
    }
    const streams = { ...console, writeOutput }
    guest = await start({ guest: guestPath(name), engine, mem: "2M", trace: [...trace], onEvent: ask, streams })
    const other = await start({ guest: guestPath(name), engine, mem: "2M", streams: consoleOf() })
    const end = guest.run(3000)
    expect([...seen]).toEqual([BUSY])
    expect(other.run(3000)).toEqual(end)
    if (end === undefined) expect(difference(saved(guest), saved(other))).toEqual([])
  })
})

describe("a host", () => {
  const isa = composeOrThrow([base, fpsimd])
  const boot = (): Host => createHost({ board: createBoard({ isa, ramBase: 0x8000_0000, ramBytes: 4 << 20 }), mode: vhe })
  const vmOf = (host: Host) => {
    const vm = host.createVm()
    if (isErrno(vm)) throw new Error(vm)
    vm.setMemoryRegion({ slot: 0, guestPhysical: 0x4000_0000, bytes: 0x1_0000 })
    const vcpu = vm.createVcpu(0)
    if (isErrno(vcpu)) throw new Error(vcpu)
    vcpu.init({ features: 4 })
    vcpu.registers.pc = 0x4000_0000n
    return { vm, vcpu }
  }
  it("is not saved by a listener", () => {
    const host = boot()
    const { vm, vcpu } = vmOf(host)
    // b .
    vm.write(0x4000_0000, new Uint8Array(Uint32Array.of(0x14000000).buffer))
    const states = new Set<unknown>()
    const stop = host.subscribe(() => states.add(JSON.stringify([hostState(host), vmState(vm)])).add(said(saveHost(host))))
    expect(vcpu.run(50)).toMatchObject({ reason: "intr" })
    stop()
    const busy = "a listener looks at an event"
    expect([...states]).toEqual([JSON.stringify([{ busy }, { busy }]), `SNAPSHOT_BUSY host: expected a host between two steps, found ${busy}`])
    expect([hostState(host), vmState(vm)]).toEqual([
      expect.objectContaining({ cpus: expect.anything() }),
      expect.objectContaining({ slots: expect.anything() })
    ])
  })
  it("is not saved by an exit handler, also when another has failed before", () => {
    const host = boot()
    const { vm, vcpu } = vmOf(host)
    // hlt #0
    vm.write(0x4000_0000, new Uint8Array(Uint32Array.of(0xd4400000).buffer))
    const states: unknown[] = []
    let isFirst = true
    host.scheduler.spawnVcpu(vcpu, () => {
      states.push(hostState(host), vmState(vm))
      if (isFirst) throw new Error("the handler failed")
      return "stop"
    })
    expect(() => host.scheduler.run(1000)).toThrow("the handler failed")
    expect(hostState(host)).not.toHaveProperty("busy")
    isFirst = false
    host.scheduler.run(1000)
    expect(states).toEqual(Array(4).fill({ busy: "a thread of the VMM looks at an exit" }))
    expect(hostState(host)).not.toHaveProperty("busy")
  })
  it("is not saved by a file of its programs, nor by kernel code", () => {
    const host = boot()
    expect(host.inKernel(() => hostState(host))).toEqual({ busy: "a call of it goes on" })
    expect(hostState(host)).not.toHaveProperty("busy")
  })
})
