/** Gates of the access classes FP and SIMD. */
import { type Gate, SMTC, smeAccess } from "@eltwo/isa"

export const gates: readonly Gate[] = [
  { access: "FP", variants: [{ controls: ["fp"] }] },
  {
    access: "SIMD",
    variants: [
      { streaming: true, controls: ["fp"], checks: [{ needs: "legalInStreaming", syndrome: smeAccess(SMTC.streaming) }] },
      { streaming: false, controls: ["fp"] }
    ]
  }
]
