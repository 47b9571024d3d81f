/** The frame of a WebAssembly module around function bodies. */
import type { Emitter } from "./emitter.ts"
import { OP } from "./opcodes.ts"
import { Writer } from "./writer.ts"

export interface Signature {
  readonly parameters: readonly number[]
  readonly results: readonly number[]
}
export interface Import {
  readonly name: string
  readonly signature: Signature
}
export interface FunctionBody {
  readonly signature: Signature
  /** Name it is exported by. */
  readonly name: string
  /** Declarations of locals and instructions, without the closing `end`. */
  readonly code: Writer
}
/** Pages the imported memory has: it never grows. */
export interface MemoryLimits {
  readonly pages: number
}
/** Name under which modules import functions and memory. */
export const HOST = "e"
const MEMORY = "m"
enum Section {
  type = 1,
  import = 2,
  function = 3,
  export = 7,
  code = 10
}
const same = (x: Signature, y: Signature): boolean => `${x.parameters}|${x.results}` === `${y.parameters}|${y.results}`

const section = (out: Writer, id: Section, body: Writer): void => {
  out.byte(id)
  out.unsigned(body.length)
  out.append(body)
}
export const encodeModule = (imports: readonly Import[], functions: readonly FunctionBody[], memory?: MemoryLimits): Uint8Array => {
  const signatures: Signature[] = []
  const typeOf = (signature: Signature): number => {
    const known = signatures.findIndex((s) => same(s, signature))
    return known >= 0 ? known : signatures.push(signature) - 1
  }
  const importSection = new Writer(256)
  importSection.unsigned(imports.length + (memory ? 1 : 0))
  for (const { name, signature } of imports) {
    importSection.text(HOST)
    importSection.text(name)
    importSection.byte(0)
    importSection.unsigned(typeOf(signature))
  }
  if (memory) {
    importSection.text(HOST)
    importSection.text(MEMORY)
    importSection.raw([2, 1])
    importSection.unsigned(memory.pages)
    importSection.unsigned(memory.pages)
  }
  const functionSection = new Writer(64)
  const exportSection = new Writer(64)
  const codeSection = new Writer(functions.reduce((sum, f) => sum + f.code.length + 8, 8))
  for (const part of [functionSection, exportSection, codeSection]) part.unsigned(functions.length)
  functions.forEach(({ name, signature, code }, i) => {
    functionSection.unsigned(typeOf(signature))
    exportSection.text(name)
    exportSection.byte(0)
    exportSection.unsigned(imports.length + i)
    codeSection.unsigned(code.length + 1)
    codeSection.append(code)
    codeSection.byte(OP.end)
  })
  const typeSection = new Writer(128)
  typeSection.unsigned(signatures.length)
  for (const { parameters, results } of signatures) {
    typeSection.byte(0x60)
    typeSection.unsigned(parameters.length)
    typeSection.raw(parameters)
    typeSection.unsigned(results.length)
    typeSection.raw(results)
  }
  const out = new Writer(codeSection.length + 1024)
  out.raw([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  section(out, Section.type, typeSection)
  section(out, Section.import, importSection)
  section(out, Section.function, functionSection)
  section(out, Section.export, exportSection)
  section(out, Section.code, codeSection)
  return out.take()
}

/** Declarations of an emitter's locals. */
export const localDeclarations = (locals: readonly number[]): Writer => {
  const runs: [count: number, type: number][] = []
  for (const type of locals) {
    const last = runs[runs.length - 1]
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  const out = new Writer(2 * runs.length + 4)
  out.unsigned(runs.length)
  for (const [count, type] of runs) {
    out.unsigned(count)
    out.byte(type)
  }
  return out
}
/** A function whose code is what one emitter wrote. */
export const functionBody = (name: string, signature: Signature, emitter: Emitter): FunctionBody => {
  const code = localDeclarations(emitter.locals)
  code.append(emitter.code)
  return { name, signature, code }
}
