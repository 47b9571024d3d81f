/** Errors as the user sees them: once, on standard error, as text or as {"error": {...}}. */
import type { VmmError } from "@eltwo/vmm"

export interface Report {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly [field: string]: unknown
}
/** A command line that cannot be read. */
export const usageReport = (message: string): Report => ({
  code: "USAGE",
  message,
  hint: "`eltwo COMMAND --help` tells how, `eltwo --help` lists the commands."
})
/** A defect: nothing a user gives should cause one. */
export const internalReport = (error: unknown): Report => ({
  code: "INTERNAL",
  message: error instanceof Error ? error.message : String(error),
  hint: "This is a defect of eltwo: please report it with the command line and this output.",
  stack: error instanceof Error ? error.stack : undefined
})

/** What commands take without a flag. */
const ARGUMENTS = ["guest", "file", "section", "source", "what"]
/** "maxInsns" as the flag a user types; "signal[1]" keeps its place. */
const flagOf = (option: string): string =>
  ARGUMENTS.includes(option)
    ? `<${option}>`
    : option.startsWith("args")
      ? "ARGS"
      : `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/\[\d+\]$/, "")}`

export const reportOf = (error: VmmError): Report => {
  const { _tag: _, name: __, stack: ___, ...fields } = error as unknown as Record<string, unknown>
  if (error._tag !== "OptionError") return { code: error.code, message: error.message, hint: error.hint, ...fields }
  const problems = error.problems.map(({ option, message }) => ({ option: flagOf(option), message }))
  return { code: error.code, message: problems.map(({ option, message }) => `${option}: ${message}`).join("; "), hint: error.hint, problems }
}

/** Lines of an error as text; lists of problems one per line. */
const textOf = ({ code, message, hint, problems, stack }: Report): string => {
  const lines = Array.isArray(problems) && problems.length > 1 ? problems.map((problem) => `  ${lineOf(problem)}`) : []
  const head = lines.length === 0 ? message : `${lines.length} problems`
  return [`eltwo: ${head} (${code})`, ...lines, ...(typeof stack === "string" ? [stack] : []), `  ${hint}`, ""].join("\n")
}
const lineOf = (problem: unknown): string => {
  if (typeof problem === "string") return problem
  const { option, plugin, message } = problem as { option?: string; plugin?: string; message: string }
  return `${option ?? plugin}: ${message}`
}
export const renderReport = (report: Report, json: boolean): string => (json ? `${JSON.stringify({ error: report })}\n` : textOf(report))
