/** The requests of random sequences: what hosts, hyp and guests may ask, by numbers alone; and the library's answers. */

import { guestShareHost, guestUnshareHost } from "../src/ownership/guest-host.ts"
import { makeYoung, relaxPermissions, testClearYoung, writeProtect } from "../src/ownership/guest-permissions.ts"
import { hostShareFfa, hostUnshareFfa } from "../src/ownership/host-ffa.ts"
import { hostDonateGuest, hostShareGuest, hostUnshareGuest } from "../src/ownership/host-guest.ts"
import { hostDonateHyp, hostShareHyp, hostUnshareHyp, hypDonateHost, pinShared, unpinShared } from "../src/ownership/host-hyp.ts"
import { type HypVcpu, type HypVm, initVcpu, initVm, loadVcpu, putVcpu } from "../src/ownership/hyp-vm.ts"
import { PageStack, refillMemcache } from "../src/ownership/memcache.ts"
import type { Pkvm } from "../src/ownership/pkvm.ts"
import { forceReclaim, reclaimFromDying } from "../src/ownership/reclaim.ts"
import { finalizeTeardown, startTeardown } from "../src/ownership/teardown.ts"
import { reserveVm, unreserveVm, vmByHandle } from "../src/ownership/vm-table.ts"
import { bytesOf } from "./world.ts"

/** An error, a truth value, a number (of a handle, of pages), or nothing: done. */
export type Answer = string | undefined | boolean | number
/** The answer where there is no VM or vCPU to ask. */
export const NOBODY: Answer = "nobody"

/** `cpu` names the vCPU loaded there, `handle` a VM. */
export interface Requests {
  shareHyp(pfn: number): Answer
  unshareHyp(pfn: number): Answer
  pin(pfn: number, pages: number): Answer
  unpin(pfn: number, pages: number): Answer
  donateHyp(pfn: number, pages: number): Answer
  hypDonate(pfn: number, pages: number): Answer
  shareSecure(pfn: number, pages: number): Answer
  unshareSecure(pfn: number, pages: number): Answer
  donateGuest(cpu: number, pfn: number, gfn: number): Answer
  shareGuest(cpu: number, pfn: number, gfn: number, pages: number, access: number): Answer
  unshareGuest(handle: number, gfn: number, pages: number): Answer
  relax(cpu: number, gfn: number, access: number): Answer
  writeProtect(handle: number, gfn: number, pages: number): Answer
  young(handle: number, gfn: number, pages: number, makeOld: number): Answer
  makeYoung(cpu: number, gfn: number): Answer
  guestShare(handle: number, gfn: number): Answer
  guestUnshare(handle: number, gfn: number): Answer
  forceReclaim(pfn: number): Answer
  reclaim(handle: number, gfn: number): Answer
  reserve(): Answer
  unreserve(handle: number): Answer
  initVm(handle: number, secret: number, hostVm: number, area: number, tables: number, vcpus: number): Answer
  initVcpu(handle: number, host: number, index: number, area: number): Answer
  /** Of the VM's first vCPU, from a list of two pages. */
  refill(handle: number, first: number, second: number, least: number): Answer
  load(cpu: number, handle: number, index: number): Answer
  put(cpu: number): Answer
  startTeardown(handle: number): Answer
  /** The number of pages that come back. */
  finalize(handle: number): Answer
}

export class Library implements Requests {
  readonly #pkvm: Pkvm
  constructor(pkvm: Pkvm) {
    this.#pkvm = pkvm
  }
  shareHyp(pfn: number): Answer {
    return hostShareHyp(this.#pkvm, pfn)
  }
  unshareHyp(pfn: number): Answer {
    return hostUnshareHyp(this.#pkvm, pfn)
  }
  pin(pfn: number, pages: number): Answer {
    return pinShared(this.#pkvm, bytesOf(pfn, pages))
  }
  unpin(pfn: number, pages: number): Answer {
    unpinShared(this.#pkvm, bytesOf(pfn, pages))
    return undefined
  }
  donateHyp(pfn: number, pages: number): Answer {
    return hostDonateHyp(this.#pkvm, pfn, pages)
  }
  hypDonate(pfn: number, pages: number): Answer {
    return hypDonateHost(this.#pkvm, pfn, pages)
  }
  shareSecure(pfn: number, pages: number): Answer {
    return hostShareFfa(this.#pkvm, pfn, pages)
  }
  unshareSecure(pfn: number, pages: number): Answer {
    return hostUnshareFfa(this.#pkvm, pfn, pages)
  }
  donateGuest(cpu: number, pfn: number, gfn: number): Answer {
    return this.#onCpu(cpu, true, (vcpu) => hostDonateGuest(this.#pkvm, vcpu, pfn, gfn))
  }
  shareGuest(cpu: number, pfn: number, gfn: number, pages: number, access: number): Answer {
    return this.#onCpu(cpu, false, (vcpu) => hostShareGuest(this.#pkvm, vcpu, pfn, gfn, pages, access))
  }
  unshareGuest(handle: number, gfn: number, pages: number): Answer {
    return this.#ordinary(handle, (vm) => hostUnshareGuest(this.#pkvm, vm, gfn, pages))
  }
  relax(cpu: number, gfn: number, access: number): Answer {
    return this.#onCpu(cpu, false, ({ vm }) => relaxPermissions(vm, gfn, access))
  }
  writeProtect(handle: number, gfn: number, pages: number): Answer {
    return this.#ordinary(handle, (vm) => writeProtect(this.#pkvm, vm, gfn, pages))
  }
  young(handle: number, gfn: number, pages: number, makeOld: number): Answer {
    return this.#ordinary(handle, (vm) => testClearYoung(this.#pkvm, vm, gfn, pages, makeOld !== 0))
  }
  makeYoung(cpu: number, gfn: number): Answer {
    return this.#onCpu(cpu, false, ({ vm }) => {
      makeYoung(vm, gfn)
      return undefined
    })
  }
  guestShare(handle: number, gfn: number): Answer {
    const vm = this.#vm(handle)
    return vm ? guestShareHost(this.#pkvm, vm, gfn) : NOBODY
  }
  guestUnshare(handle: number, gfn: number): Answer {
    const vm = this.#vm(handle)
    return vm ? guestUnshareHost(this.#pkvm, vm, gfn) : NOBODY
  }
  forceReclaim(pfn: number): Answer {
    return forceReclaim(this.#pkvm, pfn)
  }
  reclaim(handle: number, gfn: number): Answer {
    const vm = this.#vm(handle)
    return vm?.dying ? reclaimFromDying(this.#pkvm, vm, gfn) : "EINVAL"
  }
  reserve(): Answer {
    return reserveVm(this.#pkvm.vms)
  }
  unreserve(handle: number): Answer {
    unreserveVm(this.#pkvm.vms, handle)
    return undefined
  }
  initVm(handle: number, secret: number, hostVm: number, area: number, tables: number, vcpus: number): Answer {
    const donated = { area: bytesOf(area), tables: bytesOf(tables) }
    return initVm(this.#pkvm, { handle, protected: secret === 1, hostVm: bytesOf(hostVm), createdVcpus: vcpus, ...donated })
  }
  initVcpu(handle: number, host: number, index: number, area: number): Answer {
    return initVcpu(this.#pkvm, { handle, hostVcpu: bytesOf(host), index, area: bytesOf(area) })
  }
  refill(handle: number, first: number, second: number, least: number): Answer {
    const list = new PageStack()
    list.push(second)
    list.push(first)
    const vcpu = this.#vm(handle)?.vcpus[0]
    return vcpu ? refillMemcache(this.#pkvm, vcpu.memcache, list, least) : NOBODY
  }
  load(cpu: number, handle: number, index: number): Answer {
    return loadVcpu(this.#pkvm, cpu, handle, index)
  }
  put(cpu: number): Answer {
    putVcpu(this.#pkvm, cpu)
    return undefined
  }
  startTeardown(handle: number): Answer {
    return startTeardown(this.#pkvm, handle)
  }
  finalize(handle: number): Answer {
    const pages = finalizeTeardown(this.#pkvm, handle)
    return typeof pages === "string" ? pages : pages.metadata.length + pages.stage2.length
  }

  #vm(handle: number): HypVm | undefined {
    return vmByHandle(this.#pkvm.vms, handle)
  }
  #ordinary(handle: number, act: (vm: HypVm) => Answer): Answer {
    const vm = this.#vm(handle)
    return vm && !vm.protected ? act(vm) : "EINVAL"
  }
  #onCpu(cpu: number, isProtected: boolean, act: (vcpu: HypVcpu) => Answer): Answer {
    const vcpu = this.#pkvm.loaded.get(cpu)
    return vcpu?.vm.protected === isProtected ? act(vcpu) : "EINVAL"
  }
}
