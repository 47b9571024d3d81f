/**
 * Random sequences of requests by hosts, hyp and guests, legal or not, against the model: same answers, same state, nothing changed by what failed,
 * and, going by the page tables alone, nobody beside an exclusive owner. ELTWO_SEQUENCES and ELTWO_SEED run more, or others.
 */
import { describe, expect, it } from "vitest"
import { PageState } from "../src/ownership/page-state.ts"
import { vmByHandle } from "../src/ownership/vm-table.ts"
import { TableGuestStage2 } from "./in-memory.ts"
import type { Model } from "./ownership-model.ts"
import type { Answer, Requests } from "./ownership-requests.ts"
import { END, FIRST, nextRequest, notePins, type Pair, type Request, randomOf, start } from "./ownership-sequence.ts"

const SEQUENCES = Number(process.env["ELTWO_SEQUENCES"] ?? 20_000)
const SEED = Number(process.env["ELTWO_SEED"] ?? 1)
const STEPS = 20

const stateInModel = (model: Model, pfn: number): readonly [PageState, PageState, number, number] => {
  const { owner, borrowers, pins } = model.page(pfn)
  const host =
    owner === "host"
      ? borrowers.length > 0
        ? PageState.SHARED_OWNED
        : PageState.OWNED
      : borrowers.includes("host")
        ? PageState.SHARED_BORROWED
        : PageState.NOPAGE
  const hyp = owner === "hyp" ? PageState.OWNED : borrowers.includes("hyp") ? PageState.SHARED_BORROWED : PageState.NOPAGE
  return [host, hyp, borrowers.filter((b) => b.includes("@")).length, pins]
}
const difference = ({ pkvm, model }: Pair): string | undefined => {
  const { records, hostStage2, hypStage1, vms } = pkvm
  const guests = new Map<number, { who: string; state: PageState }[]>()
  for (const [handle, modelVm] of model.handles) {
    const vm = vmByHandle(vms, handle)
    if (modelVm === "reserved") {
      if (vm) return `handle ${handle.toString(16)} has a VM`
      continue
    }
    if (!vm || vm.dying !== modelVm.dying || vm.protected !== modelVm.secret) return `VM ${handle.toString(16)}`
    if (!(vm.stage2 instanceof TableGuestStage2)) return "tables"
    for (const [index, vcpu] of vm.vcpus.entries()) {
      if (vcpu?.memcache.length !== modelVm.vcpus[index]?.list) return `list of vCPU ${index} of VM ${handle.toString(16)}`
    }
    let leaves = 0
    for (const [gfn, entry] of vm.stage2.leaves()) {
      const where = `VM ${handle.toString(16)} at ${gfn}`
      leaves++
      if (entry.kind !== "leaf") {
        if (!modelVm.poisoned.has(gfn)) return `${where} is poisoned`
        continue
      }
      const mapping = modelVm.mappings.find((m) => m.gfn === gfn)
      if (!mapping || mapping.pages !== entry.pages || mapping.pfn !== entry.pfn) return `${where} maps another page`
      if (mapping.access !== entry.prot || mapping.young !== entry.young) return `${where} has other access or age`
      const shared = model.page(entry.pfn).borrowers.includes("host")
      const state = modelVm.secret ? (shared ? PageState.SHARED_OWNED : PageState.OWNED) : PageState.SHARED_BORROWED
      if (entry.state !== state) return `${where} is in state ${entry.state}`
      for (let i = 0; i < entry.pages; i++) guests.set(entry.pfn + i, [...(guests.get(entry.pfn + i) ?? []), { who: where, state }])
    }
    if (leaves !== modelVm.mappings.length + modelVm.poisoned.size) return `VM ${handle.toString(16)} lacks a mapping`
  }
  for (let pfn = FIRST; pfn < END; pfn++) {
    const [host, hyp, shares, pins] = stateInModel(model, pfn)
    const where = `page ${pfn}`
    if (records.hostState(pfn) !== host) return `${where}: host ${records.hostState(pfn)}, not ${host}`
    if (records.hypState(pfn) !== hyp) return `${where}: hyp ${records.hypState(pfn)}, not ${hyp}`
    if (records.shareCount(pfn) !== shares) return `${where}: ${records.shareCount(pfn)} shares, not ${shares}`
    if (hyp !== PageState.OWNED && records.refcount(pfn) !== pins) return `${where}: ${records.refcount(pfn)} pins, not ${pins}`
    if (hypStage1.mapped.has(pfn) !== (hyp === PageState.OWNED || pins > 0)) return `${where}: hyp's mapping`
    // from the page tables alone
    const mappers = guests.get(pfn) ?? []
    const hostMaps = hostStage2.owner(pfn) === undefined
    const everybody = mappers.length + (hostMaps ? 1 : 0) + (hypStage1.mapped.has(pfn) ? 1 : 0)
    const exclusive = mappers.some(({ state }) => state === PageState.OWNED) || hyp === PageState.OWNED || host === PageState.OWNED
    if (exclusive && everybody !== 1) return `${where} has an exclusive owner and ${everybody} users`
    if (hostMaps !== (host !== PageState.NOPAGE)) return `${where}: the host's mapping`
  }
  for (const cpu of [0, 1]) if (pkvm.loaded.get(cpu)?.vm.handle !== model.loaded.get(cpu)?.vm.handle) return `CPU ${cpu}`
  return undefined
}
const ANSWERS = [
  "shareHyp ok EPERM",
  "unshareHyp ok EPERM EBUSY",
  "pin ok EPERM EINVAL",
  "unpin ok",
  "donateHyp ok EPERM EINVAL",
  "hypDonate ok EPERM EINVAL",
  "shareSecure ok EPERM EINVAL",
  "unshareSecure ok EPERM EINVAL",
  "donateGuest ok EINVAL EPERM ERANGE ENOMEM",
  "shareGuest ok EINVAL EPERM ERANGE ENOMEM",
  "unshareGuest ok EINVAL ENOENT E2BIG ERANGE",
  "relax ok EINVAL EAGAIN ERANGE",
  "writeProtect ok EINVAL ERANGE",
  "young true false EINVAL ERANGE",
  "makeYoung ok EINVAL",
  "guestShare ok ENOENT E2BIG EPERM EHWPOISON ERANGE",
  "guestUnshare ok ENOENT E2BIG EPERM EHWPOISON ERANGE",
  "forceReclaim ok EFAULT EAGAIN EPERM",
  "reclaim ok EINVAL ENOENT EPERM ERANGE",
  "reserve number",
  "unreserve ok",
  "initVm ok EPERM EINVAL ENOMEM",
  "initVcpu ok ENOMEM ENOENT EBUSY EINVAL",
  "refill ok ENOMEM",
  "load true false",
  "put ok",
  "startTeardown ok EINVAL",
  "finalize number EINVAL"
].flatMap((line) => {
  const [request, ...answers] = line.split(" ")
  return answers.map((answer) => `${request} ${answer}`)
})

const ask = (side: Requests, [name, ...numbers]: Request): Answer => (side[name] as (...numbers: readonly number[]) => Answer).call(side, ...numbers)
/** Asks both; what is wrong then. Counts the library's answers. */
const check = (pair: Pair, request: Request, answers: Map<string, number>): string | undefined => {
  const real = ask(pair.library, request)
  const expected = ask(pair.model, request)
  if (real !== expected) return `${String(real)}, not ${String(expected)}`
  notePins(pair, request, real)
  const kind = `${request[0]} ${typeof real === "number" ? "number" : (real ?? "ok")}`
  answers.set(kind, (answers.get(kind) ?? 0) + 1)
  return difference(pair)
}

describe("random sequences", () => {
  it(`of ${STEPS} requests, ${SEQUENCES} times`, { timeout: 600_000 }, async () => {
    const answers = new Map<string, number>()
    expect(difference(start())).toBe(undefined)
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      // the test runner wants to hear from its workers
      if (sequence % 5000 === 0) await new Promise((resume) => setImmediate(resume))
      const random = randomOf(Math.imul(SEED, 0x9e3779b1) + sequence)
      const pair = start()
      const done: string[] = []
      for (let i = 0; i < STEPS; i++) {
        const request = nextRequest(pair, random)
        done.push(request.join(" "))
        const wrong = check(pair, request, answers)
        if (wrong) expect.fail(`sequence ${sequence}:\n  ${done.join("\n  ")}\n${wrong}`)
      }
    }
    // the sequences are worth something: every request gets every answer that it can get here
    if (SEQUENCES >= 10_000) for (const answer of ANSWERS) expect(answers.get(answer) ?? 0, answer).toBeGreaterThan(0)
  })
})
