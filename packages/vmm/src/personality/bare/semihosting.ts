/**
 * Arm semihosting, the A64 calling convention: HLT #0xF000 with the operation in W0 and a parameter in X1, mostly the address of a block of
 * doublewords. Files are those of a Linux program: the standard streams, and the tree given with --root.
 */
import { type Saved, shape } from "@eltwo/cpu"
import { ERRNO } from "../linux/errno.ts"
import { Files, O } from "../linux/files.ts"
import { FILES_STATE, filesProblem, filesState, restoreFiles } from "../linux/files-state.ts"
import type { Host } from "../linux/host.ts"

/** Immediate of the HLT that is a semihosting call. */
export const SEMIHOSTING_IMMEDIATE = 0xf000

/** Operations by name, but for those that end the program. */
export const SEMIHOSTING_OPERATION = {
  open: 0x01,
  close: 0x02,
  writec: 0x03,
  write0: 0x04,
  write: 0x05,
  read: 0x06,
  readc: 0x07,
  iserror: 0x08,
  istty: 0x09,
  seek: 0x0a,
  flen: 0x0c,
  tmpnam: 0x0d,
  remove: 0x0e,
  rename: 0x0f,
  clock: 0x10,
  time: 0x11,
  system: 0x12,
  errno: 0x13,
  get_cmdline: 0x15,
  heapinfo: 0x16,
  elapsed: 0x30,
  tickfreq: 0x31
} as const

/** Memory by the guest's virtual addresses. */
export interface GuestView {
  /** Undefined: not all of it can be read. */
  read(address: bigint, bytes: number): Uint8Array | undefined
  /** False: not all of it can be written. */
  write(address: bigint, bytes: Uint8Array): boolean
}
export interface SemihostingOptions {
  readonly host: Host
  readonly memory: GuestView
  /** Virtual time since the start. */
  readonly nanoseconds: () => bigint
  readonly commandLine: string
  /** SYS_HEAPINFO: limits of memory that nothing else uses. */
  readonly heap: { readonly heapBase: bigint; readonly heapLimit: bigint; readonly stackBase: bigint; readonly stackLimit: bigint }
  /** The console, where it is not standard input and output as they are. */
  readonly console: { write(byte: number): void; flush(): void; read(): number | undefined }
}
export type SemihostingResult = { readonly kind: "return"; readonly value: bigint } | { readonly kind: "exit"; readonly status: number }

const FAILED = -1n
const PIECE = 65536
const MAXIMUM_NAME = 4096
const MAXIMUM_TRANSFER = 2 ** 31
/** SYS_EXIT with this reason is an exit of the program with its own status; any other is a failure. */
const APPLICATION_EXIT = 0x20026n
const FEATURES_NAME = ":semihosting-features"
/** "SHFB", then EXIT_EXTENDED and separate standard error. */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0x03)
/** What fopen's mode of that number means: r r+ w w+ a a+, each also in binary. */
const OPEN_FLAGS = [0, O.RDWR, O.WRONLY | O.CREAT | O.TRUNC, O.RDWR | O.CREAT | O.TRUNC, O.WRONLY | O.CREAT | O.APPEND, O.RDWR | O.CREAT | O.APPEND]
/** A handle of the features file or a descriptor of Files. */
type Handle =
  | { readonly kind: "file"; readonly fd: number }
  | { readonly kind: "console" | "errors" | "input" }
  | { readonly kind: "features"; position: number }

/** A call gets its parameter and gives the value for X0, or how the program ended. */
type Call = (parameter: bigint) => bigint | number | { readonly exit: number }

const MOST_HANDLES = 1024
export const SEMIHOSTING_STATE = shape({
  fields: {
    files: FILES_STATE,
    handles: {
      list: {
        fields: {
          number: "u32",
          handle: { kinds: { file: { fd: "u32" }, console: {}, errors: {}, input: {}, features: { position: "size" } } }
        }
      },
      most: MOST_HANDLES
    },
    errno: "u32",
    heap: { fields: { heapBase: "u64", heapLimit: "u64", stackBase: "u64", stackLimit: "u64" } },
    commandLine: "text"
  }
})
export type SemihostingState = Saved<typeof SEMIHOSTING_STATE>

export class Semihosting {
  readonly #options: SemihostingOptions
  readonly #files: Files
  readonly #handles = new Map<number, Handle>()
  #errno = 0
  readonly #calls: ReadonlyMap<number, Call>

  constructor(options: SemihostingOptions) {
    this.#options = options
    this.#files = new Files(options.host)
    this.#calls = new Map<number, Call>([
      [0x01, (block) => this.#open(block)],
      [0x02, (block) => this.#close(block)],
      [0x03, (address) => this.#writeCharacter(address)],
      [0x04, (address) => this.#writeText(address)],
      [0x05, (block) => this.#write(block)],
      [0x06, (block) => this.#read(block)],
      [0x07, () => this.#options.console.read() ?? FAILED],
      [0x08, (block) => (BigInt.asIntN(64, this.#words(block, 1)?.[0] ?? 0n) < 0n ? 1 : 0)],
      [0x09, (block) => this.#isTerminal(block)],
      [0x0a, (block) => this.#seek(block)],
      [0x0c, (block) => this.#length(block)],
      [0x0d, () => this.#fail(ERRNO.EROFS)],
      [0x0e, (block) => this.#remove(block)],
      [0x0f, (block) => this.#rename(block)],
      [0x10, () => this.#options.nanoseconds() / 10_000_000n],
      [0x11, () => (this.#options.host.startTime + this.#options.nanoseconds()) / 1_000_000_000n],
      [0x12, () => this.#fail(ERRNO.ENOSYS)],
      [0x13, () => this.#errno],
      [0x15, (block) => this.#commandLine(block)],
      [0x16, (block) => this.#heap(block)],
      [0x18, (block) => this.#exit(block)],
      [0x20, (block) => this.#exit(block)],
      [0x30, (block) => this.#elapsed(block)],
      [0x31, () => 1_000_000_000]
    ])
  }

  get state(): SemihostingState {
    return {
      files: filesState(this.#files),
      handles: [...this.#handles].map(([number, handle]) => ({ number, handle: { ...handle } })).sort((a, b) => a.number - b.number),
      errno: this.#errno,
      heap: { ...this.#options.heap },
      commandLine: this.#options.commandLine
    }
  }
  /** Puts a state in whose heap and command line this was made with; a string says what is wrong with it. */
  restore({ files, handles, errno }: SemihostingState): string | undefined {
    const problem = filesProblem(this.#files, files)
    if (problem !== undefined) return problem
    if (handles.some(({ number }) => number < 1 || number > MOST_HANDLES)) return "a file handle that does not exist"
    restoreFiles(this.#files, files)
    this.#handles.clear()
    for (const { number, handle } of handles) this.#handles.set(number, { ...handle } as Handle)
    this.#errno = errno
    return undefined
  }

  /** Does a call; `operation` is W0, `parameter` X1. An operation that is not known fails like any other. */
  call(operation: number, parameter: bigint): SemihostingResult {
    const result = this.#calls.get(operation)?.(parameter) ?? this.#fail(ERRNO.ENOSYS)
    if (typeof result === "object") return { kind: "exit", status: result.exit }
    return { kind: "return", value: BigInt.asUintN(64, BigInt(result)) }
  }

  #fail(errno: number): bigint {
    this.#errno = errno
    return FAILED
  }
  /** A result of Files: negative numbers are errnos. */
  #checked(result: number): number | bigint {
    return result < 0 ? this.#fail(-result) : result
  }
  #words(address: bigint, count: number): readonly bigint[] | undefined {
    const bytes = this.#options.memory.read(address, 8 * count)
    if (!bytes) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    return Array.from({ length: count }, (_, i) => view.getBigUint64(8 * i, true))
  }
  #putWords(address: bigint, words: readonly bigint[]): boolean {
    return this.#options.memory.write(address, new Uint8Array(BigUint64Array.from(words).buffer))
  }
  #name(address: bigint, length: bigint): string | undefined {
    const bytes = length <= BigInt(MAXIMUM_NAME) ? this.#options.memory.read(address, Number(length)) : undefined
    return bytes && new TextDecoder().decode(bytes)
  }
  #add(handle: Handle): number | bigint {
    for (let number = 1; number <= MOST_HANDLES; number++) {
      if (this.#handles.has(number)) continue
      this.#handles.set(number, handle)
      return number
    }
    return this.#fail(ERRNO.EMFILE)
  }
  #handle(number: bigint): Handle | undefined {
    return this.#handles.get(Number(BigInt.asUintN(32, number)))
  }

  #open(block: bigint): number | bigint {
    const [address, mode, length] = this.#words(block, 3) ?? []
    const name = address === undefined ? undefined : this.#name(address, length!)
    if (name === undefined) return this.#fail(ERRNO.EFAULT)
    if (mode! > 11n) return this.#fail(ERRNO.EINVAL)
    if (name === ":tt") return this.#add({ kind: mode! < 4n ? "input" : mode! < 8n ? "console" : "errors" })
    if (name === FEATURES_NAME) return mode! < 2n ? this.#add({ kind: "features", position: 0 }) : this.#fail(ERRNO.EACCES)
    const fd = this.#files.open(-100, name, OPEN_FLAGS[Number(mode!) >> 1]!, 0o644)
    return fd < 0 ? this.#fail(-fd) : this.#add({ kind: "file", fd })
  }
  #close(block: bigint): number | bigint {
    const number = Number(BigInt.asUintN(32, this.#words(block, 1)?.[0] ?? 0n))
    const handle = this.#handles.get(number)
    if (!handle) return this.#fail(ERRNO.EBADF)
    this.#handles.delete(number)
    return handle.kind === "file" ? this.#checked(this.#files.close(handle.fd)) : 0
  }
  #writeCharacter(address: bigint): number {
    const byte = this.#options.memory.read(address, 1)?.[0]
    if (byte !== undefined) this.#options.console.write(byte)
    return 0
  }
  #writeText(address: bigint): number {
    for (let at = address, left = MAXIMUM_TRANSFER; left > 0; at++, left--) {
      const byte = this.#options.memory.read(at, 1)?.[0]
      if (byte === undefined || byte === 0) break
      this.#options.console.write(byte)
    }
    return 0
  }

  /** Gives how many bytes were not written. */
  #write(block: bigint): number | bigint {
    const [number, address, length] = this.#words(block, 3) ?? []
    const handle = number === undefined ? undefined : this.#handle(number)
    if (!handle) return this.#reply(ERRNO.EBADF, length ?? FAILED)
    if (length! > BigInt(MAXIMUM_TRANSFER)) return this.#reply(ERRNO.EINVAL, length!)
    let done = 0
    while (done < Number(length)) {
      const bytes = this.#options.memory.read(address! + BigInt(done), Math.min(PIECE, Number(length) - done))
      if (!bytes) return this.#reply(ERRNO.EFAULT, length! - BigInt(done))
      const written = this.#writePiece(handle, bytes)
      if (written < 0) return this.#reply(-written, length! - BigInt(done))
      done += written
    }
    return 0
  }
  #reply(errno: number, value: bigint): bigint {
    this.#errno = errno
    return value
  }
  #writePiece(handle: Handle, bytes: Uint8Array): number {
    switch (handle.kind) {
      case "console":
        for (const byte of bytes) this.#options.console.write(byte)
        return bytes.length
      case "errors":
        this.#options.console.flush()
        return this.#files.write(2, bytes)
      case "file":
        return this.#files.write(handle.fd, bytes)
      default:
        return -ERRNO.EBADF
    }
  }
  /** Gives how many bytes were not read: all of them at the end of the file. */
  #read(block: bigint): number | bigint {
    const [number, address, length] = this.#words(block, 3) ?? []
    const handle = number === undefined ? undefined : this.#handle(number)
    if (!handle) return this.#reply(ERRNO.EBADF, length ?? FAILED)
    if (length! > BigInt(MAXIMUM_TRANSFER)) return this.#reply(ERRNO.EINVAL, length!)
    let done = 0
    while (done < Number(length)) {
      const wanted = Math.min(PIECE, Number(length) - done)
      const bytes = this.#readPiece(handle, wanted)
      if (typeof bytes === "number") return this.#reply(-bytes, length! - BigInt(done))
      if (bytes.length > 0 && !this.#options.memory.write(address! + BigInt(done), bytes)) return this.#reply(ERRNO.EFAULT, length! - BigInt(done))
      done += bytes.length
      if (bytes.length < wanted) break
    }
    return Number(length) - done
  }
  #readPiece(handle: Handle, bytes: number): Uint8Array | number {
    switch (handle.kind) {
      case "input":
        return this.#readLine(bytes)
      case "file": {
        const piece = this.#files.read(handle.fd, bytes)
        return piece === "later" ? new Uint8Array(0) : piece
      }
      case "features": {
        const piece = FEATURES.slice(handle.position, handle.position + bytes)
        handle.position += piece.length
        return piece
      }
      default:
        return -ERRNO.EBADF
    }
  }
  /** Console input up to the end of a line. */
  #readLine(bytes: number): Uint8Array {
    const line: number[] = []
    while (line.length < bytes) {
      const byte = this.#options.console.read()
      if (byte === undefined) break
      line.push(byte)
      if (byte === 10) break
    }
    return Uint8Array.from(line)
  }
  #isTerminal(block: bigint): number | bigint {
    const handle = this.#handle(this.#words(block, 1)?.[0] ?? 0n)
    if (!handle) return this.#fail(ERRNO.EBADF)
    const { streams } = this.#options.host
    if (handle.kind === "file" || handle.kind === "features") return 0
    return streams.isTerminal(handle.kind === "input" ? 0 : handle.kind === "console" ? 1 : 2) ? 1 : 0
  }
  #seek(block: bigint): number | bigint {
    const [number, position] = this.#words(block, 2) ?? []
    const handle = number === undefined ? undefined : this.#handle(number)
    if (!handle) return this.#fail(ERRNO.EBADF)
    if (position! > BigInt(Number.MAX_SAFE_INTEGER)) return this.#fail(ERRNO.EINVAL)
    if (handle.kind === "features") handle.position = Number(position)
    else if (handle.kind !== "file") return this.#fail(ERRNO.ESPIPE)
    else {
      const result = this.#files.seek(handle.fd, Number(position), 0)
      if (result < 0) return this.#fail(-result)
    }
    return 0
  }
  #length(block: bigint): number | bigint {
    const handle = this.#handle(this.#words(block, 1)?.[0] ?? 0n)
    if (!handle) return this.#fail(ERRNO.EBADF)
    if (handle.kind === "features") return FEATURES.length
    if (handle.kind !== "file") return this.#fail(ERRNO.ESPIPE)
    const status = this.#files.status(handle.fd)
    return typeof status === "number" ? this.#fail(-status) : status.size
  }
  #remove(block: bigint): number | bigint {
    const [address, length] = this.#words(block, 2) ?? []
    const name = address === undefined ? undefined : this.#name(address, length!)
    const place = name === undefined ? ERRNO.EFAULT : this.#files.locate(-100, name, false)
    if (typeof place === "number") return this.#fail(place)
    return this.#files.tree.change?.remove(place.path) ? 0 : this.#fail(ERRNO.EACCES)
  }
  #rename(block: bigint): number | bigint {
    const [from, fromLength, to, toLength] = this.#words(block, 4) ?? []
    const names = from === undefined ? [] : [this.#name(from, fromLength!), this.#name(to!, toLength!)]
    const [source, target] = names.map((name) => (name === undefined ? ERRNO.EFAULT : this.#files.locate(-100, name, false)))
    if (typeof source !== "object") return this.#fail(source ?? ERRNO.EFAULT)
    if (typeof target !== "object") return this.#fail(target ?? ERRNO.EFAULT)
    return this.#files.tree.change?.rename(source.path, target.path) ? 0 : this.#fail(ERRNO.EACCES)
  }

  /** Writes the text and its length into the caller's buffer. */
  #commandLine(block: bigint): number | bigint {
    const [address, size] = this.#words(block, 2) ?? []
    const text = new TextEncoder().encode(`${this.#options.commandLine}\0`)
    if (address === undefined) return this.#fail(ERRNO.EFAULT)
    if (BigInt(text.length) > size!) return this.#fail(ERRNO.E2BIG)
    const written = this.#options.memory.write(address, text) && this.#putWords(block + 8n, [BigInt(text.length - 1)])
    return written ? 0 : this.#fail(ERRNO.EFAULT)
  }
  #heap(block: bigint): number | bigint {
    const { heapBase, heapLimit, stackBase, stackLimit } = this.#options.heap
    const [address] = this.#words(block, 1) ?? []
    if (address === undefined || !this.#putWords(address, [heapBase, heapLimit, stackBase, stackLimit])) return this.#fail(ERRNO.EFAULT)
    return 0
  }
  #exit(block: bigint): { readonly exit: number } {
    const [reason, status] = this.#words(block, 2) ?? []
    return { exit: reason === APPLICATION_EXIT ? Number(BigInt.asIntN(32, status!)) : 1 }
  }
  #elapsed(block: bigint): number | bigint {
    return this.#putWords(block, [this.#options.nanoseconds()]) ? 0 : this.#fail(ERRNO.EFAULT)
  }
}
