import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { parseCpuSelection, vectorLengths } from "../src/cpu-selection.ts"
import { decodeMachineOptions, decodeRunOptions, kindProblems } from "../src/options.ts"
import { parseCount, parseDuration, parseSize } from "../src/quantities.ts"

const decoded = (input: object) => Effect.runSync(Effect.either(decodeRunOptions({ guest: "program", ...input })))
const value = (input: object) => Either.getOrThrow(decoded(input))
const problems = (input: object) => {
  const result = decoded(input)
  return Either.isLeft(result) ? result.left.problems.map(({ option, message }) => `${option}: ${message}`) : []
}

describe("quantities", () => {
  it.each([
    ["64M", 64 * 2 ** 20],
    ["1g", 2 ** 30],
    ["65536k", 2 ** 26],
    ["4096", 4096],
    ["16MiB", 2 ** 24],
    ["", undefined],
    ["M", undefined],
    ["-1M", undefined],
    ["1.5G", undefined],
    ["1T", undefined]
  ])("size %s", (text, bytes) => expect(parseSize(text)).toBe(bytes))
  it.each([
    ["5s", 5000],
    ["200ms", 200],
    ["1m", 60_000],
    ["2", 2000],
    ["0.25", 250],
    ["5h", undefined],
    ["", undefined]
  ])("time %s", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds))
  it.each([
    ["1000", 1000],
    ["20M", 20_000_000],
    ["1e9", 1_000_000_000],
    ["3k", 3000],
    ["1e20", undefined],
    ["M", undefined],
    ["0x10", undefined]
  ])("count %s", (text, count) => expect(parseCount(text)).toBe(count))
})

describe("options of a run", () => {
  it("has defaults for everything but the guest", () => {
    expect(value({})).toEqual({
      guest: "program",
      args: [],
      vcpus: 1,
      pcpus: 1,
      protected: false,
      migration: "affinity",
      cpu: { features: {} },
      mode: "vhe",
      era: "H",
      engine: "jit",
      mem: 256 * 2 ** 20,
      seed: 0,
      plugin: [],
      kind: "auto",
      rootWritable: false,
      env: [],
      clock: 1_735_689_600,
      signal: [],
      trace: []
    })
  })
  it("takes texts and values alike", () => {
    const text = value({ mem: "64M", seed: "0x10", maxInsns: "20M", timeout: "5s", kind: "bare", el: "1", clock: "1000" })
    const values = value({ mem: 64 * 2 ** 20, seed: 16, maxInsns: 20_000_000, timeout: 5000, kind: "bare", el: 1, clock: 1000 })
    expect(text).toEqual(values)
    expect(text.el).toBe(1)
  })
  it.each([
    [{ el: "3" }, 'el: "3" is not 1 or 2'],
    [{ el: 0 }, "el: 0 is not 1 or 2"],
    [{ clock: "yesterday" }, 'clock: "yesterday" is not "now" or seconds since 1970'],
    [{ clock: -1 }, 'clock: -1 is not "now" or seconds since 1970'],
    [{ env: ["A=1", "FOO"] }, 'env[1]: "FOO" is not NAME=VALUE'],
    [{ env: ["=x"] }, 'env[0]: "=x" is not NAME=VALUE'],
    [{ root: "" }, 'root: "" is not a path'],
    [{ env: ["x".repeat(1000)] }, `env[0]: "${"x".repeat(80)}..." is not NAME=VALUE`]
  ])("%j: what was given and what is expected", (input, message) => expect(problems(input)).toEqual([message]))
  it("says what a guest of a kind cannot be given", () => {
    const options = value({ vcpus: 2, el: 1, env: ["A=b"], signal: ["USR1@1"], protected: true })
    const wrong = (kind: "linux" | "vm" | "bare") => kindProblems(options, kind, false).map(({ option }) => option)
    expect(wrong("linux")).toEqual(["vcpus", "protected", "el"])
    expect(wrong("vm")).toEqual(["protected", "el", "env", "signal"])
    expect(wrong("bare")).toEqual(["vcpus", "protected", "env", "signal"])
  })
  it("reads signals", () => {
    expect(value({ signal: ["USR1@1000", "SIGTERM@5M,every=1000"] }).signal).toEqual([
      { signal: 10, at: 1000, every: undefined },
      { signal: 15, at: 5_000_000, every: 1000 }
    ])
  })
  it.each([
    [{ mem: "12Q" }, "mem: "],
    [{ mem: "1000" }, "mem: "],
    [{ mem: "4G" }, "mem: "],
    [{ mem: "0" }, "mem: "],
    [{ seed: "-1" }, "seed: "],
    [{ seed: 1.5 }, "seed: "],
    [{ mode: "Xen!" }, 'mode: "Xen!" is not the name of a mode'],
    [{ era: "Z" }, 'era: "Z" is not one of A, B, C, D, E, F, G, H'],
    [{ engine: "qemu" }, 'engine: "qemu" is not one of jit, interp'],
    [{ trace: ["everything"] }, "trace[0]: "],
    [{ signal: ["KILLALL@5"] }, "signal[0]: there is no signal 'KILLALL'"],
    [{ signal: ["USR1"] }, "signal[0]: 'USR1' is not NAME@INSTRUCTIONS"],
    [{ signal: ["USR1@5,every=0"] }, "signal[0]: every=0"],
    [{ maxInsns: "0" }, "maxInsns: "],
    [{ timeout: "soon" }, "timeout: "],
    [{ env: ["NOVALUE"] }, "env[0]: "],
    [{ args: ["a\0b"] }, "args[0]: "],
    [{ root: "" }, "root: "],
    [{ clock: "yesterday" }, "clock: "],
    [{ el: "3", kind: "bare" }, "el: "],
    [{ el: "1", kind: "vm" }, "el: only a bare image"],
    [{ rootWritable: true }, "rootWritable: there is no root"],
    [{ kind: "vm", signal: ["USR1@1"] }, "signal: a vm image has no signals"],
    [{ memory: 5 }, "memory: no such option"],
    [{ cpu: "host" }, "cpu: "],
    [{ cpu: "max,vl=100" }, "cpu: vl=100 is not one of 128, 256, 512, 1024, 2048 bits"],
    [{ cpu: "max,sve=maybe" }, "cpu: "]
  ])("refuses %j", (input, start) => {
    const found = problems(input)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(start)
  })
  it("tells every problem at once", () => {
    expect(problems({ mem: "x", mode: "Y", engine: "z", seed: "w" }).map((line) => line.split(":")[0])).toEqual(["mode", "engine", "mem", "seed"])
  })
  it("names what is missing", () => {
    const result = Effect.runSync(Effect.either(decodeRunOptions({})))
    expect(Either.isLeft(result) && result.left.problems).toEqual([{ option: "guest", message: "is missing" }])
  })
  it("refuses options of a run for a mere machine", () => {
    const result = Effect.runSync(Effect.either(decodeMachineOptions({ guest: "x" })))
    expect(Either.isLeft(result) && result.left.code).toBe("OPTION_INVALID")
  })
})

describe("the CPU", () => {
  it("switches features and asks for vector lengths", () => {
    expect(parseCpuSelection("max,lse=off,SVE=on,vl=256,svl=128")).toEqual({ features: { lse: false, sve: true }, vl: 256, svl: 128 })
  })
  it("offers every length up to the one asked for, and starts there", () => {
    const features = new Set(["SVE", "SME"])
    expect(vectorLengths({ features: {}, vl: 256, svl: 512 }, features)).toEqual({
      vector: [128, 256],
      streaming: [128, 256, 512],
      start: { vl: 256, svl: 512 }
    })
    expect(vectorLengths({ features: {} }, features)).toEqual({
      vector: [128, 256, 512, 1024, 2048],
      streaming: [128, 256, 512, 1024, 2048],
      start: { vl: 512, svl: 256 }
    })
  })
  it("refuses lengths of what it does not have", () => {
    expect(vectorLengths({ features: {}, vl: 256 }, new Set())).toBe("vl=256 needs SVE, which this machine does not have")
    expect(vectorLengths({ features: {}, svl: 256 }, new Set(["SVE"]))).toBe("svl=256 needs SME, which this machine does not have")
  })
})
