/** `eltwo run` with its output as events: what a program prints, its end, the account, traces. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { command, jsonLines } from "./command.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-run-"))
afterAll(() => rmSync(folder, { recursive: true }))
const source = (name: string, text: string): string => {
  const path = join(folder, `${name}.s`)
  writeFileSync(path, text)
  return path
}
const EXIT = (status: number) => ` mov x0, #${status}\n mov x8, #93\n svc #0\n`
/** Runs with --json; gives the result line and what the guest printed. */
const events = async (...argv: readonly string[]) => {
  const { exit, out, error } = await command("run", "--json", ...argv)
  const lines = jsonLines(out)
  const printed = lines.filter(({ type }) => type === "console").map(({ text }) => text)
  return { exit, error, lines, printed: printed.join(""), result: lines.at(-1) as Record<string, Record<string, unknown>> }
}

describe("a run", () => {
  it("tells what it is, what the guest prints, and how it ended", async () => {
    const { exit, error, lines, printed, result } = await events("guests/hello")
    expect([exit, error]).toEqual([0, ""])
    expect(lines[0]).toEqual({ type: "hello", schema: "eltwo.events/1", version: expect.any(String), guest: "guests/hello" })
    expect(printed).toBe(JSON.parse(readFileSync("guests/hello/expect.json", "utf8")).stdout)
    expect(result).toMatchObject({
      type: "result",
      exit: 0,
      end: { kind: "exited", status: 0 },
      machine: { kind: "linux", mode: "vhe", era: "H", engine: "jit" }
    })
    const { instructions, kvm, systemCalls } = result["account"] as { instructions: string; kvm: Record<string, unknown>; systemCalls: number }
    expect(Number(instructions)).toBeGreaterThan(10_000)
    expect(kvm).toMatchObject({ exits: { HVC64: systemCalls } })
    expect(kvm["fpTraps"]).toBeGreaterThan(0)
    expect(kvm["saves"]).toBeGreaterThan(0)
    expect(kvm["loads"]).toBeGreaterThan(0)
  })
  it("is the same each time, and in both engines", async () => {
    const runs = [await events("guests/hello"), await events("guests/hello"), await events("guests/hello", "--engine", "interp")]
    const seen = runs.map(({ printed, result }) => {
      const { milliseconds: _, ...account } = result["account"]!
      return { printed, account }
    })
    expect(seen[1]).toEqual(seen[0])
    expect(seen[2]).toEqual(seen[0])
  })
  it("runs images in a VM and alone", async () => {
    const bare = await events("guests/hello-bare")
    const vm = await events("guests/hello-bare", "--kind", "vm")
    expect(bare.printed).toBe("Hello from the bare machine.\n")
    expect(vm.printed).toBe(bare.printed)
    expect(bare.result["machine"]).toMatchObject({ kind: "bare" })
    expect(vm.result["account"]).toHaveProperty("kvm")
    expect(bare.result["account"]).not.toHaveProperty("kvm")
  })
  it("gives the program its arguments, environment and files", async () => {
    const program = source(
      "arguments",
      `_start: ldr x19, [sp]\n ldr x20, [sp, #16]\n ldrb w21, [x20]\n add x9, sp, #8\n add x9, x9, x19, lsl #3\n ldr x9, [x9, #8]\n ldrb w22, [x9, #2]
 mov x0, #-100\n adr x1, path\n mov x2, #0\n mov x8, #56\n svc #0\n adr x1, buffer\n mov x2, #1\n mov x8, #63\n svc #0\n adr x1, buffer\n ldrb w23, [x1]
 adr x1, buffer\n strb w21, [x1]\n strb w22, [x1, #1]\n strb w23, [x1, #2]\n mov x0, #1\n mov x2, #3\n mov x8, #64\n svc #0\n${EXIT(0)}path: .asciz "/file"\n .data\nbuffer: .space 8\n`
    )
    mkdirSync(join(folder, "root"), { recursive: true })
    writeFileSync(join(folder, "root", "file"), "f")
    const { exit, printed } = await events("--root", join(folder, "root"), "--env", "E=v", program, "--", "a", "--flag")
    expect([exit, printed]).toEqual([0, "avf"])
  })
})

describe("an exit code", () => {
  it.each([
    [0, 0],
    [7, 7],
    [122, 122],
    [123, 123],
    [124, 123],
    [255, 123]
  ])("status %i is %i", async (status, code) => {
    const { exit, result } = await events(source(`exit-${status}`, `_start:\n${EXIT(status)}`))
    expect(exit).toBe(code)
    expect(result["end"]).toEqual({ kind: "exited", status })
  })
  it.each([
    ["undefined", "udf #0", 132],
    ["nothing there", "mov x0, #8\n ldr x0, [x0]", 139],
    ["breakpoint", "brk #1", 133],
    ["abort", "mov x8, #172\n svc #0\n mov x1, #6\n mov x8, #129\n svc #0", 134]
  ])("%s is %s: 128 + the signal", async (name, code, exit) => {
    const run = await events(source(name.replace(" ", "-"), `_start: ${code}\n${EXIT(1)}`))
    expect(run.exit).toBe(exit)
    expect(run.result["end"]).toMatchObject({ kind: "killed", signal: exit - 128 })
  })
  it("of an image is its own, or 128 + what its unhandled exception means", async () => {
    expect((await events(source("bare-brk", "_start: udf #0\n"), "--bare")).exit).toBe(132)
    expect((await events(source("bare-load", "_start: mov x0, #8\n ldr x0, [x0]\n"), "--bare", "--el", "1")).exit).toBe(139)
    expect((await events(source("bare-wfi", "_start: wfi\n b _start\n"), "--bare")).exit).toBe(124)
    const off = "movz x0, #0x8400, lsl #16\n movk x0, #8\n hvc #0\n"
    expect((await events(source("vm-off", `_start: ${off}`), "--kind", "vm")).exit).toBe(0)
    expect((await events(source("vm-wfi", "_start: wfi\n b _start\n"), "--kind", "vm")).exit).toBe(124)
  })
  it.each(["linux", "vm", "bare"])("of a %s guest that never ends is 124 at a limit", async (kind) => {
    const spin = source("spin", "_start: b _start\n")
    const counted = await events(spin, "--kind", kind, "--max-insns", "300k")
    expect(counted.exit).toBe(124)
    expect(counted.result["end"]).toEqual({ kind: "limit", limit: "instructions" })
    expect(Number(counted.result["account"]!["instructions"])).toBe(300_000)
    const timed = await events(spin, "--kind", kind, "--timeout", "100ms")
    expect(timed.result["end"]).toEqual({ kind: "limit", limit: "time" })
  })
  it.each(["vm", "bare"])("of a %s image that takes exceptions for ever is what its exception means", async (kind) => {
    const storm = source("storm", "_start: adr x0, vectors\n msr vbar_el1, x0\n isb\n udf #0\n .balign 2048\nvectors: .space 2048\n")
    const { exit } = await events(storm, "--kind", kind, ...(kind === "bare" ? ["--el", "1"] : []))
    expect(exit).toBe(132)
  })
})

describe("signals by instruction count", () => {
  const HANDLER = `_start: mov x0, #10\n adr x1, action\n mov x2, #0\n mov x3, #8\n mov x8, #134\n svc #0
wait: adr x1, count\n ldr w0, [x1]\n cmp w0, #3\n b.lt wait
 mov x0, #40\n mov x8, #93\n svc #0
handler: adr x1, count\n ldr w0, [x1]\n add w0, w0, #1\n str w0, [x1]\n ret
 .data\naction: .quad handler, 0, 0, 0\ncount: .word 0\n`
  it("reach a program that makes no system calls", async () => {
    const program = source("handler", HANDLER)
    const first = await events(program, "--signal", "USR1@10k,every=5k")
    expect(first.exit).toBe(40)
    const second = await events(program, "--signal", "SIGUSR1@10k,every=5k", "--engine", "interp")
    expect(second.result["account"]!["instructions"]).toBe(first.result["account"]!["instructions"])
  })
  it("kill a program that does not handle them", async () => {
    expect((await events(source("victim", "_start: b _start\n"), "--signal", "TERM@50k")).exit).toBe(143)
  })
})

describe("traces", () => {
  it("show instructions with their text", async () => {
    const { lines } = await events(source("short", `_start: nop\n${EXIT(3)}`), "--trace", "insn,syscalls,exc")
    const texts = lines.filter(({ type, el }) => type === "insn" && el === 0).map(({ text }) => text)
    expect(texts).toEqual(["nop", "mov x0, #0x3", "mov x8, #0x5d", "svc #0"].map((t) => expect.stringContaining(t.split(",")[0]!)))
    expect(lines.filter(({ type }) => type === "syscall")).toMatchObject([{ name: "exit", args: ["0x3", "0x0", "0x0", "0x0", "0x0", "0x0"] }])
    expect(lines.filter(({ type, from }) => type === "exc" && from === 0).map(({ ec }) => ec)).toEqual([0x15])
  })
  it("show what happens to FP registers", async () => {
    const { lines } = await events(source("float", `_start: fmov d0, #1.0\n${EXIT(0)}`), "--trace", "fp")
    const what = lines.filter(({ type }) => type === "fp").map((event) => event["what"])
    expect(what).toEqual(expect.arrayContaining(["exc", "save", "load", "msr"]))
  })
  it("go to a file as text or JSON", async () => {
    const [text, json] = [join(folder, "trace.txt"), join(folder, "trace.jsonl")]
    const program = source("traced", `_start:\n${EXIT(0)}`)
    await command("run", "-q", "--trace", "syscalls", "--trace-file", text, program)
    await command("run", "--json", "--trace", "syscalls", "--trace-file", json, program)
    expect(readFileSync(text, "utf8")).toMatch(/^\[\d+\] syscall exit\(0, 0, 0, 0, 0, 0\) = 0\n$/)
    expect(jsonLines(readFileSync(json, "utf8"))).toMatchObject([{ type: "syscall", name: "exit" }])
  })
  it("name calls that do not exist", async () => {
    const { lines, result } = await events(source("unknown", `_start: mov x8, #999\n svc #0\n${EXIT(0)}`), "--trace", "syscalls")
    expect(lines.find(({ type }) => type === "syscall")).toMatchObject({ name: "syscall_999", implemented: false })
    expect(result["account"]!["unimplemented"]).toEqual({ 999: 1 })
  })
})

describe("the account", () => {
  it("is short on standard error, and longer with -v", async () => {
    const program = source("quiet", `_start:\n${EXIT(0)}`)
    const short = await command("run", program)
    expect(short.error).toMatch(/^eltwo: exited with 0 after [\d,]+ instructions in [\d.]+ s, [\d.]+ M\/s\n {2}exits +.*HVC64 1/)
    expect(short.error).toMatch(/^ {2}FP registers \d+ traps?, \d+ saves?, \d+ loads?$/m)
    expect(short.error).toMatch(/^ {2}system calls 1$/m)
    const long = await command("run", "-v", program)
    expect(long.error).toMatch(/^ {2}machine +linux, jit, mode vhe, era H/m)
    expect(long.error).toMatch(/^ {2}plugins +base, fpsimd$/m)
  })
  it("is whole with --account: by register file, class, register and call, in the mode of the run", async () => {
    const program = source("accounted", `_start: fmov d0, #1.0\n${EXIT(0)}`)
    const { error } = await command("run", "--account", "--mode", "nvhe", program)
    expect(error).toMatch(/^ {2}register file \(mode nvhe\) +saves +bytes +loads +bytes\n {2}fpsimd +\d+ +[\d,]+ +\d+ +[\d,]+$/m)
    expect(error).toMatch(/^ {2}exits by class +count\n/m)
    expect(error).toMatch(/^ {2}CPTR_EL2 +\d+$/m)
    expect(error).toMatch(/^ {2}kvm_vcpu_run +\d+$/m)
    expect(error).toMatch(/^ {2}hypercall +\d+$/m)
    const { result } = await events(program, "--mode", "nvhe")
    const kvm = result["account"]!["kvm"] as Record<string, Record<string, number>>
    expect(kvm["hostCalls"]!["kvm_vcpu_run"]).toBeGreaterThan(0)
    expect((await command("run", "--account", "-q", program)).error).toContain("contradict")
  })
  it("is silent with -q, unless the exit code hides the end", async () => {
    expect((await command("run", "-q", source("silent", `_start:\n${EXIT(3)}`))).error).toBe("")
    expect((await command("run", "-q", source("loud", `_start:\n${EXIT(200)}`))).error).toBe("eltwo: exited with 200\n")
  })
})
