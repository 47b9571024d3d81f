/** KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST. */
import { physicalCount } from "@eltwo/cpu"
import { systemEncoding } from "@eltwo/isa"
import type { Errno } from "./errno.ts"
import { type ContextRegister, SLOT } from "./guest-context.ts"
import { FPCR_OFFSET, FPSR_OFFSET } from "./host/fp-memory.ts"
import { setIdRegister } from "./id-registers.ts"
import { ARM64, Coprocessor, idOf, SIZE } from "./one-reg-id.ts"
import { PSCI_VERSIONS } from "./psci.ts"
import { CACHE_GEOMETRY, CACHE_SELECTORS } from "./system-access.ts"
import { isVisible, UNKNOWN } from "./system-registers.ts"
import type { Vcpu } from "./vcpu.ts"
import { hasFeature, VcpuFeature, vectorsOf } from "./vcpu-init.ts"
import { type Place, vectorIndices, vectorPlace } from "./vector-registers.ts"
import { FIRMWARE_BITMAPS, type FirmwareBitmap } from "./vm.ts"

const RESERVED = 0x0f0f_ffff_0000_0000n
/** Indices of the core registers, in 32-bit words of the user register structure. */
const CORE = { x: 0, sp: 62, pc: 64, pstate: 66, spEl1: 68, elrEl1: 70, spsr: 72, v: 84, fpsr: 212, fpcr: 213, end: 214 } as const
/** Ids of the registers user space uses most. */
export const REG = {
  x: (n: number): bigint => idOf(SIZE.U64, Coprocessor.CORE, CORE.x + 2 * n),
  sp: idOf(SIZE.U64, Coprocessor.CORE, CORE.sp),
  pc: idOf(SIZE.U64, Coprocessor.CORE, CORE.pc),
  pstate: idOf(SIZE.U64, Coprocessor.CORE, CORE.pstate),
  spEl1: idOf(SIZE.U64, Coprocessor.CORE, CORE.spEl1),
  elrEl1: idOf(SIZE.U64, Coprocessor.CORE, CORE.elrEl1),
  spsrEl1: idOf(SIZE.U64, Coprocessor.CORE, CORE.spsr),
  v: (n: number): bigint => idOf(SIZE.U128, Coprocessor.CORE, CORE.v + 4 * n),
  fpsr: idOf(SIZE.U32, Coprocessor.CORE, CORE.fpsr),
  fpcr: idOf(SIZE.U32, Coprocessor.CORE, CORE.fpcr),
  psciVersion: idOf(SIZE.U64, Coprocessor.FW, 0),
  /** By architectural encoding. */
  system: (op0: number, op1: number, CRn: number, CRm: number, op2: number): bigint =>
    idOf(SIZE.U64, Coprocessor.SYSREG, systemEncoding(op0, op1, CRn, CRm, op2))
} as const

interface Id {
  readonly size: number
  readonly index: number
}

export const getOneReg = (vcpu: Vcpu, id: bigint): bigint | Errno => {
  const place = placeOf(vcpu, id)
  return typeof place === "string" ? place : place.get()
}
export const setOneReg = (vcpu: Vcpu, id: bigint, value: bigint): Errno | undefined => {
  const place = placeOf(vcpu, id)
  return typeof place === "string" ? place : place.set(value)
}
const placeOf = (vcpu: Vcpu, id: bigint): Place | Errno => {
  if (id >> 60n !== ARM64) return "EINVAL"
  const size = Number((id >> 52n) & 15n)
  const index = Number(id & 0xffffn)
  if (id & RESERVED) return "ENOENT"
  switch (Number((id >> 16n) & 0xffffn)) {
    case Coprocessor.CORE:
      return corePlace(vcpu, { size, index })
    case Coprocessor.SYSREG:
      return systemPlace(vcpu, { size, index })
    case Coprocessor.DEMUX:
      return cachePlace(vcpu, { size, index })
    case Coprocessor.FW:
      return firmwarePlace(vcpu, { size, index })
    case Coprocessor.FW_FEAT_BMAP:
      return bitmapPlace(vcpu, { size, index })
    default:
      return vectorPlace(vcpu, Number((id >> 16n) & 0xffffn), size, index)
  }
}

const always = (get: () => bigint, set: (value: bigint) => void): Place => ({
  get,
  set: (value) => {
    set(value)
    return undefined
  }
})
const contextPlace = ({ system }: Vcpu, register: ContextRegister): Place =>
  always(
    () => system[SLOT[register]]!,
    (value) => {
      system[SLOT[register]] = value
    }
  )
/** AArch32 banked SPSRs, which a 64-bit VM keeps without using. */
const BANKED_SPSRS = 5

const corePlace = (vcpu: Vcpu, { size, index }: Id): Place | Errno => {
  if (index >= CORE.end) return "ENOENT"
  const { registers, fp } = vcpu
  if (index >= CORE.v && index < CORE.fpsr) {
    if (size !== SIZE.U128 || (index - CORE.v) % 4 !== 0 || vectorsOf(vcpu)) return "EINVAL"
    return quadwordPlace(fp.fpsimd, 4 * (index - CORE.v))
  }
  if (index >= CORE.fpsr) return size === SIZE.U32 ? wordPlace(fp.fpsimd, index === CORE.fpsr ? FPSR_OFFSET : FPCR_OFFSET) : "EINVAL"
  if (index >= CORE.spsr + 2 * BANKED_SPSRS) return "EINVAL"
  if (size !== SIZE.U64 || index % 2 !== 0) return "EINVAL"
  if (index < CORE.sp)
    return always(
      () => registers.x[index / 2]!,
      (value) => {
        registers.x[index / 2] = value
      }
    )
  switch (index) {
    case CORE.sp:
      return always(
        () => registers.sp,
        (value) => {
          registers.sp = BigInt.asUintN(64, value)
        }
      )
    case CORE.pc:
      return always(
        () => registers.pc,
        (value) => {
          registers.pc = BigInt.asUintN(64, value)
        }
      )
    case CORE.pstate:
      return pstatePlace(vcpu)
    case CORE.spEl1:
      return contextPlace(vcpu, "SP_EL1")
    case CORE.elrEl1:
      return contextPlace(vcpu, "ELR_EL1")
    case CORE.spsr:
      return contextPlace(vcpu, "SPSR_EL1")
    default:
      return always(
        () => vcpu.bankedSpsr[(index - CORE.spsr) / 2]!,
        (value) => {
          vcpu.bankedSpsr[(index - CORE.spsr) / 2] = value
        }
      )
  }
}
/** EL0t, EL1t, EL1h. */
const MODES = [0n, 4n, 5n]
const pstatePlace = ({ registers }: Vcpu): Place => ({
  get: () => registers.pstate,
  set: (value) => {
    if (!MODES.includes(value & 0x1fn)) return "EINVAL"
    registers.pstate = value & 0xffff_ffffn
    return undefined
  }
})
const viewOf = (image: Uint8Array): DataView => new DataView(image.buffer, image.byteOffset, image.byteLength)
const quadwordPlace = (image: Uint8Array, at: number): Place =>
  always(
    () => viewOf(image).getBigUint64(at, true) | (viewOf(image).getBigUint64(at + 8, true) << 64n),
    (value) => {
      viewOf(image).setBigUint64(at, BigInt.asUintN(64, value), true)
      viewOf(image).setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true)
    }
  )
const wordPlace = (image: Uint8Array, at: number): Place =>
  always(
    () => BigInt(viewOf(image).getUint32(at, true)),
    (value) => viewOf(image).setUint32(at, Number(value & 0xffff_ffffn), true)
  )

/** The ids of the virtual timer's CVAL and CNT are exchanged relative to the architecture: fixed interface. */
const TIMER = {
  virtualControl: systemEncoding(3, 3, 14, 3, 1),
  virtualCompare: systemEncoding(3, 3, 14, 0, 2),
  virtualCount: systemEncoding(3, 3, 14, 3, 2),
  physicalControl: systemEncoding(3, 3, 14, 2, 1),
  physicalCompare: systemEncoding(3, 3, 14, 2, 2),
  physicalCount: systemEncoding(3, 3, 14, 0, 1)
} as const
const TIMER_CONTROL_BITS = 3n
const timerPlace = (vcpu: Vcpu, index: number): Place | undefined => {
  const control = (register: ContextRegister): Place => ({
    get: () => vcpu.system[SLOT[register]]!,
    set: (value) => {
      vcpu.system[SLOT[register]] = value & TIMER_CONTROL_BITS
      return undefined
    }
  })
  const now = () => physicalCount(vcpu.vm.host.cpu.pe)
  switch (index) {
    case TIMER.virtualControl:
      return control("CNTV_CTL_EL0")
    case TIMER.physicalControl:
      return control("CNTP_CTL_EL0")
    case TIMER.virtualCompare:
      return contextPlace(vcpu, "CNTV_CVAL_EL0")
    case TIMER.physicalCompare:
      return contextPlace(vcpu, "CNTP_CVAL_EL0")
    case TIMER.virtualCount:
      return always(
        () => BigInt.asUintN(64, now() - (vcpu.vm.counterOffset ?? 0n)),
        (value) => {
          if (!vcpu.vm.counterOffsetFixed) vcpu.vm.counterOffset = BigInt.asUintN(64, now() - value)
        }
      )
    case TIMER.physicalCount:
      // the physical counter has no offset here: its writes are ignored
      return always(now, () => {})
    default:
      return undefined
  }
}

const systemPlace = (vcpu: Vcpu, { size, index }: Id): Place | Errno => {
  if (size !== SIZE.U64) return "ENOENT"
  const { vm } = vcpu
  const known = vm.host.systemRegisters.get(index)
  if (known && !isVisible(vm, known)) return "ENOENT"
  switch (known?.kind) {
    case "context":
      return contextPlace(vcpu, known.context)
    case "fpmr":
      return always(
        () => vcpu.fp.fpmr,
        (value) => {
          vcpu.fp.fpmr = BigInt.asUintN(64, value)
        }
      )
    case "id":
      return { get: () => vm.idRegisters.get(index)!, set: (value) => setIdRegister(vm, known, value) }
    case "invariant":
      return { get: () => known.value, set: (value) => (value === known.value ? undefined : "EINVAL") }
    case "zero":
      return "ENOENT"
  }
  return timerPlace(vcpu, index) ?? keptPlace(vcpu, index) ?? "ENOENT"
}

/** Registers kept without effect, and their reset values: 16 breakpoints and watchpoints, and what AArch32 would use. */
const KEPT: ReadonlyMap<number, bigint> = new Map([
  ...Array.from({ length: 16 }, (_, n) => [4, 5, 6, 7].map((op2) => [systemEncoding(2, 0, 0, n, op2), 0n] as const)).flat(),
  [systemEncoding(2, 4, 0, 7, 0), 0n],
  [systemEncoding(3, 4, 3, 0, 0), UNKNOWN],
  [systemEncoding(3, 4, 5, 0, 1), UNKNOWN],
  [systemEncoding(3, 4, 5, 3, 0), 0x700n]
])
const keptPlace = ({ debugPoints }: Vcpu, index: number): Place | undefined => {
  const reset = KEPT.get(index)
  if (reset === undefined) return undefined
  return always(
    () => debugPoints.get(index) ?? reset,
    (value) => void debugPoints.set(index, value)
  )
}

/** CCSIDR_EL1 by cache selector. */
const cachePlace = ({ caches }: Vcpu, { size, index }: Id): Place | Errno => {
  if (size !== SIZE.U32 || index >= CACHE_SELECTORS) return "ENOENT"
  return {
    get: () => caches.get(index) ?? CACHE_GEOMETRY,
    set: (value) => {
      if (value >> 32n || (value & 7n) < MINIMUM_LINE || value & CCSIDR_RES0) return "EINVAL"
      caches.set(index, value)
      return undefined
    }
  }
}
const MINIMUM_LINE = 2n
const CCSIDR_RES0 = 0xf000_0000n

const WORKAROUNDS = [1, 2, 3]
/** Workaround levels: 1 and 3 are not required on this processor, and 2 is not there, because guests have FEAT_SSBS. */
const LEVELS = [2n, 0n, 2n]
const firmwarePlace = (vcpu: Vcpu, { size, index }: Id): Place | Errno => {
  if (size !== SIZE.U64) return "ENOENT"
  if (index === 0)
    return {
      get: () => BigInt(vcpu.psciVersion),
      set: (value) => {
        const modern = hasFeature(vcpu, VcpuFeature.PSCI_0_2)
        const allowed = Object.values(PSCI_VERSIONS).filter((v) => (v === PSCI_VERSIONS.v0_1) !== modern)
        const chosen = allowed.find((v) => BigInt(v) === value)
        if (chosen === undefined) return "EINVAL"
        if (modern) vcpu.vm.psciVersion = chosen
        return undefined
      }
    }
  if (!WORKAROUNDS.includes(index)) return "ENOENT"
  const level = LEVELS[index - 1]!
  return { get: () => level, set: (value) => (value <= level ? undefined : "EINVAL") }
}
const bitmapPlace = ({ vm }: Vcpu, { size, index }: Id): Place | Errno => {
  const found = (Object.keys(FIRMWARE_BITMAPS) as FirmwareBitmap[]).find((name) => FIRMWARE_BITMAPS[name].index === index)
  if (size !== SIZE.U64 || !found) return "ENOENT"
  return {
    get: () => vm.firmware[found],
    set: (value) => {
      if (value & ~FIRMWARE_BITMAPS[found].maximum) return "EINVAL"
      if (vm.hasRun) return value === vm.firmware[found] ? undefined : "EBUSY"
      vm.firmware[found] = value
      return undefined
    }
  }
}

/** All ids in the order of the kernel: core, firmware, system registers by encoding, caches. */
export const getRegList = (vcpu: Vcpu): readonly bigint[] => {
  const { vm } = vcpu
  const words = (from: number, count: number) => Array.from({ length: count }, (_, i) => idOf(SIZE.U64, Coprocessor.CORE, from + 2 * i))
  const timers = Object.values(TIMER)
  const byArchitecture = (e: number): number =>
    e === TIMER.virtualCompare ? TIMER.virtualCount : e === TIMER.virtualCount ? TIMER.virtualCompare : e
  const visible = [...vm.host.systemRegisters.values()]
    .filter((register) => register.kind !== "zero" && isVisible(vm, register))
    .map(({ encoding: e }) => e)
  const system = [...visible, ...timers, ...KEPT.keys()].sort((a, b) => byArchitecture(a) - byArchitecture(b))
  return [
    ...words(CORE.x, 31),
    ...words(CORE.sp, 5 + BANKED_SPSRS),
    ...(vectorsOf(vcpu) ? [] : Array.from({ length: 32 }, (_, n) => REG.v(n))),
    REG.fpsr,
    REG.fpcr,
    ...vectorIndices(vcpu).map(({ coprocessor, size, index }) => idOf(size, coprocessor, index)),
    ...[0, 1, 2, 3].map((n) => idOf(SIZE.U64, Coprocessor.FW, n)),
    ...[0, 1, 2, 3].map((n) => idOf(SIZE.U64, Coprocessor.FW_FEAT_BMAP, n)),
    ...system.map((e) => idOf(SIZE.U64, Coprocessor.SYSREG, e)),
    ...Array.from({ length: CACHE_SELECTORS }, (_, n) => idOf(SIZE.U32, Coprocessor.DEMUX, n))
  ]
}
