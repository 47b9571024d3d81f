/** Words as lines: address, word, text. */
import type { Machine } from "@eltwo/isa"

export interface Line {
  readonly address: bigint
  readonly word: string
  /** `.inst 0x...` for a word that no implemented instruction has. */
  readonly text: string
}
export const linesOf = ({ table }: Machine, bytes: Uint8Array, address: bigint): readonly Line[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => {
    const word = view.getUint32(4 * i, true)
    const place = BigInt.asUintN(64, address + BigInt(4 * i))
    const hex = word.toString(16).padStart(8, "0")
    return { address: place, word: hex, text: table.disassemble(word, { address: place }) ?? `.inst 0x${hex}` }
  })
}
export const lineText = ({ address, word, text }: Line): string => `${address.toString(16).padStart(8)}:  ${word}  ${text}\n`
/** Sixteen bytes a line. */
export const dumpText = (bytes: Uint8Array, address: bigint): string => {
  let text = ""
  for (let at = 0; at < bytes.length; at += 16)
    text += `${(address + BigInt(at)).toString(16).padStart(8)}:  ${[...bytes.subarray(at, at + 16)].map((b) => b.toString(16).padStart(2, "0")).join(" ")}\n`
  return text
}
