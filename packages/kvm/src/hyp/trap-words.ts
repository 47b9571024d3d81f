/** CPTR_EL2 words in both layouts, made from the trap controls the machine's extensions declare. */
import type { Machine } from "@eltwo/isa"

/** How a mode programs CPTR_EL2: "cpacr" while HCR_EL2.E2H is 1 (under the name CPACR_EL1), "classic" while it is 0. */
export type TrapSpelling = "cpacr" | "classic"

/** Ids of the trap controls of a machine: "fp", "sve", "sme". */
export type TrapId = string

interface Layout {
  /** Name the instruction has. */
  readonly register: "CPACR_EL1" | "CPTR_EL2"
  /** TAM and TTA: activity monitors and trace, which guests do not get. */
  readonly guestTraps: bigint
}
const LAYOUTS: Readonly<Record<TrapSpelling, Layout>> = {
  cpacr: { register: "CPACR_EL1", guestTraps: (1n << 30n) | (1n << 28n) },
  classic: { register: "CPTR_EL2", guestTraps: (1n << 30n) | (1n << 20n) }
}
/** RES1 bits of the classic layout when no extension claims TSM, TFP or TZ. */
const CLASSIC_RES1 = 0x33ffn
const OPEN = 3n

/** Words of the register that traps FP, SVE and SME at EL2, in one of its two spellings. */
export interface TrapWords {
  readonly register: Layout["register"]
  /** Back in the host: everything the machine has is open. */
  readonly rest: bigint
  /** A guest runs; the controls named are open. */
  guest(open: readonly TrapId[]): bigint
}

/** The words of a machine in a spelling. */
export const trapWords = ({ trapControls }: Pick<Machine, "trapControls">, spelling: TrapSpelling): TrapWords => {
  const { register, guestTraps } = LAYOUTS[spelling]
  const word = (open: (id: TrapId) => boolean): bigint =>
    spelling === "cpacr"
      ? trapControls.reduce((all, { id, cptr }) => all | (open(id) ? OPEN << BigInt((cptr.e2h ?? cptr).low) : 0n), 0n)
      : trapControls.reduce((all, { id, cptr }) => {
          const bit = 1n << BigInt(cptr.low)
          return open(id) ? all & ~bit : all | bit
        }, CLASSIC_RES1)
  const known = new Map<string, bigint>()
  return {
    register,
    rest: word(() => true),
    guest(open) {
      const key = open.join()
      let value = known.get(key)
      if (value === undefined) known.set(key, (value = word((id) => open.includes(id)) | guestTraps))
      return value
    }
  }
}
