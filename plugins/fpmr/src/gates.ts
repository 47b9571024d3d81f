/** The gate of Advanced SIMD instructions that read FPMR: without its enables they are UNDEFINED, before anything else is checked. */
import { type Gate, SMTC, smeAccess } from "@eltwo/isa"
import { enables } from "./registers.ts"

const before = enables.map((enable) => ({ ...enable, ec: 0 }))

export const gates: readonly Gate[] = [
  {
    access: "FPMR+SIMD",
    variants: [
      {
        having: "FPMR",
        streaming: true,
        before,
        controls: ["fp"],
        checks: [{ needs: "legalInStreaming", syndrome: smeAccess(SMTC.streaming) }]
      },
      { having: "FPMR", before, controls: ["fp"] }
    ]
  }
]
