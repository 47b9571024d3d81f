/** Macros and repetitions: their bodies are statements, in which the names of parameters are replaced by text. */
import type { Cursor, Statement } from "./cursor.ts"

interface Parameter {
  readonly name: string
  readonly byDefault: string | undefined
  readonly kind: "optional" | "required" | "rest"
}
export interface Macro {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: readonly Statement[]
}

const NAME = /[A-Za-z_$][\w$]*/y
/** Arguments that double would grow without end. */
const MAXIMUM_STATEMENT = 65536

/** Reads what follows `.macro`: the name and the parameters. */
export const readMacroHead = (cursor: Cursor): Omit<Macro, "body"> => {
  const name = cursor.match(/[A-Za-z_.$][\w.$]*/y)?.[0] ?? ""
  const parameters: Parameter[] = []
  if (name === "") cursor.fail(`expected the name of the macro${cursor.found()}`)
  cursor.take(",")
  while (!cursor.done) {
    const parameter = cursor.match(NAME)?.[0]
    if (parameter === undefined) {
      cursor.fail(`expected the name of a parameter${cursor.found()}`)
      break
    }
    if (parameters.some(({ name: other }) => other === parameter)) cursor.fail(`parameter '${parameter}' is there twice`)
    const qualifier = cursor.match(/:\s*(req|vararg)(?!\w)/y)?.[1]
    const byDefault = cursor.take("=")
      ? cursor.peek() === '"'
        ? unquoted(cursor.match(QUOTED)?.[0] ?? "")
        : cursor.match(/[^\s,]*/y)![0]
      : undefined
    parameters.push({ name: parameter, byDefault, kind: qualifier === "req" ? "required" : qualifier === "vararg" ? "rest" : "optional" })
    cursor.take(",")
  }
  return { name, parameters }
}

const QUOTED = /"(?:[^"\\]|\\.)*"/y
const unquoted = (text: string): string => (/^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(["\\])/g, "$1") : text)

/** Text taken apart at commas outside of quotes and brackets; at white space too, if `atSpace`. */
export const splitArguments = (text: string, atSpace: boolean): string[] => {
  const pieces: string[] = []
  let depth = 0
  let from = 0
  const cut = (at: number, next: number): void => {
    pieces.push(text.slice(from, at).trim())
    from = next
  }
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (character === '"') {
      QUOTED.lastIndex = i
      i += Math.max(1, QUOTED.exec(text)?.[0].length ?? text.length) - 1
    } else if ("([{".includes(character)) depth++
    else if (")]}".includes(character)) depth--
    else if (depth <= 0 && character === ",") cut(i, i + 1)
    else if (depth <= 0 && atSpace && /\s/.test(character)) {
      const end = i + /^\s+/.exec(text.slice(i))![0].length
      if (text[end] !== "," && text.slice(from, i).trim() !== "") cut(i, end)
      i = end - 1
    }
  }
  cut(text.length, text.length)
  return pieces.length === 1 && pieces[0] === "" ? [] : pieces
}

/** The text of each parameter in a call. A string says what is wrong with the call. */
const bind = ({ name, parameters }: Macro, text: string): ReadonlyMap<string, string> | string => {
  const commas = splitArguments(text, false)
  const pieces = commas.length === 1 && parameters.length > 1 ? splitArguments(text, true) : commas
  const bound = new Map<string, string>()
  let position = 0
  for (const [index, piece] of pieces.entries()) {
    const keyword = /^([A-Za-z_$][\w$]*)\s*=(?!=)\s*(.*)$/s.exec(piece)
    const named = keyword && parameters.find((parameter) => parameter.name === keyword[1])
    if (named) {
      bound.set(named.name, unquoted(keyword[2]!))
      continue
    }
    const parameter = parameters[position++]
    if (!parameter) return `macro '${name}' takes ${parameters.length} arguments`
    if (parameter.kind === "rest") {
      bound.set(parameter.name, pieces.slice(index).join(", "))
      break
    }
    if (piece !== "") bound.set(parameter.name, unquoted(piece))
  }
  for (const { name: parameter, byDefault, kind } of parameters) {
    if (bound.has(parameter)) continue
    if (kind === "required") return `macro '${name}' needs '${parameter}'`
    bound.set(parameter, byDefault ?? "")
  }
  return bound
}

/** A statement with `\name` replaced, `\@` by the number of the call and `\()` by nothing. */
const replace = (text: string, bound: ReadonlyMap<string, string>, call: number): string => {
  let length = text.length
  const replaced = text.replace(/\\(?:\(\)|@|([A-Za-z_$][\w$]*))/g, (whole, name: string | undefined) => {
    const by = name === undefined ? (whole === "\\@" ? String(call) : "") : (bound.get(name) ?? whole)
    length += by.length
    return length > MAXIMUM_STATEMENT ? "" : by
  })
  return length > MAXIMUM_STATEMENT ? `.error "a statement has at most ${MAXIMUM_STATEMENT} characters"` : replaced.trim()
}

function* expand(
  body: readonly Statement[],
  bound: ReadonlyMap<string, string>,
  caller: Statement | undefined,
  name: string,
  call: number
): Generator<Statement, void> {
  for (const statement of body) {
    const text = replace(statement.text, bound, call)
    if (text === "") continue
    yield caller ? { ...caller, text, within: [...caller.within, name] } : { ...statement, text }
  }
}

/** The statements of a call; a string says what is wrong with it. `call` is its number. */
export const expandMacro = (macro: Macro, args: string, caller: Statement, call: number): Generator<Statement, void> | string => {
  const bound = bind(macro, args)
  return typeof bound === "string" ? bound : expand(macro.body, bound, caller, macro.name, call)
}
/** A body once for each text, which stands for `parameter` in it. */
export function* repeat(body: readonly Statement[], parameter: string, texts: Iterable<string>): Generator<Statement, void> {
  for (const text of texts) yield* expand(body, new Map([[parameter, unquoted(text)]]), undefined, "", 0)
}
export function* times(body: readonly Statement[], count: number): Generator<Statement, void> {
  for (let i = 0; i < count; i++) yield* body
}
