/** Register sets of a traced host program: headers, what is there in which mode, what a write leaves, and what is refused. */
import { type Host, isErrno, type Task, TIF } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { inheritState } from "../src/host/fork.ts"
import { getRegisterSet, NT, setRegisterSet } from "../src/host/regsets.ts"
import { bootScalable, DATA, type MachineOptions, ok, scalableProgram } from "./scalable-machine.ts"

interface Traced {
  readonly host: Host
  readonly task: Task
  get(type: number): Uint8Array
  set(type: number, image: Uint8Array): unknown
}
/** A program stopped after `source`. */
const traced = (source: string, options: MachineOptions = {}): Traced => {
  const host = bootScalable(options)
  const { task } = scalableProgram(host, `mov x20, #${DATA}\n${source}\nagain:\nb =again`)
  expect(host.runTask(task, 20)).toBe("limit")
  const call = <T>(code: () => T): T => {
    const result = host.inKernel(() => ({ value: code() }))
    if (!("value" in result)) throw new Error(result.message)
    return result.value
  }
  return {
    host,
    task,
    get(type) {
      const found = call(() => getRegisterSet(host.cpu, task, type))
      if (isErrno(found)) throw new Error(found)
      return found
    },
    set: (type, image) => call(() => setRegisterSet(host.cpu, task, type, image))
  }
}
/** size, max_size, vl, max_vl, flags. */
const headerOf = (image: Uint8Array): readonly number[] => {
  const view = new DataView(image.buffer, image.byteOffset)
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint16(8, true), view.getUint16(10, true), view.getUint16(12, true)]
}
const header = (vl: number, flags: number, rest: number): Uint8Array => {
  const image = new Uint8Array(16 + rest)
  const view = new DataView(image.buffer)
  view.setUint32(0, image.length, true)
  view.setUint16(8, vl, true)
  view.setUint16(12, flags, true)
  return image
}
const sveBytes = (vl: number): number => 34 * vl + vl / 8
const round16 = (bytes: number): number => Math.ceil(bytes / 16) * 16
const setBytes = (vl: number): number => round16(round16(16 + sveBytes(vl)) + 8)
const FILL = "movi v0.16b, #0x5a\nmovi v31.16b, #0x13"
const SVE = `ptrue p0.b\nmov z1.b, #7\n${FILL}`

describe("headers", () => {
  it("of a program with V alone", () => {
    const { get } = traced(FILL)
    expect(headerOf(get(NT.ARM_SVE))).toEqual([16 + 528, setBytes(256), 64, 256, 0])
    expect(get(NT.ARM_SVE)[16]).toBe(0x5a)
    expect([headerOf(get(NT.ARM_SSVE)), headerOf(get(NT.ARM_ZA))]).toEqual([
      [16, setBytes(256), 32, 256, 0],
      [16, 16 + 65536, 32, 256, 0]
    ])
    expect([get(NT.PRFPREG).length, get(NT.ARM_ZT), get(NT.ARM_FPMR)]).toEqual([528, new Uint8Array(64), new Uint8Array(8)])
  })
  it("of one with SVE, which keeps its length over exec", () => {
    const { get, task } = traced(SVE)
    task.set(TIF.SVE_VL_INHERIT)
    const image = get(NT.ARM_SVE)
    expect([headerOf(image), image.length]).toEqual([[setBytes(64), setBytes(256), 64, 256, 3], setBytes(64)])
    expect([image[16], image[16 + 64], image[16 + 64 + 63], image[16 + 32 * 64]]).toEqual([0x5a, 7, 7, 255])
  })
  it("of one in streaming mode", () => {
    const { get } = traced("smstart\nmov z1.b, #7")
    expect([headerOf(get(NT.ARM_SVE))[0], headerOf(get(NT.ARM_SSVE)), headerOf(get(NT.ARM_ZA))[0]]).toEqual([
      16,
      [setBytes(32), setBytes(256), 32, 256, 1],
      16 + 1024
    ])
    expect([get(NT.ARM_SSVE)[16 + 32], get(NT.PRFPREG)[16]]).toEqual([7, 7])
  })
})

describe("writing", () => {
  it("V of a program with SVE zeroes the rest", () => {
    const { get, set } = traced(SVE)
    expect(set(NT.PRFPREG, new Uint8Array(32).fill(9))).toBeUndefined()
    const image = get(NT.ARM_SVE)
    // what the image does not cover stays as it was in V
    expect([image[16], image[16 + 16], image[16 + 64], image[16 + 64 + 16], image[16 + 31 * 64], image[16 + 32 * 64]]).toEqual([9, 0, 9, 0, 0x13, 0])
  })
  it("part of the vectors zeroes the rest of them", () => {
    const { get, set, task } = traced(SVE)
    const image = header(64, 1, 64)
    image.fill(9, 16)
    expect(set(NT.ARM_SVE, image)).toBeUndefined()
    const found = get(NT.ARM_SVE)
    expect([found[16 + 63], found[16 + 64], found[16 + 31 * 64], task.fp.fpType, task.has(TIF.SVE)]).toEqual([9, 0, 0, "SVE", true])
  })
  it("V in FPSIMD format makes it a program with V alone", () => {
    const { set, task, host } = traced(SVE)
    expect(set(NT.ARM_SVE, header(64, 0, 528))).toBeUndefined()
    expect([task.fp.fpType, task.has(TIF.SVE)]).toEqual(["FPSIMD", false])
    host.runTask(task, 1)
    expect(host.cpu.pe.controls.inForce(host.cpu.pe.controls.slot.CPTR_EL2) >> 16n).toBe(0x131n)
  })
  it("streaming vectors enters streaming mode, others leave it; neither touches ZA", () => {
    const { set, task, host } = traced("smstart za")
    expect(set(NT.ARM_SSVE, header(32, 1, setBytes(32) - 16))).toBeUndefined()
    expect([task.fp.svcr, task.fp.fpType]).toEqual([3n, "SVE"])
    host.runTask(task, 1)
    expect(host.cpu.pe.svcr).toBe(3)
    expect(set(NT.ARM_SVE, header(64, 1, setBytes(64) - 16))).toBeUndefined()
    expect([task.fp.svcr, task.fp.fpType]).toEqual([2n, "SVE"])
    host.runTask(task, 1)
    expect([host.cpu.pe.svcr, host.cpu.warnings]).toEqual([2, []])
  })
  it("another length keeps V, and ends with EIO when there are registers as well", () => {
    const { get, set, task } = traced(SVE)
    expect(set(NT.ARM_SVE, header(48, 1, 64))).toBe("EIO")
    expect([task.fp.vl.sve, task.fp.sve!.length]).toEqual([32, sveBytes(32)])
    expect(headerOf(get(NT.ARM_SVE))[2]).toBe(32)
  })
  it("another length of the other mode keeps V of this one", () => {
    const { get, set, task } = traced(SVE)
    expect(set(NT.ARM_ZA, header(64, 0, 0))).toBeUndefined()
    expect(task.fp.vl).toEqual({ sve: 64, sme: 64 })
    const image = get(NT.ARM_SVE)
    expect([image[16], image[16 + 15], image[16 + 16], image[16 + 64], image[16 + 64 + 16], image[16 + 31 * 64]]).toEqual([0x5a, 0x5a, 0, 7, 0, 0x13])
  })
  it("a length for the next exec changes nothing now", () => {
    const { set, task } = traced(SVE)
    expect(set(NT.ARM_SVE, header(128, 1 | 4, 0))).toBeUndefined()
    expect([task.fp.vl.sve, task.vlOnexec.sve]).toEqual([64, 128])
  })
  it("ZA switches it on, a header alone switches it off; ZT0 comes and goes with it", () => {
    const { get, set, task } = traced("nop")
    const rows = header(32, 0, 1024)
    rows.fill(3, 16)
    expect(set(NT.ARM_ZT, new Uint8Array(64).fill(5))).toBeUndefined()
    expect([task.fp.svcr, task.has(TIF.SME), get(NT.ARM_ZA).at(-1), get(NT.ARM_ZT)[63]]).toEqual([2n, true, 0, 5])
    expect(set(NT.ARM_ZA, rows)).toBeUndefined()
    const { sme } = task.fp
    expect(set(NT.ARM_ZA, rows)).toBeUndefined()
    // the same buffer
    expect([task.fp.sme === sme, get(NT.ARM_ZA).at(-1), get(NT.ARM_ZT)[0]]).toEqual([true, 3, 5])
    expect(set(NT.ARM_ZA, header(32, 0, 0))).toBeUndefined()
    expect([task.fp.svcr, get(NT.ARM_ZT)[0]]).toEqual([0n, 0])
    expect(set(NT.ARM_ZA, rows)).toBeUndefined()
    expect(get(NT.ARM_ZT)[0]).toBe(0)
  })
  it("FPMR", () => {
    const { set, task, host } = traced("nop")
    expect(set(NT.ARM_FPMR, Uint8Array.of(0x41, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined()
    host.runTask(task, 1)
    expect(task.fp.fpmr).toBe(0x41n)
  })
  it("while the program is in a system call survives that", () => {
    const { get, set, host, task } = traced(SVE)
    const image = header(64, 1, setBytes(64) - 16)
    image.fill(6, 16, 16 + 32 * 64)
    set(NT.ARM_SVE, image)
    host.runTask(task, 2)
    expect(get(NT.ARM_SVE)[16 + 63]).toBe(6)
  })
})

describe("refused", () => {
  it.each([
    ["a set that is none", 1, new Uint8Array(16), "EINVAL"],
    ["too much", NT.PRFPREG, new Uint8Array(529), "EINVAL"],
    ["less than a header", NT.ARM_SVE, new Uint8Array(15), "EINVAL"],
    ["no length", NT.ARM_SVE, header(0, 1, 0), "EINVAL"],
    ["a flag that is none", NT.ARM_SVE, header(64, 8, 0), "EINVAL"],
    ["streaming vectors in FPSIMD format", NT.ARM_SSVE, header(32, 0, 528), "EINVAL"],
    ["ZA of another length", NT.ARM_ZA, header(48, 0, 48 * 48), "EIO"],
    ["too much of ZT0", NT.ARM_ZT, new Uint8Array(65), "EINVAL"],
    ["too much of FPMR", NT.ARM_FPMR, new Uint8Array(9), "EINVAL"]
  ] as const)("%s", (_, type, image, error) => {
    expect(traced("nop").set(type, image)).toBe(error)
  })
  it("without memory: the vectors are as they were", () => {
    const { host, task, get, set } = traced(SVE)
    host.cpu.failAllocations = 1
    expect(set(NT.ARM_SVE, header(128, 1, setBytes(128) - 16))).toBe("ENOMEM")
    host.cpu.failAllocations = 0
    expect([task.fp.vl.sve, get(NT.ARM_SVE)[16 + 64]]).toEqual([64, 7])
  })
})

it("a child has V of a parent that was traced in its clone", () => {
  const { host, task, set } = traced(SVE)
  const image = header(64, 1, setBytes(64) - 16)
  image.fill(6, 16, 16 + 32 * 64)
  set(NT.ARM_SVE, image)
  const child = ok(host.createTask())
  task.files.set(9, { ioctl: () => 0 })
  expect(
    host.inKernel(() => {
      const { cpu } = host
      const { current } = cpu
      cpu.masking.irqsOff = true
      cpu.current = task
      inheritState(cpu, task, child, false)
      cpu.current = current
      cpu.masking.irqsOff = false
      return true
    })
  ).toBe(true)
  expect([child.fp.fpType, child.fp.fpsimd[0], child.fp.fpsimd[511], child.fp.sve]).toEqual(["FPSIMD", 6, 6, null])
})
