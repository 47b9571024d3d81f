/** Registers that live outside the register file or are computed: one entry for each `storage` a declaration may name. */
import type { Register, RegisterFile, Storage } from "@eltwo/isa"
import { Abort, undefinedInstruction } from "./exception.ts"
import { interruptInterface } from "./interrupt-interface.ts"
import { PE, PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { interruptStatus } from "./pending.ts"
import { setState, stackSlot } from "./processor-state.ts"
import { nextRandom } from "./random.ts"
import {
  physicalCount,
  readTimerCompare,
  readTimerControl,
  readTimerValue,
  virtualCount,
  writeTimerCompare,
  writeTimerControl,
  writeTimerValue
} from "./timer.ts"
import { writeSvcr } from "./vector-length.ts"

interface Place {
  read(pe: Pe, register: Register): bigint
  write(pe: Pe, register: Register, value: bigint): void
}
const readOnly = (read: Place["read"]): Place => ({ read, write: () => {} })

/** A PSTATE field that reads at its own bits. */
const pstateField = (mask: number): Place => ({
  read: (pe) => BigInt(pe.pstate & mask),
  write: (pe, _, value) => setState(pe, (pe.pstate & ~mask) | (Number(value & 0xffffffffn) & mask))
})
const fpWord = (at: number): Place => ({
  read: (pe) => BigInt(pe.words[at >> 2]!),
  write(pe, _, value) {
    pe.words[at >> 2] = Number(value & 0xffffffffn)
  }
})
/** SP_ELx: in x[31] while it is the current stack pointer. */
const stackPointer = (level: 0 | 1 | 2): Place => {
  const selected = (pe: Pe, slot: number) => stackSlot(pe, pe.pstate) === slot
  const slotOf = (pe: Pe) => {
    const slot = pe.controls.slot[`SP_EL${level}`]
    // SP_EL0 by name is UNDEFINED while it is the current stack pointer
    if (level === 0 && selected(pe, slot)) throw new Abort(undefinedInstruction(pe))
    return slot
  }
  return {
    read(pe) {
      const slot = slotOf(pe)
      return selected(pe, slot) ? pe.x[31]! : pe.system[slot]!
    },
    write(pe, _, value) {
      const slot = slotOf(pe)
      if (selected(pe, slot)) pe.x[31] = value
      else pe.system[slot] = value
    }
  }
}
const timerPlace = (read: (pe: Pe, timer: "CNTP" | "CNTV" | "CNTHP" | "CNTHV") => bigint, write: typeof writeTimerControl): Place => ({
  read: (pe, register) => read(pe, register.declaration.timer!),
  write: (pe, register, value) => write(pe, register.declaration.timer!, value)
})

/** 32 KiB 4-way instruction and data caches of level 1, 512 KiB 8-way of level 2; lines of 64 bytes. */
const CACHES: readonly { readonly instruction: boolean; readonly level: number; readonly sets: number; readonly ways: number }[] = [
  { instruction: false, level: 0, sets: 128, ways: 4 },
  { instruction: true, level: 0, sets: 128, ways: 4 },
  { instruction: false, level: 1, sets: 1024, ways: 8 }
]
const LINE_64_BYTES = 2
const cacheGeometry = (pe: Pe): bigint => {
  const selector = Number(pe.system[pe.controls.slot.CSSELR_EL1]!),
    cache = CACHES.find((c) => c.level === ((selector >> 1) & 7) && c.instruction === ((selector & 1) === 1))
  return cache ? BigInt(((cache.sets - 1) << 13) | ((cache.ways - 1) << 3) | LINE_64_BYTES) : 0n
}

/** log2 of the words that DC ZVA zeroes, 64 bytes; DZP (bit 4) when it traps at this level. */
export const ZERO_BLOCK_BYTES = 64
const DCZID_BS = 4n
const DZP = 16n
const SCTLR_DZE = 1 << 14
const HCR_TDZ = 1 << 28
export const zeroProhibited = (pe: Pe): boolean => {
  const { controls, el } = pe
  if (el === 2) return false
  const sctlr = controls.low(controls.host ? controls.slot.SCTLR_EL2 : controls.slot.SCTLR_EL1)
  return (el === 0 && !(sctlr & SCTLR_DZE)) || (controls.hcr & HCR_TDZ) !== 0
}
const OSLK = 2n

export const storages: Readonly<Record<Storage, Place>> = {
  NZCV: {
    read: (pe) => BigInt((pe.flags << 28) >>> 0),
    write(pe, _, value) {
      pe.flags = Number((value >> 28n) & 15n)
    }
  },
  DAIF: {
    read: (pe) => BigInt(pe.pstate & (PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F)),
    write(pe, _, value) {
      const mask = PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F
      pe.pstate = (pe.pstate & ~mask) | (Number(value & 0xffffn) & mask)
      pe.attention = true
    }
  },
  CurrentEL: readOnly((pe) => BigInt(pe.pstate & PSTATE.EL)),
  SPSel: pstateField(PSTATE.SP),
  PAN: pstateField(PSTATE.PAN),
  UAO: pstateField(PSTATE.UAO),
  DIT: pstateField(PSTATE.DIT),
  SSBS: pstateField(PSTATE.SSBS),
  TCO: pstateField(PSTATE.TCO),
  ALLINT: pstateField(PSTATE.ALLINT),
  SP_EL0: stackPointer(0),
  SP_EL1: stackPointer(1),
  SP_EL2: stackPointer(2),
  FPCR: fpWord(PE.FPCR),
  FPSR: fpWord(PE.FPSR),
  FPMR: {
    read: (pe) => pe.doublewords[PE.FPMR >> 3]!,
    write(pe, _, value) {
      pe.doublewords[PE.FPMR >> 3] = value
    }
  },
  SVCR: { read: (pe) => BigInt(pe.svcr), write: (pe, _, value) => writeSvcr(pe, Number(value & 3n)) },
  RNDR: readOnly((pe) => {
    pe.flags = 0
    return nextRandom(pe)
  }),
  ISR: readOnly(interruptStatus),
  CCSIDR: readOnly(cacheGeometry),
  DCZID: readOnly((pe) => DCZID_BS | (zeroProhibited(pe) ? DZP : 0n)),
  OSLAR: {
    read: () => 0n,
    write(pe, _, value) {
      const { OSLSR_EL1 } = pe.controls.slot
      pe.system[OSLSR_EL1] = (pe.system[OSLSR_EL1]! & ~OSLK) | (value & 1n ? OSLK : 0n)
    }
  },
  physicalCount: readOnly(physicalCount),
  virtualCount: readOnly(virtualCount),
  timerControl: timerPlace(readTimerControl, writeTimerControl),
  timerCompare: timerPlace(readTimerCompare, writeTimerCompare),
  timerValue: timerPlace(readTimerValue, writeTimerValue),
  interruptInterface
}

const files = new WeakMap<Pe, RegisterFile>()
/** The register file as a computed register of a plugin sees it. */
export const computedFile = (pe: Pe): RegisterFile => {
  let file = files.get(pe)
  if (!file) files.set(pe, (file = fileOf(pe)))
  return file
}
const fileOf = (pe: Pe): RegisterFile => {
  const register = (name: string): Register => {
    const found = pe.controls.machine.registerByName.get(name)
    if (!found) throw new RangeError(`This machine has no register ${name}`)
    return found
  }
  return {
    get el() {
      return pe.el as 0 | 1 | 2
    },
    get(name) {
      const { declaration, slot } = register(name)
      return declaration.storage ? storages[declaration.storage].read(pe, register(name)) : pe.system[slot]!
    },
    set(name, value) {
      const target = register(name)
      const { declaration } = target
      if (declaration.storage) storages[declaration.storage].write(pe, target, value)
      else pe.controls.store(target, BigInt.asUintN(64, value))
    }
  }
}
