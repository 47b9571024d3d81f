/** A growing array of bytes with the integer encodings of WebAssembly's binary format. */
export class Writer {
  bytes: Uint8Array
  length = 0

  constructor(capacity = 1 << 14) {
    this.bytes = new Uint8Array(capacity)
  }

  #grow(extra: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + extra))
    larger.set(this.bytes)
    this.bytes = larger
  }
  byte(value: number): void {
    if (this.length === this.bytes.length) this.#grow(1)
    this.bytes[this.length++] = value
  }
  /** Unsigned LEB128 of a 32-bit number. */
  unsigned(value: number): void {
    value >>>= 0
    while (value > 127) {
      this.byte((value & 127) | 128)
      value >>>= 7
    }
    this.byte(value)
  }
  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): void {
    value |= 0
    while (value < -64 || value > 63) {
      this.byte((value & 127) | 128)
      value >>= 7
    }
    this.byte(value & 127)
  }
  /** Signed LEB128 of a 64-bit pattern. */
  signed64(pattern: bigint): void {
    let value = BigInt.asIntN(64, pattern)
    while (value < -0x40000000n || value > 0x3fffffffn) {
      this.byte(Number(value & 127n) | 128)
      value >>= 7n
    }
    this.signed(Number(value))
  }
  raw(bytes: ArrayLike<number>): void {
    this.slice(bytes, 0, bytes.length)
  }
  slice(bytes: ArrayLike<number>, from: number, to: number): void {
    const count = to - from
    if (this.length + count > this.bytes.length) this.#grow(count)
    const { bytes: out, length } = this
    for (let i = 0; i < count; i++) out[length + i] = bytes[from + i]!
    this.length += count
  }
  append(other: Writer): void {
    if (this.length + other.length > this.bytes.length) this.#grow(other.length)
    this.bytes.set(other.bytes.subarray(0, other.length), this.length)
    this.length += other.length
  }
  text(value: string): void {
    this.unsigned(value.length)
    for (let i = 0; i < value.length; i++) this.byte(value.charCodeAt(i))
  }
  /** The bytes written so far: a copy. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }
}
