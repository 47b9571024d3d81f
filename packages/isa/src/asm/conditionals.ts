/** `.if` and its kind: which statements are assembled. */
import type { Cursor } from "./cursor.ts"
import { splitArguments } from "./macros.ts"
import type { Program } from "./program.ts"
import type { Reader } from "./reader.ts"

/** Whether the condition of a directive holds. What is wrong with its operands is left in the cursor. */
type Condition = (program: Program, cursor: Cursor) => boolean

const compared =
  (holds: (value: bigint) => boolean): Condition =>
  (program, cursor) =>
    holds(program.numberNow(cursor))
const rest = (cursor: Cursor): string => {
  const text = cursor.text.slice(cursor.at)
  cursor.at = cursor.text.length
  return text.trim()
}
const defined =
  (wanted: boolean): Condition =>
  (program, cursor) =>
    (program.symbols.get(cursor.symbol())?.definition !== undefined) === wanted
const blank =
  (wanted: boolean): Condition =>
  (_program, cursor) =>
    (rest(cursor) === "") === wanted
/** `.ifc a, b`: equal text. */
const same =
  (wanted: boolean): Condition =>
  (_program, cursor) => {
    const [a = "", b = "", ...more] = splitArguments(rest(cursor), false)
    if (more.length > 0) cursor.fail("expected two texts")
    return (a === b) === wanted
  }
const conditions: ReadonlyMap<string, Condition> = new Map([
  [".if", compared((value) => value !== 0n)],
  [".ifne", compared((value) => value !== 0n)],
  [".ifeq", compared((value) => value === 0n)],
  [".ifgt", compared((value) => value > 0n)],
  [".ifge", compared((value) => value >= 0n)],
  [".iflt", compared((value) => value < 0n)],
  [".ifle", compared((value) => value <= 0n)],
  [".ifdef", defined(true)],
  [".ifndef", defined(false)],
  [".ifnotdef", defined(false)],
  [".ifb", blank(true)],
  [".ifnb", blank(false)],
  [".ifc", same(true)],
  [".ifnc", same(false)],
  [".ifeqs", same(true)],
  [".ifnes", same(false)]
])
const MAXIMUM_OPEN = 1000

/** Does the directive if it is a conditional; false when it is something else. `cursor` stands behind its name. */
export const doConditional = (directive: string, reader: Reader, program: Program, cursor: Cursor): boolean => {
  const { conditionals } = reader
  const innermost = conditionals.at(-1)
  const condition = conditions.get(directive)
  if (condition) {
    if (conditionals.length >= MAXIMUM_OPEN) {
      cursor.fail(`conditionals nest at most ${MAXIMUM_OPEN} levels`, 0)
      return true
    }
    const reached = reader.active
    const active = reached && condition(program, cursor)
    if (!reached) cursor.at = cursor.text.length
    conditionals.push({ active, taken: active || !reached, sawElse: false })
    return true
  }
  if (directive !== ".else" && directive !== ".elseif" && directive !== ".endif") return false
  if (!innermost) cursor.fail(`'${directive}' without '.if'`, 0)
  else if (directive === ".endif") conditionals.pop()
  else if (innermost.sawElse) cursor.fail(`'${directive}' after '.else'`, 0)
  else {
    innermost.sawElse = directive === ".else"
    innermost.active = !innermost.taken && (directive === ".else" || compared((value) => value !== 0n)(program, cursor))
    if (innermost.taken) cursor.at = cursor.text.length
    innermost.taken ||= innermost.active
  }
  return true
}
