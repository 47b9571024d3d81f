/** The page a vCPU shares with its user space: struct kvm_run, for host programs that map it. */
import { PAGE_BYTES } from "@eltwo/cpu"
import { EXIT_NUMBER, type RunExit } from "../run-exit.ts"
import type { Host } from "./host.ts"

/** Byte offsets in struct kvm_run. */
const RUN = { immediateExit: 1, exitReason: 8, payload: 32 } as const
const MMIO = { physical: 32, data: 40, length: 48, isWrite: 52 } as const
const SYSTEM_EVENT = { type: 32, count: 36, data: 40 } as const
const HYPERCALL = { nr: 32, flags: 96 } as const
const DEBUG = { syndrome: 32 } as const
const FLAG_SMC = 1n
const PAYLOAD_BYTES = 256
const HLT_CLASS = 0

export class KvmRunPage {
  readonly #host: Host
  #physical: number | undefined

  constructor(host: Host) {
    this.#host = host
  }
  /** Physical address of the page; it is made when somebody first asks. */
  get physical(): number | undefined {
    this.#physical ??= this.#host.pages.allocate(PAGE_BYTES)
    return this.#physical
  }
  /** The same if somebody has asked. */
  get mapped(): number | undefined {
    return this.#physical
  }
  restore(physical: number | undefined): void {
    this.#physical = physical
  }
  free(): void {
    if (this.#physical !== undefined) this.#host.pages.free(this.#physical, PAGE_BYTES)
    this.#physical = undefined
  }
  get immediateExit(): boolean {
    return this.#view?.getUint8(RUN.immediateExit) === 1
  }
  /** What user space answers an MMIO read with. */
  mmioData(bytes: number): bigint {
    return BigInt.asUintN(8 * bytes, this.#view?.getBigUint64(MMIO.data, true) ?? 0n)
  }
  /** Says why KVM_RUN came back. */
  put(exit: RunExit): void {
    const view = this.#view
    if (!view) return
    this.#host.board.code.storedRange(this.#physical!, PAGE_BYTES)
    new Uint8Array(view.buffer, view.byteOffset + RUN.payload, PAYLOAD_BYTES).fill(0)
    view.setUint32(RUN.exitReason, EXIT_NUMBER[exit.reason] ?? 0, true)
    switch (exit.reason) {
      case "mmio":
        view.setBigUint64(MMIO.physical, BigInt(exit.physical), true)
        view.setBigUint64(MMIO.data, exit.value, true)
        view.setUint32(MMIO.length, exit.bytes, true)
        view.setUint8(MMIO.isWrite, exit.isWrite ? 1 : 0)
        break
      case "systemEvent":
        view.setUint32(SYSTEM_EVENT.type, exit.type, true)
        view.setUint32(SYSTEM_EVENT.count, exit.data.length, true)
        for (const [i, value] of exit.data.entries()) view.setBigUint64(SYSTEM_EVENT.data + 8 * i, value, true)
        break
      case "hypercall":
        view.setBigUint64(HYPERCALL.nr, BigInt(exit.nr), true)
        view.setBigUint64(HYPERCALL.flags, exit.smc ? FLAG_SMC : 0n, true)
        break
      case "debug":
        view.setUint32(DEBUG.syndrome, HLT_CLASS, true)
        break
    }
  }

  get #view(): DataView | undefined {
    if (this.#physical === undefined) return undefined
    const bytes = this.#host.pages.view(this.#physical, PAGE_BYTES)
    return new DataView(bytes.buffer, bytes.byteOffset, PAGE_BYTES)
  }
}
