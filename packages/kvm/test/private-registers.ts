/** The independent model of a host program's FP state: every task has registers of its own, and only what the architecture or the interface says changes them. */

const Z_STRIDE = 256
const P_STRIDE = 32
export const FPSR_AFTER_SM = 0x0800009f

export class PrivateRegisters {
  vl: { sve: number; sme: number }
  onexec = { sve: 0, sme: 0 }
  inherit = { sve: false, sme: false }
  sm = false
  za = false
  z = new Uint8Array(32 * Z_STRIDE)
  p = new Uint8Array(16 * P_STRIDE)
  ffr = new Uint8Array(P_STRIDE)
  /** Rows of `vl.sme` bytes. */
  array = new Uint8Array(0)
  zt = new Uint8Array(64)
  fpcr = 0
  fpsr = 0
  fpmr = 0n
  tpidr2 = 0n

  constructor(vl: { sve: number; sme: number }) {
    this.vl = { ...vl }
  }
  get length(): number {
    return this.sm ? this.vl.sme : this.vl.sve
  }
  vector(n: number): Uint8Array {
    return this.z.subarray(n * Z_STRIDE, n * Z_STRIDE + this.length)
  }
  low(n: number): Uint8Array {
    return this.z.subarray(n * Z_STRIDE, n * Z_STRIDE + 16)
  }
  predicate(n: number): Uint8Array {
    return this.p.subarray(n * P_STRIDE, n * P_STRIDE + this.length / 8)
  }
  /** V only: the rest of each vector is zero. */
  setLow(n: number, value: Uint8Array): void {
    this.z.fill(0, n * Z_STRIDE, (n + 1) * Z_STRIDE)
    this.low(n).set(value)
  }
  /** What is not V becomes zero. */
  dropUpper(): void {
    for (let n = 0; n < 32; n++) this.z.fill(0, n * Z_STRIDE + 16, (n + 1) * Z_STRIDE)
    this.p.fill(0)
    this.ffr.fill(0)
  }
  setStreaming(sm: boolean): void {
    if (sm === this.sm) return
    this.sm = sm
    this.z.fill(0)
    this.p.fill(0)
    this.ffr.fill(0)
    this.fpsr = FPSR_AFTER_SM
    this.fpmr = 0n
  }
  setZa(za: boolean): void {
    if (za !== this.za) this.clearArray()
    this.za = za
  }
  clearArray(): void {
    this.array = new Uint8Array(this.vl.sme ** 2)
    this.zt.fill(0)
  }
  systemCall(): void {
    this.setStreaming(false)
    this.dropUpper()
  }
  /** A new length in force: V stays, and ZA does not survive a new streaming length. */
  setLength(kind: "sve" | "sme", length: number): void {
    if (length === this.vl[kind]) return
    this.vl[kind] = length
    this.dropUpper()
    if (kind === "sme") this.setZa(false)
  }
  enterHandler(): void {
    this.setStreaming(false)
    this.setZa(false)
    this.tpidr2 = 0n
  }
  clone(): PrivateRegisters {
    const copy = new PrivateRegisters(this.vl)
    Object.assign(copy, this, { onexec: { ...this.onexec }, inherit: { ...this.inherit }, vl: { ...this.vl } })
    copy.z = this.z.slice()
    copy.p = this.p.slice()
    copy.ffr = this.ffr.slice()
    copy.array = this.array.slice()
    copy.zt = this.zt.slice()
    return copy
  }
  /** Of a new task; the parent is in its system call. */
  child(sharesMemory: boolean): PrivateRegisters {
    const child = this.clone()
    if (!sharesMemory) return child
    child.setZa(false)
    child.tpidr2 = 0n
    return child
  }
  exec(standard: { sve: number; sme: number }, supported: { sve: boolean; sme: boolean }): PrivateRegisters {
    const fresh = new PrivateRegisters({
      sve: supported.sve ? this.onexec.sve || standard.sve : 0,
      sme: supported.sme ? this.onexec.sme || standard.sme : 0
    })
    fresh.inherit = { ...this.inherit }
    for (const kind of ["sve", "sme"] as const) if (this.inherit[kind]) fresh.onexec[kind] = this.onexec[kind]
    return fresh
  }
  /** The bytes of V0..V31, FPSR, FPCR as in struct user_fpsimd_state. */
  fpsimd(): Uint8Array {
    const bytes = new Uint8Array(528)
    for (let n = 0; n < 32; n++) bytes.set(this.low(n), 16 * n)
    const view = new DataView(bytes.buffer)
    view.setUint32(512, this.fpsr, true)
    view.setUint32(516, this.fpcr, true)
    return bytes
  }
  /** Z, P and FFR at the length in force, one after the other. */
  vectors(ffr: boolean): Uint8Array {
    const vl = this.length
    const bytes = new Uint8Array(34 * vl + vl / 8)
    for (let n = 0; n < 32; n++) bytes.set(this.vector(n), n * vl)
    for (let n = 0; n < 16; n++) bytes.set(this.predicate(n), 32 * vl + (n * vl) / 8)
    if (ffr) bytes.set(this.ffr.subarray(0, vl / 8), 34 * vl)
    return bytes
  }
  setVectors(bytes: Uint8Array, ffr: boolean): void {
    const vl = this.length
    this.z.fill(0)
    this.p.fill(0)
    this.ffr.fill(0)
    for (let n = 0; n < 32; n++) this.vector(n).set(bytes.subarray(n * vl, (n + 1) * vl))
    for (let n = 0; n < 16; n++) this.predicate(n).set(bytes.subarray(32 * vl + (n * vl) / 8, 32 * vl + ((n + 1) * vl) / 8))
    if (ffr) this.ffr.set(bytes.subarray(34 * vl, 34 * vl + vl / 8))
  }
}
