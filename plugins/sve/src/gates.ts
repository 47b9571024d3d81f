/** Gates of SVE instructions and of ZCR_ELx. In streaming mode SME's controls stand for SVE's. */
import { type Gate, SMTC, smeAccess } from "@eltwo/isa"

const STREAMING_ENABLES = ["sme", "fp"]

export const gates: readonly Gate[] = [
  {
    access: "SVE",
    variants: [
      {
        streaming: true,
        having: "SME",
        controls: STREAMING_ENABLES,
        checks: [{ needs: "legalInStreaming", syndrome: smeAccess(SMTC.streaming) }]
      },
      // A processor with SME alone has these instructions in streaming mode only.
      { having: "SME", lacking: "SVE", controls: STREAMING_ENABLES, checks: [{ needs: "SM", syndrome: smeAccess(SMTC.notStreaming) }] },
      { having: "SVE", controls: ["sve", "fp"] }
    ]
  },
  { access: "ZCR", variants: [{ having: "SVE", controls: ["sve"] }] }
]
