/** What a virtual machine is made from. */
import type { RestoreRequest } from "../Guest.ts"
import type { RunInput } from "../options.ts"
import type { HostStreams } from "../personality/linux/host.ts"
import type { PlatformService } from "../platform.ts"
import { withFile } from "../values-platform.ts"

/** A guest in the caller's hands: an ELF file or flat image, or assembly source in the dialect of GNU as. */
export type GuestValue =
  | {
      readonly bytes: Uint8Array
      /** What it sees as its own name; "guest" when left out. */
      readonly name?: string
    }
  | { readonly source: string; readonly name?: string }

/** What only the command has: where a run ends, and its trace. */
type OfTheCommand = "guest" | "maxInsns" | "timeout" | "trace"
/** The options of a run (see RunOptions: `cpu`, `mode`, `engine`, `mem`, `kind`, `plugin` ...), each as text or value, and the guest. */
export interface VmConfig extends Omit<RunInput, OfTheCommand> {
  /** A path that the platform knows, or the guest itself. */
  readonly guest: string | GuestValue
  /** Where the guest's input comes from and its output goes; the platform's streams when left out. */
  readonly streams?: HostStreams
}
/** What a restored machine goes on with instead of what was saved: another engine, mode or processor, where that can be. */
export interface RestoreConfig extends Omit<RestoreRequest, OfTheCommand | "snapshots" | "onEvent"> {
  /** Snapshots that this one is the changes to, the full one first. */
  readonly parents?: readonly Uint8Array[]
}

/** How a snapshot is written to a file. */
export interface SaveConfig {
  /** Snapshots that it is to be the changes to, the full one first. */
  readonly parents?: readonly Uint8Array[]
  /** What it is sealed with, 32 bytes, and what its parents were; left out: it is in clear. */
  readonly key?: Uint8Array
  /** It takes the place of a file that is there. */
  readonly force?: boolean
}
/** What a forked machine has of its own. */
export interface ForkOptions {
  /** Where its input comes from and its output goes; those of the machine it is forked from when left out. */
  readonly streams?: HostStreams
}
/** How far a machine runs. */
export interface RunLimit {
  /** Address, or addresses, of instructions before which it stops; the instruction it starts at is executed. Runs in the interpreter. */
  readonly until?: bigint | readonly bigint[]
  /** Most instructions that retire; any number when left out. */
  readonly maxInstructions?: number
}

/** The guest's name among the files, and a platform that has it. */
export const guestFile = (guest: VmConfig["guest"], platform: PlatformService): { readonly path: string; readonly platform: PlatformService } => {
  if (typeof guest === "string") return { path: guest, platform }
  const { name = "guest" } = guest
  if ("bytes" in guest) {
    // a name that ends so would mean source
    const path = name.replace(/\.[sS]$/, "")
    return { path, platform: withFile(platform, path, guest.bytes) }
  }
  const path = /\.[sS]$/.test(name) ? name : `${name}.s`
  return { path, platform: withFile(platform, path, guest.source) }
}
