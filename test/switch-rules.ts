/**
 * What must hold at each event of the switch path whatever guest runs: trap words by mode, owner and features, barriers, vector lengths, whose memory is
 * read and written, and what a mode never does. Fed with the events of a host; what is broken comes back as sentences.
 */
import { HCR, type Host, type KvmEvent, type Mode, type Vcpu } from "@eltwo/kvm"

type Event<What extends KvmEvent["what"]> = Extract<KvmEvent, { what: What }>

/** Words by hyp-modes.md 2.5 on a host with SVE and SME. */
const WORDS = {
  classic: { armed: 0x401037ffn, fp: 0x401033ffn, sve: 0x401032ffn, rest: 0x22ffn },
  cpacr: { armed: 0x50000000n, fp: 0x50300000n, sve: 0x50330000n, rest: 0x3330000n }
} as const
/** What EL0 of the host may have: SVE and SME each closed to it or open. */
const HOST_EL0 = new Set([0x1310000n, 0x1330000n, 0x3310000n, 0x3330000n])
const GUEST_HCR = HCR.VM | HCR.SWIO | HCR.PTW | HCR.FMO | HCR.IMO | HCR.AMO | HCR.FB | HCR.TSC | HCR.TACR | HCR.TIDCP | HCR.TID3 | HCR.RW
const EL12 = /_EL(12|02)$/
const LENGTH = 16
const EC = { FP: 0x07, SVE: 0x19, SME: 0x1d } as const

/** FPSR and FPCR, bytes. */
const STATUS = 8
/** Bytes of the longest vector of a vCPU: 0 without SVE, which a protected VM never has. */
const lengthOf = (vcpu: Vcpu | undefined): number => (vcpu?.vm.protected ? 0 : (vcpu?.fp.vl.sve ?? 0))

/** One CPU's part of what has been seen. */
class Cpu {
  owner = "free"
  /** CPTR_EL2 was written and not yet synchronised. */
  wordPending = false
  word: bigint | undefined
  /** CPTR_EL2 as the host left it. */
  streaming = false
  zcrEl2: bigint | undefined
  hcr: bigint | undefined
  entries = 0
  /** Between the FP trap of a guest and the return to it. */
  handling = false
  guestTrap: number | undefined
}

/** Looks at every event of a host. */
export class SwitchRules {
  readonly broken: string[] = []
  readonly counts = { entries: 0, owned: 0, armed: 0, fpTraps: 0, saves: 0, loads: 0 }
  readonly #cpus: readonly Cpu[]
  readonly #words: (typeof WORDS)[keyof typeof WORDS]
  readonly #mode: Mode
  readonly #isProtectedMode: boolean

  constructor(readonly host: Host) {
    this.#mode = host.mode
    this.#isProtectedMode = host.mode.fp.saveHost !== undefined
    this.#words = WORDS[host.mode.trapSpelling]
    this.#cpus = host.cpus.map(() => new Cpu())
    host.subscribe((event) => this.see(event))
  }
  see(event: KvmEvent): void {
    const cpu = this.#cpus[event.cpu]!
    const must = (holds: boolean, rule: string): void => {
      if (!holds && this.broken.length < 20)
        this.broken.push(
          `${this.#mode.name} at ${event.time}, CPU ${event.cpu}: ${rule}: ${JSON.stringify(event, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v))}`
        )
    }
    switch (event.what) {
      case "owner":
        cpu.owner = event.owner
        if (!this.#isProtectedMode) must(event.owner !== "host", "only hyp code that keeps the host's registers has the owner 'host'")
        break
      case "msr":
        this.#written(event, cpu, must)
        break
      case "isb":
        cpu.wordPending = false
        break
      case "exc":
        cpu.wordPending = false
        if (event.from === "guest-el0" || event.from === "guest-el1") this.#trapped(event, cpu, must)
        break
      case "irq":
        cpu.wordPending = false
        break
      case "eret":
        this.#returned(event, cpu, must)
        break
      case "save":
      case "load":
        this.#moved(event, cpu, must)
        break
      case "regs-write":
      case "regs-read":
        must(this.#mode.e2h || !event.list.some((name) => EL12.test(name)), "names of EL12 and EL02 exist under E2H only")
        break
      case "warn":
        must(false, "the kernel warned")
        break
    }
  }
  #written({ register, physical, value, where }: Event<"msr" | "mrs">, cpu: Cpu, must: (holds: boolean, rule: string) => void): void {
    const reached = physical ?? register
    must(this.#mode.e2h || !EL12.test(register), "names of EL12 exist under E2H only")
    if (reached === "CPTR_EL2") {
      cpu.wordPending = true
      cpu.word = value
      const { classic, cpacr } = WORDS
      const [own, other] = this.#mode.e2h ? [cpacr, classic] : [classic, cpacr]
      must(!Object.values(other).includes(value as never), "a trap word in the other spelling")
      must(
        Object.values(own).includes(value as never) || (this.#mode.hostEl === 2 && where === "host" && (value & ~0x3330000n) === 0n),
        "a trap word that no situation has"
      )
    }
    if (reached === "ZCR_EL2") {
      must(value < 16n, "ZCR_EL2 has LEN only")
      cpu.zcrEl2 = value
    }
    if (reached === "HCR_EL2") {
      cpu.hcr = value
      must(((value & HCR.E2H) !== 0n) === this.#mode.e2h, "HCR_EL2.E2H is the mode's")
      must((value & HCR.TGE) === 0n || (value & HCR.VM) === 0n, "TGE and a stage 2 at once")
    }
    if (register === "SVCR" || register === "SMCR_EL2") must(value === 0n || where.startsWith("host"), "hyp code leaves SME alone")
  }
  #trapped({ ec, cpu: at }: Event<"exc">, cpu: Cpu, must: (holds: boolean, rule: string) => void): void {
    cpu.guestTrap = ec
    if (ec === EC.FP) {
      this.counts.fpTraps++
      must(cpu.owner !== "guest", "an FP trap of a guest that owns the registers")
    }
    if (ec === EC.SVE && lengthOf(this.host.cpus[at]!.loaded) > 0) must(cpu.owner !== "guest", "an SVE trap of a guest that owns the registers")
  }
  #returned({ to, cptr, hcr, cpacr, cpu: at }: Event<"eret">, cpu: Cpu, must: (holds: boolean, rule: string) => void): void {
    cpu.wordPending = false
    if (to === "guest-el0" || to === "guest-el1") {
      this.counts.entries++
      const physical = this.host.cpus[at]!
      must(physical.loaded !== undefined, "a guest runs between load and put only")
      const sve = lengthOf(physical.loaded)
      const wanted = cpu.owner !== "guest" ? this.#words.armed : sve > 0 ? this.#words.sve : this.#words.fp
      this.counts[cpu.owner === "guest" ? "owned" : "armed"]++
      must(cptr === wanted, `a guest is entered with another trap word than 0x${wanted.toString(16)} (owner ${cpu.owner}, SVE ${sve})`)
      must((hcr & GUEST_HCR) === GUEST_HCR && (hcr & HCR.TGE) === 0n, "HCR_EL2 of a guest")
      must(((hcr & HCR.E2H) !== 0n) === this.#mode.e2h, "E2H of a guest is the mode's")
      const { pe } = physical
      must(pe.svcr === 0, "SVCR is 0 in a guest")
      if (cpu.owner === "guest" && sve > 0)
        must(pe.controls.inForce(pe.controls.slot.ZCR_EL2) === BigInt(sve / LENGTH - 1), "ZCR_EL2 is the vCPU's length while it owns the registers")
    } else if (to === "host-el0") must(HOST_EL0.has(this.#mode.hostEl === 2 ? cptr : cpacr & 0x3330000n), "a program's trap word")
    else if (to === "host" && this.#mode.hostEl === 1) must(cptr === this.#words.rest, "the host kernel is returned to with its resting word")
  }
  #moved({ what, memory, component, bytes, where, cpu: at }: Event<"save" | "load">, cpu: Cpu, must: (holds: boolean, rule: string) => void): void {
    this.counts[what === "save" ? "saves" : "loads"]++
    must(where !== "hyp" || !cpu.wordPending, "hyp code uses vectors behind a trap word that is not in force")
    const vcpu = this.host.cpus[at]!.loaded
    if (/^(vm\d+-)?vcpu/.test(memory)) must(vcpu !== undefined, "registers of a vCPU move between load and put only")
    if (vcpu?.fp.name !== memory) return
    const vl = lengthOf(vcpu)
    if (component === "sve") must(vl > 0 && bytes === 34 * vl + vl / 8 + STATUS, "vectors of a vCPU move at its largest length")
    must(what === "save" || where === "hyp", "a vCPU's registers are loaded in hyp code only")
    must(component === "sve" || component === "fpsimd", "a vCPU's registers are FP or SVE")
  }
}
