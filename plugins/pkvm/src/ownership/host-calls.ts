/** The host's hypercalls about page ownership, by number: what each reads from x1 to x4, which VM it may name, and what x1 says afterwards. */
import { isPkvmErrno, type Outcome, PKVM_ERRNO, type PkvmErrno } from "./errno.ts"
import { makeYoung, relaxPermissions, testClearYoung, writeProtect } from "./guest-permissions.ts"
import { hostDonateGuest, hostShareGuest, hostUnshareGuest } from "./host-guest.ts"
import { hostShareHyp, hostUnshareHyp } from "./host-hyp.ts"
import { type HypVcpu, type HypVm, loadVcpu, putVcpu } from "./hyp-vm.ts"
import { type PageList, refillMemcache } from "./memcache.ts"
import { pageNumber } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"
import { forceReclaim, isPoisoned, reclaimFromDying } from "./reclaim.ts"
import { finalizeTeardown, startTeardown, type TeardownPages } from "./teardown.ts"
import { reserveVm, unreserveVm, vmByHandle } from "./vm-table.ts"

/** Hypercall numbers, without the base of 0xC6000000. 40 and 41 (init_vm, init_vcpu) read structures of the host: initVm, initVcpu. */
export const HostCall = {
  HOST_SHARE_HYP: 29,
  HOST_UNSHARE_HYP: 30,
  HOST_DONATE_GUEST: 31,
  HOST_SHARE_GUEST: 32,
  HOST_UNSHARE_GUEST: 33,
  HOST_RELAX_PERMS_GUEST: 34,
  HOST_WRPROTECT_GUEST: 35,
  HOST_TEST_CLEAR_YOUNG_GUEST: 36,
  HOST_MKYOUNG_GUEST: 37,
  RESERVE_VM: 38,
  UNRESERVE_VM: 39,
  VCPU_IN_POISON_FAULT: 42,
  FORCE_RECLAIM_GUEST_PAGE: 43,
  RECLAIM_DYING_GUEST_PAGE: 44,
  START_TEARDOWN_VM: 45,
  FINALIZE_TEARDOWN_VM: 46,
  VCPU_LOAD: 47,
  VCPU_PUT: 48
} as const

/** What a call needs beside registers. */
export interface HostCallContext {
  readonly pkvm: Pkvm
  /** The physical CPU that makes the call. */
  readonly cpu: number
  /** The host's list of pages for a vCPU's tables. */
  hostMemcache(vcpu: HypVcpu): PageList
  /** Guest page of the loaded vCPU's last exit, if that was a translation fault of stage 2. */
  faultPage(vcpu: HypVcpu): number | undefined
  /** Where the host finds the pages of a VM that ended. */
  handBack(pages: TeardownPages): void
}
/** x1 to x4 of the call. */
type Arguments = readonly [bigint, bigint, bigint, bigint]
/** The call says nothing: x1 stays. */
const SILENT = Symbol("silent")
/** x1 afterwards: an error, 0 for success, a number or a truth value. */
type Answer = Outcome | number | boolean | typeof SILENT

const loadedVcpu = ({ pkvm, cpu }: HostCallContext, isProtected: boolean): HypVcpu | undefined => {
  const vcpu = pkvm.loaded.get(cpu)
  return vcpu?.vm.protected === isProtected ? vcpu : undefined
}
/** Handles are 16 bits in hyp. */
const handleIn = (register: bigint): number => Number(BigInt.asUintN(16, register))
const ordinaryVm = ({ pkvm }: HostCallContext, register: bigint): HypVm | undefined => {
  const vm = vmByHandle(pkvm.vms, handleIn(register))
  return vm?.protected ? undefined : vm
}
const refill = (context: HostCallContext, vcpu: HypVcpu): Outcome => {
  const list = context.hostMemcache(vcpu)
  return refillMemcache(context.pkvm, vcpu.memcache, list, list.length)
}

const CALLS: Readonly<Record<number, (context: HostCallContext, x: Arguments) => Answer>> = {
  [HostCall.HOST_SHARE_HYP]: ({ pkvm }, [pfn]) => hostShareHyp(pkvm, pageNumber(pfn)),
  [HostCall.HOST_UNSHARE_HYP]: ({ pkvm }, [pfn]) => hostUnshareHyp(pkvm, pageNumber(pfn)),
  [HostCall.HOST_DONATE_GUEST]: (context, [pfn, gfn]) => {
    const vcpu = loadedVcpu(context, true)
    if (!vcpu) return "EINVAL"
    return refill(context, vcpu) ?? hostDonateGuest(context.pkvm, vcpu, pageNumber(pfn), pageNumber(gfn))
  },
  [HostCall.HOST_SHARE_GUEST]: (context, [pfn, gfn, pages, prot]) => {
    const vcpu = loadedVcpu(context, false)
    if (!vcpu) return "EINVAL"
    // no shortening here: a number too large must stay too large
    return refill(context, vcpu) ?? hostShareGuest(context.pkvm, vcpu, Number(pfn), pageNumber(gfn), Number(pages), Number(prot))
  },
  [HostCall.HOST_UNSHARE_GUEST]: (context, [handle, gfn, pages]) => {
    const vm = ordinaryVm(context, handle)
    return vm ? hostUnshareGuest(context.pkvm, vm, pageNumber(gfn), Number(pages)) : "EINVAL"
  },
  [HostCall.HOST_RELAX_PERMS_GUEST]: (context, [gfn, prot]) => {
    const vcpu = loadedVcpu(context, false)
    return vcpu ? relaxPermissions(vcpu.vm, pageNumber(gfn), Number(prot)) : "EINVAL"
  },
  [HostCall.HOST_WRPROTECT_GUEST]: (context, [handle, gfn, pages]) => {
    const vm = ordinaryVm(context, handle)
    return vm ? writeProtect(context.pkvm, vm, pageNumber(gfn), Number(pages)) : "EINVAL"
  },
  [HostCall.HOST_TEST_CLEAR_YOUNG_GUEST]: (context, [handle, gfn, pages, makeOld]) => {
    const vm = ordinaryVm(context, handle)
    return vm ? testClearYoung(context.pkvm, vm, pageNumber(gfn), Number(pages), makeOld !== 0n) : "EINVAL"
  },
  [HostCall.HOST_MKYOUNG_GUEST]: (context, [gfn]) => {
    const vcpu = loadedVcpu(context, false)
    if (!vcpu) return "EINVAL"
    makeYoung(vcpu.vm, pageNumber(gfn))
    return undefined
  },
  [HostCall.RESERVE_VM]: ({ pkvm }) => reserveVm(pkvm.vms),
  [HostCall.UNRESERVE_VM]: ({ pkvm }, [handle]) => {
    unreserveVm(pkvm.vms, handleIn(handle))
    return SILENT
  },
  [HostCall.VCPU_IN_POISON_FAULT]: (context) => {
    const vcpu = context.pkvm.loaded.get(context.cpu)
    const gfn = vcpu && context.faultPage(vcpu)
    return vcpu && gfn !== undefined ? isPoisoned(vcpu.vm, gfn) : "EINVAL"
  },
  [HostCall.FORCE_RECLAIM_GUEST_PAGE]: ({ pkvm }, [physical]) => forceReclaim(pkvm, Number(physical >> 12n)),
  [HostCall.RECLAIM_DYING_GUEST_PAGE]: ({ pkvm }, [handle, gfn]) => {
    const vm = vmByHandle(pkvm.vms, handleIn(handle))
    return vm?.dying ? reclaimFromDying(pkvm, vm, pageNumber(gfn)) : "EINVAL"
  },
  [HostCall.START_TEARDOWN_VM]: ({ pkvm }, [handle]) => startTeardown(pkvm, handleIn(handle)),
  [HostCall.FINALIZE_TEARDOWN_VM]: ({ pkvm, handBack }, [handle]) => {
    const pages = finalizeTeardown(pkvm, handleIn(handle))
    if (isPkvmErrno(pages)) return pages
    handBack(pages)
    return undefined
  },
  [HostCall.VCPU_LOAD]: ({ pkvm, cpu }, [handle, index]) => {
    loadVcpu(pkvm, cpu, handleIn(handle), Number(BigInt.asUintN(32, index)))
    return SILENT
  },
  [HostCall.VCPU_PUT]: ({ pkvm, cpu }) => {
    putVcpu(pkvm, cpu)
    return SILENT
  }
}

/** What the host finds in a register for an error. */
export const errnoRegister = (errno: PkvmErrno): bigint => BigInt.asUintN(64, -BigInt(PKVM_ERRNO[errno]))

/** Makes a call; the new x1. Undefined: not one of these calls. */
export const hostCall = (context: HostCallContext, id: number, x: Arguments): bigint | undefined => {
  const call = CALLS[id]
  if (!call) return undefined
  const answer = call(context, x)
  if (answer === SILENT) return x[0]
  if (isPkvmErrno(answer)) return errnoRegister(answer)
  return BigInt(answer ?? 0)
}
