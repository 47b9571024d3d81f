/** Quantities as users write them. */

/** "64M", "1G", "65536K" or bytes. Undefined when it is none of these. */
export const parseSize = (text: string): number | undefined => {
  const match = /^(\d{1,12})([kKmMgG])?(?:i?[bB])?$/.exec(text)
  return match === null ? undefined : Number(match[1]) * 2 ** ({ k: 10, m: 20, g: 30 }[match[2]?.toLowerCase() ?? ""] ?? 0)
}
/** "5s", "200ms", "1m" or seconds; gives milliseconds. Undefined when it is none of these. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text)
  return match === null ? undefined : Number(match[1]) * ({ ms: 1, s: 1000, m: 60_000 }[match[2] ?? "s"] ?? 1000)
}
/** "1000000", "1e6", "20M" (10^6); a count of instructions. Undefined when it is none of these. */
export const parseCount = (text: string): number | undefined => {
  const match = /^(\d{1,15})(?:e(\d{1,2})|([kKmMgGtT]))?$/.exec(text)
  if (match === null) return undefined
  const exponent = match[2] !== undefined ? Number(match[2]) : ({ k: 3, m: 6, g: 9, t: 12 }[match[3]?.toLowerCase() ?? ""] ?? 0)
  const count = Number(match[1]) * 10 ** exponent
  return Number.isSafeInteger(count) ? count : undefined
}
