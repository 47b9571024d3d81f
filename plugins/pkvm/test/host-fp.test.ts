/** The host's FP registers under hyp code: whatever they hold when a run begins, they hold when it ends, whichever vectors the guest used. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Host, type KvmEvent, type RunExit, SLOT, VcpuFeature } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"
import { GUEST_RAM, ok, PSCI_0_2, RAM } from "../../vhe/test/machine.ts"
import { newHypVcpu } from "../src/hyp-vcpu.ts"
import { initHypVcpu } from "../src/vcpu/vcpu.ts"
import { adopt, MODES } from "./vcpu-world.ts"

const scalable = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const plain = composeOrThrow([base, fpsimd])
const LENGTHS = { vectorLengths: [128, 256, 512], streamingVectorLengths: [128, 256] }
/** Bytes of the host's largest vector. */
const HOST_VL = 64
const SVE = 1 << VcpuFeature.SVE

const words = (isa: typeof plain, source: string): Uint8Array =>
  new Uint8Array(
    Uint32Array.from(
      source
        .trim()
        .split("\n")
        .map((line, i) => isa.table.assemble(line.trim(), { address: GUEST_RAM + 4 * i })!)
    ).buffer
  )
/** Opens FP and SVE to itself, dirties registers, leaves twice. */
const USES_FP = `
  mov x0, #0x330000
  msr cpacr_el1, x0
  isb
  movi v0.16b, #0x11
  movi v31.16b, #0x22
  mov x1, #-1
  msr fpsr, x1
  hvc #0
  movi v1.16b, #0x33
  hlt #1`
const USES_SVE = `
  mov x0, #0x330000
  msr cpacr_el1, x0
  isb
  mov x0, #15
  msr zcr_el1, x0
  isb
  dup z0.b, #0x11
  dup z31.b, #0x22
  ptrue p3.b
  rdvl x5, #1
  hvc #0
  umov x6, v0.d[0]
  hlt #1`

interface Options {
  readonly isProtected: boolean
  readonly source: string
  readonly features?: number
  readonly isa?: typeof plain
}
const image = (bytes: number, seed: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + seed) & 0xff)

describe.each(MODES)("under $name", (mode) => {
  const machine = ({ isProtected, source, features = 0, isa = scalable }: Options) => {
    const host: Host = createHost({ board: createBoard({ isa, ramBase: RAM, ramBytes: 32 << 20, ...(isa === scalable ? LENGTHS : {}) }), mode })
    const vm = ok(host.createVm())
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x10000 }))
    vm.write(GUEST_RAM, words(isa, source))
    const vcpu = ok(vm.createVcpu(0))
    expect(vcpu.init({ features: PSCI_0_2 | features })).toBeUndefined()
    if (features & SVE) expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
    vcpu.registers.pc = BigInt(GUEST_RAM)
    const world = adopt(host, vcpu, isProtected)
    const events: KvmEvent[] = []
    host.subscribe((e) => events.push(e))
    return { host, cpu: host.cpus[0]!, vm, vcpu, events, ...world }
  }
  /** Dirties the host's registers as each run begins, and looks at them as it ends. */
  const watch = ({ host, cpu }: ReturnType<typeof machine>, component: "sve" | "fpsimd", bytes: number) => {
    let seed = 0
    const outcomes: boolean[] = []
    const owners: string[] = []
    const status = new Uint8Array(8)
    status[0] = 0x1f
    const wanted = (): Uint8Array => {
      const state = image(bytes, seed)
      // FPSR and FPCR have few bits
      const at = component === "sve" ? bytes - 8 : 512
      state.set(status, at)
      if (component === "fpsimd") state.fill(0, 520)
      // predicates and FFR are nothing but bits; FFR must be a prefix of ones
      if (component === "sve") state.fill(0xff, bytes - 8 - HOST_VL / 8, bytes - 8)
      return state
    }
    let inRun = false
    host.subscribe((e) => {
      if (e.what === "exc" && e.hostCall === 9) {
        inRun = true
        seed += 3
        if (component === "sve") cpu.port.msr("ZCR_EL2", 15n)
        expect(cpu.port.load(component, wanted())).toBeUndefined()
        if (host.features.fpmr) cpu.port.msr("FPMR", BigInt(seed))
      }
      if (inRun && e.what === "eret" && e.to === "host") {
        inRun = false
        owners.push(cpu.fpOwner)
        const now = cpu.port.save(component)
        outcomes.push(now instanceof Uint8Array && Buffer.compare(now, wanted()) === 0)
        if (host.features.fpmr) outcomes.push(cpu.port.mrs("FPMR") === BigInt(seed))
      }
    })
    return { outcomes, owners }
  }
  const halt = (immediate: number): RunExit => ({ reason: "debug", immediate })
  const SVE_BYTES = 32 * HOST_VL + (17 * HOST_VL) / 8 + 8
  /** The host's own vector length while the guest runs: its largest. */
  const hostUsesItsLargest = ({ host, cpu }: ReturnType<typeof machine>): void => {
    host.inKernel(() => cpu.write("ZCR_EL1", 15n))
  }

  it.each([
    { what: "a protected guest that uses FP", isProtected: true, source: USES_FP },
    { what: "an ordinary guest without SVE", isProtected: false, source: USES_FP },
    { what: "an ordinary guest with SVE", isProtected: false, source: USES_SVE, features: SVE }
  ])("Z, P, FFR, FPSR, FPCR and FPMR of the host survive $what", (options) => {
    const m = machine(options)
    hostUsesItsLargest(m)
    const { outcomes, owners } = watch(m, "sve", SVE_BYTES)
    expect(m.vcpu.run(100)).toEqual(halt(1))
    expect(outcomes.length).toBeGreaterThan(3)
    expect(outcomes.every(Boolean)).toBe(true)
    // the host kernel never finds the registers to be the guest's
    expect(new Set(owners)).toEqual(new Set(["host"]))
    const values = new DataView(m.vcpu.fp.fpsimd.buffer)
    if (!options.features) expect([values.getUint8(0), values.getUint8(31 * 16), values.getUint8(16)]).toEqual([0x11, 0x22, 0x33])
    else expect([m.vcpu.registers.x[5], m.vcpu.registers.x[6]]).toEqual([BigInt(HOST_VL), 0x1111_1111_1111_1111n])
  })
  it("on a host without SVE, V, FPSR and FPCR survive", () => {
    const m = machine({ isProtected: true, source: USES_FP, isa: plain })
    const { outcomes } = watch(m, "fpsimd", 528)
    expect(m.vcpu.run(100)).toEqual(halt(1))
    expect(outcomes.length).toBeGreaterThan(1)
    expect(outcomes.every(Boolean)).toBe(true)
  })
  it("each run in which the guest uses FP takes one trap, and FPMR is touched only where the VM has it", () => {
    const traps = (isProtected: boolean) => {
      const m = machine({ isProtected, source: USES_FP })
      expect(m.vcpu.run(100)).toEqual(halt(1))
      return {
        traps: m.events.filter((e) => e.what === "exc" && e.ec === 7).length,
        fpmr: m.events.filter((e) => (e.what === "msr" || e.what === "mrs") && e.where === "hyp" && e.register === "FPMR").length
      }
    }
    expect(traps(true)).toEqual({ traps: 2, fpmr: 0 })
    // saved and loaded with host and guest, at the trap and at the exit
    expect(traps(false)).toEqual({ traps: 2, fpmr: 8 })
  })
  it("SVE is UNDEFINED for a protected guest, even one whose vCPU was given it", () => {
    const { vm, vcpu, hyp } = machine({ isProtected: true, source: USES_SVE, features: SVE })
    expect(hyp.state.fp.vl.sve).toBe(0)
    expect(hyp.state.features).toBe(PSCI_0_2)
    vcpu.system[SLOT.VBAR_EL1] = BigInt(GUEST_RAM + 0x1000)
    vm.write(GUEST_RAM + 0x1200, words(scalable, "mrs x20, esr_el1\nmrs x21, elr_el1\nhlt #9"))
    expect(vcpu.run(100)).toEqual(halt(9))
    // MSR ZCR_EL1
    expect([vcpu.registers.x[20], vcpu.registers.x[21]]).toEqual([0x0200_0000n, BigInt(GUEST_RAM + 16)])
  })
  it.each([
    ["a length that the processor does not have", 48, true, "EINVAL", 0],
    ["no memory for vectors", 32, false, "EINVAL", 0],
    ["a length beyond the host's largest: that one is used", 256, true, undefined, HOST_VL],
    ["a length the processor has", 16, true, undefined, 16]
  ] as const)("a vCPU with %s", (_, sve, hasBuffer, outcome, vl) => {
    const { host, vcpu } = machine({ isProtected: false, source: USES_SVE, features: SVE })
    vcpu.fp.vl.sve = sve
    if (!hasBuffer) vcpu.fp.sve = null
    const hyp = newHypVcpu(vcpu, 0, false)
    expect(host.inKernel(() => initHypVcpu((name) => host.cpus[0]!.read(name), hyp))).toBe(outcome)
    expect(hyp.state.fp.vl.sve).toBe(outcome ? sve : vl)
    expect(Object.hasOwn(hyp.state, "features")).toBe(outcome === undefined)
  })
  it("a host in streaming mode is refused: EINVAL, the guest does not run", () => {
    const { vcpu, host, cpu, events } = machine({ isProtected: true, source: USES_FP })
    const stop = host.subscribe((e) => {
      if (e.what === "exc" && e.hostCall === 9) cpu.port.msr("SVCR", 1n)
    })
    expect(vcpu.run(100)).toMatchObject({ reason: "internalError" })
    stop()
    expect(events.some((e) => e.what === "eret" && e.to === "guest-el1")).toBe(false)
  })
})
