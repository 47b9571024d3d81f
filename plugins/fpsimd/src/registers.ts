/** FPCR, FPSR and FPEXC32_EL2, and the bits that control FP in registers of the base. */
import type { FieldContribution, SystemRegister } from "@eltwo/isa"

export const registers: readonly SystemRegister[] = [
  {
    name: "FPCR",
    encoding: "3 3 4 4 0",
    storage: "FPCR",
    access: "FP",
    fields: {
      AHP: 26,
      DN: 25,
      FZ: 24,
      RMode: "23:22",
      Stride: "21:20",
      FZ16: "19 if FP16",
      Len: "18:16",
      EBF: "13 if EBF16",
      NEP: "2 if AFP",
      AH: "1 if AFP",
      FIZ: "0 if AFP"
    },
    doc: "Trap enables are not implemented: they read as zero"
  },
  {
    name: "FPSR",
    encoding: "3 3 4 4 1",
    storage: "FPSR",
    access: "FP",
    fields: { NZCV: "31:28", QC: 27, IDC: 7, IXC: 4, UFC: 3, OFC: 2, DZC: 1, IOC: 0 }
  },
  { name: "FPEXC32_EL2", encoding: "3 4 5 3 0", access: "FP", fields: { EN: 30 }, doc: "Kept for a hypervisor to switch; there is no AArch32 state" }
]

export const fields: readonly FieldContribution[] = [
  { register: "CPACR_EL1", fields: { FPEN: "21:20" } },
  { register: "CPTR_EL2", fields: { TFP: 10 }, e2h: { FPEN: "21:20" } }
]
