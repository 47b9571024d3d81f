/** Physical memory as hyp code reaches it: through its own mapping, by the loads and stores of the CPU that executes it. */
import { type Host, kernHypVa, linear, type TableMemory } from "@eltwo/kvm"
import type { HypState } from "../hyp-vcpu.ts"
import type { HypPool } from "../ownership/hyp-pool.ts"
import type { PhysicalMemory } from "../ownership/mappings.ts"
import { PAGE_BYTES } from "../ownership/page-state.ts"

/** Hyp code's address of physical memory that it maps. */
export const hypAddress = (physical: number): bigint => kernHypVa(linear(physical))

/** Tables in pages of a pool. */
export const pooledTables = (running: Pick<HypState, "cpu">, pool: HypPool): TableMemory => ({
  allocate: () => {
    const pfn = pool.allocate()
    return pfn === undefined ? undefined : pfn * PAGE_BYTES
  },
  free: (page) => pool.put(page / PAGE_BYTES),
  read: (address) => running.cpu.load64(hypAddress(address)),
  write: (address, descriptor) => running.cpu.store64(hypAddress(address), descriptor)
})

/** Memory of the board, as hyp code clears it; code in it that was decoded is forgotten. */
export const boardMemory = ({ board }: Host): PhysicalMemory => ({
  zero(address, bytes) {
    if (!board.physical.contains(address, bytes)) throw new RangeError(`hyp code clears 0x${address.toString(16)}, which is no memory`)
    board.code.storedRange(address, bytes)
    board.physical.clear(address, bytes)
  }
})
