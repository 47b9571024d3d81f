/**
 * Cases for the GICv3 CPU interface: its state lasts from one case to the next, so that the cases together are a long random program of a hypervisor (EL2)
 * and its guest (EL1) on the list registers.
 */
import type { Case, Chooser, Controls } from "./cases.ts"

const FMO = 1n << 3n
const IMO = 1n << 4n
const RW = 1n << 31n
/** EL1h with interrupts masked, and not. */
const MASKED = 0x3c5
const OPEN = 0x305

type Encoding = readonly [op1: number, CRn: number, CRm: number, op2: number]
const ICC = {
  PMR: [0, 4, 6, 0],
  IAR0: [0, 12, 8, 0],
  EOIR0: [0, 12, 8, 1],
  HPPIR0: [0, 12, 8, 2],
  BPR0: [0, 12, 8, 3],
  AP0R0: [0, 12, 8, 4],
  AP1R0: [0, 12, 9, 0],
  DIR: [0, 12, 11, 1],
  RPR: [0, 12, 11, 3],
  SGI1R: [0, 12, 11, 5],
  ASGI1R: [0, 12, 11, 6],
  SGI0R: [0, 12, 11, 7],
  IAR1: [0, 12, 12, 0],
  EOIR1: [0, 12, 12, 1],
  HPPIR1: [0, 12, 12, 2],
  BPR1: [0, 12, 12, 3],
  CTLR: [0, 12, 12, 4],
  SRE: [0, 12, 12, 5],
  IGRPEN0: [0, 12, 12, 6],
  IGRPEN1: [0, 12, 12, 7]
} as const satisfies Record<string, Encoding>
const ICH = {
  AP0R0: [4, 12, 8, 0],
  AP1R0: [4, 12, 9, 0],
  HCR: [4, 12, 11, 0],
  VTR: [4, 12, 11, 1],
  MISR: [4, 12, 11, 2],
  EISR: [4, 12, 11, 3],
  ELRSR: [4, 12, 11, 5],
  VMCR: [4, 12, 11, 7],
  LR0: [4, 12, 12, 0],
  LR1: [4, 12, 12, 1],
  LR2: [4, 12, 12, 2],
  LR3: [4, 12, 12, 3],
  LR4: [4, 12, 12, 4]
} as const satisfies Record<string, Encoding>
const ISR: Encoding = [0, 12, 1, 0]
type Icc = keyof typeof ICC
const READ: readonly Icc[] = ["PMR", "HPPIR0", "HPPIR1", "BPR0", "BPR1", "RPR", "CTLR", "SRE", "IGRPEN0", "IGRPEN1", "AP0R0", "AP1R0"]
const GENERATE: readonly Icc[] = ["SGI1R", "ASGI1R", "SGI0R"]

const move = ([op1, CRn, CRm, op2]: Encoding, Rt: number, isRead: boolean): number =>
  (0xd5180000 | (isRead ? 1 << 21 : 0) | (op1 << 16) | (CRn << 12) | (CRm << 8) | (op2 << 5) | Rt) >>> 0
const NOTHING = 0xd503201f
/** AND X0, X0, #0x7ffffff and AND X1, X1, #0x7ffffff. */
const [WITHOUT_COUNT_0, WITHOUT_COUNT_1] = [0x92406800, 0x92406821]

/** Few INTIDs and priorities, so that they meet. */
const intid = (choose: Chooser): bigint =>
  choose.chance(0.9) ? BigInt(27 + choose.below(4)) : choose.of([0n, 1019n, 1020n, 1023n, 8192n, 0xffffffn])
const priority = (choose: Chooser): bigint => (choose.chance(0.8) ? BigInt(choose.below(6) * 8 + 0x80) : choose.bits(8))
const listRegister = (choose: Chooser): bigint => {
  const state = choose.of([0n, 1n, 1n, 1n, 1n, 2n, 3n])
  const group = choose.of([0n, 1n, 1n])
  const end = choose.chance(0.2) ? 1n << 41n : 0n
  return (state << 62n) | (group << 60n) | (priority(choose) << 48n) | end | intid(choose)
}
const vmcr = (choose: Chooser): bigint =>
  choose.of([3n, 3n, 3n, 1n, 2n, 0n]) |
  (choose.chance(0.25) ? 1n << 4n : 0n) |
  (choose.chance(0.4) ? 1n << 9n : 0n) |
  (choose.bits(6) << 18n) |
  ((choose.of([0xffn, 0xf8n, 0xa8n, 0x98n, 0x80n]) & 0xf8n) << 24n)

const hypervisor = (choose: Chooser): Partial<Case> & { readonly name: string } => {
  const which = choose.below(10)
  const write = (name: keyof typeof ICH, x0: bigint) => ({
    name: `EL2 writes ICH_${name}`,
    words: [move(ICH[name], 0, false), 0xd5033fdf, move(ICH[name], 1, true)],
    x0
  })
  if (which < 5) return write(choose.of(["LR0", "LR1", "LR2", "LR3"] as const), listRegister(choose))
  if (which === 5) return write("VMCR", vmcr(choose))
  if (which === 6) {
    const enabled = choose.chance(0.9) ? 1n : 0n
    // for VGrp0DIE the other side looks at the enable of group 1; it counts ends (EOIcount, LRENPIE) in the EOI mode that does not deactivate too
    const written = write("HCR", enabled | ((choose.bits(7) & ~18n) << 1n))
    return { ...written, words: [written.words[0]!, written.words[2]!, WITHOUT_COUNT_1] }
  }
  if (which === 7) return write(choose.of(["AP0R0", "AP1R0"] as const), choose.chance(0.7) ? 0n : 1n << BigInt(16 + choose.below(8)))
  const name = choose.of(["MISR", "EISR", "ELRSR", "VMCR", "HCR", "VTR", "AP0R0", "AP1R0", "LR0", "LR1", "LR2", "LR3", "LR4"] as const)
  return { name: `EL2 reads ICH_${name}`, words: [move(ICH[name], 0, true), ...(name === "HCR" ? [WITHOUT_COUNT_0] : [])] }
}
const guest = (choose: Chooser): Partial<Case> & { readonly name: string } => {
  const which = choose.below(12)
  const read = (name: Icc) => ({ name: `EL1 reads ICC_${name}`, words: [move(ICC[name], 0, true), move(ISR, 1, true)] })
  const write = (name: Icc, x0: bigint) => ({ name: `EL1 writes ICC_${name}`, words: [move(ICC[name], 0, false), move(ISR, 1, true)], x0 })
  if (which < 4) return read(choose.of(["IAR0", "IAR1", "IAR1"]))
  if (which < 6) return write(choose.of(["EOIR0", "EOIR1", "EOIR1"]), intid(choose))
  if (which === 6) return write("DIR", intid(choose))
  if (which === 7) return write(choose.of(["BPR0", "BPR1"]), choose.bits(3))
  if (which === 8) return write("PMR", choose.of([0xffn, 0xf0n, 0xa0n, 0x90n, choose.bits(8)]))
  if (which === 9) return write(choose.of(["CTLR", "IGRPEN0", "IGRPEN1", "IGRPEN1"]), choose.chance(0.7) ? 1n : choose.bits(2))
  if (which === 10) return { name: "EL1 with interrupts open", words: [NOTHING, NOTHING], spsr: OPEN }
  return read(choose.of(READ))
}
const ROUTED: Controls = { HCR_EL2: RW | FMO | IMO }

/** Which traps stop which register, one access each. */
const traps = (choose: Chooser): readonly Case[] => {
  const cases: Case[] = []
  for (const trap of [0n, 1n << 10n, 1n << 11n, 1n << 12n, 1n << 14n]) {
    cases.push({ name: "EL2 sets traps", words: [move(ICH.HCR, 0, false)], el: 2, controls: {}, x0: trap })
    for (const routed of [RW, RW | FMO, RW | IMO, RW | FMO | IMO])
      for (const [name, encoding] of Object.entries(ICC))
        for (const isRead of [true, false])
          for (const el of [0, 1] as const) {
            if (!isRead && (name === "SRE" || (GENERATE.includes(name as Icc) && el === 1 && routed === RW))) continue
            if (!isRead && /^AP|EOIR|DIR/.test(name)) continue
            const word = move(encoding, 0, isRead)
            // beside reserved bits the other side takes too small a binary point
            const x0 = choose.bits(name.startsWith("BPR") ? 3 : 8)
            cases.push({ name: `EL${el} ${isRead ? "reads" : "writes"} ICC_${name}`, words: [word], el, controls: { HCR_EL2: routed }, x0 })
          }
  }
  return cases
}
const quiet: readonly Case[] = (["LR0", "LR1", "LR2", "LR3", "HCR", "VMCR", "AP0R0", "AP1R0"] as const).map((name) => ({
  name: `EL2 clears ICH_${name}`,
  words: [move(ICH[name], 31, false)],
  el: 2,
  controls: {}
}))

/** A random program of `count` steps, after every register was tried under every trap. */
export const interruptCases = (choose: Chooser, count: number): readonly Case[] => [
  ...quiet,
  ...traps(choose),
  ...quiet,
  ...Array.from({ length: count }, (): Case => {
    const inGuest = choose.chance(0.6)
    const step = inGuest ? guest(choose) : hypervisor(choose)
    return {
      words: [],
      x1: 0x1111n,
      ...step,
      el: inGuest ? 1 : 2,
      controls: inGuest ? ROUTED : {},
      ...(inGuest ? { spsr: step.spsr ?? MASKED } : {})
    }
  }),
  ...quiet
]
