/** A VM on a protected host is saved and restored as it was: the run goes on event by event, and the tables of a restored host say what hyp code believes. */
import { createHash } from "node:crypto"
import { type Host, isErrno, isVmBusy, type KvmEvent, type RunExit, restoreVm, type Vm, type VmState, vmState } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { bootHost, GUEST_RAM, type VmGuest, vmGuest } from "../../../test/vm-guests/machine.ts"
import { type Base, protectedMode, tableProblems } from "../src/index.ts"
import { bootProtected, kernelCall, newVm, PROTECTED } from "./protected-host.ts"

const BASES: readonly Base[] = ["hvhe", "nvhe"]
const GUESTS = ["faults", "two-vcpus", "sve-sums"]
interface Snapshot {
  readonly vm: VmState
  readonly kept: unknown
  readonly memory: readonly Uint8Array[]
}
const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "bigint"
      ? `0x${inner.toString(16)}`
      : ArrayBuffer.isView(inner)
        ? Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength).toString("hex")
        : inner
  )

/** Everything of a snapshot, memory as a hash. */
const values = ({ vm, kept, memory }: Snapshot): unknown =>
  JSON.parse(text([vm, kept, memory.map((bytes) => createHash("sha256").update(bytes).digest("hex"))]))

/** A guest, its exits answered, everything that happens written down. */
class Running {
  readonly vm: Vm
  readonly events: string[] = []
  readonly reports: string[] = []
  end: string | undefined

  constructor(vm: Vm) {
    this.vm = vm
    vm.host.subscribe((event: KvmEvent) => this.events.push(text(event)))
  }
  static start(host: Host, { image, needs, vcpus }: VmGuest, type: bigint): Running {
    const vm = ok(host.createVm({ type }))
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 1 << 20 }))
    vm.write(GUEST_RAM, image)
    for (let id = 0; id < vcpus; id++) {
      const vcpu = ok(vm.createVcpu(id))
      const features = (1 << 2) | (id > 0 ? 1 : 0) | (needs.has("sve") ? 16 : 0)
      const refused = vcpu.init({ features }) ?? (needs.has("sve") ? vcpu.finalize(4) : undefined)
      if (refused) throw new Error(refused)
      vcpu.registers.pc = BigInt(GUEST_RAM)
      vcpu.registers.x[20] = BigInt(id)
    }
    return new Running(vm)
  }
  /** One KVM_RUN of each vCPU that is on. */
  turn(instructions: number): void {
    for (const vcpu of this.vm.vcpus) {
      if (vcpu?.mpState !== "runnable" || this.end !== undefined) continue
      const exit: RunExit | string = vcpu.run(instructions)
      this.reports.push(text(exit))
      if (typeof exit === "string" || exit.reason === "systemEvent" || exit.reason === "crash") this.end = text(exit)
      else if (exit.reason === "mmio" && !exit.isWrite) vcpu.setMmioData(7n)
    }
  }
  save(): Snapshot {
    const { vm } = this
    const { host } = vm
    const state = vmState(vm, { sealed: true })
    if (isVmBusy(state)) throw new Error(state.busy)
    const kept = host.mode.state!.save(vm)
    if ("busy" in kept) throw new Error(kept.busy)
    return { vm: state, kept: kept.state, memory: [...vm.slots].map(({ hostPhysical, length }) => host.pages.view(hostPhysical, length).slice()) }
  }
}
const ok = <T>(result: T): Exclude<T, string | { readonly kind: string }> => {
  if (isErrno(result) || (typeof result === "object" && result !== null && "kind" in result)) throw new Error(text(result))
  return result as never
}
const restored = (host: Host, { vm: state, kept, memory }: Snapshot): Running => {
  const vm = restoreVm(host, state, kept)
  if (typeof vm === "string") throw new Error(vm)
  for (const [i, { hostPhysical, length }] of [...vm.slots].entries()) host.pages.view(hostPhysical, length).set(memory[i]!)
  return new Running(vm)
}

describe.each(BASES)("base %s", (base) => {
  describe.each([
    ["an ordinary", 0n],
    ["a protected", PROTECTED]
  ])("%s VM", (_, type) => {
    it.each(base === "hvhe" ? GUESTS : GUESTS.slice(0, 2))("goes on exactly: %s", (name) => {
      const boot = () => bootHost({ mode: protectedMode(base), engine: "interp" })
      const guest = vmGuest(name)
      const whole = Running.start(boot(), guest, type)
      for (let piece = 0; whole.end === undefined && piece < 5; piece++) {
        const before = whole.save()
        const twin = restored(boot(), before)
        expect(tableProblems(twin.vm.host)).toEqual([])
        expect(values(twin.save())).toEqual(values(before))
        whole.events.length = 0
        whole.reports.length = 0
        const length = [0, 40, 3, 200, 2000][piece]!
        for (let i = 0; i < 2; i++) {
          whole.turn(length)
          twin.turn(length)
        }
        expect(twin.reports).toEqual(whole.reports)
        expect(twin.events).toEqual(whole.events)
        if (whole.end === undefined) expect(values(twin.save())).toEqual(values(whole.save()))
        if (piece % 2 === 0) continue
        twin.vm.destroy()
        expect(tableProblems(twin.vm.host)).toEqual([])
      }
    })
  })
})

describe("pages in every state", () => {
  const goesOn = (vm: Vm): { readonly kept: string; readonly reports: readonly string[] } => {
    const whole = new Running(vm)
    const before = whole.save()
    const twin = restored(bootProtected("nvhe"), before)
    expect(values(twin.save())).toEqual(values(before))
    expect(tableProblems(twin.vm.host)).toEqual([])
    whole.events.length = 0
    for (const each of [whole, twin]) for (let i = 0; i < 5; i++) each.turn(20)
    expect(twin.reports).toEqual(whole.reports)
    expect(twin.events).toEqual(whole.events)
    expect(values(twin.save())).toEqual(values(whole.save()))
    twin.vm.destroy()
    expect(tableProblems(twin.vm.host)).toEqual([])
    return { kept: text(before.kept), reports: whole.reports }
  }
  it("a protected VM's own, one shared with the host, one taken by force", () => {
    const ram = BigInt(GUEST_RAM)
    const host = bootProtected("nvhe")
    const { vm, vcpu } = newVm(
      host,
      `
      mov x9, #0x${GUEST_RAM.toString(16)}
      add x10, x9, #4, lsl #12
      add x11, x9, #5, lsl #12
      str x9, [x10]
      str x9, [x11]
      mov x1, x10
      movz x0, #0xc600, lsl #16
      movk x0, #3
      mov x2, #0
      mov x3, #0
      hvc #0
    again:
      add x12, x12, #1
      str x12, [x10]
      cmp x12, #40
      b.lo =again
      ldr x13, [x11]
      b =again`,
      PROTECTED
    )
    vcpu.run(60)
    const slot = [...vm.slots][0]!
    expect(kernelCall(host, 43, slot.hostPhysical + 5 * 4096)).toBe(0n)
    const { kept } = goesOn(vm)
    const words = (JSON.parse(kept) as { mappings: string }).mappings.match(/.{16}/g)!.map((word) => Buffer.from(word, "hex").readBigUInt64LE())
    const states = new Map(words.map((word) => [Number((word >> 12n) - (ram >> 12n)), Number((word >> 5n) & 7n)]))
    expect([...states].sort((a, b) => a[0] - b[0])).toEqual([
      [0, 0],
      [4, 1],
      [5, 4]
    ])
  })
  it("an ordinary VM's after a slot went, with tables that wait to be used again", () => {
    const host = bootProtected("nvhe")
    const { vm, vcpu } = newVm(host, "mov x9, #0x80000000\nagain:\nstr x12, [x9]\nadd x12, x12, #1\nb =again")
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x80000000, bytes: 0x1000 }))
    vcpu.run(60)
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x80000000, bytes: 0 }))
    const { kept, reports } = goesOn(vm)
    expect((JSON.parse(kept) as { spare: number }).spare).toBeGreaterThan(0)
    expect(reports[0]).toContain("mmio")
  })
})

describe("a state that nobody saved", () => {
  type Kept = {
    protected: boolean
    handle: number
    created: boolean
    mappings: Uint8Array
    spare: number
    vcpus: { id: number; made: boolean; hyps: number; kernels: number; fault: object | null }[]
    ran: { cpu: number; vcpu: number; fpOwner: string }[]
  }
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const NUMBERS = [0, 1, 2, 3, 4, 512, 0x1000, 0x1001, 0x10fe, 0x10ff, 0xffff, 2 ** 32 - 1]
  const CHANGES: readonly ((kept: Kept) => void)[] = [
    ({ mappings }) => void (mappings[random(mappings.length)]! ^= 1 << random(8)),
    ({ mappings }) => void (mappings[random(mappings.length / 8) * 8]! ^= 1 << random(8)),
    ({ mappings }) => mappings.copyWithin(random(mappings.length / 8) * 8, 0, 8),
    ({ mappings }) => new BigUint64Array(mappings.buffer).reverse(),
    ({ mappings }) => mappings.fill(random(256), random(mappings.length)),
    (kept) => void (kept.mappings = kept.mappings.slice(0, random(kept.mappings.length))),
    (kept) => void (kept.mappings = new Uint8Array(8 * random(100))),
    (kept) => void (kept.handle = NUMBERS[random(NUMBERS.length)]!),
    (kept) => void (kept.spare = NUMBERS[random(NUMBERS.length)]!),
    (kept) => void (kept.protected = !kept.protected),
    (kept) => void (kept.created = !kept.created),
    ({ vcpus }) => void (vcpus[0]!.hyps = NUMBERS[random(NUMBERS.length)]!),
    ({ vcpus }) => void (vcpus[0]!.kernels = NUMBERS[random(NUMBERS.length)]!),
    ({ vcpus }) => void (vcpus[0]!.made = !vcpus[0]!.made),
    ({ vcpus }) => void (vcpus[0]!.fault = null),
    ({ vcpus }) => void (vcpus[0]!.id = NUMBERS[random(NUMBERS.length)]!),
    ({ vcpus }) => void vcpus.push(vcpus[0]!),
    ({ vcpus }) => void vcpus.pop(),
    ({ ran }) => void ran.push({ cpu: NUMBERS[random(NUMBERS.length)]!, vcpu: NUMBERS[random(NUMBERS.length)]!, fpOwner: "host" }),
    (kept) => void (kept.ran = [{ cpu: 0, vcpu: NUMBERS[random(NUMBERS.length)]!, fpOwner: "free" }])
  ]
  it.each([
    ["an ordinary", 0n],
    ["a protected", PROTECTED]
  ])("of %s VM is refused, or is the state of a host whose tables agree", (_, type) => {
    const whole = Running.start(bootHost({ mode: protectedMode("hvhe"), engine: "interp" }), vmGuest("faults"), type)
    whole.turn(400)
    const good = whole.save()
    const outcomes = { accepted: 0, refused: 0 }
    for (let i = 0; i < CHANGES.length + 8; i++) {
      const kept = structuredClone(good.kept) as Kept
      CHANGES[i % CHANGES.length]!(kept)
      if (i % 3 === 2) CHANGES[random(3)]!(kept)
      const host = bootHost({ mode: protectedMode("hvhe"), engine: "interp" })
      const vm = restoreVm(host, good.vm, kept)
      if (typeof vm === "string") {
        expect(vm).not.toBe("")
        outcomes.refused++
        continue
      }
      outcomes.accepted++
      expect(tableProblems(host)).toEqual([])
      const again = vm.host.mode.state!.save(vm)
      expect("state" in again && text(again.state)).toBe(text(kept))
      new Running(vm).turn(200)
      expect(tableProblems(host)).toEqual([])
    }
    expect(outcomes.refused).toBeGreaterThan(8)
    expect(outcomes.accepted).toBeGreaterThan(1)
  })
})
