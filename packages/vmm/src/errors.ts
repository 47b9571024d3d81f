/**
 * Every failure a user can cause, with a stable `code`, what was wrong and where, and what to do. Nothing else is a failure of the API:
 * what a guest does is an outcome, a bug of ours is a defect.
 */
import { Schema } from "./schema.ts"

const common = { message: Schema.String, hint: Schema.String }

/** One option that has a value it cannot have. `option` is its name in RunOptions (the command's `--max-insns` is `maxInsns`). */
export interface OptionProblem {
  /** Name of the option. */
  readonly option: string
  /** What is wrong with its value. */
  readonly message: string
}
/** Options have values they cannot have, alone or together; every problem is listed. */
export class OptionError extends Schema.TaggedError<OptionError>()("OptionError", {
  problems: Schema.Array(Schema.Struct({ option: Schema.String, message: Schema.String })),
  ...common
}) {
  /** Stable. */
  readonly code = "OPTION_INVALID"
  static of(problems: readonly OptionProblem[], hint: string): OptionError {
    return new OptionError({ problems, message: problems.map(({ option, message }) => `${option}: ${message}`).join("; "), hint })
  }
}
/** Plugins cannot be found or loaded, or are given options they do not take; every problem is listed. */
export class PluginLoadError extends Schema.TaggedError<PluginLoadError>()("PluginLoadError", {
  problems: Schema.Array(Schema.Struct({ plugin: Schema.String, message: Schema.String })),
  ...common
}) {
  /** Stable. */
  readonly code = "PLUGIN_LOAD"
}
/** The plugins do not fit together; every problem is listed. */
export class PluginConflictError extends Schema.TaggedError<PluginConflictError>()("PluginConflictError", {
  problems: Schema.Array(Schema.String),
  ...common
}) {
  /** Stable. */
  readonly code = "PLUGIN_CONFLICT"
}
/** There is no guest at this path. */
export class GuestNotFoundError extends Schema.TaggedError<GuestNotFoundError>()("GuestNotFoundError", { path: Schema.String, ...common }) {
  /** Stable. */
  readonly code = "GUEST_NOT_FOUND"
}
/** The guest is there but cannot be run; `reason` is stable, `at` the byte offset or line where it lies, `problems` everything wrong with a source. */
export class GuestImageError extends Schema.TaggedError<GuestImageError>()("GuestImageError", {
  path: Schema.String,
  reason: Schema.String,
  at: Schema.optional(Schema.UndefinedOr(Schema.Number)),
  problems: Schema.optional(Schema.Array(Schema.String)),
  ...common
}) {
  /** Stable. */
  readonly code = "GUEST_IMAGE"
}
/** The machine stopped in a state its guest cannot cause: a panic of the modelled kernel, or a wait for what can never come. */
export class MachineError extends Schema.TaggedError<MachineError>()("MachineError", { ...common }) {
  /** Stable. */
  readonly code = "MACHINE_STOPPED"
}
/** A file or folder cannot be read or written. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", { path: Schema.String, ...common }) {
  /** Stable. */
  readonly code = "FILE"
}

/** What a snapshot is refused for. */
export const SNAPSHOT_CODES = [
  /** More bytes than are read. */
  "SNAPSHOT_TOO_LARGE",
  /** It does not begin as a snapshot does. */
  "SNAPSHOT_MAGIC",
  /** Written by a later eltwo, in a way this one cannot read. */
  "SNAPSHOT_VERSION",
  /** It ends too early, or lengths in it do not fit together. */
  "SNAPSHOT_LAYOUT",
  /** Header, section or file were changed since they were written. */
  "SNAPSHOT_CHECKSUM",
  /** Bytes that are no value, or not in the form eltwo writes. */
  "SNAPSHOT_ENCODING",
  /** A value of another kind, or outside its range. */
  "SNAPSHOT_SCHEMA",
  /** A section is missing, unknown though required, or there twice. */
  "SNAPSHOT_SECTION",
  /** Values that contradict each other. */
  "SNAPSHOT_CONTENT",
  /** The machine lacks what the saved one had. */
  "SNAPSHOT_FEATURE_MISMATCH",
  "SNAPSHOT_PLUGIN_MISMATCH",
  /** The snapshot it builds on is missing or another one. */
  "SNAPSHOT_PARENT",
  /** The machine is in a state that cannot be saved now. */
  "SNAPSHOT_BUSY",
  /** A protected guest's memory is not its host's to save. */
  "SNAPSHOT_PROTECTED",
  /** It is sealed and the key is missing or another one, or there is a key and it is not sealed. */
  "SNAPSHOT_KEY",
  /** There is such a file already. */
  "SNAPSHOT_EXISTS"
] as const
/** One of SNAPSHOT_CODES. */
export type SnapshotCode = (typeof SNAPSHOT_CODES)[number]
/** A snapshot cannot be read, written or restored; `path` is the place in it. Nothing was changed. */
export class SnapshotError extends Schema.TaggedError<SnapshotError>()("SnapshotError", {
  code: Schema.Literal(...SNAPSHOT_CODES),
  path: Schema.String,
  expected: Schema.String,
  actual: Schema.String,
  ...common
}) {}

/** What making, running, saving or restoring a guest can fail with. */
export type VmmError =
  | OptionError
  | PluginLoadError
  | PluginConflictError
  | GuestNotFoundError
  | GuestImageError
  | MachineError
  | FileError
  | SnapshotError

/** Why a register or memory of a virtual machine is out of reach. */
export const ACCESS_REASONS = [
  /** No register of this name, or this machine does not have it. */
  "no-register",
  /** Read-only, or a value it cannot have. */
  "refused-value",
  /** No vCPU of this number. */
  "no-vcpu",
  /** Not all of the range is memory of the guest. */
  "outside-memory",
  /** Some of the range belongs to a protected guest alone. */
  "protected-memory"
] as const
/** A register or a range of memory cannot be read or written; nothing was changed. */
export class AccessError extends Schema.TaggedError<AccessError>()("AccessError", {
  reason: Schema.Literal(...ACCESS_REASONS),
  ...common
}) {
  /** Stable. */
  readonly code = "VM_ACCESS"
}
/** A virtual machine cannot do this now: it is closed, it runs already, it is of a kind that cannot, or this computer lacks memory. */
export class VmStateError extends Schema.TaggedError<VmStateError>()("VmStateError", {
  reason: Schema.Literal("closed", "running", "several-cpus", "not-made"),
  ...common
}) {
  /** Stable. */
  readonly code = "VM_STATE"
}
