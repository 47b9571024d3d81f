/** Memory homes of FP state and the per-CPU binding between registers and their owner. */

/** user_fpsimd_state: V0..V31, FPSR, FPCR and two reserved words. */
export const FPSIMD_BYTES = 528

/** Which format an owner's memory holds. */
export type FpType = "FPSIMD" | "SVE"

/** One owner's saved FP state: of a task (uw.fpsimd_state and what belongs to it) or a vCPU (ctxt.fp_regs). Its identity is what LAST compares. */
export interface FpMemory {
  /** For events: "task1", "vcpu1". */
  readonly name: string
  /** The format of component "fpsimd". */
  readonly fpsimd: Uint8Array
  fpType: FpType
}
export const fpMemory = (name: string): FpMemory => ({ name, fpsimd: new Uint8Array(FPSIMD_BYTES), fpType: "FPSIMD" })
/** Back to the state of a new program or a reset vCPU. */
export const clearFpMemory = (memory: FpMemory): void => {
  memory.fpsimd.fill(0)
  memory.fpType = "FPSIMD"
}

/** Format the saver must use: as the current task's flags say, or as whoever bound the registers said. */
export type ToSave = "CURRENT" | FpType

/** fpsimd_last_state of a CPU: whose state the registers are (null: nobody's), and how to save them. */
export interface Binding {
  st: FpMemory | null
  toSave: ToSave
}
export const unbound = (): Binding => ({ st: null, toSave: "CURRENT" })

/** fp_owner: who hyp code believes to own the FP registers. */
export type FpOwner = "free" | "host" | "guest"
