/** What scenarios of protected KVM need: a protected host with its VMs, and both ways to spell hyp code's registers. */
import type { Base } from "@eltwo/plugin-pkvm"
import { PKVM_ERRNO, type PkvmErrno } from "../../plugins/pkvm/src/ownership/errno.ts"
import { HostShares } from "../../plugins/pkvm/src/ownership/host-shares.ts"
import { C, World } from "../attacks/world.ts"

export { C, GUEST, gfnOf, hypercall, movs, PAGE, SECRET, World } from "../attacks/world.ts"

/** On protected hVHE and protected nVHE. */
export const onBoth = (run: (w: World) => void, cpus = 1): void => {
  for (const base of ["hvhe", "nvhe"] as const satisfies readonly Base[]) run(new World(base, cpus))
}
/** What hyp code and the host say about a page; undefined: it is the host's alone. */
export const pageFact = (w: World, pfn: number): string | undefined => w.facts().get(`page 0x${pfn.toString(16)}`)

/** The kernel's counted shares on a host, and the hypercalls that they make. */
export const countedShares = (w: World): { readonly shares: HostShares; readonly calls: string[] } => {
  const calls: string[] = []
  const make = (call: number, name: string) => (pfn: number) => {
    calls.push(name)
    const answer = w.call(call, pfn)
    return answer in PKVM_ERRNO ? (answer as PkvmErrno) : undefined
  }
  return { shares: new HostShares({ share: make(C.HOST_SHARE_HYP, "share"), unshare: make(C.HOST_UNSHARE_HYP, "unshare") }), calls }
}
