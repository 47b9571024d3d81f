/** What the personality needs of the outside world. Implemented over node: in one file, and over arrays in tests. */

export interface FileStatus {
  readonly kind: "file" | "directory" | "link" | "pipe" | "device" | "other"
  readonly size: number
  readonly mode: number
  readonly inode: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** A directory tree given to the guest with --root. Paths begin with "/" and contain no "." or ".." parts; links are resolved by the caller. */
export interface HostTree {
  status(path: string): FileStatus | undefined
  /** Target of a link; undefined when it is none. */
  readLink(path: string): string | undefined
  read(path: string, offset: number, bytes: number): Uint8Array | undefined
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

/** A guest's standard input, output and error. */
export interface HostStreams {
  /** At most `bytes` bytes of standard input; empty at its end, undefined when there is nothing yet. */
  readInput(bytes: number): Uint8Array | undefined
  /** Standard output (1) or standard error (2). False: the reader is gone (EPIPE). */
  writeOutput(stream: 1 | 2, bytes: Uint8Array): boolean
  /** True when the stream is a terminal. */
  isTerminal(stream: 0 | 1 | 2): boolean
}

/** The world outside of a guest. */
export interface Host {
  readonly streams: HostStreams
  readonly tree: HostTree | undefined
  /** Nanoseconds since 1970 when the machine started. */
  readonly startTime: bigint
  /** Seeded randomness: getrandom, AT_RANDOM. */
  random(bytes: number): Uint8Array
}
