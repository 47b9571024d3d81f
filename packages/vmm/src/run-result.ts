/** What a run needs when everything but its guest is ready, and what it comes to. */
import type { Interrupted, LimitReached } from "./drive.ts"
import type { VmmError } from "./errors.ts"
import type { SwitchAccount } from "./KvmHost.ts"
import type { MachineModel } from "./Machine.ts"
import type { GuestKind, RunOptions } from "./options.ts"
import type { Host } from "./personality/linux/host.ts"
import type { ProcessEnd } from "./personality/linux/process.ts"
import type { PlatformService } from "./platform.ts"
import type { RandomBytes } from "./random.ts"
import type { Draft } from "./snapshot/container.ts"
import type { SnapshotPoint } from "./snapshot-point.ts"
import type { Tracer } from "./Trace.ts"

/** How a run ended; all of these are outcomes of the guest, none is a failure. */
export type RunEnd =
  | Exclude<ProcessEnd, { kind: "dead" }>
  | LimitReached
  /** This process got a signal, of a guest that knows none. */
  | Interrupted
  /** It was saved and is to go on from there another time. */
  | { readonly kind: "saved" }
  /** An image waits for an interrupt that nothing can send. */
  | { readonly kind: "idle"; readonly pc: bigint }
  /** An image took an exception whose vector cannot be executed. `signal` is what a program would have got for it. */
  | {
      readonly kind: "unhandled"
      readonly signal: number
      readonly el: number
      readonly pc: bigint
      readonly ec: number
      readonly iss: number
      readonly far?: bigint
    }

/** What the run did. */
export interface RunAccount {
  /** Instructions the guest retired. */
  readonly instructions: bigint
  /** Time of the host for the run itself, without loading. */
  readonly milliseconds: number
  /** What the modelled KVM did; undefined for a bare image. */
  readonly kvm?: SwitchAccount
  /** Of a Linux program: its system calls, and the numbers of those answered ENOSYS with their counts. */
  readonly systemCalls?: number
  /** System calls answered ENOSYS: counts by number. */
  readonly unimplemented?: Readonly<Record<string, number>>
}
/** What it ran on. */
export interface RunMachine {
  /** What the guest is. */
  readonly kind: GuestKind
  /** What executed it. */
  readonly engine: RunOptions["engine"]
  /** The modelled kernel's; undefined for a bare image. */
  readonly mode?: RunOptions["mode"]
  /** Which Linux the modelled kernel behaved like; undefined for a bare image. */
  readonly era?: RunOptions["era"]
  /** Seed of everything random. */
  readonly seed: number
  /** Bytes of guest RAM. */
  readonly memory: number
  /** Names of the plugins. */
  readonly plugins: readonly string[]
  /** FEAT_ names. */
  readonly features: readonly string[]
}
/** How a run ended, what it did, and on what. */
export interface RunResult {
  /** How it ended. */
  readonly end: RunEnd
  /** What it did. */
  readonly account: RunAccount
  /** What it ran on. */
  readonly machine: RunMachine
}

/** What the runners of one kind give. */
export type Outcome = Omit<RunResult, "machine">

/** A run with everything but its guest ready. */
export interface Prepared {
  readonly options: RunOptions
  readonly model: MachineModel
  readonly platform: PlatformService
  /** The guest's outside: streams, the folder given as root, the clock, randomness. */
  readonly host: Host
  readonly tracer: Tracer | undefined
  /** The randomness of `host`, as it stands. */
  readonly random: RandomBytes
}
/** A snapshot in the course of a run. */
export interface SnapshotRequest {
  /** Where it is made: after that many instructions of the guest, or at an event after the snapshot before. */
  readonly at: SnapshotPoint
  /** The run ends with it. */
  readonly stop: boolean
  /** Snapshots it is to be the changes to, the full one first; asked when it is made. */
  readonly parents?: () => readonly Uint8Array[]
  /** What it is sealed with, 32 bytes, and what its parents were; none: it is in clear. */
  readonly key?: Uint8Array | undefined
  /** Keeps it, or says why that cannot be. The guest waits. */
  readonly take: (snapshot: Draft) => Promise<VmmError | undefined>
}

/** What an image is told of its name and arguments. */
export const commandLine = ({ guest, args }: RunOptions): string => [guest.replace(/\/+$/, "").split("/").at(-1), ...args].join(" ")
