/** Every export of every package and plugin says what it is. */
import { existsSync, readdirSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const entries = [
  ...["packages", "plugins"].flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}/src/index.ts`)),
  "packages/vmm/src/promise.ts",
  "packages/vmm/src/node.ts"
].filter((path) => existsSync(join(root, path)))

const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const program = ts.createProgram(
  entries.map((entry) => join(root, entry)),
  { ...options, types: ["node"] }
)
const checker = program.getTypeChecker()

const targetOf = (symbol: ts.Symbol): ts.Symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
/** Names of a module's exports that no comment describes, with their files. */
const undocumented = (entry: string): readonly string[] => {
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, entry))!)
  if (module === undefined) return []
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = targetOf(exported)
    const file = symbol.declarations?.[0]?.getSourceFile().fileName
    if (file === undefined || file.includes("node_modules") || exported.name === "default") return []
    const text = [symbol, exported].map((each) => ts.displayPartsToString(each.getDocumentationComment(checker))).join("")
    return text.trim() === "" ? [`${relative(root, file)}: ${exported.name}`] : []
  })
}

/** Types of the VMM, and of KVM's calls, of which every member is described too. */
const WHOLE: Readonly<Record<string, RegExp>> = {
  "packages/vmm/src/index.ts": /./,
  "packages/vmm/src/promise.ts": /./,
  "packages/vmm/src/node.ts": /./,
  "packages/kvm/src/index.ts":
    /^(Host|HostOptions|Vm|Vcpu|Account|MemoryRequest|MemoryRegion|MemorySlot|ClearRequest|CapabilityRequest|FilterRange|IrqLine|VcpuInit|VcpuEvents|RunLimits)$/
}
const isPublic = (member: ts.Symbol): boolean => {
  const [declaration] = member.declarations ?? []
  if (declaration === undefined || member.name.startsWith("__")) return false
  const name = (declaration as ts.NamedDeclaration).name
  return (
    name !== undefined && !ts.isPrivateIdentifier(name) && !(ts.getCombinedModifierFlags(declaration as ts.Declaration) & ts.ModifierFlags.Private)
  )
}
const undocumentedMembers = (entry: string, which: RegExp): readonly string[] => {
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, entry))!)!
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = targetOf(exported)
    const isOurs = symbol.declarations?.[0]?.getSourceFile().fileName.includes("node_modules") === false
    if (!which.test(exported.name) || !isOurs || !(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return []
    return [...(symbol.members?.values() ?? [])].flatMap((member) =>
      isPublic(member) && member.getDocumentationComment(checker).length === 0 ? [`${exported.name}.${member.name}`] : []
    )
  })
}

describe("exports are documented", () => {
  it("looks at every package and plugin", () => {
    expect(entries.length).toBeGreaterThanOrEqual(13)
  })
  it.each(entries)("%s", (entry) => {
    expect(undocumented(entry)).toEqual([])
  })
  it.each(Object.entries(WHOLE))("%s: members", (entry, which) => {
    expect(undocumentedMembers(entry, which)).toEqual([])
  })
})
