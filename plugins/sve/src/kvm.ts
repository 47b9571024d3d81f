/** What guests and user space see of SVE: the vCPU feature, the ids of Z, P and FFR, ZCR_EL1, and the fields of ID registers. */
/** KVM_ARM_VCPU_SVE. */
const SVE = 4

export const kvm = {
  vcpuFeature: {
    bit: SVE,
    requires: "SVE",
    vectors: {
      coprocessor: 0x15,
      lengthsIndex: 0xffff,
      files: [
        // Z0 to Z31 in slices of 256 bytes; P0 to P15 and FFR in slices of 32
        { index: 0, registers: 32, sliceLog2: 8, vectorBytesPerByte: 1 },
        { index: 0x400, registers: 16, sliceLog2: 5, vectorBytesPerByte: 8 },
        { index: 0x600, registers: 1, sliceLog2: 5, vectorBytesPerByte: 8 }
      ]
    }
  },
  registers: [{ name: "ZCR_EL1", visible: { vcpuFeature: SVE } }],
  hiddenFields: [
    { register: "ID_AA64PFR0_EL1", low: 32, unless: SVE, fixed: true },
    { register: "ID_AA64ZFR0_EL1", low: 0, width: 64, unless: SVE }
  ]
} as const
