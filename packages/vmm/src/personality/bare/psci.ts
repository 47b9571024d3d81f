/** Power State Coordination Interface 1.1 for a machine with one processing element: what firmware answers to SMC or HVC. */

/** What a call comes to. */
export type PsciResult =
  | { readonly kind: "return"; readonly value: bigint }
  /** The caller waits for an interrupt, then gets SUCCESS. */
  | { readonly kind: "suspend" }
  | { readonly kind: "off" }
  | { readonly kind: "reset" }

const FUNCTION = {
  VERSION: 0x8400_0000,
  CPU_SUSPEND: 0x8400_0001,
  CPU_OFF: 0x8400_0002,
  CPU_ON: 0x8400_0003,
  AFFINITY_INFO: 0x8400_0004,
  MIGRATE_INFO_TYPE: 0x8400_0006,
  SYSTEM_OFF: 0x8400_0008,
  SYSTEM_RESET: 0x8400_0009,
  FEATURES: 0x8400_000a
} as const
const KNOWN: ReadonlySet<number> = new Set(Object.values(FUNCTION))
/** Functions with an SMC64 form besides. */
const WIDE: ReadonlySet<number> = new Set([FUNCTION.CPU_SUSPEND, FUNCTION.CPU_ON, FUNCTION.AFFINITY_INFO])
const SMC64 = 0x4000_0000

const SUCCESS = 0n
const NOT_SUPPORTED = -1n
const INVALID_PARAMETERS = -2n
const ALREADY_ON = -4n
const VERSION_1_1 = 0x1_0001n
const MIGRATION_NOT_NEEDED = 2n
const AFFINITY_ON = 0n
/** MPIDR_EL1.{Aff3,Aff2,Aff1,Aff0} */
const AFFINITY_FIELDS = 0xff_00ff_ffffn

const returns = (value: bigint): PsciResult => ({ kind: "return", value: BigInt.asUintN(64, value) })
/** The function without the bit that says SMC64; undefined when there is no such function. */
const functionOf = (identifier: number): number | undefined => {
  const wide = (identifier & SMC64) !== 0
  const plain = (identifier & ~SMC64) >>> 0
  return KNOWN.has(plain) && (!wide || WIDE.has(plain)) ? plain : undefined
}

/** Answers a call: `registers` are X0 to X3. */
export const psciCall = ([identifier, first]: readonly [bigint, bigint, bigint, bigint]): PsciResult => {
  switch (functionOf(Number(BigInt.asUintN(32, identifier)))) {
    case FUNCTION.VERSION:
      return returns(VERSION_1_1)
    case FUNCTION.CPU_SUSPEND:
      return { kind: "suspend" }
    // The only processing element of the machine does not come back.
    case FUNCTION.CPU_OFF:
    case FUNCTION.SYSTEM_OFF:
      return { kind: "off" }
    case FUNCTION.SYSTEM_RESET:
      return { kind: "reset" }
    case FUNCTION.CPU_ON:
      return returns((first & AFFINITY_FIELDS) === 0n ? ALREADY_ON : INVALID_PARAMETERS)
    case FUNCTION.AFFINITY_INFO:
      return returns((first & AFFINITY_FIELDS) === 0n ? AFFINITY_ON : INVALID_PARAMETERS)
    case FUNCTION.MIGRATE_INFO_TYPE:
      return returns(MIGRATION_NOT_NEEDED)
    case FUNCTION.FEATURES:
      return returns(functionOf(Number(BigInt.asUintN(32, first))) === undefined ? NOT_SUPPORTED : SUCCESS)
    default:
      return returns(NOT_SUPPORTED)
  }
}
