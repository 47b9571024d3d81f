import type { FpEnvironment } from "./environment.ts"
import { type FormatName, formats } from "./format.ts"
import { FloatSums } from "./sums.ts"

/**
 * The arithmetic of one format in one environment, exact in every FPCR mode: results, NaN payloads and FPSR exceptions. Bit patterns go in and out
 * as unsigned bigints of the format's width. Exceptions accumulate in `environment.flags`.
 */
export class Soft extends FloatSums {
  constructor(format: FormatName, environment: FpEnvironment) {
    super(formats[format], environment)
  }
}
