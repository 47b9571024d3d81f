/** A platform made of values: files, plugins and streams that a program has in its hands. It needs nothing but JavaScript, so it is there in a browser too. */
import type { HostStreams } from "./personality/linux/host.ts"
import type { PlatformService, PluginPlace } from "./platform.ts"

/** What a platform of values has. */
export interface PlatformValues {
  /** By path: what `guest` may name. A folder is there when a file is in it. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>
  /** By name: modules that export a plugin, or the plugins themselves. */
  readonly plugins?: Readonly<Record<string, object>>
  /** Left out: no input, and output goes nowhere. */
  readonly streams?: HostStreams
}

/** Streams without input that keep nothing. */
export const SILENT: HostStreams = { readInput: () => new Uint8Array(0), writeOutput: () => true, isTerminal: () => false }
/** Streams without input that give output, as text, to a function. */
export const textOutput = (write: (text: string, stream: 1 | 2) => void): HostStreams => {
  const decoders = { 1: new TextDecoder(), 2: new TextDecoder() } as const
  return {
    ...SILENT,
    writeOutput: (stream, bytes) => {
      write(decoders[stream].decode(bytes, { stream: true }), stream)
      return true
    }
  }
}

const bytesOf = (content: Uint8Array | string): Uint8Array => (typeof content === "string" ? new TextEncoder().encode(content) : content)
const turn = (milliseconds = 0): Promise<void> => new Promise((done) => void setTimeout(done, milliseconds))

/** The platform of these values. The clock is the host's; no signals come. */
export const valuesPlatform = ({ files = {}, plugins = {}, streams = SILENT }: PlatformValues = {}): PlatformService => ({
  readFile: (path, limit) => {
    const content = Object.hasOwn(files, path) ? files[path] : undefined
    if (content === undefined) return { problem: "missing", message: `there is no ${path}` }
    const bytes = bytesOf(content)
    return bytes.length > limit ? { problem: "too-large", message: `${path} has ${bytes.length} bytes; at most ${limit} are read` } : bytes
  },
  isFolder: (path) => Object.keys(files).some((file) => file.startsWith(`${path.replace(/\/+$/, "")}/`)),
  openTree: (path) => ({ problem: "missing", message: `there is no folder ${path}` }),
  streams,
  importPlugin: async ({ specifier }: PluginPlace) => {
    const found = Object.hasOwn(plugins, specifier) ? plugins[specifier] : undefined
    if (found === undefined) throw new Error("there is no plugin of this name")
    return "kind" in found ? { default: found } : found
  },
  milliseconds: () => performance.now(),
  now: () => BigInt(Date.now()) * 1_000_000n,
  turn,
  onSignal: () => () => {}
})

/** A platform with one file more, which hides any of its name. */
export const withFile = (platform: PlatformService, name: string, content: Uint8Array | string): PlatformService => ({
  ...platform,
  isFolder: (path) => path !== name && platform.isFolder(path),
  readFile: (path, limit) => (path === name ? valuesPlatform({ files: { [name]: content } }).readFile(path, limit) : platform.readFile(path, limit))
})
