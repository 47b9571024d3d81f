/**
 * Where everything lies in the machine's one WebAssembly.Memory.
 *
 *     0            nothing: a null pointer of generated code faults in tests
 *     PE_BASE      one block of PE_BYTES per processing element: the offsets below are relative to it
 *     ram          guest-physical RAM, page aligned
 *
 * Generated code gets the block's address as its only parameter, so the processing elements of a machine share it.
 */
export const PE_BASE = 0x10000

/** Offsets within a processing element's block, in bytes. */
export const PE = {
  /** X0..X30, 8 bytes each; slot 31 is the current stack pointer. */
  X: 0x000,
  SP: 0x0f8,
  /** Address of the next instruction, 8 bytes. */
  PC: 0x100,
  /** Operands and kind of the last flag-setting operation; see FLAGS. `FLAGS_KIND` = 0: NZCV is the low nibble of FLAGS_A. */
  FLAGS_A: 0x108,
  FLAGS_B: 0x110,
  FLAGS_KIND: 0x118,
  /** PSTATE without NZCV, SM and ZA, as laid out in PSTATE; 4 bytes. */
  PSTATE: 0x11c,
  /** FPSR cumulative bits (QC, IDC, IXC, UFC, OFC, DZC, IOC) and the four AArch32 flags, 4 bytes. */
  FPSR: 0x120,
  FPCR: 0x124,
  /** SVCR: SM bit 0, ZA bit 1; 4 bytes. */
  SVCR: 0x128,
  /** Instructions left in this slice; generated code subtracts at block granularity and leaves when it would become negative. 4 bytes, signed. */
  BUDGET: 0x12c,
  /** Why generated code left: one of LEAVE; 4 bytes. */
  LEAVE: 0x130,
  /** The address that left with LEAVE.miss (8 bytes). */
  FAULT_ADDRESS: 0x138,
  /** Instructions retired since reset (virtual time), 8 bytes: a u64 kept as two u32 by the run loop, not by generated code. */
  RETIRED: 0x140,
  /** Exclusive monitor: state (0 open, else the access size in bytes), virtual address (8), the value loaded (16). */
  MONITOR_SIZE: 0x148,
  MONITOR_ADDRESS: 0x150,
  MONITOR_VALUE: 0x158,
  /** Address within the machine's memory of the TLB bank in use, 4 bytes. */
  TLB: 0x168,
  /** FPMR, 8 bytes. */
  FPMR: 0x170,
  /** Virtual time that passed without instructions (waiting), 8 bytes; virtual time is RETIRED + IDLE. */
  IDLE: 0x178,
  /** Z0..Z31, 256 bytes each (V is the low 16); P0..P15 and FFR, 32 bytes each; ZT0, 64 bytes. */
  Z: 0x1000,
  P: 0x3000,
  ZT0: 0x3240,
  /** System registers, 8 bytes each, in the order the composed machine gives them; the second half of the slots is control registers as in force. */
  SYSTEM: 0x4000,
  /** Operands and results of helper calls of generated code. */
  SCRATCH: 0x8000,
  /** ZA: SVL/8 rows of SVL/8 bytes, packed at the current SVL. */
  ZA: 0x10000,
  /** TLB_BANKS banks of TLB_ENTRIES entries of TLB_ENTRY_BYTES. */
  TLBS: 0x20000
} as const

/** How many system registers fit, 8 bytes each. */
export const SYSTEM_SLOTS = (PE.SCRATCH - PE.SYSTEM) / 8
/** Bytes that translated code may use while an instruction lasts. */
export const SCRATCH_BYTES = PE.ZA - PE.SCRATCH

/**
 * A TLB bank: direct-mapped, indexed by bits 12 and up of the virtual address. An entry:
 *
 *     +0  read tag    8 bytes: the page's virtual address, or an impossible one (invalidTag)
 *     +8  write tag   8 bytes; absent on pages holding translated code and on clean pages when dirty pages are watched
 *     +16 offset      4 bytes: byte address in the machine's memory of the page's first byte
 *     +20 (unused)
 *
 * The test of generated code is one compare: t = address ^ tag; t <= 4096 - size (unsigned) is a hit at offset + t. It also catches page crossing.
 */
export const TLB_ENTRIES = 2048
/** Bytes of an entry. */
export const TLB_ENTRY_BYTES = 32
/** Banks of the TLB: each has the translations of one context. */
export const TLB_BANKS = 4
/** Bytes of a bank. */
export const TLB_BANK_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES
/** Byte offsets in an entry: tag for reads, tag for writes, offset from address to memory. */
export const TLB_ENTRY = { READ: 0, WRITE: 8, OFFSET: 16 } as const
/** A tag no address that indexes entry `index` can match: its index bits differ in the lowest one. */
export const invalidTag = (index: number): number => (index ^ 1) * 4096

/** Bytes of a processing element's block in the machine's memory. */
export const PE_BYTES = PE.TLBS + TLB_BANKS * TLB_BANK_BYTES

/** What FLAGS_A and FLAGS_B hold. The 32-bit kinds use the low halves (upper halves unspecified). */
export enum FLAGS {
  /** NZCV is the low nibble of A (N = bit 3). */
  nzcv = 0,
  /** of A - B */
  subtract64 = 1,
  subtract32 = 2,
  /** of A + B */
  add64 = 3,
  add32 = 4,
  /** N and Z of A, C = V = 0 */
  logic64 = 5,
  logic32 = 6
}

/** Bits of the PSTATE word: D A I F at 9..6 as in SPSR_ELx; EL at 3..2; SP at 0; the rest at their SPSR_ELx positions. */
export const PSTATE = {
  SP: 1 << 0,
  EL: 3 << 2,
  F: 1 << 6,
  I: 1 << 7,
  A: 1 << 8,
  D: 1 << 9,
  BTYPE: 3 << 10,
  SSBS: 1 << 12,
  ALLINT: 1 << 13,
  IL: 1 << 20,
  SS: 1 << 21,
  PAN: 1 << 22,
  UAO: 1 << 23,
  DIT: 1 << 24,
  TCO: 1 << 25
} as const

/** Why generated code returned. PC is always the instruction to do next. */
export enum LEAVE {
  /** The next instruction is outside the region, or its trap key may differ. */
  next = 0,
  /** The budget does not cover the next block. */
  budget = 1,
  /** The instruction at PC must be done by the interpreter (system instructions, traps, unusual forms, misses to devices, faults). */
  interpret = 2,
  /** The data access at FAULT_ADDRESS by the instruction at PC missed the TLB. */
  miss = 3
}
