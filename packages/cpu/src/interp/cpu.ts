import { type Cpu, EC, type Exception, type Helper, type Kind, type SystemOperation } from "@eltwo/isa"
import { instructionException, returnFromException } from "../exception.ts"
import type { Exit } from "../exit.ts"
import { maintain } from "../maintenance.ts"
import type { Pe } from "../pe.ts"
import { sendEvent, synchronizeErrors, wait } from "../pending.ts"
import { synchronize } from "../processor-state.ts"
import { writePstateImmediate } from "../pstate-immediate.ts"
import { readSystemRegister, writeSystemRegister } from "../system-registers.ts"
import { ConcreteHost, callHelper, type Services } from "./host.ts"
import type { Bits } from "./integers.ts"
import { MemoryState } from "./memory-state.ts"

/** Thrown where an instruction ends the slice before it completes: HLT. */
export class Leave {
  constructor(readonly exit: Exit) {}
}

/**
 * The reference engine: every value is concrete, and an instruction is executed by calling its declaration. The declarations see it through
 * `builder`; nothing else needs the builder's opaque types.
 */
export class ConcreteCpu extends MemoryState implements Services {
  /** Set by an instruction that completes and then ends the slice. */
  exit: Exit | undefined
  readonly host: ConcreteHost
  /** This engine behind the builder's interface: classes with concrete values stand for its opaque nodes. */
  readonly builder: Cpu

  constructor(pe: Pe) {
    super(pe)
    this.host = new ConcreteHost(pe, this.memory, this)
    this.builder = builderOf(this)
  }

  systemRegister(encoding: number): Bits {
    return readSystemRegister(this.pe, encoding, this.#Rt)
  }
  /** Takes effect at once: an instruction that writes a system register does nothing else that could fail. */
  setSystemRegister(encoding: number, value: Bits): void {
    writeSystemRegister(this.pe, encoding, value as bigint, this.#Rt)
    this.pe.attention = true
  }
  /** MRS, MSR and SYS have it in the same place. */
  get #Rt(): number {
    return this.operation.word & 31
  }

  raise(exception: Exception | "memoryCopy", syndrome: number): never {
    if (exception === "halt") throw new Leave({ kind: "halt", immediate: syndrome })
    const abort = instructionException(this.pe, exception, syndrome)
    const toFirmware = exception === "secureMonitorCall" && this.pe.hostFirmware && this.pe.el > 0 && abort.exception.ec !== EC.SMC64
    throw toFirmware ? new Leave({ kind: "secureMonitorCall", immediate: syndrome }) : abort
  }
  call(helper: Helper<readonly Kind[], Kind>, ...nodes: readonly never[]): unknown {
    return callHelper(this.host, helper, nodes)
  }

  system(operation: SystemOperation, operand: bigint): void {
    const { pe } = this
    pe.attention = true
    switch (operation) {
      case "returnFromException":
        returnFromException(pe)
        this.keepPc()
        return
      case "waitForInterrupt":
      case "waitForEvent": {
        const waiting = wait(pe, operation, operand)
        if (waiting) this.exit = { kind: "wait", ...waiting }
        return
      }
      case "synchronize":
        synchronize(pe)
        return
      case "clearExclusive":
        pe.clearExclusive()
        return
      case "sendEvent":
      case "sendEventLocal":
        sendEvent(pe, operation === "sendEventLocal")
        return
      case "errorBarrier":
        synchronizeErrors(pe)
        return
      case "yield":
      case "barrier":
      case "breakpoint":
        return
    }
  }
  writePstate(op1: number, op2: number, immediate: number): void {
    writePstateImmediate(this.pe, op1, op2, immediate)
    this.pe.attention = true
  }
  maintain(encoding: number, operand: bigint): bigint {
    return maintain(this.pe, encoding, operand, this.#Rt, ((this.operation.word >> 21) & 1) === 1)
  }
}

const builderOf = (engine: Concretely<Cpu>): Cpu => engine as unknown as Cpu
/** The builder's interface with its opaque nodes left open: an engine must have every method, with as many operands. */
type Concretely<T> = {
  readonly [K in keyof T]: T[K] extends (...operands: infer A) => unknown ? (...operands: { [I in keyof A]: never }) => unknown : unknown
}
