/** A guest that switches between FP, exits and loops gives the same run in both engines, event by event and in virtual time. */

import { attachJit } from "@eltwo/cpu"
import { createHost, type KvmEvent, type Mode, REG } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { describe, expect, it } from "vitest"
import { vhe } from "../src/index.ts"
import { assemble, GUEST_RAM, guest, newBoard } from "./machine.ts"

/** EL1 opens FP and returns to a program at EL0; its SVC comes back through a vector that makes it a forwarded hypercall. */
const KERNEL = `
  movz x0, #0x4000, lsl #16
  movk x0, #0x1000
  msr vbar_el1, x0
  movk x0, #0x2000
  msr elr_el1, x0
  msr spsr_el1, xzr
  mov x0, #0x300000
  msr cpacr_el1, x0
  isb
  eret`
const VECTOR = "msr tpidr_el1, x0\nmovz x0, #0xc600, lsl #16\nhvc #0\nmrs x0, tpidr_el1\neret"
const PROGRAM = `
again:
  mov x2, #500
loop:
  add x1, x1, x2
  fmov d1, x1
  fadd d0, d0, d1
  subs x2, x2, #1
  b.ne =loop
  fmov x3, d0
  svc #0
  b =again`

interface Outcome {
  readonly events: readonly KvmEvent[]
  readonly exits: readonly unknown[]
  readonly retired: bigint
  readonly registers: readonly bigint[]
}
const outcome = (mode: Mode, jit: boolean): Outcome => {
  const board = newBoard()
  const regions = jit ? attachJit(board, { hot: 1 }) : undefined
  const host = createHost({ board, mode })
  const { vm, vcpu } = guest(KERNEL, { host, bytes: 4 << 20 })
  vm.write(GUEST_RAM + 0x1400, assemble(VECTOR, GUEST_RAM + 0x1400))
  vm.write(GUEST_RAM + 0x2000, assemble(PROGRAM, GUEST_RAM + 0x2000))
  vm.setSmcccFilter({ base: 0xc6000000, count: 1 }, "forward")
  const events: KvmEvent[] = []
  host.subscribe((e) => events.push(e))
  // ends of slices fall anywhere in the loop
  const exits = Array.from({ length: 60 }, () => vcpu.run(777))
  if (regions) expect(regions.counters.entries).toBeGreaterThan(60)
  return { events, exits, retired: host.cpus[0]!.pe.retired, registers: [0, 1, 2, 3].map((n) => vcpu.getOneReg(REG.x(n)) as bigint) }
}

describe("both engines", () => {
  it.each([vhe, nvhe, hvhe])("agree under $name", (mode) => {
    const reference = outcome(mode, false)
    const translated = outcome(mode, true)
    expect(translated).toEqual(reference)
    expect(reference.exits.filter((e) => (e as { reason: string }).reason === "hypercall").length).toBeGreaterThan(10)
    expect(reference.exits.filter((e) => (e as { reason: string }).reason === "intr").length).toBeGreaterThan(10)
  })
})
