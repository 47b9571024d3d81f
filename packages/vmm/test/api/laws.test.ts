/** However a guest is taken to an instruction, it is in the same state there. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { Vm } from "../../src/promise.ts"
import { make, PLUGINS } from "./machines.ts"

/** Integer and vector work on memory that is touched for the first time again and again, with calls between. */
const WORK = `
.globl _start
_start:
    mov x0, #0x300000
    msr cpacr_el1, x0
    isb
    movz x9, #0x4010, lsl #16
    fmov v0.2d, #1.0
again:
    ldr q1, [x9], #24
    fadd v0.2d, v0.2d, v1.2d
    str q0, [x9, #2048]
    add x2, x2, x9
    eor x3, x3, x2, lsl #3
    ubfx x4, x3, #3, #5
    cbnz x4, again
    movz x0, #0x8400, lsl #16
    hvc #0
    b again
`
type Step = readonly [verb: "run" | "step" | "until" | "fork" | "restore", count: number]
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.tuple(fc.constantFrom("run", "step", "until", "fork", "restore"), fc.integer({ min: 1, max: 60 })),
  { minLength: 3, maxLength: 9 }
)
const TAKEN = ["X0", "X1", "X2", "X3", "X4", "X9", "PC", "PSTATE", "V0", "V1", "FPSR", "CPACR_EL1"]
const stateOf = (vm: Vm): readonly unknown[] => [...TAKEN.map((name) => vm.readRegister(name)), vm.readMemory(0x4010_0000, 1 << 16)]

it("is the same by running, stepping, stopping, forks and snapshots, in any mode and engine", async () => {
  const property = fc.asyncProperty(
    steps,
    fc.constantFrom("vhe", "nvhe", "hvhe", "pkvm"),
    fc.constantFrom("jit" as const, "interp" as const),
    async (taken, mode, engine) => {
      let { vm } = await make({ guest: { source: WORK }, kind: "vm", mode, engine, mem: "2M" })
      for (const [verb, count] of taken) {
        const before = vm
        if (verb === "run") await vm.run({ maxInstructions: count })
        else if (verb === "step") await vm.step(count)
        else if (verb === "until") await vm.run({ until: 0x4000_0014n, maxInstructions: count })
        else if (verb === "fork") vm = vm.fork()
        else vm = await Vm.restore(vm.snapshot(), { plugin: PLUGINS })
        if (vm !== before) {
          // whatever the first does from now on is none of the second's business
          await before.run({ maxInstructions: count })
          before.close()
        }
      }
      const straight = await make({ guest: { source: WORK }, kind: "vm", mode: "vhe", engine: engine === "jit" ? "interp" : "jit", mem: "2M" })
      await straight.vm.run({ maxInstructions: vm.executed })
      expect(straight.vm.executed).toBe(vm.executed)
      expect(stateOf(vm)).toEqual(stateOf(straight.vm))
      vm.close()
      straight.vm.close()
    }
  )
  await fc.assert(property, runs(12))
})
