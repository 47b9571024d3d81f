/** What the personality needs of the outside world. Implemented over node: in one file, and over arrays in tests. */

export interface FileStatus {
  /** What it is. */
  readonly kind: "file" | "directory" | "link" | "pipe" | "device" | "other"
  /** Bytes. */
  readonly size: number
  /** Permission bits, 12 of them. */
  readonly mode: number
  /** Its number on the host. */
  readonly inode: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** A directory tree given to the guest with --root. Paths begin with "/" and contain no "." or ".." parts; links are resolved by the caller. */
export interface HostTree {
  /** What is at a path; undefined: nothing. */
  status(path: string): FileStatus | undefined
  /** Target of a link; undefined when it is none. */
  readLink(path: string): string | undefined
  /** At most `bytes` bytes of a file from `offset` on; undefined when it cannot be read. */
  read(path: string, offset: number, bytes: number): Uint8Array | undefined
  /** Names in a folder; undefined when it is none. */
  list(path: string): readonly string[] | undefined
  /** Absent when the tree is read-only. Gives false when the host refuses. */
  readonly change?: {
    write(path: string, offset: number, bytes: Uint8Array): boolean
    truncate(path: string, size: number): boolean
    create(path: string, mode: number): boolean
    makeDirectory(path: string, mode: number): boolean
    remove(path: string): boolean
    rename(from: string, to: string): boolean
    setMode(path: string, mode: number): boolean
    /** Milliseconds since 1970. */
    setModified(path: string, time: number): boolean
  }
}

/** Why output was not taken though somebody may read it: no space for it (ENOSPC), or another error (EIO). */
export type LostOutput = "no-space" | "failed"
/** A guest's standard input, output and error. */
export interface HostStreams {
  /** At most `bytes` bytes of standard input; empty at its end, undefined when there is nothing yet. */
  readInput(bytes: number): Uint8Array | undefined
  /** Standard output (1) or standard error (2). True: all of it was taken. False: the reader is gone (EPIPE). */
  writeOutput(stream: 1 | 2, bytes: Uint8Array): boolean | LostOutput
  /** True when the stream is a terminal. */
  isTerminal(stream: 0 | 1 | 2): boolean
}

/** The world outside of a guest. */
export interface Host {
  /** Standard input, output and error. */
  readonly streams: HostStreams
  /** The folder that the guest sees as "/"; undefined: it sees no files. */
  readonly tree: HostTree | undefined
  /** Nanoseconds since 1970 when the machine started. */
  readonly startTime: bigint
  /** Seeded randomness: getrandom, AT_RANDOM. */
  random(bytes: number): Uint8Array
}
