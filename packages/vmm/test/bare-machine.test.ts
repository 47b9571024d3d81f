/** The bare machine: how programs end, and its devices and calls as programs see them. */
import { attachJit, createBoard } from "@eltwo/cpu"
import { assemble, base, composeOrThrow, toElf, toFlat } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { describe, expect, it } from "vitest"
import { isElfProblem, parseElf } from "../src/elf.ts"
import type { BareImage } from "../src/personality/bare/image.ts"
import { type BareEnd, BareMachine } from "../src/personality/bare/machine.ts"
import type { HostTree } from "../src/personality/linux/host.ts"

const isa = composeOrThrow([base, fpsimd])
const RAM = 0x4000_0000
const RAM_BYTES = 1 << 20

const assembled = (source: string) => {
  const { assembly, problems } = assemble(source, { isa, origin: RAM })
  if (problems) throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join("\n"))
  return assembly
}
const elfOf = (source: string): BareImage => {
  const elf = parseElf(toElf(assembled(source)), RAM_BYTES)
  if (isElfProblem(elf)) throw new Error(elf.message)
  return { format: "elf", elf }
}
interface Options {
  readonly el?: 1 | 2
  readonly engine?: "interp" | "jit"
  readonly input?: string
  readonly tree?: HostTree
  readonly instructions?: number
}
const machineOf = (image: BareImage, { el = 1, engine = "interp", input = "", tree }: Options = {}) => {
  const board = createBoard({ isa, ramBase: RAM, ramBytes: RAM_BYTES })
  if (engine === "jit") attachJit(board)
  const printed: string[] = []
  let left = new TextEncoder().encode(input)
  const machine = BareMachine.start(board, image, {
    el,
    engine,
    commandLine: "program with arguments",
    host: {
      streams: {
        readInput: (bytes) => {
          const piece = left.subarray(0, bytes)
          left = left.subarray(piece.length)
          return piece
        },
        writeOutput: (stream, bytes) => {
          printed.push(`${stream === 2 ? "!" : ""}${new TextDecoder().decode(bytes)}`)
          return true
        },
        isTerminal: (stream) => stream === 2
      },
      tree,
      startTime: 1_700_000_000_000_000_000n,
      random: (bytes) => new Uint8Array(bytes)
    }
  })
  return { board, machine, output: () => printed.join("") }
}
/** Runs a source to its end. */
const run = (source: string, options: Options = {}): { readonly end: BareEnd | undefined; readonly output: string; readonly x: BigUint64Array } => {
  const { board, machine, output } = machineOf(elfOf(source), options)
  if (typeof machine === "string") throw new Error(machine)
  return { end: machine.run(options.instructions ?? 1_000_000), output: output(), x: board.pes[0]!.x }
}
/** Ends the program with the number in X20 by semihosting. */
const EXIT = "mov x0, #0x18\nmovz x1, #0x26\nmovk x1, #2, lsl #16\nstp x1, x20, [sp, #-16]!\nmov x1, sp\nhlt #0xf000\n"
const STACK = "mov x0, #0x40000000\nadd sp, x0, #0x80000\n"

describe("images", () => {
  it("a flat image lies at the start of RAM and starts there", () => {
    const flat = toFlat(assembled(`adr x20, .\n${STACK}lsr x20, x20, #24\n${EXIT}`))
    const { machine } = machineOf({ format: "flat", bytes: flat })
    expect((machine as BareMachine).run(100)).toEqual({ kind: "exited", status: 0x40 })
  })
  it("what does not fit is refused before anything is written", () => {
    expect(machineOf({ format: "flat", bytes: new Uint8Array(RAM_BYTES + 1) }).machine).toMatch(/^the image has 1048577 bytes/)
    const low = parseElf(toElf(assemble("nop", { isa, origin: 0x1000 }).assembly!), RAM_BYTES)
    expect(machineOf({ format: "elf", elf: low as never }).machine).toMatch(/^a segment lies at 0x1000 to 0x1004; RAM is 1048576 bytes/)
  })
  it("starts with zeros in X0 and where it was told", () => {
    const source = `cbnz x0, 1f\nmrs x20, currentel\n${STACK}${EXIT}\n1: b .`
    expect(run(source, { el: 1 }).end).toEqual({ kind: "exited", status: 4 })
    expect(run(source, { el: 2 }).end).toEqual({ kind: "exited", status: 8 })
  })
})

describe("ends", () => {
  it.each(["interp", "jit"] as const)("a loop uses its instructions up (%s)", (engine) => {
    const { board, machine } = machineOf(elfOf("b ."), { engine })
    expect((machine as BareMachine).run(1_000_000)).toBeUndefined()
    expect(board.pes[0]!.retired).toBe(1_000_000n)
    expect((machine as BareMachine).executed()).toBe(1_000_000)
  })
  it("waiting for nothing", () => {
    expect(run("nop\nwfi\nnop").end).toEqual({ kind: "idle", pc: 0x4000_0008n })
    expect(run("wfe").end).toEqual({ kind: "idle", pc: 0x4000_0004n })
  })
  it("an exception without a vector, with its cause", () => {
    expect(run("nop\nbrk #5")).toMatchObject({ end: { kind: "unhandled", el: 1, vector: 0x200n, pc: 0x4000_0004n, ec: 0x3c, iss: 5 } })
    expect(run("mov x1, #0x1000\nldr x0, [x1]", { el: 2 })).toMatchObject({
      end: { kind: "unhandled", el: 2, pc: 0x4000_0004n, ec: 0x25, far: 0x1000n }
    })
    expect(run("hlt #3")).toMatchObject({ end: { kind: "unhandled", ec: 0 } })
  })
  it("an exception storm uses its instructions up", () => {
    // The handler makes the same mistake again, but at another place than the start of the vector.
    const storm = "adr x0, vectors\nmsr vbar_el1, x0\nisb\nudf #0\n.balign 2048\nvectors: .space 0x200\nnop\nudf #1"
    expect(run(storm, { instructions: 20_000 }).end).toBeUndefined()
  })
  it.each([
    ["hvc #0", 1],
    ["smc #0", 1],
    ["smc #0", 2]
  ] as const)("SYSTEM_OFF by %s at EL%i", (call, el) => {
    expect(run(`movz x0, #8\nmovk x0, #0x8400, lsl #16\n${call}\nb .`, { el }).end).toEqual({ kind: "exited", status: 0 })
  })
  it("SMC from EL1 goes to EL2 where that has asked for it", () => {
    const source = `
      ${STACK}
      mov x0, #(1 << 31) | (1 << 19)	// HCR_EL2: RW, TSC
      msr hcr_el2, x0
      adr x0, vectors
      msr vbar_el2, x0
      adr x0, 1f
      msr elr_el2, x0
      mov x0, #0x3c5
      msr spsr_el2, x0
      eret
    1: smc #7
      b .
      .balign 2048
    vectors: .space 0x400
      mrs x20, esr_el2
      lsr x20, x20, #26
      ${EXIT}`
    expect(run(source, { el: 2 }).end).toEqual({ kind: "exited", status: 0x17 })
  })
  it("SYSTEM_RESET starts again with the image as it was", () => {
    // The first run counts in the data segment, which the reset restores, and in memory outside, which it does not.
    const source = `
      ${STACK}
      adr x1, counter
      ldr x2, [x1]
      add x2, x2, #1
      str x2, [x1]
      mov x3, #0x40000000
      add x3, x3, #0x90000
      ldr x4, [x3]
      add x4, x4, #1
      str x4, [x3]
      cmp x4, #3
      b.eq 1f
      movz x0, #9
      movk x0, #0x8400, lsl #16
      hvc #0
    1: lsl x4, x4, #4
      orr x20, x2, x4
      ${EXIT}
      .data
    counter: .quad 0`
    expect(run(source).end).toEqual({ kind: "exited", status: 0x31 })
  })
})

describe("PSCI", () => {
  const answer = (function_: number, argument = 0): bigint => {
    const { x } = run(`ldr x0, =${function_}\nldr x1, =${argument}\nhvc #0\nmov x20, x0\n${STACK}${EXIT}`)
    return BigInt.asIntN(64, x[20]!)
  }
  it.each([
    ["VERSION", 0x8400_0000, 0, 0x10001n],
    ["CPU_ON of itself", 0xc400_0003, 0, -4n],
    ["CPU_ON of another", 0xc400_0003, 1, -2n],
    ["AFFINITY_INFO", 0x8400_0004, 0, 0n],
    ["MIGRATE_INFO_TYPE", 0x8400_0006, 0, 2n],
    ["FEATURES of SYSTEM_OFF", 0x8400_000a, 0x84000008, 0n],
    ["FEATURES of something else", 0x8400_000a, 0x84000099, -1n],
    ["a number that is none", 0x1234, 0, -1n],
    ["an SMC64 form that does not exist", 0xc400_0008, 0, -1n]
  ] as const)("%s", (_, function_, argument, expected) => expect(answer(function_, argument)).toBe(expected))
  it("CPU_SUSPEND waits for the timer", () => {
    const { end } = run(`mrs x1, cntvct_el0
      add x1, x1, #1000
      msr cntv_cval_el0, x1
      mov x2, #1
      msr cntv_ctl_el0, x2
      movz x0, #1
      movk x0, #0xc400, lsl #16
      hvc #0
      mrs x2, cntvct_el0
      cmp x2, x1
      cset x20, hs
      orr x20, x20, x0, lsl #1
      ${STACK}${EXIT}`)
    expect(end).toEqual({ kind: "exited", status: 1 })
  })
})

describe("serial line", () => {
  const echo = `
    mov x19, #0x09000000
  1: ldr w0, [x19, #0x18]
    tbnz w0, #4, 2f		// RXFE
    ldr w0, [x19]
    str w0, [x19]
    mov w21, #0
    b 1b
  2: add w21, w21, #1
    cmp w21, #5
    b.lo 1b
    movz x0, #8
    movk x0, #0x8400, lsl #16
    hvc #0`
  it.each(["interp", "jit"] as const)("polled input, every byte in order (%s)", (engine) => {
    const input = Array.from({ length: 300 }, (_, i) => String.fromCharCode(32 + (i % 90))).join("")
    expect(run(echo, { input, engine })).toMatchObject({ output: input, end: { kind: "exited", status: 0 } })
  })
  it("input by interrupt: WFI until a byte comes, then until there are none", () => {
    const source = `
      ${STACK}
      adr x0, vectors
      msr vbar_el1, x0
      isb
      mov x19, #0x09000000
      mov w0, #1 << 4		// IMSC: RX
      str w0, [x19, #0x38]
      msr daifclr, #2
    1: wfi
      b 1b
      .balign 2048
    vectors: .space 0x280
      ldr w0, [x19, #0x40]	// MIS
      ldr w1, [x19]
      str w1, [x19]
      add w0, w0, #'0' - 16
      str w0, [x19]
      eret`
    const { end, output } = run(source, { input: "abc" })
    expect(output).toBe("a0b0c0")
    expect(end?.kind).toBe("idle")
  })
  it("what is written reaches the host at the end of each slice", () => {
    const { machine, output } = machineOf(elfOf("mov x19, #0x09000000\n1: mov w0, #'x'\nstr w0, [x19]\nb 1b"))
    expect((machine as BareMachine).run(31)).toBeUndefined()
    expect(output()).toBe("x".repeat(10))
  })
})
