/** What guests are made of. */
import type { Guest } from "../../../../examples/kvm-program.ts"
import { guestImage } from "../guest-assembler.ts"

/** See Guest in examples/kvm-program.ts: what it runs. */
export type RealKernelGuest = Guest
interface Options extends Partial<Omit<RealKernelGuest, "name" | "image" | "ramPages">> {
  /** Code or data after the vectors. */
  readonly more?: string
}
export const guest = (
  name: string,
  body: string,
  { more = "", vcpus = 1, sve = false, nisv = false, readOnlyPage = false, log = false, filter = false, oldPsci = false }: Options = {}
): RealKernelGuest => ({
  name,
  image: guestImage(body, more),
  vcpus,
  ramPages: 64,
  sve,
  nisv,
  readOnlyPage,
  log,
  filter,
  oldPsci
})

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
/** Each instruction; what it left in X0, and the syndrome of the exception it took, or 0. */
export const each = (instructions: readonly string[]): string =>
  `movz x24, #1\n${instructions.map((i) => `movz x0, #0\nmovz x21, #0\n${i}\nreport x0\nreport x21`).join("\n")}\nmovz x24, #0`
/** A call with these arguments and what comes back in X0..X3. */
export const smccc = (id: number, args: readonly (number | bigint)[] = [9, 9, 9], instruction = "hvc #0", loud = true): string => `
  ${range(4)
    .map((n) => `set x${n}, ${n === 0 ? id : (args[n - 1] ?? 0)}`)
    .join("\n")}
  ${instruction}
  report x0
  ${loud ? "orr x1, x1, x2\norr x1, x1, x3\nreport x1" : ""}`
export const callWithAll = (id: number, args: readonly number[] = [9, 9, 9]): string =>
  `${smccc(id, args, "hvc #0", false)}\nreport x1\nreport x2\nreport x3`
export const psci = (number: number, args: readonly (number | bigint)[] = [9, 9, 9]): string => smccc(0x84000000 + number, args)
export const psciWide = (number: number, args: readonly (number | bigint)[] = [9, 9, 9]): string => smccc(0xc4000000 + number, args)
export const word = (text: string): string => `.word 0x${text}`
