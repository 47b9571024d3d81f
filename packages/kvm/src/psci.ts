/** PSCI 1.3 (and 0.1, 0.2) as KVM answers it. */
import type { Handled } from "./exit.ts"
import { SystemEvent } from "./run-exit.ts"
import { waitForInterrupt } from "./timer.ts"
import type { Vcpu } from "./vcpu.ts"

/** Versions of PSCI: major in bits 31:16. */
export const PSCI_VERSIONS = { v0_1: 0x1, v0_2: 0x2, v1_0: 0x10000, v1_1: 0x10001, v1_2: 0x10002, v1_3: 0x10003 } as const
/** Results of PSCI calls. */
export const PSCI = { SUCCESS: 0, NOT_SUPPORTED: -1, INVALID_PARAMS: -2, DENIED: -3, ALREADY_ON: -4, INTERNAL_FAILURE: -6 } as const

const BASE = 0x84000000
const WIDE = 0x40000000
/** The four functions of PSCI 0.1. */
const LEGACY_BASE = 0x95c1ba5e
export const isLegacyPsci = (id: number): boolean => id >= LEGACY_BASE && id < LEGACY_BASE + 4

/** Functions by name: bits 4:0 of the number. */
export const PSCI_FUNCTION = {
  VERSION: 0,
  CPU_SUSPEND: 1,
  CPU_OFF: 2,
  CPU_ON: 3,
  AFFINITY_INFO: 4,
  MIGRATE_INFO_TYPE: 6,
  SYSTEM_OFF: 8,
  SYSTEM_RESET: 9,
  FEATURES: 10,
  SYSTEM_SUSPEND: 14,
  SYSTEM_RESET2: 18,
  SYSTEM_OFF2: 21
} as const
const MULTIPROCESSOR = 2
const AFFINITY = 0xff00ffffffn
const LEVEL_MASKS = [0xff00ffffffn, 0xff00ffff00n, 0xff00ff0000n, 0xff00000000n] as const
const RESET2_VENDOR = 0x80000000n
/** Flags of data[0] of the system events of RESET2 and OFF2. */
const FLAGGED = 1n

/** Functions by number: the least version, and whether a 64-bit form exists. */
interface Declaration {
  readonly since: number
  readonly wide: boolean
  run(vcpu: Vcpu, wide: boolean): number | { readonly exit: Handled; readonly result?: number }
}
const argument = (vcpu: Vcpu, index: number, wide: boolean): bigint => (wide ? vcpu.registers.x[index]! : vcpu.registers.x[index]! & 0xffff_ffffn)

/** Stops every vCPU of the VM; X0 holds a failure in case user space resumes. */
const systemEvent = (vcpu: Vcpu, type: SystemEvent, flag = 0n) => {
  for (const other of vcpu.vm.vcpus) other?.setMpState("stopped")
  return { exit: { reason: "systemEvent", type, data: [flag] } as const, result: PSCI.INTERNAL_FAILURE }
}
const cpuOn = (vcpu: Vcpu, wide: boolean): number => {
  const mpidr = argument(vcpu, 1, wide)
  const target = mpidr & ~AFFINITY ? undefined : vcpu.vm.vcpus.find((v) => v && (v.mpidr & AFFINITY) === mpidr)
  if (!target) return PSCI.INVALID_PARAMS
  if (target.mpState !== "stopped") return vcpu.psciVersion === PSCI_VERSIONS.v0_1 ? PSCI.INVALID_PARAMS : PSCI.ALREADY_ON
  target.pendingReset = { pc: argument(vcpu, 2, wide), context: argument(vcpu, 3, wide) }
  target.setMpState("runnable")
  return PSCI.SUCCESS
}
const affinityInfo = (vcpu: Vcpu, wide: boolean): number => {
  const mask = LEVEL_MASKS[Number(argument(vcpu, 2, wide))]
  const affinity = argument(vcpu, 1, wide)
  if (mask === undefined || affinity & ~AFFINITY) return PSCI.INVALID_PARAMS
  const wanted = affinity & mask
  const matching = vcpu.vm.vcpus.filter((v) => v && (v.mpidr & mask) === wanted)
  if (matching.length === 0) return PSCI.INVALID_PARAMS
  return matching.some((v) => v!.mpState !== "stopped") ? 0 : 1
}
const features = (vcpu: Vcpu): number => {
  const asked = Number(vcpu.registers.x[1]! & 0xffff_ffffn)
  if (asked === 0x80000000) return PSCI.SUCCESS
  const found = declarationOf(vcpu, asked)
  if (!found) return PSCI.NOT_SUPPORTED
  return found === FUNCTIONS.get(PSCI_FUNCTION.SYSTEM_OFF2) ? 1 : PSCI.SUCCESS
}

const { v0_2, v1_0, v1_1, v1_3 } = PSCI_VERSIONS
const FUNCTIONS: ReadonlyMap<number, Declaration> = new Map<number, Declaration>([
  [PSCI_FUNCTION.VERSION, { since: v0_2, wide: false, run: (vcpu) => vcpu.psciVersion }],
  [
    PSCI_FUNCTION.CPU_SUSPEND,
    { since: v0_2, wide: true, run: (vcpu) => ({ exit: vcpu.loadedOn && waitForInterrupt(vcpu.loadedOn, vcpu, undefined), result: PSCI.SUCCESS }) }
  ],
  [
    PSCI_FUNCTION.CPU_OFF,
    {
      since: v0_2,
      wide: false,
      run: (vcpu) => {
        vcpu.setMpState("stopped")
        return PSCI.SUCCESS
      }
    }
  ],
  [PSCI_FUNCTION.CPU_ON, { since: v0_2, wide: true, run: cpuOn }],
  [PSCI_FUNCTION.AFFINITY_INFO, { since: v0_2, wide: true, run: affinityInfo }],
  [PSCI_FUNCTION.MIGRATE_INFO_TYPE, { since: v0_2, wide: false, run: () => MULTIPROCESSOR }],
  [PSCI_FUNCTION.SYSTEM_OFF, { since: v0_2, wide: false, run: (vcpu) => systemEvent(vcpu, SystemEvent.SHUTDOWN) }],
  [PSCI_FUNCTION.SYSTEM_RESET, { since: v0_2, wide: false, run: (vcpu) => systemEvent(vcpu, SystemEvent.RESET) }],
  [PSCI_FUNCTION.FEATURES, { since: v1_0, wide: false, run: features }],
  [
    PSCI_FUNCTION.SYSTEM_RESET2,
    {
      since: v1_1,
      wide: true,
      run: (vcpu, wide) => {
        const type = argument(vcpu, 1, wide)
        return type === 0n || type >= RESET2_VENDOR ? systemEvent(vcpu, SystemEvent.RESET, FLAGGED) : PSCI.INVALID_PARAMS
      }
    }
  ],
  [
    PSCI_FUNCTION.SYSTEM_OFF2,
    {
      since: v1_3,
      wide: true,
      run: (vcpu, wide) =>
        argument(vcpu, 1, wide) <= 1n && argument(vcpu, 2, wide) === 0n ? systemEvent(vcpu, SystemEvent.SHUTDOWN, FLAGGED) : PSCI.INVALID_PARAMS
    }
  ]
])
const declarationOf = (vcpu: Vcpu, id: number): Declaration | undefined => {
  const wide = (id & WIDE) >>> 0 !== 0
  const found = (id & ~WIDE & ~31) >>> 0 === BASE ? FUNCTIONS.get(id & 31) : undefined
  return found && vcpu.psciVersion >= found.since && (!wide || found.wide) ? found : undefined
}
/** Calls of PSCI 0.1: CPU_OFF and CPU_ON only. */
const legacy = (vcpu: Vcpu, id: number): number | { readonly exit: Handled; readonly result?: number } => {
  const number = id - LEGACY_BASE
  const found = number === 1 ? FUNCTIONS.get(PSCI_FUNCTION.CPU_OFF) : number === 2 ? FUNCTIONS.get(PSCI_FUNCTION.CPU_ON) : undefined
  return found ? found.run(vcpu, true) : PSCI.NOT_SUPPORTED
}

/** Answers a PSCI call; X0 is set. */
export const handlePsci = (vcpu: Vcpu, id: number): Handled => {
  const wide = (id & WIDE) >>> 0 !== 0
  const answer =
    vcpu.psciVersion === PSCI_VERSIONS.v0_1
      ? isLegacyPsci(id)
        ? legacy(vcpu, id)
        : PSCI.NOT_SUPPORTED
      : (declarationOf(vcpu, id)?.run(vcpu, wide) ?? PSCI.NOT_SUPPORTED)
  const { exit, result } = typeof answer === "number" ? { exit: undefined, result: answer } : answer
  if (result !== undefined) vcpu.registers.x[0] = BigInt.asUintN(64, BigInt(result))
  return exit
}
