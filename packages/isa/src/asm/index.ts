export {
  type AssembledSection,
  type AssembledSymbol,
  type AssembleOptions,
  type AssembleResult,
  type Assembly,
  assemble,
  assembleLines
} from "./assembler.ts"
export type { AsmProblem } from "./cursor.ts"
export { toElf, toFlat } from "./elf.ts"
export type { ReadableTable } from "./instruction-reader.ts"
export type { AssembledSegment } from "./layout.ts"
export type { AssembleLimits } from "./program.ts"
