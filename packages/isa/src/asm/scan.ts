/** A source text taken apart into statements: lines and semicolons part them, comments are gone. */
import type { Statement } from "./cursor.ts"

/** Strings and characters, in which nothing is a comment; comments; what ends a statement. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|'(?:\\.|[^\n])'?|^[ \t]*#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|\/\*[\s\S]*|[;\n]/gm
const OUTERMOST: readonly string[] = []

/** The statements of a source, in order; empty ones are left out. */
export function* statementsOf(source: string): Generator<Statement, void> {
  const text = source.replaceAll("\r\n", "\n")
  /** Number of the current line, and where it starts. */
  let line = 1
  let lineStart = 0
  /** The statement so far, and where it began. */
  let pending = ""
  let startLine = 1
  let startColumn = 1
  /** Everything before this index is dealt with. */
  let done = 0

  const append = (to: number): void => {
    const piece = text.slice(done, to)
    if (pending !== "") {
      pending += piece
      return
    }
    pending = piece.trimStart()
    startLine = line
    startColumn = done + piece.length - pending.length - lineStart + 1
  }
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0]
    const end = match.index + token.length
    const ends = token === "\n" || token === ";"
    const isComment = !ends && token[0] !== '"' && token[0] !== "'"
    append(isComment || ends ? match.index : end)
    if (isComment && pending !== "") pending += " "
    if (ends) {
      if (pending !== "") yield { text: pending.trimEnd(), line: startLine, column: startColumn, within: OUTERMOST }
      pending = ""
    }
    if (isComment || ends)
      for (let newline = token.indexOf("\n"); newline >= 0; newline = token.indexOf("\n", newline + 1)) {
        line++
        lineStart = match.index + newline + 1
      }
    done = end
  }
  append(text.length)
  if (pending !== "") yield { text: pending.trimEnd(), line: startLine, column: startColumn, within: OUTERMOST }
}
