/** How the kernel hands EL2 over: memory for hyp code, pkvm_init, and from a certain point no way back. */
import { HostCall, hypMemoryOf, linear } from "@eltwo/kvm"
import { poolBytes } from "../hyp/boot.ts"
import { hypStateOf } from "../hyp/state.ts"
import { errnoIn, type HostSide } from "./side.ts"

const POOL_ALIGNMENT = 2 * 1024 * 1024
const HYP_VA_BITS = 48n
const TOO_SMALL = "RAM is too small for hyp code"

/** kvm_hyp_init_protection and what follows when the kernel's own start is over. Throws RangeError when RAM is too small. */
export const initProtection = (side: HostSide): void => {
  const { host } = side
  const [boot, ...others] = host.cpus
  const bytes = poolBytes(host)
  const pool = host.pages.allocate(bytes, POOL_ALIGNMENT) ?? host.pages.allocate(bytes)
  if (pool === undefined) throw new RangeError(TOO_SMALL)
  const memory = hypMemoryOf(boot!)
  const ownTables = memory.root
  memory.mapData(pool, bytes)
  const refused = errnoIn(side.call(HostCall.pkvm_init, BigInt(pool), BigInt(bytes), linear(memory.objects(boot!)), HYP_VA_BITS))
  if (refused) throw new RangeError(`${TOO_SMALL}: ${refused}`)
  for (const cpu of others) side.callOn(cpu, HostCall.kvm_hyp_init)
  memory.dropTables(ownTables)
  finalizeProtection(side)
}
/** The static key first; then each CPU's host goes behind its stage 2. */
const finalizeProtection = (side: HostSide): void => {
  hypStateOf(side.host)!.initialised = true
  for (const cpu of side.host.cpus) {
    const refused = errnoIn(side.callOn(cpu, HostCall.pkvm_prot_finalize))
    if (refused) throw new RangeError(`Protection is not in force on CPU ${cpu.index}: ${refused}`)
  }
}
