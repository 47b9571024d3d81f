/** What is wrong with the words of a command line, said before they are read: @effect/cli takes options that it does not expect for arguments. */
import type { OptionForm } from "./options.ts"

/** "--mem=1G" as an option and its value; undefined for a word that is no option. */
const partsOf = (word: string): { readonly name: string; readonly value: string | undefined } | undefined => {
  const [, name, value] = /^(--?[a-zA-Z][\w-]*)(?:=(.*))?$/s.exec(word) ?? []
  return name === undefined ? undefined : { name, value }
}
const wanted = ({ name, value }: OptionForm): string => (value === undefined ? `--${name}` : `--${name} ${value}`)

/** The first option of a command's words that is unknown, without its value, with an empty one, or given twice; undefined when they are fine. */
export const optionProblem = (command: string, words: readonly string[], forms: readonly OptionForm[]): string | undefined => {
  const formOf = (name: string) => forms.find((form) => name === `--${form.name}` || name === `-${form.alias}`)
  const seen = new Set<OptionForm>()
  for (let i = 0; i < words.length; i++) {
    const parts = partsOf(words[i]!)
    if (parts === undefined) continue
    const form = formOf(parts.name)
    if (form === undefined) return `\`eltwo ${command}\` has no option ${parts.name}${nearest(parts.name, forms)}`
    if (seen.has(form) && !form.isRepeatable) return `--${form.name} is given twice`
    seen.add(form)
    if (form.value === undefined) continue
    const value = parts.value ?? words[++i]
    if (value === undefined || (parts.value === undefined && formOf(partsOf(value)?.name ?? "") !== undefined))
      return `--${form.name} lacks its value: ${wanted(form)}`
    if (value === "") return `--${form.name} has an empty value: ${wanted(form)}`
  }
  return undefined
}

/** Letters to change, add or leave out to make one word of the other. */
const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, with_] of [...other].entries()) next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === with_ ? 0 : 1)))
    row = next
  }
  return row.at(-1)!
}
/** A question after the option that may have been meant. */
const nearest = (word: string, forms: readonly OptionForm[]): string => {
  const [best] = forms.map(({ name }) => ({ name: `--${name}`, far: distance(word, `--${name}`) })).sort((a, b) => a.far - b.far)
  return best !== undefined && best.far <= 2 ? `; is it ${best.name}?` : ""
}
