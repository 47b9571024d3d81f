import { describe, expect, it } from "vitest"
import { command, errorOf } from "./command.ts"

const ESCAPE = String.fromCharCode(27)

describe("help", () => {
  it("is there without arguments and with --help", async () => {
    const bare = await command()
    expect(bare.exit).toBe(0)
    expect(bare.out).toContain("run GUEST [-- ARGS]")
    expect(await command("--help")).toEqual(bare)
  })
  it.each(["run", "asm", "disasm", "isa", "plugins", "help"])("%s --help tells the options, without colours", async (name) => {
    const { exit, out, error } = await command(name, "--help")
    expect(exit).toBe(0)
    expect(out).toContain("DESCRIPTION")
    expect(out).toContain("--json")
    expect(out).not.toContain(ESCAPE)
    expect(error).toBe("")
  })
  it("lists the exit codes", async () => {
    const { out } = await command("help", "exit-codes")
    expect(out.split("\n").map((line) => line.split(" ")[0])).toEqual(["0", "1-122", "123", "124", "125", "126", "127", "128+n", "65", "70", ""])
    expect(JSON.parse((await command("help", "exit-codes", "--json")).out)).toHaveLength(10)
  })
  it("prints its version", async () => {
    expect((await command("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
  it("prints a completion script", async () => {
    expect((await command("--completions", "bash")).out).toContain("complete")
  })
})

describe("a line that cannot be read", () => {
  it.each([
    [["frob"], "Invalid subcommand"],
    [["run"], "Missing argument <guest>"],
    [["run", "--frob", "guest"], "Option '--frob' is unknown here"],
    [["run", "guest", "--frob"], "--frob"],
    [["run", "guest", "argument"], "argument"],
    [["run", "--mem"], "--mem"],
    [["run", "--bare", "--kind", "linux", "guest"], "--bare and --kind contradict each other"],
    [["run", "-q", "-v", "guest"], "--quiet and --verbose contradict each other"],
    [["run", "--trace-file", "x", "guest"], "--trace-file needs --trace"],
    [["asm", "nop", "--", "x"], "only `eltwo run` takes arguments after --"],
    [["help", "nothing"], "exit-codes"],
    [["--wizard"], "there is no wizard"]
  ])("%j", async (argv, message) => {
    const { exit, out, error } = await command(...argv)
    expect(exit).toBe(125)
    expect(out).toBe("")
    expect(error).toContain(message)
    expect(error).toContain("(USAGE)")
    // Once, and not as a dump of an exception.
    expect(error.match(/eltwo: /g)).toHaveLength(1)
    expect(error).not.toContain("    at ")
  })
  it("is one JSON object with --json", async () => {
    const error = errorOf(await command("run", "--json"))
    expect(error).toEqual({ code: "USAGE", message: "Missing argument <guest>", hint: expect.any(String) })
  })
})

describe("what cannot be done", () => {
  it.each([
    [["run", "no/such/guest"], 127, "GUEST_NOT_FOUND"],
    [["run", "package.json", "--kind", "linux"], 126, "GUEST_IMAGE"],
    [["run", "--mem", "5", "guest"], 125, "OPTION_INVALID"],
    [["run", "--mode", "xen", "guests/hello"], 125, "OPTION_INVALID"],
    [["run", "--era", "A", "guests/hello"], 125, "OPTION_INVALID"],
    [["run", "--cpu", "max,frob=on", "guests/hello"], 125, "OPTION_INVALID"],
    [["run", "--cpu", "max,vl=256", "guests/hello"], 125, "OPTION_INVALID"],
    [["run", "--plugin", "nothing-of-this-name", "guests/hello"], 125, "PLUGIN_LOAD"],
    [["run", "--root", "no/such/folder", "guests/hello"], 125, "FILE"],
    [["run", "--trace", "syscalls", "--trace-file", "no/such/folder/file", "guests/hello"], 125, "FILE"],
    [["asm", "no/such/file.s"], 125, "FILE"],
    [["asm", "frobnicate x0"], 126, "GUEST_IMAGE"],
    [["disasm", "nothing"], 125, "FILE"],
    [["disasm", "8b020020", "xyz"], 125, "OPTION_INVALID"],
    [["isa", "--feature", "FROB"], 125, "OPTION_INVALID"]
  ])("%j ends with %i and %s", async (argv, exit, code) => {
    const text = await command(...argv)
    expect([text.exit, text.out]).toEqual([exit, ""])
    expect(text.error).toContain(`(${code})`)
    const json = await command(...argv, "--json")
    expect(json.exit).toBe(exit)
    const error = errorOf(json)
    expect(error.code).toBe(code)
    expect(error.hint.length).toBeGreaterThan(5)
  })
  it("names options as they are typed, all of them", async () => {
    const { error } = await command("run", "--max-insns", "none", "--root-writable", "--seed", "x", "--env", "A", "guest")
    expect(error.split("\n").slice(0, 4)).toEqual([
      "eltwo: 3 problems (OPTION_INVALID)",
      expect.stringMatching(/^ {2}--seed: /),
      expect.stringMatching(/^ {2}--env: "A" is not NAME=VALUE/),
      expect.stringMatching(/^ {2}--max-insns: /)
    ])
  })
})
