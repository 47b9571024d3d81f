/** What hyp code takes a VM to have. For a protected VM that is what its own ID registers say, whatever the host asked for. */
import { parseEncoding } from "@eltwo/isa"
import {
  type CpuFeatures,
  type GuestLists,
  guestCommonTraps,
  guestFeatures,
  guestLists,
  type Host,
  type RegisterBlock,
  VcpuFeature,
  type Vm
} from "@eltwo/kvm"
import { protectedIdRegister, type ReadId } from "./id-registers.ts"

const PTRAUTH = (1 << VcpuFeature.PTRAUTH_ADDRESS) | (1 << VcpuFeature.PTRAUTH_GENERIC)
/** vCPU features that the host may ask for: the rest is not there for protected VMs, and asking is no error. */
const ALLOWED = (1 << VcpuFeature.PSCI_0_2) | PTRAUTH

/** Both halves of pointer authentication, which a vCPU has together. */
export const hasPauth = (features: number | undefined): boolean => ((features ?? 0) & PTRAUTH) === PTRAUTH

const ID_SPACE = /^3 0 0 [1-7] /
const nibble = (value: bigint, low: number): number => Number((value >> BigInt(low)) & 15n)

/** Hyp code's view of a VM: what its world switch moves and traps. */
export interface VmView {
  /** The host's VM, with the features and ID registers that hyp code lets it have. */
  readonly vm: Vm
  readonly fpmr: boolean
  readonly lists: GuestLists
  readonly traps: RegisterBlock
}

/** An ordinary VM is what the host says. */
export const ordinaryView = (vm: Vm): VmView => {
  const features = guestFeatures(vm)
  return { vm, fpmr: features.fpmr, lists: vm.host.guestLists, traps: guestCommonTraps(features) }
}

const machineOf = (host: Host) => host.cpus[0]!.pe.controls.machine
/** Names of the ID registers that its processor has. */
export const identificationOf = (host: Host): readonly string[] =>
  machineOf(host)
    .registers.filter(({ declaration }) => declaration.identification && ID_SPACE.test(declaration.encoding))
    .map(({ name }) => name)

/** `read`: the processor's ID registers, of those that it has. */
export const protectedView = (read: ReadId, vm: Vm): VmView => {
  const { host } = vm
  const { registerByName } = machineOf(host)
  const features = (vm.features ?? 0) & ALLOWED
  const known: ReadId = (name) => (registerByName.has(name) ? read(name) : 0n)
  const idRegisters = new Map(
    identificationOf(host).map((name) => [
      parseEncoding(registerByName.get(name)!.declaration.encoding),
      protectedIdRegister(name, known, { pauth: hasPauth(features) })
    ])
  )
  const seen = featuresOf(host.features, idReader(vm, idRegisters))
  const own: Pick<Vm, "idRegisters" | "features"> = { idRegisters, features }
  return {
    vm: Object.create(vm, Object.getOwnPropertyDescriptors(own)) as Vm,
    fpmr: seen.fpmr,
    lists: guestLists(seen, host.mode.registers),
    traps: guestCommonTraps(seen)
  }
}

/** Reads a VM's ID registers by name. */
export const idReader = ({ host }: Vm, idRegisters: ReadonlyMap<number, bigint>): ReadId => {
  const { registerByName } = machineOf(host)
  return (name) => {
    const register = registerByName.get(name)
    return (register && idRegisters.get(parseEncoding(register.declaration.encoding))) ?? 0n
  }
}
/** Of the processor's features, those that registers and traps depend on, as ID registers show them. */
const featuresOf = (host: CpuFeatures, read: ReadId): CpuFeatures => {
  const has = (register: string, low: number): boolean => nibble(read(`ID_AA64${register}_EL1`), low) > 0
  return {
    ...host,
    sve: has("PFR0", 32),
    sme: has("PFR1", 24),
    fpmr: has("PFR2", 32),
    mops: has("ISAR2", 16),
    tcr2: has("MMFR3", 0),
    sctlr2: has("MMFR3", 4),
    indirectPermissions: has("MMFR3", 8),
    pauth: has("ISAR1", 4) || has("ISAR1", 8) || has("ISAR2", 12)
  }
}
