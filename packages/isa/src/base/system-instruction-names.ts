/** Names of the encodings of SYS and SYSL: cache, translation and prediction maintenance. */
import { once } from "../once.ts"
import { systemEncoding } from "../operands.ts"

/** What follows the name: a register always, unless it is XZR, or never. */
export type RegisterUse = "always" | "optional" | "never"
export interface SystemInstruction {
  /** As written, "dc zva" or "trcit". */
  readonly name: string
  /** What `systemEncoding` gives, op0 being 1. */
  readonly encoding: number
  readonly register: RegisterUse
}
const row = (register: RegisterUse, name: string, op1: number, CRn: number, CRm: number, op2: number): SystemInstruction => ({
  name,
  encoding: systemEncoding(1, op1, CRn, CRm, op2),
  register
})
/** Names and numbers: "ivac 0 7 6 1" is op1, CRn, CRm, op2. */
const rows = (operation: string, register: RegisterUse, lines: readonly string[]): readonly SystemInstruction[] =>
  lines.map((line) => {
    const [name, op1, CRn, CRm, op2] = line.split(" ")
    return row(register, operation === "" ? name! : `${operation} ${name}`, Number(op1), Number(CRn), Number(CRm), Number(op2))
  })

const caches = () => [
  ...rows("ic", "never", ["ialluis 0 7 1 0", "iallu 0 7 5 0"]),
  ...rows("ic", "always", ["ivau 3 7 5 1"]),
  // By virtual address or set and way, EL1.
  ...rows("dc", "always", ["ivac 0 7 6 1", "isw 0 7 6 2", "igvac 0 7 6 3", "igsw 0 7 6 4", "igdvac 0 7 6 5", "igdsw 0 7 6 6"]),
  ...rows("dc", "always", ["csw 0 7 10 2", "cgsw 0 7 10 4", "cgdsw 0 7 10 6", "cisw 0 7 14 2", "cigsw 0 7 14 4", "cigdsw 0 7 14 6"]),
  ...rows("dc", "always", ["civaps 0 7 15 1", "cigdvaps 0 7 15 5"]),
  // By virtual address, EL0.
  ...rows("dc", "always", ["zva 3 7 4 1", "gva 3 7 4 3", "gzva 3 7 4 4", "zgbva 3 7 4 5", "gbva 3 7 4 7"]),
  ...rows("dc", "always", ["cvac 3 7 10 1", "cgvac 3 7 10 3", "cgdvac 3 7 10 5", "cvaoc 3 7 11 0", "cvau 3 7 11 1", "cgdvaoc 3 7 11 7"]),
  ...rows("dc", "always", ["cvap 3 7 12 1", "cgvap 3 7 12 3", "cgdvap 3 7 12 5", "cvadp 3 7 13 1", "cgvadp 3 7 13 3", "cgdvadp 3 7 13 5"]),
  ...rows("dc", "always", ["civac 3 7 14 1", "cigvac 3 7 14 3", "cigdvac 3 7 14 5", "civaoc 3 7 15 0", "cigdvaoc 3 7 15 7"]),
  // By physical address, EL2 and EL3.
  ...rows("dc", "always", ["cipae 4 7 14 0", "cigdpae 4 7 14 7", "cipapa 6 7 14 1", "cigdpapa 6 7 14 5"])
]
const translations = () => [
  ...rows("at", "always", ["s1e1r 0 7 8 0", "s1e1w 0 7 8 1", "s1e0r 0 7 8 2", "s1e0w 0 7 8 3", "s1e1rp 0 7 9 0", "s1e1wp 0 7 9 1"]),
  ...rows("at", "always", ["s1e2r 4 7 8 0", "s1e2w 4 7 8 1", "s12e1r 4 7 8 4", "s12e1w 4 7 8 5", "s12e0r 4 7 8 6", "s12e0w 4 7 8 7"]),
  ...rows("at", "always", ["s1e1a 0 7 9 2", "s1e2a 4 7 9 2", "s1e3r 6 7 8 0", "s1e3w 6 7 8 1", "s1e3a 6 7 9 2"])
]
const others = () => [
  ...rows("", "always", ["cfp_rctx 3 7 3 4", "dvp_rctx 3 7 3 5", "cosp_rctx 3 7 3 6", "cpp_rctx 3 7 3 7"]).map((entry) => ({
    ...entry,
    name: entry.name.replace("_", " ")
  })),
  ...rows("brb", "never", ["iall 1 7 2 4", "inj 1 7 2 5"]),
  ...rows("gsb", "never", ["sys 0 12 0 0", "ack 0 12 0 1"]),
  ...rows("", "never", ["gcspushx 0 7 7 4", "gcspopcx 0 7 7 5", "gcspopx 0 7 7 6"]),
  ...[
    [0, "cd"],
    [4, "vd"],
    [6, "ld"]
  ].flatMap(([op1, prefix]) =>
    ["dis 1 0", "en 1 1", "pri 1 2", "aff 1 3", "pend 1 4", "rcfg 1 5", "di 2 0", "hm 2 1"].flatMap((line) => {
      const [name, CRm, op2] = line.split(" ")
      return row("always", `gic ${prefix}${name}`, Number(op1), 12, Number(CRm), Number(op2))
    })
  ),
  ...rows("gic", "always", ["cdeoi 0 12 1 7"])
]

/** Shareability suffixes, and the CRm that says so: for single addresses and whole contexts, and for ranges. */
const shareability = [
  { suffix: "", CRm: 7, range: 6 },
  { suffix: "is", CRm: 3, range: 2 },
  { suffix: "os", CRm: 1, range: 5 }
]
/** Names and op2 of one level; a star: no address, hence no register. */
const levels = [
  { op1: 0, single: "vmalle1* 0 vae1 1 aside1 2 vaae1 3 vale1 5 vaale1 7", ranges: "rvae1 1 rvaae1 3 rvale1 5 rvaale1 7" },
  { op1: 4, single: "alle2* 0 vae2 1 alle1* 4 vale2 5 vmalls12e1* 6", ranges: "rvae2 1 rvale2 5" },
  { op1: 6, single: "alle3* 0 vae3 1 vale3 5", ranges: "rvae3 1 rvale3 5" }
]
const protectionLevels = [
  { op1: 0, single: "vmalle1* 0 perme1 1 aside1 2 permae1 3" },
  { op1: 4, single: "alle2* 0 perme2 1 alle1* 4" },
  { op1: 6, single: "alle3* 0 perme3 1" }
]
/** Those without an address take an optional register below EL3 when they are broadcast. */
const wholeContext = (op1: number, suffix: string): RegisterUse => (suffix === "" || op1 === 6 ? "never" : "optional")
const pairs = (text: string): readonly (readonly [name: string, op2: number])[] =>
  [...text.matchAll(/(\S+) (\d)/g)].map((match) => [match[1]!, Number(match[2])] as const)
const broadcast = (operation: string, text: string, op1: number, CRn: number, suffix: string, CRm: number, end: string) =>
  pairs(text).map(([name, op2]) =>
    row(name.endsWith("*") ? wholeContext(op1, suffix) : "always", `${operation} ${name.replace("*", "")}${suffix}${end}`, op1, CRn, CRm, op2)
  )

const invalidations = () =>
  [
    { CRn: 8, end: "" },
    { CRn: 9, end: "nxs" }
  ].flatMap(({ CRn, end }) => [
    ...shareability.flatMap(({ suffix, CRm, range }) =>
      levels.flatMap(({ op1, single, ranges }) => [
        ...broadcast("tlbi", single, op1, CRn, suffix, CRm, end),
        ...broadcast("tlbi", ranges, op1, CRn, suffix, range, end)
      ])
    ),
    ...broadcast("tlbi", "ipas2e1 1 ripas2e1 2 ipas2le1 5 ripas2le1 6", 4, CRn, "is", 0, end),
    ...broadcast("tlbi", "ipas2e1 1 ripas2e1 2 ipas2le1 5 ripas2le1 6", 4, CRn, "", 4, end),
    ...broadcast("tlbi", "ipas2e1 0 ripas2e1 3 ipas2le1 4 ripas2le1 7", 4, CRn, "os", 4, end),
    ...broadcast("tlbi", "vmallws2e1* 3", 4, CRn, "", 6, end),
    ...broadcast("tlbi", "vmallws2e1* 2", 4, CRn, "is", 2, end),
    ...broadcast("tlbi", "vmallws2e1* 2", 4, CRn, "os", 5, end)
  ])
const protections = () =>
  shareability.flatMap(({ suffix, CRm }) =>
    protectionLevels.flatMap(({ op1, single }) => [
      ...broadcast("plbi", single, op1, 10, suffix, CRm, ""),
      ...broadcast("plbi", single, op1, 10, suffix, CRm + 8, "nxs")
    ])
  )

/** Written with a comma before the register: all but those of one word. */
export const systemInstructionNames = once((): readonly SystemInstruction[] => [
  ...caches(),
  ...translations(),
  ...others(),
  ...invalidations(),
  ...rows("tlbi", "never", ["paallos 6 8 1 4", "paall 6 8 7 4"]),
  ...rows("tlbi", "always", ["rpaos 6 8 4 3", "rpalos 6 8 4 7"]),
  ...protections(),
  ...rows("", "always", ["trcit 3 7 2 7", "gcspushm 3 7 7 0", "gcsss1 3 7 7 2"])
])
