import { defineMode } from "@eltwo/kvm"
import { expect } from "vitest"
import { guest, host, hvhe, scenario } from "./scenario.ts"

export default scenario("H5", "hVHE that writes the classic trap word closes FP to its own hyp code: detected as a panic", () => {
  const wrong = defineMode({ ...hvhe, name: "wrong", trapSpelling: "classic" })
  const started = guest(host(wrong), "main: openfp\nfmov d0, #1.0\nb .").run(1000, 3)
  expect(started.end).toMatch(/^(HypPanic|HostOops): /)
})
