import { Abort, illegalState, instructionException, type PendingException, takeException } from "../exception.ts"
import type { Exit } from "../exit.ts"
import { PE, PSTATE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { ConcreteCpu, Leave } from "./cpu.ts"
import { Fetch } from "./fetch.ts"
import { OpenAccess } from "./open-access.ts"
import { describingAccess } from "./syndrome.ts"

/** Called as things happen; none may change the machine. */
export interface Trace {
  /** Before each instruction. True: it is not executed, and the run ends as if its limit were reached. */
  readonly instruction?: (pc: bigint, word: number) => unknown
  /** `instruction` ended a run: who runs on to a limit of his own ends too. */
  readonly stopped?: () => boolean
  /** Before each exception entry. True: it is entered, and the run ends as if its limit were reached. */
  readonly exception?: (exception: PendingException) => unknown
}
const PSTATE_WORD = PE.PSTATE >> 2

/** The interpreter of one processing element. */
export class Interpreter {
  readonly pe: Pe
  readonly cpu: ConcreteCpu
  trace: Trace | undefined
  readonly #fetch: Fetch
  readonly #access: OpenAccess

  constructor(pe: Pe) {
    this.pe = pe
    this.cpu = new ConcreteCpu(pe)
    this.#fetch = new Fetch(pe)
    this.#access = new OpenAccess(pe)
  }

  /**
   * Executes until `count` instructions and synchronous exceptions have been dealt with, an exit is due, or the run loop must look at the machine
   * (`Pe.attention`); with `toBlockEnd`, also after an instruction that ends a block. Gives the exit, or how many of `count` are left.
   */
  run(count: number, toBlockEnd = false): Exit | number {
    const { pe, cpu } = this
    for (let left = count; left > 0; ) {
      try {
        do {
          left--
          this.#one()
        } while (left > 0 && !pe.attention && !(toBlockEnd && cpu.operation.endsBlock))
      } catch (error) {
        const exit = this.#caught(error)
        if (exit) return exit
      }
      const { exit } = cpu
      if (exit) {
        cpu.exit = undefined
        return exit
      }
      if (pe.attention || toBlockEnd) return left
    }
    return 0
  }
  /** Enters an exception; gives the exit if a modelled kernel takes it from there. */
  take(exception: PendingException): Exit | undefined {
    const { pe } = this
    const ends = this.trace?.exception?.(exception) === true
    takeException(pe, exception)
    pe.attention = true
    if (exception.target >= pe.modelledEl) return { kind: "exception", exception }
    return ends ? { kind: "limit" } : undefined
  }

  #one(): void {
    const { pe, cpu } = this
    const operation = this.#fetch.operation()
    const { instruction } = operation
    cpu.operation = operation
    if (pe.words[PSTATE_WORD]! & PSTATE.IL) throw illegalState(pe)
    if (this.trace?.instruction?.(pe.pc, operation.word) === true) throw new Leave({ kind: "limit" })
    if (instruction === undefined) throw instructionException(pe, "undefined", 0)
    if (operation.access !== "none") {
      const trapped = this.#access.trap(operation)
      if (trapped) throw new Abort(trapped)
    }
    instruction.declaration.execute(cpu.builder, operation.fields)
    cpu.commit()
    pe.retire(1)
  }
  #caught(error: unknown): Exit | undefined {
    const { pe, cpu } = this
    cpu.discard()
    if (error instanceof Leave) return error.exit
    if (!(error instanceof Abort)) throw this.#defect(error)
    const { exception } = error
    if (exception.returnTo === "next") pe.retire(1)
    return this.take(describingAccess(exception, cpu.operation?.word ?? 0))
  }
  #defect(cause: unknown): Error {
    const { operation } = this.cpu
    const word = operation?.word.toString(16).padStart(8, "0")
    return new Error(`Executing ${operation?.instruction?.name} (0x${word}) at 0x${this.pe.pc.toString(16)} failed: ${(cause as Error).message}`, {
      cause
    })
  }
}
