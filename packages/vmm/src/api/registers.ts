/** Registers of a guest by the names the architecture gives them. Values are numbers: element 0 of a vector is in the lowest bits. */
import { AccessError } from "../errors.ts"

/** A register that a machine has now. */
export interface RegisterInfo {
  /** "X0", "SP", "PC", "PSTATE", "V3", "Z5", "P1", "FFR", "ZA", "FPSR", "ZCR_EL1" ... */
  readonly name: string
  /** Its size now; vectors have the vector length in force. */
  readonly bits: number
}
/** One register: how it is read and written. A string says why a write is refused. */
export interface RegisterPlace {
  readonly bits: number
  get(): bigint
  set(value: bigint): string | undefined
}
/** The registers of one processor of a guest. */
export interface Registers {
  /** Names there are now; whether one is there can change with the guest's state. */
  names(): readonly string[]
  place(name: string): RegisterPlace | undefined
}

/** System registers by upper-case names: the manual writes a few of them otherwise (SPSel). */
export const byUpperCase = <T>(registers: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
  new Map([...registers].map(([name, register]) => [name.toUpperCase(), register]))

/** X0..X30, V0..V31 ...: names of a bank. */
export const bank = (letter: string, count: number): readonly string[] => Array.from({ length: count }, (_, n) => `${letter}${n}`)
/** The number in the name of a bank's register: "Z5" of ("Z", 32) is 5; undefined when it is none. */
export const numberIn = (name: string, letter: string, count: number): number | undefined => {
  const match = new RegExp(`^${letter}(0|[1-9]\\d?)$`).exec(name)
  const number = match === null ? count : Number(match[1])
  return number < count ? number : undefined
}
/** Bytes of a register image, little-endian, as a place. */
export const bytesPlace = (bytes: Uint8Array): RegisterPlace => ({
  bits: bytes.length * 8,
  get: () => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
  set: (value) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn)
    return undefined
  }
})

const HINT = "registers() lists the registers there are, with their sizes."
const found = (registers: Registers, name: string): RegisterPlace | AccessError =>
  registers.place(name.toUpperCase()) ?? new AccessError({ reason: "no-register", message: `there is no register ${name} now`, hint: HINT })

/** Every register there is now. */
export const listRegisters = (registers: Registers): readonly RegisterInfo[] =>
  registers.names().flatMap((name) => {
    const place = registers.place(name)
    return place === undefined ? [] : [{ name, bits: place.bits }]
  })
/** A register's value; the case of letters does not count. */
export const readNamed = (registers: Registers, name: string): bigint | AccessError => {
  const place = found(registers, name)
  return place instanceof AccessError ? place : place.get()
}
/** Sets a register. A value wider than it, or one that it cannot have, is refused. */
export const writeNamed = (registers: Registers, name: string, value: bigint): AccessError | undefined => {
  const place = found(registers, name)
  if (place instanceof AccessError) return place
  const problem =
    value < 0n || value >> BigInt(place.bits) ? `has ${place.bits} bits, and 0x${value.toString(16)} is no such number` : place.set(value)
  return problem === undefined ? undefined : new AccessError({ reason: "refused-value", message: `${name} ${problem}`, hint: HINT })
}
