/** PrimeCell UART PL011, as far as software can see it when bytes travel in no time: registers, receive FIFO, interrupts. No DMA, no modem lines. */

import { type Saved, shape } from "@eltwo/cpu"

/** What the UART is connected to. */
export interface SerialLine {
  write(byte: number): void
  /** The next byte that was typed; undefined: there is none. */
  read(): number | undefined
}

export const PL011_BASE = 0x0900_0000
export const PL011_BYTES = 0x1000

/** Offsets of the registers. */
const REGISTER = {
  DR: 0x00,
  RSR: 0x04,
  FR: 0x18,
  ILPR: 0x20,
  IBRD: 0x24,
  FBRD: 0x28,
  LCR_H: 0x2c,
  CR: 0x30,
  IFLS: 0x34,
  IMSC: 0x38,
  RIS: 0x3c,
  MIS: 0x40,
  ICR: 0x44,
  DMACR: 0x48
} as const
/** PeriphID0..3 and PCellID0..3. */
const IDENTIFICATION = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]
const IDENTIFICATION_START = 0xfe0
/** Registers that only keep what is written, with the bits they have and their value at reset. */
const STORED: Readonly<Record<number, { readonly mask: number; readonly reset: number }>> = {
  [REGISTER.ILPR]: { mask: 0xff, reset: 0 },
  [REGISTER.IBRD]: { mask: 0xffff, reset: 0 },
  [REGISTER.FBRD]: { mask: 0x3f, reset: 0 },
  [REGISTER.LCR_H]: { mask: 0xff, reset: 0 },
  [REGISTER.CR]: { mask: 0xffff, reset: 0x300 },
  [REGISTER.IFLS]: { mask: 0x3f, reset: 0x12 },
  [REGISTER.IMSC]: { mask: 0x7ff, reset: 0 },
  [REGISTER.DMACR]: { mask: 0x7, reset: 0 }
}
const FR = { CTS: 1 << 0, DSR: 1 << 1, DCD: 1 << 2, RXFE: 1 << 4, RXFF: 1 << 6, TXFE: 1 << 7 } as const
const INTERRUPT = { RX: 1 << 4, TX: 1 << 5 } as const
const LOOPBACK = 1 << 7
const FIFO_ENABLED = 1 << 4
const FIFO_BYTES = 16

export const PL011_STATE = shape({
  fields: { stored: { list: { fields: { register: "u32", value: "u32" } }, most: 16 }, fifo: "bytes", raised: "u32", foundEmpty: "flag" }
})
export type Pl011State = Saved<typeof PL011_STATE>

/**
 * A device of `PL011_BYTES` bytes at `base`. Input is taken from the line only where the guest shows that it waits for some, because asking the host
 * may block: when the receive FIFO is found empty twice without a byte sent between, when an empty one is read, and in `receive`.
 */
export class Pl011 {
  readonly base: number
  readonly bytes = PL011_BYTES
  readonly #line: SerialLine
  readonly #onInterrupt: (asserted: boolean) => void
  readonly #stored = new Map<number, number>()
  #fifo: number[] = []
  /** Raw interrupt status. */
  #raised = 0
  /** FR said that there is no input, and nothing was sent since. */
  #foundEmpty = false

  /** `onInterrupt` is told the state of the interrupt output whenever it may have changed. */
  constructor(line: SerialLine, onInterrupt: (asserted: boolean) => void = () => {}, base = PL011_BASE) {
    this.#line = line
    this.#onInterrupt = onInterrupt
    this.base = base
  }
  reset(): void {
    this.#stored.clear()
    this.#fifo = []
    this.#raised = 0
    this.#foundEmpty = false
    this.#signal()
  }

  get state(): Pl011State {
    return {
      stored: [...this.#stored].map(([register, value]) => ({ register, value })).sort((a, b) => a.register - b.register),
      fifo: Uint8Array.from(this.#fifo),
      raised: this.#raised,
      foundEmpty: this.#foundEmpty
    }
  }
  /** Puts a state in and says what the interrupt output is. Registers that are none are left out. */
  restore({ stored, fifo, raised, foundEmpty }: Pl011State): void {
    this.#stored.clear()
    for (const { register, value } of stored) {
      const known = STORED[register]
      if (known) this.#stored.set(register, value & known.mask)
    }
    this.#fifo = [...fifo.subarray(0, FIFO_BYTES)]
    this.#raised = raised
    this.#foundEmpty = foundEmpty
    this.#signal()
  }

  /** Whether a byte of input would raise an interrupt. */
  get waitsForInput(): boolean {
    return (this.#get(REGISTER.IMSC) & INTERRUPT.RX) !== 0 && this.#fifo.length === 0
  }
  /** Takes a byte from the line if there is room; false when there is neither. */
  receive(): boolean {
    const capacity = this.#get(REGISTER.LCR_H) & FIFO_ENABLED ? FIFO_BYTES : 1
    if (this.#fifo.length >= capacity) return false
    const byte = this.#line.read()
    if (byte === undefined) return false
    this.#accept(byte)
    return true
  }

  read(offset: number): bigint {
    return BigInt(this.#read(offset & ~3))
  }
  write(offset: number, _size: number, value: bigint): void {
    this.#write(offset & ~3, Number(value & 0xffff_ffffn))
  }

  #get(register: number): number {
    return this.#stored.get(register) ?? STORED[register]!.reset
  }
  #read(register: number): number {
    if (register >= IDENTIFICATION_START) return IDENTIFICATION[(register - IDENTIFICATION_START) >> 2] ?? 0
    switch (register) {
      case REGISTER.DR:
        return this.#takeByte()
      case REGISTER.FR:
        return this.#flags()
      case REGISTER.RIS:
        return this.#raised
      case REGISTER.MIS:
        return this.#raised & this.#get(REGISTER.IMSC)
    }
    return register in STORED ? this.#get(register) : 0
  }
  #write(register: number, value: number): void {
    switch (register) {
      case REGISTER.DR:
        this.#send(value & 0xff)
        return
      case REGISTER.ICR:
        this.#raised &= ~value
        break
      default: {
        const stored = STORED[register]
        if (stored) this.#stored.set(register, value & stored.mask)
      }
    }
    this.#signal()
  }
  #flags(): number {
    if (this.#fifo.length === 0 && this.#foundEmpty) this.receive()
    this.#foundEmpty = this.#fifo.length === 0
    const capacity = this.#get(REGISTER.LCR_H) & FIFO_ENABLED ? FIFO_BYTES : 1
    return FR.CTS | FR.DSR | FR.DCD | FR.TXFE | (this.#fifo.length === 0 ? FR.RXFE : 0) | (this.#fifo.length >= capacity ? FR.RXFF : 0)
  }
  #takeByte(): number {
    if (this.#fifo.length === 0) this.receive()
    const byte = this.#fifo.shift() ?? 0
    if (this.#fifo.length === 0) this.#raised &= ~INTERRUPT.RX
    this.#foundEmpty = false
    this.#signal()
    return byte
  }
  /** A byte leaves at once; the transmitter is ready again. */
  #send(byte: number): void {
    this.#foundEmpty = false
    if (this.#get(REGISTER.CR) & LOOPBACK) this.#accept(byte)
    else this.#line.write(byte)
    this.#raised |= INTERRUPT.TX
    this.#signal()
  }
  #accept(byte: number): void {
    if (this.#fifo.length < FIFO_BYTES) this.#fifo.push(byte)
    this.#raised |= INTERRUPT.RX
    this.#signal()
  }
  #signal(): void {
    this.#onInterrupt((this.#raised & this.#get(REGISTER.IMSC)) !== 0)
  }
}
