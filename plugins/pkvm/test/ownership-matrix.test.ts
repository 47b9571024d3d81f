/** The complete matrix: every request by every actor on a page in every state, against the truth table. */
import { describe, expect, it } from "vitest"
import { HypBug, isPkvmErrno, PKVM_ERRNO } from "../src/ownership/errno.ts"
import { guestShareHost, guestUnshareHost } from "../src/ownership/guest-host.ts"
import { HostCall, type HostCallContext, hostCall } from "../src/ownership/host-calls.ts"
import { hostShareFfa, hostUnshareFfa } from "../src/ownership/host-ffa.ts"
import { hostDonateHyp, hypDonateHost, pinShared, unpinShared } from "../src/ownership/host-hyp.ts"
import { loadVcpu } from "../src/ownership/hyp-vm.ts"
import { PageStack } from "../src/ownership/memcache.ts"
import { PAGE_BYTES, PageState, Prot } from "../src/ownership/page-state.ts"
import { COLUMNS, EFFECTS, STATES, TRANSITIONS } from "./truth-table.ts"
import { BAD_HANDLE, bytesOf, describeWorld, makeWorld, ownerName, VM_NAMES, type VmName, type World } from "./world.ts"

const RAM = { pfn: 0x100, pages: 96 }
const NO_MAP = { pfn: 0x180, pages: 16, noMap: true }
const NO_RAM = 0x1f0
const LIST_PAGES = 6
const GFN = { g: 5, h: 6 }
/** A guest page in the same table as g and h, so that no request changes tables. */
const NEIGHBOUR = 7
const CPU = 0
type GuestPage = keyof typeof GFN

const lines = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.trim().split(/\s+/))
const isFact = (token: string) => /^[\w.@]+[=+~-]/.test(token) || token === "cleared"
const states = new Map(lines(STATES).map(([name, ...rest]) => [name!, rest.filter(isFact)]))
const effects = new Map(lines(EFFECTS).map((words) => [words.filter((word) => !isFact(word)).join(" "), words.filter(isFact)]))
interface Row {
  readonly name: string
  readonly request: readonly string[]
  readonly cells: readonly string[]
}
const rows: Row[] = lines(TRANSITIONS)
  .slice(1)
  .map((words) => ({
    name: words.slice(0, words.indexOf("|")).join(" "),
    request: words.slice(0, words.indexOf("|")),
    cells: words.slice(words.indexOf("|") + 1)
  }))
const columns = COLUMNS.split(" ")

const HOST_STATES: Readonly<Record<string, PageState>> = {
  OWNED: PageState.OWNED,
  SO: PageState.SHARED_OWNED,
  SB: PageState.SHARED_BORROWED,
  NOPAGE: PageState.NOPAGE
}
const prot = (text: string) => (text[0] === "r" ? Prot.R : 0) | (text[1] === "w" ? Prot.W : 0) | (text[2] === "x" ? Prot.X : 0)
const isVm = (name: string | undefined): name is VmName => VM_NAMES.includes(name as VmName)
const handleOf = (world: World, name: string): number => (isVm(name) ? world.vms[name].handle : BAD_HANDLE)

const pageFor = (world: World, state: string) => (state === "N" ? NO_MAP.pfn + 3 : state === "M" ? NO_RAM : world.firstFree + 8)

/** Puts the page into a state, past all transitions. */
const put = (world: World, pfn: number, facts: readonly string[]): void => {
  const { records, hostStage2, hypStage1 } = world.pkvm
  for (const fact of facts) {
    const [key, value] = fact.split("=") as [string, string]
    const [place, page] = key.split(".") as [string, GuestPage | undefined]
    if (key === "host" && HOST_STATES[value] !== PageState.OWNED) records.setHostState(pfn, HOST_STATES[value]!)
    if (key === "hyp") records.setHypState(pfn, HOST_STATES[value]!)
    if (key === "pins") records.setRefcount(pfn, Number(value))
    if (key === "count") records.setShareCount(pfn, Number(value))
    if (key === "owner") {
      const [vm, at] = value.split(".") as [string, GuestPage]
      hostStage2.annotate(pfn, 1, value === "hyp" ? { kind: "hyp" } : { kind: "guest", handle: handleOf(world, vm), gfn: GFN[at] })
    }
    if (isVm(place) && page) {
      const { stage2 } = world.vms[place].vm
      if (value === "POISON") stage2.poison(GFN[page])
      else {
        const [state, access, age] = value.split(":") as [string, string, string]
        stage2.map(GFN[page], pfn, 1, prot(access), HOST_STATES[state]!, new PageStack())
        stage2.update(GFN[page], { young: age === "young" })
      }
    }
  }
  if (facts.includes("hyp=OWNED") || facts.some((f) => f.startsWith("pins="))) hypStage1.map(pfn, 1)
}
/** What the world must look like after the effect. */
const apply = (before: Map<string, string>, world: World, pfn: number, actor: string, effect: readonly string[]): Map<string, string> => {
  const after = new Map(before)
  const [vm, page] = actor.split(".") as [VmName, GuestPage]
  const at = `${vm}.${GFN[page]}`
  for (const change of effect) {
    if (change === "cleared") continue
    const [, key, sign, value] = /^([\w@]+)([=+~-])(.*)$/.exec(change) as unknown as [string, string, string, string]
    const name = key === "@" ? at : `${pfn}.${key}`
    const old = after.get(name) ?? ""
    if (sign === "+" || sign === "-") after.set(name, String(Number(old) + (sign === "+" ? 1 : -1) * Number(value)))
    else if (sign === "~") {
      const [state, access, age, rest] = old.split(":")
      after.set(name, /old|young/.test(value) ? `${state}:${access}:${value}:${rest}` : `${state}:${value}:${age}:${rest}`)
    } else if (key === "@" && value === "-") after.delete(name)
    else if (key === "@") after.set(name, value === "POISON" ? value : `${value}:${pfn}+1`)
    else if (value === "@") after.set(name, ownerName({ kind: "guest", handle: handleOf(world, vm), gfn: GFN[page] }))
    else after.set(name, value)
  }
  const mapped = after.get(`${pfn}.hyp`) === "OWNED" || after.get(`${pfn}.pins`) !== "0"
  after.set(`${pfn}.hypmap`, String(mapped))
  return after
}

const fresh = (): World => {
  const world = makeWorld({ regions: [RAM, NO_MAP] }, LIST_PAGES)
  for (const [i, name] of VM_NAMES.entries()) {
    const { vm, vcpu } = world.vms[name]
    vm.stage2.map(NEIGHBOUR, world.firstFree + i, 1, Prot.RWX, PageState.OWNED, vcpu.memcache)
  }
  return world
}
const errnoName = (register: bigint): string | bigint => {
  const errno = Object.entries(PKVM_ERRNO).find(([, value]) => BigInt.asIntN(64, register) === BigInt(-value))
  return errno ? errno[0] : register
}
type Result = string | bigint | boolean | undefined

/** Makes a request as its actor would. */
const request = (world: World, pfn: number, [name, vmName = "none", page, ...options]: readonly string[]): Result => {
  const { pkvm } = world
  const gfn = GFN[page as GuestPage]
  const handle = BigInt(handleOf(world, vmName))
  if (options.includes("dying") && isVm(vmName)) world.vms[vmName].vm.dying = true
  const access = options.includes("prot=8") ? 8n : undefined
  const context: HostCallContext = { pkvm, cpu: CPU, hostMemcache: () => new PageStack(), faultPage: () => gfn, handBack: () => {} }
  const call = (id: number, ...x: bigint[]) => errnoName(hostCall(context, id, [x[0] ?? 0n, x[1] ?? 0n, x[2] ?? 0n, x[3] ?? 0n])!)
  const load = () => {
    if (isVm(vmName) && !loadVcpu(pkvm, CPU, world.vms[vmName].handle, 0)) throw new Error("vcpu not loaded")
  }
  const [p, g] = [BigInt(pfn), BigInt(gfn ?? 0)]
  const loaded = (id: number, ...x: bigint[]) => {
    load()
    return call(id, ...x)
  }
  const guest = isVm(vmName) ? world.vms[vmName].vm : undefined
  switch (name) {
    case "share_hyp":
      return call(HostCall.HOST_SHARE_HYP, p)
    case "unshare_hyp":
      return call(HostCall.HOST_UNSHARE_HYP, p)
    case "pin":
      return pinShared(pkvm, bytesOf(pfn))
    case "unpin":
      unpinShared(pkvm, bytesOf(pfn))
      return undefined
    case "donate_hyp":
      return hostDonateHyp(pkvm, pfn, 1)
    case "hyp_donate_host":
      return hypDonateHost(pkvm, pfn, 1)
    case "share_ffa":
      return hostShareFfa(pkvm, pfn, 1)
    case "unshare_ffa":
      return hostUnshareFfa(pkvm, pfn, 1)
    case "donate_guest":
      return loaded(HostCall.HOST_DONATE_GUEST, p, g)
    case "share_guest":
      return loaded(HostCall.HOST_SHARE_GUEST, p, g, 1n, access ?? BigInt(Prot.R | Prot.W))
    case "unshare_guest":
      return call(HostCall.HOST_UNSHARE_GUEST, handle, g, 1n)
    case "relax":
      return loaded(HostCall.HOST_RELAX_PERMS_GUEST, g, access ?? BigInt(Prot.RWX))
    case "wrprotect":
      return call(HostCall.HOST_WRPROTECT_GUEST, handle, g, 1n)
    case "young":
      return call(HostCall.HOST_TEST_CLEAR_YOUNG_GUEST, handle, g, 1n, 1n)
    case "mkyoung":
      return loaded(HostCall.HOST_MKYOUNG_GUEST, g)
    case "guest_share":
      return guestShareHost(pkvm, guest!, gfn)
    case "guest_unshare":
      return guestUnshareHost(pkvm, guest!, gfn)
    case "force_reclaim":
      return call(HostCall.FORCE_RECLAIM_GUEST_PAGE, BigInt(pfn * PAGE_BYTES + 0x123))
    case "poison":
      return loaded(HostCall.VCPU_IN_POISON_FAULT)
    case "reclaim":
      return call(HostCall.RECLAIM_DYING_GUEST_PAGE, handle, g)
    default:
      throw new Error(`no request ${name}`)
  }
}
const bugOf = (act: () => Result): Result => {
  try {
    return act()
  } catch (error) {
    if (error instanceof HypBug) return "BUG"
    throw error
  }
}
const ERRORS: Readonly<Record<string, string>> = { HWPSN: "EHWPOISON" }
/** Loading a vCPU references its VM, which is no change of the page. */
const withoutLoad = (facts: Map<string, string>, world: World): Map<string, string> => {
  const copy = new Map(facts)
  for (const name of VM_NAMES) copy.delete(`${world.vms[name].vm.area.address / PAGE_BYTES}.pins`)
  return copy
}

describe("ownership matrix", () => {
  it("is complete", () => {
    expect([...states.keys()].sort()).toEqual([...columns].sort())
    for (const { name, cells } of rows) expect(cells, name).toHaveLength(columns.length)
    expect(lines(TRANSITIONS)[0]!.slice(2)).toEqual(columns)
    expect(new Set(rows.map((r) => r.request[0])).size).toBe(20)
    expect(new Set(rows.map((r) => r.name)).size).toBe(rows.length)
    expect(rows.length * columns.length).toBeGreaterThan(1000)
  })
  it.each(rows)("$name", ({ name, request: words, cells }) => {
    for (const [i, state] of columns.entries()) {
      const cell = cells[i]!
      if (cell === "-") continue
      const world = fresh()
      const pfn = pageFor(world, state)
      const look = () => describeWorld(world, RAM.pfn, NO_RAM + 1 - RAM.pfn)
      put(world, pfn, states.get(state)!)
      if (words.includes("dying") && isVm(words[1])) world.vms[words[1]].vm.dying = true
      const before = look()
      world.pkvm.memory.takeCleared()
      const result = cell === "BUG" ? bugOf(() => request(world, pfn, words)) : request(world, pfn, words)
      const where = `${name} on ${state}`

      const effectName = cell === "last" ? `${words[0]} last` : words[0]!
      const changes = cell === "ok" || cell === "last" || cell === "yes" ? effects.get(effectName)! : []
      const actor = words[0] === "force_reclaim" ? "P.g" : `${words[1]}.${words[2]}`
      const answer = result === 0n ? undefined : result
      if (cell === "yes") expect(answer, where).toBe(1n)
      else if (["ok", "last", "none", "no"].includes(cell)) expect(answer, where).toBe(undefined)
      else expect(answer, where).toBe(ERRORS[cell] ?? (cell === "BUG" ? cell : `E${cell}`))
      if (isPkvmErrno(answer)) expect(changes, where).toEqual([])
      const after = apply(before, world, pfn, actor, changes)
      expect(Object.fromEntries(withoutLoad(look(), world)), where).toEqual(Object.fromEntries(withoutLoad(after, world)))
      expect(world.pkvm.memory.takeCleared(), where).toEqual(changes.includes("cleared") ? [pfn] : [])
    }
  })
})
