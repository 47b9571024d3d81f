/** What is made when it is first asked for, and then kept: a machine starts without what it does not need. */
export const once = <T extends NonNullable<unknown>>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => (made ??= make())
}
