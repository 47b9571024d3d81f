/** The help of a command as it is printed: that of @effect/cli, without what every option says of itself and on fewer lines. */

// ESC begins the sequences that set colours.
const COLOUR = `${String.fromCharCode(27)}\\[[0-9;]*m`
const SEQUENCE = new RegExp(COLOUR, "g")
/** Without colours. */
export const plain = (text: string): string => text.replace(SEQUENCE, "")

const NOISE =
  /^ *(A user-defined piece of text\.|This setting is optional\.|A true or false value\.|This option may be (set to|repeated) .*|This argument must be .*) *$/
/** "$ run [--cpu MODEL] ... <guest>" as "eltwo run [OPTIONS] <guest>". */
const usage = (line: string, command: string): string => {
  const places = plain(line).match(/<[\w-]+>(\.\.\.)?/g) ?? []
  return `eltwo ${command}${/ (\[|\(|)-/.test(plain(line)) ? " [OPTIONS]" : ""}${places.map((place) => ` ${place}`).join("")}`
}
/** Verbs of a command with one line each; @effect/cli also gives all their options and examples. */
const verbs = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => {
    const [, name = "", summary = ""] = /^ +- (\w+) .*? {2,}(\S.*)$/.exec(plain(line)) ?? []
    return name === "" ? [] : [`  ${name.padEnd(8)}  ${summary}`]
  })
export const helpText = (text: string, command: string): string => {
  const lines = text.split("\n").filter((line) => !NOISE.test(plain(line)))
  const start = lines.findIndex((line) => plain(line) === "USAGE")
  const own = lines.slice(Math.max(0, start)).map((line) => (plain(line).startsWith("$ ") ? usage(line, command) : line))
  const list = own.findIndex((line) => plain(line) === "COMMANDS")
  const shown = list < 0 ? own : [...own.slice(0, list + 2), ...verbs(own.slice(list))]
  return (
    shown
      .join("\n")
      .replace(/\n{3,}/g, "\n\n")
      // an option or argument with what it means under it
      .replace(new RegExp(`\n\n((?:${COLOUR})*[(<-][^\n]*)\n\n(?= {2})`, "g"), "\n\n$1\n")
      .trimEnd()
  )
}
