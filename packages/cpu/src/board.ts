import type { Instruction } from "@eltwo/isa"
import { giveMemory, takeMemory, WASM_PAGE } from "./board-memory.ts"
import { CodePages } from "./decode-cache.ts"
import { type LEAVE, PE_BASE, PE_BYTES } from "./layout.ts"
import { type Device, PAGE_BYTES, PhysicalMemory, type RamWindow } from "./memory.ts"
import { Pe } from "./pe.ts"
import { WrittenPages } from "./written-pages.ts"

/** What the board needs of a composed machine. */
export interface InstructionSet {
  readonly features: ReadonlySet<string>
  /** undefined: the word is unallocated, or its feature is not implemented. */
  decode(word: number): Instruction | undefined
}

/**
 * An engine that runs translated code (packages/cpu/src/jit). It decodes through `Board.code`, so that pages it translated are watched, and drops
 * translations when `CodePages.onWritten` says so.
 */
export interface RegionEngine {
  /**
   * Runs from the PC for at most PE.BUDGET instructions, which it counts down. LEAVE.interpret with an unchanged budget: nothing here is translated.
   * The run loop asks at the start of blocks and after an instruction that had to be interpreted, so counting how hot a place is belongs here.
   */
  enter(pe: Pe): LEAVE
}

/** What a board is made of. */
export interface BoardOptions<Isa extends InstructionSet = InstructionSet> {
  /** The composed machine: instructions, registers, gates, features. */
  readonly isa: Isa
  /** Guest-physical address of RAM: page aligned, below 2^48. */
  readonly ramBase: number
  /** Bytes of RAM: a multiple of the page size. */
  readonly ramBytes: number
  /** Number of processing elements, 1 by default. */
  readonly pes?: number
  /** Source of RNDR and of everything else that is random: the same seed gives the same run. */
  readonly seed?: bigint
  /** Implemented vector lengths and streaming vector lengths, in bits; none: 128 only. */
  readonly vectorLengths?: readonly number[]
  readonly streamingVectorLengths?: readonly number[]
  /** Rate of the system counter in Hz of virtual time, 62.5 MHz by default; CNTFRQ_EL0 starts with it. */
  readonly counterFrequency?: bigint
  /** Memory type of data accesses while stage 1 is off: the architecture says Device, where misaligned accesses fault. */
  readonly memoryWhenOff?: "device" | "normal"
}

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to

/** Bytes of RAM that a board had in use at most for its memory to be kept. */
const MOST_HELD = 64 << 20

/** One machine: its WebAssembly.Memory, guest-physical memory, instruction set and processing elements. */
export class Board {
  readonly isa: InstructionSet
  readonly memory: WebAssembly.Memory
  readonly ram: RamWindow
  readonly physical: PhysicalMemory
  readonly code: CodePages
  readonly written: WrittenPages
  readonly pes: readonly Pe[]
  readonly seed: bigint
  readonly vectorLengths: readonly number[]
  readonly streamingVectorLengths: readonly number[]
  readonly counterFrequency: bigint
  readonly memoryWhenOff: "device" | "normal"
  /** The engine for hot code, when one is attached. */
  regions: RegionEngine | undefined

  /** Throws RangeError when a vector length is none, or RAM is misplaced or does not fit into one WebAssembly.Memory (4 GiB with the blocks before it). */
  constructor(options: BoardOptions) {
    const { ramBase, ramBytes, pes = 1 } = options
    const offset = alignUp(PE_BASE + pes * PE_BYTES, WASM_PAGE)
    const pages = alignUp(offset + ramBytes, WASM_PAGE) / WASM_PAGE
    if (!Number.isInteger(pes) || pes < 1) throw new RangeError(`A machine has at least one processing element, not ${pes}`)
    if (!(ramBase >= 0 && ramBase % PAGE_BYTES === 0 && ramBase + ramBytes <= 2 ** 48)) throw new RangeError(`RAM cannot start at ${ramBase}`)
    if (!(ramBytes > 0 && ramBytes % PAGE_BYTES === 0 && pages <= 65536)) throw new RangeError(`RAM cannot have ${ramBytes} bytes`)
    for (const bits of [...(options.vectorLengths ?? []), ...(options.streamingVectorLengths ?? [])])
      if (!(bits >= 128 && bits <= 2048 && bits % 128 === 0)) throw new RangeError(`A vector has a multiple of 128 bits up to 2048, not ${bits}`)
    this.isa = options.isa
    this.seed = options.seed ?? 0n
    this.vectorLengths = options.vectorLengths ?? []
    this.streamingVectorLengths = options.streamingVectorLengths ?? []
    this.counterFrequency = options.counterFrequency ?? 62_500_000n
    this.memoryWhenOff = options.memoryWhenOff ?? "device"
    this.memory = takeMemory(pages)
    this.ram = { base: ramBase, bytes: ramBytes, offset }
    this.physical = new PhysicalMemory(this.memory, this.ram)
    this.pes = Array.from({ length: pes }, (_, index) => new Pe(this, index, PE_BASE + index * PE_BYTES))
    this.code = new CodePages(this)
    this.written = new WrittenPages(ramBytes / PAGE_BYTES, () => this.pes)
  }

  /** Gives the board up: its memory goes to a later one. Nothing of it may be used any more, and nothing of it may be running. */
  dispose(): void {
    const { ram, physical } = this
    // more than that would be held for nobody
    if (physical.usedBytes > MOST_HELD) return
    physical.clear(ram.base, ram.bytes)
    physical.bytes.fill(0, 0, ram.offset)
    physical.close()
    this.regions = undefined
    giveMemory(this.memory)
  }
  attach(device: Device): void {
    this.physical.attach(device)
  }
  /** Copies bytes into RAM as a loader or device does; decoded code there is dropped. False, and nothing written, when they do not fit. */
  write(physical: number, bytes: Uint8Array): boolean {
    const at = this.physical.at(physical, bytes.length)
    if (at < 0) return false
    this.code.storedRange(physical, bytes.length)
    this.physical.bytes.set(bytes, at)
    return true
  }
}

/** A machine without modelled kernel, in its reset state. */
export const createBoard = (options: BoardOptions): Board => new Board(options)
