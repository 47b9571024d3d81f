/** The built command as a process: bytes, exit codes, pipes, signals, plugins from elsewhere. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { builtCommand } from "./built.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const eltwo = join(root, "packages/cli/bin/eltwo.js")
const folder = mkdtempSync(join(tmpdir(), "eltwo-process-"))
afterAll(() => rmSync(folder, { recursive: true }))

beforeAll(() => builtCommand().then(() => undefined), 120_000)

const source = (name: string, text: string): string => {
  const path = join(folder, `${name}.s`)
  writeFileSync(path, text)
  return path
}
const run = (argv: readonly string[], options: { readonly input?: string | Buffer; readonly cwd?: string } = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [eltwo, ...argv], {
    cwd: options.cwd ?? root,
    input: options.input ?? "",
    maxBuffer: 64 << 20
  })
  return { status, stdout, stderr: stderr.toString() }
}
const EXIT = (status: number) => ` mov x0, #${status}\n mov x8, #93\n svc #0\n`
/** Writes 4 MiB: every byte value, again and again. */
const BYTES = `_start: adr x1, buffer\n mov x2, #0\n1: strb w2, [x1, x2]\n add x2, x2, #1\n cmp x2, #65536\n b.ne 1b\n mov x19, #64
2: mov x0, #1\n adr x1, buffer\n mov x2, #65536\n mov x8, #64\n svc #0\n cmp x0, #0\n b.le 3f\n subs x19, x19, #1\n b.ne 2b\n${EXIT(0)}3:\n${EXIT(9)} .data\nbuffer: .space 65536\n`
/** Reads and writes until the end of input. */
const CAT = `_start: mov x0, #0\n adr x1, buffer\n mov x2, #4096\n mov x8, #63\n svc #0\n cmp x0, #0\n b.le 1f\n mov x2, x0\n mov x0, #1\n adr x1, buffer\n mov x8, #64\n svc #0\n b _start\n1:\n${EXIT(0)} .data\nbuffer: .space 4096\n`
/** Says that it is ready, then loops or sleeps until SIGUSR1; exits with 41. */
const handler = (body: string) => `_start: mov x0, #10\n adr x1, action\n mov x2, #0\n mov x3, #8\n mov x8, #134\n svc #0
 mov x0, #1\n adr x1, ready\n mov x2, #6\n mov x8, #64\n svc #0
wait: ${body}\n adr x1, flag\n ldr w0, [x1]\n cbz w0, wait\n${EXIT(41)}
handler: adr x1, flag\n mov w0, #1\n str w0, [x1]\n ret
ready: .ascii "ready\\n"
 .data\naction: .quad handler, 0, 0, 0\nflag: .word 0\nmask: .quad 0\n`
const SPIN = handler("nop")
const SLEEP = handler("adr x0, mask\n mov x1, #8\n mov x8, #133\n svc #0")
const READ = handler("mov x0, #0\n adr x1, mask\n mov x2, #1\n mov x8, #63\n svc #0")

describe("the guest's output", () => {
  it("is eltwo's, byte for byte", () => {
    const { status, stdout } = run(["run", "-q", source("bytes", BYTES)])
    expect(status).toBe(0)
    expect(stdout).toHaveLength(4 << 20)
    expect(stdout.every((byte, i) => byte === (i & 255))).toBe(true)
  })
  it("is what its input was", () => {
    const input = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) & 255))
    expect(run(["run", "-q", source("cat", CAT)], { input }).stdout.equals(input)).toBe(true)
  })
  it("ends with SIGPIPE when nobody reads it", () => {
    const shell = spawnSync("sh", ["-c", `"$0" "$1" run "$2" | head -c 10 >/dev/null; wait`, process.execPath, eltwo, source("bytes", BYTES)])
    expect(shell.stderr.toString()).toContain("killed by SIGPIPE")
  })
  it("that has no space is an error of its own: ENOSPC for a program, a note for an image", () => {
    const full = (...argv: readonly string[]) => spawnSync("sh", ["-c", '"$@" > /dev/full', "sh", process.execPath, eltwo, ...argv], { cwd: root })
    // exits with the errno of its write
    const write = "_start: mov x0, #1\n adr x1, _start\n mov x2, #4\n mov x8, #64\n svc #0\n neg x0, x0\n mov x8, #93\n svc #0\n"
    const program = full("run", "-q", source("write", write))
    expect(program.status).toBe(28)
    expect(program.stderr.toString()).toBe("eltwo: not all output of the guest was written: there is no space for it\n")
    const image = full("run", "-q", "guests/hello-vm")
    expect([image.status, image.stderr.toString()]).toEqual([0, "eltwo: not all output of the guest was written: there is no space for it\n"])
    for (const line of [
      ["disasm", "d503201f"],
      ["run", "-q", "--json", "guests/hello"]
    ]) {
      const own = full(...line)
      expect(own.status).toBe(125)
      expect(own.stderr.toString()).toMatch(/standard output cannot be written: no space left on device/)
    }
  })
  it("is not mixed with the account", () => {
    const { stdout, stderr } = run(["run", "guests/hello"])
    expect(stdout.toString()).toMatch(/^Hello from EL0!/)
    expect(stderr).toMatch(/^eltwo: exited with 0/)
  })
})

describe("the process", () => {
  it.each([
    [["run", "-q", "guests/hello"], 0],
    [["run", "nothing"], 127],
    [["run", "package.json", "--kind", "linux"], 126],
    [["run"], 125],
    [["run", "-q", "--timeout", "200ms", "SPIN"], 124],
    [["run", "-q", "--max-insns", "1M", "SPIN"], 124],
    [["--version"], 0]
  ])("%j ends with %i", (argv, status) => {
    expect(run(argv.map((word) => (word === "SPIN" ? source("spin", "_start: b _start\n") : word))).status).toBe(status)
  })

  /** Starts a guest, sends a signal once it is ready, gives its exit code. */
  const signalled = (text: string, name: string, signal: NodeJS.Signals, stdin: "pipe" | "ignore") =>
    new Promise<number | null>((done) => {
      const child = spawn(process.execPath, [eltwo, "run", "-q", "--timeout", "20s", source(name, text)], { stdio: [stdin, "pipe", "ignore"] })
      child.stdout!.once("data", () => setTimeout(() => child.kill(signal), 50))
      child.on("exit", (code) => done(code))
    })
  it("hands signals to a guest that computes", async () => expect(await signalled(SPIN, "spinning", "SIGUSR1", "ignore")).toBe(41))
  it("hands signals to a guest that waits for them", async () => expect(await signalled(SLEEP, "sleeping", "SIGUSR1", "ignore")).toBe(41))
  it("ends with 128 + the signal a guest does not handle", async () => expect(await signalled(SPIN, "spinning", "SIGTERM", "ignore")).toBe(143))
  it.each(["vm", "bare"])("ends a %s image that gets a signal with its account", async (kind) => {
    // says when it runs
    const image = source("image", "_start: movz x1, #0x900, lsl #16\n mov w0, #33\n strb w0, [x1]\n1: b 1b\n")
    const child = spawn(process.execPath, [eltwo, "run", "--kind", kind, "--account", "--timeout", "20s", image], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let account = ""
    child.stderr.on("data", (text) => {
      account += String(text)
    })
    child.stdout.once("data", () => setTimeout(() => child.kill("SIGINT"), 50))
    expect(await new Promise((done) => child.on("close", done))).toBe(130)
    expect(account).toMatch(/^eltwo: interrupted by SIGINT after [\d,]+ instructions/)
    if (kind === "vm") expect(account).toMatch(/exits by class/)
  })
  it("ends an image that waits for input and gets a signal", async () => {
    const image = source("asking", "_start: mov x0, #7\n hlt #0xf000\n b _start\n")
    const shell = 'mkfifo "$3" && { sleep 8 > "$3" & } && exec "$0" "$1" run -q --kind vm --timeout 20s "$2" < "$3"'
    const argv = ["-c", shell, process.execPath, eltwo, image, join(folder, "quiet")]
    const child = spawn("sh", argv, { stdio: "ignore" })
    const begun = performance.now()
    setTimeout(() => child.kill("SIGINT"), 1500)
    await new Promise((done) => child.on("exit", done))
    expect(child.signalCode).toBe("SIGINT")
    expect(performance.now() - begun).toBeLessThan(6000)
  })
  it("hands signals to a guest that waits for input from a pipe", async () => {
    // The shell makes the pipe: one between Node processes is a socket.
    const shell = 'mkfifo "$3" && { sleep 8 > "$3" & } && exec "$0" "$1" run -q --timeout 20s "$2" < "$3"'
    const argv = ["-c", shell, process.execPath, eltwo, source("reading", READ), join(folder, "pipe")]
    const child = spawn("sh", argv, { stdio: ["ignore", "pipe", "ignore"] })
    const begun = performance.now()
    const status = await new Promise((done) => {
      child.stdout!.once("data", () => setTimeout(() => child.kill("SIGUSR1"), 50))
      child.on("exit", done)
    })
    expect(status).toBe(41)
    expect(performance.now() - begun).toBeLessThan(7000)
  })
})

describe("plugins from elsewhere", () => {
  const PLUGIN = `import { defineExtension, instruction } from "@eltwo/isa"
export default defineExtension({ name: "triple", instructions: [instruction({
  name: "TRIPLE", encoding: "1 0 0 11010110 00000 111111 Rn:5 Rd:5", assembly: "triple <Xd>, <Xn>",
  execute(cpu, { Rn, Rd }) { const T = cpu.unsigned(64), x = cpu.X(Rn, T); cpu.setX(Rd, T.add(x, T.add(x, x)), T) }
})] })\n`
  it("find the packages of the command, though nothing is installed where they are", () => {
    const plugin = join(folder, "triple.mjs")
    writeFileSync(plugin, PLUGIN)
    const program = source("triple", "_start: mov x1, #14\n triple x0, x1\n mov x8, #93\n svc #0\n")
    for (const engine of ["jit", "interp"])
      expect(run(["run", "-q", "--engine", engine, "--plugin", plugin, program], { cwd: folder })).toMatchObject({ status: 42, stderr: "" })
    expect(run(["disasm", "--plugin", "./triple.mjs", "9ac0fc20"], { cwd: folder }).stdout.toString()).toContain("triple x0, x1")
  })
  it("may be TypeScript where Node can read it, and are refused in one line where not", () => {
    const plugin = join(folder, "typed.mts")
    writeFileSync(plugin, PLUGIN.replace("x = cpu", "x: object = cpu"))
    const { status, stderr } = run(["disasm", "--plugin", plugin, "9ac0fc20"])
    if (status === 0) return
    expect(stderr).toMatch(/cannot load TypeScript: compile it to JavaScript, or use Node 22\.18 or later \(PLUGIN_LOAD\)/)
  })
  it("that are broken are refused in one line", () => {
    const plugin = join(folder, "broken.mjs")
    writeFileSync(plugin, "export default {")
    const { status, stderr } = run(["run", "--plugin", plugin, "guests/hello"])
    expect(status).toBe(125)
    expect(stderr.split("\n")[0]).toMatch(/^eltwo: .*broken\.mjs: .*\(PLUGIN_LOAD\)$/)
  })
})
