// A hypervisor mode as someone outside of this repository would write it: one file, published packages only, no build.
//
//   eltwo run --plugin ./eager.js --mode eager hello-vm
//
// VHE as it is, but FP registers change hands eagerly, as kernels did before lazy switching: the guest's are loaded at every entry and stored at every exit, so
// the guest never traps on them, whether it uses them or not.
import { defineMode } from "@eltwo/kvm"
import { vhe } from "@eltwo/plugin-vhe"

/** vCPUs with SVE keep the lazy way: their registers need more than one image. */
const isScalable = (vcpu) => vcpu.fp.vl.sve > 0

export default defineMode({
  ...vhe,
  name: "eager",
  doc: "VHE with eager FP switching.",
  banner: "Eager VHE mode",
  fp: {
    toGuest(cpu, vcpu) {
      if (isScalable(vcpu)) return vhe.fp.toGuest(cpu, vcpu)
      cpu.load("fpsimd", vcpu.fp.name, vcpu.fp.fpsimd)
      cpu.fpOwner = "guest"
    },
    toHost(cpu, vcpu) {
      if (isScalable(vcpu)) return vhe.fp.toHost(cpu, vcpu)
      cpu.save("fpsimd", vcpu.fp.name, vcpu.fp.fpsimd)
      // the host's own registers were stored when the vCPU was loaded, and come back before its thread runs
      cpu.fpOwner = "free"
    }
  }
})
