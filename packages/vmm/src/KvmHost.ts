/** The modelled host of a run: a Linux kernel with KVM in the mode and era asked for, and what it did. */
import { createHost, type Host, type KvmEvent, type Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import { OptionError, type OptionProblem } from "./errors.ts"
import { type MachineModel, makeBoard } from "./Machine.ts"
import type { RunOptions } from "./options.ts"
import { loadMode } from "./PluginLoader.ts"
import type { Platform } from "./platform.ts"
import { cpuTrace, type TraceListener, type Tracer } from "./Trace.ts"

/** Eras whose FP policy is modelled. */
const ERAS_THERE: readonly RunOptions["era"][] = ["H"]

/** The mode plugin; one error tells of a mode and an era that are not there. */
export const findMode = ({ options: { mode, era }, plugins }: MachineModel): Effect.Effect<Mode, OptionError, Platform> =>
  Effect.gen(function* () {
    const problems: OptionProblem[] = []
    const loaded = yield* loadMode(mode, plugins)
    if (typeof loaded === "string") problems.push({ option: "mode", message: `no plugin provides ${mode}: ${loaded}` })
    if (!ERAS_THERE.includes(era)) problems.push({ option: "era", message: `era ${era} is not modelled; there is ${ERAS_THERE.join(", ")}` })
    if (problems.length > 0 || typeof loaded === "string") return yield* OptionError.of(problems, "`eltwo plugins` lists the modes there are.")
    // The loader has checked that it is one; what is in it is the kvm package's to use.
    return loaded.plugin as Mode
  })

/** Boots the host on a board with room for it and `guestBytes` of guest. */
export const bootHost = (model: MachineModel, mode: Mode, ramBytes: number, tracer: Tracer | undefined): Effect.Effect<Host, OptionError> =>
  Effect.flatMap(makeBoard(model, ramBytes), (board) =>
    Effect.try({
      try: () => {
        const host = createHost({ board, mode, engine: model.options.engine })
        if (tracer !== undefined) host.run = { ...host.run, trace: cpuTrace(board, model.isa, tracer) }
        if (tracer?.wants.has("fp")) host.subscribe(fpEvents(tracer.emit))
        return host
      },
      catch: (error) =>
        OptionError.of([{ option: "mode", message: (error as Error).message }], "The machine has to have what the mode needs (see --cpu and --mem).")
    })
  )

/** What the switch path does to FP state, as events of the trace. */
const fpEvents = (trace: TraceListener) => (event: KvmEvent) => {
  const { time: step } = event
  const fp = (what: string, where: string, detail = "") => trace({ type: "fp", step, what, where, detail })
  switch (event.what) {
    case "save":
    case "load":
      return fp(event.what, event.where, `${event.component} ${event.what === "save" ? "to" : "from"} ${event.memory}, ${event.bytes} bytes`)
    case "owner":
      return fp("owner", event.owner)
    case "msr":
      if (TRAP_WORDS.has(event.physical ?? event.register)) return fp("msr", event.where, `${event.register} = 0x${event.value.toString(16)}`)
      return
    case "isb":
      return fp("isb", event.where)
    case "exc":
      if (FP_CLASSES.has(event.ec))
        return fp("trap", event.from, `to ${event.where}, EC 0x${event.ec.toString(16).padStart(2, "0")}, ISS 0x${event.iss.toString(16)}`)
      return
    case "eret":
      return fp("eret", event.where, `to ${event.to}, CPTR_EL2 0x${event.cptr.toString(16)}, CPACR_EL1 0x${event.cpacr.toString(16)}`)
  }
}
const TRAP_WORDS: ReadonlySet<string> = new Set(["CPACR_EL1", "CPTR_EL2", "CPACR_EL12", "ZCR_EL1", "ZCR_EL2", "SMCR_EL1", "SMCR_EL2", "HCR_EL2"])
/** FP and AdvSIMD, SVE, SME. */
const FP_CLASSES: ReadonlySet<number> = new Set([0x07, 0x19, 0x1d])

export interface SwitchAccount {
  /** Exits from the guest by exception class. */
  readonly exits: Readonly<Record<string, number>>
  /** Accesses to FP, SVE or SME state that were trapped. */
  readonly fpTraps: number
  /** Whole register files stored to and loaded from memory, and the bytes of their images. */
  readonly saves: number
  readonly savedBytes: number
  readonly loads: number
  readonly loadedBytes: number
}
export const switchAccount = ({ account }: Host): SwitchAccount => {
  const { exits, fpTraps, saves, savedBytes, loads, loadedBytes } = account
  return { exits: Object.fromEntries(exits), fpTraps, saves, savedBytes, loads, loadedBytes }
}
