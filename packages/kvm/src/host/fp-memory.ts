/** Memory homes of FP state and the per-CPU binding between registers and their owner. */

/** user_fpsimd_state: V0..V31, FPSR, FPCR and two reserved words. */
export const FPSIMD_BYTES = 528
/** Where FPSR and FPCR, 4 bytes each, are in it. */
export const FPSR_OFFSET = 512
export const FPCR_OFFSET = 516
export const STATUS_BYTES = 8

/** Which format an owner's memory holds. */
export type FpType = "FPSIMD" | "SVE"

/** Vector lengths in bytes: of SVE, and of streaming mode. */
export interface VectorLengths {
  sve: number
  sme: number
}
/**
 * One owner's saved FP state: of a task (uw.fpsimd_state and what belongs to it) or a vCPU (ctxt.fp_regs). Its identity is what LAST compares.
 *
 * | fpType | SVCR.SM | where vectors are |
 * |---|---|---|
 * | FPSIMD | 0 | V in `fpsimd`; upper bits of Z, P and FFR are 0, whatever `sve` holds |
 * | SVE | 0 | `sve` at `vl.sve`; V in `fpsimd` is stale |
 * | SVE | 1 | `sve` at `vl.sme` |
 */
export interface FpMemory {
  /** For events: "task1", "vcpu1". */
  readonly name: string
  /** The format of component "fpsimd". */
  readonly fpsimd: Uint8Array
  /** Z0..Z31, P0..P15, FFR; null: not allocated. FPSR and FPCR are in `fpsimd` always. */
  sve: Uint8Array | null
  /** Rows of ZA, then ZT0; null: not allocated. */
  sme: Uint8Array | null
  svcr: bigint
  fpmr: bigint
  /** A task's configured lengths; of a vCPU: the largest it may use, and 0 for what it has not. */
  vl: VectorLengths
  fpType: FpType
}
/** FP state of a new owner: registers zero, no memory for SVE and SME yet. */
export const fpMemory = (name: string, vl: VectorLengths = { sve: 0, sme: 0 }): FpMemory => ({
  name,
  fpsimd: new Uint8Array(FPSIMD_BYTES),
  sve: null,
  sme: null,
  svcr: 0n,
  fpmr: 0n,
  vl,
  fpType: "FPSIMD"
})
/** Back to the state of a new program or a reset vCPU: all registers zero. Buffers and vector lengths stay. */
export const clearFpMemory = (memory: FpMemory): void => {
  memory.fpsimd.fill(0)
  memory.sve?.fill(0)
  memory.sme?.fill(0)
  memory.svcr = 0n
  memory.fpmr = 0n
  memory.fpType = "FPSIMD"
}

/** SVCR bits. */
export const SVCR = { SM: 1n, ZA: 2n } as const
/** PSTATE.SM of saved state. */
export const isStreaming = ({ svcr }: FpMemory): boolean => (svcr & SVCR.SM) !== 0n
/** PSTATE.ZA of saved state. */
export const hasZa = ({ svcr }: FpMemory): boolean => (svcr & SVCR.ZA) !== 0n

/** Layout of `sve` at a vector length in bytes: Zn at n x VL, then P0..P15 and FFR of VL/8 bytes each. */
export const predicateOffset = (vl: number): number => 32 * vl
/** Byte of FFR in an SVE image of vectors of `vl` bytes. */
export const ffrOffset = (vl: number): number => 34 * vl
/** Bytes of an SVE image, Z, P and FFR, at a vector length of `vl` bytes. */
export const sveBytes = (vl: number): number => 34 * vl + vl / 8
/** Layout of `sme`: ZA by rows of VL bytes, then ZT0. */
export const ZT_BYTES = 64
/** Byte of ZT0 in an SME image. */
export const ztOffset = (vl: number): number => vl * vl
/** Bytes of an SME image, ZA and ZT0, at a streaming vector length of `vl` bytes. */
export const smeBytes = (vl: number): number => vl * vl + ZT_BYTES

/** Format the saver must use: as the current task's flags say, or as whoever bound the registers said. */
export type ToSave = "CURRENT" | FpType

/** fpsimd_last_state of a CPU: whose state the registers are (null: nobody's), and how to save them; vector lengths in bytes. */
export interface Binding {
  st: FpMemory | null
  toSave: ToSave
  sveVl: number
  smeVl: number
}
/** A binding to nobody. */
export const unbound = (): Binding => ({ st: null, toSave: "CURRENT", sveVl: 0, smeVl: 0 })

/** fp_owner: who hyp code believes to own the FP registers. */
export type FpOwner = "free" | "host" | "guest"
