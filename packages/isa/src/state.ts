/** State components: register files that the port saves, loads and zeroes as a whole, in a stated format. */

/** Registers of a processing element as byte arrays in its memory (little-endian), and the lengths in force. A view: writing it writes the registers. */
export interface RegisterBytes {
  /** Vector length that SVE state has now, in bytes. */
  readonly vectorBytes: number
  readonly streamingVectorBytes: number
  readonly svcr: number
  /** X0..X30, 8 bytes each. */
  X(): Uint8Array
  /** Zn, 256 bytes whatever the vector length; Vn is its first 16. */
  Z(n: number): Uint8Array
  /** Pn, 32 bytes; 16 is FFR. */
  P(n: number): Uint8Array
  /** Row `index` of ZA, streamingVectorBytes long. */
  ZA(index: number): Uint8Array
  ZT0(): Uint8Array
  getWord(register: "FPSR" | "FPCR"): number
  setWord(register: "FPSR" | "FPCR", value: number): void
}
/** A register file that is saved, loaded and zeroed as a whole, in a format of its own. */
export interface Component {
  /** "fpsimd", "sve", "za" ...: the format's name, unique among plugins. */
  readonly id: string
  /** Version of the byte format. */
  readonly version: number
  /** Access class that must be open at the current level to touch it. */
  readonly access: string
  /** Size of a saved image in bytes. */
  bytes(registers: RegisterBytes): number
  /** `image` has exactly `bytes()` bytes. */
  save(registers: RegisterBytes, image: Uint8Array): void
  load(registers: RegisterBytes, image: Uint8Array): void
  zero(registers: RegisterBytes): void
}
