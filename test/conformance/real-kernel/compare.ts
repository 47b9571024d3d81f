/** Lines of the real kernel and of eltwo: stored by group, compared line by line, apart from differences that are explained. */
import { DIFFERENCES, type Difference } from "./differences.ts"

/** What was recorded: of each group of lines, the modes (joined by commas) that gave it. */
export interface Recorded {
  readonly kernel: string
  readonly groups: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}
/** "guest NAME" for a guest's lines, the first word for others. */
const groupOf = (line: string): string => /^(guest \S+|[^ :]+)/.exec(line)![1]!
const grouped = (lines: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const groups = new Map<string, string[]>()
  for (const line of lines) {
    const group = groupOf(line)
    const known = groups.get(group)
    if (known) known.push(line)
    else groups.set(group, [line])
  }
  return groups
}
export const record = (kernel: string, byMode: ReadonlyMap<string, readonly string[]>): Recorded => {
  const groups: Record<string, Record<string, readonly string[]>> = {}
  const modes = [...byMode].map(([name, lines]) => ({ name, groups: grouped(lines) }))
  for (const group of new Set(modes.flatMap((mode) => [...mode.groups.keys()]))) {
    const variants = new Map<string, { readonly names: string[]; readonly lines: readonly string[] }>()
    for (const mode of modes) {
      const lines = mode.groups.get(group) ?? []
      const key = lines.join("\n")
      const variant = variants.get(key)
      if (variant) variant.names.push(mode.name)
      else variants.set(key, { names: [mode.name], lines })
    }
    groups[group] = Object.fromEntries([...variants.values()].map(({ names, lines }) => [names.join(","), lines]))
  }
  return { kernel, groups }
}
/** The lines of one mode. */
export const recordedLines = ({ groups }: Recorded, mode: string): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(groups).map(([group, variants]) => [group, Object.entries(variants).find(([names]) => names.split(",").includes(mode))?.[1] ?? []])
  )

export interface Comparison {
  /** Lines that are in one of them only and that nothing explains: "-" the real kernel's, "+" eltwo's. */
  readonly unexplained: readonly string[]
  readonly explainedBy: ReadonlySet<Difference>
  readonly equalLines: number
}
export const compare = (mode: string, theirs: ReadonlyMap<string, readonly string[]>, ours: readonly string[]): Comparison => {
  const explainedBy = new Set<Difference>()
  const unexplained: string[] = []
  let equalLines = 0
  const here = grouped(ours)
  for (const [group, lines] of here) {
    const there = theirs.get(group) ?? []
    const rules = DIFFERENCES.filter(
      ({ lines: pattern, modes }) => (modes?.includes(mode) ?? true) && [...there, ...lines].some((line) => pattern.test(line))
    )
    const remaining = (all: readonly string[]): readonly string[] => all.filter((line) => !rules.some(({ lines: pattern }) => pattern.test(line)))
    if (there.join("\n") !== lines.join("\n"))
      for (const rule of rules)
        if (there.filter((line) => rule.lines.test(line)).join("\n") !== lines.filter((line) => rule.lines.test(line)).join("\n"))
          explainedBy.add(rule)
    const [a, b] = [remaining(there), remaining(lines)]
    if (a.join("\n") === b.join("\n")) {
      equalLines += a.length
      continue
    }
    const [inA, inB] = [new Set(a), new Set(b)]
    const only = [...a.filter((line) => !inB.has(line)).map((line) => `- ${line}`), ...b.filter((line) => !inA.has(line)).map((line) => `+ ${line}`)]
    unexplained.push(...(only.length > 0 ? only : [`! ${group}: the same lines in another order`]))
  }
  return { unexplained, explainedBy, equalLines }
}
