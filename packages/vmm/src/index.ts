export type { ForkOptions, GuestValue, RestoreConfig, RunLimit, SaveConfig, VmConfig } from "./api/config.ts"
export type { VmExit } from "./api/exit.ts"
export type { MemoryRange } from "./api/memory.ts"
export type { EventKind } from "./api/observers.ts"
export type { RegisterInfo } from "./api/registers.ts"
export { type Elf, type ElfProblem, isElfProblem, looksLikeElf, parseElf, type Segment } from "./elf.ts"
export * from "./errors.ts"
export { Guest, type RestoreRequest, restoreGuest, startGuest } from "./Guest.ts"
export { type GuestImage, readGuest } from "./GuestImage.ts"
export { type RestoreHostRequest, restoreHostSnapshot, restoreSealedHost, type SaveHostOptions, saveHost, sealHost } from "./host-snapshot.ts"
export type { SwitchAccount } from "./KvmHost.ts"
export { composeMachine, type MachineModel, makeBoard, RAM_BASE } from "./Machine.ts"
export {
  decodeMachineOptions,
  decodeRunOptions,
  ENGINES,
  ERAS,
  KINDS,
  type MachineOptions,
  MODES,
  type RunInput,
  type RunOptions,
  TRACES
} from "./options.ts"
export { type LoadedPlugin, loadMode, loadPlugins, type Plugin } from "./PluginLoader.ts"
export type { FileStatus, Host, HostStreams, HostTree, LostOutput } from "./personality/linux/host.ts"
export { type FileProblem, isFileProblem, Platform, type PlatformService, type PluginPlace } from "./platform.ts"
export { parseCount } from "./quantities.ts"
export { type RunRequest, run } from "./run.ts"
export type { RunAccount, RunEnd, RunMachine, RunResult, SnapshotRequest } from "./run-result.ts"
export { signalName, signalNumber } from "./signal-schedule.ts"
export { flatten } from "./snapshot/chain.ts"
export { type Container, type Draft, FILE_LIMIT, type Hash, readContainer, wholeDraft } from "./snapshot/container.ts"
export { Moment } from "./snapshot/fork.ts"
export { type Difference, differences, inspect, sectionValue, valueText, verify } from "./snapshot/inspect.ts"
export { seal, unseal } from "./snapshot/seal.ts"
export { type EventPoint, type PointEvent, parseSnapshotPoint, type SnapshotPoint } from "./snapshot-point.ts"
export { EVENT_SCHEMA, type TraceEvent, type TraceListener, traceJson, traceText } from "./Trace.ts"
export { CurrentVm, Vm } from "./Vm.ts"
export { type PlatformValues, SILENT, textOutput, valuesPlatform } from "./values-platform.ts"
