/** What the Linux personality needs of the machine: a processor that runs until it needs service, and its memory. */

/** The VM's RAM as its owner sees it. */
export interface GuestMemory {
  /** Guest-physical address of the first byte. */
  readonly base: number
  /** What was not used yet does not count: `touch` and `written` put it there. */
  readonly bytes: Uint8Array
  /** Bytes from this offset on are about to be read. */
  touch(at: number, length: number): void
  /** Bytes are about to be written behind the processor's back: translated code there is dropped. */
  written(physical: number, length: number): void
}

/** Why the processor stopped. */
export type GuestStop =
  /** The EL1 stub asks for service: a system call or fault of EL0, as ESR_EL1 says. */
  | { readonly kind: "service" }
  /** The instruction limit of this run is used up. */
  | { readonly kind: "limit" }
  /** The machine cannot go on: a panic of the modelled kernel or a stop that a Linux program cannot cause. */
  | { readonly kind: "dead"; readonly message: string }

/** The system registers the personality looks at or sets. */
export type GuestRegister =
  | "ESR_EL1"
  | "FAR_EL1"
  | "ELR_EL1"
  | "SPSR_EL1"
  | "SP_EL0"
  | "TPIDR_EL0"
  | "TPIDR_EL1"
  | "TTBR0_EL1"
  | "TCR_EL1"
  | "MAIR_EL1"
  | "SCTLR_EL1"
  | "VBAR_EL1"
  | "CPACR_EL1"
  | "CNTKCTL_EL1"
  | "FPCR"
  | "FPSR"

export interface GuestCpu {
  readonly memory: GuestMemory
  /** X0..X30. */
  x(n: number): bigint
  setX(n: number, value: bigint): void
  /** Where the processor goes on: in the stub at EL1, or at EL0 after a limit. */
  pc(): bigint
  setPc(value: bigint): void
  /** PSTATE in the format of SPSR_ELx. */
  pstate(): bigint
  setPstate(value: bigint): void
  system(register: GuestRegister): bigint
  setSystem(register: GuestRegister, value: bigint): void
  /** The 512 bytes of V0..V31. */
  vectors(): Uint8Array
  setVectors(bytes: Uint8Array): void
  /** Value of an ID register, for programs that read it from EL0. */
  idRegister(encoding: number): bigint | undefined
  /** FEAT_ names the guest may use. */
  readonly features: ReadonlySet<string>
  /** Instructions retired since the machine started. */
  retired(): bigint
  /** Virtual time in nanoseconds since the machine started: instructions, and what passed without. */
  nanoseconds(): bigint
  /** Virtual time passes without instructions: the only thread sleeps. The guest's counters go on. */
  sleep(nanoseconds: bigint): void
  /** The last run was ended by who observes it, before its limit. */
  readonly stopped?: () => boolean
  /** Runs at most `instructions` instructions. */
  run(instructions: number): GuestStop
}
