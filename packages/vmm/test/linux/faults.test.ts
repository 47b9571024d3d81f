/** What a program is told about each kind of fault: signal, si_code, si_addr, and the state in the frame. */
import { describe, expect, it } from "vitest"
import { call, elfOf, exit, handle, load, NUMBER, WAYS } from "./machine.ts"

const FAULTS = [4, 5, 7, 8, 11]
/** The handler writes siginfo's first 24 bytes, then fault_address, SP, PC and PSTATE of the context, and ends the program. */
const program = (fault: string) => `
.text
.global _start
_start:
${FAULTS.map((signal) => handle(signal, "action")).join("\n")}
${call(NUMBER.sigaltstack, "stack", 0)}
mov x25, sp
adr x26, data
adr x27, fault
${fault}
${exit(99)}
handler:
mov x19, x1
mov x20, x2
${call(NUMBER.write, 1, "x19", 24)}
add x1, x20, #176
${call(NUMBER.write, 1, "x1", 8)}
add x1, x20, #432
${call(NUMBER.write, 1, "x1", 24)}
${exit(0)}
.align 3
action: .quad handler, 0x08000004, 0, 0
stack: .quad alternate, 0, 16384
.data
.align 4
data: .space 4096
.bss
alternate: .space 16384
`
interface Told {
  readonly signal: number
  readonly code: number
  readonly address: bigint
  readonly fault: bigint
  readonly sp: bigint
  readonly pc: bigint
}
const ADDRESSES = { data: 0n, fault: 0n }
/** Addresses of the labels, from a program that writes them. */
const find = (label: "data" | "fault", way: (typeof WAYS)[number]): bigint => {
  const { process, host } = raw(
    elfOf(program(`fault: str x${label === "data" ? 26 : 27}, [x26]\n${call(NUMBER.write, 1, "x26", 8)}\n${exit(0)}`)),
    way
  )
  process.run(100_000)
  return new DataView(bytesOf(host.bytes).buffer).getBigUint64(0, true)
}
const bytesOf = (pieces: readonly Uint8Array[]) => Uint8Array.from(pieces.flatMap((piece) => [...piece]))
/** As load(), with output as bytes. */
const raw = (image: Uint8Array, way: (typeof WAYS)[number]) => {
  const bytes: Uint8Array[] = []
  const { process, host } = load(image, way)
  Object.assign(host.streams, { writeOutput: (_: number, piece: Uint8Array) => bytes.push(piece.slice()) > 0 })
  return { process, host: { bytes } }
}
const told = (fault: string, way: (typeof WAYS)[number]): Told => {
  const { process, host } = raw(elfOf(program(fault)), way)
  expect(process.run(100_000)).toEqual({ kind: "exited", status: 0 })
  const view = new DataView(bytesOf(host.bytes).buffer)
  expect(view.byteLength).toBe(56)
  const word = (at: number) => view.getBigUint64(at, true)
  return { signal: view.getInt32(0, true), code: view.getInt32(8, true), address: word(16), fault: word(24), sp: word(32), pc: word(40) }
}
const mmap = (bytes: number, protection: number) => call(NUMBER.mmap, 0, bytes, protection, 0x22, -1, 0)

const [ILL, TRAP, BUS, SEGV] = [4, 5, 7, 11]
const HERE = "here"
/** Fault, signal, si_code, si_addr; the address may be the instruction's or relative to the data. */
type Address = bigint | "here" | { readonly data: bigint }
const CASES: readonly (readonly [name: string, text: string, signal: number, code: number, address: Address])[] = [
  ["UDF", "fault: udf #7", ILL, 1, HERE],
  ["an unallocated word", "fault: .inst 0x02000000", ILL, 1, HERE],
  ["a register of EL1", "fault: mrs x0, sctlr_el1", ILL, 1, HERE],
  ["a write of the interrupt masks", "fault: msr daifset, #2", ILL, 1, HERE],
  ["HVC", "fault: hvc #0", ILL, 1, HERE],
  ["SMC", "fault: smc #0", ILL, 1, HERE],
  ["ERET", "fault: eret", ILL, 1, HERE],
  ["HLT", "fault: hlt #0xf000", ILL, 1, HERE],
  ["cache maintenance of EL1", "fault: dc ivac, x26", ILL, 1, HERE],
  ["BRK", "fault: brk #1", TRAP, 1, HERE],
  ["a read of nothing", "mov x1, #8\nfault: ldr x0, [x1]", SEGV, 1, 8n],
  ["a write to nothing", "mov x1, #0x7000\nfault: str x0, [x1, #0x18]", SEGV, 1, 0x7018n],
  ["a read behind the mapping", `add x1, x26, #0x100000\nfault: ldrb w0, [x1]`, SEGV, 1, { data: 0x10_0000n }],
  ["a write to code", "adr x1, fault\nfault: str x0, [x1]", SEGV, 2, HERE],
  ["an atomic on code", "adr x1, fault\nand x1, x1, #~7\nfault: ldadd x0, x0, [x1]", SEGV, 2, -8n],
  ["a store-exclusive to code", "adr x1, fault\nand x1, x1, #~7\nldxr x2, [x1]\nfault: stxr w0, x2, [x1]", SEGV, 2, -8n],
  ["execution of data", "fault: br x26", SEGV, 2, { data: 0n }],
  ["execution of nothing", "mov x1, #0x9000\nfault: br x1", SEGV, 1, 0x9000n],
  ["a branch to an odd address", "add x1, x26, #2\nfault: br x1", BUS, 1, { data: 2n }],
  ["a misaligned stack pointer", "sub x1, x25, #8\nmov sp, x1\nfault: str x0, [sp]", BUS, 1, -1n],
  ["a misaligned exclusive over 16 bytes", "add x1, x26, #12\nfault: ldxr x0, [x1]", BUS, 1, { data: 12n }],
  ["a misaligned atomic over 16 bytes", "add x1, x26, #13\nfault: ldadd x0, x0, [x1]", BUS, 1, { data: 13n }],
  ["the kernel's half", "mov x1, #-4096\nfault: ldr x0, [x1]", SEGV, 1, 0xffff_ffff_ffff_f000n],
  ["addresses of neither half", "mov x1, #1 << 50\nfault: ldr x0, [x1]", SEGV, 1, 1n << 50n],
  ["a tagged address of nothing", "mov x1, #0x5500000000000000\nmovk x1, #0x4000\nfault: ldr x0, [x1]", SEGV, 1, 0x4000n],
  ["the page of the stub", "mov x1, #0xfffffffff000\nfault: ldr x0, [x1]", SEGV, 1, 0xffff_ffff_f000n],
  ["execution of the stub", "mov x1, #0xfffffffff000\nadd x1, x1, #0x120\nfault: br x1", SEGV, 1, 0xffff_ffff_f120n],
  ["a write to the code of signal returns", "mov x1, #0xffffffffe000\nfault: str x0, [x1]", SEGV, 2, 0xffff_ffff_e000n],
  ["memory without access", `${mmap(4096, 0)}\nmov x26, x0\nfault: ldr x0, [x26]`, SEGV, 2, -1n],
  ["memory that may only be executed", `${mmap(4096, 4)}\nmov x26, x0\nfault: ldr x0, [x26]`, SEGV, 2, -1n],
  ["memory that may only be read", `${mmap(4096, 1)}\nmov x26, x0\nldr x1, [x26]\nfault: str x0, [x26]`, SEGV, 2, -1n],
  [
    "code that was run often and may not be any more",
    `${mmap(4096, 7)}
mov x26, x0
ldr w1, =0xd65f03c0
str w1, [x26]
dc cvau, x26
dsb ish
ic ivau, x26
dsb ish
isb
mov x22, #5000
again: blr x26
subs x22, x22, #1
b.ne again
${call(226, "x26", 4096, 3)}
fault: blr x26`,
    SEGV,
    2,
    -1n
  ],
  ["memory that went away", `${mmap(4096, 3)}\nmov x26, x0\nstr x0, [x26]\n${call(215, "x0", 4096)}\nfault: ldr x0, [x26]`, SEGV, 1, -1n]
]

describe.each(WAYS)("faults (%s)", (way) => {
  ADDRESSES.data = find("data", way)
  it.each(CASES)("%s", (_, fault, signal, code, address) => {
    const got = told(fault, way)
    expect([got.signal, got.code]).toEqual([signal, code])
    const fetched = /\bbl?r x/.test(fault)
    if (address === HERE) expect(got.address).toBe(got.pc)
    else if (address === -8n) expect(got.address).toBe(got.pc - (got.pc % 8n))
    else if (typeof address === "object") expect(got.address).toBe(ADDRESSES.data + address.data)
    else if (address !== -1n) expect(got.address).toBe(address)
    if (fetched) expect(got.pc).toBe(got.address)
    // Only faults of memory have an address in the context.
    const isMemory = signal === SEGV || (signal === BUS && !fetched && !fault.includes("[sp]"))
    expect(got.fault).toBe(isMemory ? got.address : 0n)
    if (fault.includes("[sp]")) expect(got.address).toBe(got.sp)
  })

  it("that are none: emulated registers, waits, tags, cache operations of programs", () => {
    const fine = `
mrs x0, midr_el1
mrs x0, id_aa64isar0_el1
mrs x0, id_aa64pfr0_el1
mrs xzr, id_aa64mmfr2_el1
mrs x0, cntvct_el0
mrs x0, ctr_el0
wfi
wfe
yield
dc cvau, x26
ic ivau, x26
dc zva, x26
mov x1, #0xab00000000000000
orr x1, x1, x26
str x1, [x1]
ldr x2, [x26]
sub x0, x2, x1
fault: mov x8, #93
svc #0`
    const { process } = load(elfOf(program(fine)), way)
    expect(process.run(100_000)).toEqual({ kind: "exited", status: 0 })
  })
  it("kill a program that does not handle them", () => {
    const { process } = load(elfOf(".text\n_start: mov x1, #0x1230\nldr x0, [x1]"), way)
    expect(process.run(1000)).toMatchObject({ kind: "killed", signal: SEGV, fault: 0x1230n })
  })
  it("on a stack that takes no frame kill, or go to a stack that does", () => {
    const bad = "mov x1, #16\nmov sp, x1\nfault: udf #0"
    expect(told(bad, way)).toMatchObject({ signal: ILL, code: 1, sp: 16n })
    const { process } = load(elfOf(program(bad).replace("0x08000004", "4")), way)
    expect(process.run(10_000)).toMatchObject({ kind: "killed", signal: SEGV })
  })
})
