/** The assembly line of a declaration, compiled: printed from field values and read back into them. */
import type { FieldValues, Instruction } from "./instruction.ts"
import { type Operand, type Place, skipSpace } from "./operand/operand.ts"
import { general, register, sized } from "./operand/registers.ts"

/** A line is a chain of nodes. The nodes of a group lead on to what follows the group. */
type Node =
  | { readonly kind: "end" }
  | { readonly kind: "literal"; readonly text: string; readonly next: Node }
  | { readonly kind: "operand"; readonly operand: AnyOperand; readonly next: Node }
  | { readonly kind: "group"; readonly inside: Node; readonly defaults: FieldValues | undefined; readonly next: Node }
/** The fields an operand reads are checked where it is declared; here it meets the fields of its own instruction. */
type AnyOperand = Operand<FieldValues>

export interface Template {
  /** Compiled when it is first asked for: most lines of a machine are never read or printed. */
  readonly line: Node
  /** The line up to its first space. */
  readonly head: Node
  /** What every text of it begins with, in lower case: letters, digits and dots before the first operand or group. */
  readonly beginning: string
  /** Field values the line stands for without showing them. */
  readonly fixed: FieldValues
  readonly prefers: (fields: FieldValues) => boolean
}

/**
 * Registers need no declaration: <Xd> and <Wd> are field Rd; <Rd> is X or W by field sf; <Vd> <Bd> <Hd> <Sd> <Dd> <Qd> are field Rd;
 * <Zd> and <Pg> are fields of that name; |SP makes 31 the stack pointer.
 */
const implied = (instruction: Instruction, name: string): AnyOperand | undefined => {
  const match = /^([A-Z])([a-z]\w*?)(\|SP)?$/.exec(name)
  if (!match) return undefined
  const letter = match[1]!
  const field = "ZP".includes(letter) ? letter + match[2]! : `R${match[2]!}`
  const stackPointer = match[3] !== undefined
  if (!instruction.fields.some((known) => known.name === field)) return undefined
  if (letter === "R") return sized(field, "sf", stackPointer)
  if (letter === "X") return general(64, field, stackPointer)
  if (letter === "W") return general(32, field, stackPointer)
  return "VBHSDQZP".includes(letter) ? register(letter.toLowerCase(), field) : undefined
}

/** What a line consists of, before it is chained. */
type Item =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "operand"; readonly operand: AnyOperand }
  | { readonly kind: "group"; readonly items: readonly Item[] }

const parse = (instruction: Instruction, text: string): readonly Item[] => {
  const operands = instruction.declaration.operands ?? {}
  let at = 0
  const items = (inGroup: boolean): Item[] => {
    const out: Item[] = []
    while (at < text.length) {
      const character = text[at]!
      if (inGroup && text.startsWith(")?", at)) {
        at += 2
        return out
      }
      if (character === "<") {
        const close = text.indexOf(">", at)
        const name = text.slice(at + 1, close)
        const operand = operands[name] ?? implied(instruction, name)
        if (close < 0 || !operand) throw new Error(`${instruction.name}: no operand <${name}>`)
        out.push({ kind: "operand", operand })
        at = close + 1
      } else if (character === "(") {
        at++
        out.push({ kind: "group", items: items(true) })
      } else {
        out.push({ kind: "literal", text: character })
        at++
      }
    }
    if (inGroup) throw new Error(`${instruction.name}: group without ')?' in '${text}'`)
    return out
  }
  return items(false)
}

/** Defaults of all operands of a group; `undefined` when one has none, so that the group is never left out. */
const defaultsOf = (items: readonly Item[]): FieldValues | undefined => {
  let all: FieldValues = {}
  for (const item of items) {
    if (item.kind !== "operand") continue
    if (!item.operand.byDefault) return undefined
    all = { ...all, ...(item.operand.byDefault as FieldValues) }
  }
  return all
}
const chain = (items: readonly Item[], end: Node): Node =>
  items.reduceRight<Node>((next, item) => {
    if (item.kind === "group") return { kind: "group", inside: chain(item.items, next), defaults: defaultsOf(item.items), next }
    return { ...item, next }
  }, end)

const compile = (instruction: Instruction, text: string): Node => chain(parse(instruction, text), { kind: "end" })

/** Up to the first space that is not in a group. */
const firstWord = (text: string): string => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === " " && depth === 0) return text.slice(0, at)
    if (text[at] === "(") depth++
    else if (text.startsWith(")?", at)) depth--
  }
  return text
}
const always = () => true
const templateOf = (instruction: Instruction, text: string, fixed: FieldValues, prefers: Template["prefers"]): Template => {
  let line: Node | undefined
  return {
    get line() {
      return (line ??= compile(instruction, text))
    },
    get head() {
      return compile(instruction, firstWord(text))
    },
    beginning: /^[\w.]*/.exec(text)![0].toLowerCase(),
    fixed,
    prefers
  }
}
const compileAll = (instruction: Instruction): readonly Template[] => {
  const { assembly, aliases = [] } = instruction.declaration
  return [
    ...aliases.map(({ text, fields, prefer }) =>
      templateOf(instruction, text, { ...fields } as FieldValues, typeof prefer === "function" ? prefer : prefer === false ? () => false : always)
    ),
    templateOf(instruction, assembly, {}, always)
  ]
}
const compiled = new WeakMap<Instruction, readonly Template[]>()
/** The lines of an instruction, aliases first. `line` and `head` throw when they name an operand that is not declared. */
export const templatesOf = (instruction: Instruction): readonly Template[] => {
  let templates = compiled.get(instruction)
  if (!templates) compiled.set(instruction, (templates = compileAll(instruction)))
  return templates
}

const holds = (fixed: FieldValues, fields: FieldValues): boolean => {
  for (const name in fixed) if (fields[name] !== fixed[name]) return false
  return true
}
/** The line with these field values; `undefined` when it cannot show them. Does not ask whether the line is preferred. */
export const print = (template: Template, fields: FieldValues, place: Place): string | undefined => {
  if (!holds(template.fixed, fields)) return undefined
  let out = ""
  let node = template.line
  for (;;) {
    switch (node.kind) {
      case "end":
        return out
      case "literal":
        out += node.text
        node = node.next
        break
      case "operand": {
        const text = node.operand.print(fields, place)
        if (text === undefined) return undefined
        out += text
        node = node.next
        break
      }
      case "group":
        node = node.defaults && holds(node.defaults, fields) ? node.next : node.inside
    }
  }
}

const merge = (known: FieldValues, more: Readonly<Record<string, number>>): FieldValues | undefined => {
  for (const name in more) if (known[name] !== undefined && known[name] !== more[name]) return undefined
  return { ...known, ...more }
}
/** Index after a literal character, or -1. `#` may be missing; white space may stand before punctuation. */
const readLiteral = (literal: string, text: string, at: number): number => {
  if (literal === " ") return skipSpace(text, at)
  const from = /[\w.]/.test(literal) ? at : skipSpace(text, at)
  if (text[from] === literal.toLowerCase()) return from + 1
  return literal === "#" ? from : -1
}
/** Reads text in lower case against the line; `accept` judges the fields of each way to read it until one is accepted. */
export const read = <Result>(
  template: Template,
  text: string,
  place: Place,
  accept: (fields: FieldValues) => Result | undefined
): Result | undefined => {
  const from = (node: Node, at: number, fields: FieldValues): Result | undefined => {
    switch (node.kind) {
      case "end":
        return skipSpace(text, at) === text.length ? accept(fields) : undefined
      case "literal": {
        const next = readLiteral(node.text, text, at)
        return next < 0 ? undefined : from(node.next, next, fields)
      }
      case "operand":
        for (const candidate of node.operand.read(text, skipSpace(text, at), fields, place)) {
          const merged = merge(fields, candidate.fields)
          const result = merged && from(node.next, candidate.end, merged)
          if (result !== undefined) return result
        }
        return undefined
      case "group": {
        const present = from(node.inside, at, fields)
        if (present !== undefined) return present
        const merged = merge(fields, node.defaults ?? {})
        return merged && from(node.next, at, merged)
      }
    }
  }
  return from(template.line, 0, template.fixed)
}

/** All words the line can begin with; `undefined` when one of the operands there does not list its spellings. */
export const mnemonicsOf = (template: Template): readonly string[] | undefined => {
  const from = (node: Node): readonly string[] | undefined => {
    switch (node.kind) {
      case "end":
        return [""]
      case "literal":
        return node.text === " " ? [""] : from(node.next)?.map((rest) => node.text + rest)
      case "operand": {
        const rest = from(node.next)
        const heads = node.operand.spellings?.filter((word) => word !== "-")
        return rest && heads?.flatMap((head) => (head.includes(" ") ? [head.slice(0, head.indexOf(" "))] : rest.map((tail) => head + tail)))
      }
      case "group": {
        const inside = from(node.inside)
        const next = from(node.next)
        return inside && next && [...inside, ...next]
      }
    }
  }
  return from(template.head)?.map((word) => word.toLowerCase())
}
