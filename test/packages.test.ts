/** What is published: each package has what it needs and nothing else, and a program that has installed them runs in plain Node. */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { builtCommand } from "../packages/cli/test/built.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
interface Packed {
  readonly name: string
  readonly files: readonly { readonly path: string }[]
}
interface Manifest {
  readonly name: string
  readonly license: string
  readonly description?: string
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, { readonly default: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
}
/** Where a package of this repository is. */
const folderOf = (name: string): string => {
  const short = name.replace("@eltwo/", "")
  if (short === "eltwo") return join(root, "packages/cli")
  return join(root, short.startsWith("plugin-") ? `plugins/${short.slice(7)}` : `packages/${short}`)
}
const manifestOf = (name: string): Manifest => JSON.parse(readFileSync(join(folderOf(name), "package.json"), "utf8")) as Manifest

let packages: readonly Packed[] = []
beforeAll(async () => {
  await builtCommand()
  // Type declarations are made when a package is packed in earnest.
  const list = execFileSync("npm", ["pack", "--workspaces", "--dry-run", "--json", "--ignore-scripts", "--offline"], { cwd: root, encoding: "utf8" })
  packages = JSON.parse(list) as Packed[]
}, 170_000)

describe("a package", () => {
  it("is each of the repository's", () => {
    const names = packages.map(({ name }) => name)
    for (const name of ["eltwo", "@eltwo/isa", "@eltwo/cpu", "@eltwo/kvm", "@eltwo/vmm", "@eltwo/plugin-sve", "@eltwo/plugin-pkvm"])
      expect(names).toContain(name)
  })
  it("has a licence, a description, a page about it, what it exports, and built files only", () => {
    for (const { name, files } of packages) {
      const { license, description = "", exports = {}, bin = {} } = manifestOf(name)
      const paths = files.map(({ path }) => path)
      expect([name, license, description.length > 20]).toEqual([name, "MIT", true])
      const entries = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)].map((path) => path.replace("./", ""))
      expect(entries.length).toBeGreaterThan(0)
      for (const path of ["LICENSE", "README.md", ...entries]) expect([name, paths]).toEqual([name, expect.arrayContaining([path])])
      const others = paths.filter((path) => !/^(LICENSE|README\.md|package\.json|bin\/[\w.-]+|dist\/[\w./-]+\.(js|cjs|d\.ts|js\.map))$/.test(path))
      expect([name, others]).toEqual([name, []])
    }
  })
})

describe("a program that installed the packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-installed-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const node = (...argv: readonly string[]) =>
    execFileSync(process.execPath, argv, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

  beforeAll(() => {
    const place = (name: string) => {
      const to = join(folder, "node_modules", name)
      mkdirSync(dirname(to), { recursive: true })
      return to
    }
    const own = new Set(packages.map(({ name }) => name))
    // Of what others have published, only what a package says that it needs.
    const needed = new Set(packages.flatMap(({ name }) => Object.keys(manifestOf(name).dependencies ?? {})).filter((name) => !own.has(name)))
    for (const { name, files } of packages) for (const { path } of files) cpSync(join(folderOf(name), path), join(place(name), path))
    for (const name of needed) symlinkSync(join(root, "node_modules", name), place(name))
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
    writeFileSync(join(folder, "five.s"), "_start: mov x0, #5\n mov x8, #93\n svc #0\n")
  })

  it("runs a guest, forks it and restores it, with plugins by name and as values", () => {
    const program = `import sve from "@eltwo/plugin-sve"
import { Vm } from "@eltwo/vmm/promise"
import { nodePlatform } from "@eltwo/vmm/node"
const vm = await Vm.make({ guest: "five.s", platform: nodePlatform(), plugin: [sve, "fpmr"], mode: "nvhe" })
const ends = [await vm.run({ maxInstructions: 1 }), await vm.fork().run(), await vm.run()]
console.log(JSON.stringify(ends))`
    writeFileSync(join(folder, "promise.js"), program)
    expect(JSON.parse(node("promise.js"))).toEqual([{ kind: "limit" }, ...Array(2).fill({ kind: "exited", status: 5 })])
  })
  it("uses the Effect API", () => {
    const program = `import { Effect } from "effect"
import { Vm } from "@eltwo/vmm"
import { NodePlatform } from "@eltwo/vmm/node"
const run = Effect.gen(function* () { const vm = yield* Vm.make({ guest: "five.s" }); return yield* vm.run() })
console.log(JSON.stringify(await Effect.runPromise(run.pipe(Effect.scoped, Effect.provide(NodePlatform)))))`
    writeFileSync(join(folder, "effect.js"), program)
    expect(JSON.parse(node("effect.js"))).toEqual({ kind: "exited", status: 5 })
  })
  it("calls KVM", () => {
    const program = `import { assemble, base, compose, toFlat } from "@eltwo/isa"
import { createBoard } from "@eltwo/cpu"
import { createHost, REG, VcpuFeature } from "@eltwo/kvm"
import fpsimd from "@eltwo/plugin-fpsimd"
import vhe from "@eltwo/plugin-vhe"
const { machine } = compose([base, fpsimd])
const host = createHost({ board: createBoard({ isa: machine, ramBase: 0x40000000, ramBytes: 64 << 20 }), mode: vhe })
const vm = host.createVm()
vm.setMemoryRegion({ slot: 0, guestPhysical: 0x40000000, bytes: 1 << 20 })
vm.write(0x40000000, toFlat(assemble("mov x1, #0x09000000\\n mov w0, #33\\n strb w0, [x1]", { isa: machine }).assembly))
const vcpu = vm.createVcpu(0)
vcpu.init({ features: 1 << VcpuFeature.PSCI_0_2 })
vcpu.setOneReg(REG.pc, 0x40000000n)
const { reason, isWrite, bytes } = vcpu.run(1000)
console.log(JSON.stringify({ reason, isWrite, bytes }))`
    writeFileSync(join(folder, "kvm.js"), program)
    expect(JSON.parse(node("kvm.js"))).toEqual({ reason: "mmio", isWrite: true, bytes: 1 })
  })
  it("has the command", () => {
    const eltwo = (...argv: readonly string[]) => node(join(folder, "node_modules/eltwo", manifestOf("eltwo").bin!["eltwo"]!), ...argv)
    expect(eltwo("disasm", "--plugin", "sve", "d503201f")).toContain("nop")
    expect(
      JSON.parse(eltwo("snapshot", "create", "--json", "--snapshot-at", "1", "-o", "one.el2", "five.s").trim().split("\n").at(-1)!)
    ).toMatchObject({
      type: "result",
      end: { kind: "saved" }
    })
  })
})
