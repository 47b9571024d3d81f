/** The VMM on Node: files, a folder as the guest's root, standard streams, signals, plugin modules. The only file of the VMM that imports node:. */
import { createHash, randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import * as Module from "node:module"
import { constants as os } from "node:os"
import { basename, dirname, isAbsolute, join, resolve } from "node:path"
import { isatty } from "node:tty"
import { fileURLToPath, pathToFileURL } from "node:url"
import { setFlagsFromString } from "node:v8"
import { Effect, Layer } from "effect"
import { FileError, SnapshotError, type VmmError } from "./errors.ts"
import type { FileStatus, HostStreams, HostTree } from "./personality/linux/host.ts"
import { type FileProblem, Platform, type PlatformService, type PluginPlace, type SaveFileOptions } from "./platform.ts"
import { type RunRequest, run } from "./run.ts"
import type { RunResult } from "./run-result.ts"
import { type Draft, wholeDraft } from "./snapshot/container.ts"

/** A program that carries packages and plugins along. */
export interface Distribution {
  /** By package name ("@eltwo/isa", "@eltwo/plugin-fpsimd"): the modules that run. */
  readonly modules: Readonly<Record<string, () => Promise<object>>>
  /** Imports any other module: compiled code that was kept cannot do that by itself. */
  readonly importModule: (specifier: string) => Promise<object>
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ""
const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(codeOf(error))
const fileProblem = (path: string, error: unknown): FileProblem =>
  isMissing(error) ? { problem: "missing", message: `there is no ${path}` } : { problem: "refused", message: `${path}: ${(error as Error).message}` }

const readFile = (path: string, limit: number): Uint8Array | FileProblem => {
  try {
    const status = fs.statSync(path)
    // A pipe or a device could block or never end.
    if (!status.isFile()) return { problem: "refused", message: `${path} is not a regular file` }
    if (status.size > limit) return { problem: "too-large", message: `${path} has ${status.size} bytes; at most ${limit} are read` }
    return fs.readFileSync(path)
  } catch (error) {
    return fileProblem(path, error)
  }
}

const kindOf = (status: fs.Stats): FileStatus["kind"] => {
  if (status.isFile()) return "file"
  if (status.isDirectory()) return "directory"
  if (status.isSymbolicLink()) return "link"
  if (status.isFIFO()) return "pipe"
  return status.isCharacterDevice() || status.isBlockDevice() ? "device" : "other"
}

/**
 * A folder as a file system. Links are the caller's to resolve: a path whose last part or any other part is a link on the host is refused, so nothing
 * outside of the folder can be reached.
 */
class FolderTree implements HostTree {
  declare readonly change?: NonNullable<HostTree["change"]>
  readonly #root: string
  /** The file read last, kept open: programs read in small pieces. */
  #open: { readonly path: string; readonly fd: number } | undefined

  constructor(root: string, writable: boolean) {
    this.#root = fs.realpathSync.native(root)
    if (writable) this.change = this.#changes()
  }
  /** The host's path; undefined when the path has a form or a link on its way that it must not have. */
  #host(path: string): string | undefined {
    if (!path.startsWith("/") || path.includes("\0") || path.split("/").some((part) => part === ".." || part === ".")) return undefined
    const host = resolve(join(this.#root, path))
    const parent = path === "/" ? host : resolve(host, "..")
    try {
      return fs.realpathSync.native(parent) === parent ? host : undefined
    } catch {
      return undefined
    }
  }
  #lstat(path: string): fs.Stats | undefined {
    const host = this.#host(path)
    try {
      return host === undefined ? undefined : fs.lstatSync(host, { throwIfNoEntry: false })
    } catch {
      return undefined
    }
  }

  status(path: string): FileStatus | undefined {
    const status = this.#lstat(path)
    return status && { kind: kindOf(status), size: status.size, mode: status.mode & 0o7777, inode: status.ino, modified: status.mtimeMs }
  }
  readLink(path: string): string | undefined {
    if (!this.#lstat(path)?.isSymbolicLink()) return undefined
    try {
      return fs.readlinkSync(this.#host(path)!)
    } catch {
      return undefined
    }
  }
  read(path: string, offset: number, bytes: number): Uint8Array | undefined {
    const fd = this.#open?.path === path ? this.#open.fd : this.#openToRead(path)
    if (fd === undefined) return undefined
    const buffer = new Uint8Array(bytes)
    try {
      let done = 0
      while (done < bytes) {
        const count = fs.readSync(fd, buffer, done, bytes - done, offset + done)
        if (count === 0) break
        done += count
      }
      return buffer.subarray(0, done)
    } catch {
      return undefined
    }
  }
  list(path: string): readonly string[] | undefined {
    const host = this.#host(path)
    try {
      return host === undefined || !fs.lstatSync(host).isDirectory() ? undefined : fs.readdirSync(host)
    } catch {
      return undefined
    }
  }

  #close(): void {
    if (this.#open !== undefined) fs.closeSync(this.#open.fd)
    this.#open = undefined
  }
  #openToRead(path: string): number | undefined {
    this.#close()
    const fd = this.#openFile(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    if (fd !== undefined) this.#open = { path, fd }
    return fd
  }
  /** Opens a regular file that is no link. */
  #openFile(path: string, flags: number, mode = 0o666): number | undefined {
    const host = this.#host(path)
    if (host === undefined) return undefined
    try {
      const fd = fs.openSync(host, flags | fs.constants.O_NOFOLLOW, mode)
      if (fs.fstatSync(fd).isFile()) return fd
      fs.closeSync(fd)
    } catch {
      return undefined
    }
    return undefined
  }

  #changes(): NonNullable<HostTree["change"]> {
    const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants
    const attempt = (path: string, act: (host: string) => void): boolean => {
      this.#close()
      const host = this.#host(path)
      if (host === undefined) return false
      try {
        act(host)
        return true
      } catch {
        return false
      }
    }
    const withFile = (path: string, flags: number, mode: number, act: (fd: number) => void): boolean => {
      this.#close()
      const fd = this.#openFile(path, flags, mode)
      if (fd === undefined) return false
      try {
        act(fd)
        return true
      } catch {
        return false
      } finally {
        fs.closeSync(fd)
      }
    }
    return {
      write: (path, offset, bytes) =>
        withFile(path, O_WRONLY, 0, (fd) => {
          for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done)
        }),
      truncate: (path, size) => withFile(path, O_WRONLY, 0, (fd) => fs.ftruncateSync(fd, size)),
      create: (path, mode) => withFile(path, O_WRONLY | O_CREAT | O_EXCL, mode & 0o777, () => {}),
      makeDirectory: (path, mode) => attempt(path, (host) => fs.mkdirSync(host, mode & 0o777)),
      remove: (path) => attempt(path, (host) => (fs.lstatSync(host).isDirectory() ? fs.rmdirSync(host) : fs.unlinkSync(host))),
      rename: (from, to) => attempt(from, (host) => fs.renameSync(host, this.#host(to) ?? "")),
      setMode: (path, mode) => !this.#lstat(path)?.isSymbolicLink() && attempt(path, (host) => fs.chmodSync(host, mode & 0o777)),
      setModified: (path, time) => attempt(path, (host) => fs.lutimesSync(host, time / 1000, time / 1000))
    }
  }
}
const openTree = (path: string, writable: boolean): HostTree | FileProblem => {
  try {
    return fs.statSync(path).isDirectory() ? new FolderTree(path, writable) : { problem: "refused", message: `${path} is not a folder` }
  } catch (error) {
    return fileProblem(path, error)
  }
}
const isFolder = (path: string): boolean => {
  try {
    return fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4))
/** Blocks this thread. */
const pause = (milliseconds: number): void => {
  Atomics.wait(cell, 0, 0, milliseconds)
}
/**
 * A descriptor to read standard input from. A pipe or terminal is opened once more without blocking: others who have it open do not notice. Where that
 * cannot be done (sockets), reading blocks, and signals wait.
 */
const openInput = (): number => {
  try {
    if (fs.fstatSync(0).isFile()) return 0
    return fs.openSync("/dev/stdin", fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY)
  } catch {
    return 0
  }
}
const NO_SPACE = ["ENOSPC", "EDQUOT", "EFBIG"]
let input: number | undefined
/** Synchronous, so that nothing is lost whenever the process ends. */
const streams: HostStreams = {
  readInput(bytes) {
    input ??= openInput()
    const buffer = new Uint8Array(bytes)
    try {
      return buffer.subarray(0, bytes === 0 ? 0 : fs.readSync(input, buffer, 0, bytes, null))
    } catch (error) {
      return codeOf(error) === "EAGAIN" ? undefined : new Uint8Array(0)
    }
  },
  writeOutput(stream, bytes) {
    for (let done = 0; done < bytes.length; )
      try {
        done += fs.writeSync(stream, bytes, done, bytes.length - done)
      } catch (error) {
        if (codeOf(error) === "EPIPE") return false
        if (NO_SPACE.includes(codeOf(error))) return "no-space"
        if (codeOf(error) !== "EAGAIN") return "failed"
        pause(1)
      }
    return true
  },
  isTerminal: (stream) => isatty(stream)
}

/** Signals a guest may get from outside. SIGKILL and SIGSTOP cannot be caught; SIGTSTP and faults are ours. */
const FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGCONT", "SIGWINCH"] as const
/** Those waiting in turn(); a signal wakes them. */
const sleepers = new Set<() => void>()
/** What listens to signals now. */
const listening = new Map<() => void, (typeof FORWARDED)[number]>()
const onSignal = (listener: (signal: number) => void): (() => void) => {
  const handlers = FORWARDED.map((name) => {
    const handler = () => {
      listener(os.signals[name])
      for (const wake of [...sleepers]) wake()
    }
    process.on(name, handler)
    listening.set(handler, name)
    return () => {
      process.off(name, handler)
      listening.delete(handler)
    }
  })
  return () => {
    for (const remove of handlers) remove()
  }
}
const withoutListeners = (): (() => void) => {
  for (const [handler, name] of listening) process.off(name, handler)
  return () => {
    for (const [handler, name] of listening) process.on(name, handler)
  }
}
const turn = (milliseconds?: number): Promise<void> =>
  new Promise((done) => {
    if (milliseconds === undefined) return void setImmediate(done)
    const wake = () => {
      clearTimeout(timer)
      sleepers.delete(wake)
      done()
    }
    const timer = setTimeout(wake, milliseconds)
    sleepers.add(wake)
  })

type ResolveHook = (specifier: string, context: object, next: (specifier: string, context: object) => unknown) => unknown
/** Makes package names mean the modules of this distribution, for modules loaded from now on: one copy of each. */
const redirect = async (distribution: Distribution["modules"]): Promise<void> => {
  const key = "eltwo.modules"
  const modules = Object.fromEntries(await Promise.all(Object.entries(distribution).map(async ([name, load]) => [name, await load()] as const)))
  Object.assign(globalThis, { [Symbol.for(key)]: modules })
  const urls = Object.fromEntries(
    Object.entries(modules).map(([name, module]) => {
      const names = Object.keys(module).filter((exported) => exported !== "default")
      const source = `const m = globalThis[Symbol.for("${key}")]["${name}"]; export const { ${names.join(", ")} } = m; export default m.default`
      return [name, `data:text/javascript,${encodeURIComponent(source)}`]
    })
  )
  const { registerHooks, register } = Module as unknown as {
    registerHooks?: (hooks: { resolve: ResolveHook }) => void
    register?: typeof Module.register
  }
  if (registerHooks !== undefined) {
    registerHooks({
      resolve: (specifier, context, next) => (specifier in urls ? { url: urls[specifier], shortCircuit: true } : next(specifier, context))
    })
    return
  }
  const source = `const urls = ${JSON.stringify(urls)}
export const resolve = (specifier, context, next) => specifier in urls ? { url: urls[specifier], shortCircuit: true } : next(specifier, context)`
  register?.(`data:text/javascript,${encodeURIComponent(source)}`)
}
const TYPESCRIPT_REFUSED = ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING"]

const importPlugin = (distribution: Distribution | undefined) => {
  const importModule = distribution?.importModule ?? ((specifier: string) => import(specifier) as Promise<object>)
  let redirected: Promise<void> | undefined
  const outside = async (url: string): Promise<object> => {
    if (distribution !== undefined) await (redirected ??= redirect(distribution.modules))
    try {
      return await importModule(url)
    } catch (error) {
      if (TYPESCRIPT_REFUSED.includes(codeOf(error)))
        throw new Error(`Node ${process.version} cannot load TypeScript: compile it to JavaScript, or use Node 22.18 or later`)
      throw error
    }
  }
  /** A package beside this one, else one that the working directory sees. Undefined when there is none. */
  const packaged = async (name: string): Promise<object | undefined> => {
    const missing = (error: unknown) =>
      ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(codeOf(error)) && String((error as Error).message).includes(name)
    try {
      return await outside(name)
    } catch (error) {
      if (!missing(error)) throw error
    }
    try {
      return await outside(pathToFileURL(Module.createRequire(join(process.cwd(), "plugins.js")).resolve(name)).href)
    } catch (error) {
      if (!missing(error)) throw error
      return undefined
    }
  }
  return async ({ kind, specifier }: PluginPlace): Promise<object> => {
    if (kind === "path") {
      const path = specifier.startsWith("file:") ? fileURLToPath(specifier) : isAbsolute(specifier) ? specifier : resolve(specifier)
      if (!fs.existsSync(path)) throw new Error(`there is no file ${path}`)
      return outside(pathToFileURL(path).href)
    }
    const name = kind === "name" ? `@eltwo/plugin-${specifier}` : specifier
    const module = await (distribution?.modules[name]?.() ?? packaged(name))
    if (module !== undefined) return module
    throw new Error(kind === "name" ? "there is no plugin of this name" : "there is no such package")
  }
}

const existing = (path: string): SnapshotError =>
  new SnapshotError({
    code: "SNAPSHOT_EXISTS",
    path,
    expected: "no file",
    actual: "a file",
    message: `there is a file ${path} already`,
    hint: "Choose another name, or --force."
  })
/** What writeFileWhole() would say without `force` when there is such a file; undefined: there is none. */
export const refuseExisting = (path: string): SnapshotError | undefined => (fs.existsSync(path) ? existing(path) : undefined)
/** Writes of this file come back when they have reached the disk; where there is no such thing, the end waits for all of them. */
const NEW_FILE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_DSYNC ?? 0)
/** Node does not write 2 GiB or more in one call. */
const MOST_AT_ONCE = 1 << 30
const writeAll = async (file: FileHandle, bytes: Uint8Array, from: number, to: number): Promise<void> => {
  for (let at = from; at < to; ) at += (await file.write(bytes, at, Math.min(to - at, MOST_AT_ONCE), at)).bytesWritten
}
/** The disk takes the body while the hashes are computed. */
const writeDraft = async (file: FileHandle, { bytes, body, finish }: Draft): Promise<void> => {
  const written = writeAll(file, bytes, body.from, body.to)
  // it is waited for below, whatever comes first
  written.catch(() => {})
  finish()
  await written
  await writeAll(file, bytes, 0, body.from)
  await writeAll(file, bytes, body.to, bytes.length)
  await file.sync()
}
/** Beside the file, and no longer than a name may be. */
const temporaryFor = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, MOST_OF_NAME)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`)
const MOST_OF_NAME = 60
const saveFile: NonNullable<PlatformService["saveFile"]> = async (path, draft, { force = false } = {}) => {
  const refused = force ? undefined : refuseExisting(path)
  if (refused !== undefined) return refused
  const temporary = temporaryFor(path)
  try {
    if (force && isOther(path)) return unwritten(path, "it is not a file")
    const file = await open(temporary, NEW_FILE, 0o666)
    try {
      await writeDraft(file, draft)
    } finally {
      await file.close()
    }
    // a link, unlike a rename, never takes the place of a file
    if (force) fs.renameSync(temporary, path)
    else fs.linkSync(temporary, path)
  } catch (error) {
    if (codeOf(error) === "") throw error
    return codeOf(error) === "EEXIST" ? existing(path) : unwritten(path, reasonOf(error))
  } finally {
    removeQuietly(temporary)
  }
  return syncFolder(path)
}
/** Whether there is something else than a file, or a link: a folder, a device. */
const isOther = (path: string): boolean => {
  const there = fs.lstatSync(path, { throwIfNoEntry: false })
  return there !== undefined && !there.isFile() && !there.isSymbolicLink()
}
const unwritten = (path: string, reason: string): FileError =>
  new FileError({ path, message: `${path} cannot be written: ${reason}`, hint: "What was there before is unchanged." })
/** Without the name of the call and that of the temporary file. */
const reasonOf = (error: unknown): string => (error as Error).message.replace(/^E[A-Z0-9]+: |, \w+( '.*)?$/gs, "")
const removeQuietly = (path: string): void => {
  try {
    fs.unlinkSync(path)
  } catch {
    // it has got its name, or there never was one
  }
}
/** What the system says of folders that it does not open, or does not wait for. */
const NO_SYNC = ["EACCES", "EPERM", "EISDIR", "EINVAL", "ENOTSUP"]
/** Waits until the folder of a file has its name, where one can. */
const syncFolder = (path: string): FileError | undefined => {
  try {
    const fd = fs.openSync(dirname(path), "r")
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    return undefined
  } catch (error) {
    if (NO_SYNC.includes(codeOf(error))) return undefined
    return new FileError({
      path,
      message: `${path} is written, but may not stay: ${reasonOf(error)}`,
      hint: "The disk did not take the folder's entry."
    })
  }
}
/**
 * Writes a file so that at every moment, whatever happens to this process or the machine, the path names the old file or the whole new one. Without `force` an
 * old file stays: of several writers one succeeds. The result says why nothing was written.
 */
export const writeFileWhole = (path: string, bytes: Uint8Array, options: SaveFileOptions = {}): Promise<FileError | SnapshotError | undefined> =>
  saveFile(path, wholeDraft(bytes), options)

/** V8 11.3 (Node 20) has the fused multiply-add of relaxed SIMD behind a flag; later ones have it always. */
const allowRelaxedSimd = (): void => {
  if (process.versions.v8.startsWith("11.3.")) setFlagsFromString("--experimental-wasm-relaxed-simd")
}

/** Node as the VMM's platform. */
export const nodePlatform = (distribution?: Distribution): PlatformService => {
  allowRelaxedSimd()
  return {
    readFile,
    isFolder,
    openTree,
    streams,
    importPlugin: importPlugin(distribution),
    saveFile,
    milliseconds: () => performance.now(),
    sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
    now: () => BigInt(Date.now()) * 1_000_000n,
    turn,
    onSignal,
    withoutListeners
  }
}
/** Node as the service Platform. */
export const NodePlatform = Layer.sync(Platform, () => nodePlatform())

/** Runs a guest with this process's streams; rejects with a VmmError, or when `signal` is aborted. */
export const runGuest = async (request: RunRequest, signal?: AbortSignal): Promise<RunResult> => {
  const program: Effect.Effect<RunResult, VmmError, Platform> = run(request)
  const result = await Effect.runPromise(Effect.either(program.pipe(Effect.provide(NodePlatform))), signal && { signal })
  if (result._tag === "Left") throw result.left
  return result.right
}
