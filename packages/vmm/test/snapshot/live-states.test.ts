/** Guests in states that are rarely there: saved, restored and forked while they are, and going on to the same end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import type { RunRequest } from "../../src/run.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { sectionValue } from "../../src/snapshot/inspect.ts"
import { consoleOf, difference, restore, saved, start } from "./machines.ts"

/** The values of a section of a snapshot, of which a test knows what they are. */
const section = <T>(file: Uint8Array, name: string): T => {
  const container = readContainer(file)
  if (container instanceof SnapshotError) throw container
  return sectionValue(container, name) as T
}
interface Process {
  readonly signals: {
    readonly pending: readonly object[]
    readonly mask: bigint
    readonly stack: { readonly bytes: bigint }
    readonly actions: readonly { readonly handler: bigint }[]
  }
  readonly timers: readonly unknown[]
  readonly files: {
    readonly open: readonly object[]
    readonly table: readonly { readonly closeOnExec: boolean }[]
    readonly workingDirectory: string
    readonly umask: number
  }
  readonly areas: readonly { readonly start: number; readonly end: number; readonly protection: number }[]
  readonly brk: number
  readonly brkStart: number
}
interface State {
  readonly request: Partial<RunRequest>
  readonly source: string
  /** The state that must be there, in the bytes of a snapshot. */
  readonly live: (file: Uint8Array) => void
  /** Instructions between two looks at whether the guest has printed a dot, which says that it is there; and to run beyond it. */
  readonly step?: number
  readonly beyond?: number
}
const sources = mkdtempSync(join(tmpdir(), "eltwo-live-"))
const folder = mkdtempSync(join(tmpdir(), "eltwo-live-"))
afterAll(() => {
  for (const each of [sources, folder]) rmSync(each, { recursive: true, force: true })
})
/** Runs a guest until it prints a dot, saves it, and lets it, a restored and a forked one go on to their end. Gives what was printed behind the dot. */
const goesOn = async ({ request, source, live, step = 50, beyond = 0 }: State): Promise<string> => {
  const console = consoleOf()
  const path = join(sources, "state.s")
  writeFileSync(path, source)
  const guest = await start({ mem: "2M", ...request, guest: path, streams: console } as RunRequest)
  for (let i = 0; !console.output.includes("."); i++) {
    const end = guest.run(step)
    if (i > 2000 || end !== undefined) throw new Error(`it never came there: ${end?.kind} ${console.output}`)
  }
  if (beyond > 0) guest.run(beyond)
  const file = saved(guest)
  live(file)
  const [twinConsole, forkConsole] = [consoleOf(), consoleOf()]
  const twin = await restore({ snapshots: [file], engine: "interp", streams: twinConsole, root: request.root } as Parameters<typeof restore>[0])
  const moment = guest.keep()
  if (moment instanceof SnapshotError) throw moment
  const fork = await Effect.runPromise(guest.forked(moment, forkConsole))
  expect([difference(saved(twin), file), difference(saved(fork), file)]).toEqual([[], []])
  const before = console.output.length
  const pieces: unknown[] = []
  for (const piece of [3, 500, 1_000_000]) {
    const end = guest.run(piece)
    expect([twin.run(piece), fork.run(piece)]).toEqual([end, end])
    pieces.push(end)
    if (end !== undefined) break
    const after = saved(guest)
    expect([difference(saved(twin), after), difference(saved(fork), after)]).toEqual([[], []])
  }
  const printed = console.output.slice(before)
  expect([twinConsole.output, forkConsole.output]).toEqual([printed, printed])
  expect(pieces.at(-1)).toEqual({ kind: "exited", status: 0 })
  return printed
}

const MODES = ["vhe", "nvhe", "hvhe", "pkvm"] as const

/** System calls by name, and printing of X0 in hexadecimal. */
const PRELUDE = `
  .macro call number
  mov x8, #\\number
  svc #0
  .endm
  .macro dot
  mov x0, #1
  adr x1, dotted
  mov x2, #1
  call 64
  .endm
  .macro print value
  mov x0, \\value
  bl hexadecimal
  .endm
  .text
  b _start
dotted: .ascii "."
  .balign 4
hexadecimal:
  stp x29, x30, [sp, #-64]!
  stp x1, x2, [sp, #16]
  stp x8, x9, [sp, #32]
  str x10, [sp, #48]
  sub sp, sp, #16
  mov x9, #8
1: and x10, x0, #15
  lsr x0, x0, #4
  cmp x10, #10
  add x10, x10, #48
  b.lo 2f
  add x10, x10, #39
2: sub x9, x9, #1
  strb w10, [sp, x9]
  cbnz x9, 1b
  mov w10, #10
  strb w10, [sp, #8]
  mov x0, #1
  mov x1, sp
  mov x2, #9
  call 64
  add sp, sp, #16
  ldr x10, [sp, #48]
  ldp x8, x9, [sp, #32]
  ldp x1, x2, [sp, #16]
  ldp x29, x30, [sp], #64
  ret
`
const EXIT = "mov x0, #0\n call 94\n"
writeFileSync(join(folder, "text"), "0123456789abcdefghijklmnopqrstuvwxyz")
mkdirSync(join(folder, "many"))
for (let i = 0; i < 12; i++) writeFileSync(join(folder, "many", `file-${i}`), "")

describe.each(["vhe", "nvhe", "pkvm"] as const)("a Linux program under %s", (mode) => {
  it("with signals blocked, pending and handled on another stack, and a timer", async () => {
    const printed = await goesOn({
      request: { mode },
      source: `${PRELUDE}
  .globl _start
_start:
  adr x0, stack
  mov x1, #0
  call 132
  adr x21, actions
  mov x19, #10
  bl install
  mov x19, #12
  bl install
  mov x19, #14
  bl install
  mov x19, #34
  bl install
  mov x0, #0		// SIG_BLOCK of SIGUSR2 and 34
  adr x1, two
  mov x2, #0
  mov x3, #8
  call 135
  mov x0, #0
  adr x1, timer
  mov x2, #0
  call 103
  call 172
  mov x1, #34
  adr x2, info
  call 138
  call 172
  mov x1, #12
  call 129
  call 172
  mov x1, #10
  call 129
  mov x0, #1		// SIG_UNBLOCK
  adr x1, two
  mov x2, #0
  mov x3, #8
  call 135
  mov x9, #0x40000
1: subs x9, x9, #1
  b.ne 1b
  ${EXIT}
install:
  mov x0, x19
  mov x1, x21
  mov x2, #0
  mov x3, #8
  call 134
  ret
handler:
  stp x29, x30, [sp, #-32]!
  stp x0, x1, [sp, #16]
  cmp x0, #10
  b.ne 2f
  dot
  mov x9, #100
1: subs x9, x9, #1
  b.ne 1b
2: ldp x0, x1, [sp, #16]
  ldrsw x2, [x1, #8]
  ldr x3, [x1, #24]
  and x2, x2, #0xff
  orr x0, x2, x0, lsl #8
  orr x0, x0, x3, lsl #16
  bl hexadecimal
  ldp x29, x30, [sp], #32
  ret
  .balign 8
actions: .quad handler, 0x08000004, 0, 0
two: .quad (1 << 33) | (1 << 11)
timer: .quad 0, 0, 0, 100
info: .word 34, 0, -1, 0, 1000, 0
  .quad 0x77
  .skip 96
  .bss
  .balign 16
area: .skip 32768
  .data
stack: .quad area, 0, 32768
`,
      beyond: 20,
      live: (file) => {
        const { signals, timers } = section<Process>(file, "process")
        const { pending, mask, stack, actions } = signals
        expect(pending).toMatchObject([{ signal: 34, value: 0x77n }, { signal: 12 }])
        expect([BigInt(mask), BigInt(stack.bytes), actions.filter(({ handler }) => BigInt(handler) !== 0n).length]).toEqual([
          (1n << 33n) | (1n << 11n) | (1n << 9n),
          32768n,
          4
        ])
        expect(timers[0]).toMatchObject({ interval: 0n })
      }
    })
    // SIGUSR1 by kill; then, one frame upon the other, SIGUSR2 and 34 with its code and value; SIGALRM
    expect(printed.split("\n").map((line) => line.slice(-4))).toEqual(["0a00", "22ff", "0c00", "0e80", ""])
    expect(printed).toContain("007722ff")
  })
  it("with files half read, shared, listed, and to be closed", async () => {
    const printed = await goesOn({
      request: { mode, root: folder },
      source: `${PRELUDE}
  .globl _start
_start:
  mov x0, #-100
  adr x1, text
  mov x2, #0
  call 56
  mov x19, x0
  mov x0, x19
  adr x1, buffer
  mov x2, #5
  call 63
  mov x0, x19
  call 23		// dup
  mov x20, x0
  mov x0, #-100
  adr x1, text
  movz x2, #0x8, lsl #16	// O_CLOEXEC
  call 56
  mov x21, x0
  mov x0, x21
  mov x1, #30
  mov x2, #0
  call 62
  mov x0, #-100
  adr x1, many
  mov x2, #0x4000
  call 56
  mov x22, x0
  mov x0, x22
  adr x1, buffer
  mov x2, #120
  call 61
  mov x23, x0
  adr x0, many
  call 49
  mov x0, #0x3f
  call 166
  dot
  mov x0, x20
  adr x1, buffer
  mov x2, #4
  call 63
  mov x0, #1
  adr x1, buffer
  mov x2, #4
  call 64
  mov x0, x19
  adr x1, buffer
  mov x2, #3
  call 63
  mov x0, #1
  adr x1, buffer
  mov x2, #3
  call 64
  mov x0, x21
  adr x1, buffer
  mov x2, #60
  call 63
  mov x2, x0
  mov x0, #1
  adr x1, buffer
  call 64
  mov x24, x23
1: mov x0, x22
  adr x1, buffer
  mov x2, #120
  call 61
  add x24, x24, x0
  cbnz x0, 1b
  print x24
  mov x0, x21
  mov x1, #1
  call 25
  print x0
  mov x0, #0
  call 166
  print x0
  adr x0, buffer
  mov x1, #64
  call 17
  mov x2, x0
  mov x0, #1
  adr x1, buffer
  call 64
  ${EXIT}
text: .asciz "/text"
many: .asciz "/many"
  .bss
buffer: .skip 256
`,
      step: 3,
      live: (file) => {
        const { files } = section<Process>(file, "process")
        const { open, table, workingDirectory, umask } = files
        expect(open.slice(3)).toMatchObject([
          { kind: "file", path: "/text", position: 5 },
          { kind: "file", path: "/text", position: 30 },
          { kind: "directory", path: "/many", names: expect.anything() }
        ])
        expect([table.length, table.filter(({ closeOnExec }) => closeOnExec).length, workingDirectory, umask]).toEqual([7, 1, "/many", 0x3f])
      }
    })
    const [first, closeOnExec, umask, directory] = printed.split("\n")
    expect(first!.startsWith("56789abuvwxyz")).toBe(true)
    expect([Number.parseInt(first!.slice(13), 16) > 300, closeOnExec, umask, directory]).toEqual([true, "00000001", "0000003f", "/many\0"])
  })
  it("with a break, holes between its mappings, and pages of other rights", async () => {
    const printed = await goesOn({
      request: { mode },
      source: `${PRELUDE}
  .globl _start
_start:
  mov x0, #0
  call 214
  mov x19, x0
  add x0, x19, #3, lsl #12
  call 214
  mov x1, #0x55
  str x1, [x19, #8]
  mov x0, #0
  mov x1, #0x8000
  mov x2, #3
  mov x3, #0x22
  mov x4, #-1
  mov x5, #0
  call 222
  mov x20, x0
  mov x1, #0x66
  str x1, [x20]
  add x2, x20, #7, lsl #12
  str x1, [x2, #16]
  add x0, x20, #2, lsl #12
  mov x1, #0x2000
  call 215
  add x0, x20, #5, lsl #12
  mov x1, #0x1000
  mov x2, #1
  call 226
  mov x0, #11
  adr x1, action
  mov x2, #0
  mov x3, #8
  call 134
  dot
  ldr x1, [x19, #8]
  print x1
  add x2, x20, #7, lsl #12
  ldr x1, [x2, #16]
  print x1
  add x2, x20, #2, lsl #12
  str x1, [x2, #24]
  add x2, x20, #5, lsl #12
  ldr x1, [x2]
  str x1, [x2, #32]
  add x2, x20, #6, lsl #12
  str x1, [x2]
  mov x0, #0
  call 214
  sub x0, x0, x19
  bl hexadecimal
  ${EXIT}
handler:
  stp x29, x30, [sp, #-32]!
  ldr x9, [x2, #440]
  add x9, x9, #4
  str x9, [x2, #440]
  ldr x9, [x1, #16]
  ldr w10, [x1, #8]
  and x0, x9, #0xfff
  orr x0, x0, x10, lsl #16
  bl hexadecimal
  ldp x29, x30, [sp], #32
  ret
  .balign 8
action: .quad handler, 4, 0, 0
`,
      live: (file) => {
        const { areas, brk, brkStart } = section<Process>(file, "process")
        expect(brk - brkStart).toBe(0x3000)
        const pieces = areas.filter(({ start }, i) => areas.some((other, k) => k !== i && (other.end === start - 0x2000 || other.end === start)))
        expect(pieces.some(({ protection }) => protection === 1)).toBe(true)
        expect(areas.some(({ end }) => areas.some(({ start }) => start === end + 0x2000))).toBe(true)
      }
    })
    // SEGV_MAPERR in the hole, SEGV_ACCERR in what is for reading
    expect(printed).toBe("00000055\n00000066\n00010018\n00020020\n00003000\n")
  })
})

const BARE_EXIT = `
exit:
  movz x0, #0x18
  adr x1, block
  hlt #0xf000
  .balign 8
block: .quad 0x20026, 0
`
/** A dot at the UART; printing by semihosting: X0 in hexadecimal. */
const IMAGE = `
  .macro dot
  movz x9, #0x900, lsl #16
  mov w10, #46
  strb w10, [x9]
  .endm
  .macro print value
  mov x0, \\value
  bl hexadecimal
  .endm
  .text
  b _start
hexadecimal:
  movz x9, #0x900, lsl #16
  mov x12, #60
1: lsr x10, x0, x12
  and x10, x10, #15
  add x11, x10, #48
  cmp x10, #10
  b.lo 2f
  add x11, x11, #39
2: strb w11, [x9]
  subs x12, x12, #4
  b.ge 1b
  mov w11, #10
  strb w11, [x9]
  ret
`
interface Vm {
  readonly vcpus: readonly { readonly system: readonly { readonly name: string; readonly value: bigint }[]; readonly pstate: bigint }[]
}
describe.each(MODES)("an image in a VM under %s", (mode) => {
  it("with one timer armed and the other over, its interrupt masked", async () => {
    const printed = await goesOn({
      request: { mode, kind: "vm" },
      source: `${IMAGE}
  .globl _start
_start:
  adr x1, vectors
  msr vbar_el1, x1
  mrs x1, cntvct_el0
  add x1, x1, #400
  msr cntv_cval_el0, x1
  msr cntp_cval_el0, xzr
  mov x1, #1
  msr cntv_ctl_el0, x1
  msr cntp_ctl_el0, x1
  isb
  dot
  mov x1, #200
1: subs x1, x1, #1
  b.ne 1b
  mrs x19, cntv_ctl_el0
  mrs x20, cntp_ctl_el0
  mrs x21, isr_el1
  print x19
  print x20
  print x21
  ${mode === "pkvm" ? "b exit" : "msr daifclr, #2"}
2: wfi
  b 2b
irq:
  mrs x19, cntv_ctl_el0
  print x19
  mov x1, #3
  msr cntp_ctl_el0, x1
  tbnz x19, #2, 3f
  isb
  eret
3: msr cntv_ctl_el0, x1
  isb
  print x1
  ${BARE_EXIT}
  .balign 2048
vectors:
  .rept 5
  .balign 128
  b .
  .endr
  .balign 128
  b irq
`,
      live: (file) => {
        const [vcpu] = section<Vm>(file, "vm").vcpus
        const value = (name: string) => BigInt(vcpu!.system.find((register) => register.name === name)!.value)
        expect([value("CNTV_CTL_EL0"), value("CNTP_CTL_EL0"), BigInt(vcpu!.pstate) & 0x80n]).toEqual([1n, 1n, 0x80n])
        expect(value("CNTV_CVAL_EL0")).toBeGreaterThan(300n)
      }
    })
    const values = printed.split("\n").map((line) => line.replace(/^0+(?=.)/, ""))
    // user space lowers its line when it next looks: one interrupt more may come
    if (mode === "pkvm") expect(values).toEqual(["1", "5", "0", ""])
    else expect(values.join(" ")).toMatch(/^1 5 80 1 (1 )?5 3 $/)
  })
})

describe("a bare image", () => {
  const BARE = { kind: "bare" } as const
  type Pe = {
    readonly pstate: number
    readonly svcr: number
    readonly fpmr: bigint
    readonly za: Uint8Array | null
    readonly zt0: Uint8Array | null
    readonly eventRegister: boolean
    readonly monitor: { readonly size: number }
    readonly system: readonly { readonly name: string; readonly value: bigint; readonly inForce: bigint | null }[]
  }
  const peOf = (file: Uint8Array): Pe => section<Pe>(file, "pe/0")
  it("between a load and a store exclusive, with an event registered", async () => {
    const printed = await goesOn({
      request: BARE,
      step: 1,
      beyond: 2,
      source: `${IMAGE}
  .globl _start
_start:
  adr x1, word
  sevl
  dot
  ldxr x2, [x1]
  add x2, x2, #1
  stxr w3, x2, [x1]
  wfe
  ldr x2, [x1]
  mov x19, x3
  mov x20, x2
  print x19
  print x20
  ${BARE_EXIT}
  .balign 8
word: .quad 0x41
`,
      live: (file) => expect([peOf(file).monitor.size, peOf(file).eventRegister]).toEqual([8, true])
    })
    expect(printed).toBe("0000000000000000\n0000000000000042\n")
  })
  it("in illegal execution state, with other bits of PSTATE", async () => {
    const printed = await goesOn({
      request: { ...BARE, el: "1" } as Partial<RunRequest>,
      step: 1,
      beyond: 1,
      source: `${IMAGE}
  .globl _start
_start:
  adr x1, vectors
  msr vbar_el1, x1
  msr pan, #1
  msr dit, #1
  movz x1, #0x3cd		// EL3h
  movk x1, #0x40, lsl #16	// PAN
  movk x1, #0x100, lsl #16	// DIT
  msr spsr_el1, x1
  adr x1, next
  msr elr_el1, x1
  dot
  eret
next: nop
  b next
illegal:
  mrs x19, esr_el1
  mrs x20, spsr_el1
  print x19
  print x20
  ${BARE_EXIT}
  .balign 2048
vectors:
  .rept 4
  .balign 128
  b .
  .endr
  .balign 128
  b illegal
`,
      live: (file) => expect(peOf(file).pstate & (1 << 20)).not.toBe(0)
    })
    const [syndrome, state] = printed.split("\n").map((line) => BigInt(`0x${line || "0"}`))
    expect([syndrome! >> 26n, (state! >> 20n) & 1n]).toEqual([14n, 1n])
  })
  it("with writes to system registers that wait for an ISB, a timer armed and one over", async () => {
    const printed = await goesOn({
      request: BARE,
      step: 1,
      source: `${IMAGE}
  .globl _start
_start:
  mrs x1, cntvct_el0
  add x1, x1, #100
  msr cntv_cval_el0, x1
  msr cntp_cval_el0, xzr
  mov x1, #1
  msr cntv_ctl_el0, x1
  msr cntp_ctl_el0, x1
  isb
  movz x9, #0x900, lsl #16
  mov w10, #46
  movz x1, #0x30, lsl #16
  msr cpacr_el1, x1
  strb w10, [x9]
  mov x2, #2000
1: mrs x1, cntv_ctl_el0
  cmp x1, #5
  b.eq 2f
  subs x2, x2, #1
  b.ne 1b
2: mov x19, x1
  mrs x20, cntp_ctl_el0
  print x19
  print x20
  ${BARE_EXIT}
`,
      live: (file) => {
        const { system } = peOf(file)
        const value = (name: string) => BigInt(system.find((register) => register.name === name)!.value)
        expect([value("CNTV_CTL_EL0") & 1n, value("CNTP_CTL_EL0") & 1n]).toEqual([1n, 1n])
        expect(system.filter(({ inForce }) => inForce !== null).map(({ name }) => name)).toContain("CPACR_EL1")
      }
    })
    expect(printed).toBe("0000000000000005\n0000000000000005\n")
  })
  it("in streaming mode, with ZA, ZT0, predicates, FPMR, and lengths it has chosen", async () => {
    const printed = await goesOn({
      request: { ...BARE, el: "2", plugin: ["sve", "sme", "fpmr"], cpu: "max,vl=256,svl=512" } as Partial<RunRequest>,
      step: 1,
      source: `${IMAGE}
  .globl _start
_start:
  movz x1, #0x22ff
  msr cptr_el2, x1
  movz x1, #0x4000, lsl #16
  movk x1, #1
  msr smcr_el2, x1
  isb
  movz x1, #0x4040
  smstart
  msr fpmr, x1
  ptrue p3.b
  mov z7.b, #0x35
  mov w12, #1
  mov za0h.b[w12, 3], p3/m, z7.b
  adr x1, table
  ldr zt0, [x1]
  dot
  adr x1, space
  str zt0, [x1]
  mov w12, #4
  str za[w12, 0], [x1]
  ldr x19, [x1]
  ldr x20, [x1, #32]
  str z7, [x1]
  ldr x21, [x1, #24]
  mrs x22, fpmr
  rdsvl x23, #1
  str p3, [x1]
  ldr w24, [x1]
  print x19
  print x20
  print x21
  print x22
  print x23
  print x24
  ${BARE_EXIT}
  .balign 64
table: .quad 1, 2, 3, 4, 5, 6, 7, 8
space: .skip 256
`,
      live: (file) => {
        const { svcr, fpmr, za, zt0 } = peOf(file)
        expect([svcr, BigInt(fpmr), za!.length, zt0![8], za!.includes(0x35)]).toEqual([3, 0x4040n, 32 * 32, 2, true])
      }
    })
    expect(
      printed
        .split("\n")
        .slice(0, 6)
        .map((line) => Number.parseInt(line.slice(-8), 16))
    ).toEqual([0x35353535, 5, 0x35353535, 0x4040, 32, 0xffffffff])
  })
})
