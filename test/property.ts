/** How properties over random values are checked: the values are the same on each run, so that what fails once fails always. */
import fc from "fast-check"

/** PROPERTY_SEED chooses other values than usual, for all properties: a number, or "random" for others each time. Undefined: the usual ones. */
const asked = ((text: string | undefined): number | undefined => {
  if (text === undefined || text === "") return undefined
  if (text === "random") return (Math.random() * 2 ** 31) | 0
  if (!/^-?\d{1,10}$/.test(text)) throw new RangeError(`PROPERTY_SEED is a number or "random", not '${text}'`)
  return Number(text) | 0
})(process.env["PROPERTY_SEED"])

/** Parameters of fc.assert for so many runs. The first failure is reported as it came, with the seed that repeats it. */
export const runs = <T>(numRuns: number, usual = 20): fc.Parameters<T> => {
  const seed = asked ?? usual
  return {
    numRuns,
    seed,
    endOnFailure: true,
    reporter: (details) => {
      if (!details.failed) return
      const repeat = asked === undefined ? "The same values come each time." : `PROPERTY_SEED=${seed} repeats it.`
      throw new Error(`${fc.defaultReportMessage(details)}\n\n${repeat} PROPERTY_SEED=random tries others.`, { cause: details.errorInstance })
    }
  }
}
