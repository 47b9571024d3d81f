/** Snapshots of whole hosts, for programs that make their own with `createHost`: every CPU, task and VM with all memory. */
import { type Board, virtualTime } from "@eltwo/cpu"
import type { Host, RestoreHostOptions } from "@eltwo/kvm"
import { SnapshotError } from "./errors.ts"
import { sameBytes } from "./snapshot/codec.ts"
import { type Hash, open, writeContainer } from "./snapshot/container.ts"
import { checkProcessor } from "./snapshot/fit.ts"
import { type Header, WRITER } from "./snapshot/header.ts"
import { boardRam, hostSections, readHost, type Secrecy } from "./snapshot/host-parts.ts"
import { verify } from "./snapshot/inspect.ts"
import { pageSections, pagesOf } from "./snapshot/pages.ts"
import { reading, refuse } from "./snapshot/refusal.ts"
import { checkNothingMore, hostFrom } from "./snapshot/restore.ts"
import { refuseSealed, seal, unseal } from "./snapshot/seal.ts"

const ascending = (a: number, b: number): number => a - b
const machineOf = (board: Board, mode: string): Header["machine"] => ({
  mode,
  era: "H",
  memory: board.ram.bytes,
  seed: Number(BigInt.asUintN(32, board.seed)),
  features: [...board.isa.features].sort(),
  vectorLengths: [...board.vectorLengths].sort(ascending),
  streamingVectorLengths: [...board.streamingVectorLengths].sort(ascending),
  plugins: []
})

/** How a host is saved. */
export interface SaveHostOptions {
  /** SHA-256, where the platform has a faster one. */
  readonly hash?: Hash
}
/**
 * The bytes of a snapshot of a host between two calls of its interface, the same for the same state; SNAPSHOT_BUSY says what of it cannot be saved,
 * SNAPSHOT_PROTECTED that some of its memory is a guest's alone.
 */
export const saveHost = (host: Host, options: SaveHostOptions = {}): Uint8Array | SnapshotError => fileOf(host, options, { sealed: false })
/** The same, sealed with a key of 32 bytes: also of a host that has protected VMs. The bytes are others each time. */
export const sealHost = async (host: Host, key: Uint8Array, options: SaveHostOptions = {}): Promise<Uint8Array | SnapshotError> => {
  const file = fileOf(host, options, { sealed: true })
  return file instanceof SnapshotError ? file : seal(file, key, options.hash)
}
const fileOf = (host: Host, { hash }: SaveHostOptions, secrecy: Secrecy): Uint8Array | SnapshotError =>
  reading(() => {
    const { board, mode, account } = host
    const sections = [...hostSections(host, secrecy), ...pageSections("ram", pagesOf(boardRam(board)))]
    const header = {
      writer: WRITER,
      kind: "host",
      time: virtualTime(board.pes[0]!),
      instructions: BigInt(account.instructions),
      machine: machineOf(board, mode.name),
      guest: "",
      parent: null
    } as const
    return writeContainer(header, sections, hash)
  })

/** What a saved host goes on with: a new board as large as the saved one's, its mode, and what user space does; see RestoreHostOptions. */
export interface RestoreHostRequest extends Omit<RestoreHostOptions, "memory"> {
  /** SHA-256, where the platform has a faster one. */
  readonly hash?: Hash
}
/** The host of a snapshot that saveHost made. Refused, it leaves nothing behind but a board that is not to be used any more. */
export const restoreHostSnapshot = (file: Uint8Array, { hash, ...options }: RestoreHostRequest): Host | SnapshotError =>
  reading(() => {
    const container = open(file, { hash })
    const { header } = container
    refuseSealed(container)
    const broken = verify(container)
    if (broken !== undefined) throw broken
    const content = (path: string, actual: string) =>
      refuse("SNAPSHOT_CONTENT", {
        path,
        expected: "a snapshot of a host",
        actual,
        hint: "`eltwo restore` restores guests; other files were not written by this version of eltwo, or were changed."
      })
    if (header.kind !== "host") content("header.kind", `a ${header.kind} guest`)
    if (header.parent !== null) content("header.parent", "one that builds on another")
    const { board } = options
    const { isa, vectorLengths, streamingVectorLengths } = board
    checkProcessor(header.machine, { features: isa.features, vector: vectorLengths, streaming: streamingVectorLengths }, true)
    const host = hostFrom([container], readHost(container), options)
    const sections = hostSections(host, { sealed: true })
    checkNothingMore(
      container,
      sections.map(({ name }) => name),
      [boardRam(board)]
    )
    for (const { name, bytes } of sections)
      if (!sameBytes(bytes, container.section(name).bytes)) content(`section ${name}`, "values that no host would keep")
    return host
  })
/** The host of a snapshot that sealHost made with this key. */
export const restoreSealedHost = async (file: Uint8Array, key: Uint8Array, request: RestoreHostRequest): Promise<Host | SnapshotError> => {
  const clear = await unseal(file, key, request.hash)
  return clear instanceof SnapshotError ? clear : restoreHostSnapshot(clear, request)
}
