/** Each system register is named once: by the extension that declares it, or in the list of those that none declares. */
import { undeclaredRegisters } from "@eltwo/isa"
import { expect, it } from "vitest"
import { everyMachine } from "./groups.ts"

it("no declared register is listed as undeclared", () => {
  const twice = [...undeclaredRegisters()].filter(([, encoding]) => everyMachine.registerByEncoding.has(encoding)).map(([name]) => name)
  expect(twice, "remove them from system-register-names.ts").toEqual([])
})
it("every undeclared register has a name of its own", () => {
  expect(undeclaredRegisters().size).toBeGreaterThan(1000)
  expect(new Set(undeclaredRegisters().values()).size).toBe(undeclaredRegisters().size)
})
