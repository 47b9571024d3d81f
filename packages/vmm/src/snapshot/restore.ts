/**
 * From the bytes of a snapshot to a guest that goes on as if nothing had happened. Everything is made anew beside whatever runs and is given out when the last
 * check has passed: nothing is ever half restored.
 */
import { type Board, PAGE_BYTES, type PageSource, peProblem, restorePe, shape } from "@eltwo/cpu"
import {
  DEFAULT_SCHEDULE,
  type HostState,
  hostMisfit,
  type Host as KvmHost,
  type Mode,
  type RestoreHostOptions,
  restoreHost,
  restoreVm,
  SCHEDULER_STATE,
  type Vm
} from "@eltwo/kvm"
import { Effect } from "effect"
import { SnapshotError, type VmmError } from "../errors.ts"
import { bootHost, observed } from "../KvmHost.ts"
import type { Live } from "../live.ts"
import { makeBoard } from "../Machine.ts"
import { listenersOf, programOf } from "../Program.ts"
import { BareMachine } from "../personality/bare/machine.ts"
import { hostBytes, restoredCpu } from "../personality/linux/kvm-cpu.ts"
import { restoreProcess } from "../personality/linux/process-state.ts"
import { VmMachine } from "../personality/vm/machine.ts"
import { bareOptions } from "../run-bare.ts"
import type { Prepared } from "../run-result.ts"
import { vmOptions } from "../run-vm.ts"
import type { SignalClock } from "../signal-schedule.ts"
import { cpuTrace } from "../Trace.ts"
import { checkChain } from "./chain.ts"
import { decode, encode, type Plain, sameBytes } from "./codec.ts"
import { type Container, readValues } from "./container.ts"
import { checkFit } from "./fit.ts"
import { HEADER } from "./header.ts"
import { boardRam, isWholeHost, keptOf, readHost } from "./host-parts.ts"
import { valueText, verify } from "./inspect.ts"
import { type Memory, sourceOf } from "./memory.ts"
import { readChain } from "./pages.ts"
import { modeOfSection, partsOf, SECTIONS, section, slotsOf } from "./parts.ts"
import { reading, refuse } from "./refusal.ts"
import { clockOf, type RunState, runState } from "./run-state.ts"
import { headerOf } from "./save.ts"
import { arrange, decodeKnown } from "./shape-schema.ts"

/** A guest that is ready to go on, and when its signals are due. */
export interface Restored {
  readonly live: Live
  readonly clock: SignalClock
}

const HINT = "The file was not written by this version of eltwo, or was changed."
const content = (path: string, problem: string): never =>
  refuse("SNAPSHOT_CONTENT", { path, expected: "a state that can be", actual: problem, hint: HINT, message: `${path}: ${problem}` })
const values = <K extends keyof typeof SECTIONS>(container: Container, section: K) => {
  const { name, version, shape } = SECTIONS[section]
  return readValues(container, name, version, shape as (typeof SECTIONS)[K]["shape"])
}

/** What the run of a snapshot was asked for. Throws SnapshotError. */
export const readRun = (container: Container): RunState => values(container, "run")

/**
 * Restores the last snapshot of a chain on a machine that is composed for it: `prepared.options.mem` is its memory, `host` the world it goes on in. `mode` is
 * left out for a bare image, and may be another one than the saved.
 */
export const restoreLive = (prepared: Prepared, mode: Mode | undefined, chain: readonly Container[]): Effect.Effect<Restored, VmmError> =>
  Effect.gen(function* () {
    const container = chain.at(-1)!
    const { header } = container
    const checked = reading(() => {
      checkChain(chain)
      const broken = verify(container)
      if (broken !== undefined) throw broken
      checkFit(header, prepared.model, prepared.options.mem)
      return readRun(container)
    })
    if (checked instanceof SnapshotError) return yield* checked
    prepared.random.state = checked.random
    const live = yield* header.kind === "bare" ? bare(prepared, chain) : modelled(prepared, mode, chain)
    const clock = clockOf(checked)
    const same = reading(() => checkSame(container, live, prepared, clock))
    return same instanceof SnapshotError ? yield* same : { live, clock }
  })

/**
 * What was restored would be saved as what it was restored from: the file held nothing that got lost on the way. On a machine that was asked to be another one
 * that cannot be said: its mode maps memory in its own way, its processor has more.
 */
const checkSame = (container: Container, live: Live, prepared: Prepared, clock: SignalClock): undefined => {
  const { options, host, random } = prepared
  const { header } = container
  const run = runState(options, host.startTime, random.state, clock)
  const { writer: _, ...now } = headerOf(prepared, live, run.guest, header.parent)
  const { writer: __, format: ___, sections: ____, ...then } = header
  const parts = partsOf(live, { sealed: true })
  checkNothingMore(container, ["run", ...parts.sections.map(({ name }) => name)], parts.memories)
  const isAnother = now.machine.mode !== then.machine.mode || now.machine.features.length > then.machine.features.length
  const isOther = isAnother && live.kind !== "bare"
  const bytesOf = (value: object) => encode(arrange(HEADER_FACTS, value))
  if (!sameBytes(bytesOf({ ...now, ...(isOther && { machine: then.machine }) }), bytesOf(then)))
    content("header", "facts that its sections contradict")
  if (isOther) return undefined
  if (!sameBytes(section("run", run).bytes, container.section("run").bytes)) content("section run", "values that no machine would keep")
  for (const { name, bytes, required } of parts.sections) {
    // an older writer's mode kept nothing of its own
    if (modeOfSection(name) !== undefined && !header.sections.some((section) => section.name === name)) continue
    const { entry, bytes: before } = container.section(name)
    if (entry.required !== required) content(`section ${name}`, "a section that is not to be left out, and is marked so")
    if (!sameBytes(bytes, before) && !covers(decode(bytes, name), decode(before, name)))
      content(`section ${name}`, "values that no machine would keep")
  }
  return undefined
}

/** Every section is one that was asked for; others are there only if a reader may leave them out. Throws SnapshotError. */
export const checkNothingMore = ({ header }: Container, names: readonly string[], memories: readonly Pick<Memory, "name">[]): void => {
  const known = new Set([...names, ...memories.flatMap(({ name }) => [`${name}/index`, `${name}/pages`])])
  const more = header.sections.find(({ name, required }) => required && !known.has(name))
  if (more !== undefined) content(`section ${more.name}`, "a section of something that this machine does not have")
}

/** The header without what every file has of its own. */
const HEADER_FACTS = (() => {
  const { writer: _, format: __, sections: ___, ...fields } = HEADER.fields
  return shape({ fields })
})()

/** Whether a value says all that an older one says: lists of registers may have become longer. */
const covers = (now: Plain, then: Plain): boolean => {
  if (Array.isArray(now) && Array.isArray(then)) {
    const [list, older] = [now as readonly Plain[], then as readonly Plain[]]
    const key = keyOf(older[0])
    if (key === undefined) return list.length === older.length && older.every((element, i) => covers(list[i]!, element))
    const known = new Map(list.map((element) => [(element as Tree)[key], element]))
    let place = 0
    return older.every((element) => {
      const found = known.get((element as Tree)[key])
      const at = found === undefined ? -1 : list.indexOf(found, place)
      place = at + 1
      return at >= 0 && covers(found!, element)
    })
  }
  if (isTree(now) && isTree(then)) return Object.keys(now).every((name) => name in then && covers(now[name]!, then[name]!))
  return valueText(now, Number.POSITIVE_INFINITY) === valueText(then, Number.POSITIVE_INFINITY) && typeof now === typeof then
}
type Tree = { readonly [key: string]: Plain }
const isTree = (value: Plain): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
/** What the registers of a list are told apart by. */
const keyOf = (element: Plain | undefined): "name" | "number" | undefined =>
  element === undefined || !isTree(element) || !("value" in element)
    ? undefined
    : "name" in element
      ? "name"
      : "number" in element
        ? "number"
        : undefined

/** What memories of a board hold after the last snapshot of a chain. */
const contentsOf = (chain: readonly Container[], memories: readonly Memory[]): PageSource =>
  sourceOf(
    memories.map(({ name, bytes, first }) => {
      const pages = readChain(chain, name)
      const { total } = pages.at(-1)!
      if (total * PAGE_BYTES !== bytes.length) content(`section ${name}/index`, `${total} pages; the memory has ${bytes.length / PAGE_BYTES}`)
      return { first, pages }
    })
  )

const bare = (prepared: Prepared, chain: readonly Container[]): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    const { model, options, tracer } = prepared
    const board = yield* makeBoard(model, options.mem)
    const live = reading((): Live => {
      const container = chain.at(-1)!
      const [pe] = board.pes
      const state = values(container, "pe")
      const problem = peProblem(pe!, state)
      if (problem !== undefined) content("section pe/0", problem)
      board.physical.supply(contentsOf(chain, [boardRam(board)]))
      restorePe(pe!, state)
      const machine = BareMachine.restored(board, values(container, "bare"), {
        ...bareOptions(prepared),
        ...(tracer && { trace: cpuTrace(() => board.pes[0]!, model.isa, tracer) })
      })
      return typeof machine === "string" ? content("section bare", machine) : { kind: "bare", board, machine }
    })
    return live instanceof SnapshotError ? yield* live : live
  })

const modelled = (prepared: Prepared, mode: Mode | undefined, chain: readonly Container[]): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    const { model, options, tracer } = prepared
    if (mode === undefined) return yield* Effect.dieMessage("a guest of a modelled kernel needs a mode")
    if (isWholeHost(chain.at(-1)!.header)) return yield* threaded(prepared, mode, chain)
    const kvm = yield* bootHost(model, mode, options.mem + hostBytes(options.mem), tracer)
    const live = reading(() => around(prepared, kvm, chain))
    return live instanceof SnapshotError ? yield* live : live
  })
/** An image on several CPUs: with the whole host, exactly as that was. */
const threaded = (prepared: Prepared, mode: Mode, chain: readonly Container[]): Effect.Effect<Live, VmmError> =>
  Effect.gen(function* () {
    const { model, options } = prepared
    const board = yield* makeBoard(model, options.mem + hostBytes(options.mem), options.pcpus)
    const live = reading(() => threadedOn(prepared, mode, chain, board))
    return live instanceof SnapshotError ? yield* live : live
  })
const threadedOn = (prepared: Prepared, mode: Mode, chain: readonly Container[], board: Board): Live => {
  const { model, options, tracer } = prepared
  const container = chain.at(-1)!
  const state = readHost(container)
  const schedule = { ...DEFAULT_SCHEDULE, seed: options.seed, migration: options.migration }
  if (!sameBytes(encode(arrange(SCHEDULE, schedule)), encode(arrange(SCHEDULE, state.scheduler.options))))
    content("section sched", "a scheduler with other options than its run's")
  let machine: VmMachine | undefined
  const kvm = hostFrom(chain, state, { board, mode, engine: options.engine, onExit: (vcpu) => (exit) => machine!.afterRun(vcpu, exit) })
  const [vm, ...others] = kvm.vms.values()
  const slots = vm ? slotsOf(vm) : []
  if (vm === undefined || others.length > 0 || slots.length !== 1 || slots[0]!.bytes.length !== options.mem)
    return content("section host", "another VM than the image's")
  const { scheduler } = kvm
  const threads = vm.vcpus.flatMap((vcpu) => scheduler.threads.filter((task) => vcpu && scheduler.program(task)?.vcpu === vcpu))
  if (threads.length !== vm.vcpus.filter(Boolean).length || new Set(threads.map((task) => scheduler.program(task)?.vcpu)).size !== threads.length)
    return content("section sched", "vCPUs without a thread, or with several")
  const made = VmMachine.restored(kvm, vm, values(container, "image"), vmOptions(prepared), threads)
  if (typeof made === "string") return content("section image", made)
  machine = made
  return { kind: "vm", kvm: observed(kvm, model, tracer), vm, machine }
}
const SCHEDULE = SCHEDULER_STATE.fields.options

/** The host of a snapshot on a board that was made for it. Throws SnapshotError. */
export const hostFrom = (chain: readonly Container[], known: HostState, options: Omit<RestoreHostOptions, "memory">): KvmHost => {
  const memory = contentsOf(chain, [boardRam(options.board)])
  const isOfMode = known.kernel.mode === options.mode.name
  const kept = isOfMode ? keptOf(chain.at(-1)!, options.mode) : undefined
  const state: HostState = kept === undefined ? known : { ...known, kept }
  const misfit = hostMisfit(state, options)
  if (misfit !== undefined)
    refuse("SNAPSHOT_FEATURE_MISMATCH", {
      path: "section host",
      expected: "a machine as the saved one",
      actual: misfit,
      hint: "A snapshot of several CPUs holds the whole host: restore it as it was.",
      message: misfit
    })
  const kvm = restoreHost(state, { ...options, memory })
  return typeof kvm === "string" ? content("section host", kvm) : kvm
}
const around = (prepared: Prepared, kvm: KvmHost, chain: readonly Container[]): Live => {
  const container = chain.at(-1)!
  const state = values(container, "vm")
  if (state.slots.reduce((sum, { bytes }) => sum + bytes, 0) > prepared.options.mem) content("section vm", "more memory than the machine has")
  const vm = restoreVm(kvm, state, keptIn(container, kvm.mode))
  if (typeof vm === "string") return content("section vm", vm)
  kvm.board.physical.supply(contentsOf(chain, slotsOf(vm)))
  return container.header.kind === "vm" ? imageIn(prepared, kvm, vm, container) : programIn(prepared, kvm, vm, container)
}
/** What the mode kept of the VM; undefined: nothing of this mode's. Throws SnapshotError when the guest can be nowhere else than in another mode. */
const keptIn = ({ header, section }: Container, { name, state }: Mode): unknown => {
  const entry = header.sections.find((each) => modeOfSection(each.name) !== undefined)
  if (entry === undefined) return undefined
  const saved = modeOfSection(entry.name)!
  const mismatch = (expected: string, actual: string, hint: string) =>
    refuse("SNAPSHOT_PLUGIN_MISMATCH", { path: `section ${entry.name}`, expected, actual, hint })
  if (saved !== name)
    return entry.required ? mismatch(`mode ${saved}, for a guest that is protected by it`, `mode ${name}`, "Leave --mode out.") : undefined
  if (state?.version !== entry.version)
    return mismatch(
      `a plugin ${name} whose state has version ${entry.version}`,
      state === undefined ? "one that keeps none" : `version ${state.version}`,
      "Use the plugin that wrote it, or a later one."
    )
  return decodeKnown(state.shape, section(entry.name).bytes, `section ${entry.name}`)
}
const imageIn = (prepared: Prepared, kvm: KvmHost, vm: Vm, container: Container): Live => {
  const machine = VmMachine.restored(kvm, vm, values(container, "image"), vmOptions(prepared))
  return typeof machine === "string" ? content("section image", machine) : { kind: "vm", kvm, vm, machine }
}
const programIn = (prepared: Prepared, kvm: KvmHost, vm: Vm, container: Container): Live => {
  const cpu = restoredCpu(vm, prepared.options.mem)
  if (typeof cpu === "string") return content("section vm", cpu)
  const process = restoreProcess(cpu, prepared.host, values(container, "process"), listenersOf(cpu, prepared.tracer))
  if (typeof process === "string") return content("section process", process)
  if (container.header.sections.some(({ name }) => name === SECTIONS.wait.name)) {
    const problem = process.waitAgain(values(container, "wait").for as "signal" | "input")
    if (problem !== undefined) content("section wait", problem)
  }
  return { kind: "linux", kvm, vm, cpu, program: programOf(cpu, process) }
}
