/** A processor of values, a host of values and the smallest program: for tests of the personality that execute nothing. */
import type { Elf } from "../../src/elf.ts"
import type { GuestCpu, GuestMemory, GuestRegister } from "../../src/personality/linux/guest.ts"
import type { FileStatus, Host, HostTree } from "../../src/personality/linux/host.ts"
import { Process } from "../../src/personality/linux/process.ts"

export const RAM = 0x4000_0000
export const fakeMemory = (bytes: number): GuestMemory => ({ base: RAM, bytes: new Uint8Array(bytes), touch: () => {}, written: () => {} })

/** Registers that hold what was put into them. `steps` answers run(); the default is that nothing happens and the slice is used up. */
export interface FakeCpu extends GuestCpu {
  time: { retired: bigint; idle: bigint }
}
export const fakeCpu = (memory: GuestMemory, features: readonly string[] = ["FP", "AdvSIMD"]): FakeCpu => {
  const x = new Array<bigint>(31).fill(0n)
  const system = new Map<GuestRegister, bigint>()
  let [pc, pstate, vectors] = [0n, 0n, new Uint8Array(512)]
  const time = { retired: 0n, idle: 0n }
  return {
    memory,
    time,
    x: (n) => x[n]!,
    setX: (n, value) => {
      x[n] = BigInt.asUintN(64, value)
    },
    pc: () => pc,
    setPc: (value) => {
      pc = value
    },
    pstate: () => pstate,
    setPstate: (value) => {
      pstate = value
    },
    system: (name) => system.get(name) ?? 0n,
    setSystem: (name, value) => void system.set(name, value),
    vectors: () => vectors.slice(),
    setVectors: (bytes) => {
      vectors = bytes.slice()
    },
    idRegister: () => 0n,
    features: new Set(features),
    retired: () => time.retired,
    nanoseconds: () => time.retired + time.idle,
    sleep: (nanoseconds) => {
      time.idle += nanoseconds
    },
    run: (instructions) => {
      time.retired += BigInt(instructions)
      return { kind: "limit" }
    }
  }
}

export type Entries = Readonly<Record<string, string | { readonly link: string } | "directory">>
/** A tree from paths: texts are files, {link} are links, "directory" are empty directories; parents exist by themselves. */
export const fakeTree = (entries: Entries, writable = false): HostTree & { readonly files: Map<string, string | { link: string }> } => {
  const files = new Map<string, string | { link: string }>()
  const directories = new Set(["/"])
  for (const [path, entry] of Object.entries(entries)) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) directories.add(path.slice(0, at))
    if (entry === "directory") directories.add(path)
    else files.set(path, entry)
  }
  const text = (path: string): string | undefined => {
    const entry = files.get(path)
    return typeof entry === "string" ? entry : undefined
  }
  const status = (path: string): FileStatus | undefined => {
    if (directories.has(path)) return { kind: "directory", size: 4096, mode: 0o755, inode: 1, modified: 1500 }
    const entry = files.get(path)
    if (entry === undefined) return undefined
    return typeof entry === "string"
      ? { kind: "file", size: entry.length, mode: 0o644, inode: 2, modified: 1500 }
      : { kind: "link", size: entry.link.length, mode: 0o777, inode: 3, modified: 1500 }
  }
  const namesIn = (path: string): string[] =>
    [...directories, ...files.keys()].flatMap((full) => {
      const parent = full.slice(0, full.lastIndexOf("/")) || "/"
      return full !== "/" && parent === path ? [full.slice(full.lastIndexOf("/") + 1)] : []
    })
  const encoder = new TextEncoder()
  return {
    files,
    status,
    readLink: (path) => {
      const entry = files.get(path)
      return typeof entry === "object" ? entry.link : undefined
    },
    read: (path, offset, bytes) => (text(path) === undefined ? undefined : encoder.encode(text(path)).slice(offset, offset + bytes)),
    list: (path) => (directories.has(path) ? namesIn(path).sort() : undefined),
    ...(writable && {
      change: {
        write: (path: string, offset: number, bytes: Uint8Array) => {
          const before = text(path) ?? ""
          files.set(path, before.padEnd(offset, "\0").slice(0, offset) + new TextDecoder().decode(bytes) + before.slice(offset + bytes.length))
          return true
        },
        truncate: (path: string, size: number) => Boolean(files.set(path, (text(path) ?? "").padEnd(size, "\0").slice(0, size))),
        create: (path: string) => Boolean(files.set(path, "")),
        makeDirectory: (path: string) => Boolean(directories.add(path)),
        remove: (path: string) => files.delete(path) || directories.delete(path),
        rename: (from: string, to: string) => {
          const entry = files.get(from)
          if (entry === undefined) return false
          files.delete(from)
          files.set(to, entry)
          return true
        },
        setMode: () => true,
        setModified: () => true
      }
    })
  }
}

export interface FakeHost extends Host {
  readonly written: { 1: string; 2: string }
  input: (Uint8Array | undefined)[]
}
/** Input comes in the pieces given; undefined is a moment without any. */
export const fakeHost = (tree?: HostTree): FakeHost => {
  const host: FakeHost = {
    written: { 1: "", 2: "" },
    input: [],
    streams: {
      readInput: (bytes) => {
        if (host.input.length === 0) return new Uint8Array(0)
        const piece = host.input.shift()
        if (piece === undefined || piece.length <= bytes) return piece
        host.input.unshift(piece.subarray(bytes))
        return piece.subarray(0, bytes)
      },
      writeOutput: (stream, bytes) => {
        host.written[stream] += new TextDecoder().decode(bytes)
        return true
      },
      isTerminal: () => false
    },
    tree,
    startTime: 1_000_000_000_000_000_000n,
    random: (bytes) => new Uint8Array(bytes).fill(7)
  }
  return host
}

export const CODE_AT = 0x40_0000
export const DATA_AT = 0x41_0000
export const DATA_BYTES = 0x1_0000
/** One page of code, and a writable range. */
export const smallElf = (code: readonly number[] = [0xd503201f]): Elf => ({
  entry: BigInt(CODE_AT),
  relocatable: false,
  alignment: 4096,
  headersAddress: undefined,
  headerCount: 0,
  executableStack: false,
  segments: [
    {
      address: BigInt(CODE_AT),
      physical: 0n,
      contents: new Uint8Array(Uint32Array.from(code).buffer),
      memoryBytes: 4 * code.length,
      readable: true,
      writable: false,
      executable: true
    },
    {
      address: BigInt(DATA_AT),
      physical: 0n,
      contents: new Uint8Array(0),
      memoryBytes: DATA_BYTES,
      readable: true,
      writable: true,
      executable: false
    }
  ]
})
export const fakeProcess = (tree?: HostTree) => {
  const cpu = fakeCpu(fakeMemory(8 << 20))
  const host = fakeHost(tree)
  const process = Process.start(cpu, host, smallElf(), { path: "/bin/test", args: [], environment: [] })
  if (typeof process === "string") throw new Error(process)
  return { cpu, host, process }
}

/** A small generator of numbers: the same seed, the same sequence. */
export const randomFrom = (seed: number) => {
  let state = seed >>> 0 || 1
  return (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
