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
  it("is there for the word help", async () => expect(await command("help")).toEqual(await command()))
  it.each([
    ["run", "<guest>"],
    ["restore", "<file>"],
    ["asm", "<source>"],
    ["disasm", "<what>..."],
    ["isa", ""],
    ["plugins", ""],
    ["help", "<topic>"],
    ["snapshot create", "<guest>"],
    ["snapshot show", "<file> <section>"],
    ["snapshot diff", "<before> <after>"],
    ["snapshot verify", "<file>..."]
  ])("%s --help tells the options, without colours", async (name, places) => {
    const { exit, out, error } = await command(...name.split(" "), "--help")
    expect(exit).toBe(0)
    expect(out.split("\n")[2]).toBe(`eltwo ${name} [OPTIONS] ${places}`.trim())
    expect(out).toContain("DESCRIPTION")
    expect(out).toContain("--json")
    expect(out).not.toMatch(/may be repeated zero|user-defined piece/)
    expect(out).not.toContain(ESCAPE)
    expect(error).toBe("")
  })
  it("is there wherever it is asked for", async () => {
    const help = await command("run", "--help")
    for (const line of [
      ["run", "--json", "-h"],
      ["run", "guest", "--help"],
      ["help", "run"]
    ])
      expect(await command(...line)).toEqual(help)
  })
  it("has the verbs of snapshot, one a line", async () => {
    const { out } = await command("snapshot")
    for (const verb of ["create", "inspect", "show", "diff", "verify", "flatten"]) expect(out).toMatch(new RegExp(`^ {2}${verb} +[A-Z].*\\.$`, "m"))
    expect(await command("snapshot", "--help")).toEqual({ exit: 0, out, error: "" })
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
    [["frob"], "there is no command 'frob'; there are run, restore,"],
    [["--quiet"], "options come after a command"],
    [["snapshot", "frob"], "`eltwo snapshot` has no verb 'frob'; it has create, inspect,"],
    [["help", "frob"], "there is no help on 'frob'; there is on exit-codes, run,"],
    [["run"], "Missing argument <guest>"],
    [["run", "--frob", "guest"], "`eltwo run` has no option --frob"],
    [["run", "guest", "--frob"], "`eltwo run` has no option --frob"],
    [["run", "--men", "1G", "guest"], "has no option --men; is it --mem?"],
    [["snapshot", "show", "--resume", "file"], "`eltwo snapshot show` has no option --resume"],
    [["run", "-z", "guest"], "`eltwo run` has no option -z"],
    [["run", "guest", "argument"], "argument"],
    [["run", "--mem"], "--mem lacks its value: --mem SIZE"],
    [["run", "--mem", "--seed", "1", "guest"], "--mem lacks its value: --mem SIZE"],
    [["run", "--seed", "1", "guest", "--seed=2"], "--seed is given twice"],
    [["run", "-q", "--quiet", "guest"], "--quiet is given twice"],
    [["run", "--plugin", "", "guest"], "--plugin has an empty value: --plugin PLUGIN"],
    [["run", "--env=", "guest"], "--env has an empty value: --env NAME=VALUE"],
    [["run", ""], "<guest> is empty"],
    [["restore", ""], "<file> is empty"],
    [["run", "--snapshot-at", "5", "guest"], "--snapshot-at needs --output"],
    [["run", "--output", "file", "guest"], "--output needs --snapshot-at"],
    [["snapshot", "create", "guest"], "`eltwo snapshot create` needs --snapshot-at and --output"],
    [["restore", "file", "--", "x"], "only `eltwo run` takes arguments after --"],
    [["asm", "--flat", "nop"], "--flat needs --output"],
    [["run", "--bare", "--kind", "linux", "guest"], "--bare and --kind contradict each other"],
    [["run", "-q", "-v", "guest"], "--quiet and --verbose contradict each other"],
    [["run", "--trace-file", "x", "guest"], "--trace-file needs --trace"],
    [["asm", "nop", "--", "x"], "only `eltwo run` takes arguments after --"],
    [["--wizard"], "options come after a command"]
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
  it("names the help of its command", async () => {
    expect((await command("asm", "--frob", "nop")).error).toContain("`eltwo asm --help`")
    expect((await command("snapshot", "verify")).error).toContain("`eltwo snapshot verify --help`")
    expect((await command("isa", "--cpu", "min")).error).toContain("`eltwo isa --help`")
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
    [["asm", "packages"], 125, "FILE"],
    [["asm", "-o", "no/such/folder/x", "nop"], 125, "FILE"],
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
  it("says of files what is wrong in words", async () => {
    expect((await command("disasm", "nothing")).error).toMatch(/^eltwo: there is no nothing \(FILE\)\n {2}Words have 8 hexadecimal digits/)
    expect((await command("disasm", "packages")).error).toMatch(/^eltwo: packages: illegal operation on a directory \(FILE\)/)
    expect((await command("disasm", "8b020020", "9")).error).toContain("<what>: '9' is not a word")
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
