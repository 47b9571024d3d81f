/**
 * Every failure a user can cause, with a stable `code`, what was wrong and where, and what to do. Nothing else is a failure of the API:
 * what a guest does is an outcome, a bug of ours is a defect.
 */
import { Schema } from "./schema.ts"

const common = { message: Schema.String, hint: Schema.String }

/** An option has a value it cannot have. `option` is its name as the user wrote it. */
export class OptionError extends Schema.TaggedError<OptionError>()("OptionError", { option: Schema.String, value: Schema.String, ...common }) {
  readonly code = "OPTION_INVALID"
}
/** A plugin cannot be found or loaded. */
export class PluginLoadError extends Schema.TaggedError<PluginLoadError>()("PluginLoadError", { plugin: Schema.String, ...common }) {
  readonly code = "PLUGIN_LOAD"
}
/** The plugins do not fit together; every problem is listed. */
export class PluginConflictError extends Schema.TaggedError<PluginConflictError>()("PluginConflictError", {
  problems: Schema.Array(Schema.String),
  ...common
}) {
  readonly code = "PLUGIN_CONFLICT"
}
/** There is no guest at this path. */
export class GuestNotFoundError extends Schema.TaggedError<GuestNotFoundError>()("GuestNotFoundError", { path: Schema.String, ...common }) {
  readonly code = "GUEST_NOT_FOUND"
}
/** The guest is there but cannot be run; `reason` is stable, `at` the byte offset or line where it lies. */
export class GuestImageError extends Schema.TaggedError<GuestImageError>()("GuestImageError", {
  path: Schema.String,
  reason: Schema.String,
  at: Schema.optional(Schema.Number),
  ...common
}) {
  readonly code = "GUEST_IMAGE"
}
/** The machine stopped in a state its guest cannot cause: a panic of the modelled kernel, or an instruction stream that never ends. */
export class MachineError extends Schema.TaggedError<MachineError>()("MachineError", { ...common }) {
  readonly code = "MACHINE_STOPPED"
}
/** A file cannot be read or written. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", { path: Schema.String, ...common }) {
  readonly code = "FILE"
}

export type VmmError = OptionError | PluginLoadError | PluginConflictError | GuestNotFoundError | GuestImageError | MachineError | FileError
