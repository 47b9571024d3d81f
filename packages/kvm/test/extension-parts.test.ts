/** The `kvm` parts of extensions: a host is not made with one that is malformed, or with two that want the same. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, defineExtension } from "@eltwo/isa"
import { createHost } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "@eltwo/plugin-vhe"
import { expect, it } from "vitest"

const VECTORS = {
  coprocessor: 0x20,
  lengthsIndex: 0xffff,
  files: [{ index: 0, registers: 4, sliceLog2: 8, vectorBytesPerByte: 1 }]
}
const refusalOf = (...parts: readonly object[]): unknown => {
  const extensions = parts.map((kvm, n) => defineExtension({ name: `other${n}`, kvm }))
  try {
    createHost({ board: createBoard({ isa: composeOrThrow([base, fpsimd, sve, ...extensions]), ramBase: 0x80000000, ramBytes: 8 << 20 }), mode: vhe })
  } catch (error) {
    return error instanceof RangeError ? error.message : error
  }
  return "created"
}

it.each<[string, unknown]>([
  ["created", {}],
  ["created", { vcpuFeature: { bit: 5, requires: "SVE", vectors: VECTORS } }],
  ["kvm is not an object", []],
  ["kvm.vcpuFeatures is not a field of it", { vcpuFeatures: [] }],
  ["kvm.vcpuFeature is not an object", { vcpuFeature: 4 }],
  ["kvm.vcpuFeature.bit is 64, not a number from 0 to 8", { vcpuFeature: { bit: 64, requires: "SVE" } }],
  ["kvm.vcpuFeature.bit is 5.5, not a number from 0 to 8", { vcpuFeature: { bit: 5.5, requires: "SVE" } }],
  ["kvm.vcpuFeature.requires is undefined, not a name", { vcpuFeature: { bit: 5 } }],
  [
    "kvm.vcpuFeature.vectors.files[0].registers is 1000000000, not a number from 1 to 32",
    { vcpuFeature: { bit: 5, requires: "SVE", vectors: { ...VECTORS, files: [{ ...VECTORS.files[0], registers: 1e9 }] } } }
  ],
  [
    "kvm has index 0x20 of its vectors twice",
    { vcpuFeature: { bit: 5, requires: "SVE", vectors: { ...VECTORS, files: [...VECTORS.files, { ...VECTORS.files[0], index: 0x20 }] } } }
  ],
  ["kvm.registers is not a list", { registers: "ZCR_EL1" }],
  ["kvm.registers[0].visible.idRegister is undefined, not a name", { registers: [{ name: "ZCR_EL2", visible: { low: 4 } }] }],
  ["kvm.hiddenFields[0].low is -1, not a number from 0 to 63", { hiddenFields: [{ register: "ID_AA64PFR0_EL1", low: -1 }] }],
  ["kvm claims vCPU feature 4, which is extension sve's", { vcpuFeature: { bit: 4, requires: "SVE" } }],
  ["kvm claims vCPU feature 2, which is the kernel's", { vcpuFeature: { bit: 2, requires: "SVE" } }],
  [
    "kvm claims coprocessor 0x15 of ONE_REG, which is extension sve's",
    { vcpuFeature: { bit: 5, requires: "SVE", vectors: { ...VECTORS, coprocessor: 0x15 } } }
  ],
  [
    "kvm claims coprocessor 0x13 of ONE_REG, which is the kernel's",
    { vcpuFeature: { bit: 5, requires: "SVE", vectors: { ...VECTORS, coprocessor: 0x13 } } }
  ],
  ["kvm claims register ZCR_EL1, which is extension sve's", { registers: [{ name: "ZCR_EL1", visible: { vcpuFeature: 4 } }] }]
])("%s", (message, part) => {
  expect(refusalOf(part as object)).toBe(message === "created" ? message : `Extension other0: ${message}`)
})
it("is told which two of them want the same", () => {
  const part = { registers: [{ name: "FPMR", visible: { vcpuFeature: 4 } }] }
  expect(refusalOf(part, part)).toBe("Extension other1: kvm claims register FPMR, which is extension other0's")
})
