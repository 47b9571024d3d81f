import { API_VERSION, defineExtension, definePlugin } from "@eltwo/isa"
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { loadPlugins, placeOf } from "../src/PluginLoader.ts"
import { attempt, failure, fakePlatform } from "./platform.ts"

const fpsimd = defineExtension({ name: "fpsimd" })
const mine = defineExtension({ name: "mine", doc: "Mine." })
const counter = definePlugin({
  name: "counter",
  options: {
    start: { type: "integer", default: 7, minimum: 0, maximum: 100, doc: "First value." },
    loud: { type: "boolean", default: false, doc: "Noise." },
    colour: { type: "choice", default: "red", choices: ["red", "blue"], doc: "Paint." },
    label: { type: "text", default: "", doc: "Name." }
  },
  create: ({ start, loud, colour, label }) => defineExtension({ name: "counter", doc: `${start} ${loud} ${colour} '${label}'` })
})
const modules = { fpsimd: { fpsimd, default: fpsimd }, "./mine.js": { mine }, counter: { default: counter } }
const platform = fakePlatform({ modules })

const names = async (asked: readonly (string | object)[]) =>
  Either.getOrThrow(await attempt(loadPlugins(asked), platform)).map(({ plugin, from }) => `${plugin.name} from ${from}`)
const docs = async (asked: string) => Either.getOrThrow(await attempt(loadPlugins([asked]), platform)).at(-1)?.plugin.doc
const problems = async (asked: readonly (string | object)[], more: Readonly<Record<string, object>> = {}) => {
  const error = await failure(loadPlugins(asked), fakePlatform({ modules: { ...modules, ...more } }))
  expect(error.code).toBe("PLUGIN_LOAD")
  return error.problems.map(({ plugin, message }) => `${plugin}: ${message}`)
}

describe("loading plugins", () => {
  it("always has the base, and fpsimd unless it is asked for", async () => {
    expect(await names([])).toEqual(["base from base", "fpsimd from fpsimd"])
    expect(await names(["fpsimd"])).toEqual(["base from base", "fpsimd from fpsimd"])
  })
  it("takes names, paths and values", async () => {
    expect(await names(["./mine.js", defineExtension({ name: "given" })])).toEqual([
      "base from base",
      "fpsimd from fpsimd",
      "mine from ./mine.js",
      "given from value"
    ])
  })
  it("knows a name from a path from a package", () => {
    expect(["sve", "./a", "a.js", "/b/c", "@me/x", "file:///a", "C:\\x.mjs", "..\\x"].map((s) => placeOf(s).kind)).toEqual([
      "name",
      "path",
      "path",
      "path",
      "package",
      "path",
      "path",
      "path"
    ])
  })
  it("gives options to a plugin that has some", async () => {
    expect(await docs("counter")).toBe("7 false red ''")
    expect(await docs("counter,start=9,loud=on,colour=blue,label=a=b")).toBe("9 true blue 'a=b'")
  })
})

describe("what cannot be loaded", () => {
  it("is told all at once", async () => {
    const found = await problems(["nothing", "counter,start=500,shape=round", "./mine.js,x=1", ",x=1", "mine,x"])
    expect(found).toEqual([
      "nothing: there is no module nothing",
      expect.stringMatching(/^counter: .*start: Expected a number between 0 and 100, actual 500/),
      "./mine.js: takes no options, but is given x",
      ",x=1: has no name",
      "mine: 'x' is not option=value"
    ])
    expect(found[1]).toContain("has no option shape")
  })
  it.each([
    ["no plugin", {}, "exports no plugin"],
    ["two plugins", { a: mine, b: defineExtension({ name: "other" }) }, "exports several plugins (a, b)"],
    ["no name", { default: { kind: "extension", apiVersion: API_VERSION } }, "name: is missing"],
    ["a bad name", { default: { ...mine, name: "Bad Name" } }, "name: "],
    ["instructions that are none", { default: { ...mine, instructions: [5] } }, "instructions.0: "],
    ["a factory without create", { default: { kind: "factory", name: "f", apiVersion: API_VERSION, options: {} } }, "create: is missing"],
    ["a factory that throws", { default: definePlugin({ name: "f", options: {}, create: () => { throw new Error("no luck") } }) }, "its create() failed: no luck"], // biome-ignore format: a row
    [
      "a factory that gives nothing",
      { default: definePlugin({ name: "f", options: {}, create: () => undefined as never }) },
      "gives no extension or mode"
    ],
    ["a factory of another version", { default: { ...counter, apiVersion: 99 } }, "is written for plugin API 99; this is 1"],
    ["a mode of another version", { default: { kind: "mode", name: "m", apiVersion: 99 } }, "is written for mode API 99"]
  ])("%s", async (_, module, message) => {
    expect((await problems(["odd"], { odd: module })).join()).toContain(message)
  })
  it("refuses a value that is no plugin", async () => {
    expect(await problems([{ name: "x" }])).toEqual(["value: is not a plugin: it has no kind"])
  })
})
