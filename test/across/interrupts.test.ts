/** Interrupts and timers of guests, saved while they are pending, active, both, armed or over. */
import { createBoard } from "@eltwo/cpu"
import { createHost, type Host, hostState, isVmBusy, type Mode } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { guestOf, HOST_BOARD, isa, RunningGuest } from "../vm-guests/machine.ts"
import { goesOn, MODES } from "./law.ts"

/** A guest in the only VM of a host, and the same in hosts that were restored. */
const started = (mode: Mode, source: string) => {
  const host = createHost({ board: createBoard({ ...HOST_BOARD, isa, ramBytes: 4 << 20 }), mode, scheduler: { quantum: 60, slice: 400 } })
  const guest = new RunningGuest(host, guestOf("across", source)).schedule(host)
  const guests = new WeakMap<Host, RunningGuest>([[host, guest]])
  const guestIn = (each: Host): RunningGuest => {
    const made = guests.get(each) ?? new RunningGuest(each, { vm: each.vms.get(1)!, reports: saved, end: undefined })
    guests.set(each, made)
    return made
  }
  let saved: RunningGuest["reports"] = []
  /** Runs until it has reported this, and a little further. */
  const until = (report: string, further = 200): void => {
    for (let i = 0; !guest.reports.includes(report as never); i++) {
      if (i > 500 || guest.end !== undefined) throw new Error(`${guest.end}: ${guest.reports.join(", ")}`)
      host.scheduler.run(60)
    }
    host.scheduler.run(further)
    saved = [...guest.reports]
  }
  const law = (live: (host: Host) => void): readonly string[] =>
    goesOn(host, {
      live,
      goOn: (each) => {
        each.scheduler.run(4000)
        return guestIn(each).reports.slice(saved.length)
      },
      options: { onExit: (vcpu) => (exit) => guestIn(vcpu.vm.host).afterRun(exit, vcpu.id) }
    })
  return { host, guest, until, law }
}
/** By INTID: `p`ending, `a`ctive or both, in list registers, and else in the distributor. */
const interrupts = (host: Host): Readonly<Record<number, string>> => {
  const state = hostState(host)
  if (isVmBusy(state)) throw new Error(state.busy)
  const found: Record<number, string> = {}
  const { shared, vcpus } = state.gics[0]!
  for (const { intid, line, latch, active, edge } of [...shared, ...vcpus[0]!.private]) {
    const pending = edge ? latch : line || latch
    if (pending || active) found[intid] = `${pending ? "p" : ""}${active ? "a" : ""}`
  }
  const vcpu = host.vms.get(1)!.vcpus[0]!
  const { pe } = host.cpus[0]!
  const words = vcpu.loadedOn
    ? Array.from({ length: 4 }, (_, n) => pe.controls.inForce(pe.controls.machine.registerByName.get(`ICH_LR${n}_EL2`)!.slot))
    : [...vcpu.interrupts.lists]
  for (const word of words) {
    const [pending, active] = [(word >> 62n) & 1n, word >> 63n]
    if (pending || active) found[Number(word & 0xffffffffn)] = `${pending ? "p" : ""}${active ? "a" : ""} in a list register`
  }
  return found
}

const SHARED = `// needs: vgic
main:	mov	x19, x30
	gicon
	ldr	w1, =0x300		// SPI 40 is a level, 41 an event
	str	w1, [x26, #0x104]
	mov	w1, #0x80000
	str	w1, [x26, #0xc08]
	mov	x22, #0
	msr	daifset, #2
	mov	x1, #81
	report	100, x1
	mov	x1, #83
	report	100, x1
	report	1, x22
	bl	spin
	msr	daifclr, #2
	isb
	bl	spin
	report	2, x22
	bl	spin
	br	x19
spin:	mov	x9, #400
1:	subs	x9, x9, #1
	b.ne	1b
	ret
interrupted:
	mov	x23, x30
	mrs	x0, icc_iar1_el1
	add	x22, x22, #1
	cmp	x22, #3
	b.hi	1f
	mov	x1, #82
	report	100, x1
	mov	x1, #83
	report	100, x1
1:	report	16, x0
	bl	spin
	ldr	w1, [x26, #0x204]
	report	17, x1
	ldr	w1, [x26, #0x304]
	report	18, x1
	cmp	x0, #40
	b.ne	2f
	mov	x1, #80
	report	100, x1
2:	msr	icc_eoir1_el1, x0
	br	x23
`
const TIMERS = `// needs: vgic
main:	mov	x19, x30
	gicon
	ldr	w10, =0x48000000
	str	w10, [x25, #0x100]
	mov	x22, #0
	msr	daifset, #2
	mrs	x1, cntvct_el0
	add	x1, x1, #120
	msr	cntv_cval_el0, x1
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	msr	cntp_cval_el0, xzr
	msr	cntp_ctl_el0, x1
	isb
	report	1, x1
	bl	spin
	bl	spin
	bl	spin
	report	2, x1
	bl	spin
	msr	daifclr, #2
	isb
	bl	spin
	bl	spin
	bl	spin
	report	3, x22
	br	x19
spin:	mov	x9, #400
1:	subs	x9, x9, #1
	b.ne	1b
	ret
interrupted:
	mrs	x0, icc_iar1_el1
	add	x22, x22, #1
	mov	x1, #3
	cmp	x0, #27
	b.ne	1f
	mrs	x2, cntv_ctl_el0
	msr	cntv_ctl_el0, x1
	b	2f
1:	mrs	x2, cntp_ctl_el0
	msr	cntp_ctl_el0, x1
2:	isb
	report	16, x0
	report	17, x2
	msr	icc_eoir1_el1, x0
	ret
`

const LISTED = " in a list register"
/** What is where when the guest has reported this: with the vCPU on its CPU, and off it. What it reports from there on. */
const CASES = [
  [
    "pending: a level and an event",
    SHARED,
    "0:1 0x0",
    { 40: "p", 41: "p" },
    { 40: `p${LISTED}`, 41: `p${LISTED}` },
    ["0:16 0x28", "0:17 0x300", "0:16 0x29", "0:18 0x200"]
  ],
  [
    "active: a level that is still there",
    SHARED,
    "0:16 0x28",
    { 40: "pa", 41: "p" },
    { 40: `a${LISTED}`, 41: `p${LISTED}` },
    ["0:17 0x300", "0:18 0x100", "0:16 0x29"]
  ],
  [
    "active and pending again: an event",
    SHARED,
    "0:16 0x29",
    { 41: "pa" },
    { 41: `pa${LISTED}` },
    ["0:17 0x200", "0:18 0x200", "0:16 0x29", "0:2 0x4"]
  ],
  ["armed, and over: timers", TIMERS, "0:1 0x1", { 30: "p" }, { 30: `p${LISTED}` }, ["0:16 0x1b", "0:17 0x5", "0:16 0x1e"]],
  ["over: both timers", TIMERS, "0:2 0x1", { 27: "p", 30: "p" }, { 27: `p${LISTED}`, 30: `p${LISTED}` }, ["0:16 0x1b", "0:16 0x1e", "0:3 0x2"]]
] as const

describe.each(MODES)("under %s", (_, mode) => {
  it.each(CASES)("%s", (_, source, report, loaded, parked, after) => {
    for (const there of [loaded, parked]) {
      const { host, until, law } = started(mode, source)
      until(report)
      if (there === parked) host.scheduler.park()
      const reports = law((each) => expect(interrupts(each)).toEqual(there))
      let at = -1
      for (const line of after) {
        at = reports.indexOf(line, at + 1)
        expect([line, at]).not.toEqual([line, -1])
      }
    }
  })
})
