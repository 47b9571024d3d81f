/** What ESR_EL2 says of a load or store whose address faulted in stage 2. */
import { EC } from "@eltwo/isa"
import type { PendingException } from "../exception.ts"

/** ISS fields of a data abort that describe the instruction, and S1PTW: the fault was on a stage 1 table walk, where nothing is known of it. */
const ISV = 1 << 24
const SAS = 22
const SSE = 1 << 21
const SRT = 16
const SF = 1 << 15
const AR = 1 << 14
const S1PTW = 1 << 7

/** Encodings of one general register without write-back, by where the register's width and sign are: size and opc, size alone, or opc in size's place. */
type Shape = "opc" | "size" | "literal"
const FORMS: readonly (readonly [mask: number, value: number, shape: Shape, ordered: number])[] = [
  [0x3f000000, 0x39000000, "opc", 0], // unsigned offset
  [0x3f200400, 0x38000000, "opc", 0], // unscaled and unprivileged
  [0x3f200c00, 0x38200800, "opc", 0], // register offset
  [0x3f200c00, 0x19000000, "opc", AR], // LDAPUR, STLUR
  [0x3fa00000, 0x08800000, "size", AR], // LDAR, STLR, LDLAR, STLLR
  [0x3fe0fc00, 0x38a0c000, "size", AR], // LDAPR
  [0x3f000000, 0x18000000, "literal", 0]
]

/** The ISS bits for the load or store `word`: size, sign extension, register and width; 0 for an instruction of which nothing is said. */
export const accessSyndrome = (word: number): number => {
  const form = FORMS.find(([mask, value]) => (word & mask) === value)
  if (!form) return 0
  const [, , shape, ordered] = form
  const top = word >>> 30
  const opc = (word >>> 22) & 3
  const described = (size: number, signed: boolean, wide: boolean): number =>
    ISV | (size << SAS) | (signed ? SSE : 0) | ((word & 31) << SRT) | (wide ? SF : 0) | ordered
  if (shape === "size") return described(top, false, top === 3)
  if (shape === "literal") return top === 3 ? 0 : described(top === 1 ? 3 : 2, top === 2, top > 0)
  if (opc < 2) return described(top, false, top === 3)
  return top === 3 ? 0 : described(top, true, opc === 2)
}

/** The exception with its syndrome completed, if it is a stage 2 abort of the data of `word`. */
export const describingAccess = (exception: PendingException, word: number): PendingException => {
  const { ec, target, hpfar, iss } = exception
  if (ec !== EC.DataAbortLower || target !== 2 || hpfar === undefined || iss & S1PTW) return exception
  return { ...exception, iss: iss | accessSyndrome(word) }
}
