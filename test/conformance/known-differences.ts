/** Where we mean to differ from the table of known encodings and from objdump, and why. Everything else is a failure. */
import type { Exception } from "./encodings.ts"

export const encodingExceptions: readonly Exception[] = [
  {
    kind: "missing",
    theirs: /^MSR_SI_pstate$/,
    reason: "MSR (immediate): the table has one row for all PSTATE fields; fields that are not implemented are UNDEFINED"
  },
  {
    kind: "other instruction",
    theirs: /^MSR_SI_pstate$/,
    ours: /^(CFINV|XAFLAG|AXFLAG)$/,
    reason: "CFINV, XAFLAG, AXFLAG with a CRm that should be 0: the table takes them for MSR (immediate)"
  },
  {
    kind: "feature",
    theirs: /^MSR_SI_pstate$/,
    reason: "MSR (immediate): the fields have a feature each (UAO, PAN, SSBS, DIT)"
  },
  {
    kind: "access",
    theirs: /^MSR_SI_pstate$/,
    reason: "MSR (immediate): the class of the row is that of SVCR alone"
  },
  {
    kind: "feature",
    theirs: /_asi[ms]dshf_C$/,
    ours: /half precision/,
    reason: "fixed-point conversions of half precision need FP16, which the table does not say"
  },
  {
    kind: "feature",
    theirs: /^PMULL_asimddiff_L$/,
    ours: /doublewords/,
    reason: "PMULL of doublewords has a feature of its own; the table has it under AES"
  },
  {
    kind: "missing",
    theirs: /_CPY_memcms$|_SET_memcms$/,
    reason: "memory copy and set with a register that overlaps another or is number 31 where it may not be: UNDEFINED here, as in QEMU"
  },
  {
    kind: "missing",
    theirs: /_128_memop_128$/,
    reason: "128-bit atomics with Rt equal to Rt2: UNDEFINED here, as in QEMU"
  }
]

/** Words of an instruction whose text objdump spells otherwise. */
export interface TextException {
  readonly instruction: RegExp
  readonly applies: (fields: Readonly<Record<string, number>>, theirs: string) => boolean
  readonly reason: string
}
export const textExceptions: readonly TextException[] = [
  {
    instruction: /^MSR (UAO|PAN|SPSel|SSBS|DIT) \(immediate\)$/,
    applies: (fields) => fields["CRm"]! > 1,
    reason: "MSR (immediate) of a one-bit field: bits 3:1 of the immediate are ignored; objdump prints a generic MSR"
  },
  {
    instruction: /^SYS,/,
    applies: (fields, theirs) => fields["Rt"] !== 31 && theirs.startsWith("brb "),
    reason: "BRB takes no register: objdump drops Rt, so that its text means another word"
  },
  {
    instruction: /^LDP, STP, LDPSW \(/,
    applies: (fields, theirs) => fields["opc"] === 1 && theirs.endsWith("; undefined"),
    reason: "LDPSW twice into one register, or with write-back into one it loads: constrained unpredictable; objdump calls it undefined"
  }
]
