/**
 * The checked port: the only way a model of kernel or hypervisor code touches a processing element. Every operation is what the instruction of that name
 * would do at the current exception level, with the same gates and traps a guest meets, and with control writes that wait for `isb` or `eret`.
 */
import { EC, encodingOfSystemInstruction, type RegisterBytes } from "@eltwo/isa"
import { Abort, instructionException, type PendingException, returnFromException, takeException } from "./exception.ts"
import { checkGate } from "./gates.ts"
import { PE } from "./layout.ts"
import { maintain } from "./maintenance.ts"
import { externalAbort, translate } from "./mmu.ts"
import { type Pe, VECTOR_BYTES } from "./pe.ts"
import { synchronizeErrors } from "./pending.ts"
import { synchronize } from "./processor-state.ts"
import { writePstateImmediate } from "./pstate-immediate.ts"
import {
  ListMemory,
  type RegisterList,
  type ResolvedAccess,
  readInto,
  readResolved,
  resolveAccess,
  writeFrom,
  writeResolved
} from "./resolved-access.ts"

/**
 * An operation of the port was trapped or faulted. Nothing has changed: the exception is not entered. If its target is the caller's own level, the modelled kernel
 * has crashed; if it is a higher one, `take` enters it there.
 */
export class PortTrap {
  constructor(
    /** As an assembly line: "mrs ZCR_EL1". */
    readonly operation: string,
    /** Exception level it happened at. */
    readonly el: number,
    readonly exception: PendingException
  ) {}
  /** ESR_ELx as the target would see it. */
  get esr(): number {
    return ((this.exception.ec << 26) | (1 << 25) | this.exception.iss) >>> 0
  }
  get message(): string {
    return `${this.operation} at EL${this.el} trapped to EL${this.exception.target}: EC 0x${this.exception.ec.toString(16).padStart(2, "0")} (${EC[this.exception.ec]})`
  }
}

/** Access sizes in bytes. */
export type AccessBytes = 1 | 2 | 4 | 8

/**
 * The processor as modelled kernels use it: instructions, with the gates and traps of the current exception level. A PortTrap as result is the
 * exception that it took.
 */
export interface Port {
  /** Current exception level. */
  readonly el: number
  /** Registers by name as the manual spells them, "SCTLR_EL12". Throws RangeError for a name this machine does not know. */
  mrs(register: string): bigint | PortTrap
  msr(register: string, value: bigint): PortTrap | undefined
  /** MRS of each register of a list in turn, into memory. A trap ends it. Throws RangeError as mrs does. */
  mrsAll(list: RegisterList, memory: BigUint64Array): PortTrap | undefined
  /** MSR of each, from memory. */
  msrAll(list: RegisterList, memory: BigUint64Array): PortTrap | undefined
  /** Context synchronisation: control writes take effect. */
  isb(): void
  /** Error synchronisation (ESB): a masked SError that is pending goes to DISR_EL1. */
  esb(): void
  /** Exception return by SPSR_ELx and ELR_ELx of the current level. */
  eret(): PortTrap | undefined
  /** SMSTOP of PSTATE.SM, PSTATE.ZA or both. */
  smstop(which: "sm" | "za" | "sm+za"): PortTrap | undefined
  /** Vector length in bytes: that of streaming mode while PSTATE.SM is 1. */
  rdvl(): number | PortTrap
  /** Streaming vector length in bytes. */
  rdsvl(): number | PortTrap
  /** Hypervisor call: the exception is entered at EL2. */
  hvc(immediate: number): PortTrap | undefined
  /** Memory by virtual address of the current level. */
  ldr(address: bigint, bytes: AccessBytes): bigint | PortTrap
  str(address: bigint, bytes: AccessBytes, value: bigint): PortTrap | undefined
  /** Maintenance: "tlbi vmalle1is", "at s1e1r". Throws RangeError for an unknown name. */
  sys(operation: string, operand?: bigint): PortTrap | undefined
  /**
   * A register file by its component's id ("general", "fpsimd"), in the component's format, into a new image or the one given. Throws RangeError for an unknown
   * id or an image of wrong size.
   */
  save(component: string, into?: Uint8Array): Uint8Array | PortTrap
  load(component: string, image: Uint8Array): PortTrap | undefined
  zero(component: string): PortTrap | undefined
  /** Enters the exception of a trap at its target. */
  take(trap: PortTrap): void
}

/** op1 and op2 of MSR (immediate) to SVCR, and its CRm for what is to be switched off. */
const SVCR_OP = 3
const SMSTOP = { sm: 2, za: 4, "sm+za": 6 } as const

type Verb = "mrs" | "msr"

/** The port of a processing element. */
export const portOf = (pe: Pe): Port => {
  const { machine } = pe.controls,
    registers = registerBytesOf(pe)
  const attempt = <T>(operation: string, run: () => T): T | PortTrap => {
    try {
      return run()
    } catch (error) {
      return trapped(error, operation)
    }
  }
  /** By the names that callers spell. */
  const known = { mrs: new Map<string, ResolvedAccess>(), msr: new Map<string, ResolvedAccess>() }
  const accessOf = (verb: Verb, register: string): ResolvedAccess => {
    const encoding = machine.systemNames.encoding(register.toLowerCase(), verb === "mrs" ? "read" : "write")
    const accessor = encoding === undefined ? undefined : machine.registerByEncoding.get(encoding)
    if (!accessor) throw new RangeError(`This machine has no register ${register}`)
    const access = resolveAccess(accessor, verb === "mrs")
    known[verb].set(register, access)
    return access
  }
  const lists = { mrs: new WeakMap<RegisterList, readonly ResolvedAccess[]>(), msr: new WeakMap<RegisterList, readonly ResolvedAccess[]>() }
  const accessesOf = (verb: Verb, list: RegisterList): readonly ResolvedAccess[] => {
    const accesses = list.names.map((name) => known[verb].get(name) ?? accessOf(verb, name))
    lists[verb].set(list, accesses)
    return accesses
  }
  const memories = new WeakMap<BigUint64Array, ListMemory>()
  const moveAll = (verb: Verb, list: RegisterList, memory: BigUint64Array): PortTrap | undefined => {
    const accesses = lists[verb].get(list) ?? accessesOf(verb, list)
    let view = memories.get(memory)
    if (!view) memories.set(memory, (view = new ListMemory(memory)))
    const { slots } = list
    let i = 0
    try {
      if (verb === "mrs") for (; i < accesses.length; i++) readInto(pe, accesses[i]!, view, slots[i]!)
      else for (; i < accesses.length; i++) writeFrom(pe, accesses[i]!, view, slots[i]!)
      return undefined
    } catch (error) {
      return trapped(error, `${verb} ${list.names[i]}`)
    }
  }
  const trapped = (error: unknown, operation: string): PortTrap => {
    if (error instanceof Abort) return new PortTrap(operation, pe.el, error.exception)
    throw error
  }
  const withComponent = <T>(
    verb: string,
    id: string,
    run: (component: NonNullable<ReturnType<typeof machine.components.get>>) => T
  ): T | PortTrap => {
    const component = machine.components.get(id)
    if (!component) throw new RangeError(`This machine has no register file ${id}`)
    const closed = checkGate(pe, component.access)
    return closed ? new PortTrap(`${verb} ${id}`, pe.el, closed) : run(component)
  }
  const length = (operation: string, access: string, bits: () => number): number | PortTrap => {
    const closed = checkGate(pe, access)
    return closed ? new PortTrap(operation, pe.el, closed) : bits() / 8
  }
  const nothing = <T>(result: T | PortTrap): PortTrap | undefined => (result instanceof PortTrap ? result : undefined)

  return {
    get el() {
      return pe.el
    },
    mrs: (register) => {
      const access = known.mrs.get(register) ?? accessOf("mrs", register)
      try {
        return readResolved(pe, access)
      } catch (error) {
        return trapped(error, `mrs ${register}`)
      }
    },
    msr: (register, value) => {
      const access = known.msr.get(register) ?? accessOf("msr", register)
      try {
        writeResolved(pe, access, value)
        return undefined
      } catch (error) {
        return trapped(error, `msr ${register}`)
      }
    },
    mrsAll: (list, memory) => moveAll("mrs", list, memory),
    msrAll: (list, memory) => moveAll("msr", list, memory),
    isb: () => synchronize(pe),
    esb: () => synchronizeErrors(pe),
    smstop: (which) => nothing(attempt(`smstop ${which}`, () => writePstateImmediate(pe, SVCR_OP, SVCR_OP, SMSTOP[which]))),
    rdvl: () => length("rdvl", "SVE", () => pe.vectorBits),
    rdsvl: () => length("rdsvl", "SME", () => pe.streamingVectorBits),
    eret: () => nothing(attempt("eret", () => returnFromException(pe))),
    hvc: (immediate) => {
      const { exception } = instructionException(pe, "hypervisorCall", immediate)
      if (exception.ec !== EC.HVC64) return new PortTrap("hvc", pe.el, exception)
      takeException(pe, exception)
      return undefined
    },
    ldr: (address, bytes) => {
      try {
        return readMemory(pe, address, bytes)
      } catch (error) {
        return trapped(error, "ldr")
      }
    },
    str: (address, bytes, value) => {
      try {
        writeMemory(pe, address, bytes, value)
        return undefined
      } catch (error) {
        return trapped(error, "str")
      }
    },
    sys: (operation, operand = 0n) => {
      const encoding = encodingOfSystemInstruction(operation)
      if (encoding === undefined) throw new RangeError(`There is no system instruction ${operation}`)
      return nothing(attempt(operation, () => maintain(pe, encoding, operand, 0, false)))
    },
    save: (id, into) =>
      withComponent("save", id, (component) => {
        const bytes = component.bytes(registers)
        const image = into ?? new Uint8Array(bytes)
        if (image.length !== bytes) throw wrongSize(id, bytes, image)
        component.save(registers, image)
        return image
      }),
    load: (id, image) =>
      nothing(
        withComponent("load", id, (component) => {
          const bytes = component.bytes(registers)
          if (image.length !== bytes) throw wrongSize(id, bytes, image)
          component.load(registers, image)
        })
      ),
    zero: (id) => nothing(withComponent("zero", id, (component) => component.zero(registers))),
    take: (trap) => takeException(pe, trap.exception)
  }
}

const wrongSize = (id: string, bytes: number, image: Uint8Array): RangeError =>
  new RangeError(`An image of ${id} has ${bytes} bytes, not ${image.length}`)

const readMemory = (pe: Pe, address: bigint, bytes: AccessBytes): bigint => {
  const { physical } = translate(pe, address, "read", { bytes }),
    { physical: memory } = pe.board,
    at = memory.at(physical, bytes)
  if (at >= 0) {
    const { view } = memory
    return bytes === 8
      ? view.getBigUint64(at, true)
      : BigInt(bytes === 4 ? view.getUint32(at, true) : bytes === 2 ? view.getUint16(at, true) : view.getUint8(at))
  }
  const device = memory.deviceAt(physical, bytes)
  if (!device) throw externalAbort(pe, address, "read")
  return BigInt.asUintN(8 * bytes, device.read(physical - device.base, bytes))
}
const writeMemory = (pe: Pe, address: bigint, bytes: AccessBytes, value: bigint): void => {
  const { physical } = translate(pe, address, "write", { bytes }),
    { physical: memory, code } = pe.board,
    at = memory.at(physical, bytes)
  if (at >= 0) {
    code.stored(physical, bytes)
    if (bytes === 8) memory.view.setBigUint64(at, value, true)
    else for (let i = 0, low = Number(BigInt.asUintN(32, value)); i < bytes; i++) memory.bytes[at + i] = low >>> (8 * i)
    return
  }
  const device = memory.deviceAt(physical, bytes)
  if (!device) throw externalAbort(pe, address, "write")
  device.write(physical - device.base, bytes, BigInt.asUintN(8 * bytes, value))
}

/** The register files as state components see them. */
export const registerBytesOf = (pe: Pe): RegisterBytes => {
  const place = { FPSR: PE.FPSR, FPCR: PE.FPCR } as const
  const z = Array.from({ length: 32 }, (_, n) => pe.z(n))
  const x = pe.bytes.subarray(PE.X, PE.X + 31 * 8)
  return {
    get vectorBytes() {
      return pe.vectorBits / 8
    },
    get streamingVectorBytes() {
      return pe.streamingVectorBits / 8
    },
    get svcr() {
      return pe.svcr
    },
    X: () => x,
    Z: (n) => {
      pe.vectorsZeroFrom = VECTOR_BYTES
      return z[n]!
    },
    P: (n) => pe.p(n),
    ZA: (index) => {
      const row = pe.streamingVectorBits / 8
      return pe.bytes.subarray(PE.ZA + index * row, PE.ZA + (index + 1) * row)
    },
    ZT0: () => pe.bytes.subarray(PE.ZT0, PE.ZT0 + 64),
    getWord: (register) => pe.words[place[register] >> 2]!,
    setWord(register, value) {
      const writable = pe.controls.machine.registerByName.get(register)?.layout.writable ?? 0n
      pe.words[place[register] >> 2] = (value & Number(writable & 0xffffffffn)) >>> 0
    }
  }
}
