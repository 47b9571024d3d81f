/** A host whose processor has no FP unit: no FP state is moved, and FP instructions are UNDEFINED for programs and guests. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, getRegisterSet, NT, REG } from "@eltwo/kvm"
import { expect, it } from "vitest"
import { guest, program, RAM } from "../../../plugins/vhe/test/machine.ts"
import { mayUseSimd } from "../src/host/kernel-neon.ts"
import { MODES } from "./smp-machine.ts"

const FMOV = ".word 0x1e604000"

it.each(Object.entries(MODES))("runs programs and guests under %s", (_, mode) => {
  const host = createHost({ board: createBoard({ isa: composeOrThrow([base]), ramBase: RAM, ramBytes: 32 << 20 }), mode })
  const events: string[] = []
  host.subscribe(({ what }) => void events.push(what))
  expect([host.features.fp, mayUseSimd(host.cpu)]).toEqual([false, false])
  const { task } = program(host, "mov x0, #3\nmov x8, #124\nsvc #0\nmov x0, #9\nmov x8, #94\nsvc #0")
  expect([host.runTask(task, 100), task.ended]).toEqual(["ended", { status: 9 }])
  const { task: float } = program(host, FMOV)
  expect([host.runTask(float, 100), float.ended]).toMatchObject(["ended", { signal: "SIGILL" }])
  expect(host.inKernel(() => getRegisterSet(host.cpu, float, NT.PRFPREG))).toBe("EINVAL")

  // its vectors are at 0, where nothing is: the guest's own exception is what the second exit shows
  const { vcpu } = guest(`movz x0, #0x8400, lsl #16\nhvc #0\n${FMOV}\nhlt #1`, { host })
  expect(vcpu.run(3)).toMatchObject({ reason: "intr" })
  expect(vcpu.registers.x[0]).toBe(0x10003n)
  vcpu.run(1)
  expect([vcpu.getOneReg(REG.pc), vcpu.getOneReg(REG.spsrEl1)]).toEqual([0x200n, 0x3c5n])
  expect(events.filter((what) => what === "save" || what === "load")).toEqual([])
})
