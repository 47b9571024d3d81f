/**
 * A machine without any modelled kernel: one processing element, RAM, a PL011, semihosting, and PSCI by HVC or SMC where the program leaves these
 * to firmware. Timers assert the processing element's IRQ themselves; so does the UART.
 */
import {
  type Board,
  completeHalt,
  type Exit,
  type PendingException,
  passTime,
  portOf,
  readRegister,
  refuseHalt,
  registerNamed,
  run,
  type Saved,
  shape,
  startAt,
  type Trace,
  virtualTime,
  wait,
  writeRegister
} from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import type { Host } from "../linux/host.ts"
import { guestView } from "./guest-view.ts"
import { type BareImage, type LoadedImage, loadImage } from "./image.ts"
import { IMAGE_STATE, imageOf, imageState } from "./image-state.ts"
import { PL011_STATE, Pl011 } from "./pl011.ts"
import { psciCall } from "./psci.ts"
import { SEMIHOSTING_IMMEDIATE, SEMIHOSTING_STATE, Semihosting } from "./semihosting.ts"
import { Terminal } from "./terminal.ts"

export interface BareOptions {
  /** Exception level the program starts at. */
  readonly el: 1 | 2
  readonly engine: "interp" | "jit"
  readonly host: Host
  /** What SYS_GET_CMDLINE gives. */
  readonly commandLine: string
  readonly trace?: Trace
}
/** Who ends a run at something that happens. */
export interface BareStop {
  /** An exception is about to be entered. */
  readonly exception: (exception: PendingException) => void
  /** A semihosting call has been answered; exits are no such calls. */
  readonly call: (operation: number) => void
  /** The run ends: behind the entry of the exception, or the call. */
  readonly stopped: () => boolean
}
/** How a program on the bare machine ended. */
export type BareEnd =
  | { readonly kind: "exited"; readonly status: number }
  /** WFI or WFE with nothing that could wake it. */
  | { readonly kind: "idle"; readonly pc: bigint }
  /** An exception whose vector cannot be executed. `pc`, `ec`, `iss` and `far` are those of the exception that led there. */
  | {
      readonly kind: "unhandled"
      readonly el: 1 | 2
      readonly vector: bigint
      readonly pc: bigint
      readonly ec: number
      readonly iss: number
      readonly far: bigint | undefined
    }

/** What runs between two looks at whether the program is stuck. */
const SLICE = 50_000
/** ZCR_EL2 and SMCR_EL2 for a program that starts below EL2: everything allowed. */
const VECTOR_CONTROLS = { ZCR_EL2: 0xfn, SMCR_EL2: 0xfn | (1n << 30n) | (1n << 31n) }
const HEAP_ALIGNMENT = 0x1_0000n

/** What a bare machine keeps beside its board. */
export const BARE_STATE = shape({
  fields: {
    el: { oneOf: ["1", "2"] },
    image: IMAGE_STATE,
    entry: "u64",
    end: "u64",
    uart: PL011_STATE,
    terminal: { fields: { input: "bytes", ended: "flag" } },
    semihosting: SEMIHOSTING_STATE,
    /** The last exception that did not come from a vector: what a program is stuck for. */
    cause: { maybe: { fields: { pc: "u64", ec: "u32", iss: "u32", far: { maybe: "u64" } } } }
  }
})
export type BareState = Saved<typeof BARE_STATE>
/** What of an exception says why a program is stuck. */
type Cause = Pick<PendingException, "ec" | "iss" | "far">

export class BareMachine {
  readonly board: Board
  readonly uart: Pl011
  readonly #options: BareOptions
  readonly #image: BareImage
  readonly #loaded: LoadedImage
  readonly #terminal: Terminal
  readonly #semihosting: Semihosting
  #trace: Trace = {}
  #stop: BareStop | undefined
  /** The last exception that did not come from the first instruction of a vector. */
  #cause: { readonly pc: bigint; readonly exception: Cause } | undefined

  private constructor(board: Board, image: BareImage, loaded: LoadedImage, options: BareOptions) {
    this.board = board
    this.#image = image
    this.#loaded = loaded
    this.#options = options
    const pe = this.#pe
    this.#terminal = new Terminal(options.host.streams)
    this.uart = new Pl011(this.#terminal, (asserted) => {
      pe.lines.irq = asserted
      pe.attention = true
    })
    board.attach(this.uart)
    const ramEnd = BigInt(board.ram.base + board.ram.bytes)
    const heapBase = ((loaded.end + HEAP_ALIGNMENT - 1n) / HEAP_ALIGNMENT) * HEAP_ALIGNMENT
    this.#semihosting = new Semihosting({
      host: options.host,
      memory: guestView(pe),
      nanoseconds: () => virtualTime(pe),
      commandLine: options.commandLine,
      heap: { heapBase, heapLimit: ramEnd, stackBase: ramEnd, stackLimit: heapBase },
      console: this.#terminal
    })
    this.observe(options.trace)
  }
  /** Whoever observes sees what happens from now on, instead of who did before. */
  observe(trace: Trace | undefined): void {
    const pe = this.#pe
    this.#trace = {
      ...trace,
      exception: (exception) => {
        if (!this.#atVector(pe.pc)) this.#cause = { pc: pe.pc, exception }
        trace?.exception?.(exception)
        this.#stop?.exception(exception)
        return this.#stop?.stopped()
      }
    }
  }
  /** Runs end where `stop` says so, beside whoever observes; undefined: nowhere. */
  stopAt(stop: BareStop | undefined): void {
    this.#stop = stop
  }
  get #isStopped(): boolean {
    return (this.#trace.stopped?.() ?? false) || (this.#stop?.stopped() ?? false)
  }

  /** Loads the image and sets the processing element to its entry. A string says why it does not fit. The board has one processing element. */
  static start(board: Board, image: BareImage, options: BareOptions): BareMachine | string {
    const loaded = loadImage(board, image)
    if (typeof loaded === "string") return loaded
    const machine = new BareMachine(board, image, loaded, options)
    machine.#start()
    return machine
  }
  /** The machine of a snapshot on a board that is restored by now; a string says what is wrong. */
  static restored(board: Board, state: BareState, options: Omit<BareOptions, "el" | "commandLine">): BareMachine | string {
    const image = imageOf(state.image, board.ram.base, board.ram.bytes)
    if (typeof image === "string") return image
    const { entry, end, semihosting, uart, terminal, cause } = state
    if (end >> 53n) return `an image that ends at 0x${end.toString(16)}`
    const all: BareOptions = { ...options, el: state.el === "1" ? 1 : 2, commandLine: semihosting.commandLine }
    const machine = new BareMachine(board, image, { entry, end }, all)
    const problem = machine.#semihosting.restore(semihosting)
    if (problem !== undefined) return problem
    const { lines } = machine.#pe
    const asserted = lines.irq
    machine.uart.restore(uart)
    lines.irq = asserted
    machine.#terminal.restore(terminal)
    machine.#cause =
      cause === null ? undefined : { pc: cause.pc, exception: { ec: cause.ec, iss: cause.iss, ...(cause.far === null ? {} : { far: cause.far }) } }
    return machine
  }
  get state(): BareState {
    const { entry, end } = this.#loaded
    const cause = this.#cause
    return {
      el: this.#options.el === 1 ? "1" : "2",
      image: imageState(this.#image),
      entry,
      end,
      uart: this.uart.state,
      terminal: this.#terminal.state,
      semihosting: this.#semihosting.state,
      cause: cause === undefined ? null : { pc: cause.pc, ec: cause.exception.ec, iss: cause.exception.iss, far: cause.exception.far ?? null }
    }
  }

  get #pe() {
    return this.board.pes[0]!
  }
  /** Retired instructions. */
  executed(): number {
    return Number(this.#pe.retired)
  }
  /** Runs at most so many instructions; undefined when they are used up. What the program wrote has then reached the host. */
  run(instructions: number): BareEnd | undefined {
    const pe = this.#pe
    const until = pe.retired + BigInt(instructions)
    let end: BareEnd | undefined
    // An exception that never retires anything must still end the slice.
    for (let left = instructions; left > 0 && end === undefined && pe.retired < until && !this.#isStopped; left -= SLICE) {
      const count = Number(until - pe.retired)
      end = this.#slice(Math.min(count, SLICE, left))
    }
    this.#terminal.flush()
    return end
  }
  /** Runs until `count` instructions are used up or an exit needs nothing more than to go on. */
  #slice(count: number): BareEnd | undefined {
    const pe = this.#pe
    const until = pe.retired + BigInt(count)
    for (;;) {
      const left = Number(until - pe.retired)
      if (left <= 0) return undefined
      const exit = run(pe, { instructions: left, engine: this.#options.engine, trace: this.#trace })
      if (exit.kind === "limit") return this.#isStopped ? undefined : this.#stuck()
      const end = this.#answer(exit)
      if (end !== undefined || this.#isStopped) return end
    }
  }

  #start(): void {
    const pe = this.#pe
    const { el } = this.#options
    startAt(pe, el, this.#loaded.entry)
    pe.x.fill(0n)
    for (let n = 0; n < 32; n++) pe.z(n).fill(0)
    if (el === 1)
      for (const [name, value] of Object.entries(VECTOR_CONTROLS))
        if (pe.controls.machine.registerByName.has(name)) writeRegister(pe, registerNamed(pe, name), value)
    pe.controls.synchronize()
    pe.modelledEl = el === 1 ? 2 : 3
    pe.hostFirmware = true
    this.uart.reset()
  }
  #answer(exit: Exclude<Exit, { kind: "limit" }>): BareEnd | undefined {
    switch (exit.kind) {
      case "wait":
        return this.#wait(exit.until)
      case "halt":
        return this.#halt(exit.immediate)
      case "secureMonitorCall":
        completeHalt(this.#pe)
        return this.#psci()
      case "exception":
        return this.#fromEl1(exit.exception)
    }
  }
  /** Nothing runs above a program that started at EL1: what reaches EL2 is a call to firmware. */
  #fromEl1(exception: PendingException): BareEnd | undefined {
    const pe = this.#pe
    if (exception.ec !== EC.HVC64) {
      const { ec, iss, far } = exception
      return { kind: "unhandled", el: 2, vector: pe.pc, pc: readRegister(pe, registerNamed(pe, "ELR_EL2")), ec, iss, far }
    }
    portOf(pe).eret()
    return this.#psci()
  }
  #psci(): BareEnd | undefined {
    const pe = this.#pe
    const result = psciCall([pe.x[0]!, pe.x[1]!, pe.x[2]!, pe.x[3]!])
    switch (result.kind) {
      case "return":
        pe.x[0] = result.value
        return undefined
      case "suspend":
        pe.x[0] = 0n
        return this.#waitHere()
      case "off":
        return { kind: "exited", status: 0 }
      case "reset":
        loadImage(this.board, this.#image)
        this.#start()
        return undefined
    }
  }
  #halt(immediate: number): BareEnd | undefined {
    const pe = this.#pe
    if (immediate !== SEMIHOSTING_IMMEDIATE) {
      const entered = refuseHalt(pe)
      return entered?.kind === "exception" ? this.#fromEl1(entered.exception) : undefined
    }
    const operation = Number(BigInt.asUintN(32, pe.x[0]!))
    const result = this.#semihosting.call(operation, pe.x[1]!)
    completeHalt(pe)
    if (result.kind === "exit") return { kind: "exited", status: result.status }
    pe.x[0] = result.value
    this.#stop?.call(operation)
    return undefined
  }
  /** A wait that a timer may end, or input. */
  #wait(until: bigint | undefined): BareEnd | undefined {
    if (this.uart.waitsForInput && this.uart.receive()) return undefined
    if (until === undefined) return { kind: "idle", pc: this.#pe.pc }
    passTime(this.#pe, until)
    return undefined
  }
  /** CPU_SUSPEND: as WFI. */
  #waitHere(): BareEnd | undefined {
    const waiting = wait(this.#pe, "waitForInterrupt", -1n)
    return waiting && this.#wait(waiting.until)
  }

  /** The vectors that the current exception level would enter from itself. */
  #atVector(pc: bigint): boolean {
    const pe = this.#pe
    const { slot } = pe.controls
    const base = pe.controls.inForce(pe.el === 2 ? slot.VBAR_EL2 : slot.VBAR_EL1)
    const offset = pc - base
    return offset >= 0n && offset < 0x800n && (offset & 0x7fn) === 0n
  }
  /** Whether the processing element takes the same exception at the start of its own vector for ever. */
  #stuck(): BareEnd | undefined {
    const pe = this.#pe
    const { el } = pe
    if (el === 0 || !this.#cause || !this.#atVector(pe.pc)) return undefined
    if (readRegister(pe, registerNamed(pe, `ELR_EL${el}`)) !== pe.pc) return undefined
    const { pc, exception } = this.#cause
    return { kind: "unhandled", el: el as 1 | 2, vector: pe.pc, pc, ec: exception.ec, iss: exception.iss, far: exception.far }
  }
}
