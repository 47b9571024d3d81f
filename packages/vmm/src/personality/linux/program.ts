/** Lays a static ELF program out in a fresh address space, as execve does: segments, stack, arguments, auxiliary vector. */
import type { Elf } from "../../elf.ts"
import { type AddressSpace, pageDown, pageUp } from "./address-space.ts"
import { hwcap, hwcap2, hwcap3 } from "./hwcap.ts"
import { PAGE, PROTECTION } from "./page-tables.ts"
import { SIGNAL_STACK_BYTES } from "./signal-frame.ts"

export interface ProgramStart {
  readonly entry: bigint
  readonly sp: bigint
}
export interface ProgramOptions {
  readonly path: string
  readonly args: readonly string[]
  readonly environment: readonly string[]
  readonly features: ReadonlySet<string>
  /** 16 bytes for AT_RANDOM. */
  readonly random: Uint8Array
}

/** Where position-independent programs go, and the stack. */
const RELOCATION_BASE = 0x0000_aaaa_0000_0000
const STACK_TOP = 0x0000_ffff_f000_0000
export const STACK_BYTES = 8 << 20
/** Bytes of arguments and environment together, as Linux's limit for one exec of an 8 MiB stack. */
export const MAX_ARGUMENT_BYTES = 2 << 20

const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  HWCAP2: 26,
  HWCAP3: 29,
  EXECFN: 31,
  MINSIGSTKSZ: 51
} as const

/** Puts the program in place; a string says why it cannot be. */
export const loadProgram = (space: AddressSpace, elf: Elf, options: ProgramOptions): ProgramStart | string => {
  const bias = elf.relocatable ? Math.ceil(RELOCATION_BASE / elf.alignment) * elf.alignment : 0
  let end = 0
  for (const segment of elf.segments) {
    const address = Number(segment.address) + bias
    const start = pageDown(address)
    const stop = pageUp(address + segment.memoryBytes)
    if (start < PAGE || stop > STACK_TOP - STACK_BYTES) return `segment at 0x${address.toString(16)} is outside of the addresses a program may have`
    const protection =
      (segment.readable || segment.writable ? PROTECTION.read : 0) |
      (segment.writable ? PROTECTION.write : 0) |
      (segment.executable ? PROTECTION.execute : 0)
    const shared = space.areaAt(start)
    // The last page of one segment can be the first of the next: the later one's permissions count, the contents stay.
    const from = shared !== undefined ? Math.min(pageUp(start + 1), stop) : start
    if (shared !== undefined) space.protect(start, PAGE, protection | shared.protection)
    if (stop > from) space.map(from, stop - from, protection, false)
    if (space.load(address, segment.contents) !== segment.contents.length) return "the program does not fit into the machine's memory (see --mem)"
    end = Math.max(end, stop)
  }
  space.brkStart = space.brk = end
  return start(space, elf, bias, options)
}

const start = (space: AddressSpace, elf: Elf, bias: number, options: ProgramOptions): ProgramStart | string => {
  const encoder = new TextEncoder()
  const texts = [options.path, ...options.args, ...options.environment].map((text) => encoder.encode(`${text}\0`))
  if (texts.reduce((sum, t) => sum + t.length, 0) > MAX_ARGUMENT_BYTES) return `arguments and environment take more than ${MAX_ARGUMENT_BYTES} bytes`
  space.map(STACK_TOP - STACK_BYTES, STACK_BYTES, PROTECTION.read | PROTECTION.write | (elf.executableStack ? PROTECTION.execute : 0))
  let sp = STACK_TOP - 16
  const push = (bytes: Uint8Array): number => {
    sp -= bytes.length
    space.write(sp, bytes)
    return sp
  }
  const execName = push(encoder.encode(`${options.path}\0`))
  const platform = push(encoder.encode("aarch64\0"))
  const random = push(options.random)
  const places = texts.slice(1).map(push)
  const argv = [execName, ...places.slice(0, options.args.length)]
  const envp = places.slice(options.args.length)
  const phdr =
    elf.headersAddress === undefined
      ? []
      : ([
          [AT.PHDR, elf.headersAddress + BigInt(bias)],
          [AT.PHENT, 56n],
          [AT.PHNUM, BigInt(elf.headerCount)]
        ] as const)
  const auxiliary: readonly (readonly [number, bigint])[] = [
    ...phdr,
    [AT.PAGESZ, BigInt(PAGE)],
    [AT.BASE, 0n],
    [AT.FLAGS, 0n],
    [AT.ENTRY, elf.entry + BigInt(bias)],
    [AT.UID, 1000n],
    [AT.EUID, 1000n],
    [AT.GID, 1000n],
    [AT.EGID, 1000n],
    [AT.SECURE, 0n],
    [AT.CLKTCK, 100n],
    [AT.HWCAP, hwcap(options.features)],
    [AT.HWCAP2, hwcap2(options.features)],
    [AT.HWCAP3, hwcap3(options.features)],
    [AT.PLATFORM, BigInt(platform)],
    [AT.RANDOM, BigInt(random)],
    [AT.EXECFN, BigInt(execName)],
    [AT.MINSIGSTKSZ, BigInt(SIGNAL_STACK_BYTES)],
    [AT.NULL, 0n]
  ]
  const words = [BigInt(argv.length), ...argv.map(BigInt), 0n, ...envp.map(BigInt), 0n, ...auxiliary.flatMap(([key, value]) => [BigInt(key), value])]
  sp = Math.floor((sp - 8 * words.length) / 16) * 16
  if (space.write(sp, new Uint8Array(BigUint64Array.from(words).buffer)) !== 8 * words.length)
    return "the stack does not fit into the machine's memory (see --mem)"
  return { entry: elf.entry + BigInt(bias), sp: BigInt(sp) }
}
