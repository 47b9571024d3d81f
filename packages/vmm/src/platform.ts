/** What the VMM needs of the world around it. node.ts gives it on Node; a browser or a test brings its own. */
import { Context } from "effect"
import type { FileError, SnapshotError } from "./errors.ts"
import type { HostStreams, HostTree } from "./personality/linux/host.ts"
import type { Draft } from "./snapshot/container.ts"

/** What went wrong with a file or folder: a value, not an exception. */
export interface FileProblem {
  /** Not there, not allowed or of the wrong kind, more bytes than the limit. */
  readonly problem: "missing" | "refused" | "too-large"
  /** The reason, in one sentence. */
  readonly message: string
}
/** Whether a file call gave a reason instead of its result. */
export const isFileProblem = (value: object | string): value is FileProblem => typeof value === "object" && "problem" in value

/** Where a plugin comes from. */
export interface PluginPlace {
  /** A plain name (`fpsimd`, short for the package @eltwo/plugin-fpsimd), a path, or another package. */
  readonly kind: "name" | "path" | "package"
  /** The name, path or package. */
  readonly specifier: string
}

/** How a file is written. */
export interface SaveFileOptions {
  /** In the place of one that is there. */
  readonly force?: boolean | undefined
}
/** The world around the VMM: files, streams, plugins, time, signals. */
export interface PlatformService {
  /** All of a file; `limit` in bytes. */
  readonly readFile: (path: string, limit: number) => Uint8Array | FileProblem
  /** Whether a path names a folder. */
  readonly isFolder: (path: string) => boolean
  /** A folder as the guest's file system. Nothing outside of it can be reached through the result. */
  readonly openTree: (path: string, writable: boolean) => HostTree | FileProblem
  /** Streams of guests that are given no others. */
  readonly streams: HostStreams
  /** The module of a plugin; rejects with the reason when there is none. */
  readonly importPlugin: (place: PluginPlace) => Promise<object>
  /** A clock that only goes forward, in milliseconds. */
  readonly milliseconds: () => number
  /**
   * Finishes a draft and writes it, so that at every moment the path names the old file or the whole new one; without `force` an old file stays. The result says
   * why nothing was written. Left out: there are no files.
   */
  readonly saveFile?: (path: string, draft: Draft, options?: SaveFileOptions) => Promise<FileError | SnapshotError | undefined>
  /** SHA-256, where the platform has a faster one than ours. */
  readonly sha256?: (bytes: Uint8Array) => Uint8Array
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Lets the event loop turn once; with `milliseconds`, waits that long or until a signal arrives. */
  readonly turn: (milliseconds?: number) => Promise<void>
  /** Calls `listener` with the number of each signal this process receives, until the result is called. */
  readonly onSignal: (listener: (signal: number) => void) => () => void
  /** Gives signals their usual effect on this process until the result is called: for waiting without letting the event loop turn. */
  readonly withoutListeners?: () => () => void
}
/** The service that the VMM asks for everything outside of it. */
export class Platform extends Context.Tag("@eltwo/vmm/Platform")<Platform, PlatformService>() {}
